//! What the common entry saves, and what is done about it.

use core::fmt;

use x86_64::registers::control::{Cr2, Cr3};
use x86_64::registers::rflags::RFlags;

use super::{gdt, interrupts, pic, probe, user_copy};

/// The interrupted program's registers, in the order in which entries push them ([`save_registers`]; last pushed first).
#[derive(Clone, Debug, Default)]
#[repr(C)]
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

/// Instructions that push the registers which the processor does not, as [`TrapFrame`] has them.
macro_rules! save_registers {
    () => {
        "
    pushq %rax
    pushq %rbx
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %rbp
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
        "
    };
}

/// Instructions that take back what [`save_registers`] has pushed; no flag changes.
macro_rules! restore_registers {
    () => {
        "
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rbp
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rbx
    popq %rax
        "
    };
}

pub(super) use {restore_registers, save_registers};

const VECTOR_NMI: u64 = 2;
const VECTOR_BREAKPOINT: u64 = 3;
const VECTOR_DOUBLE_FAULT: u64 = 8;
const VECTOR_GENERAL_PROTECTION: u64 = 13;
const VECTOR_PAGE_FAULT: u64 = 14;
const VECTOR_MACHINE_CHECK: u64 = 18;
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
                if frame.is_of_user() {
                    crate::task::trap::on_tick(frame);
                }
            }
        }
        // These have stacks of their own and are the machine's trouble, whoever was running.
        VECTOR_NMI | VECTOR_DOUBLE_FAULT | VECTOR_MACHINE_CHECK => crate::panic::on_exception(frame),
        _ if frame.is_of_user() => crate::task::trap::on_exception(frame),
        VECTOR_BREAKPOINT => crate::log!("breakpoint at {:#x}", frame.rip),
        VECTOR_PAGE_FAULT | VECTOR_GENERAL_PROTECTION => {
            if !probe::recover(frame) && !user_copy::recover(frame) {
                crate::panic::on_exception(frame);
            }
        }
        _ => crate::panic::on_exception(frame),
    }
}

/// What an exception in user mode means for the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exception {
    /// A page could not be accessed.
    Page(PageFault),
    /// A division by zero, or one whose result does not fit.
    Division,
    /// A floating-point error, of a vector instruction or of an older one.
    FloatingPoint {
        /// Which of both.
        of_vectors: bool,
    },
    /// An instruction that does not exist or that programs may not execute as such.
    IllegalInstruction,
    /// A breakpoint.
    Breakpoint,
    /// A single step.
    Step,
    /// An access that was not aligned, and had to be.
    Alignment,
    /// Anything else that programs may not do.
    Protection,
}

/// An access that the page tables did not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageFault {
    /// Where.
    pub address: u64,
    /// What for.
    pub access: Access,
}

/// What an access is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To read.
    Read,
    /// To write.
    Write,
    /// To execute.
    Execute,
}

impl TrapFrame {
    /// Whether it was user mode that was interrupted.
    pub fn is_of_user(&self) -> bool {
        self.cs == u64::from(gdt::USER_CODE)
    }

    /// Whether interrupts were let in.
    pub fn had_interrupts(&self) -> bool {
        self.rflags & RFlags::INTERRUPT_FLAG.bits() != 0
    }

    /// What the exception means for the program that made it. To be asked before interrupts come in again.
    pub fn exception(&self) -> Exception {
        match self.vector {
            0 => Exception::Division,
            16 | 19 => Exception::FloatingPoint { of_vectors: self.vector == 19 },
            1 => Exception::Step,
            VECTOR_BREAKPOINT => Exception::Breakpoint,
            6 => Exception::IllegalInstruction,
            VECTOR_PAGE_FAULT => Exception::Page(self.page_fault()),
            17 => Exception::Alignment,
            _ => Exception::Protection,
        }
    }

    /// What a page fault was about. To be asked before another can come.
    pub(super) fn page_fault(&self) -> PageFault {
        let access = match (self.error_code & 1 << 4 != 0, self.error_code & 1 << 1 != 0) {
            (true, _) => Access::Execute,
            (false, true) => Access::Write,
            (false, false) => Access::Read,
        };
        PageFault { address: Cr2::read_raw(), access }
    }

    /// Whether it is a page fault.
    pub(super) fn is_page_fault(&self) -> bool {
        self.vector == VECTOR_PAGE_FAULT
    }

