//! What procfs says of a process: `/proc/PID` (`proc(5)`).
//!
//! A node knows a process by its numbers only, so that a name that somebody remembers keeps no process that has ended;
//! a process that comes later under the same number is another one. The kernel's own shell stands for the first.

mod memory;
mod mounts;
mod node;
mod open_files;
mod state;
mod usage;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use vfs::change::ChangeCell;
use vfs::context::{Capabilities, Credentials};
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::FileObject;
use vfs::metadata::FileType;
use vfs::node::{DirectoryItem, EmitItem, NodeRef};

use self::node::{What, inode, node, subject_of_directory};
use super::super::generated::{MORE_CURSOR, More, Tree};
use crate::session;
use crate::task::place::Place;
use crate::task::process::{self, FIRST, Process};
use crate::task::thread::{Thread, UserSide};
use crate::task::{number, scheduler};

/// The serial number of the kernel's own shell, which stands for the first process where there is none.
const SHELL: u64 = FIRST as u64;

/// The directories of processes.
pub struct Processes;

impl More for Processes {
    fn change_cell(&self) -> &ChangeCell {
        number::changes()
    }

    fn lookup(&self, tree: &Arc<Tree>, name: &[u8]) -> Result<NodeRef> {
        let pid = decimal(name).ok_or(FileSystemErrorKind::NotFound)?;
        let serial = match number::process(pid) {
            Some(process) => process.serial(),
            None if pid == FIRST => SHELL,
            None => return fail(FileSystemErrorKind::NotFound),
        };
        node(tree, Subject { pid, serial, thread: None }, What::Directory)
    }

    fn list(&self, cursor: u64, emit: &mut EmitItem<'_>) -> Result<u64> {
        let shell = number::process(FIRST).is_none().then_some((FIRST, SHELL));
        let others = number::processes().map(|process| (process.pid(), process.serial()));
        let mut cursor = cursor;
        for (pid, serial) in shell.into_iter().chain(others) {
            let at = MORE_CURSOR + u64::from(pid);
            if at < cursor {
                continue;
            }
            let (name, inode) = (pid.to_string(), inode(Subject { pid, serial, thread: None }, What::Directory));
            if !emit(DirectoryItem { name: name.as_bytes(), inode, kind: FileType::Directory, next: at + 1 }) {
                return Ok(at);
            }
            cursor = at + 1;
        }
        Ok(cursor)
    }
}

/// What the directory of who asks is called. The kernel's own shell stands for the first process.
pub(super) fn own_name() -> String {
    process::current().map_or(FIRST, |process| process.pid()).to_string()
}

/// The same of the thread's directory.
pub(super) fn own_thread_name() -> String {
    let thread = scheduler::current().user().map_or(FIRST, |user| user.tid());
    format!("{}/task/{thread}", own_name())
}

/// The process whose directory a file is, not one of its threads' (`pidfd_send_signal(2)`): `None` for other files.
///
/// # Errors
/// `ESRCH` for one that has ended.
pub fn process_of(file: &FileObject) -> Option<Result<Arc<Process>>> {
    let subject = subject_of_directory(file.node()).filter(|subject| subject.thread.is_none())?;
    Some(subject.process().and_then(|process| process.ok_or(FileSystemErrorKind::NoProcess.into())))
}

/// A decimal number without zeros before it.
fn decimal(name: &[u8]) -> Option<u32> {
    let digits = name.iter().all(u8::is_ascii_digit) && (name[0] != b'0' || name.len() == 1);
    if digits { core::str::from_utf8(name).ok()?.parse().ok() } else { None }
}

/// Which process, or thread, a node is about.
#[derive(Clone, Copy)]
struct Subject {
    pid: u32,
    serial: u64,
    /// Which of its threads, if it is about one.
    thread: Option<u32>,
}

impl Subject {
    /// The process; `None` for the kernel's own shell.
    fn process(self) -> Result<Option<Arc<Process>>> {
        if self.serial == SHELL {
            return Ok(None);
        }
        let found = number::process(self.pid).filter(|process| process.serial() == self.serial);
        found.map(Some).ok_or(FileSystemErrorKind::NoProcess.into())
    }

    /// The thread, if it is about one, or all of the process's.
    fn threads(self) -> Result<Vec<Arc<Thread>>> {
        let Some(process) = self.process()? else { return Ok(Vec::new()) };
        let mut threads = Vec::new();
        page::admit(process.threads() * size_of::<Arc<Thread>>())?;
        process.find_thread(|thread| {
            let tid = thread.user().map(UserSide::tid);
            if self.thread.is_none() || tid == self.thread {
                threads.push(thread.clone());
            }
            None::<()>
        });
        if self.thread.is_some() && threads.is_empty() {
            return fail(FileSystemErrorKind::NoProcess);
        }
        Ok(threads)
    }

    /// The number that it goes by.
    fn number(self) -> u32 {
        self.thread.unwrap_or(self.pid)
    }

    /// Where it stands.
    fn place(self) -> Result<Arc<Place>> {
        match self.process()? {
            Some(process) => process.place(),
            None => {
                let manager = session::namespace().ok_or(FileSystemErrorKind::NotFound)?;
                let context = manager.root_context();
                Ok(Arc::new(Place::new(manager, context)))
            }
        }
    }

    /// Whose process it is; the superuser's, once it has ended.
    fn owner(self) -> (u32, u32) {
        self.place().map_or((0, 0), |place| (place.identity.users.effective, place.identity.groups.effective))
    }

    /// Checks that who has these rights may look into the process (`ptrace(2)`).
    fn check_look(self, credentials: &Credentials) -> Result<()> {
        let Ok(place) = self.place() else { return Ok(()) };
        let (users, groups) = (place.identity.users, place.identity.groups);
        let own = [users.real, users.effective, users.saved].iter().all(|user| *user == credentials.uid)
            && [groups.real, groups.effective, groups.saved].iter().all(|group| *group == credentials.gid);
        if own || credentials.capable(Capabilities::SYS_PTRACE) {
            Ok(())
        } else {
            fail(FileSystemErrorKind::PermissionDenied)
        }
    }

    fn name(self) -> Result<String> {
        Ok(match self.process()? {
            Some(process) => String::from_utf8_lossy(&process.name()).into_owned(),
            None => "strata".into(),
        })
    }
}
