//! Which of several instances that wait for a file is told of what comes (`EPOLLEXCLUSIVE`): the first that looks. The
//! others are told of what comes next.

use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};

use spin::Mutex;
use vfs::error::Result;
use vfs::file::FileObject;

/// Bytes of heap that a turn takes, about.
const MEMORY: usize = 128;

/// Turns, by the file that is waited for. A leaf, as each turn is.
static TURNS: Mutex<BTreeMap<usize, Weak<Turn>>> = Mutex::new(BTreeMap::new());

/// Whose turn it is.
pub struct Turn {
    /// Held so that no other file takes its place.
    file: Weak<FileObject>,
    /// The instance that was told last, and the file's count of changes then.
    last: Mutex<Option<(usize, u64)>>,
}

impl Turn {
    /// That of a file, of which there is one as long as somebody has it.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn of(file: &Arc<FileObject>) -> Result<Arc<Self>> {
        page::admit(MEMORY)?;
        let key = Arc::as_ptr(file).addr();
        let mut turns = TURNS.lock();
        if let Some(turn) = turns.get(&key).and_then(Weak::upgrade) {
            return Ok(turn);
        }
        let turn = Arc::new(Self { file: Arc::downgrade(file), last: Mutex::new(None) });
        turns.insert(key, Arc::downgrade(&turn));
        Ok(turn)
    }

    /// Whether `instance` is the one that is told of the change of that count.
    pub fn take(&self, instance: usize, change: u64) -> bool {
        let mut last = self.last.lock();
        if let Some((other, at)) = *last
            && at == change
        {
            return other == instance;
        }
        *last = Some((instance, change));
        true
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut turns = TURNS.lock();
        let key = self.file.as_ptr().addr();
        // Another may have taken its place already.
        if turns.get(&key).is_some_and(|turn| turn.strong_count() == 0) {
            turns.remove(&key);
        }
        if turns.is_empty() {
            // An empty map keeps memory otherwise.
            *turns = BTreeMap::new();
        }
    }
}
