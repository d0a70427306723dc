//! What a socket sends.

use alloc::sync::Arc;

use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::io::Source;

use super::connecting::reserve;
use super::message::{Attached, Message, Sender};
use super::{Directions, Kind, Patience, Phase, Socket};

/// The longest piece of a stream.
const PIECE_MAX: usize = 32 << 10;

/// So much of what may be under way no single message takes.
const MARGIN: usize = 32;

/// How many messages of others may wait for one who takes them from anybody (`net.unix.max_dgram_qlen`).
const DATAGRAMS_MAX: usize = 10;

/// Where something goes.
pub enum To {
    /// To the other end.
    Peer,
    /// To that one.
    Socket(Arc<Socket>),
}

impl Socket {
    /// Sends what `source` has; returns how much went.
    ///
    /// # Errors
    /// `ENOTCONN`, `EISCONN` for a stream that is told where to, `EPIPE`, `ECONNREFUSED`, `EPERM` for who takes from
    /// others only, `EMSGSIZE`, `EAGAIN`, `EINTR`, `ENOMEM`, `EFAULT`.
    pub fn send(
        self: &Arc<Self>,
        source: &mut dyn Source,
        mut attached: Attached,
        to: To,
        patience: Patience,
    ) -> Result<usize> {
        if let Some(error) = self.take_error() {
            return fail(error);
        }
        attached.sender = attached.sender.or_else(|| self.sender_for(&to));
        match (self.kind, to) {
            (Kind::Stream, To::Peer) => self.send_stream(source, attached, patience),
            (Kind::Stream, To::Socket(_)) => {
                let is_connected = self.state.lock().phase == Phase::Connected;
                fail(if is_connected {
                    FileSystemErrorKind::AlreadyConnected
                } else {
                    FileSystemErrorKind::NotSupported
                })
            }
            // As on Linux, where to is not looked at.
            (Kind::Packets, _) => self.send_message(source, attached, None, patience),
            (Kind::Datagram, To::Peer) => self.send_message(source, attached, None, patience),
            (Kind::Datagram, To::Socket(to)) => self.send_message(source, attached, Some(to), patience),
        }
    }

    /// Who sends, if one of the two ends wants that told.
    fn sender_for(&self, to: &To) -> Option<Sender> {
        let tells = |socket: &Self| socket.settings().tells_sender;
        let is_told = match to {
            To::Peer => self.peer().is_ok_and(|peer| tells(&peer)),
            To::Socket(to) => tells(to),
        };
        if is_told || tells(self) { Sender::current() } else { None }
    }

    /// How much it has sent that nobody has read yet, with what that costs besides (`SIOCOUTQ`).
    ///
    /// # Errors
    /// `EINVAL` for one that listens.
    pub fn unread(&self) -> Result<usize> {
        if self.is_listening() { fail(FileSystemErrorKind::InvalidArgument) } else { Ok(self.charge.bytes()) }
    }

    fn is_shut(&self, direction: Directions) -> bool {
        self.state.lock().shut.contains(direction)
    }

    /// Waits until something may go.
    fn wait_for_room(&self, patience: Patience) -> Result<()> {
        patience.wait(self.charge.waiting(), || self.charge.has_room() || self.is_shut(Directions::SEND))?;
        if self.is_shut(Directions::SEND) { fail(FileSystemErrorKind::BrokenPipe) } else { Ok(()) }
    }

    fn send_stream(&self, source: &mut dyn Source, mut attached: Attached, patience: Patience) -> Result<usize> {
        let peer = self.peer()?;
        let mut sent = 0;
        if self.is_shut(Directions::SEND) {
            return fail(FileSystemErrorKind::BrokenPipe);
        }
        while source.remaining() > 0 {
            // Files go with the first bytes.
            let next = Attached { files: attached.files.take(), sender: attached.sender };
            match self.send_piece(&peer, source, next, patience) {
                Ok(count) => sent += count,
                Err(error) if sent == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(sent)
    }

    fn send_piece(
        &self,
        peer: &Arc<Self>,
        source: &mut dyn Source,
        attached: Attached,
        patience: Patience,
    ) -> Result<usize> {
        self.wait_for_room(patience)?;
        let count = source.remaining().min(PIECE_MAX).min(self.charge.limit() / 2);
        let message = Message::new(source, count, attached, self.name(), &self.charge)?;
        match peer.deliver(message, None)? {
            None => Ok(count),
            Some(_) => fail(FileSystemErrorKind::BrokenPipe),
        }
    }

    fn send_message(
        self: &Arc<Self>,
        source: &mut dyn Source,
        attached: Attached,
        to: Option<Arc<Self>>,
        patience: Patience,
    ) -> Result<usize> {
        self.bind_if_told()?;
        let is_told_where = to.is_some();
        let to = match to {
            Some(to) => to,
            None => self.peer()?,
        };
        if self.is_shut(Directions::SEND) {
            return fail(FileSystemErrorKind::BrokenPipe);
        }
        let count = source.remaining();
        if count > self.charge.limit().saturating_sub(MARGIN) {
            return fail(FileSystemErrorKind::MessageTooLong);
        }
        self.wait_for_room(patience)?;
        let mut message = Message::new(source, count, attached, self.name(), &self.charge)?;
        loop {
            if to.state.lock().is_closed {
                return self.is_gone(is_told_where);
            }
            if self.kind == Kind::Datagram && !to.takes_from(self) {
                return fail(FileSystemErrorKind::NotPermitted);
            }
            match to.deliver(message, Some(self))? {
                None => return Ok(count),
                Some(back) => message = back,
            }
            if to.is_shut(Directions::RECEIVE) {
                return fail(FileSystemErrorKind::BrokenPipe);
            }
            patience.wait(&to.leaving, || to.has_room_from(self) || to.state.lock().is_closed)?;
        }
    }

    /// What who sends to one is told that is closed.
    fn is_gone(self: &Arc<Self>, is_told_where: bool) -> Result<usize> {
        if self.kind.is_connected() {
            return fail(FileSystemErrorKind::BrokenPipe);
        }
        if !is_told_where {
            self.leave(None);
        }
        fail(FileSystemErrorKind::ConnectionRefused)
    }

    /// Whether a message of `from` finds room: of who is connected to it as many do as that one may have under way.
    pub(super) fn has_room_from(&self, from: &Self) -> bool {
        let state = self.state.lock();
        let is_from_peer = state.peer.as_ref().is_some_and(|peer| core::ptr::eq(&**peer, from));
        self.kind.is_connected() || is_from_peer || core::ptr::eq(self, from) || state.messages.len() <= DATAGRAMS_MAX
    }

    /// Puts a message into the queue, if it takes any and there is room for one of `from`; else gives it back.
    ///
    /// # Errors
    /// `ENOMEM`.
    fn deliver(&self, message: Arc<Message>, from: Option<&Self>) -> Result<Option<Arc<Message>>> {
        if from.is_some_and(|from| !self.has_room_from(from)) {
            return Ok(Some(message));
        }
        let mut state = self.state.lock();
        if state.is_closed || state.shut.contains(Directions::RECEIVE) {
            return Ok(Some(message));
        }
        if let Err(error) = reserve(&mut state.messages) {
            drop(state);
            return Err(error);
        }
        state.messages.push_back(message);
        drop(state);
        self.tell();
        Ok(None)
    }
}
