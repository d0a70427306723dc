//! Reference-counted 4 KiB frames.
#![no_std]
