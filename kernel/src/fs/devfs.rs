//! devfs: device nodes under their usual names, and the links that a Linux system makes beside them when it starts.

use alloc::sync::Arc;

use vfs::driver::{FileSystemDriver, MountRequest};
use vfs::driver_initcall;
use vfs::error::Result;
use vfs::file_system::FileSystemOperations;

use super::devices;
use super::generated::{Item, Kind, Tree};

/// What `statfs(2)` answers for Linux's devfs.
const MAGIC: u64 = 0x1373;

static ROOT: Kind = Kind::Directory(&[
    Item { name: "console", kind: Kind::Device(devices::CONSOLE) },
    Item { name: "fd", kind: Kind::Link("/proc/self/fd") },
    Item { name: "full", kind: Kind::Device(devices::FULL) },
    Item { name: "null", kind: Kind::Device(devices::NULL) },
    Item { name: "random", kind: Kind::Device(devices::RANDOM) },
    // Where a tmpfs stands: shared memory and semaphores by name (`shm_overview(7)`).
    Item { name: "shm", kind: Kind::Directory(&[]) },
    Item { name: "stderr", kind: Kind::Link("/proc/self/fd/2") },
    Item { name: "stdin", kind: Kind::Link("/proc/self/fd/0") },
    Item { name: "stdout", kind: Kind::Link("/proc/self/fd/1") },
    Item { name: "tty", kind: Kind::Device(devices::TTY) },
    Item { name: "ttyS0", kind: Kind::Device(devices::SERIAL) },
    Item { name: "urandom", kind: Kind::Device(devices::URANDOM) },
    Item { name: "zero", kind: Kind::Device(devices::ZERO) },
]);

/// The driver: `mount -t devfs devfs /dev`; `devtmpfs` is Linux's name for the same. It has no options.
pub struct DevfsDriver {
    name: &'static str,
}

impl FileSystemDriver for DevfsDriver {
    fn name(&self) -> &'static str {
        self.name
    }

    fn mount(&self, request: &mut MountRequest<'_>) -> Result<Arc<dyn FileSystemOperations>> {
        super::generated::refuse_options(request)?;
        Ok(Tree::new(self.name, MAGIC, &ROOT, request.manager.environment().clock.now()))
    }
}

driver_initcall!(DevfsDriver { name: "devfs" });
driver_initcall!(DevfsDriver { name: "devtmpfs" });
