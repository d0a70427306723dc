//! procfs: what the kernel says of itself and of processes, made as it is opened (`proc(5)`).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use vfs::driver::{self, FileSystemDriver, MountRequest};
use vfs::driver_initcall;
use vfs::error::Result;
use vfs::file_system::FileSystemOperations;

mod process;

use self::process::Processes;
use super::generated::{Item, Kind, Tree};
use crate::abi::linux::system;
use crate::arch::{clock, cpu, interrupts};
use crate::mm::PAGE_SIZE;
use crate::task::{number, process as tasks};
use crate::{command_line, mm, time};

/// What `statfs(2)` answers for Linux's procfs.
const MAGIC: u64 = 0x9fa0;

static ROOT: Kind = Kind::Directory(&[
    Item { name: "cmdline", kind: Kind::Text(cmdline) },
    Item { name: "cpuinfo", kind: Kind::Text(cpuinfo) },
    Item { name: "filesystems", kind: Kind::Text(filesystems) },
    Item { name: "interrupts", kind: Kind::Text(interrupt_counts) },
    Item { name: "meminfo", kind: Kind::Text(meminfo) },
    Item { name: "mounts", kind: Kind::Link("self/mounts") },
    Item { name: "self", kind: Kind::MadeLink(own_number) },
    Item {
        name: "sys",
        kind: Kind::Directory(&[Item {
            name: "kernel",
            kind: Kind::Directory(&[
                Item { name: "hostname", kind: Kind::Text(|| line(system::NODE_NAME)) },
                Item { name: "osrelease", kind: Kind::Text(|| line(system::RELEASE)) },
                Item { name: "ostype", kind: Kind::Text(|| line(system::SYSTEM_NAME)) },
                Item { name: "pid_max", kind: Kind::Text(|| line(&number::END.to_string())) },
            ]),
        }]),
    },
    Item { name: "uptime", kind: Kind::Text(uptime) },
    Item { name: "version", kind: Kind::Text(version) },
]);

/// The driver: `mount -t proc proc /proc`. It has no options.
pub struct ProcfsDriver;

impl FileSystemDriver for ProcfsDriver {
    fn name(&self) -> &'static str {
        "proc"
    }

    fn mount(&self, request: &mut MountRequest<'_>) -> Result<Arc<dyn FileSystemOperations>> {
        super::generated::refuse_options(request)?;
        let now = request.manager.environment().clock.now();
        Ok(Tree::with_more("proc", MAGIC, &ROOT, now, Some(&Processes)))
    }
}

driver_initcall!(ProcfsDriver);

fn cmdline() -> String {
    format!("{}\n", command_line::get())
}

fn version() -> String {
    format!("Strata version {} (x86_64)\n", env!("CARGO_PKG_VERSION"))
}

fn uptime() -> String {
    let up = time::monotonic();
    let (seconds, hundredths) = (up.as_secs(), up.subsec_millis() / 10);
    // The second number is the time spent idle, which nobody counts.
    format!("{seconds}.{hundredths:02} 0.00\n")
}

fn filesystems() -> String {
    let mut drivers: Vec<_> = driver::drivers().collect();
    drivers.sort_unstable_by_key(|driver| driver.name());
    let line = |driver: &&dyn FileSystemDriver| {
        format!("{}\t{}\n", if driver.needs_device() { "" } else { "nodev" }, driver.name())
    };
    drivers.iter().map(line).collect()
}

fn meminfo() -> String {
    let usage = mm::usage();
    let kib = |frames: usize| frames * PAGE_SIZE / 1024;
    [
        ("MemTotal", kib(usage.total_frames)),
        ("MemFree", kib(usage.free_frames)),
        ("MemAvailable", kib(usage.free_frames.saturating_sub(mm::pages::data_reserve()))),
        ("Shmem", kib(usage.other_frames())),
        ("KernelHeap", kib(usage.heap_frames)),
        ("KernelHeapUsed", usage.heap_bytes / 1024),
        ("PageTables", kib(usage.table_frames)),
    ]
    .iter()
    .map(|(name, size)| format!("{:<16}{size:>8} kB\n", format!("{name}:")))
    .collect()
}

fn cpuinfo() -> String {
    let hertz = clock::frequency();
    let (mhz, khz) = (hertz / 1_000_000, hertz / 1_000 % 1_000);
    let lines = [
        ("processor", String::from("0")),
        ("vendor_id", cpu::vendor()),
        ("model name", cpu::brand()),
        ("cpu MHz", format!("{mhz}.{khz:03}")),
    ];
    lines.iter().map(|(name, value)| format!("{name:<16}: {value}\n")).collect()
}

fn interrupt_counts() -> String {
    let mut text = String::from("           CPU0\n");
    for (line, count, name) in interrupts::counts() {
        text += &format!("{line:3}: {count:>10}  {name}\n");
    }
    text
}

/// The number of who asks. The kernel's own shell stands for the first process.
fn own_number() -> String {
    tasks::current().map_or(tasks::FIRST, |process| process.pid()).to_string()
}

fn line(text: &str) -> String {
    format!("{text}\n")
}
