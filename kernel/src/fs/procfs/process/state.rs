//! What a process is about, who it is, and its figures.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt::Write as _;

use vfs::context::Capabilities;
use vfs::error::Result;

use super::Subject;
use crate::fs::devices;
use crate::fs::terminal::jobs;
use crate::task::process::{self, Process};
use crate::task::signal::Signal;

/// The most of a name that is shown (`TASK_COMM_LEN`).
const NAME_MAX: usize = 15;

fn short_name(subject: Subject) -> Result<String> {
    Ok(subject.name()?.chars().take(NAME_MAX).collect())
}

pub(super) fn comm(subject: Subject) -> Result<String> {
    Ok(short_name(subject)? + "\n")
}
/// What it is about, as a letter and as a word.
fn state(process: Option<&Arc<Process>>) -> (char, &'static str) {
    match process {
        Some(process) if process.ending().is_some() => ('Z', "zombie"),
        Some(process) if process.is_stopped() => ('T', "stopped"),
        Some(process) if process::current().is_some_and(|current| Arc::ptr_eq(&current, process)) => ('R', "running"),
        _ => ('S', "sleeping"),
    }
}

/// Bytes of its memory that are mapped.
fn mapped(process: Option<&Arc<Process>>) -> u64 {
    let space = process.and_then(|process| process.space().ok());
    space.map_or(0, |space| space.lock().areas().map(|(range, ..)| range.end - range.start).sum())
}

/// How many threads it has; one that has ended counts as one.
fn threads(process: Option<&Arc<Process>>) -> usize {
    process.map_or(1, |process| process.threads().max(1))
}

/// Its terminal's device number, and the group in the foreground there.
fn terminal(process: &Arc<Process>) -> (u32, i32) {
    match jobs::foreground_for(process) {
        Ok(group) => (devices::SERIAL.major << 8 | devices::SERIAL.minor, group as i32),
        Err(_) => (0, -1),
    }
}

/// Times that nobody counts, and what is no matter of this kernel, are 0.
pub(super) fn stat(subject: Subject) -> Result<String> {
    let process = subject.process()?;
    let (pid, name, (letter, _)) = (subject.pid, short_name(subject)?, state(process.as_ref()));
    let [parent, group, session, told_by] = match &process {
        Some(process) => [process.parent_pid(), process.group(), process.session(), process.family.told_by().into()],
        None => [0, pid, pid, Signal::CHILD.number().into()],
    };
    let started = process.as_ref().map_or(0, |process| process.started().as_millis() / 10);
    let (terminal, foreground) = process.as_ref().map_or((0, -1), terminal);
    let (threads, size, limit) = (threads(process.as_ref()), mapped(process.as_ref()), u64::MAX);
    Ok(format!(
        "{pid} ({name}) {letter} {parent} {group} {session} {terminal} {foreground} 0 0 0 0 0 0 0 0 0 20 0 {threads} 0 {started} \
         {size} 0 {limit} 0 0 0 0 0 0 0 0 0 0 0 0 {told_by} 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
    ))
}

pub(super) fn status(subject: Subject) -> Result<String> {
    let process = subject.process()?;
    let parent = process.as_ref().map_or(0, |process| process.parent_pid());
    let (pid, name, (letter, word)) = (subject.pid, short_name(subject)?, state(process.as_ref()));
    let mut text = format!("Name:\t{name}\n");
    // One that has ended is nobody any more.
    if let Ok(place) = subject.place() {
        let _ = writeln!(text, "Umask:\t{:04o}", place.context.umask);
    }
    let _ = writeln!(text, "State:\t{letter} ({word})\nTgid:\t{pid}\nPid:\t{pid}\nPPid:\t{parent}\nTracerPid:\t0");
    if let Ok(place) = subject.place() {
        let (identity, credentials) = (&place.identity, &place.context.credentials);
        for (label, ids, files) in [("Uid", identity.users, credentials.uid), ("Gid", identity.groups, credentials.gid)]
        {
            let _ = writeln!(text, "{label}:\t{}\t{}\t{}\t{files}", ids.real, ids.effective, ids.saved);
        }
        let groups: String = credentials.groups.iter().map(|group| format!("{group} ")).collect();
        let _ = writeln!(text, "Groups:\t{groups}\nVmSize:\t{:>8} kB", mapped(process.as_ref()) / 1024);
        let _ = writeln!(text, "Threads:\t{}", threads(process.as_ref()));
        for (label, set) in [
            ("Inh", identity.inheritable),
            ("Prm", identity.permitted),
            ("Eff", credentials.capabilities),
            ("Bnd", identity.bounding),
            ("Amb", Capabilities::empty()),
        ] {
            let _ = writeln!(text, "Cap{label}:\t{:016x}", set.bits());
        }
    }
    Ok(text)
}
