//! Programs for tests: a list of system calls, and the small program that makes them one after the other.
//!
//! ```text
//!   0x400000  code      the program below
//!   0x500000  steps     what it does, ten words for each step
//!   0x600000  data      texts; results from 0x610000 on
//! ```

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::arch::global_asm;

use vfs::context::Credentials;
use vfs::drivers::tmpfs::{Tmpfs, TmpfsOptions};
use vfs::error::Result;
use vfs::file::{FileObject, OpenFlags};
use vfs::manager::VfsManager;
use vfs::node::NewKind;

use crate::abi::linux::table;
use crate::fs::{devices, unnamed};
use crate::session;
use crate::task::files::{Descriptor, Files};
use crate::task::number::Number;
use crate::task::place::Place;
use crate::task::process::{Ending, Process};
use crate::task::{exec, making};

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
    static test_negate: u8;
}

const CODE: u64 = 0x40_0000;
const STEPS: u64 = 0x50_0000;
const DATA: u64 = 0x60_0000;
const RESULTS: u64 = 0x61_0000;
/// Where the memory of the results ends: nothing is mapped there.
pub const DATA_END: u64 = 0x62_0000;

/// Where it stands where the handler notes what it is told.
const NOTES_AT: u64 = DATA_END - 8;

/// Words of a thread's stack.
const STACK_WORDS: u64 = 256;

/// `CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD`, `CLONE_SYSVSEM`, `CLONE_PARENT_SETTID`,
/// `CLONE_CHILD_CLEARTID`: as C libraries begin threads, but for thread-local storage.
pub const THREAD: u64 = 0x10f00 | 0x4_0000 | 0x10_0000 | 0x20_0000;

/// The number under which the results are written.
const RESULTS_FILE: u64 = 3;

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
            Self::Negate => &raw const test_negate,
        };
        CODE + (place as u64 - &raw const test_program as u64)
    }
}

/// The result of a step: a place in the program's memory.
#[derive(Clone, Copy)]
pub struct Slot(pub u64);

/// An argument.
#[derive(Clone, Copy)]
pub enum Argument {
    Is(u64),
    /// What is in that place when the step is done.
    At(u64),
}

impl From<u64> for Argument {
    fn from(value: u64) -> Self {
        Self::Is(value)
    }
}

impl From<Slot> for Argument {
    fn from(slot: Slot) -> Self {
        Self::At(slot.0)
    }
}

/// A program in the making.
#[derive(Default)]
pub struct Program {
    steps: Vec<[u64; 10]>,
    data: Vec<u8>,
    slots: u64,
}

impl Program {
    pub fn new() -> Self {
        Self::default()
    }

    /// The address of bytes with a NUL behind them, at a multiple of 8.
    pub fn bytes(&mut self, bytes: &[u8]) -> u64 {
        let address = DATA + self.data.len() as u64;
        self.data.extend_from_slice(bytes);
        self.data.push(0);
        self.data.resize(self.data.len().next_multiple_of(8), 0);
        address
    }

    /// The address of words.
    pub fn words(&mut self, words: &[u64]) -> u64 {
        self.bytes(words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>().as_slice())
    }

    /// A place of `words` words for something to be written to; they are among the results.
    pub fn room(&mut self, words: u64) -> Slot {
        let slot = Slot(RESULTS + 8 * self.slots);
        self.slots += words;
        assert!(slot.0 + 8 * words <= DATA_END - 64);
        slot
    }

    fn step(&mut self, what: u64, arguments: &[Argument]) -> Slot {
        let slot = self.room(1);
        let mut step = [0; 10];
        step[0] = what;
        for (index, argument) in arguments.iter().enumerate() {
            match *argument {
                Argument::Is(value) => step[1 + index] = value,
                Argument::At(place) => {
                    assert!(index < 3, "places are for the first arguments");
                    step[1 + index] = place;
                    step[7] |= 1 << index;
                }
            }
        }
        step[8] = slot.0;
        self.steps.push(step);
        slot
    }

    /// Makes a system call.
    pub fn call(&mut self, name: &str, arguments: &[Argument]) -> Slot {
        let (number, _) = table::all().find(|(_, entry)| entry.name == name).expect("Linux has it");
        self.call_number(number, arguments)
    }

