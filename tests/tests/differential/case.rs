//! A case: what is mounted, how the layers are made, and what is done.

use super::operation::Step;

/// What is under test.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A tmpfs alone.
    Plain,
    /// An overlay with an upper layer.
    Overlay,
    /// An overlay of lower layers only.
    ReadOnly,
    /// An overlay whose lowest layer is an overlay.
    Nested,
}

/// The directories of a case and the mounts made of them. What is under test is at `/mnt`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layout {
    pub kind: Kind,
    /// Lower layers `/l0` (topmost) to `/l7`; of a nested overlay the last two are the inner one's.
    pub lowers: usize,
    /// Whether a lower file with several names stays one when it is copied up (`index=on`).
    pub index: bool,
}

/// One mount.
pub struct Mounted {
    pub target: String,
    pub options: String,
}

/// Linux keeps these promises only when asked to.
const LINUX_OPTIONS: &str = ",redirect_dir=on,xino=on,metacopy=off";
/// Ours has them anyway; the uppers it writes must be such as Linux reads.
const OUR_OPTIONS: &str = ",redirect_dir=on,whiteout=linux";

impl Layout {
    /// Every directory of the case.
    pub fn directories(&self) -> Vec<String> {
        let mut directories: Vec<String> = (0..self.lowers).map(|number| format!("/l{number}")).collect();
        directories.extend(["/u", "/w", "/inner", "/mnt"].map(String::from));
        directories
    }

    /// The layers that a user may have put things into.
    pub fn layers(&self) -> Vec<String> {
        match self.kind {
            Kind::Plain => vec!["/mnt".into()],
            Kind::ReadOnly => (0..self.lowers).map(|number| format!("/l{number}")).collect(),
            Kind::Overlay | Kind::Nested => {
                let mut layers: Vec<String> = (0..self.lowers).map(|number| format!("/l{number}")).collect();
                layers.push("/u".into());
                layers
            }
        }
    }

    /// Whether there is an upper layer.
    pub fn has_upper(&self) -> bool {
        matches!(self.kind, Kind::Overlay | Kind::Nested)
    }

    /// The mounts, in the order they are made.
    pub fn mounts(&self, ours: bool) -> Vec<Mounted> {
        let index = if self.index { ",index=on" } else { ",index=off" };
        let common = if ours { OUR_OPTIONS } else { LINUX_OPTIONS }.to_owned() + index;
        let list = |range: std::ops::Range<usize>| -> String {
            range.map(|number| format!("/l{number}")).collect::<Vec<_>>().join(":")
        };
        let lowers = self.lowers;
        let upper = ",upperdir=/u,workdir=/w";
        let target = String::from("/mnt");
        match self.kind {
            Kind::Plain => Vec::new(),
            Kind::Overlay => vec![Mounted { target, options: format!("lowerdir={}{upper}{common}", list(0..lowers)) }],
            Kind::ReadOnly => vec![Mounted { target, options: format!("lowerdir={}{common}", list(0..lowers)) }],
            Kind::Nested => {
                let inner = lowers - 2;
                let above = if inner == 0 { String::new() } else { list(0..inner) + ":" };
                vec![
                    Mounted { target: "/inner".into(), options: format!("lowerdir={}{common}", list(inner..lowers)) },
                    Mounted { target, options: format!("lowerdir={above}/inner{upper}{common}") },
                ]
            }
        }
    }
}

/// A case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    pub layout: Layout,
    /// What makes the layers, before anything is mounted.
    pub setup: Vec<Step>,
    /// What is done then.
    pub steps: Vec<Step>,
}
