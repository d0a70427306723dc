//! Things that make themselves known where they are written: drivers, tests, benchmarks.
//!
//! The linker collects every entry that [`submit!`] makes anywhere in the program, and [`entries`] gives those of one
//! type. A crate that only contributes entries must be named by the program (`use name as _;`), or the linker never
//! sees it. The crate exists by itself so that crates which forbid unsafe code can submit: placing a static in a
//! section counts as unsafe, and here that is said once.
#![no_std]

use core::any::Any;

#[doc(hidden)]
pub use linkme;

#[doc(hidden)]
#[linkme::distributed_slice]
pub static ENTRIES: [&'static (dyn Any + Sync)];

/// Submits a static: `submit!(MyType: expression);`, the expression constant.
#[macro_export]
macro_rules! submit {
    ($type:ty: $entry:expr) => {
        const _: () = {
            static ENTRY: $type = $entry;
            #[$crate::linkme::distributed_slice($crate::ENTRIES)]
            #[linkme(crate = $crate::linkme)]
            static COLLECTED: &'static (dyn ::core::any::Any + Sync) = &ENTRY;
        };
    };
}

/// All entries of type `T`, in the order of the link.
pub fn entries<T: Any>() -> impl Iterator<Item = &'static T> {
    ENTRIES.iter().filter_map(|entry| (*entry as &dyn Any).downcast_ref())
}

/// A test that can run in the guest. It passes by returning, or by panicking where that is expected.
pub struct Test {
    /// Module path and name, as `vfs::walk::tests::dot_dot_stops_at_the_root`.
    pub name: &'static str,
    /// The test.
    pub run: fn(),
    /// Whether it passes by panicking instead.
    pub should_panic: bool,
}

#[cfg(test)]
mod tests {
    struct Number(u32);
    struct Word(&'static str);
    submit!(Number: Number(1));
    submit!(Word: Word("one"));
    submit!(Number: Number(2));

    #[test]
    fn entries_of_a_type_are_collected_whatever_else_there_is() {
        let sum: u32 = crate::entries::<Number>().map(|number| number.0).sum();
        assert_eq!(sum, 3);
        assert!(crate::entries::<Word>().any(|word| word.0 == "one"));
        assert_eq!(crate::entries::<u8>().count(), 0);
    }
}
