//! Tests that run in the guest, written beside the code they test.
//!
//! [`ktest!`](crate::ktest!) submits a [`Test`], which the linker collects; those that other crates submit for the
//! guest, as [`registry::Test`], join them. `cargo ktest` builds the kernel with them, and [`run()`] takes the place
//! of the shell.
//!
//! Words of the kernel's command line: `ktest.filter=A,B` runs the tests whose names contain `A` or `B`; with
//! `ktest.exact` they must be equal; `ktest.list` only lists; `ktest.skip=N` leaves out the first N of the selection;
//! `ktest.timeout=S` is what a test may take, in seconds; `ktest.faulty` runs the tests of [`faulty`] instead;
//! `ktest.off` lets the kernel go on as it does without tests.
//!
//! Output is KTAP on the console, with one addition, `# start I NAME` before each test, which tells the host whom to
//! blame for a silent death. Tests are numbered from 1 over the whole selection, also after `ktest.skip`. A test that
//! panics ends the guest with its verdict as the last word; the host then boots again and goes on behind it. A test
//! that leaves frames or heap behind fails, if it does so twice in a row (what is set up once for all stays; a leak
//! grows). One that hangs is named by the [`watchdog`].

use core::fmt;

mod faulty;
mod report;
mod run;
pub mod watchdog;

pub use self::report::{Ending, on_end};
pub use self::run::run;

/// A test: it passes if `run` returns, or panics when a panic is expected.
#[derive(Clone, Copy)]
pub struct Test {
    /// The module's path and the function's name; the crate's name in front is not shown.
    pub path: &'static str,
    /// The test itself.
    pub run: fn(),
    /// When a panic (or an exception) is expected: what its message must contain.
    pub panics: Option<&'static str>,
}

impl Test {
    /// The name by which the test is known.
    pub fn name(&self) -> &'static str {
        self.path.strip_prefix("kernel::").unwrap_or(self.path)
    }
}

/// Defines tests. After the parentheses, `panics "text"` says that the test must end in a panic or exception whose
/// message contains the text.
///
/// ```ignore
/// ktest! {
///     /// What must hold.
///     fn two_and_two_make_four() { assert_eq!(2 + 2, 4); }
///     fn out_of_bounds_is_noticed() panics "index out of bounds" { … }
/// }
/// ```
#[macro_export]
macro_rules! ktest {
    ($($(#[$attribute:meta])* fn $name:ident() $(panics $message:literal)? $body:block)*) => {
        $(
            $(#[$attribute])*
            fn $name() {
                ::registry::submit!($crate::ktest::Test: $crate::ktest::Test {
                    path: ::core::concat!(::core::module_path!(), "::", ::core::stringify!($name)),
                    run: $name,
                    panics: $crate::ktest!(@expected $($message)?),
                });
                $body
            }
        )*
    };
    (@expected) => { ::core::option::Option::None };
    (@expected $message:literal) => { ::core::option::Option::Some($message) };
}

/// Displays why a test failed, on one line.
struct Reason<T>(T);

impl<T: fmt::Display> fmt::Display for Reason<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::panic::OneLine(&self.0).fmt(out)
    }
}

#[cfg(test)]
mod tests {
    ktest! {
        fn a_failed_assertion_is_a_panic() panics "left == right" {
            assert_eq!(2 + 2, 5);
        }

        fn an_index_out_of_bounds_is_a_panic() panics "index out of bounds" {
            let index = core::hint::black_box(3);
            core::hint::black_box([1, 2, 3][index]);
        }
    }
}
