//! Sending and receiving by sockets.

use alloc::sync::Arc;
use alloc::vec::Vec;

use vfs::context::Capabilities;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::FileObject;

use super::call::Call;
use super::sockets::{addressed, stream, tell, told};
use super::transfer::{PIECES_MAX, piece, pieces_at};
use crate::mm::user_memory::{Piece, UserAddress, UserSlice};
use crate::socket::in_flight::{FILES_MAX, InFlight};
use crate::socket::message::{Attached, Sender};
use crate::socket::{Kind, ReceiveFlags, Received, SocketStream, To};
use crate::task::files::Descriptor;
use crate::task::number;
use crate::task::signal::Signal;

const MSG_OOB: u32 = 1;
const MSG_PEEK: u32 = 2;
const MSG_CTRUNC: u32 = 8;
const MSG_TRUNC: u32 = 0x20;
/// It fails rather than to wait.
pub const MSG_DONTWAIT: u32 = 0x40;
const MSG_WAITALL: u32 = 0x100;
const MSG_NOSIGNAL: u32 = 0x4000;
const MSG_CMSG_CLOEXEC: u32 = 0x4000_0000;
/// The kernel's own, which no program says.
const MSG_CMSG_COMPAT: u32 = 0x8000_0000;

const SOL_SOCKET: u32 = 1;
const SCM_RIGHTS: u32 = 1;
const SCM_CREDENTIALS: u32 = 2;
/// Bytes of a `struct cmsghdr`: its length with itself, level, type.
const HEADER_SIZE: usize = 16;
/// Bytes of a `struct ucred`.
const CREDENTIALS_SIZE: usize = 12;
/// The most bytes that go with a message (`net.core.optmem_max`).
const CONTROL_MAX: u64 = 20_480;
/// Who is told of where nobody said who sent.
const NOBODY: Sender = Sender { pid: 0, uid: 65_534, gid: 65_534 };

/// A `struct msghdr`.
struct Header {
    at: UserAddress,
    /// Where the name is or comes to, and its size.
    name: Option<(UserAddress, u32)>,
    pieces: Vec<Piece>,
    control_at: UserAddress,
    control_size: u64,
}

