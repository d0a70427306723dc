//! What a process has in its memory, and where.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Write as _;
use core::ops::Range;

use vfs::error::{FileSystemErrorKind, Result};
use vfs::metadata::NodeId;
use vfs::mount::Path;

use super::{Subject, mounts, node};
use crate::mm::space::{Mapped, Rights};
use crate::task::exec::Running;
use crate::task::start;

/// What is shown of the place in a file where there is no file.
const NO_FILE: &str = "00000000 00:00 0";

/// Bytes of heap that a line takes, about.
const LINE_MEMORY: usize = 160;

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

/// What is mapped where, and of which file.
pub(super) fn maps(subject: Subject) -> Result<String> {
    let Some(process) = subject.process()? else { return Ok(String::new()) };
    let Ok(space) = process.space() else { return Ok(String::new()) };
    let vdso = process.program().and_then(|program| program.vdso.clone());
    let [words, code] = vdso.unwrap_or_default();
    // A name is not looked for while the space is locked.
    let locked = space.lock();
    let heap = locked.heap();
    page::admit(locked.areas().len() * (size_of::<Mapped>() + LINE_MEMORY))?;
    let areas: Vec<Mapped> = locked.areas().collect();
    drop(locked);
    let (reader, mut text) = (node::reader(subject)?, String::new());
    for Mapped { range, rights, shared, file } in areas {
        let right = |right, letter| if rights.contains(right) { letter } else { '-' };
        let rights = [
            right(Rights::READ, 'r'),
            right(Rights::WRITE, 'w'),
            right(Rights::EXECUTE, 'x'),
            // The kernel's words are the kernel's, as Linux has it.
            if shared && range != words { 's' } else { 'p' },
        ];
        let of_kernel = [(words.clone(), "[vvar]"), (code.clone(), "[vdso]")].into_iter().find(|(at, _)| *at == range);
        let (place, label) = match (of_kernel, file) {
            (Some((_, label)), _) => (String::from(NO_FILE), String::from(label)),
            (None, Some((file, offset))) => {
                let NodeId { file_system, inode } = file.node().metadata()?.id;
                let name = node::shown_name(&reader, file.path())?;
                // A line ends where the name does.
                (format!("{offset:08x} 00:{:02x} {inode}", file_system.0), mounts::with_octal(&name, &['\n']))
            }
            (None, None) => {
                let label = match range {
                    Range { start, .. } if heap.contains(&start) => "[heap]",
                    Range { end, .. } if end == start::STACK_TOP => "[stack]",
                    _ => "",
                };
                (String::from(NO_FILE), String::from(label))
            }
        };
        let line = format!("{:08x}-{:08x} {} {place}", range.start, range.end, String::from_iter(rights));
        // Writing to a string does not fail.
        let _ = if label.is_empty() { writeln!(text, "{line} ") } else { writeln!(text, "{line:<72} {label}") };
    }
    Ok(text)
}
