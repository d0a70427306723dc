//! Directories whose owners are sent a signal when something happens in them (`fcntl(2)`, `F_NOTIFY`).
//!
//! A notice belongs to an open file and to the table of numbers of who has asked for it: as on Linux it ends when that
//! table loses any number of the file.
//!
//! Locks: a file's list → its owner's state; notices are made and let go of without.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};

use spin::Mutex;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::FileObject;
use vfs::inotify::notice::{Notice, NoticeMask};
use vfs::lock::LockOwner;
use vfs::metadata::FileType;

use super::owners::{Message, Owner};
use crate::task::process::Process;

/// How many there are, for who only wants to know that there are none: every close of a file.
static ALL: AtomicUsize = AtomicUsize::new(0);

/// One table's notice.
struct OfTable {
    table: LockOwner,
    message: Arc<Message>,
    notice: Arc<Notice>,
}

impl OfTable {
    fn new(table: LockOwner, directory: &FileObject, mask: NoticeMask) -> Result<Self> {
        page::admit(size_of::<Message>())?;
        let message: Arc<Message> = Arc::default();
        let notice = Notice::new(directory.path(), mask, message.clone().into())?;
        ALL.fetch_add(1, Ordering::Relaxed);
        Ok(Self { table, message, notice })
    }
}

impl Drop for OfTable {
    fn drop(&mut self) {
        ALL.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Those of an open file.
#[derive(Default)]
pub struct Notices(Mutex<Vec<OfTable>>);

impl Notices {
    /// What there may be to tell.
    pub fn look(&self, tell: impl Fn(&Message)) {
        self.0.lock().iter().for_each(|one| tell(&one.message));
    }

    /// Has one tell of these things as well; whether there is one that tells anything still.
    fn add(&self, table: LockOwner, number: u32, mask: NoticeMask) -> bool {
        let list = self.0.lock();
        let known = list.iter().find(|one| one.table == table && one.notice.add(mask));
        known.inspect(|one| one.message.set_number(number)).is_some()
    }

    fn put(&self, one: OfTable) -> Result<()> {
        let table = one.table;
        drop(self.take(table));
        let count = self.0.lock().len();
        page::admit(2 * (count + 1) * size_of::<OfTable>())?;
        let mut list = self.0.lock();
        list.try_reserve(1).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
        list.push(one);
        Ok(())
    }

    fn take(&self, table: LockOwner) -> Option<OfTable> {
        let mut list = self.0.lock();
        let index = list.iter().position(|one| one.table == table)?;
        Some(list.swap_remove(index))
    }
}

/// Has the owner of a directory, which `process` has by that number, told of these things besides those that it is told
/// of; of none of them any more where they are none. Who asks becomes its owner unless it has one.
///
/// # Errors
/// `ENOTDIR`; `ENOMEM`.
pub fn set(process: &Process, number: u32, directory: &Arc<FileObject>, mask: NoticeMask) -> Result<()> {
    let table = process.files().owner();
    if !mask.is_of_something() {
        close_for(directory, table);
        return Ok(());
    }
    if directory.node().kind() != FileType::Directory {
        return fail(FileSystemErrorKind::NotADirectory);
    }
    let owner = Owner::make(directory)?;
    owner.set_unless_set(process);
    if !owner.notices.add(table, number, mask) {
        let one = OfTable::new(table, directory, mask)?;
        one.message.set_number(number);
        owner.notices.put(one)?;
    }
    let file = process.files().get(u64::from(number)).map(|descriptor| descriptor.file);
    if !file.is_ok_and(|file| Arc::ptr_eq(&file, directory)) {
        // Who closed it meanwhile has ended what there was, but not this.
        close_for(directory, table);
    }
    Ok(())
}

/// Ends what a table's notice tells of a file: it has lost a number of it.
pub fn close_for(file: &FileObject, table: LockOwner) {
    if ALL.load(Ordering::Relaxed) > 0 {
        drop(Owner::of(file).and_then(|owner| owner.notices.take(table)));
    }
}
