//! What programs pay: a small static one makes real system calls and reads the time-stamp counter itself, so that the
//! way into the kernel and out of it is in every figure. Linux's figures beside these in `BENCHMARKS.md` are of a
//! program that does the same.
//!
//! Each measurement is a program of its own: it takes the least of five rounds, and writes what one turn costs to its
//! standard output.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::arch::global_asm;

use vfs::context::Context;
use vfs::file::OpenFlags;
use vfs::manager::{Follow, VfsManager};

use super::file_systems::beds;
use super::row;
use crate::bench;
use crate::task::exec::{self, Prepared};
use crate::task::files::{Descriptor, Files};
use crate::task::making;
use crate::task::number::Number;
use crate::task::place::Place;
use crate::task::process::Ending;

global_asm!(
    r#"
    .section .rodata
    .balign 16
.global bench_code
bench_code:
.macro ROUNDS turns             # rbx counts turns, r15 rounds; r14 is the least so far, r12 stays
    mov r14, -1
    mov r15d, 5
800: mov ebx, \turns
    rdtsc
    shl rdx, 32
    or rax, rdx
    mov r13, rax
801:
.endm
.macro END turns
    dec ebx
    jnz 801b
    rdtsc
    shl rdx, 32
    or rax, rdx
    sub rax, r13
    cmp rax, r14
    cmovb r14, rax
    dec r15d
    jnz 800b
    xor edx, edx
    mov rax, r14
    mov ecx, \turns
    div rcx
    jmp bench_report
.endm
.macro CALL number
    mov eax, \number
    syscall
.endm

bench_report:                   # writes rax, and ends
    mov [0x600000], rax
    mov edi, 1
    mov esi, 0x600000
    mov edx, 8
    CALL 1
    xor edi, edi
    CALL 231

bench_failed:
    mov edi, 1
    CALL 231

.global bench_getppid
bench_getppid:
    ROUNDS 1000
    CALL 110
    END 1000

.global bench_clock_by_call
bench_clock_by_call:
    ROUNDS 1000
    mov edi, 1
    mov esi, 0x601000
    CALL 228
    END 1000

.global bench_clock
bench_clock:                    # by the first function of the kernel's shared object, of which the stack tells
    mov rsi, [rsp]
    lea rsi, [rsp + 8 * rsi + 16]
802: add rsi, 8
    cmp qword ptr [rsi - 8], 0
    jne 802b
803: mov r12, [rsi + 8]         # its address
    add rsi, 16
    cmp qword ptr [rsi - 16], 33
    jne 803b
    mov rsi, [r12 + 64 + 56 + 8]
    add rsi, r12
804: mov rdi, [rsi + 8]         # its symbols, of which the first is none
    add rsi, 16
    cmp qword ptr [rsi - 16], 6
    jne 804b
    add r12, [r12 + rdi + 24 + 8]
    ROUNDS 1000
    mov edi, 1
    mov esi, 0x601000
    call r12
    END 1000

.global bench_sched_yield
bench_sched_yield:
    ROUNDS 1000
    CALL 24
    END 1000

.macro BEGIN name, number
.global bench_\name
bench_\name:
    ROUNDS 20
    CALL \number
    test eax, eax
    jz bench_child
    js bench_failed
    mov rdi, -1
    xor esi, esi
    xor edx, edx
    xor r10d, r10d
    CALL 61
    END 20
.endm
    BEGIN fork, 57
    BEGIN vfork, 58

bench_child:
    xor edi, edi
    CALL 60

.global bench_execute
bench_execute:                  # the program at [0x600200], with the arguments at 0x600100
    ROUNDS 10
    CALL 58
    test eax, eax
    jnz 2f
    mov rdi, [0x600100]
    mov esi, 0x600100
    mov edx, 0x600118
    CALL 59
    mov edi, 127
    CALL 60
2:  js bench_failed
    mov rdi, -1
    mov esi, 0x600300
    xor edx, edx
    xor r10d, r10d
    CALL 61
    cmp dword ptr [0x600300], 0
    jne bench_failed
    END 10

.global bench_pipe
bench_pipe:                     # there by the pipe at 0x600300, back by that at 0x600308
    mov edi, 0x600300
    CALL 22
    mov edi, 0x600308
    CALL 22
    CALL 57
    test eax, eax
    jz 3f
    ROUNDS 200
    mov edi, [0x600304]
    mov esi, 0x600310
    mov edx, 1
    CALL 1
    mov edi, [0x600308]
    mov esi, 0x600310
    mov edx, 1
    CALL 0
    cmp eax, 1
    jne bench_failed
    END 200
3:  mov edi, [0x600304]         # the other end: what comes goes back, until nobody writes any more
    CALL 3
4:  mov edi, [0x600300]
    mov esi, 0x600310
    mov edx, 1
    CALL 0
    cmp eax, 1
    jne bench_child
    mov edi, [0x60030c]
    mov esi, 0x600310
    mov edx, 1
    CALL 1
    jmp 4b

.global bench_map
bench_map:                      # 16 KiB, of which two pages are touched
    ROUNDS 100
    xor edi, edi
    mov esi, 16384
    mov edx, 3
    mov r10d, 0x22
    mov r8, -1
    xor r9d, r9d
    CALL 9
    test rax, rax
    js bench_failed
    mov byte ptr [rax], 1
    mov byte ptr [rax + 4096], 1
    mov rdi, rax
    mov esi, 16384
    CALL 11
    END 100

bench_open:                     # the file at 0x600220, to r12
    mov edi, 0x600220
    mov esi, 2
    xor edx, edx
    CALL 2
    test rax, rax
    js bench_failed
    mov r12, rax
    ret

.macro TRANSFER name, number, size
.global bench_\name
bench_\name:
    call bench_open
    ROUNDS 200
    mov rdi, r12
    mov esi, 0x601000
    mov edx, \size
    xor r10d, r10d
    CALL \number
    cmp eax, \size
    jne bench_failed
    END 200
.endm
    TRANSFER read_page, 17, 4096
    TRANSFER read_64, 17, 64
    TRANSFER write_page, 18, 4096
    TRANSFER write_64, 18, 64

.macro STAT name, path, answer
.global bench_\name
bench_\name:
    ROUNDS 200
    mov edi, \path
    mov esi, 0x601000
    CALL 4
    cmp eax, \answer
    jne bench_failed
    END 200
.endm
    STAT stat_deep, 0x600240, 0
    STAT stat_top, 0x600260, 0
    STAT stat_missing, 0x600280, -2

.global bench_open_close
bench_open_close:
    ROUNDS 200
    mov edi, 0x600240
    xor esi, esi
    CALL 2
    test rax, rax
    js bench_failed
    mov rdi, rax
    CALL 3
    END 200
.global bench_code_end
bench_code_end:
    .text
    "#
);

