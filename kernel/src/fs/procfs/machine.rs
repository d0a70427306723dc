//! What procfs says of the machine.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use vfs::driver::{self, FileSystemDriver};

use crate::abi::linux::usage::ticks;
use crate::arch::{clock, cpu, interrupts};
use crate::fs::devices;
use crate::mm::PAGE_SIZE;
use crate::task::process::Process;
use crate::task::{load, number, scheduler, usage};
use crate::{command_line, mm, time};

/// Averages, who of all threads could run now, and the number that was given last.
pub(super) fn load_averages() -> String {
    let [one, five, fifteen] = load::averages().map(|average| format!("{}.{:02}", average / 100, average % 100));
    let (running, all, last) = (interrupts::without(scheduler::running), scheduler::threads(), number::last());
    format!("{one} {five} {fifteen} {running}/{all} {last}\n")
}

/// Times in hundredths of a second; there are no disks to wait for, and interrupts are not measured apart.
pub(super) fn stat() -> String {
    let machine = usage::machine();
    let [user, nice, system, idle] = [machine.user, machine.nice, machine.system, machine.idle].map(ticks);
    let interrupts: u64 = interrupts::counts().map(|(_, count, _)| count).sum();
    let each: String = interrupts::counts().map(|(_, count, _)| format!(" {count}")).collect();
    let times = format!("{user} {nice} {system} {idle} 0 0 0 0 0 0");
    let (switches, boot, begun) = (machine.switches, time::boot_time().as_secs(), Process::begun_ever());
    let running = interrupts::without(scheduler::running);
    format!(
        "cpu  {times}\ncpu0 {times}\nintr {interrupts}{each}\nctxt {switches}\nbtime {boot}\nprocesses {begun}\n\
         procs_running {running}\nprocs_blocked 0\n"
    )
}

/// The kinds of device that nodes can stand for.
pub(super) fn devices() -> String {
    let lines = devices::DRIVERS.iter().map(|(major, name)| format!("{major:3} {name}\n"));
    format!("Character devices:\n{}\nBlock devices:\n", lines.collect::<String>())
}

pub(super) fn cmdline() -> String {
    format!("{}\n", command_line::get())
}

pub(super) fn version() -> String {
    format!("Strata version {} (x86_64)\n", env!("CARGO_PKG_VERSION"))
}

pub(super) fn uptime() -> String {
    let up = time::monotonic();
    let (seconds, hundredths) = (up.as_secs(), up.subsec_millis() / 10);
    let idle = usage::machine().idle;
    let (idle_seconds, idle_hundredths) = (idle.as_secs(), idle.subsec_millis() / 10);
    format!("{seconds}.{hundredths:02} {idle_seconds}.{idle_hundredths:02}\n")
}

pub(super) fn filesystems() -> String {
    let mut drivers: Vec<_> = driver::drivers().collect();
    drivers.sort_unstable_by_key(|driver| driver.name());
    let line = |driver: &&dyn FileSystemDriver| {
        format!("{}\t{}\n", if driver.needs_device() { "" } else { "nodev" }, driver.name())
    };
    drivers.iter().map(line).collect()
}

pub(super) fn meminfo() -> String {
    let usage = mm::usage();
    let kib = |frames: usize| frames * PAGE_SIZE / 1024;
    [
        ("MemTotal", kib(usage.total_frames)),
        ("MemFree", kib(usage.free_frames)),
        ("MemAvailable", kib(usage.free_frames.saturating_sub(mm::pages::data_reserve()))),
        ("Buffers", 0),
        ("Cached", kib(usage.other_frames())),
        ("SwapCached", 0),
        ("SwapTotal", 0),
        ("SwapFree", 0),
        ("Shmem", kib(usage.other_frames())),
        ("SReclaimable", 0),
        ("KernelHeap", kib(usage.heap_frames)),
        ("KernelHeapUsed", usage.heap_bytes / 1024),
        ("PageTables", kib(usage.table_frames)),
    ]
    .iter()
    .map(|(name, size)| format!("{:<16}{size:>8} kB\n", format!("{name}:")))
    .collect()
}

pub(super) fn cpuinfo() -> String {
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

pub(super) fn interrupt_counts() -> String {
    let mut text = String::from("           CPU0\n");
    for (line, count, name) in interrupts::counts() {
        text += &format!("{line:3}: {count:>10}  {name}\n");
    }
    text
}
