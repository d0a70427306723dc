//! What a process has in its memory, and where.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Write as _;
use core::ops::Range;

use vfs::error::{FileSystemErrorKind, Result};
use vfs::mount::Path;

use super::Subject;
use crate::mm::space::Rights;
use crate::task::exec::Running;
use crate::task::start;

/// The file that it runs.
pub(super) fn executable(subject: Subject) -> Result<Path> {
    let program = subject.process()?.and_then(|process| process.program());
    Ok(program.ok_or(FileSystemErrorKind::NotFound)?.executable.clone())
}

/// What of a process's memory the program has at the addresses that `range` says, as far as it is mapped.
pub(super) fn content(subject: Subject, range: fn(&Running) -> &Range<u64>) -> Result<Vec<u8>> {
    let Some(process) = subject.process()? else { return Ok(Vec::new()) };
    let (Some(program), Ok(space)) = (process.program(), process.space()) else { return Ok(Vec::new()) };
    let range = range(&program);
    let size = (range.end - range.start) as usize;
    page::admit(size)?;
    let mut bytes = vec![0; size];
    let mut done = 0;
    while done < size {
        match space.lock().peek(range.start + done as u64, &mut bytes[done..]) {
            // It has unmapped them, or they end.
            Err(_) | Ok(0) => break,
            Ok(count) => done += count,
        }
    }
    bytes.truncate(done);
    Ok(bytes)
}
pub(super) fn maps(subject: Subject) -> Result<String> {
    let Some(process) = subject.process()? else { return Ok(String::new()) };
    let Ok(space) = process.space() else { return Ok(String::new()) };
    let vdso = process.program().and_then(|program| program.vdso.clone());
    let [words, code] = vdso.unwrap_or_default();
    let space = space.lock();
    let (heap, mut text) = (space.heap(), String::new());
    for (range, rights, shared) in space.areas() {
        let right = |right, letter| if rights.contains(right) { letter } else { '-' };
        let rights = [
            right(Rights::READ, 'r'),
            right(Rights::WRITE, 'w'),
            right(Rights::EXECUTE, 'x'),
            // The kernel's words are the kernel's, as Linux has it.
            if shared && range != words { 's' } else { 'p' },
        ];
        let label = match range {
            Range { start, .. } if heap.contains(&start) => "[heap]",
            _ if range == words => "[vvar]",
            _ if range == code => "[vdso]",
            Range { end, .. } if end == start::STACK_TOP => "[stack]",
            _ => "",
        };
        let line = format!("{:08x}-{:08x} {} 00000000 00:00 0", range.start, range.end, String::from_iter(rights));
        // Writing to a string does not fail.
        let _ = if label.is_empty() { writeln!(text, "{line} ") } else { writeln!(text, "{line:<73}{label}") };
    }
    Ok(text)
}
