//! The shared object that every program finds in its memory (`vdso(7)`): the clock, without a system call.
//!
//! It is one page of code, which is an ELF file at the same time, behind a page of words that the kernel writes
//! ([`Words`]): nothing in either is an address. What it answers is what the calls of the same names answer; what it does
//! not know it asks them.

use core::arch::global_asm;

/// What the code finds on the page before it.
pub struct Words {
    /// What the time-stamp counter showed when the time since boot was 0.
    pub start: u64,
    /// Nanoseconds for one of its counts, times 2^32.
    pub rate: u64,
    /// The time of day at boot, in nanoseconds.
    pub boot_time: u64,
}

impl Words {
    /// As they lie there.
    pub fn all(&self) -> [u64; 3] {
        [self.start, self.rate, self.boot_time]
    }
}

global_asm!(
    r#"
    .section .rodata
    .balign 4096
.set vdso_words, vdso_image - 4096
.global vdso_image
vdso_image:
    .byte 0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0
    .short 3, 62                # a shared object, x86-64
    .long 1
    .quad 0, 10f - vdso_image, 17f - vdso_image
    .long 0
    .short 64, 56, 2, 64, 4, 2
10: .long 1, 5                  # PT_LOAD, to be read and executed: all of it
    .quad 0, 0, 0, vdso_end - vdso_image, vdso_end - vdso_image, 4096
    .long 2, 4                  # PT_DYNAMIC
    .quad 11f - vdso_image, 11f - vdso_image, 11f - vdso_image, 12f - 11f, 12f - 11f, 8
11: .quad 14, vdso_soname - vdso_strings
    .quad 4, 13f - vdso_image   # DT_HASH
    .quad 5, vdso_strings - vdso_image
    .quad 6, 14f - vdso_image   # DT_SYMTAB
    .quad 10, vdso_strings_end - vdso_strings
    .quad 11, 24
    .quad 0x6ffffffc, 16f - vdso_image, 0x6ffffffd, 2 # DT_VERDEF
    .quad 0x6ffffff0, 15f - vdso_image # DT_VERSYM
    .quad 0, 0
12:
13: .long 1, 11, 1              # one chain with all symbols
    .long 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0
    .balign 8
.macro SYMBOL name, binding, function
    .long \name - vdso_strings
    .byte \binding << 4 | 2, 0  # a function
    .short 3                    # of the section with the code
    .quad \function - vdso_image, \function\()_end - \function
.endm
14: .quad 0, 0, 0
    SYMBOL vdso_s0, 1, vdso_clock_gettime
    SYMBOL vdso_s1, 1, vdso_gettimeofday
    SYMBOL vdso_s2, 1, vdso_time
    SYMBOL vdso_s3, 1, vdso_clock_getres
    SYMBOL vdso_s4, 1, vdso_getcpu
    SYMBOL vdso_s0 + 7, 2, vdso_clock_gettime
    SYMBOL vdso_s1 + 7, 2, vdso_gettimeofday
    SYMBOL vdso_s2 + 7, 2, vdso_time
    SYMBOL vdso_s3 + 7, 2, vdso_clock_getres
    SYMBOL vdso_s4 + 7, 2, vdso_getcpu
15: .short 0, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2
    .balign 8
16: .short 1, 1, 1, 1           # the file itself, by its name
    .long 0x0deebfa1, 20, 28, vdso_soname - vdso_strings, 0
    .short 1, 0, 2, 1           # the version of all symbols
    .long 0x03ae75f6, 20, 0, vdso_version - vdso_strings, 0
    # For those who do without the dynamic section (dietlibc).
.macro SECTION kind, start, end, link, size
    .long 0, \kind
    .quad 2, \start - vdso_image, \start - vdso_image, \end - \start
    .long \link, 0
    .quad 8, \size
.endm
17: .quad 0, 0, 0, 0, 0, 0, 0, 0
    SECTION 11, 14b, 15b, 2, 24
    SECTION 3, vdso_strings, vdso_strings_end, 0, 0
    SECTION 1, vdso_clock_gettime, vdso_getcpu_end, 0, 0
vdso_strings:
    .byte 0
vdso_s0: .asciz "__vdso_clock_gettime"
vdso_s1: .asciz "__vdso_gettimeofday"
vdso_s2: .asciz "__vdso_time"
vdso_s3: .asciz "__vdso_clock_getres"
vdso_s4: .asciz "__vdso_getcpu"
vdso_soname: .asciz "linux-vdso.so.1"
vdso_version: .asciz "LINUX_2.6"
vdso_strings_end:

.macro SINCE_BOOT               # rax: nanoseconds since boot
    lfence
    rdtsc
    shl rdx, 32
    or rax, rdx
    sub rax, [rip + vdso_words]
    mul qword ptr [rip + vdso_words + 8]
    shrd rax, rdx, 32
.endm
.macro SECONDS                  # rax: its seconds, rdx: what is left
    xor edx, edx
    mov ecx, 1000000000
    div rcx
.endm
.set WALL, 1 << 0 | 1 << 5 | 1 << 11
.set BOOT, 1 << 1 | 1 << 4 | 1 << 6 | 1 << 7

    .balign 16
vdso_clock_gettime:             # edi: the clock, rsi: where to
    cmp edi, 11
    ja 2f
    bt dword ptr [rip + 4f], edi
    jc 1f
    bt dword ptr [rip + 5f], edi
    jnc 2f
    SINCE_BOOT
    jmp 3f
1:  SINCE_BOOT
    add rax, [rip + vdso_words + 16]
3:  SECONDS
    mov [rsi], rax
    mov [rsi + 8], rdx
    xor eax, eax
    ret
2:  mov eax, 228
    syscall
    ret
4:  .long WALL
5:  .long BOOT
vdso_clock_gettime_end:

vdso_gettimeofday:              # rdi: where to, rsi: where the time zone
    test rdi, rdi
    jz 1f
    SINCE_BOOT
    add rax, [rip + vdso_words + 16]
    SECONDS
    mov [rdi], rax
    mov eax, edx
    xor edx, edx
    mov ecx, 1000
    div ecx
    mov [rdi + 8], rax
1:  test rsi, rsi
    jz 2f
    mov qword ptr [rsi], 0
2:  xor eax, eax
    ret
vdso_gettimeofday_end:

vdso_time:                      # rdi: where to as well
    SINCE_BOOT
    add rax, [rip + vdso_words + 16]
    SECONDS
    test rdi, rdi
    jz 1f
    mov [rdi], rax
1:  ret
vdso_time_end:

vdso_clock_getres:              # edi: the clock, rsi: where to
    mov eax, 229
    syscall
    ret
vdso_clock_getres_end:

vdso_getcpu:                    # rdi, rsi: where the processor and its node: the only ones
    xor eax, eax
    test rdi, rdi
    jz 1f
    mov [rdi], eax
1:  test rsi, rsi
    jz 2f
    mov [rsi], eax
2:  ret
vdso_getcpu_end:
    .balign 4096
.global vdso_end
vdso_end:
    .text
    "#
);

unsafe extern "C" {
    static vdso_image: u8;
    static vdso_end: u8;
}

/// The code, as a file: whole pages.
pub fn image() -> &'static [u8] {
    // SAFETY: both are labels of one piece of constant memory, in this order.
    unsafe {
        let start = &raw const vdso_image;
        core::slice::from_raw_parts(start, (&raw const vdso_end).offset_from_unsigned(start))
    }
}
