//! Sockets between processes of this machine (`unix(7)`).
//!
//! | module | subject |
//! |---|---|
//! | [`name`] | what a socket is called, and finding it by that |
//! | [`message`] | what is sent, and what is charged for it |
//! | [`in_flight`] | open files that are sent |
//! | `connecting` | listening, connecting, accepting, pairs, shutting down, closing |
//! | `sending`, `receiving` | the two directions |
//!
//! A message stands in the queue of the socket that it was sent to, and is charged to the one that sent it until it is
//! read. Of two that are connected each holds the other until it is closed itself; so what is left when one is closed is
//! that the other learns of it.
//!
//! Locks: a socket's `reading` → its `state` → the `state` of who waits to be accepted by it. `state` is held while nothing is
//! waited for, no memory of a program is touched, and nothing is let go of that may be the last of its kind: so who asks
//! for it with interrupts off finds it free.

mod connecting;
pub mod in_flight;
pub mod message;
pub mod name;
mod receiving;
mod sending;

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;

use bitflags::bitflags;
use spin::Mutex;
use vfs::context::Context;
use vfs::environment::{OpenStream, Ready};
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::{FileObject, OpenFlags};
use vfs::io::{Sink, Source};
use vfs::manager::{Follow, VfsManager};
use vfs::node::NewKind;
use vfs::sync;

pub use self::connecting::pair;
use self::message::{Charge, Message, Sender};
use self::name::{Name, Wanted};
pub use self::receiving::{ReceiveFlags, Received};
pub use self::sending::To;
use crate::fs::{readiness, unnamed};
use crate::task::scheduler;
use crate::task::wait::WaitQueue;
use crate::time;

/// Bytes of heap that a socket takes, about.
const MEMORY: usize = 1024;

/// How what is sent comes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// As bytes, between two.
    Stream,
    /// As messages, from anybody.
    Datagram,
    /// As messages, between two.
    Packets,
}

impl Kind {
    /// Whether it is between two.
    pub fn is_connected(self) -> bool {
        self != Self::Datagram
    }
}

/// What a socket is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    New,
    /// Others may connect to it, so many and one more before they are accepted.
    Listening(usize),
    Connected,
}

bitflags! {
    /// Directions of a socket.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Directions: u8 {
        /// What comes.
        const RECEIVE = 1;
        /// What goes.
        const SEND = 2;
    }
}

/// What can be set of a socket.
#[derive(Clone, Copy)]
pub struct Settings {
    /// Whether who sends is told (`SO_PASSCRED`).
    pub tells_sender: bool,
    /// How long receiving waits; `None` for ever (`SO_RCVTIMEO`).
    pub receive_limit: Option<Duration>,
    /// How long sending and connecting wait (`SO_SNDTIMEO`).
    pub send_limit: Option<Duration>,
    /// How much of a stream receiving waits for (`SO_RCVLOWAT`).
    pub receive_least: usize,
    /// Where looking begins, which goes on with what is looked at; `None` for always at the first (`SO_PEEK_OFF`).
    pub peek_offset: Option<usize>,
    /// Whether closing waits for what is under way, and for how many seconds: none here has to (`SO_LINGER`).
    pub linger: (bool, u32),
    /// How much may wait to be read, which only the sender's own limit decides here (`SO_RCVBUF`).
    pub receive_buffer: usize,
    /// Options that are on and change nothing, by their numbers.
    pub without_effect: u64,
}

struct State {
    phase: Phase,
    name: Option<Arc<Name>>,
    peer: Option<Arc<Socket>>,
    /// What has been sent to it and not been read.
    messages: VecDeque<Arc<Message>>,
    /// What of the first has been.
    used: usize,
    /// Of those who have connected to it and not been accepted the other ends.
    connections: VecDeque<Arc<Socket>>,
    shut: Directions,
    /// What whoever uses it next is told.
    error: Option<FileSystemErrorKind>,
    is_closed: bool,
    /// Who was at the other end when they were connected.
    peer_credentials: Option<Sender>,
    settings: Settings,
    /// Whether what was sent to it is to be thrown away, and who is next in that.
    is_to_clear: bool,
    next_to_clear: Option<Arc<Socket>>,
}

/// A socket.
pub struct Socket {
    kind: Kind,
    state: Mutex<State>,
    /// Held by who takes bytes out, so that nobody takes others in between.
    reading: sync::Mutex<()>,
    /// How often something has come.
    changes: AtomicU64,
    /// Waiting for something to come.
    arriving: WaitQueue,
    /// Waiting for room among `messages` or `connections`.
    leaving: WaitQueue,
    charge: Arc<Charge>,
}

