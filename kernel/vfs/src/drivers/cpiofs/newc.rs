//! The newc format: one archive, entry by entry, out of bytes in memory.
//!
//! Pure and without memory of its own, so that it can be fuzzed. An entry is a header of 110 bytes (a magic and
//! thirteen fields of eight hexadecimal digits, `cpio(5)`), a name with its NUL, and the data; header with name, and
//! data, are padded to a multiple of four, counted from the archive's first byte. What the name holds after its first
//! NUL is padding: our image builder uses it to move data onto a page.
//!
//! As in Linux (`init/initramfs.c`), zeros may stand between entries. Unlike there, the last entry (`TRAILER!!!`) must
//! be present, as GNU cpio demands: an archive that was cut off between two entries must not pass for a whole one.

use super::error::{CpioError, Excerpt, Problem};
use crate::metadata::FileType;
use core::ops::Range;

/// Bytes of a header.
pub const HEADER_SIZE: usize = 110;

/// The longest name with its NUL, and with the padding inside it: Linux skips entries beyond.
pub const NAME_SIZE_MAX: u32 = 4096;

const TRAILER: &[u8] = b"TRAILER!!!";

/// The fields of a header, in their order. The name's size is not among them: the entry has the name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Whether it is a 070702 entry, whose data has a checksum.
    pub checked: bool,
    /// Number that the names of one file share within an archive.
    pub inode: u32,
    /// Type and permission bits (`st_mode`).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Number of names.
    pub links: u32,
    /// Time of the last change, seconds since 1970.
    pub modified: u32,
    /// Bytes of data.
    pub size: u32,
    /// The device it came from: with [`Header::inode`] the file's identity.
    pub device: (u32, u32),
    /// The device a device node stands for.
    pub special: (u32, u32),
    /// The sum of the data's bytes (070702).
    pub checksum: u32,
}

/// One entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where its header starts.
    pub offset: usize,
    /// The header.
    pub header: Header,
    /// Where its name is, without NUL and padding.
    pub name: Range<usize>,
    /// Where its data is.
    pub data: Range<usize>,
}

/// Reads one archive.
pub struct Reader<'a> {
    bytes: &'a [u8],
    start: usize,
    position: usize,
}

impl<'a> Reader<'a> {
    /// Reads the archive that starts at `start` in `bytes`; it may have anything behind it.
    pub const fn new(bytes: &'a [u8], start: usize) -> Self {
        Self { bytes, start, position: start }
    }

    /// Where the next entry is looked for; after the last, the first byte behind the archive.
    pub const fn position(&self) -> usize {
        self.position
    }

    /// The next entry; `None` after the last.
    ///
    /// # Errors
    /// What is wrong with the entry and where its header starts. Reading cannot go on after an error.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, CpioError> {
        let zeros = self.bytes[self.position..].iter().take_while(|byte| **byte == 0).count();
        self.position += zeros;
        let offset = self.position;
        self.entry_at(offset).map_err(|problem| CpioError { offset: offset as u64, unpacked_from: None, problem })
    }

    fn entry_at(&mut self, offset: usize) -> Result<Option<Entry>, Problem> {
        let rest = &self.bytes[offset..];
        if rest.is_empty() {
            return Err(Problem::NoTrailer);
        }
        let (header, name_size) = parse_header(rest)?;
        if name_size > NAME_SIZE_MAX {
            return Err(Problem::NameTooLong(name_size));
        }
        let name_start = offset + HEADER_SIZE;
        let name_end = name_start + name_size as usize;
        let padded_name = self.bytes.get(name_start..name_end).ok_or(Problem::CutName(name_size))?;
        let length = match padded_name {
            [] | [0, ..] => return Err(Problem::EmptyName),
            [.., 0] => padded_name.iter().position(|byte| *byte == 0).unwrap_or(padded_name.len()),
            _ => return Err(Problem::UnterminatedName(Excerpt::of(padded_name))),
        };
        let name = name_start..name_start + length;

        let data_start = self.align(name_end);
        let left = self.bytes.len() - data_start;
        if header.size as usize > left {
            return Err(Problem::CutData { size: header.size, left: left as u64 });
        }
        let data = data_start..data_start + header.size as usize;
        self.position = self.align(data.end);
        if &self.bytes[name.clone()] == TRAILER {
            return Ok(None);
        }
        // GNU cpio writes a checksum for the data of regular files only, and Linux checks no other.
        let regular = FileType::from_mode(header.mode) == Some(FileType::Regular);
        if header.checked && regular && !data.is_empty() {
            let found = self.bytes[data.clone()].iter().fold(0_u32, |sum, byte| sum.wrapping_add(u32::from(*byte)));
            if found != header.checksum {
                return Err(Problem::BadChecksum { expected: header.checksum, found });
            }
        }
        Ok(Some(Entry { offset, header, name, data }))
    }

    /// The next multiple of four from the archive's start, but not beyond the end: nothing need follow the last entry.
    fn align(&self, position: usize) -> usize {
        let distance = (position - self.start).next_multiple_of(4);
        (self.start + distance).min(self.bytes.len())
    }
}

