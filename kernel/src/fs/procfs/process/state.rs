//! What a process is about, and who it is.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt::Write as _;

use vfs::error::Result;

use super::{Subject, usage};
use crate::abi::linux::usage::ticks;
use crate::fs::devices;
use crate::fs::terminal::jobs;
use crate::task::process::Process;
use crate::task::signal::{Set, Signal};
use crate::task::thread::{State, Thread};

/// The most of a name that is shown (`TASK_COMM_LEN`).
const NAME_MAX: usize = 15;

fn short_name(subject: Subject) -> Result<String> {
    Ok(subject.name()?.chars().take(NAME_MAX).collect())
}

pub(super) fn comm(subject: Subject) -> Result<String> {
    Ok(short_name(subject)? + "\n")
}
/// What it is about, as a letter and as a word.
fn state(subject: Subject, process: Option<&Arc<Process>>) -> Result<(char, &'static str)> {
    let Some(process) = process else { return Ok(('S', "sleeping")) };
    let runs = |thread: &Arc<Thread>| thread.state() == State::Ready;
    Ok(if process.ending().is_some() {
        ('Z', "zombie")
    } else if process.is_stopped() {
        ('T', "stopped")
    } else if subject.threads()?.iter().any(runs) {
        ('R', "running")
    } else {
        ('S', "sleeping")
    })
}

/// What becomes of signals: those that have come to the thread and to its process, that the thread holds back, that are
/// to be ignored, and that have handlers.
fn signals(subject: Subject, process: Option<&Arc<Process>>) -> Result<[Set; 5]> {
    let threads = subject.threads()?;
    let leader = threads.iter().filter_map(|thread| thread.user()).find(|user| user.tid() == subject.number());
    let (Some(process), Some(user)) = (process, leader) else { return Ok([Set::default(); 5]) };
    let [ignored, handled] = process.actions().ignored_and_handled();
    let [own, shared] = user.pending_apart();
    Ok([own, shared, user.mask(), ignored, handled])
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

/// What is no matter of this kernel is 0.
pub(super) fn stat(subject: Subject) -> Result<String> {
    let process = subject.process()?;
    let (id, name, (letter, _)) = (subject.number(), short_name(subject)?, state(subject, process.as_ref())?);
    let [parent, group, session, told_by] = match &process {
        Some(process) => [process.parent_pid(), process.group(), process.session(), process.family.told_by().into()],
        None => [0, id, id, Signal::CHILD.number().into()],
    };
    let started = process.as_ref().map_or(0, |process| ticks(process.started()));
    let (terminal, foreground) = process.as_ref().map_or((0, -1), terminal);
    let (own, children) = (usage::figures(subject)?, usage::figures_of_children(process.as_ref()));
    let [user, system, user_below, system_below] =
        [own.user(), own.system(), children.user(), children.system()].map(ticks);
    let (faults, faults_below, nice) = (own.faults, children.faults, usage::nice(subject)?);
    let (threads, priority, memory) = (threads(process.as_ref()), 20 + nice, usage::Memory::of(process.as_ref()));
    let (size, resident, limit) = (memory.mapped, memory.pages, u64::MAX);
    // The last of the 31 signals that there were at first.
    let [pending, _, blocked, ignored, caught] = signals(subject, process.as_ref())?.map(|set| set.0 & 0x7fff_ffff);
    Ok(format!(
        "{id} ({name}) {letter} {parent} {group} {session} {terminal} {foreground} 0 {faults} {faults_below} 0 0 {user} {system} \
         {user_below} {system_below} {priority} {nice} {threads} 0 {started} {size} {resident} {limit} \
         0 0 0 0 0 {pending} {blocked} {ignored} {caught} 0 0 0 {told_by} 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
    ))
}

pub(super) fn status(subject: Subject) -> Result<String> {
    let process = subject.process()?;
    let parent = process.as_ref().map_or(0, |process| process.parent_pid());
    let (pid, id, name) = (subject.pid, subject.number(), short_name(subject)?);
    let (letter, word) = state(subject, process.as_ref())?;
    let mut text = format!("Name:\t{name}\n");
    // One that has ended is nobody any more.
    if let Ok(place) = subject.place() {
        let _ = writeln!(text, "Umask:\t{:04o}", place.context.umask);
    }
    let _ = writeln!(text, "State:\t{letter} ({word})\nTgid:\t{pid}\nPid:\t{id}\nPPid:\t{parent}\nTracerPid:\t0");
    if let Ok(place) = subject.place() {
        let (identity, credentials) = (&place.identity, &place.context.credentials);
        for (label, ids, files) in [("Uid", identity.users, credentials.uid), ("Gid", identity.groups, credentials.gid)]
        {
            let _ = writeln!(text, "{label}:\t{}\t{}\t{}\t{files}", ids.real, ids.effective, ids.saved);
        }
        let groups: String = credentials.groups.iter().map(|group| format!("{group} ")).collect();
        let memory = usage::Memory::of(process.as_ref());
        let _ = writeln!(text, "Groups:\t{groups}\nVmSize:\t{:>8} kB", memory.mapped / 1024);
        let _ = writeln!(text, "VmHWM:\t{:>8} kB\nVmRSS:\t{:>8} kB", 4 * memory.pages_max, 4 * memory.pages);
        let _ = writeln!(text, "VmData:\t{:>8} kB", memory.data / 1024);
        let _ = writeln!(text, "Threads:\t{}", threads(process.as_ref()));
        let labels = ["SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt"];
        for (label, set) in labels.into_iter().zip(signals(subject, process.as_ref())?) {
            let _ = writeln!(text, "{label}:\t{:016x}", set.0);
        }
        for (label, set) in [
            ("Inh", identity.inheritable),
            ("Prm", identity.permitted),
            ("Eff", credentials.capabilities),
            ("Bnd", identity.bounding),
            ("Amb", identity.ambient),
        ] {
            let _ = writeln!(text, "Cap{label}:\t{:016x}", set.bits());
        }
        let _ = writeln!(text, "NoNewPrivs:\t{}", u8::from(identity.gains_nothing));
    }
    let figures = usage::figures(subject)?;
    let _ = writeln!(text, "voluntary_ctxt_switches:\t{}", figures.waits);
    let _ = writeln!(text, "nonvoluntary_ctxt_switches:\t{}", figures.losses);
    Ok(text)
}

/// Where in the kernel it waits is nobody's business.
pub(super) fn wait_channel(_subject: Subject) -> Result<String> {
    Ok("0".into())
}

pub(super) fn personality(subject: Subject) -> Result<String> {
    Ok(format!("{:08x}\n", subject.process()?.map_or(0, |process| process.personality())))
}