    /// Makes the system call of that number.
    pub fn call_number(&mut self, number: u64, arguments: &[Argument]) -> Slot {
        self.step(number, arguments)
    }

    /// Does something else.
    pub fn act(&mut self, act: Act, arguments: &[Argument]) -> Slot {
        self.step(act.address(), arguments)
    }

    /// Lets another process begin by the call of that name and do what `child` says, which must end it.
    pub fn begin(&mut self, name: &str, child: impl FnOnce(&mut Self)) -> Slot {
        self.begin_with(name, &[], child)
    }

    /// Lets a thread begin that does what `thread` says, which must end it; where its number is. The next word is not 0
    /// until it has ended.
    pub fn thread(&mut self, thread: impl FnOnce(&mut Self)) -> Slot {
        let (stack, number) = (self.room(STACK_WORDS), self.room(2));
        let (top, runs) = (stack.0 + 8 * STACK_WORDS, number.0 + 8);
        self.act(Act::Store, &[runs.into(), 1.into()]);
        self.begin_with("clone", &[THREAD.into(), top.into(), number.0.into(), runs.into()], thread);
        number
    }

    /// Waits until a thread has ended; 0 if so.
    pub fn join(&mut self, number: Slot) -> Slot {
        let runs = number.0 + 8;
        self.call("futex", &[runs.into(), 0.into(), 1.into(), 0.into()]);
        self.act(Act::Load, &[runs.into()])
    }

    /// Lets the others go on until they wait for something, if they soon do.
    pub fn give_way(&mut self) {
        // More than once: a tick may come in between.
        for _ in 0..4 {
            self.call("sched_yield", &[]);
        }
    }

    /// As [`Program::begin`], by a call with arguments.
    pub fn begin_with(&mut self, name: &str, arguments: &[Argument], child: impl FnOnce(&mut Self)) -> Slot {
        let slot = self.call(name, arguments);
        let index = self.steps.len() - 1;
        child(self);
        self.steps[index][9] = STEPS + 80 * self.steps.len() as u64;
        slot
    }

    /// Has `handler` called for `signal`, with these flags besides the restorer's, and holds `mask` back meanwhile.
    pub fn handle(&mut self, signal: u64, handler: Act, flags: u64, mask: u64) -> Slot {
        let action = self.words(&[handler.address(), flags | 0x0400_0000, Act::Restorer.address(), mask]);
        self.call("rt_sigaction", &[signal.into(), action.into(), 0.into(), 8.into()])
    }

    /// Room for what `count` calls of the handler note.
    pub fn notes(&mut self, count: u64) -> Slot {
        let room = self.room(8 * count);
        self.act(Act::Store, &[NOTES_AT.into(), room.0.into()]);
        room
    }

    /// Has the handler change the word of the context at `offset`; 0 for nothing.
    pub fn spoil(&mut self, offset: u64, value: u64) {
        self.act(Act::Store, &[(NOTES_AT - 8).into(), offset.into()]);
        self.act(Act::Store, &[(NOTES_AT - 16).into(), value.into()]);
    }

    /// Sends the process itself a signal.
    pub fn kill_itself(&mut self, signal: u64) -> Slot {
        let pid = self.call("getpid", &[]);
        self.call("kill", &[pid.into(), signal.into()])
    }

    /// Ends the process.
    pub fn exit(&mut self, status: u64) {
        self.call("exit_group", &[status.into()]);
    }

    /// The program as a file, which ends by writing its results.
    pub fn elf(mut self) -> Vec<u8> {
        let length = 8 * self.slots;
        self.call("write", &[RESULTS_FILE.into(), RESULTS.into(), length.into()]);
        self.exit(0);
        // SAFETY: both are labels of one piece of constant memory, in this order.
        let code = unsafe {
            let (start, end) = (&raw const test_program, &raw const test_program_end);
            core::slice::from_raw_parts(start, end.offset_from_unsigned(start))
        };
        let steps: Vec<u8> = self.steps.as_flattened().iter().flat_map(|word| word.to_le_bytes()).collect();
        assert!(self.data.len() as u64 <= RESULTS - DATA && STEPS + steps.len() as u64 <= DATA);
        let (read, write, execute) = (4, 2, 1);
        let parts = [
            (CODE, read | execute, code.to_vec(), code.len() as u64),
            (STEPS, read, steps.clone(), steps.len() as u64),
            (DATA, read | write, self.data, DATA_END - DATA),
        ];
        making::file(CODE, &parts)
    }
}

