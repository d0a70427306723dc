//! Memory that shows a file of the overlay: it shows the pages of the layer that has the content, and follows when
//! another layer has it.
//!
//! ```text
//!   copy-up, push                          a program's access
//!   -------------                          ------------------
//!   the copy is published                  becomes known to the node, and asks which layer has the content
//!   what the node is made of changes       that layer's file shows its page
//!   tells those who are known to forget    asks again: another layer by now? forgets, and starts anew
//! ```
//!
//! Whichever comes first of the change and the second question, the page of the old layer does not stay.

use super::inode::OverlayNode;
use super::lookup::Sources;
use crate::content::{ALL_PAGES, Mapped, PageMapper, Shown};
use crate::error::Result;
use crate::node::{NodeRef, same_node};
use alloc::sync::Arc;

/// The layer's file whose pages are shown; `None` for one that must be copied up first.
fn mapped_node(sources: &Sources, write: bool) -> Option<NodeRef> {
    let is_ready = !write || sources.upper.is_some() && sources.lowers.is_empty();
    is_ready.then(|| sources.content().node().clone())
}

impl OverlayNode {
    /// [`VfsNode::map_page`](crate::node::VfsNode::map_page).
    pub(super) fn map_page_of_layer(
        &self,
        index: u64,
        write: bool,
        mapper: &Arc<dyn PageMapper>,
        show: &mut dyn FnMut(Shown<'_>) -> Result<()>,
    ) -> Result<Mapped> {
        loop {
            // In one step: a change of the sources comes before both, or finds the mapper.
            let node =
                self.with_sources(|sources| self.mappers.add(mapper, index).map(|()| mapped_node(sources, write)))?;
            let Some(node) = node else { return Ok(Mapped::Busy) };
            let mapped = node.map_page(index, write, mapper, show);
            let now = self.with_sources(|sources| mapped_node(sources, write));
            if now.is_some_and(|now| same_node(&now, &node)) {
                return mapped;
            }
            mapper.forget(index..index + 1);
            node.forget_mapper(mapper);
        }
    }

    /// [`VfsNode::forget_mapper`](crate::node::VfsNode::forget_mapper).
    pub(super) fn forget_mapper_in_layers(&self, mapper: &Arc<dyn PageMapper>) {
        // In one step, so that a change of the sources either finds the mapper or comes after.
        let node = self.with_sources(|sources| {
            self.mappers.remove(mapper);
            sources.content().node().clone()
        });
        node.forget_mapper(mapper);
    }

    /// Tells whose memory shows the file that it is made of something else than `before` now.
    pub(super) fn tell_mappers(&self, before: &Sources) {
        let node = before.content().node();
        self.mappers.forget_and(ALL_PAGES, |mapper| node.forget_mapper(mapper));
    }
}
