//! How to switch this machine off, from the firmware's ACPI tables.
//!
//! Only two things are taken: where the power register is (FADT) and what to write to it for "off" (the `\_S5`
//! package). That package is in a program (AML), which is not run: its bytes are looked for, as small kernels do.
//! Table layouts: ACPI 6.5, section 5.2.

use spin::Once;
use x86_64::instructions::port::Port;

use super::probe;

/// Every table begins with a header of this many bytes: signature, length, revision, checksum, names.
const HEADER: usize = 36;

/// Bits of the power register: ACPI is in charge; enter the sleep state now.
const SCI_ENABLED: u16 = 1;
const SLEEP_ENABLE: u16 = 1 << 13;
/// Where the sleep state's number goes.
const SLEEP_TYPE_SHIFT: u16 = 10;

/// AML: a package, a byte constant, and the constants zero and one.
const AML_PACKAGE: u8 = 0x12;
const AML_BYTE: u8 = 0x0a;
const AML_ZERO: u8 = 0x00;
const AML_ONE: u8 = 0x01;

/// What it takes to switch the machine off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PowerOff {
    /// The power register (PM1a control).
    control: u16,
    /// The number of the sleep state "off".
    sleep_type: u16,
    /// The port, and the value to write there, that put ACPI in charge, where the firmware has not done so.
    enable: Option<(u16, u8)>,
}

static POWER_OFF: Once<PowerOff> = Once::new();

/// Looks for the tables, starting from their root pointer at the physical address `rsdp`. Finding none is no error:
/// there are other ways to switch QEMU's machines off.
pub fn init(rsdp: Option<u64>) {
    if let Some(found) = rsdp.and_then(find) {
        POWER_OFF.call_once(|| found);
    }
}

/// Switches the machine off if the tables said how; otherwise returns.
pub(super) fn power_off() {
    let Some(how) = POWER_OFF.get() else { return };
    let mut control: Port<u16> = Port::new(how.control);
    // SAFETY: the firmware says that these are the power management registers; no memory is touched.
    unsafe {
        if let Some((port, value)) = how.enable
            && control.read() & SCI_ENABLED == 0
        {
            Port::new(port).write(value);
            while control.read() & SCI_ENABLED == 0 {
                core::hint::spin_loop();
            }
        }
        control.write(how.sleep_type << SLEEP_TYPE_SHIFT | SLEEP_ENABLE);
    }
}

fn find(rsdp: u64) -> Option<PowerOff> {
    let pointer = bytes(rsdp, HEADER)?;
    let has_long_pointers = pointer[15] >= 2 && number(pointer, 24, 8)? != 0;
    let (root, size) = if has_long_pointers { (number(pointer, 24, 8)?, 8) } else { (number(pointer, 16, 4)?, 4) };
    let root = table(root)?;
    let fadt = root[HEADER..].chunks_exact(size).find_map(|entry| {
        let found = table(number(entry, 0, size)?)?;
        found.starts_with(b"FACP").then_some(found)
    })?;
    let control = number(fadt, 64, 4)? as u16;
    let dsdt = number(fadt, 140, 8).filter(|&address| address != 0).or_else(|| number(fadt, 40, 4))?;
    let command = number(fadt, 48, 4)? as u16;
    let enable = number(fadt, 52, 1)? as u8;
    Some(PowerOff {
        control,
        sleep_type: u16::from(sleep_type_off(table(dsdt)?)?),
        enable: (command != 0 && enable != 0).then_some((command, enable)),
    })
}

/// The first element of the package `_S5_` in a program.
fn sleep_type_off(program: &[u8]) -> Option<u8> {
    const NAME: &[u8] = b"_S5_";
    let at =
        program.windows(NAME.len() + 1).position(|part| part.starts_with(NAME) && part[NAME.len()] == AML_PACKAGE)?;
    let package = &program[at + NAME.len() + 1..];
    // The package's length takes one byte, and as many more as that one's upper two bits say; then the number of
    // elements.
    let first = usize::from(*package.first()? >> 6) + 2;
    match *package.get(first)? {
        AML_BYTE => package.get(first + 1).copied(),
        value @ (AML_ZERO | AML_ONE) => Some(value),
        _ => None,
    }
}

/// The whole table at a physical address, if it is mapped and its bytes sum up to zero, as they must.
fn table(address: u64) -> Option<&'static [u8]> {
    let length = number(bytes(address, HEADER)?, 4, 4)? as usize;
    let table = bytes(address, length.max(HEADER))?;
    (table.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)) == 0).then_some(table)
}

/// `length` (at least 8) bytes at a physical address, if their first and last ones are mapped.
fn bytes(address: u64, length: usize) -> Option<&'static [u8]> {
    let start = boot::PHYSICAL_MEMORY_OFFSET.checked_add(address)?;
    probe::read(start)?;
    probe::read(start.checked_add(length as u64 - 8)?)?;
    // SAFETY: the direct map has no holes between two mapped addresses, and the firmware's tables are never written.
    Some(unsafe { core::slice::from_raw_parts(start as *const u8, length) })
}

/// The little-endian number of `size` bytes at `offset`.
fn number(bytes: &[u8], offset: usize, size: usize) -> Option<u64> {
    let bytes = bytes.get(offset..offset + size)?;
    Some(bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::{POWER_OFF, sleep_type_off};
    use crate::ktest;

    ktest! {
        /// `Name (_S5, Package { … })` in the forms that compilers write.
        fn the_package_for_off_is_read() {
            assert_eq!(sleep_type_off(b"\x08_S5_\x12\x06\x04\x00\x00\x00\x00"), Some(0));
            assert_eq!(sleep_type_off(b"\x08_S5_\x12\x07\x04\x0a\x05\x00\x00\x00"), Some(5));
            assert_eq!(sleep_type_off(b"\x08_S5_\x12\x46\x01\x04\x01\x01\x00\x00"), Some(1), "a longer length");
            assert_eq!(sleep_type_off(b"_S5_ _S5_\x12\x06\x04\x01"), Some(1), "the name alone is not it");
        }

        fn a_program_without_the_package_or_cut_short_has_none() {
            assert_eq!(sleep_type_off(b""), None);
            assert_eq!(sleep_type_off(b"\x08_S4_\x12\x06\x04\x00"), None);
            assert_eq!(sleep_type_off(b"\x08_S5_\x12"), None);
            assert_eq!(sleep_type_off(b"\x08_S5_\x12\x07\x04\x0a"), None);
            assert_eq!(sleep_type_off(b"\x08_S5_\x12\x07\x04\x0c\x05"), None, "not a byte");
        }

        fn the_emulator_says_how_it_is_switched_off() {
            let how = POWER_OFF.get().expect("QEMU has ACPI tables");
            assert_ne!(how.control, 0);
            assert!(how.sleep_type < 8);
        }
    }
}
