//! How much a process may have (`getrlimit(2)`).
//!
//! Each limit is looked at where what it limits is given out: numbers of files by [`files`], memory by its
//! [address space](crate::mm::space), its stack too, the length of files and the number of processes
//! by the calls that make them, time here, at the tick. Those of what the kernel does not have are kept and told.

use core::time::Duration;

use vfs::context::Capabilities;
use vfs::error::{FileSystemErrorKind, Result, fail};

use super::process::Process;
use super::signal::{Information, Signal};
use super::{files, number, start};
use crate::mm::space::Bounds;

/// What is limited, by Linux's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Resource {
    /// Seconds on the processor.
    Time = 0,
    /// Bytes of a file that is written.
    FileSize = 1,
    /// Bytes of private memory that can be written.
    Data = 2,
    /// Bytes of the stack.
    Stack = 3,
    /// Bytes of a core: none is ever written.
    Core = 4,
    /// Processes of its user.
    Processes = 6,
    /// Numbers of open files.
    Files = 7,
    /// Bytes of memory that stay there.
    Locked = 8,
    /// Bytes of memory.
    Memory = 9,
    /// How far before others it may go, as 20 less the nice value.
    Nice = 13,
    /// Which priority it may give itself before others.
    RealTime = 14,
}

/// How many there are.
pub const COUNT: usize = 16;

/// Linux's names for them in `/proc/PID/limits`, with what they are measured in.
pub const NAMES: [(&str, &str); COUNT] = [
    ("Max cpu time", "seconds"),
    ("Max file size", "bytes"),
    ("Max data size", "bytes"),
    ("Max stack size", "bytes"),
    ("Max core file size", "bytes"),
    ("Max resident set", "bytes"),
    ("Max processes", "processes"),
    ("Max open files", "files"),
    ("Max locked memory", "bytes"),
    ("Max address space", "bytes"),
    ("Max file locks", "locks"),
    ("Max pending signals", "signals"),
    ("Max msgqueue size", "bytes"),
    ("Max nice priority", ""),
    ("Max realtime priority", ""),
    ("Max realtime timeout", "us"),
];

/// There is no limit.
pub const UNLIMITED: u64 = u64::MAX;

/// How much memory may be locked unless a process asks for another limit.
const LOCKED: u64 = 8 << 20;

/// A limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What counts.
    pub now: u64,
    /// What the process itself may set it to at most.
    pub most: u64,
}

impl Limit {
    const NONE: Self = Self { now: UNLIMITED, most: UNLIMITED };

    const fn up_to(now: u64, most: u64) -> Self {
        Self { now, most }
    }
}

/// The limits of a process.
#[derive(Clone, Copy, Debug)]
pub struct Limits([Limit; COUNT]);

impl Default for Limits {
    /// As Linux has them for its first process, but for the sizes of what is not limited here.
    fn default() -> Self {
        let mut limits = [Limit::NONE; COUNT];
        limits[Resource::Stack as usize] = Limit::up_to(start::STACK_SIZE, UNLIMITED);
        limits[Resource::Core as usize] = Limit::up_to(0, UNLIMITED);
        limits[Resource::Files as usize] = Limit::up_to(files::LIMIT as u64, files::LIMIT_MAX as u64);
        limits[Resource::Locked as usize] = Limit::up_to(LOCKED, LOCKED);
        limits[Resource::Nice as usize] = Limit::up_to(0, 0);
        limits[Resource::RealTime as usize] = Limit::up_to(0, 0);
        Self(limits)
    }
}

impl Limits {
    /// All of them, by their numbers.
    pub fn all(&self) -> &[Limit; COUNT] {
        &self.0
    }

    /// What counts of one.
    pub fn now(&self, resource: Resource) -> u64 {
        self.0[resource as usize].now
    }

    /// How large a program's stack may be when it begins, for what it finds there.
    pub fn stack(&self) -> u64 {
        let pages = self.now(Resource::Stack) / page::SIZE as u64;
        (pages * page::SIZE as u64).clamp(start::STACK_SIZE_MIN, start::STACK_SIZE_MAX)
    }

    /// Those of an address space.
    pub fn of_memory(&self) -> Bounds {
        let [all, data, stack] = [Resource::Memory, Resource::Data, Resource::Stack].map(|what| self.now(what));
        Bounds { all, data, stack }
    }
}

impl Process {
    /// Its limits.
    pub fn limits(&self) -> Limits {
        *self.limits.lock()
    }

    /// What counts of one of its limits.
    pub fn limit(&self, resource: Resource) -> u64 {
        self.limits.lock().now(resource)
    }

    /// Changes the limit of that number; returns what it was. `privileged`: who asks may go beyond the most.
    ///
    /// # Errors
    /// `EINVAL` for a number that no limit has, or for more now than at most; `EPERM`.
    pub fn set_limit(&self, index: usize, new: Limit, privileged: bool) -> Result<Limit> {
        let mut limits = self.limits.lock();
        let old = *limits.0.get(index).ok_or(FileSystemErrorKind::InvalidArgument)?;
        if new.now > new.most {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        let is_too_many = index == Resource::Files as usize && new.most > files::LIMIT_MAX as u64;
        if is_too_many || new.most > old.most && !privileged {
            return fail(FileSystemErrorKind::NotPermitted);
        }
        limits.0[index] = new;
        let bounds = limits.of_memory();
        drop(limits);
        if index == Resource::Files as usize {
            self.files().set_limit(new.now as usize);
        }
        // A child that still borrows its parent's memory is about to have its own.
        if let Ok(space) = self.space()
            && number::processes().all(|other| core::ptr::eq(&*other, self) || !other.is_in(&space))
        {
            space.lock().set_bounds(bounds);
        }
        Ok(old)
    }

    /// Fails where its user has as many processes as may be (`EAGAIN`); the superuser may always have one more.
    ///
    /// # Errors
    /// `EAGAIN`.
    pub fn check_one_more(&self) -> Result<()> {
        let limit = self.limit(Resource::Processes);
        let place = self.place()?;
        let user = place.identity.users.real;
        let may = Capabilities::SYS_RESOURCE | Capabilities::SYS_ADMIN;
        if limit == UNLIMITED || user == 0 || place.context.credentials.capabilities.intersects(may) {
            return Ok(());
        }
        let of_user = |process: &alloc::sync::Arc<Self>| process.ending().is_none() && process.user() == user;
        let threads: usize = number::processes().filter(of_user).map(|process| process.threads()).sum();
        if (threads as u64) < limit { Ok(()) } else { fail(FileSystemErrorKind::WouldBlock) }
    }

    /// Looks whether it has had the time that it may have: a signal each second from then on, and its end when that is
    /// the most. Called at ticks, while it runs.
    pub(super) fn check_time(&self) {
        let limits = self.limits.lock();
        let Limit { now, most } = limits.0[Resource::Time as usize];
        drop(limits);
        if now == UNLIMITED {
            return;
        }
        let [_, used] = self.times();
        if most != UNLIMITED && used >= Duration::from_secs(most) {
            self.send(Information::of_kernel(Signal::KILL));
        } else if used >= Duration::from_secs(now) {
            let mut limits = self.limits.lock();
            let limit = &mut limits.0[Resource::Time as usize];
            // As on Linux the limit moves on with what is told.
            limit.now = used.as_secs() + 1;
            drop(limits);
            self.send(Information::of_kernel(Signal::TIME_LIMIT));
        }
    }
}
