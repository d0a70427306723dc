//! What can be set of a socket, and asked of it (`socket(7)`).

use core::time::Duration;

use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use super::sockets::{AF_UNIX, room_at, stream, type_of};
use super::structures::timeval;
use crate::mm::user_memory::UserAddress;
use crate::socket::Socket;
use crate::socket::message::doubled;

const SOL_SOCKET: u32 = 1;

const SO_REUSEADDR: u32 = 2;
const SO_TYPE: u32 = 3;
const SO_ERROR: u32 = 4;
const SO_BROADCAST: u32 = 6;
const SO_SNDBUF: u32 = 7;
const SO_RCVBUF: u32 = 8;
const SO_KEEPALIVE: u32 = 9;
const SO_LINGER: u32 = 13;
const SO_PASSCRED: u32 = 16;
const SO_PEERCRED: u32 = 17;
const SO_RCVLOWAT: u32 = 18;
const SO_SNDLOWAT: u32 = 19;
const SO_RCVTIMEO: u32 = 20;
const SO_SNDTIMEO: u32 = 21;
const SO_ACCEPTCONN: u32 = 30;
const SO_PROTOCOL: u32 = 38;
const SO_DOMAIN: u32 = 39;
const SO_PEEK_OFF: u32 = 42;

/// In place of a user or group: nobody.
const NOBODY: u32 = u32::MAX;

/// Bytes of a `struct timeval`.
const TIME_SIZE: u32 = 16;

pub fn setsockopt(call: &mut Call<'_>) -> Result<u64> {
    let file = call.file(0)?;
    let socket = stream(&file)?.socket();
    let (level, option, at, size) = (call.word(1), call.word(2), call.address(3), call.word(4));
    if level != SOL_SOCKET {
        return fail(FileSystemErrorKind::NotSupported);
    }
    if matches!(option, SO_RCVTIMEO | SO_SNDTIMEO) {
        set_limit(socket, option, at, size)?;
        return Ok(0);
    }
    if (size as i32) < 4 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    if option == SO_LINGER {
        set_linger(socket, at, size)?;
        return Ok(0);
    }
    let value = at.read_u32()?;
    match option {
        SO_RCVLOWAT => socket.change_settings(|settings| {
            // As much as there can be for what is negative.
            let least = if (value as i32) < 0 { i32::MAX as u32 } else { value.max(1) };
            settings.receive_least = least as usize;
        }),
        SO_PEEK_OFF => socket.change_settings(|settings| {
            let offset = Some(value as usize).filter(|_| value as i32 >= 0);
            settings.peek_offset = offset;
        }),
        SO_SNDBUF => socket.charge().set_limit(value as usize),
        SO_RCVBUF => socket.change_settings(|settings| settings.receive_buffer = doubled(value as usize)),
        SO_PASSCRED => socket.change_settings(|settings| settings.tells_sender = value != 0),
        SO_REUSEADDR | SO_BROADCAST | SO_KEEPALIVE => socket.change_settings(|settings| {
            settings.without_effect &= !(1 << option);
            settings.without_effect |= u64::from(value != 0) << option;
        }),
        _ => return fail(FileSystemErrorKind::NoSocketOption),
    }
    Ok(0)
}

/// Sets whether closing waits, and how long, which is kept while it does not.
fn set_linger(socket: &Socket, at: UserAddress, size: u32) -> Result<()> {
    let mut words = [[0; 4]; 2];
    if (size as usize) < size_of_val(&words) {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    at.read(words.as_flattened_mut())?;
    let [is_on, seconds] = words.map(u32::from_le_bytes);
    socket.change_settings(|settings| {
        settings.linger = if is_on == 0 { (false, settings.linger.1) } else { (true, seconds) };
    });
    Ok(())
}

/// Sets how long receiving or sending waits: for ever if the time is 0.
fn set_limit(socket: &Socket, option: u32, at: UserAddress, size: u32) -> Result<()> {
    if size < TIME_SIZE {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let [seconds, microseconds] = at.read_words()?;
    if microseconds >= 1_000_000 {
        return fail(FileSystemErrorKind::OutOfDomain);
    }
    // A negative time is over at once.
    let limit = u64::try_from(seconds as i64).map_or(Some(Duration::ZERO), |seconds| {
        let limit = Duration::new(seconds, 1000 * microseconds as u32);
        (!limit.is_zero()).then_some(limit)
    });
    socket.change_settings(|settings| match option {
        SO_RCVTIMEO => settings.receive_limit = limit,
        _ => settings.send_limit = limit,
    });
    Ok(())
}

pub fn getsockopt(call: &mut Call<'_>) -> Result<u64> {
    let file = call.file(0)?;
    let socket = stream(&file)?.socket();
    let (level, option, at, size_at) = (call.word(1), call.word(2), call.address(3), call.address(4));
    if level != SOL_SOCKET {
        return fail(FileSystemErrorKind::NotSupported);
    }
    let room = room_at(size_at)?;
    let settings = socket.settings();
    let limit = |limit: Option<Duration>| timeval(limit.unwrap_or_default()).map(u64::to_le_bytes);
    let words = match option {
        SO_RCVTIMEO => return answer(limit(settings.receive_limit).as_flattened(), room, at, size_at),
        SO_SNDTIMEO => return answer(limit(settings.send_limit).as_flattened(), room, at, size_at),
        SO_LINGER => {
            let (is_on, seconds) = settings.linger;
            [u32::from(is_on), seconds, 0]
        }
        SO_PEERCRED => match socket.peer_credentials() {
            Some(peer) => [peer.pid, peer.uid, peer.gid],
            None => [0, NOBODY, NOBODY],
        },
        other => [number(socket, other)?, 0, 0],
    };
    let words = words.map(u32::to_le_bytes);
    let count = match option {
        SO_PEERCRED => 3,
        SO_LINGER => 2,
        _ => 1,
    };
    answer(words[..count].as_flattened(), room, at, size_at)
}

/// An option that is a number.
fn number(socket: &Socket, option: u32) -> Result<u32> {
    let settings = socket.settings();
    Ok(match option {
        SO_TYPE => type_of(socket.kind()),
        SO_ERROR => socket.take_error().map_or(0, |error| error.errno() as u32),
        SO_SNDBUF => socket.charge().limit() as u32,
        SO_RCVBUF => settings.receive_buffer as u32,
        SO_PASSCRED => u32::from(settings.tells_sender),
        SO_RCVLOWAT => settings.receive_least as u32,
        SO_SNDLOWAT => 1,
        SO_PEEK_OFF => settings.peek_offset.map_or(u32::MAX, |offset| offset as u32),
        SO_ACCEPTCONN => u32::from(socket.is_listening()),
        SO_PROTOCOL => 0,
        SO_DOMAIN => u32::from(AF_UNIX),
        SO_REUSEADDR | SO_BROADCAST | SO_KEEPALIVE => (settings.without_effect >> option & 1) as u32,
        _ => return fail(FileSystemErrorKind::NoSocketOption),
    })
}

/// Writes an answer, as far as there is room, and how long it is then.
fn answer(bytes: &[u8], room: usize, at: UserAddress, size_at: UserAddress) -> Result<u64> {
    let bytes = &bytes[..room.min(bytes.len())];
    at.write(bytes)?;
    size_at.write_u32(bytes.len() as u32)?;
    Ok(0)
}