/// The header at the beginning of `bytes`, and the size of the name behind it.
fn parse_header(bytes: &[u8]) -> Result<(Header, u32), Problem> {
    let checked = match bytes {
        [b'0', b'7', b'0', b'7', b'0', b'1', ..] => false,
        [b'0', b'7', b'0', b'7', b'0', b'2', ..] => true,
        [b'0', b'7', b'0', b'7', b'0', b'7', ..] | [0xc7, 0x71, ..] | [0x71, 0xc7, ..] => {
            return Err(Problem::OldFormat);
        }
        _ => {
            let magic = bytes.first_chunk::<6>().ok_or(Problem::CutHeader)?;
            return Err(Problem::BadMagic(*magic));
        }
    };
    let header = bytes.first_chunk::<HEADER_SIZE>().ok_or(Problem::CutHeader)?;
    let [inode, mode, uid, gid, links, modified, size, major, minor, rmajor, rminor, name_size, checksum] =
        numbers(header)?;
    let header = Header {
        checked,
        inode,
        mode,
        uid,
        gid,
        links,
        modified,
        size,
        device: (major, minor),
        special: (rmajor, rminor),
        checksum,
    };
    Ok((header, name_size))
}

/// The names of the fields (`cpio(5)`).
const FIELDS: [&str; 13] = [
    "c_ino",
    "c_mode",
    "c_uid",
    "c_gid",
    "c_nlink",
    "c_mtime",
    "c_filesize",
    "c_devmajor",
    "c_devminor",
    "c_rdevmajor",
    "c_rdevminor",
    "c_namesize",
    "c_check",
];

/// What a byte is worth that is no hexadecimal digit.
const NO_DIGIT: u8 = 0x80;

/// What each byte is worth as a hexadecimal digit.
static DIGITS: [u8; 256] = digits();

const fn digits() -> [u8; 256] {
    let mut worth = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        worth[b"0123456789abcdef"[value] as usize] = value as u8;
        worth[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    worth
}

/// The fields behind the magic.
fn numbers(header: &[u8; HEADER_SIZE]) -> Result<[u32; FIELDS.len()], Problem> {
    let (fields, _) = header[6..].as_chunks::<8>();
    let mut values = [0; FIELDS.len()];
    let mut seen = 0;
    for (value, digits) in values.iter_mut().zip(fields) {
        for digit in digits {
            let worth = DIGITS[usize::from(*digit)];
            seen |= worth;
            *value = *value << 4 | u32::from(worth);
        }
    }
    if seen & NO_DIGIT == 0 {
        return Ok(values);
    }
    let bad =
        |(_, digits): &(&&'static str, &[u8; 8])| digits.iter().any(|digit| DIGITS[usize::from(*digit)] == NO_DIGIT);
    match FIELDS.iter().zip(fields).find(bad) {
        Some((field, digits)) => Err(Problem::BadNumber { field, digits: *digits }),
        None => Ok(values),
    }
}
