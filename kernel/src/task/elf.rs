//! ELF files, as far as running them needs (`elf(5)`): the header and the program headers, of 64-bit little-endian
//! x86-64 programs. Nothing in a file is believed: what makes no sense is `ENOEXEC`.
//!
//! (Two fixed structures are read here, fewer lines than a crate's interface would take to use.)

use alloc::vec::Vec;

use vfs::content::Content;
use vfs::error::{FileSystemErrorKind, Result, fail};

use crate::mm::space::{MAPPINGS_END, Rights};

const HEADER_SIZE: usize = 64;
const PROGRAM_HEADER_SIZE: usize = 56;
/// More program headers than these no program has.
const PROGRAM_HEADERS_MAX: u16 = 128;

/// `\x7fELF`, 64 bits, little-endian, version 1.
const IDENTITY: [u8; 7] = [0x7f, b'E', b'L', b'F', 2, 1, 1];
const TYPE_EXECUTABLE: u16 = 2;
const TYPE_SHARED: u16 = 3;
const MACHINE_X86_64: u16 = 62;

const SEGMENT_LOAD: u32 = 1;
const SEGMENT_INTERPRETER: u32 = 3;

const PAGE: u64 = page::SIZE as u64;

/// A part of the file that is mapped.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// The address, before the program is moved.
    pub address: u64,
    /// Where it lies in the file.
    pub offset: u64,
    /// Bytes in the file.
    pub file_size: u64,
    /// Bytes in memory: what the file does not have is zeros.
    pub memory_size: u64,
    /// What the program may do with it.
    pub rights: Rights,
}

/// A program.
#[derive(Debug)]
pub struct Elf {
    /// Where it begins.
    pub entry: u64,
    /// Whether it can lie anywhere, and its addresses count from there.
    pub movable: bool,
    /// The program headers' address in memory; 0 if they are not mapped.
    pub headers_address: u64,
    /// How many program headers there are.
    pub headers: u16,
    /// What is mapped, at least one and in the order of the addresses.
    pub segments: Vec<Segment>,
}

/// The size of a program header, for the program itself (`AT_PHENT`).
pub const HEADER_ENTRY_SIZE: u64 = PROGRAM_HEADER_SIZE as u64;

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}

fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(field(bytes, at))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(field(bytes, at))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(field(bytes, at))
}

/// All of `into` from the file.
fn read(content: &Content, offset: u64, mut into: &mut [u8]) -> Result<()> {
    let wanted = into.len();
    if content.read(offset, &mut into)? == wanted { Ok(()) } else { fail(FileSystemErrorKind::NotExecutable) }
}

impl Elf {
    /// The program that a file holds.
    ///
    /// # Errors
    /// `ENOEXEC` for what is none, or one that needs an interpreter (a dynamic one).
    pub fn parse(content: &Content) -> Result<Self> {
        let not_executable = fail(FileSystemErrorKind::NotExecutable);
        let mut header = [0; HEADER_SIZE];
        read(content, 0, &mut header)?;
        let (kind, machine) = (half(&header, 16), half(&header, 18));
        let (entry, offset) = (long(&header, 24), long(&header, 32));
        let (entry_size, count) = (half(&header, 54), half(&header, 56));
        if !header.starts_with(&IDENTITY)
            || machine != MACHINE_X86_64
            || !matches!(kind, TYPE_EXECUTABLE | TYPE_SHARED)
            || usize::from(entry_size) != PROGRAM_HEADER_SIZE
            || count > PROGRAM_HEADERS_MAX
        {
            return not_executable;
        }
        let mut segments: Vec<Segment> = Vec::new();
        let mut headers_address = 0;
        for index in 0..u64::from(count) {
            let mut bytes = [0; PROGRAM_HEADER_SIZE];
            let at = offset.checked_add(index * HEADER_ENTRY_SIZE).ok_or(FileSystemErrorKind::NotExecutable)?;
            read(content, at, &mut bytes)?;
            match word(&bytes, 0) {
                SEGMENT_INTERPRETER => return not_executable,
                SEGMENT_LOAD => {}
                _ => continue,
            }
            let segment = Segment::parse(&bytes)?;
            if segment.memory_size == 0 {
                continue;
            }
            // No two on one page: each is mapped on its own.
            let behind = segments.last().is_none_or(|last| last.end() <= segment.start());
            if !behind {
                return not_executable;
            }
            if (segment.offset..segment.offset + segment.file_size).contains(&offset) {
                headers_address = segment.address + (offset - segment.offset);
            }
            segments.push(segment);
        }
        if segments.is_empty() {
            return not_executable;
        }
        Ok(Self { entry, movable: kind == TYPE_SHARED, headers_address, headers: count, segments })
    }
}

impl Segment {
    fn parse(bytes: &[u8; PROGRAM_HEADER_SIZE]) -> Result<Self> {
        let flags = word(bytes, 4);
        let mut rights = Rights::empty();
        rights.set(Rights::EXECUTE, flags & 1 != 0);
        rights.set(Rights::WRITE, flags & 2 != 0);
        rights.set(Rights::READ, flags & 4 != 0);
        let segment = Self {
            offset: long(bytes, 8),
            address: long(bytes, 16),
            file_size: long(bytes, 32),
            memory_size: long(bytes, 40),
            rights,
        };
        let fits = |start: u64, size: u64| start.checked_add(size).is_some_and(|end| end < MAPPINGS_END);
        let sound = segment.file_size <= segment.memory_size
            && fits(segment.address, segment.memory_size)
            && fits(segment.offset, segment.file_size)
            && segment.address % PAGE == segment.offset % PAGE;
        if sound { Ok(segment) } else { fail(FileSystemErrorKind::NotExecutable) }
    }

    /// The first page's address.
    pub fn start(&self) -> u64 {
        self.address - self.address % PAGE
    }

    /// The address behind the last page.
    pub fn end(&self) -> u64 {
        (self.address + self.memory_size).next_multiple_of(PAGE)
    }
}
