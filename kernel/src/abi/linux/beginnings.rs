//! Beginning processes and threads (`clone(2)`).
//!
//! A thread shares all that a process has. Another process may share each of its parent's memory, open files, place and
//! handlers. Without effect, as there is nothing that they would be about: `CLONE_SYSVSEM`, `CLONE_IO`, `CLONE_PTRACE`,
//! `CLONE_UNTRACED`. Not there (`EINVAL`): a thread that does not share all, `CLONE_INTO_CGROUP`, and namespaces of other
//! kinds than `CLONE_NEWNS`.

use alloc::sync::Arc;

use vfs::context::Capabilities;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::OpenFlags;

use super::call::Call;
use crate::arch::user::USER_END;
use crate::fs::handle;
use crate::mm::space::SharedSpace;
use crate::mm::user_memory::UserAddress;
use crate::task::files::Descriptor;
use crate::task::number::{self, Number};
use crate::task::place::Place;
use crate::task::process::{Parts, Process};
use crate::task::signal::Signal;
use crate::task::signal::frame::AlternateStack;
use crate::task::thread::{UserSide, UserStart};

const CLONE_VM: u64 = 0x100;
const CLONE_FS: u64 = 0x200;
const CLONE_FILES: u64 = 0x400;
const CLONE_SIGHAND: u64 = 0x800;
const CLONE_PIDFD: u64 = 0x1000;
const CLONE_PTRACE: u64 = 0x2000;
const CLONE_VFORK: u64 = 0x4000;
const CLONE_PARENT: u64 = 0x8000;
const CLONE_THREAD: u64 = 0x1_0000;
const CLONE_NEWNS: u64 = 0x2_0000;
const CLONE_SYSVSEM: u64 = 0x4_0000;
const CLONE_SETTLS: u64 = 0x8_0000;
const CLONE_PARENT_SETTID: u64 = 0x10_0000;
const CLONE_CHILD_CLEARTID: u64 = 0x20_0000;
/// Without a meaning since long ago.
const CLONE_DETACHED: u64 = 0x40_0000;
const CLONE_UNTRACED: u64 = 0x80_0000;
const CLONE_CHILD_SETTID: u64 = 0x100_0000;
const CLONE_IO: u64 = 0x8000_0000;
const CLONE_CLEAR_SIGHAND: u64 = 1 << 32;
/// The signal that the parent is told by.
const CLONE_SIGNAL: u64 = 0xff;

const CHILD: u64 = Signal::CHILD.number() as u64;

/// What a thread shares with the others of its process.
const SHARED: u64 = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;

const KNOWN: u64 = SHARED
    | CLONE_PIDFD
    | CLONE_PTRACE
    | CLONE_VFORK
    | CLONE_PARENT
    | CLONE_NEWNS
    | CLONE_SYSVSEM
    | CLONE_SETTLS
    | CLONE_PARENT_SETTID
    | CLONE_CHILD_CLEARTID
    | CLONE_UNTRACED
    | CLONE_CHILD_SETTID
    | CLONE_IO
    | CLONE_CLEAR_SIGHAND;

/// How a process or a thread is to begin.
#[derive(Default)]
struct Beginning {
    flags: u64,
    /// What the parent is told by; 0 for nothing.
    signal: u64,
    /// 0: as the parent's.
    stack: u64,
    parent_identity_at: Option<UserAddress>,
    child_identity_at: Option<UserAddress>,
    /// Where the number of its descriptor is written.
    descriptor_at: Option<UserAddress>,
    thread_base: u64,
    /// The number that the caller chooses for it.
    number: Option<u32>,
}

pub fn fork(call: &mut Call<'_>) -> Result<u64> {
    begin(call, &Beginning { signal: CHILD, ..Beginning::default() })
}

pub fn vfork(call: &mut Call<'_>) -> Result<u64> {
    begin(call, &Beginning { flags: CLONE_VM | CLONE_VFORK, signal: CHILD, ..Beginning::default() })
}