/// A namespace of its own in which programs run.
pub struct Machine {
    pub manager: Arc<VfsManager>,
}

impl Machine {
    pub fn new() -> Self {
        let environment = session::environment();
        Self { manager: VfsManager::new(Tmpfs::new(TmpfsOptions::default(), &environment), environment) }
    }

    pub fn open(&self, path: &str, flags: OpenFlags) -> Result<Arc<FileObject>> {
        self.manager.open(&self.manager.root_context(), path.as_bytes(), flags, 0o755)
    }

    /// A new one with these nodes, which anybody may read and write.
    pub fn with_nodes(nodes: &[(&str, NewKind)]) -> Self {
        let machine = Self::new();
        let root = machine.manager.root_context();
        for &(path, kind) in nodes {
            machine.manager.make_node(&root, path.as_bytes(), kind, 0o666).expect("it can be made");
        }
        machine
    }

    /// Makes a file that may be executed.
    pub fn write(&self, path: &str, bytes: &[u8]) {
        let file = self.open(path, OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE).expect("it can be made");
        assert_eq!(file.write(&Credentials::root(), &mut &*bytes), Ok(bytes.len()));
    }

    pub fn read(&self, path: &str) -> Vec<u8> {
        let file = self.open(path, OpenFlags::READ).expect("it is there");
        let mut bytes = [0].repeat(file.metadata().expect("it is a file").size as usize);
        assert_eq!(file.read(&mut &mut bytes[..]), Ok(bytes.len()));
        bytes
    }

    /// Starts the program at `path`, with `/out` as its output, `/results` for its results, and `more` files from
    /// number 4 on.
    pub fn start(&self, path: &str, arguments: &[&str], more: &[Arc<FileObject>]) -> Result<Arc<Process>> {
        self.start_as(Number::new()?, path, arguments, more)
    }

    /// As [`Machine::start`], as the process of that number.
    pub fn start_as(
        &self,
        number: Arc<Number>,
        path: &str,
        arguments: &[&str],
        more: &[Arc<FileObject>],
    ) -> Result<Arc<Process>> {
        let written = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE;
        let out = self.open("/out", written | OpenFlags::APPEND)?;
        let results = self.open("/results", written)?;
        let files = Files::default();
        let own = [unnamed::open_device(devices::NULL, OpenFlags::READ)?, out.clone(), out, results];
        for file in own.iter().chain(more) {
            files.add(Descriptor { file: file.clone(), close_on_exec: false }, 0)?;
        }
        let place = Place::new(self.manager.clone(), self.manager.root_context());
        let arguments = arguments.iter().map(|text| text.as_bytes().to_vec()).collect();
        exec::prepare(number, place, path.as_bytes(), arguments, &[b"A=1".to_vec()], files)?.begin()
    }

    /// Runs a program to its end.
    pub fn run(&self, program: Program) -> Ending {
        self.write("/program", &program.elf());
        self.start("/program", &["program"], &[]).expect("it begins").wait()
    }

    /// What the handler's call of that index noted: signal, `si_code`, two words, mask, stack pointer, `rip`, `xmm0`.
    pub fn note(&self, notes: Slot, index: u64) -> [i64; 8] {
        core::array::from_fn(|word| self.result(Slot(notes.0 + 64 * index + 8 * word as u64)))
    }

    /// What was in that place when the program ended by itself.
    pub fn result(&self, slot: Slot) -> i64 {
        let results = self.read("/results");
        let at = (slot.0 - RESULTS) as usize;
        i64::from_le_bytes(results[at..at + 8].try_into().expect("eight bytes"))
    }
}

/// Runs a program to its end, in a namespace of its own.
pub fn run(program: Program) -> (Machine, Ending) {
    let machine = Machine::new();
    let ending = machine.run(program);
    (machine, ending)
}
