//! Layers that no system would write, and what must hold of an overlay of any layers whatsoever.
//!
//! An input is a small program, one step a line: `PLACE VERB ARGUMENTS`.
//!
//! ```text
//! whiteout=linux                    options of the mounts that follow
//! 1 mkdir a/b                       a step in the lower /1, by the superuser: anything can be put there
//! u set a trusted.overlay.redirect /a\0b
//! m rename a b                      a step in the overlay; the first one mounts it
//! user                              the steps in the overlay that follow are a plain user's
//! umount                            what is shown is checked, and checked again after a remount
//! ```
//!
//! In arguments `x*255` is a name of 255 x, `\0` a NUL, `\s` a space, `\e` nothing. What makes no sense is passed over.
//! Options count while the overlay is not mounted, and so do steps in layers unless the input begins with `live`. Steps in
//! the overlay are taken by somebody whose root is the overlay, so that whatever they meet of what lies beside the layers
//! is an escape. `apart` at the beginning gives each layer a file system of its own.

mod checks;
mod deeds;

use super::{Random, outcome};
use checks::Tree;
use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use vfs::context::{Context, Credentials};
use vfs::drivers::overlayfs::OverlayFS;
use vfs::drivers::tmpfs::{Tmpfs, TmpfsOptions};
use vfs::environment::Environment;
use vfs::error::FileSystemErrorKind;
use vfs::file::{FileObject, OpenFlags};
use vfs::file_system::FileSystemOperations;
use vfs::manager::mounts::{MountArguments, UnmountFlags};
use vfs::manager::{Follow, VfsManager};
use vfs::mount::MountFlags;

/// The lower layers, topmost first.
const LOWERS: [&str; 3] = ["1", "2", "3"];

/// The upper layer, on one file system with its work directory.
const UPPER: &str = "t/u";

/// What lies beside the layers.
const CANARY: &[u8] = b"nobody comes here";

/// Steps that an input may have; further ones are passed over.
const STEPS_MAX: usize = 200;

/// A namespace with directories for layers.
struct World {
    manager: Arc<VfsManager>,
    root: Context,
    /// Options that the next mount gets.
    options: BTreeSet<String>,
    /// Whether the user of the overlay is the superuser.
    privileged: bool,
    /// Whether layers are changed while the overlay is mounted.
    live: bool,
    /// Files opened in the overlay that stay open.
    kept: Vec<Arc<FileObject>>,
    /// The overlay and what the lowers were when it was mounted.
    mounted: Option<(Weak<dyn FileSystemOperations>, Vec<Tree>)>,
    /// What came out: verbs with their errnos.
    seen: BTreeSet<(Vec<u8>, Option<i32>)>,
    /// Names that the input has, to be looked up everywhere.
    names: BTreeSet<Vec<u8>>,
}

/// Takes the steps of an input, and checks what the overlays show.
pub fn examine(input: &[u8]) -> u64 {
    let mut world = World::new(input);
    for line in input.split(|byte| *byte == b'\n').take(STEPS_MAX) {
        world.step(line);
    }
    world.unmount();
    outcome(&world.seen)
}

impl World {
    fn new(input: &[u8]) -> Self {
        let environment = Environment::detached();
        let manager = VfsManager::new(Tmpfs::new(TmpfsOptions::default(), &environment), environment);
        let root = manager.root_context();
        for directory in LOWERS.iter().chain(&["t", "m", "canary"]) {
            manager.make_directory(&root, directory.as_bytes(), 0o777).expect("a name that is free");
        }
        let flags = OpenFlags::WRITE | OpenFlags::CREATE;
        let canary = manager.open(&root, b"/canary/canary", flags, 0o644).expect("a name that is free");
        canary.write(&root.credentials, &mut &CANARY[..]).expect("there is room");
        let mut world = Self {
            manager,
            root,
            options: BTreeSet::new(),
            privileged: true,
            live: input.starts_with(b"live"),
            kept: Vec::new(),
            mounted: None,
            seen: BTreeSet::new(),
            names: BTreeSet::new(),
        };
        if input.starts_with(b"apart") {
            for layer in LOWERS.iter().chain(&["t"]) {
                world.mount(layer, "tmpfs", "").expect("a tmpfs can be mounted");
            }
        }
        for directory in [UPPER, "t/w"] {
            world.manager.make_directory(&world.root, directory.as_bytes(), 0o777).expect("a name that is free");
        }
        for word in input.split(|byte| b" \n/".contains(byte)) {
            let name = deeds::unescape(word);
            if world.names.len() < 48 && !name.contains(&0) && !name.contains(&b'/') {
                world.names.insert(name);
            }
        }
        world
    }