pub fn clone(call: &mut Call<'_>) -> Result<u64> {
    let [flags, stack, _, _, thread_base, _] = call.arguments;
    let (parent_identity_at, child_identity_at) = (call.given(2), call.given(3));
    let signal = flags & CLONE_SIGNAL;
    // As on Linux what is above 32 bits means nothing here.
    let flags = flags & 0xffff_ffff & !CLONE_SIGNAL;
    // Both would be written to the same place, and the one flag has once meant that the other is not known.
    if flags & CLONE_PIDFD != 0 && flags & (CLONE_PARENT_SETTID | CLONE_DETACHED) != 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let flags = flags & !CLONE_DETACHED;
    let descriptor_at = parent_identity_at;
    let number = None;
    let beginning =
        Beginning { flags, signal, stack, parent_identity_at, child_identity_at, descriptor_at, thread_base, number };
    begin(call, &beginning)
}

/// Words of `struct clone_args`, as it was first and as it is.
const ARGUMENTS_MIN: u64 = 8;
const ARGUMENTS: usize = 11;

pub fn clone3(call: &mut Call<'_>) -> Result<u64> {
    let words: [u64; ARGUMENTS] = call.growing(0, 1, 8 * ARGUMENTS_MIN)?;
    let [flags, descriptor_at, child_identity_at, parent_identity_at, signal, stack, stack_size, thread_base, ..] =
        words;
    let [.., wanted_numbers, wanted_count, _] = words;
    let is_sound = flags & CLONE_SIGNAL == 0
        && signal & !CLONE_SIGNAL == 0
        && (signal == 0 || flags & (CLONE_THREAD | CLONE_PARENT) == 0)
        && (stack == 0) == (stack_size == 0)
        && (wanted_numbers == 0) == (wanted_count == 0)
        // There is one namespace of numbers.
        && wanted_count <= 1
        && (flags & (CLONE_PIDFD | CLONE_PARENT_SETTID) != CLONE_PIDFD | CLONE_PARENT_SETTID
            || descriptor_at != parent_identity_at)
        && flags & (CLONE_SIGHAND | CLONE_CLEAR_SIGHAND) != CLONE_SIGHAND | CLONE_CLEAR_SIGHAND
        && stack.checked_add(stack_size).is_some_and(|end| end <= USER_END);
    if !is_sound {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let stack = stack + stack_size;
    let chosen = UserAddress::given(wanted_numbers).map(|address| chosen_number(call, address));
    let number = chosen.transpose()?;
    let [parent_identity_at, child_identity_at, descriptor_at] =
        [parent_identity_at, child_identity_at, descriptor_at].map(UserAddress::given);
    let beginning =
        Beginning { flags, signal, stack, parent_identity_at, child_identity_at, descriptor_at, thread_base, number };
    begin(call, &beginning)
}

/// The number at `address`, for who may choose.
fn chosen_number(call: &Call<'_>, address: UserAddress) -> Result<u32> {
    let number = address.read_u32()?;
    if number == 0 || number >= number::END {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let may = Capabilities::SYS_ADMIN | Capabilities::CHECKPOINT_RESTORE;
    match call.credentials()?.capabilities.intersects(may) {
        true => Ok(number),
        false => fail(FileSystemErrorKind::NotPermitted),
    }
}

fn begin(call: &mut Call<'_>, wanted: &Beginning) -> Result<u64> {
    let flags = wanted.flags;
    let has = |flag| flags & flag != 0;
    let told_by = Signal::from_number(wanted.signal as u8);
    let is_sound = flags & !KNOWN == 0
        && (told_by.is_some() || wanted.signal == 0)
        && (!has(CLONE_SIGHAND) || has(CLONE_VM))
        && (!has(CLONE_THREAD) || flags & SHARED == SHARED && !has(CLONE_VFORK | CLONE_PIDFD))
        && !(has(CLONE_NEWNS) && has(CLONE_FS))
        && !(has(CLONE_PARENT) && call.process.is_first());
    if !is_sound {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    call.process.check_one_more()?;
    let thread = call.thread();
    let user = call.user_side(&thread)?;
    let start = start(call, user, wanted)?;
    let number = wanted.number.map_or_else(Number::new, Number::chosen)?;
    if has(CLONE_THREAD) {
        call.process.start_thread(number.clone(), start)?;
        tell_parent(wanted, number.value());
        return Ok(number.value().into());
    }
    let own = call.process.space()?;
    let space = if has(CLONE_VM) { own.clone() } else { SharedSpace::new(own.lock().fork()?)? };
    let child = Process::new(number, Some(call.process), parts(call, wanted, space, told_by)?)?;
    let descriptor = if has(CLONE_PIDFD) { Some(describe(call, &child, wanted.descriptor_at)?) } else { None };
    if let Err(error) = child.begin(start) {
        if let Some(descriptor) = descriptor {
            let closed = call.process.files().remove(descriptor);
            drop(closed);
        }
        return Err(error);
    }
    tell_parent(wanted, child.pid());
    if has(CLONE_VFORK) {
        child.wait_until_not_in(&own, user);
    }
    Ok(child.pid().into())
}

/// Gives a child an open file, whose number is written to `address`.
fn describe(call: &Call<'_>, child: &Arc<Process>, address: Option<UserAddress>) -> Result<u64> {
    let address = address.ok_or(FileSystemErrorKind::BadAddress)?;
    let file = handle::open(child.clone(), OpenFlags::empty())?;
    let number = call.process.files().add(Descriptor { file, close_on_exec: true }, 0)?;
    let told = address.write_u32(number as u32);
    if told.is_err() {
        let closed = call.process.files().remove(number);
        drop(closed);
    }
    told.map(|()| number)
}

/// What the new process is made of: copies of the caller's, or what the caller has itself.
fn parts(call: &Call<'_>, wanted: &Beginning, space: Arc<SharedSpace>, told_by: Option<Signal>) -> Result<Parts> {
    let has = |flag| wanted.flags & flag != 0;
    let process = call.process;
    let files = if has(CLONE_FILES) { process.files().share() } else { process.files().duplicate()? };
    let actions = if has(CLONE_SIGHAND) { process.actions().share() } else { process.actions().duplicate()? };
    if has(CLONE_CLEAR_SIGHAND) {
        actions.forget_handlers();
    }
    let place = process.place()?;
    let place = if has(CLONE_NEWNS) { place.in_own_namespace()? } else { Place::clone(&place) };
    let company = if has(CLONE_FS) { Some(process.join_company()?) } else { None };
    let program = process.program().ok_or(FileSystemErrorKind::NoProcess)?;
    // A sister of the caller's tells their parent as the caller does.
    let (parent, told_by) = match has(CLONE_PARENT) {
        true => (process.family.parent(), Signal::from_number(process.family.told_by())),
        false => (Some(process.clone()), told_by),
    };
    Ok(Parts { space, files, parent, place, company, name: process.name(), program, actions, told_by })
}

/// Writes the number of what has begun where the caller wants it.
fn tell_parent(wanted: &Beginning, number: u32) {
    if wanted.flags & CLONE_PARENT_SETTID != 0
        && let Some(address) = wanted.parent_identity_at
    {
        // As on Linux a bad address is the program's own affair.
        let _ = address.write_u32(number);
    }
}

/// What the new thread begins with: as the caller, but for what is wanted.
fn start(call: &Call<'_>, user: &UserSide, wanted: &Beginning) -> Result<UserStart> {
    let has = |flag| wanted.flags & flag != 0;
    let mut frame = call.frame.clone();
    frame.rax = 0;
    if wanted.stack != 0 {
        frame.rsp = wanted.stack;
    }
    let thread_base = if has(CLONE_SETTLS) { wanted.thread_base } else { user.thread_base() };
    if thread_base >= USER_END {
        return fail(FileSystemErrorKind::NotPermitted);
    }
    // Two that run at once do not have handlers on one stack.
    let keeps_stack = !has(CLONE_VM) || has(CLONE_VFORK);
    Ok(UserStart {
        frame,
        floating_point: user.copy_floating_point(),
        thread_base,
        second_base: user.second_base(),
        identity_at: wanted.child_identity_at.filter(|_| has(CLONE_CHILD_SETTID)),
        cleared_at_end: wanted.child_identity_at.filter(|_| has(CLONE_CHILD_CLEARTID)),
        mask: user.mask(),
        alternate_stack: if keeps_stack { user.alternate_stack() } else { AlternateStack::default() },
        name: user.name(),
        rseq: if has(CLONE_VM) { None } else { user.rseq() },
    })
}
