//! Restartable sequences (`rseq(2)`): a piece of code that a thread goes through without an interruption, or begins anew.
//!
//! The thread names the piece in its memory. When another thread has run meanwhile, or a handler is to, it goes on at the
//! piece's way out instead, before which there is a word that it has agreed on: nothing else in its memory is believed.
//! There is one processor, so that what is said of processors never changes.

use vfs::error::{FileSystemErrorKind, Result, fail};

use super::signal::{Information, Signal};
use super::thread::UserSide;
use crate::arch::trap::TrapFrame;
use crate::arch::user::USER_END;
use crate::mm::user_memory::UserAddress;

/// Where a thread says what piece it is in: `struct rseq`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Area {
    /// The structure.
    pub address: UserAddress,
    /// Bytes of it.
    pub length: u32,
    /// The word before each way out.
    pub signature: u32,
}

/// Bytes of the structure that mean something (`AT_RSEQ_FEATURE_SIZE`), and what its address is a multiple of.
pub const FEATURE_SIZE: u64 = 28;
/// As [`FEATURE_SIZE`].
pub const ALIGNMENT: u64 = 32;

/// Where in the structure the piece is named.
const PIECE: u64 = 8;

/// No processor is said.
const NO_PROCESSOR: u32 = u32::MAX;

impl Area {
    /// Says what there is to be said: the first processor, of the first node.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn fill(&self) -> Result<()> {
        self.address.write_words([0; 2])?;
        self.address.plus(16).write_words([0])?;
        self.address.plus(24).write_u32(0)
    }

    /// Says that nothing is said any more.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn clear(&self) -> Result<()> {
        self.fill()?;
        self.address.plus(4).write_u32(NO_PROCESSOR)
    }

    /// Takes `frame` to the way out of the piece that it is in, if it is in one; either way the thread is in none then.
    fn leave_piece(&self, frame: &mut TrapFrame) -> Result<()> {
        let named = self.address.plus(PIECE);
        let [piece] = named.read_words()?;
        let Some(piece) = UserAddress::given(piece) else { return Ok(()) };
        let [version_and_flags, start, length, way_out] = piece.read_words()?;
        let inside = |address: u64| address.wrapping_sub(start) < length;
        let is_sound = version_and_flags == 0
            && start.checked_add(length).is_some_and(|end| end <= USER_END)
            && way_out < USER_END
            && !inside(way_out);
        if !is_sound || UserAddress::new(way_out.wrapping_sub(4)).read_u32()? != self.signature {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        named.write_words([0])?;
        if inside(frame.rip) {
            frame.rip = way_out;
        }
        Ok(())
    }
}

impl UserSide {
    /// The running thread is to be interrupted where `frame` says: it is in no piece then.
    ///
    /// # Errors
    /// `EFAULT`, `EINVAL` for what is no piece.
    pub(super) fn leave_piece(&self, frame: &mut TrapFrame) -> Result<()> {
        self.rseq().map_or(Ok(()), |area| area.leave_piece(frame))
    }

    /// The same for one that others have interrupted. What is no piece is a `SIGSEGV`.
    pub(super) fn leave_piece_to_others(&self, frame: &mut TrapFrame) {
        if self.leave_piece(frame).is_err() {
            self.force(Information::of_kernel(Signal::SEGMENTATION));
        }
    }
}
