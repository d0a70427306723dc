//! ELF files, as far as running them needs (`elf(5)`): the header and the program headers, of 64-bit little-endian
//! x86-64 programs. Nothing in a file is believed: what makes no sense is `ENOEXEC`, and what is left holds together
//! ([`Elf::check`]).
//!
//! (Two fixed structures are read here, fewer lines than a crate's interface would take to use.)

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use bitflags::bitflags;
use vfs::content::Content;
use vfs::error::{FileSystemErrorKind, Result, fail};

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

/// The longest name of an interpreter, with its NUL (Linux's `PATH_MAX`).
const INTERPRETER_MAX: u64 = 4096;

bitflags! {
    /// What a program may do with a segment (`p_flags`).
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Rights: u32 {
        /// `PF_X`.
        const EXECUTE = 1;
        /// `PF_W`.
        const WRITE = 2;
        /// `PF_R`.
        const READ = 4;
    }
}

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
    /// The path of the program that loads this one's libraries and begins it.
    pub interpreter: Option<Vec<u8>>,
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

/// The path of an interpreter, which lies in the file with a NUL at its end.
fn interpreter_path(content: &Content, offset: u64, size: u64) -> Result<Vec<u8>> {
    if !(2..=INTERPRETER_MAX).contains(&size) {
        return fail(FileSystemErrorKind::NotExecutable);
    }
    page::admit(INTERPRETER_MAX as usize)?;
    let mut path = vec![0; size as usize];
    read(content, offset, &mut path)?;
    if path.pop() != Some(0) {
        return fail(FileSystemErrorKind::NotExecutable);
    }
    let end = path.iter().position(|&byte| byte == 0).unwrap_or(path.len());
    path.truncate(end);
    if path.is_empty() { fail(FileSystemErrorKind::NotExecutable) } else { Ok(path) }
}

impl Elf {
    /// The program that a file holds, whose addresses must be below `end`.
    ///
    /// # Errors
    /// `ENOEXEC` for what is none; `ENOMEM`.
    pub fn parse(content: &Content, end: u64) -> Result<Self> {
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
        let mut interpreter = None;
        page::admit(usize::from(count) * size_of::<Segment>())?;
        for index in 0..u64::from(count) {
            let mut bytes = [0; PROGRAM_HEADER_SIZE];
            let at = offset.checked_add(index * HEADER_ENTRY_SIZE).ok_or(FileSystemErrorKind::NotExecutable)?;
            read(content, at, &mut bytes)?;
            match word(&bytes, 0) {
                SEGMENT_INTERPRETER if interpreter.is_none() => {
                    interpreter = Some(interpreter_path(content, long(&bytes, 8), long(&bytes, 32))?);
                    continue;
                }
                SEGMENT_LOAD => {}
                _ => continue,
            }
            let segment = Segment::parse(&bytes, end)?;
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
        Ok(Self { entry, movable: kind == TYPE_SHARED, headers_address, headers: count, segments, interpreter })
    }

    /// From the first page's address to the address behind the last page.
    pub fn range(&self) -> Range<u64> {
        let (start, end) = (self.segments.first().map(Segment::start), self.segments.last().map(Segment::end));
        start.unwrap_or(0)..end.unwrap_or(0)
    }

    /// What holds of every program that [`Elf::parse`] returns, with the same `end`.
    pub fn check(&self, end: u64) -> bool {
        let apart = self.segments.windows(2).all(|pair| pair[0].end() <= pair[1].start());
        let sound = |segment: &Segment| {
            segment.start() < segment.end()
                && segment.end() <= end
                && segment.file_size <= segment.memory_size
                && segment.offset.checked_add(segment.file_size).is_some()
                && segment.offset >= segment.address - segment.start()
        };
        let named = self.interpreter.as_ref().is_none_or(|path| !path.is_empty() && !path.contains(&0));
        !self.segments.is_empty() && apart && self.segments.iter().all(sound) && named
    }
}

impl Segment {
    fn parse(bytes: &[u8; PROGRAM_HEADER_SIZE], end: u64) -> Result<Self> {
        let segment = Self {
            offset: long(bytes, 8),
            address: long(bytes, 16),
            file_size: long(bytes, 32),
            memory_size: long(bytes, 40),
            rights: Rights::from_bits_truncate(word(bytes, 4)),
        };
        let fits = |start: u64, size: u64| start.checked_add(size).is_some_and(|last| last <= end - end % PAGE);
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
