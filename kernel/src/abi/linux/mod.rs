//! Linux's system calls on x86_64, for programs that know nothing of this kernel.
//!
//! | file | subject |
//! |---|---|
//! | `table` | which number is which call |
//! | [`call`] | one call: its arguments, and the answer |
//! | `flags`, `structures` | numbers and layouts of Linux's interface |
//! | `descriptors`, `owners` | numbers of open files; who is sent a signal by one |
//! | `transfer`, `pieces`, `splicing` | reading and writing; moving by way of a pipe |
//! | `polling`, `selecting`, `events` | waiting until one of many files can be read or written |
//! | `sockets`, `socket_options` | sockets: how they come together, settings |
//! | `messages`, `message_rows` | sending and receiving by sockets |
//! | `timers`, `handles` | times, processes and signals as open files |
//! | `cloning` | files that share content |
//! | `locks`, `watches` | advisory locks on files; who is told of what happens to them |
//! | `names` | opening, making, moving, removing and listing names |
//! | `file_handles` | what a file is called whatever becomes of its name, and opening it by that |
//! | `attributes`, `xattrs`, `file_flags` | what is known of a file, what it is marked with |
//! | `mounts` | mounting, the root, and the figures of file systems |
//! | `namespaces` | mounts of one's own, and going to those of others |
//! | `mounting` | mounts made step by step |
//! | `mount_numbers` | what is known of mounts, by their numbers |
//! | `memory`, `memory_locks`, `advice`, `foreign_memory` | mappings and the heap; what is said of them; those of others |
//! | `beginnings`, `processes` | beginning processes and threads; other programs, ending |
//! | `identity`, `signals` | which and where; signals |
//! | `futexes`, `futex_rows`, `ordering` | waiting for words of memory; who has seen what of it |
//! | `credentials` | users, groups, capabilities |
//! | `jobs`, `alarms`, `posix_timers` | groups and sessions; timers that send a signal |
//! | `terminals` | what a terminal is told |
//! | `waiting` | what becomes of children |
//! | `clocks`, `machine` | times; the machine, its names, log and end |
//! | `limits`, `usage`, `scheduling`, `policies` | how much one may have, has used, and gets of the processor |
//! | [`page`] | the page for users that says which calls are there |
//! | `system`, `prctl` | what a thread or process sets of itself |
//!
//! What a call does not know it refuses: flags with `EINVAL`, a call that is not there with `ENOSYS`, noted once in
//! the log. Every address is checked where it is used (`EFAULT`).

mod advice;
mod alarms;
mod attributes;
mod beginnings;
pub mod call;
mod clocks;
mod cloning;
mod credentials;
mod descriptors;
mod events;
mod file_flags;
mod file_handles;
pub mod flags;
mod foreign_memory;
mod futex_rows;
mod futexes;
mod handles;
mod identity;
mod jobs;
mod leases;
mod limits;
mod locks;
pub mod machine;
mod memory;
mod memory_locks;
mod message_rows;
mod messages;
mod mount_numbers;
mod mounting;
mod mounts;
mod names;
mod namespaces;
mod ordering;
mod owners;
pub mod page;
mod pieces;
mod policies;
mod polling;
mod posix_timers;
mod prctl;
mod processes;
mod scheduling;
mod selecting;
mod signals;
mod socket_options;
mod sockets;
mod splicing;
mod structures;
mod system;
mod table;
mod terminals;
mod timers;
mod transfer;
pub mod usage;
mod waiting;
mod watches;
mod xattrs;

use core::sync::atomic::{AtomicU64, Ordering};

use vfs::error::FileSystemErrorKind;

use self::call::Call;
use crate::arch::trap::TrapFrame;
use crate::arch::{interrupts, user};
use crate::log;
use crate::task::signal::delivery::{Interrupted, Restart, before_user_mode};
use crate::task::{self, process, scheduler};

/// Called by the entry of system calls with the program's registers; whether it must go back by `iret`.
#[unsafe(no_mangle)]
extern "C" fn system_call_dispatch(frame: &mut TrapFrame) -> bool {
    task::usage::enter_kernel();
    interrupts::enable();
    let interrupted = answer(frame);
    interrupts::disable();
    before_user_mode(frame, interrupted);
    !user::returns_plainly(frame)
}

/// Does what is asked; says so if a signal has interrupted it. What it holds is let go of before the process may end.
fn answer(frame: &mut TrapFrame) -> Option<Interrupted> {
    let thread = scheduler::current();
    let process = &thread.user()?.process;
    let number = frame.rax;
    let arguments = [frame.rdi, frame.rsi, frame.rdx, frame.r10, frame.r8, frame.r9];
    let result = match table::function(number) {
        Some(function) => function(&mut Call { process, frame, arguments }),
        None => {
            note_missing(number, process);
            Err(FileSystemErrorKind::NotImplemented.into())
        }
    };
    match result {
        // Another program has begun, or goes on where a handler had interrupted it: the registers are its own.
        Ok(_) if frame.vector != user::SYSTEM_CALL => None,
        Ok(value) => {
            frame.rax = value;
            None
        }
        Err(error) => {
            frame.rax = i64::from(-error.errno()) as u64;
            let user = thread.user().filter(|_| error.kind() == FileSystemErrorKind::Interrupted)?;
            let (restart, number) = signals::restart(number, &arguments);
            let restart = if user.take_final() { Restart::Never } else { restart };
            user.is_interrupted().then_some(Interrupted { number, restart })
        }
    }
}

/// Numbers from here on are noted as one.
const NOTED: usize = 512;

/// Notes in the log that a call is missing, the first time.
fn note_missing(number: u64, process: &process::Process) {
    static SEEN: [AtomicU64; NOTED / 64] = [const { AtomicU64::new(0) }; NOTED / 64];
    let place = usize::try_from(number).unwrap_or(NOTED).min(NOTED - 1);
    let bit = 1 << (place % 64);
    if SEEN[place / 64].fetch_or(bit, Ordering::Relaxed) & bit == 0 {
        let name = table::find(number).map_or("which Linux does not have either", |entry| entry.name);
        log!("{} ({}): no system call {number}, {name}", process.name().escape_ascii(), process.pid());
    }
}

#[cfg(test)]
mod tests;
