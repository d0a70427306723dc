//! What exceptions and ticks in user mode come to, and faults of the kernel at a program's memory.

use super::process::Ending;
use super::signal::delivery::before_user_mode;
use super::signal::{Information, Signal};
use super::thread::UserSide;
use super::{scheduler, usage};
use crate::arch::interrupts;
use crate::arch::trap::{Exception, PageFault, TrapFrame};
use crate::arch::user_copy::Patience;
use crate::log;
use crate::mm::space::Failure;

/// Called at a tick that came in user mode. Interrupts are off.
pub fn on_tick(frame: &mut TrapFrame) {
    usage::enter_kernel();
    let departures = departures();
    scheduler::on_tick();
    to_user_mode(frame, departures);
}

/// Called on an exception in user mode. Interrupts are off.
pub fn on_exception(frame: &mut TrapFrame) {
    usage::enter_kernel();
    let departures = departures();
    let exception = frame.exception();
    interrupts::enable();
    let thread = scheduler::current();
    if let Some(user) = thread.user() {
        handle(user, frame, exception);
    }
    drop(thread);
    interrupts::disable();
    to_user_mode(frame, departures);
}

/// How often others have run in the running thread's place.
fn departures() -> u64 {
    scheduler::current().user().map_or(0, UserSide::departures)
}

/// Lets the running thread go on where it was interrupted, when it had left the processor so often: unless it has done so
/// again, and was in a sequence that others must not interrupt.
fn to_user_mode(frame: &mut TrapFrame, mut departures: u64) {
    loop {
        before_user_mode(frame, None);
        let thread = scheduler::current();
        let Some(user) = thread.user() else { return };
        if user.departures() == departures || user.rseq().is_none() {
            return;
        }
        departures = user.departures();
        interrupts::enable();
        user.leave_piece_to_others(frame);
        interrupts::disable();
    }
}

fn handle(user: &UserSide, frame: &TrapFrame, exception: Exception) {
    let process = &user.process;
    let (address, failure) = match exception {
        Exception::Page(fault) => match resolve(user, fault, Patience::Waits) {
            Ok(()) => return,
            Err(failure) => (fault.address, Some(failure)),
        },
        _ => (0, None),
    };
    user.note_exception([frame.error_code, frame.vector, address]);
    let is_handled = match failure {
        // Nothing that the program can do something about.
        Some(Failure::OutOfMemory) => {
            process.end(Ending::Killed(Signal::KILL));
            false
        }
        Some(failure) => user.force(of_page(failure, address)),
        None => user.force(of_instruction(user, frame, exception)),
    };
    if !is_handled {
        let (name, pid) = (process.name(), process.pid());
        log!("{} ({pid}): {exception:x?} at {:#x}, stack at {:#x}", name.escape_ascii(), frame.rip, frame.rsp);
    }
}

/// What a program is told of an access that cannot be (`SEGV_MAPERR`, `SEGV_ACCERR`, `BUS_ADRERR`).
fn of_page(failure: Failure, address: u64) -> Information {
    match failure {
        Failure::NotMapped | Failure::Guarded | Failure::OutOfMemory => {
            Information::of_fault(Signal::SEGMENTATION, 1, address)
        }
        Failure::NotAllowed => Information::of_fault(Signal::SEGMENTATION, 2, address),
        Failure::BehindEnd | Failure::Busy => Information::of_fault(Signal::BUS, 2, address),
    }
}

/// What a program is told of an instruction that cannot be (`FPE_INTDIV`, `ILL_ILLOPN`, `TRAP_TRACE`, `BUS_ADRALN`).
fn of_instruction(user: &UserSide, frame: &TrapFrame, exception: Exception) -> Information {
    match exception {
        Exception::Division => Information::of_fault(Signal::ARITHMETIC, 1, frame.rip),
        Exception::FloatingPoint { of_vectors } => {
            let exceptions = user.copy_floating_point().exceptions(of_vectors);
            Information::of_fault(Signal::ARITHMETIC, floating_point_code(exceptions), frame.rip)
        }
        Exception::IllegalInstruction => Information::of_fault(Signal::ILLEGAL, 2, frame.rip),
        Exception::Step => Information::of_fault(Signal::TRAP, 2, frame.rip),
        Exception::Breakpoint => Information::of_kernel(Signal::TRAP),
        Exception::Alignment => Information::of_fault(Signal::BUS, 1, 0),
        Exception::Protection | Exception::Page(_) => Information::of_kernel(Signal::SEGMENTATION),
    }
}

/// `si_code` of floating-point exceptions, by their bits: invalid, denormal, by zero, overflow, underflow, inexact.
fn floating_point_code(exceptions: u32) -> i32 {
    match exceptions.trailing_zeros() {
        0 => 7,
        2 => 3,
        3 => 4,
        1 | 4 => 5,
        5 => 6,
        _ => 0,
    }
}

fn resolve(user: &UserSide, fault: PageFault, patience: Patience) -> Result<(), Failure> {
    usage::note_fault(user);
    match user.process.space() {
        Ok(space) if patience == Patience::Waits => space.bring(fault),
        Ok(space) => space.lock().fault(fault),
        // Without an address space nothing is mapped.
        Err(_) => Err(Failure::NotMapped),
    }
}

/// Called on a fault of the kernel at user memory; whether the access can be tried again.
pub fn on_kernel_fault(fault: PageFault, patience: Patience) -> bool {
    scheduler::current().user().is_some_and(|user| resolve(user, fault, patience).is_ok())
}
