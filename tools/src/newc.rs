//! Writes cpio archives in the newc format, laid out so that a kernel can map them.
//!
//! The data of a file of at least a page starts on a page boundary of the archive, as often as that is possible: NULs
//! after its name, which readers ignore, take up the room before it. Linux skips entries whose name with its NULs is
//! longer than 4096 bytes, so a file whose data would need more stays where it is (about one in a hundred).

use std::io::{self, Read, Write};

/// The longest name with its NULs that Linux takes.
pub const NAME_SIZE_MAX: usize = 4096;

/// Where data is moved to, and the unit of the archive's length.
pub const PAGE_SIZE: u64 = 4096;

const HEADER_SIZE: u64 = 110;
const TRAILER: &[u8] = b"TRAILER!!!";

/// What the header of an entry says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Attributes {
    /// Number that the names of one file share.
    pub inode: u32,
    /// Type and permission bits, as in `st_mode`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Number of names.
    pub links: u32,
    /// Seconds since 1970.
    pub modified: u32,
    /// Major and minor number of a device node.
    pub device: (u32, u32),
}

/// An archive that is being written.
pub struct Writer<W> {
    out: W,
    position: u64,
}

impl<W: Write> Writer<W> {
    /// Starts an archive.
    pub const fn new(out: W) -> Self {
        Self { out, position: 0 }
    }

    /// Bytes written so far.
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Adds an entry. `data` must yield `size` bytes at least; further ones are not read.
    ///
    /// # Errors
    /// `InvalidInput` for a name that is empty, has a NUL or is too long; `UnexpectedEof` when `data` ends early; what
    /// reading and writing answer.
    pub fn entry(&mut self, name: &[u8], attributes: &Attributes, size: u32, data: &mut dyn Read) -> io::Result<()> {
        if name.is_empty() || name.contains(&0) || name.len() >= NAME_SIZE_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a name that newc cannot hold"));
        }
        self.header(name, attributes, size)?;
        let copied = io::copy(&mut data.take(u64::from(size)), &mut Counted(self))?;
        if copied < u64::from(size) {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was read"));
        }
        self.zeros(self.position.next_multiple_of(4) - self.position)
    }

    /// Ends the archive and fills it up to a whole page, so that another can follow and keep its own alignment.
    ///
    /// # Errors
    /// What writing answers.
    pub fn finish(mut self) -> io::Result<W> {
        self.header(TRAILER, &Attributes { links: 1, ..Attributes::default() }, 0)?;
        self.zeros(self.position.next_multiple_of(PAGE_SIZE) - self.position)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn header(&mut self, name: &[u8], attributes: &Attributes, size: u32) -> io::Result<()> {
        let name_size = self.name_size(name.len() as u64, size);
        let numbers = [
            attributes.inode,
            attributes.mode,
            attributes.uid,
            attributes.gid,
            attributes.links,
            attributes.modified,
            size,
            0,
            0,
            attributes.device.0,
            attributes.device.1,
            name_size as u32,
            0,
        ];
        let mut header = Vec::with_capacity(HEADER_SIZE as usize + name.len());
        header.extend_from_slice(b"070701");
        for number in numbers {
            write!(header, "{number:08X}")?;
        }
        header.extend_from_slice(name);
        Counted(self).write_all(&header)?;
        let end = (self.position - name.len() as u64 + name_size).next_multiple_of(4);
        self.zeros(end - self.position)
    }

    /// The size of the name with its NULs: as many as move the data of a large file to a page, at least one.
    fn name_size(&self, length: u64, size: u32) -> u64 {
        let least = length + 1;
        let start = self.position + HEADER_SIZE + least;
        let aligned = least + start.next_multiple_of(PAGE_SIZE) - start;
        let moved = u64::from(size) >= PAGE_SIZE && aligned <= NAME_SIZE_MAX as u64;
        if moved { aligned } else { least }
    }

    fn zeros(&mut self, count: u64) -> io::Result<()> {
        io::copy(&mut io::repeat(0).take(count), &mut Counted(self)).map(drop)
    }
}

/// Writes to the archive and counts.
struct Counted<'a, W>(&'a mut Writer<W>);

impl<W: Write> Write for Counted<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.0.out.write(bytes)?;
        self.0.position += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::{Attributes, NAME_SIZE_MAX, PAGE_SIZE, Writer};
    use std::io;

    const FILE: Attributes =
        Attributes { inode: 1, mode: 0o100_644, uid: 0, gid: 0, links: 1, modified: 0, device: (0, 0) };

    #[test]
    fn an_archive_looks_as_the_manual_page_says() {
        let mut writer = Writer::new(Vec::new());
        let attributes = Attributes {
            inode: 1,
            mode: 0o020_620,
            uid: 1000,
            gid: 100,
            links: 2,
            modified: 0x6553_f100,
            device: (4, 64),
        };
        writer.entry(b"tty", &attributes, 0, &mut io::empty()).unwrap();
        let archive = writer.finish().unwrap();
        let expected = b"070701\
            0000000100002190000003E80000006400000002\
            6553F10000000000\
            00000000000000000000000400000040\
            0000000400000000tty\0\0\0\
            0707010000000000000000";
        assert_eq!(&archive[..expected.len()], expected);
        assert_eq!(archive.len() as u64, PAGE_SIZE);
    }

    #[test]
    fn data_of_a_page_or_more_starts_on_a_page() {
        for length in [1, 2, 3, 100, 2000] {
            let name = vec![b'n'; length];
            let mut writer = Writer::new(Vec::new());
            writer.entry(&name, &FILE, 4096, &mut io::repeat(b'd')).unwrap();
            assert_eq!(writer.position() % PAGE_SIZE, 0, "a name of {length}");
            let archive = writer.finish().unwrap();
            let start = archive.iter().position(|byte| *byte == b'd').unwrap();
            assert_eq!(start as u64 % PAGE_SIZE, 0, "a name of {length}");
        }
    }

    #[test]
    fn names_never_grow_beyond_what_linux_takes() {
        for before in (0..4096).step_by(4) {
            for length in [50, 4095] {
                let mut writer = Writer::new(Vec::new());
                writer.entry(b"before", &FILE, before, &mut io::repeat(0)).unwrap();
                let header = writer.position() as usize;
                writer.entry(&vec![b'n'; length], &FILE, 5000, &mut io::repeat(0)).unwrap();
                let archive = writer.finish().unwrap();
                let field = std::str::from_utf8(&archive[header + 94..header + 102]).unwrap();
                let name_size = usize::from_str_radix(field, 16).unwrap();
                assert!((length + 1..=NAME_SIZE_MAX).contains(&name_size), "{name_size} after {before}");
            }
        }
    }

    #[test]
    fn what_cannot_be_written_right_is_an_error() {
        let mut writer = Writer::new(Vec::new());
        for name in [&b""[..], b"a\0b", &[b'n'; 4096]] {
            let error = writer.entry(name, &FILE, 0, &mut io::empty()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }
        let error = writer.entry(b"short", &FILE, 5, &mut &b"1234"[..]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
