//! How two sockets come together, and part.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::mem;

use spin::Mutex;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::{FileObject, OpenFlags};

use super::message::{Message, Sender};
use super::{Directions, Kind, Patience, Phase, Socket, file, name};

/// The most who may wait to be accepted (`net.core.somaxconn`).
const WAITING_MAX: usize = 4096;

/// Those whose messages are to be thrown away.
struct Clearing {
    first: Option<Arc<Socket>>,
    /// Whether somebody is about it.
    is_going_on: bool,
}

/// A message may hold the last of a socket that holds messages, and so on: they are thrown away one socket after the
/// other, not each within the other, for which no stack would do.
static CLEARING: Mutex<Clearing> = Mutex::new(Clearing { first: None, is_going_on: false });

/// Two sockets that are each other's other end (`socketpair(2)`), of `owner`.
///
/// # Errors
/// `ENOMEM`.
pub fn pair(kind: Kind, flags: OpenFlags, owner: Sender) -> Result<[Arc<FileObject>; 2]> {
    let sockets = [Socket::new(kind)?, Socket::new(kind)?];
    let files = [file(sockets[0].clone(), flags)?, file(sockets[1].clone(), flags)?];
    for (one, other) in [(0, 1), (1, 0)] {
        sockets[one].set_peer(sockets[other].clone(), Some(owner));
    }
    Ok(files)
}

impl Socket {
    fn set_peer(&self, peer: Arc<Self>, credentials: Option<Sender>) {
        let mut state = self.state.lock();
        state.phase = Phase::Connected;
        state.peer_credentials = credentials;
        let old = state.peer.replace(peer);
        drop(state);
        drop(old);
    }

