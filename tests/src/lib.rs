//! What the end-to-end tests share: the real kernel, booted in QEMU as a user boots it.
//!
//! | module | what it does |
//! |---|---|
//! | [`fuzz`] | inputs by the thousand, out of kept ones |
//! | [`kernel`] | builds the kernel, and runs scripts in it |
//! | [`manifest`] | a tree as lines, one a file, on the host and as the guest prints it |
//! | [`packages`] | real trees: unpacked Debian packages |
//! | [`programs`] | programs of this workspace, linked statically for the guest |
//! | [`side_by_side`] | the same program in the guest and on Linux |
//! | [`skipping`] | tests that this machine cannot run |

#![forbid(unsafe_code)]

pub mod fuzz;
pub mod kernel;
pub mod manifest;
pub mod packages;
pub mod programs;
pub mod side_by_side;
pub mod skipping;
