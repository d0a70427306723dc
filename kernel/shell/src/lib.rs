//! The built-in shell.
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod columns;
pub mod console;
pub mod editor;
pub mod language;
mod utf8;
