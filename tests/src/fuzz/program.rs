//! Mutations of ELF files, and what must hold of any that is taken for a program.

use super::{Random, outcome};
use elf::Elf;
use vfs::content::{Bytes, Content};
use vfs::error::FileSystemErrorKind;

/// Where the kernel's programs must end.
const END: u64 = 0x7fff_f000_0000;

/// The header and three program headers: what a change most often tells in.
const HEADERS: usize = 64 + 3 * 56;

/// Numbers at the edges of what a field may have.
const EDGES: [u64; 16] =
    [0, 1, 2, 3, 7, 56, 64, 128, 4095, 4096, 0x1_0000, 0x40_0000, END - 4096, END, 1 << 63, u64::MAX];

/// Changes a field of the headers, or swaps two program headers.
pub fn mutate(random: &mut Random, _: &[Vec<u8>], input: &mut Vec<u8>) {
    input.resize(input.len().max(HEADERS), 0);
    if random.below(4) == 0 {
        let [one, other] = [0, 1].map(|_| 64 + 56 * random.below(3));
        (0..56).for_each(|at| input.swap(one + at, other + at));
        return;
    }
    let size = *random.pick(&[2, 4, 8]);
    let at = random.below(HEADERS / size) * size;
    let number = random.pick(&EDGES).wrapping_add(random.below(3) as u64).wrapping_sub(1);
    input[at..at + size].copy_from_slice(&number.to_le_bytes()[..size]);
}

/// Takes any bytes for a program. Refused, they are `ENOEXEC`; else what is said of the program holds together.
pub fn examine(input: &[u8]) -> u64 {
    let content = Content::from_bytes(Bytes::from_vec(input.to_vec()));
    let elf = match Elf::parse(&content, END) {
        Ok(elf) => elf,
        Err(error) => {
            assert_eq!(error.kind(), FileSystemErrorKind::NotExecutable);
            return 0;
        }
    };
    assert!(elf.check(END), "{elf:?}");
    assert!(elf.interpreter.as_ref().is_none_or(|path| path.len() < input.len()));
    let shape = elf.segments.iter().map(|segment| {
        let has_file = (segment.file_size > 0, segment.memory_size > segment.file_size);
        (segment.rights.bits(), has_file, segment.offset + segment.file_size <= input.len() as u64)
    });
    let shape: Vec<_> = shape.collect();
    outcome(&(elf.movable, elf.interpreter.is_some(), elf.headers_address != 0, shape))
}