    /// The address that could not be accessed. A double fault has one too: it comes of a page fault when a stack has
    /// no room left.
    pub fn fault_address(&self) -> Option<u64> {
        matches!(self.vector, VECTOR_PAGE_FAULT | VECTOR_DOUBLE_FAULT).then(Cr2::read_raw)
    }

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
            write!(out, ": {access} {:#x} in {mode} mode, {reason}", Cr2::read_raw())?;
        } else if frame.error_code != 0 {
            let table = match frame.error_code >> 1 & 0b11 {
                0b00 => "GDT",
                0b10 => "LDT",
                _ => "IDT",
            };
            write!(out, ": error code {:#x} ({table} entry {})", frame.error_code, frame.error_code >> 3)?;
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
        writeln!(out, "  rax {:016x} rbx {:016x} rcx {:016x} rdx {:016x}", self.rax, self.rbx, self.rcx, self.rdx)?;
        writeln!(out, "  rsi {:016x} rdi {:016x} rbp {:016x} r8  {:016x}", self.rsi, self.rdi, self.rbp, self.r8)?;
        writeln!(out, "  r9  {:016x} r10 {:016x} r11 {:016x} r12 {:016x}", self.r9, self.r10, self.r11, self.r12)?;
        writeln!(out, "  r13 {:016x} r14 {:016x} r15 {:016x}", self.r13, self.r14, self.r15)?;
        writeln!(out, "  cr2 {:016x} cr3 {:016x} error {:x}", Cr2::read_raw(), cr3.start_address(), self.error_code)
    }
}

#[cfg(test)]
mod tests {
    use core::arch::asm;

    use crate::arch::{backtrace, interrupts, pit, probe};
    use crate::ktest;

    /// A frame of its own for the backtrace to find.
    #[inline(never)]
    fn count_frames() -> usize {
        let mut count = 0;
        backtrace::from_here(|_| count += 1);
        count
    }

    #[inline(never)]
    fn count_frames_one_deeper() -> usize {
        core::hint::black_box(count_frames())
    }

    ktest! {
        fn a_division_by_zero_is_reported() panics "#DE divide error" {
            // SAFETY: the exception ends the test.
            unsafe { asm!("xor edx, edx", "mov eax, 1", "xor ecx, ecx", "div ecx", out("eax") _, out("ecx") _, out("edx") _) };
        }

        fn an_invalid_instruction_is_reported() panics "#UD invalid opcode" {
            // SAFETY: the exception ends the test.
            unsafe { asm!("ud2") };
        }

        fn a_segment_that_does_not_exist_is_reported_with_its_number() panics "#GP general protection: error code 0x78 (GDT entry 15)" {
            // SAFETY: the exception ends the test.
            unsafe { asm!("mov ds, {0:x}", in(reg) 0x78u64) };
        }

        fn an_address_that_is_not_canonical_is_reported() panics "#GP general protection" {
            // SAFETY: the exception ends the test.
            unsafe { asm!("mov rax, [{}]", in(reg) 0x8000_0000_0000_0000u64, out("rax") _) };
        }

        fn a_write_to_a_missing_page_says_so() panics "write to 0x1000 in kernel mode, page not present" {
            // SAFETY: the exception ends the test.
            unsafe { asm!("mov byte ptr [{}], 1", in(reg) 0x1000u64) };
        }

        fn an_unexpected_vector_is_reported() panics "unexpected interrupt 200" {
            // SAFETY: the gate exists, and its handler ends the test.
            unsafe { asm!("int 200") };
        }

        /// All registers come back from a breakpoint as they were.
        fn a_breakpoint_is_logged_and_passed_over() {
            let (mut a, mut b): (u64, u64) = (0x1111_2222_3333_4444, 0x5555_6666_7777_8888);
            // SAFETY: the handler returns behind the instruction.
            unsafe { asm!("int3", inout("r12") a, inout("r9") b) };
            assert_eq!((a, b), (0x1111_2222_3333_4444, 0x5555_6666_7777_8888));
        }

        fn a_probe_reads_what_is_there_and_reports_what_is_not() {
            let value = 0x1234_5678_9abc_def0u64;
            assert_eq!(probe::read(&raw const value as u64), Some(value));
            assert_eq!(probe::read(0x10), None);
            assert_eq!(probe::read(0x8000_0000_0000_0000), None, "not canonical: another exception");
        }

        fn a_backtrace_finds_every_caller() {
            assert_eq!(count_frames_one_deeper(), count_frames() + 1);
            assert!(count_frames() >= 3);
        }

        fn interrupts_come_and_can_be_kept_out() {
            assert!(interrupts::are_enabled());
            let before = pit::ticks();
            while pit::ticks() == before {
                interrupts::without(interrupts::sleep);
            }
            interrupts::without(|| assert!(!interrupts::are_enabled()));
            assert!(interrupts::are_enabled());
            let (_, timer, name) = interrupts::counts().next().expect("the timer has a line");
            assert!(timer > 0);
            assert_eq!(name, "timer");
        }

        /// A message that panics while it is shown: the machine still ends, and says what happened.
        fn a_panic_inside_a_panic_ends_the_machine() panics "inside" {
            struct Treacherous;
            impl core::fmt::Display for Treacherous {
                fn fmt(&self, _: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                    panic!("inside")
                }
            }
            panic!("{}", Treacherous);
        }
    }
}