/// How long somebody is ready to wait.
#[derive(Clone, Copy)]
pub struct Patience {
    may_wait: bool,
    /// Until when (since boot).
    end: Option<Duration>,
}

impl Patience {
    /// Waits, if it may, until `condition` holds.
    ///
    /// # Errors
    /// `EAGAIN` when it does not, in time; `EINTR`, with which the call ends for good if there is an end to its time
    /// (`signal(7)`).
    fn wait(self, queue: &WaitQueue, condition: impl Fn() -> bool) -> Result<()> {
        if condition() {
            return Ok(());
        }
        if !self.may_wait {
            return fail(FileSystemErrorKind::WouldBlock);
        }
        let waited = queue.wait_before(self.end, &condition).inspect_err(|_| {
            if let Some(user) = scheduler::current().user()
                && self.end.is_some()
            {
                user.note_final();
            }
        });
        if waited? { Ok(()) } else { fail(FileSystemErrorKind::WouldBlock) }
    }
}

impl Socket {
    /// A new one.
    ///
    /// # Errors
    /// `ENOMEM`.
    fn new(kind: Kind) -> Result<Arc<Self>> {
        page::admit(MEMORY)?;
        Ok(Arc::new(Self {
            kind,
            state: Mutex::new(State {
                phase: Phase::New,
                name: None,
                peer: None,
                messages: VecDeque::new(),
                used: 0,
                connections: VecDeque::new(),
                shut: Directions::empty(),
                error: None,
                is_closed: false,
                peer_credentials: None,
                settings: Settings {
                    tells_sender: false,
                    receive_limit: None,
                    send_limit: None,
                    receive_least: 1,
                    peek_offset: None,
                    linger: (false, 0),
                    receive_buffer: message::LIMIT,
                    without_effect: 0,
                },
                is_to_clear: false,
                next_to_clear: None,
            }),
            reading: sync::Mutex::new(()),
            changes: AtomicU64::new(0),
            arriving: WaitQueue::new(),
            leaving: WaitQueue::new(),
            charge: Arc::new(Charge::new()),
        }))
    }

    /// How what is sent to it comes.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What was sent and not read is charged here to it.
    pub fn charge(&self) -> &Charge {
        &self.charge
    }

    /// Says that something has come.
    fn tell(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
        self.arriving.wake_all();
        self.leaving.wake_all();
        readiness::tell();
    }

    /// Gives it a name.
    ///
    /// # Errors
    /// `EINVAL` if it has one; those of [`name::bind`].
    pub fn bind(self: &Arc<Self>, manager: &VfsManager, context: &Context, wanted: Wanted) -> Result<()> {
        if self.state.lock().name.is_some() {
            return if matches!(wanted, Wanted::Any) { Ok(()) } else { fail(FileSystemErrorKind::InvalidArgument) };
        }
        let name = Arc::new(name::bind(self, manager, context, wanted)?);
        let mut state = self.state.lock();
        if state.name.is_none() {
            state.name = Some(name);
            return Ok(());
        }
        // Somebody else was quicker.
        drop(state);
        name::unbind(self, &name);
        fail(FileSystemErrorKind::InvalidArgument)
    }

    /// Gives it any name if it has none and who gets messages from it is told of it.
    fn bind_if_told(self: &Arc<Self>) -> Result<()> {
        let state = self.state.lock();
        let needs = state.settings.tells_sender && state.name.is_none();
        drop(state);
        if needs {
            let name = Arc::new(name::bind_any(self)?);
            self.state.lock().name = Some(name);
        }
        Ok(())
    }

    /// What it is called (`getsockname(2)`).
    pub fn name(&self) -> Option<Arc<Name>> {
        self.state.lock().name.clone()
    }

    /// The other end.
    ///
    /// # Errors
    /// `ENOTCONN`.
    pub fn peer(&self) -> Result<Arc<Self>> {
        self.state.lock().peer.clone().ok_or(FileSystemErrorKind::NotConnected.into())
    }

    /// Who was at the other end when they were connected (`SO_PEERCRED`).
    pub fn peer_credentials(&self) -> Option<Sender> {
        self.state.lock().peer_credentials
    }

    /// Whether others may connect to it.
    pub fn is_listening(&self) -> bool {
        matches!(self.state.lock().phase, Phase::Listening(_))
    }

    /// What can be set of it.
    pub fn settings(&self) -> Settings {
        self.state.lock().settings
    }

