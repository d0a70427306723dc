//! A walk over a tree, with a stack of its own: a tree may be deeper than any kernel stack, and its paths longer than
//! any system call takes. So each directory is looked up in its parent, never by the path from the start.

use crate::names::Names;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use vfs::context::Context;
use vfs::error::{FileSystemError, Result};
use vfs::manager::{Follow, VfsManager};
use vfs::metadata::{FileType, Metadata};

/// What the walk has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A directory, before what it holds.
    Enter(Metadata),
    /// Anything but a directory.
    Item(Metadata),
    /// The directory of an [`Step::Enter`] again, after what it holds (or after [`Walk::skip`]).
    Leave,
    /// The directory that was entered last cannot be listed; [`Step::Leave`] follows.
    Unreadable(FileSystemError),
    /// A name that was listed cannot be looked at.
    Failed(FileSystemError),
}

/// Whether a name of this type is visited.
type Filter = dyn Fn(&[u8], FileType) -> bool;

/// A walk over a tree, in the order of the names' bytes.
pub struct Walk {
    manager: Arc<VfsManager>,
    /// Where the start's path is looked up.
    base: Context,
    /// The directories that are entered, outermost first.
    levels: Vec<Level>,
    /// The path of the current step.
    path: Vec<u8>,
    /// Where the last name of `path` begins.
    name_start: usize,
    /// Whether the symbolic link at the start is followed.
    follow: Follow,
    /// Which of the names below the start are visited.
    keep: Box<Filter>,
    next: Next,
}

struct Level {
    /// With the directory as the current one.
    context: Context,
    names: Names,
    /// How many names have been visited.
    visited: usize,
    path_length: usize,
    name_start: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Start,
    /// Into the directory that was entered last.
    Descend,
    /// Out of it again: it could not be listed, or was skipped.
    Leave,
    /// The next name in the innermost level.
    Name,
    End,
}

impl Walk {
    /// A walk that begins at `start`; a symbolic link there is followed or not.
    pub fn new(manager: Arc<VfsManager>, base: Context, start: &[u8], follow: Follow) -> Self {
        let path = start.to_vec();
        let keep = Box::new(|_: &[u8], _| true);
        Self { manager, base, levels: Vec::new(), path, name_start: 0, follow, keep, next: Next::Start }
    }

    /// The same, visiting only those names below the start that `keep` wants.
    pub fn keeping(self, keep: impl Fn(&[u8], FileType) -> bool + 'static) -> Self {
        Self { keep: Box::new(keep), ..self }
    }

    /// The path of the current step: the start's, as it was given, and what lies below.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// The name of the current step, to be looked up in [`Walk::context`]; at the start its whole path.
    pub fn name(&self) -> &[u8] {
        &self.path[self.name_start..]
    }

    /// The context in which [`Walk::name`] is looked up.
    pub fn context(&self) -> &Context {
        self.levels.last().map_or(&self.base, |level| &level.context)
    }

    /// How far below the start the current step is.
    pub fn depth(&self) -> usize {
        self.levels.len()
    }

    /// Whether the current step is the last of its directory.
    pub fn is_last(&self) -> bool {
        self.levels.last().is_none_or(|level| level.visited == level.names.len())
    }

    /// Whether the symbolic link of the current step is followed.
    pub fn follow(&self) -> Follow {
        if self.levels.is_empty() { self.follow } else { Follow::No }
    }

    /// Does not go into the directory that was entered last.
    pub fn skip(&mut self) {
        if self.next == Next::Descend {
            self.next = Next::Leave;
        }
    }

    /// The next step; `None` at the end.
    pub fn step(&mut self) -> Option<Step> {
        match self.next {
            Next::End => None,
            Next::Start => Some(self.visit()),
            Next::Leave => {
                self.next = self.after();
                Some(Step::Leave)
            }
            Next::Descend => match self.descend() {
                Ok(level) => {
                    self.levels.push(level);
                    self.next = Next::Name;
                    self.step_name()
                }
                Err(error) => {
                    self.next = Next::Leave;
                    Some(Step::Unreadable(error))
                }
            },
            Next::Name => self.step_name(),
        }
    }

    /// What comes after a step that leads no deeper.
    fn after(&self) -> Next {
        if self.levels.is_empty() { Next::End } else { Next::Name }
    }

    /// The next name in the innermost level, or out of it.
    fn step_name(&mut self) -> Option<Step> {
        let level = self.levels.last_mut()?;
        self.path.truncate(level.path_length);
        match level.names.get(level.visited) {
            Some((name, _)) => {
                level.visited += 1;
                if self.path.last() != Some(&b'/') {
                    self.path.push(b'/');
                }
                self.name_start = self.path.len();
                self.path.extend_from_slice(name);
                Some(self.visit())
            }
            None => {
                self.name_start = level.name_start;
                self.levels.pop();
                self.next = self.after();
                Some(Step::Leave)
            }
        }
    }

    /// Looks at the current name.
    fn visit(&mut self) -> Step {
        match self.manager.metadata(self.context(), self.name(), self.follow()) {
            Ok(metadata) if metadata.kind == FileType::Directory => {
                self.next = Next::Descend;
                Step::Enter(metadata)
            }
            Ok(metadata) => {
                self.next = self.after();
                Step::Item(metadata)
            }
            Err(error) => {
                self.next = self.after();
                Step::Failed(error)
            }
        }
    }

    fn descend(&self) -> Result<Level> {
        let directory = self.manager.resolve(self.context(), self.name(), self.follow())?;
        let context = self.context().at(directory);
        let mut names = Names::read(&self.manager, &context, b".")?;
        names.retain(&*self.keep);
        Ok(Level { context, names, visited: 0, path_length: self.path.len(), name_start: self.name_start })
    }
}
