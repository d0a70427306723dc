//! The session: what the kernel is for, once the machine is up. It mounts the root and runs the first program there
//! ([`init`]); where there is none, or when that has ended, the built-in shell is there for who types. A script
//! that the host gives along runs instead, in the built-in shell unless a first program is asked for.

use alloc::format;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::time::Duration;

use shell::Shell;
use shell::console::{Console, Mode};
use shell::machine::{Ending, Machine, MemoryFigures, Program};
use spin::Mutex;
use vfs::environment::{Environment, Memory, Random};
use vfs::error::Result;
use vfs::file::OpenFlags;
use vfs::manager::VfsManager;
use vfs::time::{Clock, Timestamp};

use crate::arch::serial::COM1;
use crate::arch::{self, exit, fw_cfg, random};
use crate::fs::devices::{self, KernelDevices};
use crate::fs::{terminal, unnamed};
use crate::init::{self, Init};
use crate::mm::PAGE_SIZE;
use crate::task::files::{Descriptor, Files};
use crate::task::number::Number;
use crate::task::place::Place;
use crate::task::process;
use crate::task::{exec, timer};
use crate::{console, log, mm, println, root, time};

/// The file with a script, among those that the host gives to its guest.
const SCRIPT: &str = "opt/strata/script";

/// How a script ends that is for a first program which cannot be started.
const CANNOT_RUN: u8 = 126;

/// The namespace that the session works in.
static NAMESPACE: Mutex<Weak<VfsManager>> = Mutex::new(Weak::new());

/// The namespace that the session works in, if there is one.
pub fn namespace() -> Option<Arc<VfsManager>> {
    NAMESPACE.lock().upgrade()
}

/// What a namespace needs of this machine.
pub fn environment() -> Environment {
    let machine = Arc::new(ThisMachine);
    Environment { clock: machine.clone(), devices: Arc::new(KernelDevices), memory: machine.clone(), random: machine }
}

/// Mounts the root and runs the shell on it; then ends the machine as the shell was told.
pub fn run(initramfs: &'static [u8]) -> ! {
    let script = fw_cfg::read_file(SCRIPT);
    let mut root = root::mount(initramfs, environment());
    log!("root: {}", root.what);
    ThisMachine.entered(&root.manager);
    let init = if script.is_some() && !init::is_asked_for() {
        None
    } else {
        init::find(&root.manager, script.as_deref(), &mut root.problems)
    };
    for problem in &root.problems {
        log!("root: {problem}");
    }
    log!("up after {} instructions", arch::instructions() - boot::entry_ticks());
    let mut console = SerialConsole;
    let mode = if script.is_some() { Mode::Script } else { Mode::Interactive };
    terminal::set_attended(mode == Mode::Interactive);
    if mode == Mode::Interactive {
        greet(&root, init.as_ref());
    }
    if let Some(init) = init {
        let path = init.path;
        let status = init.run().map(process::Ending::shell_status);
        let told = match status {
            Ok(status) => format!("{path} has ended with status {status}."),
            Err(error) => format!("{path} cannot be started: {error}."),
        };
        log!("init: {told}");
        if mode == Mode::Script {
            end(Ending::Exit, status.unwrap_or(CANNOT_RUN));
        }
        println!("\r\n{told} Here is the kernel's own shell: `poweroff` to end.\r");
    } else if mode == Mode::Script && init::is_asked_for() {
        end(Ending::Exit, CANNOT_RUN);
    }
    let mut shell = Shell::new(root.manager, &mut console, mode, &ThisMachine);
    let ending = match script {
        Some(script) => shell.run_script(&script),
        None => shell.run_interactive(),
    };
    end(ending, shell.status())
}

/// Ends the machine, of which `status` is what the host is told.
pub fn end(ending: Ending, status: u8) -> ! {
    // The host's runner reads this line.
    log!("strata: exit status={status}");
    match ending {
        Ending::Reboot => exit::reboot(),
        Ending::Exit | Ending::PowerOff => exit::with_code(exit::Code::InOrder),
    }
}

fn greet(root: &root::Root, init: Option<&Init>) {
    println!("\r");
    println!("Strata {}: the root is {}.\r", env!("CARGO_PKG_VERSION"), root.what);
    for problem in &root.problems {
        println!("{problem}\r");
    }
    match init {
        Some(init) => println!("The first program is {} (init=none: the kernel's own shell instead).\r", init.path),
        None => println!("Type `help` for the commands, `poweroff` to end.\r"),
    }
}

/// The serial line that the shell is on.
struct SerialConsole;

impl Console for SerialConsole {
    fn read(&mut self, buffer: &mut [u8]) -> usize {
        console::read(buffer)
    }

    fn try_read(&mut self, buffer: &mut [u8]) -> usize {
        COM1.try_read(buffer)
    }

    fn write(&mut self, bytes: &[u8]) {
        COM1.write(bytes);
    }

    fn columns(&self) -> usize {
        console::columns()
    }

    fn rows(&self) -> usize {
        console::rows()
    }
}

/// The machine that the kernel runs on.
struct ThisMachine;

impl Machine for ThisMachine {
    fn log(&self) -> Option<Vec<u8>> {
        log::snapshot()
    }

    fn uptime(&self) -> Duration {
        time::monotonic()
    }

    fn memory(&self) -> MemoryFigures {
        let usage = mm::usage();
        let bytes = |frames: usize| (frames * PAGE_SIZE) as u64;
        MemoryFigures {
            total: bytes(usage.total_frames),
            free: bytes(usage.free_frames),
            heap: bytes(usage.heap_frames),
            files: bytes(usage.other_frames()),
        }
    }

    fn sleep(&self, duration: Duration) {
        timer::sleep(duration);
    }

    fn entered(&self, namespace: &Arc<VfsManager>) {
        *NAMESPACE.lock() = Arc::downgrade(namespace);
    }

    fn execute(&self, program: Program<'_>) -> Result<u8> {
        let files = Files::default();
        for (number, stream) in program.streams.into_iter().enumerate() {
            let file = match stream {
                Some(file) => file,
                None if number == 0 && !program.interactive => unnamed::open_device(devices::NULL, OpenFlags::READ)?,
                None => {
                    let device = if program.interactive { devices::SERIAL } else { devices::CONSOLE };
                    unnamed::open_device(device, OpenFlags::READ | OpenFlags::WRITE)?
                }
            };
            files.add(Descriptor { file, close_on_exec: false }, 0)?;
        }
        let place = Place::new(program.manager.clone(), program.context.clone());
        let number = Number::new()?;
        let prepared = exec::prepare(number, place, program.path, program.arguments, &program.environment, files)?;
        // Whoever runs a script keeps the terminal: nobody types there.
        let session = program.interactive.then(|| terminal::Session::begin(&prepared.process)).transpose()?;
        let ending = prepared.begin()?.wait();
        drop(session);
        Ok(ending.shell_status())
    }
}

impl Clock for ThisMachine {
    fn now(&self) -> Timestamp {
        let now = time::wall();
        // Seconds since 1970 fit for some hundred thousand million years.
        Timestamp { seconds: now.as_secs() as i64, nanoseconds: now.subsec_nanos() }
    }
}

impl Memory for ThisMachine {
    fn total(&self) -> u64 {
        (mm::usage().total_frames * PAGE_SIZE) as u64
    }
}

impl Random for ThisMachine {
    fn fill(&self, into: &mut [u8]) {
        random::fill(into);
    }
}
