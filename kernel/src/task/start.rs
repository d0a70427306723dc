//! What a program finds on its stack when it begins: arguments, environment, and what the kernel has to tell
//! (System V ABI for AMD64, 3.4.1; `getauxval(3)`).
//!
//! ```text
//!   stack →  count │ arguments … 0 │ environment … 0 │ kernel's pairs … 0 0 │ texts, 16 random bytes │ top
//! ```

use alloc::vec::Vec;
use core::ops::Range;

use elf::HEADER_ENTRY_SIZE;
use vfs::content::Content;
use vfs::error::{FileSystemErrorKind, Result, fail};

use super::identity::Ids;
use super::rseq;
use super::signal::frame;
use crate::arch::{cpu, random};
use crate::mm::space::GROWTH_MAX;

/// The end of the stack.
pub const STACK_TOP: u64 = crate::arch::user::USER_END;

/// How large the stack may grow unless a process asks for another limit (`RLIMIT_STACK`).
pub const STACK_SIZE: u64 = 8 << 20;

/// The least that it may be: arguments and environment take half of it at most.
pub const STACK_SIZE_MIN: u64 = 256 << 10;

/// The most that counts of its limit for what a program finds there.
pub const STACK_SIZE_MAX: u64 = GROWTH_MAX;

/// How much of it is there at first, besides what the program finds there.
const STACK_FIRST: u64 = 128 << 10;

/// The most that arguments and environment may take, with what leads to them.
const TEXTS_MAX: usize = 512 << 10;

/// The same on a stack of that size: a quarter, but never less than Linux promises (`ARG_MAX`).
fn texts_max(stack_size: u64) -> usize {
    ((stack_size / 4) as usize).clamp(STACK_SIZE_MIN as usize / 2, TEXTS_MAX)
}

/// What each text takes besides its bytes: a NUL and a pointer.
const TEXT_OVERHEAD: usize = 9;

/// What the kernel has to tell a program.
pub struct Told<'a> {
    /// What it was started as.
    pub path: &'a [u8],
    /// Where its program headers are.
    pub headers_address: u64,
    /// How many program headers.
    pub headers: u16,
    /// Where it begins, or would without an interpreter.
    pub entry: u64,
    /// By how much the interpreter was moved; 0 without one.
    pub interpreter_base: u64,
    /// Users.
    pub users: Ids,
    /// Groups.
    pub groups: Ids,
    /// Whether it has rights that who started it does not.
    pub secure: bool,
    /// Where the kernel's shared object is; 0 for nowhere.
    pub vdso: u64,
    /// How large its stack may be.
    pub stack_size: u64,
}

/// Fails with `E2BIG` when texts of `bytes` bytes, `count` of them, are too much for a stack of that size.
///
/// # Errors
/// `E2BIG`.
pub fn check_size(count: usize, bytes: usize, stack_size: u64) -> Result<()> {
    let size = count.saturating_mul(TEXT_OVERHEAD).saturating_add(bytes);
    if size <= texts_max(stack_size) { Ok(()) } else { fail(FileSystemErrorKind::ArgumentListTooLong) }
}

/// A stack to begin with.
pub struct FirstStack {
    /// What stands behind it, with room for it to grow down.
    pub content: Content,
    /// How large it is at first.
    pub length: u64,
    /// Where its pointer begins.
    pub pointer: u64,
    /// Where the arguments are.
    pub arguments: Range<u64>,
    /// Where the environment is.
    pub environment: Range<u64>,
    /// Where the kernel's pairs are.
    pub told: Range<u64>,
}

