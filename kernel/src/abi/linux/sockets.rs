//! Sockets: making them, their names, how they come together and part.

use alloc::sync::Arc;
use alloc::vec::Vec;

use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::{FileObject, OpenFlags};

use super::call::Call;
use super::flags::{O_CLOEXEC, O_NONBLOCK};
use crate::mm::user_memory::UserAddress;
use crate::socket::message::Sender;
use crate::socket::name::{self, Name, Wanted};
use crate::socket::{self, Directions, Kind, Socket, SocketStream};
use crate::task::files::Descriptor;

const AF_UNSPEC: u16 = 0;
/// The one family that there is.
pub const AF_UNIX: u16 = 1;
/// Families are below this (`AF_MAX`).
const FAMILIES: u32 = 46;
/// Types are below this (`SOCK_MAX`).
const TYPES: u32 = 11;

const SOCK_STREAM: u32 = 1;
const SOCK_DGRAM: u32 = 2;
const SOCK_RAW: u32 = 3;
const SOCK_SEQPACKET: u32 = 5;
/// What of a type is one; above are flags.
const TYPE_MASK: u32 = 0xf;

/// The longest name of any family (`struct sockaddr_storage`).
const ADDRESS_MAX: u32 = 128;
/// The longest of this one (`struct sockaddr_un`).
const UNIX_MAX: usize = 110;
/// Bytes of the family before it.
const FAMILY_SIZE: usize = 2;

/// A file that is a socket.
///
/// # Errors
/// `ENOTSOCK`.
pub fn stream(file: &FileObject) -> Result<&SocketStream> {
    file.stream_as().ok_or(FileSystemErrorKind::NotASocket.into())
}

/// The type of a socket, as `SO_TYPE` tells it.
pub fn type_of(kind: Kind) -> u32 {
    match kind {
        Kind::Stream => SOCK_STREAM,
        Kind::Datagram => SOCK_DGRAM,
        Kind::Packets => SOCK_SEQPACKET,
    }
}

/// How a file is opened by flags that stand in a type or by themselves.
fn opened(flags: u32) -> Result<(OpenFlags, bool)> {
    if flags & !(O_NONBLOCK | O_CLOEXEC) != 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let non_blocking = if flags & O_NONBLOCK != 0 { OpenFlags::NON_BLOCKING } else { OpenFlags::empty() };
    Ok((non_blocking, flags & O_CLOEXEC != 0))
}

