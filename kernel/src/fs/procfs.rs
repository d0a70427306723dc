//! procfs: what the kernel says of itself and of processes, made as it is opened (`proc(5)`).
//!
//! | file | subject |
//! |---|---|
//! | [`machine`] | the machine: memory, load, interrupts, drivers |
//! | [`settings`] | `sys`: names and bounds of the kernel's, to be read |
//! | [`process`] | processes and threads |

mod machine;
mod process;
mod settings;

use alloc::string::String;
use alloc::sync::Arc;

use vfs::driver::{FileSystemDriver, MountRequest};
use vfs::driver_initcall;
use vfs::error::Result;
use vfs::file_system::FileSystemOperations;

use self::process::Processes;
pub use self::process::process_of;
use super::generated::{Item, Kind, Tree};

/// What `statfs(2)` answers for Linux's procfs.
const MAGIC: u64 = 0x9fa0;

static ROOT: Kind = Kind::Directory(&[
    Item { name: "cmdline", kind: Kind::Text(machine::cmdline) },
    Item { name: "cpuinfo", kind: Kind::Text(machine::cpuinfo) },
    Item { name: "devices", kind: Kind::Text(machine::devices) },
    Item { name: "diskstats", kind: Kind::Text(String::new) },
    Item { name: "filesystems", kind: Kind::Text(machine::filesystems) },
    Item { name: "interrupts", kind: Kind::Text(machine::interrupt_counts) },
    Item { name: "loadavg", kind: Kind::Text(machine::load_averages) },
    Item { name: "meminfo", kind: Kind::Text(machine::meminfo) },
    Item { name: "mounts", kind: Kind::Link("self/mounts") },
    Item { name: "partitions", kind: Kind::Text(|| "major minor  #blocks  name\n\n".into()) },
    Item { name: "self", kind: Kind::MadeLink(process::own_name) },
    Item { name: "stat", kind: Kind::Text(machine::stat) },
    Item { name: "swaps", kind: Kind::Text(|| "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n".into()) },
    Item { name: "sys", kind: settings::SYS },
    Item { name: "thread-self", kind: Kind::MadeLink(process::own_thread_name) },
    Item { name: "uptime", kind: Kind::Text(machine::uptime) },
    Item { name: "version", kind: Kind::Text(machine::version) },
]);

/// The driver: `mount -t proc proc /proc`. It has no options.
pub struct ProcfsDriver;

impl FileSystemDriver for ProcfsDriver {
    fn name(&self) -> &'static str {
        "proc"
    }

    fn mount(&self, request: &mut MountRequest<'_>) -> Result<Arc<dyn FileSystemOperations>> {
        super::generated::refuse_options(request)?;
        let now = request.manager.environment().clock.now();
        Ok(Tree::with_more("proc", MAGIC, &ROOT, now, &Processes))
    }
}

driver_initcall!(ProcfsDriver);
