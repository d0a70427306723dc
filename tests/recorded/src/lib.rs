//! Replays what Linux's overlayfs did in the unionmount test suite (`tests/conformance/`), on any [`System`].
//!
//! ```text
//!   upper    f                    an overlay of the two at mnt,
//!   lower    a/ (see `fixture`)   fresh for each of the 58 tests
//! ```
//! Compared are results and errnos, what `stat` shows (also which names are one inode), symbolic times, contents, the
//! whole merged tree at the end of each test, and the upper layer. All differences are collected, each with test, case
//! and line. Not compared: a directory's size and link count, and marks in the upper layer that only save work
//! (`impure`, `origin`, and `opaque` where no lower layer has the directory).
//!
//! The program of the same name replays by system calls: in the guest, or on Linux itself.

#![forbid(unsafe_code)]

mod fixture;
mod replay;
pub mod system;
mod system_calls;
mod upper;

pub use replay::{Report, replay};
pub use system::System;
pub use system_calls::SystemCalls;
