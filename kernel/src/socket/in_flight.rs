//! Open files under way in messages (`SCM_RIGHTS`).
//!
//! A socket may be under way to itself, or two each to the other: when nobody else has them open, nobody can read them
//! any more, and they would stay for good. So sockets under way are counted, and whenever one may have become such,
//! [`collect`] looks for those that are open nowhere but in messages that nobody can come to, and throws what was sent to
//! them away.

use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use spin::Mutex;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::FileObject;

use super::SocketStream;
use crate::task::files::LIMIT;

/// The most files of one message (`SCM_MAX_FD`).
pub const FILES_MAX: usize = 253;

/// Bytes of heap that a file under way takes in the tables, about.
const ENTRY_MEMORY: usize = 128;

/// A socket under way.
struct Entry {
    file: Weak<FileObject>,
    /// In how many places of messages it is.
    count: usize,
}

/// What is under way. Held only to look and to change, and while nothing is let go of.
struct Tables {
    /// Sockets, by where they are.
    sockets: BTreeMap<usize, Entry>,
    /// How many files each user has under way.
    users: BTreeMap<u32, usize>,
}

static TABLES: Mutex<Tables> = Mutex::new(Tables { sockets: BTreeMap::new(), users: BTreeMap::new() });

fn key(file: &Arc<FileObject>) -> usize {
    Arc::as_ptr(file).addr()
}

fn is_socket(file: &FileObject) -> bool {
    file.stream_as::<SocketStream>().is_some()
}

/// Files under way.
pub struct InFlight {
    files: Vec<Arc<FileObject>>,
    user: u32,
}

impl InFlight {
    /// Sends files, in the name of `user`. Whoever is not `privileged` has no more under way than could be open.
    ///
    /// # Errors
    /// `ETOOMANYREFS`, `ENOMEM`.
    pub fn new(files: Vec<Arc<FileObject>>, user: u32, privileged: bool) -> Result<Self> {
        page::admit(files.len() * ENTRY_MEMORY)?;
        let mut tables = TABLES.lock();
        let used = tables.users.get(&user).copied().unwrap_or_default();
        if !privileged && used > LIMIT {
            return fail(FileSystemErrorKind::TooManyReferences);
        }
        tables.users.insert(user, used + files.len());
        for file in files.iter().filter(|file| is_socket(file)) {
            let new = || Entry { file: Arc::downgrade(file), count: 0 };
            tables.sockets.entry(key(file)).or_insert_with(new).count += 1;
        }
        drop(tables);
        Ok(Self { files, user })
    }

    /// The files.
    pub fn files(&self) -> &[Arc<FileObject>] {
        &self.files
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut tables = TABLES.lock();
        let tables = &mut *tables;
        if let Some(count) = tables.users.get_mut(&self.user) {
            *count -= self.files.len();
            if *count == 0 {
                tables.users.remove(&self.user);
            }
        }
        for file in self.files.iter().filter(|file| is_socket(file)) {
            if let Some(entry) = tables.sockets.get_mut(&key(file)) {
                entry.count -= 1;
                if entry.count == 0 {
                    tables.sockets.remove(&key(file));
                }
            }
        }
        if tables.users.is_empty() {
            // Empty tables keep memory otherwise.
            (tables.users, tables.sockets) = (BTreeMap::new(), BTreeMap::new());
        }
    }
}

/// A socket that is open nowhere but in messages.
struct Candidate {
    file: Arc<FileObject>,
    /// In how many messages that are not under way to candidates.
    elsewhere: usize,
    is_reachable: bool,
}

/// Throws away what was sent to sockets that nobody can come to any more. Where there is no memory to find out, that is
/// left for another time.
pub fn collect() {
    let number = TABLES.lock().sockets.len();
    if number == 0 || page::admit_spare(number * 2 * size_of::<Candidate>()).is_err() {
        return;
    }
    let mut candidates = candidates();
    for index in 0..candidates.len() {
        each_sent_to(&candidates[index].file.clone(), &mut |file| {
            if let Some(to) = place(&candidates, file) {
                candidates[to].elsewhere -= 1;
            }
        });
    }
    let mut reached: Vec<usize> = Vec::with_capacity(candidates.len());
    for (index, candidate) in candidates.iter_mut().enumerate() {
        candidate.is_reachable = candidate.elsewhere > 0;
        if candidate.is_reachable {
            reached.push(index);
        }
    }
    while let Some(index) = reached.pop() {
        each_sent_to(&candidates[index].file.clone(), &mut |file| {
            if let Some(to) = place(&candidates, file)
                && !candidates[to].is_reachable
            {
                candidates[to].is_reachable = true;
                reached.push(to);
            }
        });
    }
    let lost = candidates.iter().filter(|candidate| !candidate.is_reachable);
    lost.filter_map(|candidate| candidate.file.stream_as::<SocketStream>()).for_each(SocketStream::clear);
}

/// The sockets that are open nowhere but in messages, by where they are. Each is held once more by the answer.
fn candidates() -> Vec<Candidate> {
    let tables = TABLES.lock();
    let entries = tables.sockets.values().filter_map(|entry| Some((entry.file.upgrade()?, entry.count)));
    let only_there = entries.filter(|(file, count)| Arc::strong_count(file) == count + 1);
    only_there.map(|(file, count)| Candidate { file, elsewhere: count, is_reachable: false }).collect()
}

fn place(candidates: &[Candidate], file: &Arc<FileObject>) -> Option<usize> {
    candidates.binary_search_by_key(&key(file), |candidate| key(&candidate.file)).ok()
}

/// Does something with each file that was sent to a socket and not read.
fn each_sent_to(file: &FileObject, body: &mut dyn FnMut(&Arc<FileObject>)) {
    if let Some(stream) = file.stream_as::<SocketStream>() {
        stream.each_file_sent_to(body);
    }
}
