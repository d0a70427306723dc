//! Reference-counted 4 KiB frames, allocated fallibly: the only place where file data meets raw memory.
#![no_std]

/// There is no frame left, or the reserve would be touched (`ENOMEM`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutOfMemory;
