//! Everything before kernel_main.
#![no_std]
