//! `/proc/sys`: names and bounds of the kernel's. They can be read, not set.

use alloc::format;
use alloc::string::{String, ToString};
use core::ops::Range;

use spin::Once;

use crate::abi::linux::machine;
use crate::arch::random;
use crate::fs::generated::{Item, Kind};
use crate::fs::leases;
use crate::mm::space;
use crate::task::{files, number};

pub(super) const SYS: Kind = Kind::Directory(&[
    Item {
        name: "fs",
        kind: Kind::Directory(&[
            Item { name: "dir-notify-enable", kind: Kind::Text(|| line(1)) },
            // There is no bound for all together but memory.
            Item { name: "file-max", kind: Kind::Text(|| line(i64::MAX)) },
            Item { name: "lease-break-time", kind: Kind::Text(|| line(leases::BREAK_TIME.as_secs())) },
            Item { name: "leases-enable", kind: Kind::Text(|| line(1)) },
            Item { name: "nr_open", kind: Kind::Text(|| line(files::LIMIT_MAX)) },
        ]),
    },
    Item {
        name: "kernel",
        kind: Kind::Directory(&[
            Item { name: "cap_last_cap", kind: Kind::Text(|| line(40)) },
            Item { name: "dmesg_restrict", kind: Kind::Text(|| line(0)) },
            Item { name: "domainname", kind: Kind::Text(|| line(machine::text(&machine::DOMAIN_NAME))) },
            Item { name: "hostname", kind: Kind::Text(|| line(machine::text(&machine::NODE_NAME))) },
            Item { name: "ngroups_max", kind: Kind::Text(|| line(65_536)) },
            Item { name: "osrelease", kind: Kind::Text(|| line(machine::RELEASE)) },
            Item { name: "ostype", kind: Kind::Text(|| line(machine::SYSTEM_NAME)) },
            Item { name: "overflowgid", kind: Kind::Text(|| line(65_534)) },
            Item { name: "overflowuid", kind: Kind::Text(|| line(65_534)) },
            Item { name: "pid_max", kind: Kind::Text(|| line(number::END)) },
            Item {
                name: "random",
                kind: Kind::Directory(&[
                    Item { name: "boot_id", kind: Kind::Text(boot_id) },
                    Item { name: "entropy_avail", kind: Kind::Text(|| line(256)) },
                    Item { name: "poolsize", kind: Kind::Text(|| line(256)) },
                    Item { name: "uuid", kind: Kind::Text(|| line(uuid())) },
                ]),
            },
            Item { name: "randomize_va_space", kind: Kind::Text(|| line(0)) },
            Item { name: "version", kind: Kind::Text(|| line(machine::VERSION)) },
        ]),
    },
    Item {
        name: "vm",
        kind: Kind::Directory(&[
            Item { name: "max_map_count", kind: Kind::Text(|| line(space::AREAS_MAX)) },
            Item { name: "mmap_min_addr", kind: Kind::Text(|| line(space::USER_START)) },
            // Memory is taken when it is touched, whatever has been mapped.
            Item { name: "overcommit_memory", kind: Kind::Text(|| line(1)) },
        ]),
    },
]);

fn line(value: impl ToString) -> String {
    value.to_string() + "\n"
}

/// A random one (RFC 4122, version 4).
fn uuid() -> String {
    let mut bytes = [0; 16];
    random::fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = |range: Range<usize>| bytes[range].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    [hex(0..4), hex(4..6), hex(6..8), hex(8..10), hex(10..16)].join("-")
}

/// The same until the machine is booted again.
fn boot_id() -> String {
    static ID: Once<String> = Once::new();
    line(ID.call_once(uuid))
}
