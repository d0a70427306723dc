//! Beginning, ending, and waiting for that.

use alloc::vec::Vec;

use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use crate::mm::space::SharedSpace;
use crate::mm::user_memory;
use crate::task::exec;
use crate::task::process::{Ending, Parts, Place, Process};
use crate::task::signal::Signal;
use crate::task::start::check_size;
use crate::task::thread::UserStart;

const CLONE_VM: u64 = 0x100;
const CLONE_VFORK: u64 = 0x4000;
const CLONE_NEWNS: u64 = 0x2_0000;
const CLONE_SETTLS: u64 = 0x8_0000;
const CLONE_PARENT_SETTID: u64 = 0x10_0000;
const CLONE_CHILD_CLEARTID: u64 = 0x20_0000;
const CLONE_CHILD_SETTID: u64 = 0x100_0000;
/// The signal that the parent is told by.
const CLONE_SIGNAL: u64 = 0xff;
const CHILD: u64 = Signal::CHILD.number() as u64;

pub fn fork(call: &mut Call<'_>) -> Result<u64> {
    begin(call, Beginning { flags: CHILD, ..Beginning::default() })
}

pub fn vfork(call: &mut Call<'_>) -> Result<u64> {
    begin(call, Beginning { flags: CLONE_VM | CLONE_VFORK | CHILD, ..Beginning::default() })
}

pub fn clone(call: &mut Call<'_>) -> Result<u64> {
    let [flags, stack, parent_identity_at, child_identity_at, thread_base, _] = call.arguments;
    begin(call, Beginning { flags, stack, parent_identity_at, child_identity_at, thread_base })
}

/// How a process is to begin; nothing but the memory is shared, and that only with a parent that waits.
#[derive(Default)]
struct Beginning {
    flags: u64,
    /// 0: as the parent's.
    stack: u64,
    parent_identity_at: u64,
    child_identity_at: u64,
    thread_base: u64,
}

const KNOWN: u64 = CLONE_VM
    | CLONE_VFORK
    | CLONE_NEWNS
    | CLONE_SETTLS
    | CLONE_PARENT_SETTID
    | CLONE_CHILD_CLEARTID
    | CLONE_CHILD_SETTID
    | CLONE_SIGNAL;

fn begin(call: &mut Call<'_>, wanted: Beginning) -> Result<u64> {
    let flags = wanted.flags;
    let has = |flag| flags & flag != 0;
    let told_by = Signal::from_number((flags & CLONE_SIGNAL) as u8);
    if flags & !KNOWN != 0 || told_by.is_none() && flags & CLONE_SIGNAL != 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    // Two that run at once in one memory are threads, which are not there.
    if has(CLONE_VM) && !has(CLONE_VFORK) {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let thread = call.thread();
    let user = call.user_side(&thread)?;
    let process = call.process;
    let own = process.space()?;
    let space = if has(CLONE_VM) { own.clone() } else { SharedSpace::new(own.lock().fork()?)? };
    let mut frame = call.frame.clone();
    frame.rax = 0;
    if wanted.stack != 0 {
        frame.rsp = wanted.stack;
    }
    let thread_base = if has(CLONE_SETTLS) { wanted.thread_base } else { user.thread_base() };
    if thread_base >= crate::arch::user::USER_END {
        return fail(FileSystemErrorKind::NotPermitted);
    }
    let start = UserStart {
        frame,
        floating_point: user.copy_floating_point(),
        thread_base,
        identity_at: has(CLONE_CHILD_SETTID).then_some(wanted.child_identity_at),
        cleared_at_end: if has(CLONE_CHILD_CLEARTID) { wanted.child_identity_at } else { 0 },
        mask: user.mask(),
        alternate_stack: user.alternate_stack(),
    };
    let files = process.files().duplicate()?;
    let actions = process.actions().clone();
    let place = process.place()?;
    let place = if has(CLONE_NEWNS) { place.in_own_namespace()? } else { Place::clone(&place) };
    let program = process.program().ok_or(FileSystemErrorKind::NoProcess)?;
    let parts = Parts { space, files, place, name: process.name(), program, actions, told_by };
    let child = Process::start(Some(process), parts, start)?;
    if has(CLONE_PARENT_SETTID) {
        // As on Linux a bad address is the program's own affair.
        let _ = user_memory::write(wanted.parent_identity_at, &child.pid().to_le_bytes());
    }
    if has(CLONE_VFORK) {
        child.wait_until_not_in(&own);
    }
    Ok(u64::from(child.pid()))
}

/// The most texts of a vector of them; more would not fit.
const TEXTS_MAX: usize = 64 << 10;

/// The texts that a vector of addresses leads to; none at address 0, as on Linux.
fn texts(address: u64, bytes: &mut usize) -> Result<Vec<Vec<u8>>> {
    let mut texts = Vec::new();
    if address == 0 {
        return Ok(texts);
    }
    while texts.len() < TEXTS_MAX {
        let [text] = user_memory::read_words(address.wrapping_add(8 * texts.len() as u64))?;
        if text == 0 {
            return Ok(texts);
        }
        let text = user_memory::read_text(text, TEXT_MAX, FileSystemErrorKind::ArgumentListTooLong)?;
        *bytes += text.len();
        check_size(texts.len(), *bytes)?;
        page::admit(2 * size_of::<Vec<u8>>() * (texts.len() + 1))?;
        texts.push(text);
    }
    fail(FileSystemErrorKind::ArgumentListTooLong)
}

/// The longest single text (`MAX_ARG_STRLEN`).
const TEXT_MAX: usize = 128 << 10;

pub fn execve(call: &mut Call<'_>) -> Result<u64> {
    let path = call.path(0)?;
    let mut bytes = 0;
    let arguments = texts(call.arguments[1], &mut bytes)?;
    let environment = texts(call.arguments[2], &mut bytes)?;
    let place = call.process.place()?;
    let loaded = exec::load(&place, &path, arguments, &environment)?;
    let thread = call.thread();
    let user = call.user_side(&thread)?;
    call.process.set_place(loaded.place)?;
    call.process.replace(loaded.space, loaded.name, loaded.program);
    user.reset();
    *call.frame = loaded.frame;
    Ok(0)
}

pub fn exit(call: &mut Call<'_>) -> Result<u64> {
    call.process.end(Ending::Exited(call.word(0) as u8));
    Ok(0)
}

/// A process has one thread.
pub fn exit_group(call: &mut Call<'_>) -> Result<u64> {
    exit(call)
}
