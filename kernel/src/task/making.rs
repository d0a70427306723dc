//! Making programs, for tests and benchmarks.

use alloc::vec::Vec;

/// An ELF file of these segments: address, rights, bytes in the file, bytes in memory.
pub fn file(entry: u64, segments: &[(u64, u32, Vec<u8>, u64)]) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0".to_vec();
    [entry, 64, 0].iter().for_each(|word| file.extend_from_slice(&word.to_le_bytes()));
    file.extend_from_slice(&[0, 0, 0, 0, 64, 0, 56, 0, segments.len() as u8, 0, 0, 0, 0, 0, 0, 0]);
    let mut offset = 4096;
    for (address, rights, bytes, memory) in segments {
        file.extend_from_slice(&1u32.to_le_bytes());
        file.extend_from_slice(&rights.to_le_bytes());
        let words = [offset, *address, *address, bytes.len() as u64, *memory, 4096];
        words.iter().for_each(|word| file.extend_from_slice(&word.to_le_bytes()));
        offset += (bytes.len() as u64).next_multiple_of(4096);
    }
    for (_, _, bytes, _) in segments {
        file.resize(file.len().next_multiple_of(4096), 0);
        file.extend_from_slice(bytes);
    }
    file
}
