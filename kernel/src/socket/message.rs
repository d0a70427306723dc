//! What one socket sends another, and what is charged for it until it is read.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use spin::Mutex;
use vfs::error::{FileSystemErrorKind, Result};
use vfs::file::FileObject;
use vfs::io::Source;

use super::in_flight::InFlight;
use super::name::Name;
use crate::fs::readiness;
use crate::task::process;
use crate::task::wait::WaitQueue;

/// What a message is charged beyond its bytes, about as on Linux.
const OVERHEAD: usize = 576;

/// What a socket may have under way at first, in bytes (`net.core.wmem_default`).
pub const LIMIT: usize = 212_992;
/// The least and the most that can be asked for (`net.core.wmem_max`).
const LIMIT_MIN: usize = 4608;
const LIMIT_MAX: usize = 212_992;

/// Who sends, or once connected (`struct ucred`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sender {
    /// Its process.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

impl Sender {
    /// The process that runs, by its real user and group; none of the kernel's own.
    pub fn current() -> Option<Self> {
        let process = process::current()?;
        let identity = process.place().ok()?.identity;
        Some(Self { pid: process.pid(), uid: identity.users.real, gid: identity.groups.real })
    }
}

/// What a socket has sent and nobody has read.
pub struct Charge {
    bytes: AtomicUsize,
    limit: AtomicUsize,
    /// How often there was room again.
    changes: AtomicU64,
    /// Waiting for room.
    waiting: WaitQueue,
}

impl Charge {
    /// Nothing.
    pub fn new() -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            limit: AtomicUsize::new(LIMIT),
            changes: AtomicU64::new(0),
            waiting: WaitQueue::new(),
        }
    }

    /// How much may be under way (`SO_SNDBUF`).
    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// Changes that. As on Linux twice as much is taken as is asked for.
    pub fn set_limit(&self, asked: usize) {
        self.limit.store(doubled(asked), Ordering::Relaxed);
        self.tell();
    }

    /// How many bytes are under way, with what each message costs besides.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether one more message may go.
    pub fn has_room(&self) -> bool {
        self.bytes() < self.limit()
    }

    /// Whether enough may go that who waits for that is to be told.
    pub fn is_writable(&self) -> bool {
        self.bytes().saturating_mul(4) <= self.limit()
    }

    /// How often there was room again.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// Where who has no room waits.
    pub fn waiting(&self) -> &WaitQueue {
        &self.waiting
    }

    /// Lets those look again who wait for room.
    pub fn tell(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
        self.waiting.wake_all();
        readiness::tell();
    }
}

/// A limit as it is for who asks for `asked` bytes: for the bytes, and what they cost besides.
pub fn doubled(asked: usize) -> usize {
    (2 * asked.min(LIMIT_MAX)).max(LIMIT_MIN)
}

/// What goes with the bytes.
#[derive(Default)]
pub struct Attached {
    /// Open files (`SCM_RIGHTS`).
    pub files: Option<Arc<InFlight>>,
    /// Who sends, if that is told (`SCM_CREDENTIALS`).
    pub sender: Option<Sender>,
}

/// A message, or a piece of what a stream carries.
pub struct Message {
    bytes: Vec<u8>,
    /// Taken out by who reads them first.
    files: Mutex<Option<Arc<InFlight>>>,
    /// Who sent it, if that was told.
    pub sender: Option<Sender>,
    /// By what name it was sent.
    pub from: Option<Arc<Name>>,
    charge: Arc<Charge>,
}

impl Message {
    /// The next `count` bytes of `source`, charged to who sends them.
    ///
    /// # Errors
    /// `ENOMEM`, `EFAULT`.
    pub fn new(
        source: &mut dyn Source,
        count: usize,
        attached: Attached,
        from: Option<Arc<Name>>,
        charge: &Arc<Charge>,
    ) -> Result<Arc<Self>> {
        page::admit(count + OVERHEAD)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(count).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
        bytes.resize(count, 0);
        source.take(&mut bytes)?;
        charge.bytes.fetch_add(count + OVERHEAD, Ordering::Relaxed);
        let Attached { files, sender } = attached;
        Ok(Arc::new(Self { bytes, files: Mutex::new(files), sender, from, charge: charge.clone() }))
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The files that go with it. Who takes them is the only one who gets them; who looks leaves them there.
    pub fn files(&self, takes: bool) -> Option<Arc<InFlight>> {
        let mut files = self.files.lock();
        if takes { files.take() } else { files.clone() }
    }

    /// Does something with each of the files that go with it; nothing may be let go of meanwhile.
    pub fn each_file(&self, body: &mut dyn FnMut(&Arc<FileObject>)) {
        self.files.lock().iter().flat_map(|files| files.files()).for_each(body);
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        let was_writable = self.charge.is_writable();
        self.charge.bytes.fetch_sub(self.bytes.len() + OVERHEAD, Ordering::Relaxed);
        self.charge.waiting.wake_all();
        if !was_writable && self.charge.is_writable() {
            self.charge.tell();
        }
    }
}
