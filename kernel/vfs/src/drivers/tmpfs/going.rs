//! What becomes of a node that nobody has any more, and of what was in it.

use super::names;
use super::node::{Body, TmpfsNode};
use crate::content::Budget;
use alloc::sync::Arc;

impl TmpfsNode {
    /// Gives back what this node cost and takes its names away; the nodes that then go too are put before `rest`.
    fn dismantle(&mut self, mut rest: Option<Arc<Self>>) -> Option<Arc<Self>> {
        self.dismantled = true;
        self.forget_handle();
        let limits = &self.shared.limits;
        match &mut self.body {
            Body::Regular(file) => limits.give(file.owned()),
            Body::Directory { names, .. } => {
                for child in names.get_mut().drain() {
                    names::lose_name(&child);
                    if Arc::strong_count(&child) == 1 {
                        *child.doomed.lock() = rest.take();
                        rest = Some(child);
                    }
                }
            }
            Body::Symlink(_) | Body::Special(..) => {}
        }
        self.xattrs.get_mut().clear(limits);
        limits.nodes().give(1);
        rest
    }
}

impl Drop for TmpfsNode {
    /// A tree goes without recursion (it may be deeper than the stack) and without memory: the nodes still to go hang
    /// on one another.
    fn drop(&mut self) {
        if self.dismantled {
            return;
        }
        let mut rest = self.dismantle(None);
        while let Some(node) = rest.take() {
            rest = node.doomed.lock().take();
            if let Some(mut last) = Arc::into_inner(node) {
                rest = last.dismantle(rest);
            }
        }
    }
}
