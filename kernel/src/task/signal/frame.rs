//! What a handler finds on its stack, and the way back from there (`rt_sigreturn(2)`): exactly Linux's.
//!
//! ```text
//!   stack →  restorer │ context: flags, 0, alternate stack, registers, mask │ siginfo_t │ … │ floating point
//!                       (struct ucontext)
//! ```
//!
//! Nothing that comes back is believed: segments are the user's own, of the flags only those count that a program may
//! set; an address that is not the user's is a `SIGSEGV`, and so are floating-point registers that cannot be.

use vfs::error::{FileSystemErrorKind, Result, fail};

use super::actions::Action;
use super::{Information, Set};
use crate::arch::floating_point::{self, FloatingPoint};
use crate::arch::trap::TrapFrame;
use crate::arch::user;
use crate::mm::user_memory::UserAddress;
use crate::task::thread::UserSide;

/// What is below the stack pointer is the interrupted function's as far as this (System V ABI for AMD64, 3.2.2).
const RED_ZONE: u64 = 128;

/// Words of the frame: the restorer, the context, what is told of the signal.
const WORDS: usize = 1 + CONTEXT_WORDS + 16;
const CONTEXT_WORDS: usize = 38;

/// Places in the context, in words.
const ALTERNATE_STACK: usize = 2;
const REGISTERS: usize = 5;
const FLOATING_POINT: usize = REGISTERS + 23;
const MASK: usize = 37;

/// `UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS`: the stack segment is there.
const CONTEXT_FLAGS: u64 = 6;
/// `UC_FP_XSTATE`: there are more floating-point registers than every processor has.
const EXTENDED: u64 = 1;

const SS_ONSTACK: u64 = 1;
const SS_DISABLE: u64 = 2;

/// A stack for handlers that ask for it (`sigaltstack(2)`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlternateStack {
    /// Where it begins.
    pub start: u64,
    /// Bytes; 0 when there is none.
    pub size: u64,
}

impl AlternateStack {
    /// Whether the stack pointer is on it.
    pub fn is_in_use(self, pointer: u64) -> bool {
        pointer > self.start && pointer - self.start <= self.size
    }

    /// `stack_t`, as seen with that stack pointer.
    pub fn to_words(self, pointer: u64) -> [u64; 3] {
        let flags = match self.size {
            0 => SS_DISABLE,
            _ if self.is_in_use(pointer) => SS_ONSTACK,
            _ => 0,
        };
        [self.start, flags, self.size]
    }

    /// What `stack_t` asks for.
    ///
    /// # Errors
    /// `EINVAL` for flags that are not known, `ENOMEM` for one too small.
    pub fn from_words([start, flags, size]: [u64; 3]) -> Result<Self> {
        /// `MINSIGSTKSZ`.
        const SIZE_MIN: u64 = 2048;
        match flags & 0xffff_ffff {
            SS_DISABLE => Ok(Self::default()),
            0 | SS_ONSTACK if size < SIZE_MIN => fail(FileSystemErrorKind::OutOfMemory),
            0 | SS_ONSTACK => Ok(Self { start, size }),
            _ => fail(FileSystemErrorKind::InvalidArgument),
        }
    }
}

/// Where the frame goes: its own place and that of the floating-point registers.
fn places(user: &UserSide, pointer: u64, action: Action) -> Result<(u64, u64)> {
    let alternate = user.alternate_stack();
    let in_use = alternate.is_in_use(pointer);
    let top = if action.wants_alternate_stack() && !in_use && alternate.size > 0 {
        alternate.start.wrapping_add(alternate.size)
    } else {
        pointer.wrapping_sub(RED_ZONE)
    };
    let floating_point = top.wrapping_sub(FloatingPoint::frame_size() as u64) & !63;
    // As a call leaves the stack: the return address at a multiple of 16 less 8.
    let frame = (floating_point.wrapping_sub(8 * WORDS as u64) & !15).wrapping_sub(8);
    // What began on the alternate stack must not run out of it onto whatever lies below.
    if in_use && !alternate.is_in_use(frame) {
        return fail(FileSystemErrorKind::BadAddress);
    }
    Ok((frame, floating_point))
}

/// The most that a frame takes of a stack (`AT_MINSIGSTKSZ`).
pub fn size_max() -> u64 {
    let alignment = 63 + 15 + 8;
    FloatingPoint::frame_size() as u64 + 8 * WORDS as u64 + RED_ZONE + alignment
}