    /// Changes that.
    pub fn change_settings(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.state.lock().settings);
    }

    /// What whoever uses it next is to be told, who asks for it is told (`SO_ERROR`).
    pub fn take_error(&self) -> Option<FileSystemErrorKind> {
        self.state.lock().error.take()
    }

    /// Lets whoever uses it next be told that.
    pub fn note_error(&self, error: FileSystemErrorKind) {
        self.state.lock().error = Some(error);
    }

    fn ready(&self) -> Ready {
        let state = self.state.lock();
        let mut ready = Ready::empty();
        ready.set(Ready::BROKEN, state.error.is_some());
        ready.set(Ready::READ_HUNG_UP, state.shut.contains(Directions::RECEIVE));
        let has_come = !state.messages.is_empty() || !state.connections.is_empty();
        ready.set(Ready::READ, has_come || state.shut.contains(Directions::RECEIVE));
        let is_alone = self.kind.is_connected() && state.phase == Phase::New;
        ready.set(Ready::HUNG_UP, is_alone || state.shut == Directions::all());
        let peer = state.peer.clone().filter(|_| self.kind == Kind::Datagram);
        let may_send = !matches!(state.phase, Phase::Listening(_)) && self.charge.is_writable();
        drop(state);
        let has_room = peer.is_none_or(|peer| peer.has_room_from(self));
        ready.set(Ready::WRITE, may_send && has_room);
        ready
    }
}

/// A socket as an open file.
pub struct SocketStream {
    socket: Arc<Socket>,
    may_wait: AtomicBool,
}

impl SocketStream {
    /// The socket.
    pub fn socket(&self) -> &Arc<Socket> {
        &self.socket
    }

    fn patience(&self, may_wait: bool, limit: Option<Duration>) -> Patience {
        let end = limit.map(|limit| time::monotonic().saturating_add(limit));
        Patience { may_wait: may_wait && self.may_wait.load(Ordering::Relaxed), end }
    }

    /// How long receiving waits, if it `may_wait`.
    pub fn receive_patience(&self, may_wait: bool) -> Patience {
        self.patience(may_wait, self.socket.settings().receive_limit)
    }

    /// How long sending and connecting wait, if they `may_wait`.
    pub fn send_patience(&self, may_wait: bool) -> Patience {
        self.patience(may_wait, self.socket.settings().send_limit)
    }

    /// Throws away what was sent to it.
    fn clear(&self) {
        self.socket.clone().clear();
    }

    /// Does something with each open file that was sent to it, or to who waits to be accepted by it.
    fn each_file_sent_to(&self, body: &mut dyn FnMut(&Arc<FileObject>)) {
        self.socket.each_file(body);
    }
}

impl OpenStream for SocketStream {
    fn read(&self, _offset: u64, sink: &mut dyn Sink) -> Result<usize> {
        let received = self.socket.receive(sink, ReceiveFlags::empty(), self.receive_patience(true))?;
        Ok(received.count)
    }

    fn write(&self, _offset: u64, source: &mut dyn Source) -> Result<usize> {
        self.socket.send(source, message::Attached::default(), To::Peer, self.send_patience(true))
    }

    fn set_non_blocking(&self, on: bool) {
        self.may_wait.store(!on, Ordering::Relaxed);
    }

    fn ready(&self) -> Ready {
        self.socket.ready()
    }

    fn changes(&self, of: Ready) -> Option<u64> {
        let came = self.socket.changes.load(Ordering::Relaxed);
        Some(if of.contains(Ready::WRITE) { came + self.socket.charge.changes() } else { came })
    }

    fn readable(&self) -> Result<usize> {
        self.socket.readable()
    }
}

impl Drop for SocketStream {
    fn drop(&mut self) {
        self.socket.close();
        in_flight::collect();
    }
}

/// A new socket as an open file.
///
/// # Errors
/// `ENOMEM`.
pub fn open(kind: Kind, flags: OpenFlags) -> Result<Arc<FileObject>> {
    file(Socket::new(kind)?, flags)
}

/// A socket as an open file, in a node of its own. It is closed with the file, and if there can be none.
///
/// # Errors
/// `ENOMEM`.
fn file(socket: Arc<Socket>, flags: OpenFlags) -> Result<Arc<FileObject>> {
    let stream = Arc::new(SocketStream { socket, may_wait: AtomicBool::new(true) });
    unnamed::with_node(NewKind::Socket, 0o777, |manager, context, name| {
        let place = manager.resolve(context, name, Follow::No)?;
        FileObject::of_stream(place, OpenFlags::READ | OpenFlags::WRITE | flags, stream)
    })
}
