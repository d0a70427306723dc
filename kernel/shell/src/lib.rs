//! The built-in shell.
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;
