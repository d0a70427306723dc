//! The built-in shell: what somebody at the serial line gets when the image brings no `/init`.
//!
//! It stands on the crate `vfs` alone and enters it by the same door as everyone else: each operation goes through a
//! [`vfs::manager::VfsManager`] with a [`vfs::context::Context`]. What it needs of a terminal and of a machine comes in
//! through two traits, [`console::Console`] and [`machine::Machine`], so it runs on the host as well, where it is
//! tested.
//!
//! | file | subject |
//! |---|---|
//! | `shell` | running lines and scripts |
//! | `language` | the language |
//! | `glob`, `completion` | names that match, names that are meant |
//! | `editor`, `console` | what is typed and shown |
//! | `commands`, `call`, `options`, `stream`, `pipe` | commands, what they are given and where their output goes |
//! | `walk`, `names`, `copying`, `removal`, `destination` | trees, however deep |
//! | `mode`, `calendar`, `quoting`, `columns`, `utf8` | how things are written |
//! | `namespaces` | the namespaces that `ns` knows by name |
//!
//! Two rules hold everywhere. Nothing recurses over a tree: a tree may be deeper than a kernel's stack. And content is
//! copied by clone or in pieces of bounded size: a file may be larger than the memory.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod calendar;
mod call;
mod columns;
mod commands;
mod completion;
pub mod console;
mod copying;
mod destination;
mod editor;
mod glob;
pub mod language;
pub mod machine;
mod mode;
mod names;
mod namespaces;
mod options;
mod pipe;
mod quoting;
mod removal;
mod shell;
mod stream;
mod utf8;
mod walk;

pub use shell::Shell;
