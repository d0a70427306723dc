//! Who asks, and from where: the context that every operation of a namespace takes.
//!
//! Permission checks live here, once, for the shell, system calls and tests alike.

use crate::error::{FileSystemErrorKind, Result, fail};
use crate::metadata::{FileFlags, FileType, Permissions};
use crate::mount::{MountPoint, Path};
use crate::node::VfsNode;
use alloc::sync::Arc;
use bitflags::bitflags;

bitflags! {
    /// What somebody may do beyond the permission bits (`capabilities(7)`).
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct Capabilities: u64 {
        /// Change owners at will.
        const CHOWN = 1 << 0;
        /// Read, write and search whatever the permission bits say.
        const DAC_OVERRIDE = 1 << 1;
        /// Read files and search directories whatever the permission bits say.
        const DAC_READ_SEARCH = 1 << 2;
        /// Do what only the owner may.
        const FOWNER = 1 << 3;
        /// Keep set-id bits over a change of content or owner.
        const FSETID = 1 << 4;
        /// Signal anybody's process.
        const KILL = 1 << 5;
        /// Be any group.
        const SETGID = 1 << 6;
        /// Be any user.
        const SETUID = 1 << 7;
        /// Let programs inherit capabilities.
        const SETPCAP = 1 << 8;
        /// Mark files as immutable or append-only, and take that back.
        const LINUX_IMMUTABLE = 1 << 9;
        /// Lock memory at will.
        const IPC_LOCK = 1 << 14;
        /// Change the root directory.
        const SYS_CHROOT = 1 << 18;
        /// Look into anybody's process.
        const SYS_PTRACE = 1 << 19;
        /// Mount, pivot, and read and write `trusted.` attributes.
        const SYS_ADMIN = 1 << 21;
        /// Restart the machine.
        const SYS_BOOT = 1 << 22;
        /// Come before others.
        const SYS_NICE = 1 << 23;
        /// Go beyond limits.
        const SYS_RESOURCE = 1 << 24;
        /// Set the clock.
        const SYS_TIME = 1 << 25;
        /// Make device nodes.
        const MKNOD = 1 << 27;
        /// Have leases on anybody's files.
        const LEASE = 1 << 28;
        /// Clear the kernel's log.
        const SYSLOG = 1 << 34;
        /// Choose the numbers of processes.
        const CHECKPOINT_RESTORE = 1 << 40;
        /// All that Linux knows, those included that mean nothing here.
        const _ = (1 << 41) - 1;
    }
}

bitflags! {
    /// What somebody wants to do with a node; the values of `access(2)`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct AccessMode: u32 {
        /// Execute, or search a directory.
        const EXECUTE = 1;
        /// Write.
        const WRITE = 2;
        /// Read.
        const READ = 4;
    }
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// User for file access (`fsuid`).
    pub uid: u32,
    /// Group for file access (`fsgid`).
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Arc<[u32]>,
    /// What is allowed beyond the permission bits.
    pub capabilities: Capabilities,
}

impl Credentials {
    /// The superuser: 0:0 with every capability.
    pub fn root() -> Self {
        Self { uid: 0, gid: 0, groups: Arc::from([]), capabilities: Capabilities::all() }
    }

    /// A user without capabilities.
    pub fn user(uid: u32, gid: u32) -> Self {
        Self { uid, gid, groups: Arc::from([]), capabilities: Capabilities::empty() }
    }

    /// Whether `gid` is the group or a supplementary one.
    pub fn in_group(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }

    /// Whether the capabilities hold.
    pub const fn capable(&self, capabilities: Capabilities) -> bool {
        self.capabilities.contains(capabilities)
    }

    /// Whether this is the owner of what has these permissions, or may act as it.
    pub const fn owns(&self, permissions: Permissions) -> bool {
        self.uid == permissions.uid || self.capable(Capabilities::FOWNER)
    }

    /// Requires capabilities.
    ///
    /// # Errors
    /// `EPERM`.
    pub const fn require(&self, capabilities: Capabilities) -> Result<()> {
        if self.capable(capabilities) { Ok(()) } else { fail(FileSystemErrorKind::NotPermitted) }
    }

