//! What a merged directory notices: every change of a name in one of its layers' directories, and of which directories
//! these are, in two counts (see [`crate::change`]).
//!
//! A node can only be given what is watched already ([`Watched`]): what may fail for want of memory has happened when a
//! copy is published, and no change of the new layers is missed.

use super::layer::LayerNode;
use super::lookup::Sources;
use super::marks::Marks;
use crate::change::ChangeCell;
use crate::error::Result;
use crate::metadata::FileFlags;
use alloc::sync::Arc;

/// The counts of a merged directory.
#[derive(Clone)]
pub(super) struct Counts {
    /// All changes.
    pub all: Arc<ChangeCell>,
    /// Those in lower layers alone. They are among all.
    pub lowers: Arc<ChangeCell>,
}

impl Counts {
    fn new() -> Result<Self> {
        let counts = Self { all: Arc::default(), lowers: Arc::default() };
        counts.lowers.add_watcher(&counts.all)?;
        Ok(counts)
    }

    fn watch(&self, sources: &Sources) -> Result<()> {
        let watch =
            |layer: &LayerNode, count| layer.node().change_cell().map_or(Ok(()), |cell| cell.add_watcher(count));
        sources.upper.iter().try_for_each(|upper| watch(upper, &self.all))?;
        sources.lowers.iter().try_for_each(|lower| watch(lower, &self.lowers))
    }

    /// Watches no longer what was the upper or the topmost lower in `before`, and is not in `now`. (A layer that is
    /// pushed under or popped comes to be watched by the other count.)
    fn watch_no_longer(&self, before: &Sources, now: &Sources) {
        let cell = |layer: &LayerNode, count| {
            if let Some(cell) = layer.node().change_cell() {
                cell.remove_watcher(count);
            }
        };
        if let Some(upper) = before.upper.as_ref().filter(|upper| !now.upper.as_ref().is_some_and(|now| now.is(upper)))
        {
            cell(upper, &self.all);
        }
        if let Some(lower) = before.lowers.first().filter(|lower| !now.lowers.iter().any(|now| now.is(lower))) {
            cell(lower, &self.lowers);
        }
    }

    /// Counts that the directory is now made of `now`.
    pub fn replaced(&self, before: &Sources, now: &Sources) {
        self.watch_no_longer(before, now);
        if Arc::ptr_eq(&before.lowers, &now.lowers) { self.all.bump() } else { self.lowers.bump() }
    }
}

/// What a node is to be made of, watched by it if it is a directory, and what the topmost of it says that users may not
/// change.
pub(super) struct Watched {
    pub sources: Sources,
    pub counts: Option<Counts>,
    pub protection: FileFlags,
}

impl Watched {
    /// Of a new node.
    ///
    /// # Errors
    /// `ENOMEM`, and those of the layers.
    pub fn new(marks: &Marks, sources: Sources) -> Result<Self> {
        let counts = if sources.top().is_directory() { Some(Counts::new()?) } else { None };
        Self::by(marks, counts, sources)
    }

    /// Of the node that has these counts.
    ///
    /// # Errors
    /// `ENOMEM`, and those of the layers.
    pub fn by(marks: &Marks, counts: Option<Counts>, sources: Sources) -> Result<Self> {
        let protection = marks.protection(sources.top().node())?;
        if let Some(counts) = &counts {
            counts.watch(&sources)?;
        }
        Ok(Self { sources, counts, protection })
    }
}
