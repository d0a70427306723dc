# From the loader's 32-bit protected mode to 64-bit Rust.
#
# Both doors arrive with paging off, flat segments and the address of the loader's tables in ebx; the
# multiboot2 door also has its magic in eax. Everything here is linked and loaded at low addresses,
# because it runs before the higher half exists. No stack is used before the one in `.bss`.

.set PAGE_PRESENT_WRITABLE, 0x3
.set PAGE_LARGE, 0x80
.set LARGE_PAGES, 2048              # 4 GiB of 2 MiB pages: what the loader's tables can lie in

# ---- PVH: the note that QEMU, Xen and Cloud Hypervisor look for --------------------------------
.section .boot.note, "a", @note
    .balign 4
    .long 4                         # name size
    .long 8                         # descriptor size
    .long 18                        # XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad pvh_start

# ---- Multiboot2: the header GRUB looks for in the first 32 KiB ---------------------------------
.section .boot.header, "a"
    .balign 8
multiboot2_header:
    .long 0xe85250d6                # magic
    .long 0                         # architecture: 32-bit protected mode
    .long multiboot2_header_end - multiboot2_header
    .long -(0xe85250d6 + 0 + (multiboot2_header_end - multiboot2_header))
    .balign 8
    .short 3                        # entry address tag
    .short 0
    .long 12
    .long multiboot2_start
    .balign 8
    .short 6                        # modules start on a page boundary
    .short 0
    .long 8
    .balign 8
    .short 0                        # end
    .short 0
    .long 8
multiboot2_header_end:

.section .boot.text, "ax"
.code32
.global pvh_start
pvh_start:
    xor eax, eax                    # PVH has no magic in a register: 0 says so to boot_main
.global multiboot2_start
multiboot2_start:
    cli
    cld
    mov edi, eax                    # first argument of boot_main
    mov esi, ebx                    # second
    rdtsc
    mov dword ptr [boot_entry_ticks], eax
    mov dword ptr [boot_entry_ticks + 4], edx

    # The first 4 GiB, in 2 MiB pages, once; three places of the address space share the tables.
    mov ebx, offset boot_directories
    mov eax, PAGE_PRESENT_WRITABLE | PAGE_LARGE
    mov ecx, LARGE_PAGES
2:
    mov dword ptr [ebx], eax
    add eax, 0x200000
    add ebx, 8
    dec ecx
    jnz 2b

    mov eax, offset boot_directories
    or eax, PAGE_PRESENT_WRITABLE
    mov dword ptr [boot_pointers_low], eax
    mov dword ptr [boot_pointers_high + 510 * 8], eax
    add eax, 0x1000
    mov dword ptr [boot_pointers_low + 8], eax
    add eax, 0x1000
    mov dword ptr [boot_pointers_low + 16], eax
    add eax, 0x1000
    mov dword ptr [boot_pointers_low + 24], eax

    mov eax, offset boot_pointers_low
    or eax, PAGE_PRESENT_WRITABLE
    mov dword ptr [boot_root], eax              # identity, for the jump only
    mov dword ptr [boot_root + 256 * 8], eax    # 0xffff800000000000: the direct map
    mov eax, offset boot_pointers_high
    or eax, PAGE_PRESENT_WRITABLE
    mov dword ptr [boot_root + 511 * 8], eax    # 0xffffffff80000000: the kernel

    mov eax, offset boot_root
    mov cr3, eax
    mov eax, cr4
    or eax, 1 << 5                  # PAE
    mov cr4, eax
    mov ecx, 0xc0000080             # EFER
    rdmsr
    or eax, (1 << 8) | (1 << 11)    # long mode, no-execute
    wrmsr
    mov eax, cr0
    or eax, (1 << 31) | (1 << 16) | 1   # paging, write protection also for the kernel
    mov cr0, eax

    lgdt [boot_gdt_pointer]
    # A far jump without a stack: through a pointer in memory.
    jmp fword ptr [boot_long_pointer]

.code64
boot_long:
    xor eax, eax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov fs, ax
    mov gs, ax
    movabs rsp, offset boot_stack_top
    xor ebp, ebp                    # a backtrace ends here
    movabs rax, offset boot_main
    call rax
    ud2

.section .boot.data, "aw"
    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00af9a000000ffff        # 64-bit code
boot_gdt_end:
boot_gdt_pointer:
    .short boot_gdt_end - boot_gdt - 1
    .quad boot_gdt
    .balign 8
boot_long_pointer:
    .long boot_long
    .short 8
    .balign 8
.global boot_entry_ticks
boot_entry_ticks:
    .quad 0

.section .boot.bss, "aw", @nobits
    .balign 4096
boot_root:
    .skip 4096
boot_pointers_low:
    .skip 4096
boot_pointers_high:
    .skip 4096
boot_directories:
    .skip 4096 * 4

.section .bss.boot_stack, "aw", @nobits
    .balign 4096
    .skip 4096                      # the guard page
.global boot_stack_bottom
boot_stack_bottom:
    .skip 262144
.global boot_stack_top
boot_stack_top:

.text