    /// Lets others connect to it, which is `owner`'s; so many and one more before they are accepted (`listen(2)`).
    ///
    /// # Errors
    /// `EOPNOTSUPP` for datagrams, `EINVAL` without a name or when connected.
    pub fn listen(&self, waiting: u32, owner: Sender) -> Result<()> {
        if !self.kind.is_connected() {
            return fail(FileSystemErrorKind::NotSupported);
        }
        let mut state = self.state.lock();
        if state.name.is_none() || state.phase == Phase::Connected {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        state.phase = Phase::Listening((waiting as usize).min(WAITING_MAX));
        state.peer_credentials = Some(owner);
        drop(state);
        self.leaving.wake_all();
        Ok(())
    }

    /// Connects it, which is `owner`'s, to one that listens (`connect(2)`); waits while too many do so.
    ///
    /// # Errors
    /// `ECONNREFUSED`, `EISCONN`, `EINVAL` if it listens itself, `EAGAIN`, `EINTR`, `ENOMEM`.
    pub fn connect(self: &Arc<Self>, to: &Arc<Self>, owner: Sender, patience: Patience) -> Result<()> {
        self.bind_if_told()?;
        let other = Self::new(self.kind)?;
        loop {
            match self.state.lock().phase {
                Phase::New => {}
                Phase::Connected => return fail(FileSystemErrorKind::AlreadyConnected),
                Phase::Listening(_) => return fail(FileSystemErrorKind::InvalidArgument),
            }
            let mut state = to.state.lock();
            let Phase::Listening(limit) = state.phase else { return fail(FileSystemErrorKind::ConnectionRefused) };
            if state.shut.contains(Directions::RECEIVE) || state.is_closed {
                return fail(FileSystemErrorKind::ConnectionRefused);
            }
            if state.connections.len() <= limit {
                reserve(&mut state.connections)?;
                let mut others = other.state.lock();
                others.name = state.name.clone();
                others.settings = state.settings;
                drop(others);
                let credentials = state.peer_credentials;
                state.connections.push_back(other.clone());
                drop(state);
                other.set_peer(self.clone(), Some(owner));
                self.set_peer(other, credentials);
                to.tell();
                return Ok(());
            }
            drop(state);
            patience.wait(&to.leaving, || {
                let state = to.state.lock();
                !matches!(state.phase, Phase::Listening(limit) if state.connections.len() > limit)
            })?;
        }
    }

    /// Lets all that it sends go to `to`, and nothing come but from there (`connect(2)` of datagrams); `None` for nowhere.
    ///
    /// # Errors
    /// `EPERM` if that one is connected to another, `ENOSPC`, `ENOMEM`.
    pub fn connect_datagrams(self: &Arc<Self>, to: Option<Arc<Self>>) -> Result<()> {
        if let Some(to) = &to {
            self.bind_if_told()?;
            if !to.takes_from(self) {
                return fail(FileSystemErrorKind::NotPermitted);
            }
        }
        self.leave(to);
        self.tell();
        Ok(())
    }

    /// Takes another as its peer, or nobody. What the old one has sent and is not read is lost, and it is told so.
    pub(super) fn leave(self: &Arc<Self>, to: Option<Arc<Self>>) {
        let mut state = self.state.lock();
        state.phase = if to.is_some() { Phase::Connected } else { Phase::New };
        let new = to.as_ref().map(Arc::as_ptr);
        let old = mem::replace(&mut state.peer, to);
        let is_other = old.as_ref().map(Arc::as_ptr) != new;
        let had_unread = is_other && !state.messages.is_empty();
        drop(state);
        let Some(old) = old else { return };
        if had_unread {
            self.clone().clear();
            self.leaving.wake_all();
            let mut theirs = old.state.lock();
            if !theirs.is_closed && theirs.peer.as_ref().is_some_and(|peer| Arc::ptr_eq(peer, self)) {
                theirs.error = Some(FileSystemErrorKind::ConnectionReset);
            }
            drop(theirs);
            old.tell();
        }
    }

    /// Whether it takes what `from` sends: it is connected to nobody else.
    pub(super) fn takes_from(&self, from: &Arc<Self>) -> bool {
        self.state.lock().peer.as_ref().is_none_or(|peer| Arc::ptr_eq(peer, from))
    }

    /// One who has connected to it, as an open file, and its own name for who asks (`accept(2)`).
    ///
    /// # Errors
    /// `EOPNOTSUPP` for datagrams, `EINVAL` if it does not listen, `EAGAIN`, `EINTR`, `ENOMEM`.
    pub fn accept(&self, flags: OpenFlags, patience: Patience) -> Result<(Arc<FileObject>, Option<Arc<name::Name>>)> {
        if !self.kind.is_connected() {
            return fail(FileSystemErrorKind::NotSupported);
        }
        loop {
            let mut state = self.state.lock();
            if !matches!(state.phase, Phase::Listening(_)) {
                return fail(FileSystemErrorKind::InvalidArgument);
            }
            if let Some(socket) = state.connections.pop_front() {
                drop(state);
                self.leaving.wake_all();
                let name = socket.peer().ok().and_then(|peer| peer.name());
                return Ok((file(socket, flags)?, name));
            }
            if state.shut.contains(Directions::RECEIVE) {
                return fail(FileSystemErrorKind::InvalidArgument);
            }
            drop(state);
            patience.wait(&self.arriving, || {
                let state = self.state.lock();
                !state.connections.is_empty() || state.shut.contains(Directions::RECEIVE)
            })?;
        }
    }

    /// Ends directions of it (`shutdown(2)`).
    pub fn shut_down(&self, directions: Directions) {
        let mut state = self.state.lock();
        state.shut |= directions;
        let peer = state.peer.clone().filter(|_| self.kind.is_connected());
        drop(state);
        if let Some(peer) = peer {
            let mut theirs = Directions::empty();
            theirs.set(Directions::SEND, directions.contains(Directions::RECEIVE));
            theirs.set(Directions::RECEIVE, directions.contains(Directions::SEND));
            peer.state.lock().shut |= theirs;
            peer.tell();
            peer.charge.tell();
        }
        self.tell();
        self.charge.tell();
    }

    /// Closes it: who is at the other end learns of it, and what was sent to it is lost.
    pub(super) fn close(self: &Arc<Self>) {
        let mut state = self.state.lock();
        if mem::replace(&mut state.is_closed, true) {
            return;
        }
        let is_between_two = state.phase == Phase::Connected && self.kind.is_connected();
        let had_unread = !state.messages.is_empty();
        state.shut = Directions::all();
        state.phase = Phase::New;
        let (peer, name) = (state.peer.take(), state.name.take());
        drop(state);
        if let Some(name) = name {
            name::unbind(self, &name);
        }
        if let Some(peer) = peer {
            if is_between_two {
                let mut theirs = peer.state.lock();
                theirs.shut = Directions::all();
                if had_unread {
                    theirs.error = Some(FileSystemErrorKind::ConnectionReset);
                }
                drop(theirs);
            }
            peer.tell();
            peer.charge.tell();
        }
        self.tell();
        self.clone().clear();
    }

    /// Closes one that was never accepted.
    fn refuse(self: &Arc<Self>) {
        if let Ok(peer) = self.peer() {
            peer.state.lock().error = Some(FileSystemErrorKind::ConnectionReset);
        }
        self.close();
    }

    /// Throws away what was sent to it, and who was not accepted by it; if that is going on already, after that.
    pub(super) fn clear(self: Arc<Self>) {
        let mut clearing = CLEARING.lock();
        let mut state = self.state.lock();
        if state.is_to_clear || state.messages.is_empty() && state.connections.is_empty() {
            return;
        }
        state.is_to_clear = true;
        state.next_to_clear = clearing.first.take();
        drop(state);
        clearing.first = Some(self);
        if mem::replace(&mut clearing.is_going_on, true) {
            return;
        }
        drop(clearing);
        while let Some(next) = next_to_clear() {
            let (messages, connections) = next.take_all();
            drop(messages);
            connections.iter().for_each(Self::refuse);
        }
    }

    fn take_all(&self) -> (VecDeque<Arc<Message>>, VecDeque<Arc<Self>>) {
        let mut state = self.state.lock();
        state.used = 0;
        (mem::take(&mut state.messages), mem::take(&mut state.connections))
    }

    /// Does something with each open file that was sent to it, or to who waits to be accepted by it.
    pub(super) fn each_file(&self, body: &mut dyn FnMut(&Arc<FileObject>)) {
        let state = self.state.lock();
        state.messages.iter().for_each(|message| message.each_file(body));
        for connection in &state.connections {
            connection.state.lock().messages.iter().for_each(|message| message.each_file(body));
        }
    }
}

/// The next whose messages are to be thrown away.
fn next_to_clear() -> Option<Arc<Socket>> {
    let mut clearing = CLEARING.lock();
    let next = clearing.first.take();
    match &next {
        Some(next) => {
            let mut state = next.state.lock();
            state.is_to_clear = false;
            clearing.first = state.next_to_clear.take();
        }
        None => clearing.is_going_on = false,
    }
    next
}

/// Makes room for one more.
///
/// # Errors
/// `ENOMEM`.
pub(super) fn reserve<T>(queue: &mut VecDeque<T>) -> Result<()> {
    queue.try_reserve(1).map_err(|_| FileSystemErrorKind::OutOfMemory.into())
}
