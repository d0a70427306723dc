//! What is wrong with an archive, and where.

use crate::error::{FileSystemError, FileSystemErrorKind};
use crate::metadata::FileType;
use core::fmt;

/// Why an archive cannot be mounted. Shown as `offset 0x1a4: bad magic "070703"`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CpioError {
    /// The byte where the offending header, name, data or gzip member starts: in what was unpacked if
    /// [`CpioError::unpacked_from`] says so, else in the archive as given.
    pub offset: u64,
    /// Where in the archive the gzip member starts (the first one of an unbroken row) whose content is wrong; `None`
    /// for what is not compressed, and for a fault of the compression itself.
    pub unpacked_from: Option<u64>,
    /// What is wrong there.
    pub problem: Problem,
}

impl fmt::Display for CpioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "offset {:#x}", self.offset)?;
        if let Some(member) = self.unpacked_from {
            write!(f, " of what the gzip data at {member:#x} unpacks to")?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl core::error::Error for CpioError {}

impl From<CpioError> for FileSystemError {
    /// `ENOMEM` when memory was short, else `EINVAL`, which is what `mount(2)` answers for a damaged file system.
    fn from(error: CpioError) -> Self {
        match error.problem {
            Problem::OutOfMemory => FileSystemErrorKind::OutOfMemory.into(),
            _ => FileSystemErrorKind::InvalidArgument.into(),
        }
    }
}

/// What can be wrong with an archive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Problem {
    /// There is no entry, not even the last one.
    NoArchive,
    /// An entry begins with neither `070701` nor `070702`.
    BadMagic([u8; 6]),
    /// An archive of one of the formats before newc.
    OldFormat,
    /// A compression that is not read.
    UnsupportedCompression(&'static str),
    /// Fewer bytes are left than a header has.
    CutHeader,
    /// A field of the header holds something else than eight hexadecimal digits.
    BadNumber {
        /// The field, named as in `cpio(5)`.
        field: &'static str,
        /// What stands there.
        digits: [u8; 8],
    },
    /// The archive ends inside a name of that many bytes.
    CutName(u32),
    /// The name has no byte at all.
    EmptyName,
    /// The name is longer than a path may be.
    NameTooLong(u32),
    /// The name does not end in a NUL.
    UnterminatedName(Excerpt),
    /// A part of the name is longer than 255 bytes.
    ComponentTooLong(Excerpt),
    /// A part of the name is `..`.
    DotDot(Excerpt),
    /// The archive ends inside the data of an entry.
    CutData {
        /// Bytes the header announces.
        size: u32,
        /// Bytes that are there.
        left: u64,
    },
    /// The checksum of a 070702 entry does not fit its data.
    BadChecksum {
        /// What the header says.
        expected: u32,
        /// The sum of the bytes.
        found: u32,
    },
    /// The mode names no type of file.
    BadMode(u32),
    /// Data on what can have none.
    UnexpectedData {
        /// What it is.
        kind: FileType,
        /// How many bytes it brings.
        size: u32,
    },
    /// A device number beyond 12 bits of major and 20 bits of minor.
    BadDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// The root would become something else than a directory.
    RootNotADirectory,
    /// A symbolic link to nothing.
    EmptyTarget,
    /// A symbolic link to more than 4095 bytes.
    TargetTooLong(u32),
    /// More than 40 symbolic links on the way to the name.
    SymlinkLoop(Excerpt),
    /// The archive ends before its last entry, `TRAILER!!!`.
    NoTrailer,
    /// The archive ends inside a gzip member.
    CutGzip,
    /// A gzip method other than 8, deflate.
    BadGzipMethod(u8),
    /// Flags in a gzip header that no version defines.
    BadGzipFlags(u8),
    /// The checksum of a gzip header does not fit it.
    BadGzipHeaderChecksum,
    /// Compressed data that means nothing.
    CorruptGzip,
    /// The checksum of a gzip member does not fit its data.
    BadGzipChecksum {
        /// What the member says.
        expected: u32,
        /// That of the data.
        found: u32,
    },
    /// The length that a gzip member gives is not its data's.
    BadGzipLength {
        /// What the member says, modulo 2³².
        expected: u32,
        /// That of the data, modulo 2³².
        found: u32,
    },
    /// Memory is short.
    OutOfMemory,
}

impl From<page::OutOfMemory> for Problem {
    fn from(_: page::OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoArchive => write!(f, "there is no archive here"),
            Self::BadMagic(magic) => write!(f, "bad magic \"{}\"", magic.escape_ascii()),
            Self::OldFormat => write!(f, "an old cpio format; only newc is read (cpio -H newc)"),
            Self::UnsupportedCompression(name) => write!(f, "compressed with {name}; only gzip is read"),
            Self::CutHeader => write!(f, "the archive ends inside a header"),
            Self::BadNumber { field, digits } => {
                write!(f, "{field} is \"{}\", not eight hexadecimal digits", digits.escape_ascii())
            }
            Self::CutName(size) => write!(f, "the archive ends inside a name of {size} bytes"),
            Self::EmptyName => write!(f, "an empty name"),
            Self::NameTooLong(size) => write!(f, "a name of {size} bytes, the NUL included; 4096 is the limit"),
            Self::UnterminatedName(name) => write!(f, "the name {name} does not end in a NUL"),
            Self::ComponentTooLong(name) => write!(f, "a part of the name {name} is longer than 255 bytes"),
            Self::DotDot(name) => write!(f, "the name {name} leads upwards"),
            Self::CutData { size, left } => {
                write!(f, "the archive ends inside the data of an entry: {left} of {size} bytes are there")
            }
            Self::BadChecksum { expected, found } => {
                write!(f, "the data's checksum is {found:#010x}, the header says {expected:#010x}")
            }
            Self::BadMode(mode) => write!(f, "mode {mode:#o} names no type of file"),
            Self::UnexpectedData { kind, size } => write!(f, "{} with {size} bytes of data", with_article(kind)),
            Self::BadDevice { major, minor } => write!(f, "device number {major}:{minor} is out of range"),
            Self::RootNotADirectory => write!(f, "the root is not a directory"),
            Self::EmptyTarget => write!(f, "a symbolic link to nothing"),
            Self::TargetTooLong(size) => write!(f, "a symbolic link to {size} bytes; 4095 is the limit"),
            Self::SymlinkLoop(name) => write!(f, "too many symbolic links on the way to {name}"),
            Self::NoTrailer => write!(f, "the archive ends without TRAILER!!!"),
            Self::CutGzip => write!(f, "the archive ends inside a gzip member"),
            Self::BadGzipMethod(method) => write!(f, "gzip method {method}; only 8 (deflate) is known"),
            Self::BadGzipFlags(flags) => write!(f, "unknown gzip flags {flags:#04x}"),
            Self::BadGzipHeaderChecksum => write!(f, "the gzip header does not fit its checksum"),
            Self::CorruptGzip => write!(f, "the gzip data is corrupt"),
            Self::BadGzipChecksum { expected, found } => {
                write!(f, "the gzip member's CRC is {found:#010x}, its end says {expected:#010x}")
            }
            Self::BadGzipLength { expected, found } => {
                write!(f, "the gzip member unpacks to {found} bytes, its end says {expected}")
            }
            Self::OutOfMemory => write!(f, "out of memory"),
        }
    }
}

fn with_article(kind: FileType) -> &'static str {
    match kind {
        FileType::Regular => "a regular file",
        FileType::Directory => "a directory",
        FileType::Symlink => "a symbolic link",
        FileType::CharDevice => "a character device",
        FileType::BlockDevice => "a block device",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::Anonymous => "of no type",
    }
}

/// The beginning of a name, kept in the error itself so that failing needs no memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Excerpt {
    bytes: [u8; Self::CAPACITY],
    length: u8,
    cut: bool,
}

impl Excerpt {
    const CAPACITY: usize = 48;

    /// As much of `name` as there is room for.
    pub fn of(name: &[u8]) -> Self {
        let length = name.len().min(Self::CAPACITY);
        let mut bytes = [0; Self::CAPACITY];
        bytes[..length].copy_from_slice(&name[..length]);
        Self { bytes, length: length as u8, cut: name.len() > length }
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.bytes[..usize::from(self.length)].escape_ascii();
        write!(f, "\"{shown}\"{}", if self.cut { "..." } else { "" })
    }
}