    /// Checks the permission bits of a node (`path_resolution(7)`): owner's, else group's, else others'. Nobody may write
    /// what is immutable.
    ///
    /// # Errors
    /// `EACCES`; `EPERM` for what is immutable.
    pub fn check(&self, node: &dyn VfsNode, wanted: AccessMode) -> Result<()> {
        let permissions = node.permissions();
        if wanted.contains(AccessMode::WRITE) && permissions.flags.contains(FileFlags::IMMUTABLE) {
            return fail(FileSystemErrorKind::NotPermitted);
        }
        let granted = if self.uid == permissions.uid {
            permissions.mode >> 6
        } else if self.in_group(permissions.gid) {
            permissions.mode >> 3
        } else {
            permissions.mode
        };
        if wanted.bits() & !granted & 0o7 == 0 || self.overrides(node.kind(), permissions.mode, wanted) {
            Ok(())
        } else {
            fail(FileSystemErrorKind::PermissionDenied)
        }
    }

    /// Checks the right to search a directory, which every step of a walk needs: those whom its permission bits do not
    /// bind need not read them.
    ///
    /// # Errors
    /// `EACCES`.
    pub fn check_search(&self, directory: &dyn VfsNode) -> Result<()> {
        if self.capabilities.intersects(Capabilities::DAC_OVERRIDE.union(Capabilities::DAC_READ_SEARCH)) {
            return Ok(());
        }
        self.check(directory, AccessMode::EXECUTE)
    }

    /// Whether a capability grants what the permission bits do not: all but executing what nobody may execute.
    const fn overrides(&self, kind: FileType, mode: u32, wanted: AccessMode) -> bool {
        let directory = matches!(kind, FileType::Directory);
        if self.capable(Capabilities::DAC_OVERRIDE) {
            return directory || !wanted.contains(AccessMode::EXECUTE) || mode & 0o111 != 0;
        }
        let beyond_reading = if directory {
            wanted.contains(AccessMode::WRITE)
        } else {
            wanted.intersects(AccessMode::WRITE.union(AccessMode::EXECUTE))
        };
        self.capable(Capabilities::DAC_READ_SEARCH) && !beyond_reading
    }
}

bitflags! {
    /// What a path may not lead through, whatever permissions say: as `openat2(2)` has it, with its values.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct ResolveFlags: u64 {
        /// `RESOLVE_NO_XDEV`: not from one mount to another (`EXDEV`).
        const NO_CROSSING = 0x01;
        /// `RESOLVE_NO_MAGICLINKS`: no link that leads somewhere by itself (`ELOOP`).
        const NO_MAGIC_LINKS = 0x02;
        /// `RESOLVE_NO_SYMLINKS`: no symbolic link at all (`ELOOP`).
        const NO_SYMLINKS = 0x04;
        /// `RESOLVE_BENEATH`: nowhere but below where relative paths start (`EXDEV`).
        const BENEATH = 0x08;
        /// `RESOLVE_IN_ROOT`: where relative paths start is the root.
        const IN_ROOT = 0x10;
        /// `RESOLVE_CACHED`: nowhere but through what is known already (`EAGAIN`).
        const CACHED = 0x20;
    }
}

impl ResolveFlags {
    /// Whether nothing above where relative paths start may be reached.
    pub(crate) const fn is_scoped(self) -> bool {
        self.intersects(Self::BENEATH.union(Self::IN_ROOT))
    }
}

/// Who asks, and from where.
#[derive(Clone)]
pub struct Context {
    /// Who asks.
    pub credentials: Credentials,
    /// Permission bits that new nodes do not get.
    pub umask: u32,
    /// Where `/` is, and above which `..` does not lead.
    pub root: Path,
    /// Where relative paths start.
    pub cwd: Path,
    /// What paths may not lead through.
    pub resolve: ResolveFlags,
}

impl Context {
    /// The same, with relative paths starting at `directory` (the `*at` calls).
    pub fn at(&self, directory: Path) -> Self {
        Self { cwd: directory, ..self.clone() }
    }

    /// Whether a mount is at its root or below.
    pub fn sees(&self, mount: &Arc<MountPoint>) -> bool {
        self.root.is_above(&Path::root_of(mount.clone()))
    }

    /// The same, for paths that may not lead through that (`openat2(2)`).
    pub fn resolving(&self, resolve: ResolveFlags) -> Self {
        Self { resolve, ..self.clone() }
    }
}