/// What the first three arguments ask for: the kind, how it is opened, whether it is closed by another program.
fn asked(call: &Call<'_>) -> Result<(Kind, OpenFlags, bool)> {
    let (family, kind, protocol) = (call.word(0), call.word(1), call.word(2));
    let (flags, close_on_exec) = opened(kind & !TYPE_MASK)?;
    let kind = kind & TYPE_MASK;
    if family >= FAMILIES {
        return fail(FileSystemErrorKind::NoAddressFamily);
    }
    if kind >= TYPES {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    if family != u32::from(AF_UNIX) {
        return fail(FileSystemErrorKind::NoAddressFamily);
    }
    if protocol != 0 && protocol != u32::from(AF_UNIX) {
        return fail(FileSystemErrorKind::NoProtocol);
    }
    let kind = match kind {
        SOCK_STREAM => Kind::Stream,
        SOCK_DGRAM | SOCK_RAW => Kind::Datagram,
        SOCK_SEQPACKET => Kind::Packets,
        _ => return fail(FileSystemErrorKind::NoSocketType),
    };
    Ok((kind, flags, close_on_exec))
}

/// Who calls, as others see who once connected: by the effective user and group.
fn owner(call: &Call<'_>) -> Result<Sender> {
    let identity = call.process.place()?.identity;
    Ok(Sender { pid: call.process.pid(), uid: identity.users.effective, gid: identity.groups.effective })
}

pub fn socket(call: &mut Call<'_>) -> Result<u64> {
    let (kind, flags, close_on_exec) = asked(call)?;
    let file = socket::open(kind, flags)?;
    call.process.files().add(Descriptor { file, close_on_exec }, 0)
}

pub fn socketpair(call: &mut Call<'_>) -> Result<u64> {
    let (kind, flags, close_on_exec) = asked(call)?;
    let files = socket::pair(kind, flags, owner(call)?)?;
    call.add_pair(3, files, close_on_exec)
}

/// A name that a program says.
pub enum Address {
    /// None (`AF_UNSPEC`).
    Nothing,
    /// A name.
    Of(Wanted),
}

/// The name of `size` bytes at `address`.
///
/// # Errors
/// `EINVAL`, `EFAULT`.
pub fn address(address: UserAddress, size: u32) -> Result<Address> {
    if size > ADDRESS_MAX {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let mut bytes = [0; ADDRESS_MAX as usize];
    let bytes = &mut bytes[..size as usize];
    address.read(bytes)?;
    let Some((&family, path)) = bytes.split_first_chunk() else { return fail(FileSystemErrorKind::InvalidArgument) };
    if u16::from_le_bytes(family) == AF_UNSPEC {
        return Ok(Address::Nothing);
    }
    if u16::from_le_bytes(family) != AF_UNIX || FAMILY_SIZE + path.len() > UNIX_MAX {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    Ok(Address::Of(match path.split_first() {
        None => Wanted::Any,
        Some((0, name)) => Wanted::Abstract(name.to_vec()),
        Some(_) => Wanted::Path(path.split(|&byte| byte == 0).next().unwrap_or_default().to_vec()),
    }))
}

/// The socket of the name of `size` bytes at `at`, for one of that kind; `None` for no name.
///
/// # Errors
/// Those of [`address`] and of [`name::find`].
pub fn addressed(call: &Call<'_>, kind: Kind, at: UserAddress, size: u32) -> Result<Option<Arc<Socket>>> {
    let Address::Of(wanted) = address(at, size)? else { return Ok(None) };
    let place = call.process.place()?;
    name::find(kind, &place.manager, &place.context, &wanted).map(Some)
}

/// A name as `struct sockaddr_un` has it; without one the family alone.
pub fn told(name: Option<&Name>) -> Vec<u8> {
    let mut bytes = AF_UNIX.to_le_bytes().to_vec();
    bytes.extend(name.map(Name::bytes).unwrap_or_default());
    bytes
}

/// How much room there is for an answer, by the word at an address.
///
/// # Errors
/// `EINVAL` for a negative size, `EFAULT`.
pub fn room_at(address: UserAddress) -> Result<usize> {
    usize::try_from(address.read_u32()? as i32).map_err(|_| FileSystemErrorKind::InvalidArgument.into())
}

/// Writes a name to `at`, as far as there is room by the word at `size_at`, and its whole size there.
///
/// # Errors
/// `EINVAL` for a negative size, `EFAULT`.
pub fn tell(bytes: &[u8], at: UserAddress, size_at: UserAddress) -> Result<()> {
    let room = room_at(size_at)?;
    at.write(&bytes[..room.min(bytes.len())])?;
    size_at.write_u32(bytes.len() as u32)
}

pub fn bind(call: &mut Call<'_>) -> Result<u64> {
    let file = call.file(0)?;
    let socket = stream(&file)?.socket();
    let Address::Of(wanted) = address(call.address(1), call.word(2))? else {
        return fail(FileSystemErrorKind::InvalidArgument);
    };
    let place = call.process.place()?;
    socket.bind(&place.manager, &place.context, wanted)?;
    Ok(0)
}

pub fn listen(call: &mut Call<'_>) -> Result<u64> {
    let file = call.file(0)?;
    stream(&file)?.socket().listen(call.word(1), owner(call)?)?;
    Ok(0)
}

pub fn connect(call: &mut Call<'_>) -> Result<u64> {
    let file = call.file(0)?;
    let stream = stream(&file)?;
    let socket = stream.socket();
    let to = addressed(call, socket.kind(), call.address(1), call.word(2))?;
    if !socket.kind().is_connected() {
        socket.connect_datagrams(to)?;
        return Ok(0);
    }
    let to = to.ok_or(FileSystemErrorKind::InvalidArgument)?;
    socket.connect(&to, owner(call)?, stream.send_patience(true))?;
    Ok(0)
}

pub fn accept(call: &mut Call<'_>) -> Result<u64> {
    accept_as(call, 0)
}

pub fn accept4(call: &mut Call<'_>) -> Result<u64> {
    let flags = call.word(3);
    accept_as(call, flags)
}

fn accept_as(call: &Call<'_>, flags: u32) -> Result<u64> {
    let (flags, close_on_exec) = opened(flags)?;
    let listening = call.file(0)?;
    let stream = stream(&listening)?;
    let (file, name) = stream.socket().accept(flags, stream.receive_patience(true))?;
    if let Some(address) = call.given(1) {
        tell(&told(name.as_deref()), address, call.address(2))?;
    }
    call.process.files().add(Descriptor { file, close_on_exec }, 0)
}

pub fn shutdown(call: &mut Call<'_>) -> Result<u64> {
    let file = call.file(0)?;
    let directions = match call.word(1) {
        0 => Directions::RECEIVE,
        1 => Directions::SEND,
        2 => Directions::all(),
        _ => return fail(FileSystemErrorKind::InvalidArgument),
    };
    stream(&file)?.socket().shut_down(directions);
    Ok(0)
}

pub fn getsockname(call: &mut Call<'_>) -> Result<u64> {
    let file = call.file(0)?;
    let name = stream(&file)?.socket().name();
    tell(&told(name.as_deref()), call.address(1), call.address(2))?;
    Ok(0)
}

pub fn getpeername(call: &mut Call<'_>) -> Result<u64> {
    let file = call.file(0)?;
    let name = stream(&file)?.socket().peer()?.name();
    tell(&told(name.as_deref()), call.address(1), call.address(2))?;
    Ok(0)
}