impl Header {
    fn read(at: UserAddress) -> Result<Self> {
        let [name_at, name_size, pieces_at_address, count, control_at, control_size, _flags] = at.read_words()?;
        if count > PIECES_MAX {
            return fail(FileSystemErrorKind::MessageTooLong);
        }
        let pieces = pieces_at(UserAddress::new(pieces_at_address), count)?;
        // Without an address there is no name, whatever the size says.
        let name = UserAddress::given(name_at).map(|address| (address, name_size as u32));
        if name.is_some_and(|(_, size)| (size as i32) < 0) {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        Ok(Self { at, name, pieces, control_at: UserAddress::new(control_at), control_size })
    }
}

/// Sends to the other end, or to the name at an address, of so many bytes.
fn send(
    call: &Call<'_>,
    stream: &SocketStream,
    pieces: &[Piece],
    attached: Attached,
    name: Option<(UserAddress, u32)>,
    flags: u32,
) -> Result<u64> {
    if flags & MSG_OOB != 0 {
        return fail(FileSystemErrorKind::NotSupported);
    }
    let socket = stream.socket();
    let to = match name {
        None | Some((_, 0)) => To::Peer,
        // Between two there is no choice, and no name is looked for.
        _ if socket.kind().is_connected() => To::Socket(socket.clone()),
        Some((address, size)) => {
            let to = addressed(call, socket.kind(), address, size)?;
            To::Socket(to.ok_or(FileSystemErrorKind::InvalidArgument)?)
        }
    };
    let patience = stream.send_patience(flags & MSG_DONTWAIT == 0);
    let sent = socket.send(&mut UserSlice::new(pieces).patient(), attached, to, patience);
    if let Err(error) = &sent
        && error.kind() == FileSystemErrorKind::BrokenPipe
        && socket.kind() == Kind::Stream
        && flags & MSG_NOSIGNAL == 0
    {
        call.process.raise(Signal::PIPE);
    }
    Ok(sent? as u64)
}

pub fn sendto(call: &mut Call<'_>) -> Result<u64> {
    let file = call.file(0)?;
    let name = call.given(4).map(|address| (address, call.word(5)));
    send(call, stream(&file)?, &piece(call), Attached::default(), name, call.word(3))
}

pub fn sendmsg(call: &mut Call<'_>) -> Result<u64> {
    let flags = message_flags(call, 2)?;
    let file = call.file(0)?;
    send_message(call, stream(&file)?, call.address(1), flags)
}

/// The flags that an argument is, for messages.
///
/// # Errors
/// `EINVAL` for one that is not for programs.
pub fn message_flags(call: &Call<'_>, index: usize) -> Result<u32> {
    let flags = call.word(index);
    if flags & MSG_CMSG_COMPAT != 0 { fail(FileSystemErrorKind::InvalidArgument) } else { Ok(flags) }
}

/// Sends what the `struct msghdr` at `at` says; how much went.
///
/// # Errors
/// Those of `sendmsg(2)`.
pub fn send_message(call: &Call<'_>, stream: &SocketStream, at: UserAddress, flags: u32) -> Result<u64> {
    let header = Header::read(at)?;
    let attached = read_control(call, &header)?;
    send(call, stream, &header.pieces, attached, header.name, flags)
}

/// What goes with a message by its control messages.
fn read_control(call: &Call<'_>, header: &Header) -> Result<Attached> {
    let mut attached = Attached::default();
    if header.control_size == 0 {
        return Ok(attached);
    }
    if header.control_size > CONTROL_MAX {
        return fail(FileSystemErrorKind::NoBufferSpace);
    }
    page::admit(header.control_size as usize)?;
    let mut bytes = alloc::vec![0; header.control_size as usize];
    header.control_at.read(&mut bytes)?;
    let mut rest = &bytes[..];
    let mut files = Vec::new();
    while let Some((head, _)) = rest.split_first_chunk::<HEADER_SIZE>() {
        let [size, what] = [&head[..8], &head[8..]].map(word);
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let Some(data) = rest.get(HEADER_SIZE..size) else { return fail(FileSystemErrorKind::InvalidArgument) };
        let (level, kind) = (what as u32, (what >> 32) as u32);
        match kind {
            _ if level != SOL_SOCKET => {}
            SCM_RIGHTS => add_files(call, data, &mut files)?,
            SCM_CREDENTIALS => attached.sender = Some(claimed_sender(call, data)?),
            _ => return fail(FileSystemErrorKind::InvalidArgument),
        }
        rest = rest.get(size.next_multiple_of(8)..).unwrap_or_default();
    }
    if !files.is_empty() {
        let place = call.process.place()?;
        let capabilities = place.context.credentials.capabilities;
        let privileged = capabilities.intersects(Capabilities::SYS_RESOURCE | Capabilities::SYS_ADMIN);
        attached.files = Some(Arc::new(InFlight::new(files, place.identity.users.real, privileged)?));
    }
    Ok(attached)
}

/// The word of eight bytes, or of fewer with zeros behind them.
fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

fn add_files(call: &Call<'_>, numbers: &[u8], files: &mut Vec<Arc<FileObject>>) -> Result<()> {
    let numbers = numbers.as_chunks::<4>().0;
    if files.len() + numbers.len() > FILES_MAX {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    page::admit(size_of_val(numbers) * 2)?;
    for &number in numbers {
        let file = call.process.files().get(u64::from(u32::from_le_bytes(number)))?.file;
        files.push(file);
    }
    Ok(())
}

/// Who sends, by what the program says, which must be so or be for it to say.
fn claimed_sender(call: &Call<'_>, data: &[u8]) -> Result<Sender> {
    let Ok(bytes) = <[u8; CREDENTIALS_SIZE]>::try_from(data) else { return fail(FileSystemErrorKind::InvalidArgument) };
    let [pid, uid, gid] = [0, 4, 8].map(|at| word(&bytes[at..at + 4]) as u32);
    let place = call.process.place()?;
    let (identity, credentials) = (&place.identity, &place.context.credentials);
    let is_own_pid = pid == call.process.pid() || credentials.capable(Capabilities::SYS_ADMIN);
    let is_own_user = identity.users.contains(uid) || credentials.capable(Capabilities::SETUID);
    let is_own_group = identity.groups.contains(gid) || credentials.capable(Capabilities::SETGID);
    if !is_own_pid || !is_own_user || !is_own_group {
        return fail(FileSystemErrorKind::NotPermitted);
    }
    if number::process(pid).is_none() {
        return fail(FileSystemErrorKind::NoProcess);
    }
    Ok(Sender { pid, uid, gid })
}

/// Receives into memory, and what the call answers: with `MSG_TRUNC` how much there was of a message.
fn receive(stream: &SocketStream, pieces: &[Piece], flags: u32) -> Result<(Received, u64)> {
    if flags & MSG_OOB != 0 {
        return fail(FileSystemErrorKind::NotSupported);
    }
    let mut how = ReceiveFlags::empty();
    how.set(ReceiveFlags::PEEK, flags & MSG_PEEK != 0);
    how.set(ReceiveFlags::ALL, flags & MSG_WAITALL != 0);
    let patience = stream.receive_patience(flags & MSG_DONTWAIT == 0);
    let received = stream.socket().receive(&mut UserSlice::new(pieces).patient(), how, patience)?;
    let count = if flags & MSG_TRUNC != 0 { received.length } else { received.count };
    Ok((received, count as u64))
}

/// By what name something was sent; nothing if it has none.
fn sent_from(received: &Received) -> Vec<u8> {
    received.from.as_deref().map(|name| told(Some(name))).unwrap_or_default()
}

pub fn recvfrom(call: &mut Call<'_>) -> Result<u64> {
    let file = call.file(0)?;
    let (received, count) = receive(stream(&file)?, &piece(call), call.word(3))?;
    if let Some(name_at) = call.given(4) {
        tell(&sent_from(&received), name_at, call.address(5))?;
    }
    Ok(count)
}

pub fn recvmsg(call: &mut Call<'_>) -> Result<u64> {
    let flags = message_flags(call, 2)?;
    let file = call.file(0)?;
    receive_message(call, stream(&file)?, call.address(1), flags)
}

/// Receives into what the `struct msghdr` at `at` says; how much came.
///
/// # Errors
/// Those of `recvmsg(2)`.
pub fn receive_message(call: &Call<'_>, stream: &SocketStream, at: UserAddress, flags: u32) -> Result<u64> {
    let header = Header::read(at)?;
    let (received, count) = receive(stream, &header.pieces, flags)?;
    let mut told_flags = flags & MSG_CMSG_CLOEXEC;
    if received.length > received.count {
        told_flags |= MSG_TRUNC;
    }
    let mut control = Control { at: header.control_at, left: header.control_size as usize, is_short: false };
    if stream.socket().settings().tells_sender {
        let Sender { pid, uid, gid } = received.sender.unwrap_or(NOBODY);
        control.put(SCM_CREDENTIALS, [pid, uid, gid].map(u32::to_le_bytes).as_flattened())?;
    }
    if let Some(files) = &received.files {
        control.put_files(call, files.files(), flags & MSG_CMSG_CLOEXEC != 0)?;
    }
    if control.is_short {
        told_flags |= MSG_CTRUNC;
    }
    if let Some((name_at, size)) = header.name {
        let name = sent_from(&received);
        name_at.write(&name[..name.len().min(size as usize)])?;
        header.at.plus(8).write_u32(name.len() as u32)?;
    }
    let used = header.control_size - control.left as u64;
    header.at.plus(40).write_words([used, u64::from(told_flags)])?;
    Ok(count)
}

/// Where control messages are written.
struct Control {
    at: UserAddress,
    left: usize,
    /// Whether there was not room for all.
    is_short: bool,
}

impl Control {
    /// Writes one, as far as there is room.
    fn put(&mut self, kind: u32, data: &[u8]) -> Result<()> {
        let size = HEADER_SIZE + data.len();
        if self.left < HEADER_SIZE {
            self.is_short = true;
            return Ok(());
        }
        self.is_short |= size > self.left;
        let size = size.min(self.left);
        self.at.write_words([size as u64, u64::from(SOL_SOCKET) | u64::from(kind) << 32])?;
        self.at.plus(HEADER_SIZE as u64).write(&data[..size - HEADER_SIZE])?;
        let space = size.next_multiple_of(8).min(self.left);
        self.at = self.at.plus(space as u64);
        self.left -= space;
        Ok(())
    }

    /// Gives files numbers, as many as there is room for, and writes these. The others are closed.
    fn put_files(&mut self, call: &Call<'_>, files: &[Arc<FileObject>], close_on_exec: bool) -> Result<()> {
        let room = self.left.saturating_sub(HEADER_SIZE) / 4;
        let mut numbers = Vec::new();
        for file in files.iter().take(room) {
            let descriptor = Descriptor { file: file.clone(), close_on_exec };
            match call.process.files().add(descriptor, 0) {
                Ok(number) => numbers.extend_from_slice(&(number as u32).to_le_bytes()),
                Err(_) => break,
            }
        }
        self.is_short |= numbers.len() < 4 * files.len();
        if numbers.is_empty() { Ok(()) } else { self.put(SCM_RIGHTS, &numbers) }
    }
}
