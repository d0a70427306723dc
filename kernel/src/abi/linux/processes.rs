//! Going on as another program, and ending.

use alloc::vec::Vec;

use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use crate::mm::user_memory::UserAddress;
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

pub fn execve(call: &mut Call<'_>) -> Result<u64> {
    let path = call.path(0)?;
    let mut bytes = 0;
    let limits = call.process.limits();
    let arguments = texts(call.given(1), &mut bytes, limits.stack())?;
    let environment = texts(call.given(2), &mut bytes, limits.stack())?;
    let place = call.process.place()?;
    let loaded = exec::load(&place, &path, arguments, &environment, &limits)?;
    let thread = call.thread();
    let user = call.user_side(&thread)?;
    ending::end_other_threads(&thread, user)?;
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
