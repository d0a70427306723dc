//! Segments, and the stacks that the processor switches to by itself.
//!
//! The order of the segments is the one `syscall` and `sysret` want: kernel code, kernel data, user data, user code.
//!
//! Three exceptions have a stack of their own, because they may come when the current one is no good: the double
//! fault (a kernel stack that ran into its guard page), the non-maskable interrupt and the machine check. Under each
//! lies a guard page, which the final page tables leave unmapped ([`guard_pages`]).

use core::cell::UnsafeCell;

use spin::Once;
use x86_64::VirtAddr;
use x86_64::instructions::segmentation::{CS, DS, ES, SS, Segment};
use x86_64::instructions::tables::load_tss;
use x86_64::structures::gdt::{Descriptor, GlobalDescriptorTable, SegmentSelector};
use x86_64::structures::tss::TaskStateSegment;

const PAGE: usize = 4096;
const STACK_SIZE: usize = 16 * 1024;

/// The double fault's place in the interrupt stack table.
pub(super) const DOUBLE_FAULT_STACK: u16 = 0;
/// The non-maskable interrupt's place.
pub(super) const NMI_STACK: u16 = 1;
/// The machine check's place.
pub(super) const MACHINE_CHECK_STACK: u16 = 2;

const STACKS: usize = 3;

/// The kernel's code, as `syscall` loads it; the data segment is the next.
pub(super) const KERNEL_CODE: u16 = 0x08;
/// Selectors of user mode, with its privilege level. `sysret` wants data before code.
pub(super) const USER_DATA: u16 = 0x18 | 3;
/// As [`USER_DATA`].
pub(super) const USER_CODE: u16 = 0x20 | 3;

/// A stack with a page under it that is not to be mapped.
#[repr(C, align(4096))]
struct GuardedStack {
    guard: [u8; PAGE],
    stack: UnsafeCell<[u8; STACK_SIZE]>,
}

// SAFETY: only the processor uses the stacks, and there is one processor.
unsafe impl Sync for GuardedStack {}

static EXCEPTION_STACKS: [GuardedStack; STACKS] =
    [const { GuardedStack { guard: [0; PAGE], stack: UnsafeCell::new([0; STACK_SIZE]) } }; STACKS];

/// The task state, of which the processor reads the stacks.
struct TaskState(UnsafeCell<TaskStateSegment>);

// SAFETY: changed by one field's write with interrupts off, and only there; there is one processor.
unsafe impl Sync for TaskState {}

static TASK_STATE: TaskState = TaskState(UnsafeCell::new(TaskStateSegment::new()));
static TABLE: Once<Table> = Once::new();

struct Table {
    table: GlobalDescriptorTable,
    kernel_code: SegmentSelector,
    kernel_data: SegmentSelector,
    task_state: SegmentSelector,
}

/// Loads the segments and the exceptions' stacks.
pub(super) fn init() {
    // SAFETY: the processor does not know the segment yet, and nothing else looks at it while this runs.
    let segment = unsafe { &mut *TASK_STATE.0.get() };
    for (index, stack) in EXCEPTION_STACKS.iter().enumerate() {
        let top = VirtAddr::from_ptr(stack.stack.get()) + STACK_SIZE as u64;
        segment.interrupt_stack_table[index] = top;
    }
    let table = TABLE.call_once(|| {
        let mut table = GlobalDescriptorTable::new();
        let kernel_code = table.append(Descriptor::kernel_code_segment());
        let kernel_data = table.append(Descriptor::kernel_data_segment());
        let user_data = table.append(Descriptor::user_data_segment());
        let user_code = table.append(Descriptor::user_code_segment());
        assert!(user_data.0 == USER_DATA && user_code.0 == USER_CODE && kernel_code.0 == KERNEL_CODE);
        // SAFETY: the segment is static; only its first stack changes, which the processor reads when it enters the
        // kernel from user mode.
        let task_state = table.append(unsafe { Descriptor::tss_segment_unchecked(TASK_STATE.0.get()) });
        Table { table, kernel_code, kernel_data, task_state }
    });
    table.table.load();
    // SAFETY: the selectors are of the table just loaded, which is static; its segments are flat, as the ones before
    // were.
    unsafe {
        CS::set_reg(table.kernel_code);
        SS::set_reg(table.kernel_data);
        DS::set_reg(table.kernel_data);
        ES::set_reg(table.kernel_data);
        load_tss(table.task_state);
    }
}

/// Lets the processor begin at `top` when an interrupt or exception comes in user mode. Interrupts must be off.
pub(super) fn set_kernel_stack(top: u64) {
    let segment = TASK_STATE.0.get();
    // SAFETY: the segment is static, and the processor reads this field only in user mode.
    unsafe { (&raw mut (*segment).privilege_stack_table[0]).write_unaligned(VirtAddr::new(top)) };
}

/// The addresses of the pages that must not be mapped: one under each exception's stack.
pub fn guard_pages() -> impl Iterator<Item = u64> {
    EXCEPTION_STACKS.iter().map(|stack| stack.guard.as_ptr() as u64)
}
