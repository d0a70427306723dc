//! Going on as another program, and ending.

use alloc::format;
use alloc::vec::Vec;

use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use super::flags::{AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, follow_unless};
use crate::mm::user_memory::UserAddress;
use crate::task::exec::Wanted;
use crate::task::process::Ending;
use crate::task::start::check_size;
use crate::task::{ending, exec};

/// The most texts of a vector of them; more would not fit.
const TEXTS_MAX: usize = 64 << 10;

/// The texts that a vector of addresses leads to; none without one, as on Linux.
fn texts(vector: Option<UserAddress>, bytes: &mut usize, stack_size: u64) -> Result<Vec<Vec<u8>>> {
    let mut texts = Vec::new();
    let Some(vector) = vector else { return Ok(texts) };
    while texts.len() < TEXTS_MAX {
        let [text] = vector.plus(8 * texts.len() as u64).read_words()?;
        let Some(text) = UserAddress::given(text) else { return Ok(texts) };
        let text = text.read_text(TEXT_MAX, FileSystemErrorKind::ArgumentListTooLong)?;
        *bytes += text.len();
        check_size(texts.len(), *bytes, stack_size)?;
        page::admit(2 * size_of::<Vec<u8>>() * (texts.len() + 1))?;
        texts.push(text);
    }
    fail(FileSystemErrorKind::ArgumentListTooLong)
}

/// The longest single text (`MAX_ARG_STRLEN`).
const TEXT_MAX: usize = 128 << 10;

/// Only asks whether it could be executed.
const AT_EXECVE_CHECK: u32 = 0x1_0000;

pub fn execve(call: &mut Call<'_>) -> Result<u64> {
    let path = call.path(0)?;
    let wanted = Wanted::at(&*call.process.place()?, &path)?;
    execute(call, &Wanted { is_shared: call.process.has_company(), ..wanted }, 1, false)
}

/// What is found from a directory's number on, or is a number's file itself, is started as what is below `/dev/fd`.
pub fn execveat(call: &mut Call<'_>) -> Result<u64> {
    let flags = call.flags(4, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_EXECVE_CHECK)?;
    let path = call.path(1)?;
    let file = call.found_at(0, &path, follow_unless(flags, AT_SYMLINK_NOFOLLOW), flags)?;
    let (only_asks, is_shared) = (flags & AT_EXECVE_CHECK != 0, call.process.has_company());
    let number = call.word(0);
    if number == AT_FDCWD || path.starts_with(b"/") {
        return execute(call, &Wanted { file, path: &path, is_number: false, is_lost: false, is_shared }, 2, only_asks);
    }
    let is_lost = call.process.files().get(number.into())?.close_on_exec;
    let mut below = format!("/dev/fd/{number}").into_bytes();
    if !path.is_empty() {
        below.push(b'/');
        below.extend_from_slice(&path);
    }
    execute(call, &Wanted { file, path: &below, is_number: path.is_empty(), is_lost, is_shared }, 2, only_asks)
}

/// Goes on as another program, whose arguments argument `texts_at` leads to and whose environment the next.
fn execute(call: &mut Call<'_>, wanted: &Wanted<'_>, texts_at: usize, only_asks: bool) -> Result<u64> {
    let mut bytes = 0;
    let limits = call.process.limits();
    let arguments = texts(call.given(texts_at), &mut bytes, limits.stack())?;
    let environment = texts(call.given(texts_at + 1), &mut bytes, limits.stack())?;
    let place = call.process.place()?;
    if only_asks {
        return exec::open(&place, &wanted.file).map(|_| 0);
    }
    let loaded = exec::load(&place, wanted, arguments, &environment, &limits)?;
    let thread = call.thread();
    let user = call.user_side(&thread)?;
    ending::end_other_threads(&thread, user)?;
    call.process.unshare_for_program()?;
    ending::leave_memory(user);
    call.process.replace(loaded.space, loaded.place, loaded.name, loaded.program);
    user.reset();
    *call.frame = loaded.frame;
    Ok(0)
}

pub fn exit(call: &mut Call<'_>) -> Result<u64> {
    let thread = call.thread();
    call.user_side(&thread)?.leave(call.word(0) as u8);
    Ok(0)
}

pub fn exit_group(call: &mut Call<'_>) -> Result<u64> {
    call.process.end(Ending::Exited(call.word(0) as u8));
    Ok(0)
}
