//! Programs for tests: a list of system calls, and the small program that makes them one after the other.
//!
//! ```text
//!   0x400000  code      the program below
//!   0x500000  steps     what it does, ten words for each step
//!   0x600000  data      texts; results from 0x610000 on
//! ```

mod code;

pub use self::code::Act;

use alloc::sync::Arc;
use alloc::vec::Vec;

use vfs::context::Credentials;
use vfs::drivers::tmpfs::{Tmpfs, TmpfsOptions};
use vfs::error::Result;
use vfs::file::{FileObject, OpenFlags};
use vfs::manager::VfsManager;
use vfs::node::NewKind;

use self::code::CODE;
use crate::abi::linux::table;
use crate::fs::{devices, unnamed};
use crate::session;
use crate::task::files::{Descriptor, Files};
use crate::task::number::Number;
use crate::task::place::Place;
use crate::task::process::{Ending, Process};
use crate::task::{exec, making};

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
        let code = code::bytes();
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
