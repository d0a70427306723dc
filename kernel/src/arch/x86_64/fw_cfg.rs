//! QEMU's firmware configuration device: named files that the host gives to its guest.
//!
//! The layout is QEMU's `docs/specs/fw_cfg.rst`. Numbers are big-endian. The device has one read position, so one
//! reader at a time: [`DEVICE`] guards it.

use alloc::vec::Vec;

use spin::Mutex;
use x86_64::instructions::port::Port;

const SELECTOR: u16 = 0x510;
const DATA: u16 = 0x511;

const KEY_SIGNATURE: u16 = 0x00;
const KEY_DIRECTORY: u16 = 0x19;
const SIGNATURE: [u8; 4] = *b"QEMU";

/// Guards the device's read position.
static DEVICE: Mutex<Device> = Mutex::new(Device);

/// Reads the file called `name`, for instance `opt/strata/script`. `None` when there is no such file or no such
/// device, or when it does not fit in memory.
pub fn read_file(name: &str) -> Option<Vec<u8>> {
    let device = DEVICE.lock();
    device.select(KEY_SIGNATURE);
    if device.read_array::<4>() != SIGNATURE {
        return None;
    }
    device.select(KEY_DIRECTORY);
    let count = u32::from_be_bytes(device.read_array());
    for _ in 0..count {
        let size = u32::from_be_bytes(device.read_array()) as usize;
        let key = u16::from_be_bytes(device.read_array());
        let _reserved: [u8; 2] = device.read_array();
        let entry_name: [u8; 56] = device.read_array();
        if entry_name.split(|&byte| byte == 0).next() == Some(name.as_bytes()) {
            let mut contents = Vec::new();
            contents.try_reserve_exact(size).ok()?;
            device.select(key);
            contents.extend((0..size).map(|_| device.read_byte()));
            return Some(contents);
        }
    }
    None
}

/// The device itself; only [`DEVICE`] holds one.
struct Device;

impl Device {
    fn select(&self, key: u16) {
        // SAFETY: on a machine without the device these ports are empty; no memory is touched.
        unsafe { Port::new(SELECTOR).write(key) };
    }

    fn read_byte(&self) -> u8 {
        // SAFETY: as in `select`.
        unsafe { Port::new(DATA).read() }
    }

    fn read_array<const N: usize>(&self) -> [u8; N] {
        core::array::from_fn(|_| self.read_byte())
    }
}

#[cfg(test)]
mod tests {
    use super::read_file;
    use crate::ktest;

    ktest! {
        fn a_file_that_is_not_there_is_none() {
            assert_eq!(read_file("opt/strata/nothing"), None);
        }

        /// Every machine of QEMU has its ACPI tables' loader script in a file; its records are of 128 bytes.
        fn a_file_that_qemu_always_has_is_read_whole() {
            let loader = read_file("etc/table-loader").expect("QEMU offers this file");
            assert!(!loader.is_empty());
            assert_eq!(loader.len() % 128, 0);
        }
    }
}