    fn mount(&self, target: &str, type_name: &str, options: &str) -> Result<(), String> {
        let what = MountArguments {
            source: b"none",
            target: target.as_bytes(),
            type_name,
            flags: MountFlags::empty(),
            options: options.as_bytes(),
        };
        self.manager.mount(&self.root, &what).map_err(|error| error.to_string())
    }

    /// The superuser, with that directory for a root.
    fn inside(&self, directory: &str) -> Context {
        let place = self.manager.resolve(&self.root, directory.as_bytes(), Follow::Yes).expect("it is there");
        Context { root: place.clone(), cwd: place, ..self.root.clone() }
    }

    fn step(&mut self, line: &[u8]) {
        let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        match words[0] {
            b"umount" => self.unmount(),
            b"user" => self.privileged = !self.privileged,
            b"whiteout=linux"
            | b"index=off"
            | b"userxattr"
            | b"redirect_dir=nofollow"
            | b"redirect_dir=follow"
            | b"no-upper"
                if self.mounted.is_none() =>
            {
                self.options.insert(String::from_utf8_lossy(words[0]).into_owned());
            }
            b"defaults" if self.mounted.is_none() => self.options.clear(),
            b"m" => {
                if !self.mount_overlay() {
                    return;
                }
                let mut context = self.inside("m");
                if !self.privileged {
                    context.credentials = Credentials::user(1000, 1000);
                }
                let result = deeds::take(&self.manager, &context, &words[1..], &mut self.kept);
                if let Some(result) = result {
                    self.judge(&words, result);
                }
            }
            b"1" | b"2" | b"3" | b"u" => {
                // Under an overlay names may change, but not what the marks of a node say that it has read.
                let marks = matches!(words.get(1), Some(&(b"set" | b"drop" | b"copy")));
                if self.mounted.is_some() && (!self.live || marks) {
                    return;
                }
                let layer = match words[0] {
                    b"u" => UPPER,
                    lower => str::from_utf8(lower).expect("it is ASCII"),
                };
                let context = self.inside(layer);
                let _ = deeds::take(&self.manager, &context, &words[1..], &mut Vec::new());
                let tree = self.layer(layer);
                if let (Some((_, lowers)), Some(index)) =
                    (&mut self.mounted, LOWERS.iter().position(|lower| *lower == layer))
                {
                    lowers[index] = tree;
                }
            }
            _ => {}
        }
    }

    /// Whether an errno is one that a user of hostile layers can be told.
    fn judge(&mut self, words: &[&[u8]], result: vfs::error::Result<()>) {
        let kind = result.err().map(|error| error.kind());
        let is_wrong = matches!(
            kind,
            Some(
                FileSystemErrorKind::BadAddress
                    | FileSystemErrorKind::NotImplemented
                    | FileSystemErrorKind::OutOfMemory
                    | FileSystemErrorKind::Stale
            )
        );
        assert!(!is_wrong, "{kind:?}: {}", words.join(&b' ').escape_ascii());
        self.seen.insert((words.get(1).unwrap_or(&&b""[..]).to_vec(), kind.map(FileSystemErrorKind::errno)));
    }

