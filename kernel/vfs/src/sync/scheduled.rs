//! Locks and atomics that a scheduler in charge of the whole test knows of: it decides at each of them who goes on.
//! They have the same methods as those of [`spin`], and work inside of such a test only.

pub use shuttle::sync::atomic;

/// The guard of a [`Mutex`].
pub type MutexGuard<'a, T> = shuttle::sync::MutexGuard<'a, T>;
/// The guard of a reader.
pub type ReadGuard<'a, T> = shuttle::sync::RwLockReadGuard<'a, T>;
/// The guard of a writer.
pub type WriteGuard<'a, T> = shuttle::sync::RwLockWriteGuard<'a, T>;

/// A mutual-exclusion lock.
#[derive(Default, Debug)]
pub struct Mutex<T>(shuttle::sync::Mutex<T>);

impl<T> Mutex<T> {
    /// A lock that nobody holds.
    pub const fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    /// Waits until it is the caller's.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Makes it the caller's if nobody holds it.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock().ok()
    }

    /// What it protects, for who has it alone.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// A lock for many readers or one writer.
#[derive(Default, Debug)]
pub struct RwLock<T>(shuttle::sync::RwLock<T>);

impl<T> RwLock<T> {
    /// A lock that nobody holds.
    pub const fn new(value: T) -> Self {
        Self(shuttle::sync::RwLock::new(value))
    }

    /// Waits until the caller may read.
    pub fn read(&self) -> ReadGuard<'_, T> {
        self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Waits until the caller may write.
    pub fn write(&self) -> WriteGuard<'_, T> {
        self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Lets the caller write if nobody holds it.
    pub fn try_write(&self) -> Option<WriteGuard<'_, T>> {
        self.0.try_write().ok()
    }

    /// The first half of taking it to write while readers come and go.
    pub fn upgradeable_read(&self) -> Waiting<'_, T> {
        Waiting(self)
    }

    /// What it protects, for who has it alone.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Who waits to write. The scheduler lets everyone wait fairly, so nothing is held yet.
#[derive(Debug)]
pub struct Waiting<'a, T>(&'a RwLock<T>);

impl<'a, T> Waiting<'a, T> {
    /// Waits until the caller may write.
    pub fn upgrade(self) -> WriteGuard<'a, T> {
        self.0.write()
    }
}
