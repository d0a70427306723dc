//! Leases on files: how their holders are asked for them, and how others wait (`fcntl(2)`, `F_SETLEASE`).

use alloc::sync::Arc;
use core::time::Duration;

use vfs::context::Credentials;
use vfs::error::Result;
use vfs::file::FileObject;
use vfs::lease::LeaseHolder;
use vfs::lock::LockKind;

use super::owners::Owner;
use crate::task::process::Process;
use crate::task::wait::WaitQueue;
use crate::time;

/// How long who was asked for a lease may keep it (`/proc/sys/fs/lease-break-time`).
pub const BREAK_TIME: Duration = Duration::from_secs(45);

/// Who waits for a lease to be given back. They are few: each looks whether it was the one.
static WAITING: WaitQueue = WaitQueue::new();

impl LeaseHolder for Owner {
    fn ask(&self) -> Option<Duration> {
        self.lease.come();
        Some(self.now() + BREAK_TIME)
    }

    fn now(&self) -> Duration {
        time::monotonic()
    }

    fn wait(&self, until: Option<Duration>, done: &dyn Fn() -> bool) -> Result<()> {
        WAITING.wait_before(until, done).map(|_| ())
    }

    /// With its lease an open file loses its owner, and nobody is told of it any more (`O_ASYNC`).
    fn changed(&self, kind: Option<LockKind>) {
        if kind.is_none() {
            self.forget();
            if let Some(file) = self.file.upgrade() {
                file.set_told(false);
            }
        }
        WAITING.wake_all();
    }
}

/// Gives a file, which `process` has by that number, a lease of that kind, or takes it back. Who asks becomes the file's
/// owner unless it has one.
///
/// # Errors
/// Those of [`FileObject::set_lease`].
pub fn set(
    process: &Process,
    credentials: &Credentials,
    number: u32,
    file: &Arc<FileObject>,
    kind: Option<LockKind>,
) -> Result<()> {
    let owner = Owner::make(file)?;
    file.set_lease(credentials, kind, process.pid(), owner.clone())?;
    if kind.is_some() {
        file.set_told(true);
        owner.lease.set_number(number);
        owner.set_unless_set(process);
    }
    Ok(())
}