    /// Mounts the overlay if it is not mounted. Layers can be such that it cannot be.
    fn mount_overlay(&mut self) -> bool {
        if self.mounted.is_some() {
            return true;
        }
        let lowers: Vec<Tree> = LOWERS.iter().map(|lower| self.layer(lower)).collect();
        let upper = if self.options.contains("no-upper") { "" } else { ",upperdir=/t/u,workdir=/t/w" };
        let options = self.options.iter().filter(|option| *option != "no-upper");
        let options: String = options.flat_map(|option| [",", option]).collect();
        let refused = self.mount("m", "overlay", &format!("lowerdir=/1:/2:/3{upper}{options}"));
        if let Err(message) = refused {
            assert!(!message.is_empty());
            return false;
        }
        let mount = self.inside("m").root.mount;
        let overlay = mount.superblock().operations().as_any().downcast_ref::<OverlayFS>().expect("it is an overlay");
        overlay.diff(&mut |_, path| assert!(path.starts_with(b"/"))).or_else(checks::explained).expect("explained");
        let weak = Arc::downgrade(mount.superblock().operations());
        self.mounted = Some((weak, lowers));
        true
    }

    /// Checks all that there is to be checked of what is mounted, and that nothing is left of it.
    fn unmount(&mut self) {
        let Some((overlay, lowers)) = self.mounted.take() else { return };
        let before = self.shown();
        self.take_off(&overlay);
        for (lower, tree) in LOWERS.iter().zip(lowers) {
            assert_eq!(self.layer(lower), tree, "the lower /{lower} was changed");
        }
        let canary = self.manager.open(&self.root, b"/canary/canary", OpenFlags::READ, 0).expect("it is there");
        assert_eq!(checks::content(&canary).as_deref(), Ok(CANARY), "the canary was changed");

        assert!(self.mount_overlay(), "what was mounted once can be mounted again");
        let after = self.shown();
        // An opaque mark that is put into a directory counts when that is looked up next.
        if !self.live {
            assert_same(&before, &after);
        }
        let (overlay, _) = self.mounted.take().expect("it was just mounted");
        self.take_off(&overlay);
    }

    fn take_off(&mut self, overlay: &Weak<dyn FileSystemOperations>) {
        self.kept.clear();
        self.manager.unmount(&self.root, b"/m", UnmountFlags::empty()).expect("nobody uses it");
        assert!(overlay.upgrade().is_none(), "something keeps the overlay");
    }

    /// All that a layer holds.
    fn layer(&self, layer: &str) -> Tree {
        checks::tree(&self.manager, &self.inside(layer))
    }

    /// All that the overlay shows, checked.
    fn shown(&mut self) -> Tree {
        let context = self.inside("m");
        checks::walk(&self.manager, &context, &self.names, self.live)
    }
}

fn assert_same(before: &Tree, after: &Tree) {
    if let Some((path, shown)) = before.iter().find(|(path, shown)| after.get(*path) != Some(shown)) {
        panic!("/{}: shown as {shown:?}, after a remount as {:?}", path.escape_ascii(), after.get(path));
    }
    let more = after.keys().find(|path| !before.contains_key(*path));
    assert_eq!(more.map(|path| path.escape_ascii().to_string()), None, "shown after a remount only");
}

const NAMES: [&str; 24] = [
    "a",
    "b",
    "c",
    "a",
    "b",
    "a/b",
    "a/c",
    "b/a",
    "b/c",
    "c/a",
    "a/b/c",
    "n*255",
    ".wh.a",
    ".wh.b",
    ".wh.x",
    ".wh.",
    ".wh..",
    ".wh...",
    ".wh..wh..opq",
    ".wh..wh.a",
    ".wh..wh.plnk",
    ".wh..wh.plnk/a",
    ".wh.n*251",
    "a/.wh.b",
];

const PLACES: [&str; 8] = ["1", "2", "3", "u", "m", "m", "m", "m"];

const VERBS: [&str; 30] = [
    "mkdir",
    "mkdir",
    "mkdir",
    "file",
    "file",
    "append",
    "write",
    "truncate",
    "unlink",
    "rmdir",
    "rename",
    "rename",
    "exchange",
    "noreplace",
    "link",
    "link",
    "record",
    "symlink",
    "device",
    "fifo",
    "chmod",
    "chown",
    "times",
    "set",
    "set",
    "drop",
    "read",
    "list",
    "keep",
    "unnamed",
];

