//! What a socket receives.

use alloc::sync::Arc;

use bitflags::bitflags;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::io::Sink;

use super::in_flight::InFlight;
use super::message::{Message, Sender};
use super::name::Name;
use super::{Directions, Kind, Patience, Phase, Socket, State};

bitflags! {
    /// How something is received.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct ReceiveFlags: u8 {
        /// It stays (`MSG_PEEK`).
        const PEEK = 1;
        /// All that there is room for (`MSG_WAITALL`).
        const ALL = 2;
    }
}

/// What was received.
#[derive(Default)]
pub struct Received {
    /// How many bytes were.
    pub count: usize,
    /// How many the message had.
    pub length: usize,
    /// By what name it was sent.
    pub from: Option<Arc<Name>>,
    /// Files that go with it.
    pub files: Option<Arc<InFlight>>,
    /// Who sent it, if that was told.
    pub sender: Option<Sender>,
}

impl State {
    /// Whether there is something behind the first `skipped` bytes; a message may have none.
    fn has_behind(&self, skipped: usize) -> bool {
        let mut left = self.used + skipped;
        self.messages.iter().any(|message| {
            let is_behind = skipped == 0 || message.bytes().len() > left;
            left = left.saturating_sub(message.bytes().len());
            is_behind
        })
    }
}

impl Socket {
    /// How many bytes can be read without waiting: all of a stream, of messages the first's.
    ///
    /// # Errors
    /// `EINVAL` for one that listens.
    pub(super) fn readable(&self) -> Result<usize> {
        let state = self.state.lock();
        match (state.phase, self.kind) {
            (Phase::Listening(_), _) => fail(FileSystemErrorKind::InvalidArgument),
            (_, Kind::Stream) => {
                let all: usize = state.messages.iter().map(|message| message.bytes().len()).sum();
                Ok(all - state.used)
            }
            _ => Ok(state.messages.front().map_or(0, |message| message.bytes().len())),
        }
    }

    /// Receives what there is, and waits for some.
    ///
    /// # Errors
    /// `EINVAL` for a stream that is not connected, `ENOTCONN` for packets; `ECONNRESET`, `EAGAIN`, `EINTR`, `EFAULT`,
    /// `ENOMEM`.
    pub fn receive(&self, sink: &mut dyn Sink, flags: ReceiveFlags, patience: Patience) -> Result<Received> {
        let is_connected = self.state.lock().phase == Phase::Connected;
        match self.kind {
            Kind::Stream if !is_connected => fail(FileSystemErrorKind::InvalidArgument),
            Kind::Stream => self.receive_stream(sink, flags, patience),
            Kind::Packets if !is_connected => fail(FileSystemErrorKind::NotConnected),
            _ => self.receive_message(sink, flags, patience),
        }
    }

    /// Where what is received with these flags begins: how many bytes behind the first that nobody has taken.
    fn begin(&self, flags: ReceiveFlags) -> usize {
        let offset = self.settings().peek_offset.filter(|_| flags.contains(ReceiveFlags::PEEK));
        offset.unwrap_or_default()
    }

    /// Notes that so many bytes were looked at, or taken, where looking begins.
    fn move_begin(&self, flags: ReceiveFlags, count: usize) {
        self.change_settings(|settings| {
            let moved = |offset: usize| match flags.contains(ReceiveFlags::PEEK) {
                true => offset.saturating_add(count).min(i32::MAX as usize),
                false => offset.saturating_sub(count),
            };
            settings.peek_offset = settings.peek_offset.map(moved);
        });
    }

    /// Waits until something has come behind the first `skipped` bytes; whether something may still come.
    fn wait_for_more(&self, patience: Patience, skipped: usize) -> Result<bool> {
        loop {
            let mut state = self.state.lock();
            if state.has_behind(skipped) {
                return Ok(true);
            }
            if let Some(error) = state.error.take() {
                return fail(error);
            }
            if state.shut.contains(Directions::RECEIVE) {
                return Ok(false);
            }
            drop(state);
            patience.wait(&self.arriving, || {
                let state = self.state.lock();
                state.has_behind(skipped) || state.error.is_some() || state.shut.contains(Directions::RECEIVE)
            })?;
        }
    }

