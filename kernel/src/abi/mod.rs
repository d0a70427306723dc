//! What programs ask of the kernel.

pub mod linux;
