//! Bytes in memory that contents stand on without copying them.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

/// Bytes that never change: static (an archive in memory) or shared. Slices share too.
#[derive(Clone, Default)]
pub struct Bytes(Memory);

#[derive(Clone)]
enum Memory {
    Static(&'static [u8]),
    /// The range is within the vector.
    Shared(Arc<Vec<u8>>, Range<usize>),
}

impl Default for Memory {
    fn default() -> Self {
        Self::Static(&[])
    }
}

impl Bytes {
    /// Bytes that are there for good.
    pub const fn from_static(bytes: &'static [u8]) -> Self {
        Self(Memory::Static(bytes))
    }

    /// Bytes that live as long as somebody uses some of them. Nothing is copied.
    pub fn from_vec(bytes: Vec<u8>) -> Self {
        let range = 0..bytes.len();
        Self(Memory::Shared(Arc::new(bytes), range))
    }

    /// All of them.
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Memory::Static(bytes) => bytes,
            Memory::Shared(owner, range) => &owner[range.clone()],
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Memory::Static(bytes) => bytes.len(),
            Memory::Shared(_, range) => range.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of `range`, as far as there are any; nothing is copied.
    pub fn slice(&self, range: Range<usize>) -> Self {
        let end = range.end.min(self.len());
        let start = range.start.min(end);
        Self(match &self.0 {
            Memory::Static(bytes) => Memory::Static(&bytes[start..end]),
            Memory::Shared(owner, whole) => Memory::Shared(owner.clone(), whole.start + start..whole.start + end),
        })
    }

    /// Page `index` of them: at most a page, less at the end, nothing behind it.
    pub(super) fn page(&self, index: u64) -> &[u8] {
        let bytes = self.as_slice();
        let start = usize::try_from(index).ok().and_then(|index| index.checked_mul(page::SIZE));
        let start = start.map_or(bytes.len(), |start| start.min(bytes.len()));
        &bytes[start..bytes.len().min(start + page::SIZE)]
    }
}
