//! Ending: power off, reboot, or an exit code for the emulator.

use core::arch::asm;

use x86_64::instructions::port::Port;

use super::acpi;
use x86_64::instructions::{hlt, interrupts};

/// What the emulator is told through its debug-exit device. Its process then exits with twice the value plus one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Code {
    /// Ended in order (33 on the host).
    InOrder = 0x10,
    /// A panic or an exception in the kernel (35 on the host).
    Panic = 0x11,
    /// The tests ended; what they found is in their output (37 on the host).
    #[cfg(test)]
    Tests = 0x12,
}

/// QEMU's `isa-debug-exit`, at the address the runner gives it.
const DEBUG_EXIT: u16 = 0xf4;
/// ACPI's PM1a control register where QEMU's machines have it, and the value for "sleep type 0, now": off.
const PM1A_CONTROL: u16 = 0x604;
const PM1A_POWER_OFF: u16 = 0x2000;
/// The chipset's reset control, and the value for a full reset.
const RESET_CONTROL: u16 = 0xcf9;
const RESET_FULL: u8 = 0x06;
/// The keyboard controller, and its command to pull the processor's reset line.
const KEYBOARD_COMMAND: u16 = 0x64;
const KEYBOARD_RESET: u8 = 0xfe;

/// Ends with `code` when the emulator has the device for it; powers off otherwise.
pub fn with_code(code: Code) -> ! {
    // SAFETY: nothing else answers at this port on a PC; the write ends the machine or does nothing.
    unsafe { Port::new(DEBUG_EXIT).write(code as u32) };
    power_off()
}

/// Switches the machine off: as the firmware says, else as QEMU's machines want it. Stops the processor where that
/// has no effect.
pub fn power_off() -> ! {
    acpi::power_off();
    // SAFETY: QEMU's machines have the power register here; elsewhere the write does nothing.
    unsafe { Port::new(PM1A_CONTROL).write(PM1A_POWER_OFF) };
    stop()
}

/// Resets the machine.
pub fn reboot() -> ! {
    // SAFETY: both writes reset the machine or do nothing.
    unsafe {
        Port::new(RESET_CONTROL).write(RESET_FULL);
        Port::new(KEYBOARD_COMMAND).write(KEYBOARD_RESET);
    }
    stop()
}

/// Resets the machine the hard way: an exception with nobody to take it.
pub fn triple_fault() -> ! {
    let no_table = [0u8; 10];
    // SAFETY: with an interrupt table of no entries, the exception that follows resets the machine: nothing runs after it.
    unsafe { asm!("lidt [{}]", "ud2", in(reg) &no_table, options(noreturn)) }
}

fn stop() -> ! {
    loop {
        interrupts::disable();
        hlt();
    }
}
