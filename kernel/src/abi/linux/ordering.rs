//! Sequences that are begun anew when they are interrupted, and what others have seen of memory (`rseq(2)`,
//! `membarrier(2)`).

use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use crate::arch::user::USER_END;
use crate::mm::user_memory::UserAddress;
use crate::task::rseq::{ALIGNMENT, Area};

const RSEQ_FLAG_UNREGISTER: u32 = 1;

/// Bytes of the structure as it was first.
const AREA_MIN: u32 = 32;

pub fn rseq(call: &mut Call<'_>) -> Result<u64> {
    let thread = call.thread();
    let user = call.user_side(&thread)?;
    let (address, length, signature) = (call.arguments[0], call.word(1), call.word(3));
    let given = UserAddress::given(address).map(|address| Area { address, length, signature });
    let own = user.rseq();
    let is_own = |own: Area| own.address.value() == address && own.length == length;
    match (call.word(2), own) {
        (RSEQ_FLAG_UNREGISTER, Some(own)) if is_own(own) => {
            if own.signature != signature {
                return fail(FileSystemErrorKind::NotPermitted);
            }
            own.clear()?;
            user.set_rseq(None);
            Ok(0)
        }
        (0, Some(own)) if is_own(own) => match own.signature == signature {
            true => fail(FileSystemErrorKind::Busy),
            false => fail(FileSystemErrorKind::NotPermitted),
        },
        (0, None) if length >= AREA_MIN && address.is_multiple_of(ALIGNMENT) => {
            let fits = address.checked_add(length.into()).is_some_and(|end| end <= USER_END);
            let area = given.filter(|_| fits).ok_or(FileSystemErrorKind::BadAddress)?;
            area.fill()?;
            user.set_rseq(Some(area));
            Ok(0)
        }
        _ => fail(FileSystemErrorKind::InvalidArgument),
    }
}

/// What `membarrier` is asked for: each is one bit, and those that others must have asked for before are the bits above.
const GLOBAL: u32 = 1;
const GLOBAL_EXPEDITED: u32 = 1 << 1;
const REGISTER_GLOBAL_EXPEDITED: u32 = 1 << 2;
const PRIVATE_EXPEDITED: u32 = 1 << 3;
const PRIVATE_EXPEDITED_SYNC_CORE: u32 = 1 << 5;
const PRIVATE_EXPEDITED_RSEQ: u32 = 1 << 7;
const GET_REGISTRATIONS: u32 = 1 << 9;

const PRIVATE: u32 = PRIVATE_EXPEDITED | PRIVATE_EXPEDITED_SYNC_CORE | PRIVATE_EXPEDITED_RSEQ;
const REGISTER: u32 = REGISTER_GLOBAL_EXPEDITED | PRIVATE << 1;
const KNOWN: u32 = GLOBAL | GLOBAL_EXPEDITED | PRIVATE | REGISTER | GET_REGISTRATIONS;

/// For [`PRIVATE_EXPEDITED_RSEQ`]: only on the processor of argument 2.
const FLAG_CPU: u32 = 1;

/// There is one processor, and whoever ran before on it has come to the kernel: what it did all see.
pub fn membarrier(call: &mut Call<'_>) -> Result<u64> {
    let (command, flags) = (call.word(0), call.word(1));
    let is_flag = command == PRIVATE_EXPEDITED_RSEQ && flags == FLAG_CPU;
    if flags != 0 && !is_flag || command & !KNOWN != 0 || command.count_ones() > 1 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let registered = call.process.barriers();
    match command {
        0 => Ok(KNOWN.into()),
        GET_REGISTRATIONS => Ok(registered.into()),
        _ if command & REGISTER != 0 => {
            call.process.set_barriers(registered | command);
            Ok(0)
        }
        _ if command & PRIVATE != 0 && registered & command << 1 == 0 => fail(FileSystemErrorKind::NotPermitted),
        _ => Ok(0),
    }
}
