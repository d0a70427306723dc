//! What exceptions and ticks in user mode come to, and faults of the kernel at a program's memory.

use super::process::{self, Ending, Process};
use super::scheduler;
use super::signal::Signal;
use crate::arch::interrupts;
use crate::arch::trap::{Exception, PageFault, TrapFrame};
use crate::log;
use crate::mm::space::Failure;

/// Called at a tick that came in user mode. Interrupts are off.
pub fn on_tick() {
    scheduler::give_way();
    end_if_told();
}

/// Called on an exception in user mode. Interrupts are off.
pub fn on_exception(frame: &TrapFrame) {
    let exception = frame.exception();
    interrupts::enable();
    if let Some(process) = process::current() {
        handle(&process, frame, exception);
    }
    interrupts::disable();
    end_if_told();
}

fn handle(process: &Process, frame: &TrapFrame, exception: Exception) {
    let signal = match exception {
        Exception::Page(fault) => match resolve(process, fault) {
            Ok(()) => return,
            Err(Failure::NotMapped) => Signal::SEGMENTATION,
            Err(Failure::BehindEnd) => Signal::BUS,
            Err(Failure::OutOfMemory) => Signal::KILL,
        },
        Exception::Arithmetic => Signal::ARITHMETIC,
        Exception::IllegalInstruction => Signal::ILLEGAL,
        Exception::Trap => Signal::TRAP,
        Exception::Alignment => Signal::BUS,
        Exception::Protection => Signal::SEGMENTATION,
    };
    let (name, pid) = (process.name(), process.pid());
    log!("{} ({pid}): {exception:x?} at {:#x}, stack at {:#x}", name.escape_ascii(), frame.rip, frame.rsp);
    process.end(Ending::Killed(signal));
}

fn resolve(process: &Process, fault: PageFault) -> Result<(), Failure> {
    match process.space() {
        Ok(space) => space.lock().fault(fault),
        // Without an address space nothing is mapped.
        Err(_) => Err(Failure::NotMapped),
    }
}

/// Called on a fault of the kernel at user memory; whether the access can be tried again.
pub fn on_kernel_fault(fault: PageFault) -> bool {
    process::current().is_some_and(|process| resolve(&process, fault).is_ok())
}

/// Ends the running process if it was told to. The caller holds nothing.
pub fn end_if_told() {
    let told = process::current().is_some_and(|process| process.is_to_end());
    if told {
        process::leave();
    }
}