unsafe extern "C" {
    static bench_code: u8;
    static bench_code_end: u8;
    static bench_getppid: u8;
    static bench_clock_by_call: u8;
    static bench_clock: u8;
    static bench_sched_yield: u8;
    static bench_fork: u8;
    static bench_vfork: u8;
    static bench_execute: u8;
    static bench_pipe: u8;
    static bench_map: u8;
    static bench_read_page: u8;
    static bench_read_64: u8;
    static bench_write_page: u8;
    static bench_write_64: u8;
    static bench_stat_deep: u8;
    static bench_stat_top: u8;
    static bench_stat_missing: u8;
    static bench_open_close: u8;
}

const CODE: u64 = 0x40_0000;
const DATA: u64 = 0x60_0000;
const DATA_SIZE: u64 = 0x1_0000;

/// Where in its data the program finds its texts: those of `execve`'s vectors, then paths.
const TEXTS: [(u64, &[u8]); 6] = [
    (0x200, b"/bin/busybox\0true\0"),
    (0x220, b"d/file\0"),
    (0x240, b"d/d/d/d/d/d/d/d/f\0"),
    (0x260, b"d\0"),
    (0x280, b"d/missing\0"),
    (0x100, &VECTOR),
];

/// `/bin/busybox true`, as a vector of addresses.
const VECTOR: [u8; 24] = {
    let mut bytes = [0; 24];
    let words = [DATA + 0x200, DATA + 0x20d, 0];
    let mut at = 0;
    while at < 24 {
        bytes[at] = words[at / 8].to_le_bytes()[at % 8];
        at += 1;
    }
    bytes
};

