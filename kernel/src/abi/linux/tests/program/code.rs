//! The code of the programs for tests: what makes the steps, and what else a step can do.

use core::arch::global_asm;

/// Where it lies.
pub const CODE: u64 = 0x40_0000;

global_asm!(
    r#"
    .section .rodata
    .balign 16
.global test_program
test_program:                   # A step: number or address, six arguments, which of them are places of values,
    mov r12d, 0x500000          # where the result goes, where to go on unless it is 0.
    mov r13, rsp
1:  mov rbx, [r12 + 56]
    mov rax, [r12]
    mov rdi, [r12 + 8]
    mov rsi, [r12 + 16]
    mov rdx, [r12 + 24]
    mov r10, [r12 + 32]
    mov r8, [r12 + 40]
    mov r9, [r12 + 48]
    test bl, 1
    jz 2f
    mov rdi, [rdi]
2:  test bl, 2
    jz 2f
    mov rsi, [rsi]
2:  test bl, 4
    jz 2f
    mov rdx, [rdx]
2:  cmp rax, 0x10000
    jae 3f
    syscall
    jmp 4f
3:  call rax
4:  mov rcx, [r12 + 64]
    mov [rcx], rax
    mov rcx, [r12 + 72]
    add r12, 80
    test rax, rax
    jz 1b
    test rcx, rcx
    jz 1b
    mov r12, rcx
    jmp 1b

.global test_divide
test_divide:
    xor ecx, ecx
    mov eax, 1
    cdq
    div ecx
.global test_illegal
test_illegal:
    ud2
.global test_privileged
test_privileged:
    hlt
.global test_breakpoint
test_breakpoint:
    int3
.global test_jump
test_jump:
    jmp rdi
.global test_load
test_load:                      # the word at rdi
    mov rax, [rdi]
    ret
.global test_store
test_store:                     # rsi to the word at rdi
    mov [rdi], rsi
    xor eax, eax
    ret
.global test_recurse
test_recurse:
    push rdi
    jmp test_recurse
.global test_touch
test_touch:                     # a byte of each of rsi pages from rdi on
    xor eax, eax
5:  test rsi, rsi
    jz 6f
    movzx ecx, byte ptr [rdi]
    add rax, rcx
    add rdi, 4096
    dec rsi
    jmp 5b
6:  ret
.global test_sum
test_sum:                       # the sum of rdi and rsi
    lea rax, [rdi + rsi]
    ret
.global test_fill
test_fill:                      # a word in each of rsi pages from rdi on
    mov [rdi], rsi
    add rdi, 4096
    dec rsi
    jnz test_fill
    ret
.global test_await
test_await:                     # until the word at rdi is not 0; what ymm0's upper half has then, having had rsi before
    vmovq xmm0, rsi
    vinsertf128 ymm0, ymm0, xmm0, 1
7:  cmp qword ptr [rdi], 0
    je 7b
    vextractf128 xmm0, ymm0, 1
    vmovq rax, xmm0
    ret
.global test_vector
test_vector:                    # rsi to both halves of ymm0
    vmovq xmm0, rsi
    vinsertf128 ymm0, ymm0, xmm0, 1
    xor eax, eax
    ret
.global test_arguments
test_arguments:                 # writes all arguments and the environment to the standard output, with their NULs
    lea r14, [r13 + 8]
8:  mov rsi, [r14]
    add r14, 8
    test rsi, rsi
    jz 9f
    xor edx, edx
2:  inc rdx
    cmp byte ptr [rsi + rdx - 1], 0
    jne 2b
    mov edi, 1
    mov eax, 1
    syscall
    jmp 8b
9:  inc r15
    cmp r15, 2
    jne 8b
    ret
.global test_handler
test_handler:                   # notes the signal, si_code, two words, the mask, its stack pointer, rip and a word of
    mov ecx, 0x61fff8           # the frame's floating-point registers at [0x61fff8], which moves on; then changes the
    mov rax, [rcx]              # word of the context at offset [0x61fff0] to [0x61ffe8], unless that is 0
    mov [rax], rdi
    movsxd rcx, dword ptr [rsi + 8]
    mov [rax + 8], rcx
    mov rcx, [rsi + 16]
    mov [rax + 16], rcx
    mov rcx, [rsi + 24]
    mov [rax + 24], rcx
    mov rcx, [rdx + 296]
    mov [rax + 32], rcx
    mov [rax + 40], rsp
    mov rcx, [rdx + 168]
    mov [rax + 48], rcx
    mov rcx, [rdx + 224]
    mov rcx, [rcx + 160]
    mov [rax + 56], rcx
    add rax, 64
    mov ecx, 0x61fff8
    mov [rcx], rax
    mov rax, [rcx - 8]
    test rax, rax
    jz 2f
    mov rcx, [rcx - 16]
    mov [rdx + rax], rcx
2:  pcmpeqb xmm0, xmm0
    xor r8d, r8d
    xor r9d, r9d
    xor r10d, r10d
    xor r12d, r12d
    xor r13d, r13d
    ret
.global test_restorer
test_restorer:
    mov eax, 15
    syscall
.global test_unwind
test_unwind:                    # goes on with the next step, wherever it was
    mov rsp, r13
    xor eax, eax
    jmp 4b
.global test_nest
test_nest:                      # sends itself the signal again, without end
    mov esi, edi
    mov eax, 39
    syscall
    mov edi, eax
    mov eax, 62
    syscall
    ret
.global test_vector_kept
test_vector_kept:               # sends itself the signal rsi; what xmm0 has then, having had rdi before
    movq xmm0, rdi
    mov eax, 39
    syscall
    mov edi, eax
    mov eax, 62
    syscall
    movq rax, xmm0
    ret
.global test_wide_kept
test_wide_kept:                 # as test_vector_kept, of ymm0's upper half
    vmovq xmm0, rdi
    vinsertf128 ymm0, ymm0, xmm0, 1
    mov eax, 39
    syscall
    mov edi, eax
    mov eax, 62
    syscall
    vextractf128 xmm0, ymm0, 1
    vmovq rax, xmm0
    ret
.global test_repeat
test_repeat:                    # the system call r8 until it fails; what has begun by it waits, a process after doing the
2:  mov rax, r8                 # same
    syscall
    test rax, rax
    jg 2b
    jz 3f
    ret
3:  cmp r8, 57
    jne 5f
4:  mov rax, r8
    syscall
    test rax, rax
    jns 4b
5:  mov eax, 34
    syscall
    jmp 5b
.global test_critical
test_critical:                  # in the piece below, of which the structure at rdi tells, until it is interrupted; then that
    lea rax, [rip + 7f]         # has 0 there
    mov [rdi + 8], rax
5:  pause
    jmp 5b
6:  .long 0x53053053
2:  mov rax, [rdi + 8]
    add rax, 5
    ret
    .balign 32
7:  .long 0, 0
    .quad 0x400000 + 5b - test_program, 6b - 5b, 0x400000 + 2b - test_program
.global test_negate
test_negate:                    # rdi, negative
    mov rax, rdi
    neg rax
    ret
.global test_program_end
test_program_end:
    .text
    "#
);

