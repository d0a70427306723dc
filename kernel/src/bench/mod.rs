//! Benchmarks that run in the guest, written beside the code they measure; built with the `bench` feature.
//!
//! [`bench!`](crate::bench!) submits a [`Bench`], which the linker collects. The word `bench` on the kernel's command
//! line runs those whose names contain what `bench.filter=` says, by name, and ends the machine. Each prints rows `#
//! bench NAME VALUE UNIT` on the console. Under `-icount shift=0,sleep=off` the unit `instructions` is exact and
//! repeatable.

mod content;
mod file_systems;
mod merged;
mod programs;

use alloc::vec::Vec;

use spin::Once;

use crate::arch::{exit, instructions};
use crate::{command_line, println};

/// A benchmark.
#[derive(Clone, Copy)]
pub struct Bench {
    /// The module's path and the function's name; the crate's name in front is not shown.
    pub path: &'static str,
    /// Measures, and prints rows with [`row`].
    pub run: fn(),
}

impl Bench {
    fn name(&self) -> &'static str {
        self.path.strip_prefix("kernel::").unwrap_or(self.path)
    }
}

/// Defines benchmarks: `bench! { fn name() { … } }`.
#[macro_export]
macro_rules! bench {
    ($($(#[$attribute:meta])* fn $name:ident() $body:block)*) => {
        $(
            $(#[$attribute])*
            fn $name() {
                ::registry::submit!($crate::bench::Bench: $crate::bench::Bench {
                    path: ::core::concat!(::core::module_path!(), "::", ::core::stringify!($name)),
                    run: $name,
                });
                $body
            }
        )*
    };
}

/// What the machine was booted with.
static INITRAMFS: Once<&'static [u8]> = Once::new();

/// What the machine was booted with.
fn initramfs() -> &'static [u8] {
    INITRAMFS.get().copied().unwrap_or_default()
}

/// Runs the benchmarks that the command line selects, and ends the machine.
pub fn run(initramfs: &'static [u8]) -> ! {
    INITRAMFS.call_once(|| initramfs);
    let filter = command_line::value("bench.filter").unwrap_or_default();
    let mut selected: Vec<Bench> =
        registry::entries::<Bench>().copied().filter(|bench| bench.name().contains(filter)).collect();
    selected.sort_unstable_by_key(Bench::name);
    for bench in &selected {
        (bench.run)();
    }
    println!("# end");
    exit::with_code(exit::Code::InOrder)
}

/// Prints one result.
pub fn row(name: &str, value: u64, unit: &str) {
    println!("# bench {name} {value} {unit}");
}

/// What one call of `body` costs, in instructions: the least of `rounds` rounds of `calls` calls each.
pub fn measure(rounds: usize, calls: u32, mut body: impl FnMut()) -> u64 {
    let mut round = || {
        let start = instructions();
        for _ in 0..calls {
            body();
        }
        (instructions() - start) / u64::from(calls.max(1))
    };
    (0..rounds).map(|_| round()).min().unwrap_or(0)
}
