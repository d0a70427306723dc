//! The session: what the kernel is for, once the machine is up. It mounts the root and runs the shell, either a script
//! that the host gives along or what somebody types.

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
use crate::mm::PAGE_SIZE;
use crate::task::files::{Descriptor, Files};
use crate::task::process::Place;
use crate::task::{exec, timer};
use crate::{console, log, mm, println, root, time};

/// The file with a script, among those that the host gives to its guest.
const SCRIPT: &str = "opt/strata/script";

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
    let root = root::mount(initramfs, environment());
    log!("root: {}", root.what);
    for problem in &root.problems {
        log!("root: {problem}");
    }
    log!("up after {} instructions", arch::instructions() - boot::entry_ticks());
    let mut console = SerialConsole;
    let mode = if script.is_some() { Mode::Script } else { Mode::Interactive };
    if mode == Mode::Interactive {
        terminal::set_carriage_return(true);
        greet(&root);
    }
    let mut shell = Shell::new(root.manager, &mut console, mode, &ThisMachine);
    let ending = match script {
        Some(script) => shell.run_script(&script),
        None => shell.run_interactive(),
    };
    let status = shell.status();
    // The host's runner reads this line.
    log!("strata: exit status={status}");
    match ending {
        Ending::Reboot => exit::reboot(),
        Ending::Exit | Ending::PowerOff => exit::with_code(exit::Code::InOrder),
    }
}

fn greet(root: &root::Root) {
    println!("\r");
    println!("Strata {}: the root is {}.\r", env!("CARGO_PKG_VERSION"), root.what);
    for problem in &root.problems {
        println!("{problem}\r");
    }
    println!("Type `help` for the commands, `poweroff` to end.\r");
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
        let mut files = Files::default();
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
        let prepared = exec::prepare(place, program.path, program.arguments, &program.environment, files)?;
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
