//! The ranges that one holder has locked in one file: sorted, none overlapping, neighbours of one kind joined.

use super::{LockKind, LockRange};
use crate::error::Result;
use alloc::vec::Vec;

/// A range and what it keeps others from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Held {
    pub kind: LockKind,
    pub range: LockRange,
}

impl Held {
    /// Whether this and a range of that kind are one when both are held: they overlap or touch.
    fn joins(&self, kind: LockKind, range: &LockRange) -> bool {
        self.kind == kind
            && self.range.first <= range.last.saturating_add(1)
            && range.first <= self.range.last.saturating_add(1)
    }
}

/// What is held after `range` was set to `kind`, or given back.
///
/// # Errors
/// `ENOLCK` when there is no memory for it.
pub(super) fn set(held: &[Held], kind: Option<LockKind>, range: LockRange) -> Result<Vec<Held>> {
    let mut result = Vec::new();
    // The range itself, and what it cuts off a longer one at its other end.
    super::table::reserve(&mut result, held.len() + 2)?;
    let mut wanted = kind.map(|kind| Held { kind, range });
    for present in held {
        if let Some(wanted) = &mut wanted
            && present.joins(wanted.kind, &wanted.range)
        {
            wanted.range.first = wanted.range.first.min(present.range.first);
            wanted.range.last = wanted.range.last.max(present.range.last);
            continue;
        }
        if present.range.first < range.first {
            let last = present.range.last.min(range.first - 1);
            result.push(Held { range: LockRange { last, ..present.range }, ..*present });
        }
        if present.range.last > range.last {
            result.extend(wanted.take());
            let first = present.range.first.max(range.last + 1);
            result.push(Held { range: LockRange { first, ..present.range }, ..*present });
        }
    }
    result.extend(wanted);
    Ok(result)
}

/// The first of them that a lock of that kind on that range cannot be held beside.
pub(super) fn conflict(held: &[Held], kind: LockKind, range: &LockRange) -> Option<Held> {
    held.iter().find(|held| held.kind.excludes(kind) && held.range.overlaps(range)).copied()
}

/// The first of them that has a byte of that range.
pub(super) fn overlapping(held: &[Held], range: &LockRange) -> Option<Held> {
    held.iter().find(|held| held.range.overlaps(range)).copied()
}
