//! Who made the processor, what it calls itself, and what it can do.

use alloc::string::String;
use alloc::vec::Vec;
use core::arch::x86_64::__cpuid;

/// CPUID's first extended leaf: it says which others there are.
const EXTENDED: u32 = 0x8000_0000;
/// The three leaves that hold the brand.
const BRAND: core::ops::RangeInclusive<u32> = 0x8000_0002..=0x8000_0004;

/// The vendor, as `GenuineIntel`.
pub fn vendor() -> String {
    let leaf = __cpuid(0);
    text(&[leaf.ebx, leaf.edx, leaf.ecx])
}

/// The brand; empty when the processor has none to tell.
pub fn brand() -> String {
    if __cpuid(EXTENDED).eax < *BRAND.end() {
        return String::new();
    }
    let registers: Vec<u32> = BRAND
        .flat_map(|leaf| {
            let leaf = __cpuid(leaf);
            [leaf.eax, leaf.ebx, leaf.ecx, leaf.edx]
        })
        .collect();
    text(&registers)
}

/// What it can do, as programs are told: CPUID leaf 1, edx.
pub fn capabilities() -> u32 {
    __cpuid(1).edx
}

/// The ASCII text that registers hold, up to the first NUL.
fn text(registers: &[u32]) -> String {
    let bytes = registers.iter().flat_map(|register| register.to_le_bytes());
    let text: String = bytes.take_while(|&byte| byte != 0).filter(u8::is_ascii).map(char::from).collect();
    text.trim().into()
}
