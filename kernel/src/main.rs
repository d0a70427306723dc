//! Strata: a kernel whose root is a stack of layers.
//!
//! [`kernel_main`] brings the machine up from what the boot code hands over, in this order: the console and the log,
//! exceptions and interrupts, the clock. See `ARCHITECTURE.md` for the rooms and the way the arrows run.
#![no_std]
#![no_main]

extern crate alloc;

use bootloader_api::BootInfo;
use task::thread::Thread;
// Named so that the linker sees what it submits, also while nothing else of it is used.
use vfs as _;

mod abi;
mod arch;
#[cfg(feature = "bench")]
mod bench;
mod command_line;
mod console;
mod debug;
mod fs;
mod init;
#[cfg(test)]
mod ktest;
mod log;
mod mm;
mod panic;
mod root;
mod session;
mod socket;
mod task;
mod time;

boot::entry_point!(kernel_main);

fn kernel_main(boot_info: &'static mut BootInfo, line: &'static str) -> ! {
    command_line::init(line);
    log::init();
    arch::serial::COM1.init();
    arch::serial::COM2.init();
    arch::init();
    arch::init_clock();
    time::init();
    log!("strata {}, command line: {line}", env!("CARGO_PKG_VERSION"));
    mm::init(boot_info);
    task::scheduler::init();
    task::vdso::init().expect("there is memory for what programs share");
    arch::acpi::init(boot_info.rsdp_addr.into_option());
    let usage = mm::usage();
    log!("memory: {} KiB free of {} KiB", usage.free_frames * 4, usage.total_frames * 4);
    let initramfs = mm::initramfs(boot_info);
    log!("initramfs: {} bytes", initramfs.len());
    #[cfg(test)]
    if !command_line::has("ktest.off") {
        ktest::run();
    }
    run(initramfs)
}

/// What the kernel is for, once the machine is up.
fn run(initramfs: &'static [u8]) -> ! {
    #[cfg(feature = "bench")]
    if command_line::has("bench") {
        bench::run(initramfs);
    }
    if command_line::has("linux-abi") {
        abi::linux::page::print();
    }
    debug::end_on_request();
    let session = Thread::spawn(move || session::run(initramfs)).expect("there is memory for the first thread");
    session.join();
    unreachable!("the session ends with the machine")
}