    fn receive_stream(&self, sink: &mut dyn Sink, flags: ReceiveFlags, patience: Patience) -> Result<Received> {
        let mut received = Received::default();
        let least = if flags.contains(ReceiveFlags::ALL) { usize::MAX } else { self.settings().receive_least };
        while sink.room() > 0 {
            let more = self.wait_for_more(patience, self.begin(flags));
            match more {
                Ok(true) => {}
                Err(error) if received.count == 0 => return Err(error),
                _ => break,
            }
            let is_over = self.take_bytes(sink, flags, &mut received)?;
            if is_over || received.count >= least {
                break;
            }
        }
        received.length = received.count;
        Ok(received)
    }

    /// Takes what has come, as far as it goes together; whether nothing may be added to it.
    fn take_bytes(&self, sink: &mut dyn Sink, flags: ReceiveFlags, received: &mut Received) -> Result<bool> {
        let turn = self.reading.lock();
        let (mut index, mut used) = self.place_behind(self.begin(flags));
        while let Some(message) = self.message(index) {
            let is_new = received.count == 0;
            if !is_new && self.settings().tells_sender && received.sender != message.sender {
                return Ok(true);
            }
            let count = (message.bytes().len() - used).min(sink.room());
            if count == 0 {
                return Ok(true);
            }
            if let Err(error) = sink.put(&message.bytes()[used..used + count]) {
                return if is_new { Err(error) } else { Ok(true) };
            }
            received.count += count;
            self.move_begin(flags, count);
            if is_new {
                (received.sender, received.from) = (message.sender, message.from.clone());
            }
            let files = message.files(!flags.contains(ReceiveFlags::PEEK));
            if flags.contains(ReceiveFlags::PEEK) {
                (index, used) = (index + 1, 0);
            } else {
                used = self.use_up(used + count);
            }
            if files.is_some() {
                received.files = files;
                return Ok(true);
            }
        }
        drop(turn);
        Ok(flags.contains(ReceiveFlags::PEEK))
    }

    /// The message in which what is behind the first `skipped` bytes begins, and where in it.
    fn place_behind(&self, skipped: usize) -> (usize, usize) {
        let state = self.state.lock();
        let (mut index, mut at) = (0, state.used + skipped);
        while let Some(message) = state.messages.get(index).filter(|message| message.bytes().len() <= at) {
            (index, at) = (index + 1, at - message.bytes().len());
        }
        (index, at)
    }

    fn message(&self, index: usize) -> Option<Arc<Message>> {
        self.state.lock().messages.get(index).cloned()
    }

    /// Notes that so many bytes of the first message have been used; how many of what is the first then.
    fn use_up(&self, used: usize) -> usize {
        let mut state = self.state.lock();
        let is_done = state.messages.front().is_some_and(|message| message.bytes().len() <= used);
        let done = if is_done { state.messages.pop_front() } else { None };
        state.used = if is_done { 0 } else { used };
        let left = state.used;
        drop(state);
        drop(done);
        left
    }

    fn receive_message(&self, sink: &mut dyn Sink, flags: ReceiveFlags, patience: Patience) -> Result<Received> {
        loop {
            let skipped = self.begin(flags);
            if !self.wait_for_more(patience, skipped)? {
                return Ok(Received::default());
            }
            let is_to_stay = flags.contains(ReceiveFlags::PEEK);
            let (index, at) = if skipped == 0 { (0, 0) } else { self.place_behind(skipped) };
            let mut state = self.state.lock();
            let message = if is_to_stay { state.messages.get(index).cloned() } else { state.messages.pop_front() };
            drop(state);
            let Some(message) = message else { continue };
            if !is_to_stay {
                self.leaving.wake_all();
                crate::fs::readiness::tell();
            }
            let bytes = message.bytes().get(at..).unwrap_or_default();
            let length = bytes.len();
            let count = length.min(sink.room());
            sink.put(&bytes[..count])?;
            self.move_begin(flags, if is_to_stay { count } else { length });
            let files = message.files(!is_to_stay);
            return Ok(Received { count, length, from: message.from.clone(), files, sender: message.sender });
        }
    }
}