const ATTRIBUTES: [&str; 12] = [
    "trusted.overlay.opaque y",
    "trusted.overlay.opaque x",
    "trusted.overlay.opaque \\e",
    "trusted.overlay.opaque yy",
    "trusted.overlay.whiteout \\e",
    "trusted.overlay.metacopy \\e",
    "trusted.overlay.metacopy garbage",
    "trusted.overlay.origin \\e",
    "trusted.overlay.origin \\0\\xfb\\x25garbage",
    "trusted.overlay.overlay.redirect /a",
    "user.overlay.redirect /a",
    "user.x y",
];

const REDIRECTS: [&str; 24] = [
    "a",
    "b",
    "c",
    "/a",
    "/b",
    "/a/b",
    "/b/a",
    "/c/a",
    "/a/b/c",
    "..",
    "../a",
    "/..",
    "/../canary",
    "/a/../../canary",
    "/",
    "\\e",
    "//a",
    "/a/",
    ".",
    "a\\0",
    "/a\\0/b",
    "\\0",
    "/n*255",
    "n*300",
];

const SINGLE: [&str; 11] = [
    "umount",
    "umount",
    "user",
    "whiteout=linux",
    "whiteout=linux",
    "index=off",
    "userxattr",
    "redirect_dir=nofollow",
    "redirect_dir=follow",
    "no-upper",
    "defaults",
];

/// Puts in, takes out and exchanges steps.
pub fn mutate(random: &mut Random, pool: &[Vec<u8>], input: &mut Vec<u8>) {
    let mut lines: Vec<Vec<u8>> = input.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    for _ in 0..=random.below(6) {
        let at = random.below(lines.len() + 1);
        match random.below(10) {
            0 if at < lines.len() => drop(lines.remove(at)),
            1 if at < lines.len() => lines.swap(at, 0),
            2 => {
                let other = random.pick(pool);
                let other: Vec<_> = other.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
                let from = random.below(other.len());
                let to = (from + 1 + random.below(8)).min(other.len());
                lines.splice(at..at, other[from..to].iter().cloned());
            }
            _ => lines.insert(at, step(random).into_bytes()),
        }
    }
    *input = lines.concat();
    input.truncate(8192);
}

fn step(random: &mut Random) -> String {
    let mut name = || *random.pick(&NAMES);
    let (one, other) = (name(), name());
    let place = *random.pick(&PLACES);
    match random.below(12) {
        0 => return format!("{}\n", random.pick(&SINGLE)),
        1 => return format!("{place} set {one} {}\n", random.pick(&ATTRIBUTES)),
        2 => return format!("{place} set {one} trusted.overlay.redirect {}\n", random.pick(&REDIRECTS)),
        3 => return format!("{place} set {one} trusted.overlay.opaque y\n"),
        4 => return format!("{place} device {one} 0 0\n"),
        5 => return format!("{place} copy {one} trusted.overlay.origin {other}\n"),
        _ => {}
    }
    let verb = *random.pick(&VERBS);
    let rest = match verb {
        "rename" | "exchange" | "noreplace" | "link" | "symlink" | "unnamed" => format!(" {other}"),
        "file" | "append" => format!(" {}", random.below(100)),
        "write" => format!(" {} text", random.below(9000)),
        "truncate" => format!(" {}", random.below(9000)),
        "device" => format!(" {} {}", random.below(2), random.below(2)),
        "chmod" => format!(" {:o}", random.below(0o10000)),
        "chown" => format!(" {} {}", random.below(3), random.below(3)),
        "times" => format!(" {}", random.below(1000)),
        "set" => format!(" user.x {}", random.below(100)),
        "drop" => " user.x".into(),
        _ => String::new(),
    };
    format!("{place} {verb} {one}{rest}\n")
}
