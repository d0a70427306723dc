//! The file-system half of Strata: mount tree, namespaces, dentry cache, tmpfs, cpiofs and the overlay.
//!
//! No unsafe code, no architecture, no console, no clock of its own: it builds for any kernel and for the host.
//! Arrows run one way: drivers know the core, the core knows no driver, and nothing here knows the kernel.
//!
//! Lock order, outermost first: namespace, rename lock of a superblock, directory, file, content, allocator. Where one
//! file system stands on another, all of the upper one's locks come before all of the lower one's.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

#[doc(hidden)]
pub use registry;

mod by_number;
pub mod change;
pub mod content;
pub mod context;
pub mod driver;
pub mod drivers;
pub mod entry;
pub mod environment;
pub mod error;
pub mod file;
pub mod file_system;
pub mod handles;
pub mod inotify;
pub mod io;
pub mod lease;
pub mod lock;
pub mod manager;
pub mod metadata;
pub mod mount;
pub mod name;
pub mod node;
pub mod private_tree;
mod recent;
pub mod seals;
pub mod selftest;
pub mod superblock;
pub mod sync;
pub mod time;
pub mod usage;
mod walk;
