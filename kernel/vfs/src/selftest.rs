//! Tests that run on the host and in the guest alike.

#[cfg(any(test, feature = "selftest"))]
pub(crate) mod errno_tables;
#[cfg(any(test, feature = "selftest"))]
pub mod world;

/// Declares tests: `vfs_test! { fn name() { … } }`, several in one block if need be. `cargo test` runs them on the
/// host; with the feature `selftest` they are also submitted as [`registry::Test`]s, which the kernel's test build
/// runs in the guest. The place must itself be behind `#[cfg(any(test, feature = "selftest"))]`.
#[macro_export]
macro_rules! vfs_test {
    ($($(#[doc = $doc:literal])* fn $name:ident() $body:block)*) => {
        $(
            $(#[doc = $doc])*
            #[cfg_attr(test, test)]
            fn $name() $body

            $crate::registry::submit!($crate::registry::Test: $crate::registry::Test {
                name: concat!(module_path!(), "::", stringify!($name)),
                run: $name,
                should_panic: false,
            });
        )*
    };
}

#[cfg(any(test, feature = "selftest"))]
mod tests {
    vfs_test! {
        fn a_test_makes_itself_known() {
            let name = "selftest::tests::a_test_makes_itself_known";
            assert!(registry::entries::<registry::Test>().any(|test| test.name.ends_with(name)));
        }
    }
}