/// The program that begins at that label, as a file.
fn program(entry: *const u8) -> Vec<u8> {
    // SAFETY: both are labels of one piece of constant memory, in this order.
    let code = unsafe {
        let (start, end) = (&raw const bench_code, &raw const bench_code_end);
        core::slice::from_raw_parts(start, end.offset_from_unsigned(start))
    };
    let mut data = [0].repeat(0x300);
    for (at, text) in TEXTS {
        data[at as usize..at as usize + text.len()].copy_from_slice(text);
    }
    let (read, write, execute) = (4, 2, 1);
    let parts = [(CODE, read | execute, code.to_vec(), code.len() as u64), (DATA, read | write, data, DATA_SIZE)];
    making::file(CODE + (entry as u64 - &raw const bench_code as u64), &parts)
}

/// Runs the program that begins at that label, and prints what it found.
fn measure(name: &str, entry: *const u8, manager: &Arc<VfsManager>, context: &Context) {
    let write = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE;
    let root = manager.root_context();
    let open = |path: &[u8], flags, mode| {
        manager.open(&root, path, flags, mode).unwrap_or_else(|error| panic!("{name}: {error:?}"))
    };
    let file = program(entry);
    assert_eq!(open(b"/program", write, 0o755).write(&root.credentials, &mut &file[..]), Ok(file.len()));
    let out = open(b"/out", write, 0o644);
    let files = Files::default();
    for _ in 0..3 {
        assert!(files.add(Descriptor { file: out.clone(), close_on_exec: false }, 0).is_ok());
    }
    let place = Place::new(manager.clone(), context.clone());
    let number = Number::new().unwrap_or_else(|error| panic!("{name}: {error:?}"));
    let process = exec::prepare(number, place, b"/program", [b"program".to_vec()].into(), &[], files);
    let process = process.and_then(Prepared::begin);
    let process = process.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    assert_eq!(process.wait(), Ending::Exited(0), "{name}");
    let mut cost = [0; 8];
    assert_eq!(open(b"/out", OpenFlags::READ, 0).read(&mut &mut cost[..]), Ok(8), "{name}");
    row(name, u64::from_le_bytes(cost), "instructions");
}

bench! {
    fn calls_and_processes() {
        let [(_, bed, _), ..] = beds();
        for (name, entry) in [
            ("getppid", &raw const bench_getppid),
            ("clock_gettime by a call", &raw const bench_clock_by_call),
            ("clock_gettime", &raw const bench_clock),
            ("sched_yield, alone", &raw const bench_sched_yield),
            ("fork + exit + wait", &raw const bench_fork),
            ("vfork + exit + wait", &raw const bench_vfork),
            ("pipe, one byte there and back", &raw const bench_pipe),
            ("mmap 16 KiB, touch 2 pages, munmap", &raw const bench_map),
        ] {
            measure(name, entry, &bed.vfs, &bed.root);
        }
    }

    fn calls_on_files() {
        for (bed_name, bed, top) in beds() {
            bed.write(&format!("{top}/d/file"), 0, &[7; 4096]);
            let mut context = bed.root.clone();
            assert!(bed.vfs.change_directory(&mut context, top.as_bytes()).is_ok());
            for (name, entry) in [
                ("pread of 4096 bytes", &raw const bench_read_page),
                ("pread of 64 bytes", &raw const bench_read_64),
                ("pwrite of 4096 bytes", &raw const bench_write_page),
                ("pwrite of 64 bytes", &raw const bench_write_64),
                ("stat, depth 9, warm", &raw const bench_stat_deep),
                ("stat, depth 1, warm", &raw const bench_stat_top),
                ("stat of a missing name, warm", &raw const bench_stat_missing),
                ("open + close, depth 9", &raw const bench_open_close),
            ] {
                measure(&format!("call: {name}: {bed_name}"), entry, &bed.vfs, &context);
            }
        }
    }

    /// On the root that the machine was booted with, if BusyBox is there.
    fn execute() {
        let root = crate::root::mount(super::initramfs(), crate::session::environment());
        let context = root.manager.root_context();
        if root.manager.resolve(&context, b"/bin/busybox", Follow::Yes).is_ok() {
            let name = "vfork + execve of BusyBox `true` + wait";
            measure(name, &raw const bench_execute, &root.manager, &context);
        }
    }
}
