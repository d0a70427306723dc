//! The host side of Strata: starts the kernel in QEMU, tells how it ended, and shows its tests as cargo tests.
//!
//! | module | what it does |
//! |---|---|
//! | [`machine`] | what to boot and on what machine: QEMU's command line |
//! | [`guest`] | a running QEMU: its output, its end, and what that end means |
//! | [`monitor`] | asks QEMU where a hung guest is |
//! | [`symbol`] | kernel addresses to `function file:line` |
//! | [`script`] | a guest without a terminal: a script's output and exit status |
//! | [`console`] | a guest on the user's terminal |
//! | [`mod@bench`] | the guest's benchmarks as a table |
//! | [`ktap`] | the lines that a test kernel prints |
//! | [`ktest`] | the guest's tests as cargo tests |
//! | [`newc`] | writes cpio archives whose data can be mapped |
//! | [`busybox`] | puts BusyBox into the directory that is packed |
//! | [`image`] | packs a directory of the host as an initramfs |
//! | [`check`] | compares an initramfs with the directory it was made from |
//!
//! But for `check`, which mounts images by the very file system that the guest uses, nothing here knows a kernel type:
//! host and guest share only the words on the command line, the lines on the serial ports and the exit codes of
//! `isa-debug-exit`.

#![forbid(unsafe_code)]

pub mod bench;
pub mod busybox;
pub mod check;
pub mod console;
pub mod guest;
pub mod image;
pub mod ktap;
pub mod ktest;
pub mod machine;
pub mod monitor;
pub mod newc;
pub mod script;
pub mod symbol;
