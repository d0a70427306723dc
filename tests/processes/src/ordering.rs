//! Restartable sequences and barriers, as far as they can be asked for (`rseq(2)`, `membarrier(2)`).

use crate::call;
use crate::call::child;

const SIGNATURE: u64 = 0x5305_3053;

unsafe extern "C" {
    /// Where the C library has the structure of each thread, from its thread pointer on.
    static __rseq_offset: isize;
}

/// Asks for the structure at an address.
fn rseq(address: u64, length: u64, flags: u64, signature: u64) -> i64 {
    call!(SYS_rseq, address, length, flags, signature)
}

fn sequences() {
    let mut base = [0];
    call!(SYS_arch_prctl, 0x1003, &mut base);
    // SAFETY: the library sets it before the program begins.
    let address = base[0].wrapping_add_signed(unsafe { __rseq_offset } as i64);
    let again = [rseq(address, 32, 0, SIGNATURE), rseq(address, 32, 0, 7), rseq(address + 32, 32, 0, SIGNATURE)];
    println!("the library's: {again:?}");
    println!("a child's: {}", child(|| (rseq(address, 32, 0, SIGNATURE) == -16).into()) >> 8);
    let wrong = [(address, 33, 1, SIGNATURE), (address, 32, 1, 7), (address + 32, 32, 1, SIGNATURE)];
    println!("given up wrongly: {:?}", wrong.map(|(address, length, flags, word)| rseq(address, length, flags, word)));
    println!("given up: {:?}", [0; 2].map(|_| rseq(address, 32, 1, SIGNATURE)));
    let mut own = [u64::MAX; 16];
    let at = (own.as_mut_ptr() as u64).next_multiple_of(32);
    let first = ((at - own.as_mut_ptr() as u64) / 8) as usize;
    for (address, length, flags) in
        [(at + 8, 32, 0), (at, 31, 0), (at, 0, 0), (at, 32, 2), (0, 32, 1), (1 << 63, 32, 0)]
    {
        println!("refused: {}", rseq(address, length, flags, SIGNATURE));
    }
    println!("another: {}", rseq(at, 32, 0, SIGNATURE));
    println!("  one processor: {} {:#x}", own[first] as u32 == (own[first] >> 32) as u32, own[first + 1]);
    println!("  {} {:#x}", rseq(at, 32, 1, SIGNATURE), own[first]);
}

fn barriers() {
    let asks =
        |commands: &[u64]| commands.iter().map(|&command| call!(SYS_membarrier, command, 0, 0)).collect::<Vec<_>>();
    println!("kinds: {:?}", asks(&[0]));
    println!("unasked: {:?}", asks(&[1, 2, 8, 32, 128, 512]));
    println!("announced: {:?}", asks(&[4, 16, 512, 64, 256, 512]));
    println!("asked: {:?}", asks(&[1, 2, 8, 32, 128]));
    println!("unknown: {:?}", asks(&[1024, 3, 1 << 31]));
    println!("flags: {:?}", [1, 128].map(|command| call!(SYS_membarrier, command, 1, 0)));
    println!("a child's: {:#x}", child(|| (asks(&[512]) == [0x154]).into()) >> 8);
}

pub fn all() {
    for subject in [sequences, barriers] {
        let status = child(|| {
            subject();
            0
        });
        assert_eq!(status, 0);
    }
    let told = [27, 28].map(|key| {
        // SAFETY: it has no argument that is an address.
        unsafe { libc::getauxval(key) }
    });
    println!("told: {told:?}");
}
