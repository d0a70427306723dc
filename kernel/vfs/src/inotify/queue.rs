//! The events that wait to be read, and the format in which they are.

use super::mask::WatchMask;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::io::Sink;
use crate::name::Name;
use alloc::collections::VecDeque;

/// Bytes of an event without its name (`struct inotify_event`), and what the name's field is a multiple of.
const HEADER: usize = 16;

/// The watch of an event that is none's.
const NO_WATCH: i32 = -1;

/// What happened.
pub(super) struct Event {
    /// Which watch saw it.
    watch: i32,
    mask: WatchMask,
    /// What the two events of one move have in common; else 0.
    cookie: u32,
    /// In a directory, to which name; else empty.
    name: Name,
}

impl Event {
    /// An event of the watched node itself.
    pub fn of(watch: i32, mask: WatchMask) -> Self {
        Self::named(watch, mask, 0, b"")
    }

    /// An event of a name in the watched directory.
    pub fn named(watch: i32, mask: WatchMask, cookie: u32, name: &[u8]) -> Self {
        Self { watch, mask, cookie, name: Name::from_slice(name) }
    }

    /// Bytes of the name's field: the name, the NUL that ends it, and more up to a multiple of the header's size.
    fn name_field(&self) -> usize {
        if self.name.is_empty() { 0 } else { (self.name.len() + 1).next_multiple_of(HEADER) }
    }

    /// Bytes of the whole.
    pub fn size(&self) -> usize {
        HEADER + self.name_field()
    }

    /// Writes it as `struct inotify_event`.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn write(&self, sink: &mut dyn Sink) -> Result<()> {
        let mut header = [0; HEADER];
        let fields = [self.watch.cast_unsigned(), self.mask.bits(), self.cookie, self.name_field() as u32];
        for (place, field) in header.chunks_exact_mut(size_of::<u32>()).zip(fields) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        sink.put(&header)?;
        sink.put(&self.name)?;
        sink.put_zeros(self.name_field() - self.name.len())
    }

    /// Whether this one, which came right after `last`, says nothing new. As on Linux it may be of another move.
    fn repeats(&self, last: &Self) -> bool {
        let same = (self.watch, self.mask, &self.name) == (last.watch, last.mask, &last.name);
        same && !self.mask.contains(WatchMask::IGNORED)
    }
}

/// The events, in order.
pub(super) struct Queue {
    /// There is always room for one more, so that an overflow can be told.
    events: VecDeque<Event>,
    limit: usize,
    /// Whether one of them says that events were lost.
    overflowed: bool,
}

impl Queue {
    /// An empty one, for so many events and the one that says that there were more.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn new(limit: usize) -> Result<Self> {
        let mut queue = Self { events: VecDeque::new(), limit, overflowed: false };
        queue.make_room()?;
        Ok(queue)
    }

    /// Sees to it that there is room for two.
    fn make_room(&mut self) -> Result<()> {
        let (length, capacity) = (self.events.len(), self.events.capacity());
        if capacity < length + 2 {
            page::admit((2 * capacity).max(length + 2) * size_of::<Event>())?;
            self.events.try_reserve(2).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
        }
        Ok(())
    }

    /// Puts an event behind the others, unless the last says the same. Where there is no room, or no memory, that is
    /// told in its place.
    pub fn push(&mut self, event: Event) {
        let full = self.events.len() >= self.limit;
        if !full && self.events.back().is_some_and(|last| event.repeats(last)) {
            return;
        }
        if !full && page::admit(event.name.len()).is_ok() && self.make_room().is_ok() {
            self.events.push_back(event);
        } else if !self.overflowed {
            self.overflowed = true;
            self.events.push_back(Event::of(NO_WATCH, WatchMask::OVERFLOW));
        }
    }

    /// Takes the first event.
    ///
    /// # Errors
    /// `EINVAL` when it takes more than `room` bytes; it stays.
    pub fn take(&mut self, room: usize) -> Result<Option<Event>> {
        if self.events.front().is_some_and(|first| first.size() > room) {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        let event = self.events.pop_front();
        if event.as_ref().is_some_and(|event| event.watch == NO_WATCH) {
            self.overflowed = false;
        }
        Ok(event)
    }

    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Bytes of all events.
    pub fn size(&self) -> usize {
        self.events.iter().map(Event::size).sum()
    }
}
