//! What the common entry saves, and what is done about it.

use core::fmt;

use x86_64::registers::control::{Cr2, Cr3};

use super::{interrupts, pic, probe};

/// The interrupted program's registers, in the order the entry pushes them (last pushed first).
#[derive(Clone, Debug)]
#[repr(C)]
#[expect(missing_docs, reason = "the registers are the processor's own names")]
pub struct TrapFrame {
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rbp: u64,
    pub rdi: u64,
    pub rsi: u64,
    pub rdx: u64,
    pub rcx: u64,
    pub rbx: u64,
    pub rax: u64,
    pub vector: u64,
    pub error_code: u64,
    pub rip: u64,
    pub cs: u64,
    pub rflags: u64,
    pub rsp: u64,
    pub ss: u64,
}

const VECTOR_BREAKPOINT: u64 = 3;
const VECTOR_GENERAL_PROTECTION: u64 = 13;
const VECTOR_PAGE_FAULT: u64 = 14;
const FIRST_DEVICE_VECTOR: u64 = pic::FIRST_VECTOR as u64;
const LAST_DEVICE_VECTOR: u64 = FIRST_DEVICE_VECTOR + pic::LINES as u64 - 1;

/// The exceptions' short and long names (Intel SDM volume 3, table 6-1).
const EXCEPTIONS: [(&str, &str); 32] = [
    ("#DE", "divide error"),
    ("#DB", "debug"),
    ("NMI", "non-maskable interrupt"),
    ("#BP", "breakpoint"),
    ("#OF", "overflow"),
    ("#BR", "bound range exceeded"),
    ("#UD", "invalid opcode"),
    ("#NM", "device not available"),
    ("#DF", "double fault"),
    ("#9", "reserved"),
    ("#TS", "invalid task state segment"),
    ("#NP", "segment not present"),
    ("#SS", "stack segment fault"),
    ("#GP", "general protection"),
    ("#PF", "page fault"),
    ("#15", "reserved"),
    ("#MF", "x87 floating-point error"),
    ("#AC", "alignment check"),
    ("#MC", "machine check"),
    ("#XM", "SIMD floating-point error"),
    ("#VE", "virtualization"),
    ("#CP", "control protection"),
    ("#22", "reserved"),
    ("#23", "reserved"),
    ("#24", "reserved"),
    ("#25", "reserved"),
    ("#26", "reserved"),
    ("#27", "reserved"),
    ("#HV", "hypervisor injection"),
    ("#VC", "VMM communication"),
    ("#SX", "security"),
    ("#31", "reserved"),
];

/// Called by the common entry with what it saved. What is changed in `frame` is what the program goes on with.
#[unsafe(no_mangle)]
extern "C" fn interrupt_dispatch(frame: &mut TrapFrame) {
    match frame.vector {
        FIRST_DEVICE_VECTOR..=LAST_DEVICE_VECTOR => {
            let line = (frame.vector - FIRST_DEVICE_VECTOR) as u8;
            interrupts::on_line(line);
            if line == super::pit::LINE {
                crate::time::on_tick(frame);
            }
        }
        VECTOR_BREAKPOINT => crate::log!("breakpoint at {:#x}", frame.rip),
        VECTOR_PAGE_FAULT | VECTOR_GENERAL_PROTECTION => {
            if !probe::recover(frame) {
                crate::panic::on_exception(frame);
            }
        }
        _ => crate::panic::on_exception(frame),
    }
}

impl TrapFrame {
    /// What happened, on one line: `#PF page fault: write to 0x10, page not present`.
    pub fn cause(&self) -> Cause<'_> {
        Cause(self)
    }
}

/// Displays a trap's cause; see [`TrapFrame::cause`].
pub struct Cause<'a>(&'a TrapFrame);

impl fmt::Display for Cause<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let frame = self.0;
        let Some((short, long)) = EXCEPTIONS.get(frame.vector as usize) else {
            return write!(out, "unexpected interrupt {}", frame.vector);
        };
        write!(out, "{short} {long}")?;
        if frame.vector == VECTOR_PAGE_FAULT {
            let has = |bit: u64| frame.error_code & (1 << bit) != 0;
            let access = match (has(4), has(1)) {
                (true, _) => "execute",
                (false, true) => "write to",
                (false, false) => "read of",
            };
            let reason = match (has(3), has(0)) {
                (true, _) => "reserved bit set",
                (false, true) => "not allowed",
                (false, false) => "page not present",
            };
            let mode = if has(2) { "user" } else { "kernel" };
            write!(
                out,
                ": {access} {:#x} in {mode} mode, {reason}",
                Cr2::read_raw()
            )?;
        } else if frame.error_code != 0 {
            let table = match frame.error_code >> 1 & 0b11 {
                0b00 => "GDT",
                0b10 => "LDT",
                _ => "IDT",
            };
            write!(
                out,
                ": error code {:#x} ({table} entry {})",
                frame.error_code,
                frame.error_code >> 3
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for TrapFrame {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cr3, _) = Cr3::read_raw();
        writeln!(
            out,
            "  rip {:016x} cs {:04x} rflags {:08x} rsp {:016x} ss {:04x}",
            self.rip, self.cs, self.rflags, self.rsp, self.ss
        )?;
        writeln!(
            out,
            "  rax {:016x} rbx {:016x} rcx {:016x} rdx {:016x}",
            self.rax, self.rbx, self.rcx, self.rdx
        )?;
        writeln!(
            out,
            "  rsi {:016x} rdi {:016x} rbp {:016x} r8  {:016x}",
            self.rsi, self.rdi, self.rbp, self.r8
        )?;
        writeln!(
            out,
            "  r9  {:016x} r10 {:016x} r11 {:016x} r12 {:016x}",
            self.r9, self.r10, self.r11, self.r12
        )?;
        writeln!(
            out,
            "  r13 {:016x} r14 {:016x} r15 {:016x}",
            self.r13, self.r14, self.r15
        )?;
        writeln!(
            out,
            "  cr2 {:016x} cr3 {:016x} error {:x}",
            Cr2::read_raw(),
            cr3.start_address(),
            self.error_code
        )
    }
}
