//! What a thread may set of itself, and small things that it asks for.

use shell::machine::Ending;
use vfs::context::Capabilities;
use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use crate::arch::{random, user};
use crate::mm::user_memory::UserAddress;
use crate::session;
use crate::task::{number, scheduler};

const ARCH_SET_GS: u32 = 0x1001;
const ARCH_SET_FS: u32 = 0x1002;
const ARCH_GET_FS: u32 = 0x1003;
const ARCH_GET_GS: u32 = 0x1004;
const ARCH_GET_CPUID: u32 = 0x1011;
const ARCH_SET_CPUID: u32 = 0x1012;

pub fn arch_prctl(call: &mut Call<'_>) -> Result<u64> {
    let address = call.arguments[1];
    let thread = call.thread();
    let user = call.user_side(&thread)?;
    match call.word(0) {
        ARCH_SET_FS | ARCH_SET_GS if address >= user::USER_END => fail(FileSystemErrorKind::NotPermitted),
        ARCH_SET_GS => {
            user.set_second_base(address);
            Ok(0)
        }
        ARCH_GET_GS => call.write_words(1, [user.second_base()]),
        // The instruction is there, and nobody can take it away.
        ARCH_GET_CPUID => Ok(1),
        ARCH_SET_CPUID => fail(FileSystemErrorKind::NoSuchDevice),
        ARCH_SET_FS => {
            user.set_thread_base(address);
            Ok(0)
        }
        ARCH_GET_FS => call.write_words(1, [user.thread_base()]),
        _ => fail(FileSystemErrorKind::InvalidArgument),
    }
}

pub fn set_tid_address(call: &mut Call<'_>) -> Result<u64> {
    let thread = call.thread();
    let user = call.user_side(&thread)?;
    user.set_cleared_at_end(UserAddress::given(call.arguments[0]));
    Ok(user.tid().into())
}

/// `reboot(2)`'s first argument, and what the second may be.
const FIRST_MAGIC: u32 = 0xfee1_dead;
const SECOND_MAGICS: [u32; 4] = [0x2812_1969, 0x0512_1996, 0x1604_1998, 0x2011_2000];
const RESTART: u32 = 0x0123_4567;
const RESTART_WITH_COMMAND: u32 = 0xa1b2_c3d4;
const HALT: u32 = 0xcdef_0123;
const POWER_OFF: u32 = 0x4321_fedc;
const KEYS_ON: u32 = 0x89ab_cdef;
const KEYS_OFF: u32 = 0;

pub fn reboot(call: &mut Call<'_>) -> Result<u64> {
    call.process.place()?.context.credentials.require(Capabilities::SYS_BOOT)?;
    if call.word(0) != FIRST_MAGIC || !SECOND_MAGICS.contains(&call.word(1)) {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    match call.word(2) {
        RESTART | RESTART_WITH_COMMAND => session::end(Ending::Reboot, 0),
        HALT | POWER_OFF => session::end(Ending::PowerOff, 0),
        // There is no keyboard whose keys would restart it.
        KEYS_ON | KEYS_OFF => Ok(0),
        _ => fail(FileSystemErrorKind::InvalidArgument),
    }
}

pub fn sched_yield(_call: &mut Call<'_>) -> Result<u64> {
    scheduler::end_turn();
    Ok(0)
}

/// `GRND_NONBLOCK`, `GRND_RANDOM`, `GRND_INSECURE`: all the same here, where there are always enough.
const RANDOM_FLAGS: u32 = 7;

pub fn getrandom(call: &mut Call<'_>) -> Result<u64> {
    call.flags(2, RANDOM_FLAGS)?;
    let (address, length) = (call.address(0), call.arguments[1]);
    let length = length.min(0x7fff_ffff);
    let mut done = 0;
    let mut chunk = [0; 256];
    while done < length {
        let step = (length - done).min(chunk.len() as u64);
        random::fill(&mut chunk[..step as usize]);
        match address.plus(done).write(&chunk[..step as usize]) {
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
            Ok(()) => done += step,
        }
    }
    Ok(done)
}

/// Which processors: the only one.
pub fn sched_getaffinity(call: &mut Call<'_>) -> Result<u64> {
    let [pid, size, ..] = call.arguments;
    if size < 8 || !size.is_multiple_of(8) {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    if pid as u32 != 0 && number::thread(pid as u32).is_none() {
        return fail(FileSystemErrorKind::NoProcess);
    }
    call.write_words(2, [1])?;
    Ok(8)
}

/// Which processor runs the caller: the only one, which is the only node's.
pub fn getcpu(call: &mut Call<'_>) -> Result<u64> {
    for address in [0, 1].map(|index| call.given(index)).into_iter().flatten() {
        address.write_u32(0)?;
    }
    Ok(0)
}
