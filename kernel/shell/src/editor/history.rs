//! Earlier lines, and the draft that waits below them.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// How many lines are kept.
const CAPACITY: usize = 500;

/// The history.
#[derive(Default)]
pub struct History {
    /// The oldest first.
    lines: VecDeque<Vec<u8>>,
    /// How many steps back the editor stands; 0 is the draft.
    back: usize,
    /// What was typed before the first step back.
    draft: Vec<u8>,
}

impl History {
    /// Adds a line, unless it is empty or the last one again.
    pub fn add(&mut self, line: &[u8]) {
        if line.iter().all(u8::is_ascii_whitespace) || self.lines.back().is_some_and(|last| last == line) {
            return;
        }
        if self.lines.len() == CAPACITY {
            self.lines.pop_front();
        }
        self.lines.push_back(line.to_vec());
    }

    /// Back to the draft, which is empty.
    pub fn rewind(&mut self) {
        self.back = 0;
        self.draft.clear();
    }

    /// The line before the current one, which is `current` as it is now; `None` at the oldest.
    pub fn earlier(&mut self, current: &[u8]) -> Option<Vec<u8>> {
        let line = self.lines.get(self.lines.len().checked_sub(self.back + 1)?)?.clone();
        if self.back == 0 {
            self.draft = current.to_vec();
        }
        self.back += 1;
        Some(line)
    }

    /// The line after the current one, at last the draft; `None` when that is the current one.
    pub fn later(&mut self) -> Option<Vec<u8>> {
        self.back = self.back.checked_sub(1)?;
        if self.back == 0 {
            return Some(core::mem::take(&mut self.draft));
        }
        self.lines.get(self.lines.len() - self.back).cloned()
    }
}
