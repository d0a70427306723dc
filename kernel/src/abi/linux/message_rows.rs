//! Many messages by one call (`sendmmsg(2)`, `recvmmsg(2)`).

use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use super::clocks::deadline;
use super::messages::{MSG_DONTWAIT, message_flags, receive_message, send_message};
use super::sockets::stream;
use super::structures::timespec;
use super::transfer::PIECES_MAX;
use crate::mm::user_memory::UserAddress;
use crate::time;

/// After the first it fails rather than to wait.
const MSG_WAITFORONE: u32 = 0x1_0000;

/// Bytes of a `struct mmsghdr`, and where in it stands how much went or came.
const ROW_SIZE: u64 = 64;
const COUNT_AT: u64 = 56;

/// Does something with each of the rows that arguments 1 and 2 are, up to `most`, until it fails or `is_over`; with how
/// many it went well, and what ended it.
fn each_row(
    call: &Call<'_>,
    most: u64,
    mut body: impl FnMut(u64, UserAddress) -> Result<u64>,
    is_over: impl Fn() -> bool,
) -> (u64, Result<()>) {
    let rows = u64::from(call.word(2)).min(most);
    for done in 0..rows {
        let at = call.address(1).plus(ROW_SIZE * done);
        let row = body(done, at).and_then(|count| at.plus(COUNT_AT).write_u32(count as u32));
        if row.is_err() {
            return (done, row);
        }
        if is_over() || call.process.is_to_end() {
            return (done + 1, Ok(()));
        }
    }
    (rows, Ok(()))
}

/// As on Linux an error after the first is not told.
pub fn sendmmsg(call: &mut Call<'_>) -> Result<u64> {
    let flags = message_flags(call, 3)?;
    let file = call.file(0)?;
    let stream = stream(&file)?;
    let (sent, result) = each_row(call, PIECES_MAX, |_, at| send_message(call, stream, at, flags), || false);
    if sent == 0 { result.map(|()| 0) } else { Ok(sent) }
}

/// As on Linux the time is looked at after each message alone, and an error after the first is told to who uses the
/// socket next.
pub fn recvmmsg(call: &mut Call<'_>) -> Result<u64> {
    let flags = message_flags(call, 3)?;
    let end = deadline(call.given(4))?;
    let file = call.file(0)?;
    let stream = stream(&file)?;
    let socket = stream.socket();
    if let Some(error) = socket.take_error() {
        return fail(error);
    }
    let receive = |done, at| {
        let waits_no_more = done > 0 && flags & MSG_WAITFORONE != 0;
        let more = if waits_no_more { MSG_DONTWAIT } else { 0 };
        receive_message(call, stream, at, flags & !MSG_WAITFORONE | more)
    };
    let is_over = || end.is_some_and(|end| time::monotonic() >= end);
    let (received, result) = each_row(call, u64::MAX, receive, is_over);
    match result {
        Err(error) if received == 0 => return Err(error),
        Err(error) if !matches!(error.kind(), FileSystemErrorKind::WouldBlock | FileSystemErrorKind::Interrupted) => {
            socket.note_error(error.kind());
        }
        _ => {}
    }
    if let Some(end) = end.filter(|_| received > 0) {
        call.address(4).write_words(timespec(end.saturating_sub(time::monotonic())))?;
    }
    Ok(received)
}
