//! What a process has used and has, and how much it may.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;

use vfs::error::Result;

use super::Subject;
use crate::arch::user::USER_END;
use crate::mm::PAGE_SIZE;
use crate::mm::space::{Mapped, Rights};
use crate::task::limits::{Limits, NAMES, UNLIMITED};
use crate::task::process::Process;
use crate::task::usage::Figures;

/// What the thread or the process has used.
pub(super) fn figures(subject: Subject) -> Result<Figures> {
    Ok(match (subject.thread, subject.process()?) {
        (Some(_), _) => subject.threads()?.first().map_or(Figures::default(), |thread| thread.figures()),
        (None, Some(process)) => process.figures(),
        (None, None) => Figures::default(),
    })
}

pub(super) fn figures_of_children(process: Option<&Arc<Process>>) -> Figures {
    process.map_or(Figures::default(), |process| process.figures_of_children())
}

/// How nice its first thread is.
pub(super) fn nice(subject: Subject) -> Result<i32> {
    Ok(subject.threads()?.first().and_then(|thread| Some(thread.user()?.share.nice())).unwrap_or(0))
}

/// How much memory a process has.
#[derive(Default)]
pub(super) struct Memory {
    /// Bytes that are mapped.
    pub mapped: u64,
    /// Of those, bytes of private memory that can be written, the stack apart.
    pub data: u64,
    /// Of those, bytes that can be executed.
    text: u64,
    /// Pages that are there.
    pub pages: u64,
    /// The most that were.
    pub pages_max: u64,
}

impl Memory {
    /// That of a process; none for the kernel's own shell and for one that has ended.
    pub(super) fn of(process: Option<&Arc<Process>>) -> Self {
        let mut memory = Self::default();
        let Some(space) = process.and_then(|process| process.space().ok()) else { return memory };
        let space = space.lock();
        for Mapped { range, rights, shared, .. } in space.areas() {
            let length = range.end - range.start;
            memory.mapped += length;
            if rights.contains(Rights::EXECUTE) {
                memory.text += length;
            }
            if rights.contains(Rights::WRITE) && !shared && range.end != USER_END {
                memory.data += length;
            }
        }
        (memory.pages, memory.pages_max) = (space.pages(), space.pages_max());
        memory
    }
}

/// In pages: mapped, there, of them shared with files (which nobody counts), text, 0, data, 0.
pub(super) fn statm(subject: Subject) -> Result<String> {
    let memory = Memory::of(subject.process()?.as_ref());
    let [mapped, text, data] = [memory.mapped, memory.text, memory.data].map(|bytes| bytes / PAGE_SIZE as u64);
    Ok(format!("{mapped} {} 0 {text} 0 {data} 0\n", memory.pages))
}

pub(super) fn limits(subject: Subject) -> Result<String> {
    let limits = subject.process()?.map_or_else(Limits::default, |process| process.limits());
    let shown = |limit: u64| if limit == UNLIMITED { "unlimited".to_string() } else { limit.to_string() };
    let line = |name: &str, now: &str, most: &str, unit: &str| format!("{name:<25} {now:<20} {most:<20} {unit:<10}\n");
    let mut text = line("Limit", "Soft Limit", "Hard Limit", "Units");
    for ((name, unit), limit) in NAMES.iter().zip(limits.all()) {
        text += &line(name, &shown(limit.now), &shown(limit.most), unit);
    }
    Ok(text)
}