/// The stack of a program that is started so.
///
/// # Errors
/// `E2BIG`, `ENOMEM`.
pub fn stack(arguments: &[Vec<u8>], environment: &[Vec<u8>], told: &Told<'_>) -> Result<FirstStack> {
    let texts = || arguments.iter().chain(environment);
    let bytes = texts().map(Vec::len).sum::<usize>() + told.path.len();
    check_size(arguments.len() + environment.len(), bytes, told.stack_size)?;
    page::admit(4 * TEXTS_MAX)?;
    let mut tail = Vec::new();
    let mut offsets = Vec::new();
    for text in texts() {
        offsets.push(tail.len() as u64);
        tail.extend_from_slice(text);
        tail.push(0);
    }
    let path_at = tail.len() as u64;
    tail.extend_from_slice(told.path);
    tail.push(0);
    let random_at = tail.len() as u64;
    let mut seed = [0; 16];
    random::fill(&mut seed);
    tail.extend_from_slice(&seed);
    let base = STACK_TOP - (tail.len() as u64).next_multiple_of(16);

    let pairs = [
        (AT_PHDR, told.headers_address),
        (AT_PHENT, HEADER_ENTRY_SIZE),
        (AT_PHNUM, u64::from(told.headers)),
        (AT_PAGESZ, page::SIZE as u64),
        (AT_BASE, told.interpreter_base),
        (AT_ENTRY, told.entry),
        (AT_UID, u64::from(told.users.real)),
        (AT_EUID, u64::from(told.users.effective)),
        (AT_GID, u64::from(told.groups.real)),
        (AT_EGID, u64::from(told.groups.effective)),
        (AT_CLKTCK, 100),
        (AT_SECURE, u64::from(told.secure)),
        (AT_RANDOM, base + random_at),
        (AT_SYSINFO_EHDR, told.vdso),
        (AT_HWCAP, cpu::capabilities().into()),
        (AT_MINSIGSTKSZ, frame::size_max()),
        (AT_RSEQ_FEATURE_SIZE, rseq::FEATURE_SIZE),
        (AT_RSEQ_ALIGN, rseq::ALIGNMENT),
        (AT_EXECFN, base + path_at),
        (AT_NULL, 0),
    ];
    let mut words: Vec<u64> = Vec::new();
    words.push(arguments.len() as u64);
    words.extend(offsets[..arguments.len()].iter().map(|offset| base + offset));
    words.push(0);
    words.extend(offsets[arguments.len()..].iter().map(|offset| base + offset));
    words.push(0);
    words.extend(pairs.iter().flat_map(|&(key, value)| [key, value]));
    let pointer = (base - 8 * words.len() as u64) & !15;
    let told_end = pointer + 8 * words.len() as u64;
    let pairs_at = told_end - 16 * pairs.len() as u64..told_end;

    let mut content = Content::new();
    let length = (STACK_TOP - pointer + STACK_FIRST).next_multiple_of(page::SIZE as u64);
    content.set_len(GROWTH_MAX + length)?;
    let offset_of = |address: u64| GROWTH_MAX + length - (STACK_TOP - address);
    let head: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    write(&mut content, offset_of(pointer), &head)?;
    write(&mut content, offset_of(base), &tail)?;
    let end = base + path_at;
    let middle = offsets.get(arguments.len()).map_or(end, |offset| base + offset);
    Ok(FirstStack { content, length, pointer, arguments: base..middle, environment: middle..end, told: pairs_at })
}

fn write(content: &mut Content, offset: u64, bytes: &[u8]) -> Result<()> {
    let count = content.write(offset, &mut &*bytes)?;
    if count == bytes.len() { Ok(()) } else { fail(FileSystemErrorKind::OutOfMemory) }
}

const AT_NULL: u64 = 0;
const AT_PHDR: u64 = 3;
const AT_PHENT: u64 = 4;
const AT_PHNUM: u64 = 5;
const AT_PAGESZ: u64 = 6;
const AT_BASE: u64 = 7;
const AT_ENTRY: u64 = 9;
const AT_UID: u64 = 11;
const AT_EUID: u64 = 12;
const AT_GID: u64 = 13;
const AT_EGID: u64 = 14;
const AT_HWCAP: u64 = 16;
const AT_CLKTCK: u64 = 17;
const AT_SECURE: u64 = 23;
const AT_RANDOM: u64 = 25;
const AT_RSEQ_FEATURE_SIZE: u64 = 27;
const AT_RSEQ_ALIGN: u64 = 28;
const AT_EXECFN: u64 = 31;
const AT_SYSINFO_EHDR: u64 = 33;
const AT_MINSIGSTKSZ: u64 = 51;
