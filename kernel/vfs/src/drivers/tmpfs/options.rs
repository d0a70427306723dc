//! The options of `mount -t tmpfs` (`tmpfs(5)`).

use alloc::string::String;
use core::fmt;

/// The mode of the root unless told otherwise: like `/tmp`.
const DEFAULT_MODE: u32 = 0o1777;

/// How a tmpfs is limited, and who owns its root.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TmpfsOptions {
    size: Option<Size>,
    nodes: Option<u64>,
    /// Permission bits of the root.
    pub mode: u32,
    /// Owner of the root.
    pub uid: u32,
    /// Group of the root.
    pub gid: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Size {
    Bytes(u64),
    /// Of the machine's memory.
    Percent(u64),
}

/// An option that is wrong, and how.
#[derive(PartialEq, Eq, Debug)]
pub enum Problem {
    /// There is no such option.
    Unknown(String),
    /// The option has no such value.
    Value(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(option) => write!(f, "unknown option '{option}'"),
            Self::Value(option) => write!(f, "bad value in '{option}'"),
        }
    }
}

impl Default for TmpfsOptions {
    fn default() -> Self {
        Self { size: None, nodes: None, mode: DEFAULT_MODE, uid: 0, gid: 0 }
    }
}

impl TmpfsOptions {
    /// Limits the bytes; 0 for no limit.
    #[must_use]
    pub fn with_bytes(self, bytes: u64) -> Self {
        Self { size: Some(Size::Bytes(bytes)), ..self }
    }

    /// Limits the nodes; 0 for no limit.
    #[must_use]
    pub fn with_nodes(self, nodes: u64) -> Self {
        Self { nodes: Some(nodes), ..self }
    }

    /// Sets the permission bits of the root.
    #[must_use]
    pub fn with_mode(self, mode: u32) -> Self {
        Self { mode: mode & 0o7777, ..self }
    }

    /// Reads an option string: `size=` (bytes, with `k`, `m`, `g` or `t`, or `%` of memory), `nr_blocks=` (pages),
    /// `nr_inodes=`, `mode=` (octal), `uid=`, `gid=`. Empty options between commas are passed over; the last of two
    /// that contradict counts.
    ///
    /// # Errors
    /// The first option that is wrong.
    pub fn parse(text: &[u8]) -> Result<Self, Problem> {
        let mut options = Self::default();
        for option in text.split(|byte| *byte == b',').filter(|option| !option.is_empty()) {
            let shown = || String::from_utf8_lossy(option).into_owned();
            let equals = option.iter().position(|byte| *byte == b'=');
            let (name, value) = match equals {
                Some(equals) => (&option[..equals], &option[equals + 1..]),
                None => (option, &b""[..]),
            };
            let value = core::str::from_utf8(value).map_err(|_| Problem::Value(shown()))?;
            let bad = || Problem::Value(shown());
            match name {
                b"size" => options.size = Some(size(value).ok_or_else(bad)?),
                b"nr_blocks" => {
                    let bytes = scaled(value).and_then(|pages| pages.checked_mul(page::SIZE as u64));
                    options.size = Some(Size::Bytes(bytes.ok_or_else(bad)?));
                }
                b"nr_inodes" => options.nodes = Some(scaled(value).ok_or_else(bad)?),
                b"mode" => {
                    let mode = u32::from_str_radix(value, 8).ok().filter(|mode| *mode <= 0o7777);
                    options.mode = mode.ok_or_else(bad)?;
                }
                b"uid" => options.uid = value.parse().map_err(|_| bad())?,
                b"gid" => options.gid = value.parse().map_err(|_| bad())?,
                _ => return Err(Problem::Unknown(shown())),
            }
        }
        Ok(options)
    }

    /// The limit in bytes on a machine with so much memory.
    pub(super) fn bytes(&self, memory: u64) -> u64 {
        match self.size {
            Some(Size::Bytes(bytes)) => bytes,
            Some(Size::Percent(percent)) => (memory / 100).saturating_mul(percent),
            None => memory / 2,
        }
    }

    /// The limit in nodes on a machine with so much memory.
    pub(super) fn nodes(&self, memory: u64) -> u64 {
        self.nodes.unwrap_or(memory / 2 / page::SIZE as u64)
    }

    /// The limit in bytes, if one was asked for that does not hang on the machine.
    pub(super) fn asked_bytes(&self) -> Option<u64> {
        match self.size {
            Some(Size::Bytes(bytes)) => Some(bytes),
            Some(Size::Percent(_)) | None => None,
        }
    }

    /// The limit in nodes, if one was asked for.
    pub(super) fn asked_nodes(&self) -> Option<u64> {
        self.nodes
    }

    /// Whether it says more than limits in numbers.
    pub(super) fn has_more_than_limits(&self) -> bool {
        let limits = Self { size: self.size, nodes: self.nodes, ..Self::default() };
        *self != limits || matches!(self.size, Some(Size::Percent(_)))
    }

    /// Writes them as `/proc/mounts` shows them, with the limits there are.
    pub(super) fn show(&self, out: &mut dyn fmt::Write, bytes: u64, nodes: u64) -> fmt::Result {
        if bytes.is_multiple_of(1024) && bytes > 0 {
            write!(out, ",size={}k", bytes / 1024)?;
        } else {
            write!(out, ",size={bytes}")?;
        }
        write!(out, ",nr_inodes={nodes}")?;
        if self.mode != DEFAULT_MODE {
            write!(out, ",mode={:o}", self.mode)?;
        }
        if self.uid != 0 {
            write!(out, ",uid={}", self.uid)?;
        }
        if self.gid != 0 {
            write!(out, ",gid={}", self.gid)?;
        }
        Ok(())
    }
}

fn size(value: &str) -> Option<Size> {
    match value.strip_suffix('%') {
        Some(percent) => percent.parse().ok().map(Size::Percent),
        None => scaled(value).map(Size::Bytes),
    }
}

/// A number, with `k`, `m`, `g` or `t` for powers of 1024.
fn scaled(value: &str) -> Option<u64> {
    let shift = match value.bytes().last()?.to_ascii_lowercase() {
        b'k' => 10,
        b'm' => 20,
        b'g' => 30,
        b't' => 40,
        _ => 0,
    };
    let digits = if shift == 0 { value } else { &value[..value.len() - 1] };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}
