//! Strata: a kernel whose root is a stack of layers.
//!
//! [`kernel_main`] brings the machine up from what the boot code hands over, in this order: the console and the log, exceptions
//! and interrupts, the clock. See `ARCHITECTURE.md` for the rooms and the way the arrows run.
#![no_std]
#![no_main]

extern crate alloc;

use bootloader_api::BootInfo;

mod arch;
mod command_line;
mod console;
mod log;
mod mm;
mod panic;
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
    let usage = mm::usage();
    log!(
        "memory: {} KiB free of {} KiB",
        usage.free_frames * 4,
        usage.total_frames * 4
    );
    arch::exit::power_off()
}
