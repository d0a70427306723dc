//! What a process's open files are like: `/proc/PID/fdinfo`.

use alloc::string::String;
use core::fmt::Write as _;

use vfs::error::{FileSystemErrorKind, Result};
use vfs::lock::{LockFamily, LockKind, ShownLock};
use vfs::metadata::NodeId;

use super::Subject;
use super::node::reader;
use crate::abi::linux::flags::{O_CLOEXEC, shown_flags};

/// Of the file of that number.
///
/// # Errors
/// `ENOENT` for one that is closed; `EACCES` for who may not look into the process; `ENOMEM`.
pub(super) fn info(subject: Subject, number: u32) -> Result<String> {
    subject.check_look(&reader(subject)?.context.credentials)?;
    let process = subject.process()?.ok_or(FileSystemErrorKind::NotFound)?;
    let files = process.files();
    let owner = files.owner();
    let descriptor = files.get(u64::from(number)).map_err(|_| FileSystemErrorKind::NotFound)?;
    drop(files);
    let (file, close_on_exec) = (descriptor.file, if descriptor.close_on_exec { O_CLOEXEC } else { 0 });
    let flags = shown_flags(file.flags()) | close_on_exec;
    let node = file.metadata()?.id;
    let mut text = String::new();
    let (position, mount) = (file.position(), file.path().mount.id());
    let _ = writeln!(text, "pos:\t{position}\nflags:\t0{flags:o}\nmnt_id:\t{mount}\nino:\t{}", node.inode);
    for (lock, index) in file.locks(owner)?.into_iter().zip(1..) {
        let _ = writeln!(text, "lock:\t{index}: {}", shown(&lock, node));
    }
    let _ = file.describe(&mut text);
    Ok(text)
}

/// A lock as a line of `/proc/locks` shows it.
fn shown(held: &ShownLock, node: NodeId) -> String {
    let family = match held.family {
        LockFamily::Whole => "FLOCK  ADVISORY ",
        LockFamily::Process => "POSIX  ADVISORY ",
        LockFamily::OpenFile => "OFDLCK ADVISORY ",
        LockFamily::Lease { is_asked_for: false } => "LEASE  ACTIVE   ",
        LockFamily::Lease { is_asked_for: true } => "LEASE  BREAKING ",
    };
    let kind = match held.kind {
        Some(LockKind::Shared) => "READ",
        Some(LockKind::Exclusive) => "WRITE",
        None => "UNLCK",
    };
    let (pid, first) = (held.pid.map_or(-1, i64::from), held.range.start());
    let mut text = alloc::format!("{family} {kind} {pid} 00:{:02x}:{} {first} ", node.file_system.0, node.inode);
    let _ = match held.range.length() {
        0 => write!(text, "EOF"),
        length => write!(text, "{}", first + length - 1),
    };
    text
}