/// Writes the frame and lets `frame` go on in the handler; `mask` is what the handler's end restores.
///
/// # Errors
/// `EFAULT` where there is no room, no handler that can be gone to, or nowhere to return to.
pub fn push(user: &UserSide, frame: &mut TrapFrame, told: Information, action: Action, mask: Set) -> Result<()> {
    let handler = action.handler().filter(|&handler| handler < user::USER_END);
    let (Some(handler), Some(restorer)) = (handler, action.restorer()) else {
        return fail(FileSystemErrorKind::BadAddress);
    };
    let (pointer, floating_point) = places(user, frame.rsp, action)?;
    let mut words = [0; WORDS];
    words[0] = restorer;
    let context = &mut words[1..][..CONTEXT_WORDS];
    context[0] = CONTEXT_FLAGS | if floating_point::is_extended() { EXTENDED } else { 0 };
    context[ALTERNATE_STACK..][..3].copy_from_slice(&user.alternate_stack().to_words(frame.rsp));
    context[REGISTERS..][..18].copy_from_slice(&registers(frame));
    context[REGISTERS + 18] = frame.cs | frame.ss << 48;
    let [error_code, vector, address] = user.last_exception();
    context[REGISTERS + 19..][..4].copy_from_slice(&[error_code, vector, mask.0, address]);
    context[FLOATING_POINT] = floating_point;
    context[MASK] = mask.0;
    words[1 + CONTEXT_WORDS..].copy_from_slice(&told.to_words());
    UserAddress::new(floating_point).write(user.copy_floating_point().frame())?;
    UserAddress::new(pointer).write_words(words)?;

    user.reset_floating_point();
    let context_at = pointer + 8;
    frame.rdi = told.signal.number().into();
    frame.rsi = context_at + 8 * CONTEXT_WORDS as u64;
    frame.rdx = context_at;
    frame.rax = 0;
    frame.rsp = pointer;
    frame.rip = handler;
    frame.rflags = user::handler_flags(frame.rflags);
    Ok(())
}

/// Takes the frame that the stack pointer is behind the first word of, and goes on with what is in it.
///
/// # Errors
/// `EFAULT` for what is no frame.
pub fn pop(user: &UserSide, frame: &mut TrapFrame) -> Result<()> {
    let words: [u64; CONTEXT_WORDS] = UserAddress::new(frame.rsp).read_words()?;
    let registers = &words[REGISTERS..];
    let (pointer, rip) = (registers[15], registers[16]);
    if rip >= user::USER_END {
        return fail(FileSystemErrorKind::BadAddress);
    }
    let floating_point = match words[FLOATING_POINT] {
        0 => FloatingPoint::default(),
        address => read_floating_point(UserAddress::new(address))?,
    };
    floating_point.load();
    user.set_mask(Set(words[MASK]));
    set_registers(frame, registers);
    frame.rflags = user::program_flags(registers[17]);
    frame.rsp = pointer;
    frame.rip = rip;
    // All registers are the frame's: what `sysret` would change must not be.
    frame.vector = 0;
    // As on Linux an alternate stack that cannot be is left as it was.
    let [start, flags, size] = [0, 1, 2].map(|index| words[ALTERNATE_STACK + index]);
    if let Ok(stack) = AlternateStack::from_words([start, flags, size])
        && !user.alternate_stack().is_in_use(pointer)
    {
        user.set_alternate_stack(stack);
    }
    Ok(())
}

/// The floating-point registers that a frame has at `address`.
fn read_floating_point(address: UserAddress) -> Result<FloatingPoint> {
    let mut bytes = [0; FloatingPoint::FRAME_MAX];
    let (start, rest) = bytes.split_at_mut(FloatingPoint::FRAME_MIN);
    address.read(start)?;
    let length = FloatingPoint::frame_length(start);
    let behind = address.plus(FloatingPoint::FRAME_MIN as u64);
    behind.read(&mut rest[..length - FloatingPoint::FRAME_MIN])?;
    FloatingPoint::from_frame(&bytes[..length]).ok_or(FileSystemErrorKind::BadAddress.into())
}

/// The registers in the order of `struct sigcontext`.
fn registers(frame: &TrapFrame) -> [u64; 18] {
    [
        frame.r8,
        frame.r9,
        frame.r10,
        frame.r11,
        frame.r12,
        frame.r13,
        frame.r14,
        frame.r15,
        frame.rdi,
        frame.rsi,
        frame.rbp,
        frame.rbx,
        frame.rdx,
        frame.rax,
        frame.rcx,
        frame.rsp,
        frame.rip,
        frame.rflags,
    ]
}

/// The other way round, but for what leads somewhere.
fn set_registers(frame: &mut TrapFrame, registers: &[u64]) {
    let places = [
        &mut frame.r8,
        &mut frame.r9,
        &mut frame.r10,
        &mut frame.r11,
        &mut frame.r12,
        &mut frame.r13,
        &mut frame.r14,
        &mut frame.r15,
        &mut frame.rdi,
        &mut frame.rsi,
        &mut frame.rbp,
        &mut frame.rbx,
        &mut frame.rdx,
        &mut frame.rax,
        &mut frame.rcx,
    ];
    for (place, &register) in places.into_iter().zip(registers) {
        *place = register;
    }
}
