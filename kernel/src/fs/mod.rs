//! File systems that need the kernel itself, and what device nodes stand for.
//!
//! | file | subject |
//! |---|---|
//! | [`generated`] | read-only trees that the kernel makes up: the nodes of the next two |
//! | [`devfs`] | device nodes under their usual names |
//! | [`procfs`] | what the kernel says of itself and of processes, made as it is opened |
//! | [`devices`] | what device numbers stand for, wherever a node has them |
//! | [`namespaces`] | namespaces as files, to go there by |
//! | [`pipe`], [`fifo`] | pipes, and those with a name |
//! | [`readiness`], [`owners`] | waiting for one of several open files; a signal in place of waiting |
//! | [`notices`], [`leases`] | a signal when something happens in a directory, or somebody wants a file for themselves |
//! | [`timer`], [`handle`], [`signals`] | times, processes and signals as open files |
//! | [`epoll`], [`event`] | waiting for many that are named once; numbers to wait for |
//! | [`watching`] | events of the file system, to be read and waited for |
//! | [`unnamed`], [`anonymous`] | nodes for what is open and has no name; for what is nothing but open |
//! | `overlay_memory` | tests: what an overlay takes of the machine's memory |
//! | [`terminal`] | the console as a terminal that is read line by line |

pub mod anonymous;
pub mod configuring;
pub mod devfs;
pub mod devices;
pub mod epoll;
pub mod event;
mod fifo;
pub mod generated;
pub mod handle;
pub mod leases;
pub mod namespaces;
pub mod notices;
#[cfg(test)]
mod overlay_memory;
pub mod owners;
pub mod pipe;
pub mod procfs;
pub mod readiness;
pub mod signals;
pub mod terminal;
pub mod timer;
pub mod unnamed;
pub mod watching;