unsafe extern "C" {
    static test_program: u8;
    static test_program_end: u8;
    static test_divide: u8;
    static test_illegal: u8;
    static test_privileged: u8;
    static test_breakpoint: u8;
    static test_jump: u8;
    static test_load: u8;
    static test_store: u8;
    static test_recurse: u8;
    static test_touch: u8;
    static test_sum: u8;
    static test_fill: u8;
    static test_await: u8;
    static test_vector: u8;
    static test_arguments: u8;
    static test_handler: u8;
    static test_restorer: u8;
    static test_unwind: u8;
    static test_nest: u8;
    static test_vector_kept: u8;
    static test_wide_kept: u8;
    static test_repeat: u8;
    static test_critical: u8;
    static test_negate: u8;
}

/// Something that a step does other than a system call.
#[derive(Clone, Copy)]
pub enum Act {
    Divide,
    Illegal,
    Privileged,
    Breakpoint,
    Jump,
    Load,
    Store,
    Recurse,
    Touch,
    Sum,
    Fill,
    Await,
    Vector,
    Arguments,
    Handler,
    Restorer,
    Unwind,
    Nest,
    VectorKept,
    WideKept,
    Repeat,
    Critical,
    Negate,
}

impl Act {
    /// Its address in the program.
    pub fn address(self) -> u64 {
        let place = match self {
            Self::Divide => &raw const test_divide,
            Self::Illegal => &raw const test_illegal,
            Self::Privileged => &raw const test_privileged,
            Self::Breakpoint => &raw const test_breakpoint,
            Self::Jump => &raw const test_jump,
            Self::Load => &raw const test_load,
            Self::Store => &raw const test_store,
            Self::Recurse => &raw const test_recurse,
            Self::Touch => &raw const test_touch,
            Self::Sum => &raw const test_sum,
            Self::Fill => &raw const test_fill,
            Self::Await => &raw const test_await,
            Self::Vector => &raw const test_vector,
            Self::Arguments => &raw const test_arguments,
            Self::Handler => &raw const test_handler,
            Self::Restorer => &raw const test_restorer,
            Self::Unwind => &raw const test_unwind,
            Self::Nest => &raw const test_nest,
            Self::VectorKept => &raw const test_vector_kept,
            Self::WideKept => &raw const test_wide_kept,
            Self::Repeat => &raw const test_repeat,
            Self::Critical => &raw const test_critical,
            Self::Negate => &raw const test_negate,
        };
        CODE + (place as u64 - &raw const test_program as u64)
    }
}

/// All of it.
pub fn bytes() -> &'static [u8] {
    // SAFETY: both are labels of one piece of constant memory, in this order.
    unsafe {
        let (start, end) = (&raw const test_program, &raw const test_program_end);
        core::slice::from_raw_parts(start, end.offset_from_unsigned(start))
    }
}
