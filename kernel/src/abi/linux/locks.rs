//! Advisory locks on files (`flock(2)`, `fcntl(2)`).

use alloc::sync::Arc;

use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::{FileObject, SeekFrom};
use vfs::lock::{LockKind, RecordOwner, Waiter};

use super::call::Call;
use crate::mm::user_memory::UserAddress;
use crate::task::wait::WaitQueue;

/// How a thread waits for a lock: until it is woken, or a signal comes.
struct Waiting(WaitQueue);

impl Waiting {
    /// For one who waits; nobody for one who does not.
    fn of(waits: bool) -> Result<Option<Arc<dyn Waiter>>> {
        if !waits {
            return Ok(None);
        }
        page::admit(size_of::<Self>())?;
        Ok(Some(Arc::new(Self(WaitQueue::new()))))
    }
}

impl Waiter for Waiting {
    fn wait(&self, done: &dyn Fn() -> bool) -> Result<()> {
        self.0.wait(done)
    }

    fn wake(&self) {
        self.0.wake_all();
    }
}

pub fn flock(call: &mut Call<'_>) -> Result<u64> {
    const LOCK_SH: u32 = 1;
    const LOCK_EX: u32 = 2;
    const LOCK_NB: u32 = 4;
    const LOCK_UN: u32 = 8;
    let operation = call.word(1);
    let kind = match operation & !LOCK_NB {
        LOCK_SH => Some(LockKind::Shared),
        LOCK_EX => Some(LockKind::Exclusive),
        LOCK_UN => None,
        _ => return fail(FileSystemErrorKind::InvalidArgument),
    };
    let file = call.file(0)?;
    let waiter = Waiting::of(operation & LOCK_NB == 0)?;
    file.lock_whole(kind, call.process.pid(), waiter.as_ref())?;
    Ok(0)
}

const F_GETLK: u32 = 5;
const F_SETLK: u32 = 6;
const F_SETLKW: u32 = 7;
const F_OFD_GETLK: u32 = 36;
const F_OFD_SETLK: u32 = 37;
const F_OFD_SETLKW: u32 = 38;

const F_RDLCK: u64 = 0;
const F_WRLCK: u64 = 1;
const F_UNLCK: u64 = 2;

/// What is asked for by one of these; `None` for nothing.
///
/// # Errors
/// `EINVAL`.
pub fn kind_of(number: u64) -> Result<Option<LockKind>> {
    match number {
        F_RDLCK => Ok(Some(LockKind::Shared)),
        F_WRLCK => Ok(Some(LockKind::Exclusive)),
        F_UNLCK => Ok(None),
        _ => fail(FileSystemErrorKind::InvalidArgument),
    }
}

/// The one that asks for that.
pub fn number_of(kind: Option<LockKind>) -> u64 {
    match kind {
        Some(LockKind::Shared) => F_RDLCK,
        Some(LockKind::Exclusive) => F_WRLCK,
        None => F_UNLCK,
    }
}

/// `struct flock`.
struct Request {
    kind: Option<LockKind>,
    start: SeekFrom,
    length: i64,
    pid: u32,
}

impl Request {
    fn read(address: UserAddress) -> Result<Self> {
        let [kind, start, length, pid] = address.read_words()?;
        let start = match kind >> 16 & 0xffff {
            0 => SeekFrom::Start(start as i64),
            1 => SeekFrom::Current(start as i64),
            2 => SeekFrom::End(start as i64),
            _ => return fail(FileSystemErrorKind::InvalidArgument),
        };
        Ok(Self { kind: kind_of(kind & 0xffff)?, start, length: length as i64, pid: pid as u32 })
    }
}

/// The command of argument 1 on record locks of `file`, if it is one.
pub fn fcntl(call: &Call<'_>, file: &Arc<FileObject>) -> Option<Result<u64>> {
    match call.word(1) {
        F_GETLK | F_OFD_GETLK => Some(test(call, file)),
        F_SETLK | F_OFD_SETLK => Some(set(call, file, false)),
        F_SETLKW | F_OFD_SETLKW => Some(set(call, file, true)),
        _ => None,
    }
}

/// On whose behalf. What is an open file's names no process.
fn owner(call: &Call<'_>, request: &Request) -> Result<RecordOwner> {
    if call.word(1) < F_OFD_GETLK {
        return Ok(RecordOwner::Process { owner: call.process.files().owner(), pid: call.process.pid() });
    }
    if request.pid == 0 { Ok(RecordOwner::OpenFile) } else { fail(FileSystemErrorKind::InvalidArgument) }
}

fn test(call: &Call<'_>, file: &FileObject) -> Result<u64> {
    let address = call.address(2);
    let request = Request::read(address)?;
    if request.kind.is_none() && call.word(1) == F_GETLK {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let range = file.lock_range(request.start, request.length)?;
    let Some(held) = file.test_record(owner(call, &request)?, request.kind, range)? else {
        // The rest stays as it is.
        return address.write(&(F_UNLCK as u16).to_le_bytes()).map(|()| 0);
    };
    let kind = number_of(Some(held.kind));
    let pid = u64::from(held.pid.unwrap_or(u32::MAX));
    call.write_words(2, [kind, held.range.start(), held.range.length(), pid])
}

fn set(call: &Call<'_>, file: &Arc<FileObject>, waits: bool) -> Result<u64> {
    let request = Request::read(call.address(2))?;
    let range = file.lock_range(request.start, request.length)?;
    let waiter = Waiting::of(waits)?;
    let owner = owner(call, &request)?;
    file.lock_record(owner, request.kind, range, waiter.as_ref())?;
    if let RecordOwner::Process { owner, .. } = owner {
        // Who closed the file meanwhile has given back what it had, but not this.
        let number = u64::from(call.word(0));
        let is_open = call.process.files().get(number).is_ok_and(|descriptor| Arc::ptr_eq(&descriptor.file, file));
        if !is_open {
            file.close_for(owner);
        }
    }
    Ok(0)
}
