//! The names in a directory.
//!
//! A name has a cookie for as long as it is there, whatever it is bound to; cookies only grow, and a listing goes by
//! them. So a listing neither shows a name twice nor misses one that was there throughout, whatever comes and goes.

use super::node::TmpfsNode;
use crate::error::{FileSystemErrorKind, Result};
use crate::name::Name;
use crate::node::FIRST_CURSOR;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// A name's binding.
struct Binding {
    cookie: u64,
    node: Arc<TmpfsNode>,
}

/// The names in a directory.
pub struct Directory {
    names: HashMap<Name, Binding, FxBuildHasher>,
    order: BTreeMap<u64, Name>,
    next_cookie: u64,
    /// Whether the directory was removed: it has no names then and gets none.
    pub removed: bool,
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            names: HashMap::with_hasher(FxBuildHasher),
            order: BTreeMap::new(),
            next_cookie: FIRST_CURSOR,
            removed: false,
        }
    }
}

impl Directory {
    /// What a name costs in memory, beyond its node.
    pub const NAME_COST: usize = 192;

    /// What the name is bound to.
    pub fn get(&self, name: &[u8]) -> Option<&Arc<TmpfsNode>> {
        self.names.get(name).map(|binding| &binding.node)
    }

    /// The name with that cookie, and what it is bound to.
    pub fn at(&self, cookie: u64) -> Option<(&Name, &Arc<TmpfsNode>)> {
        let name = self.order.get(&cookie)?;
        Some((name, self.get(name)?))
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Sees to it that so many more names find room in the map.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn reserve(&mut self, names: usize) -> Result<()> {
        self.names.try_reserve(names).map_err(|_| FileSystemErrorKind::OutOfMemory.into())
    }

    /// Binds a name of this directory, which is `me`. It keeps its cookie if it is there; returns what it was bound to.
    pub fn bind(&mut self, me: &Weak<TmpfsNode>, name: &[u8], node: Arc<TmpfsNode>) -> Option<Arc<TmpfsNode>> {
        if let Some(binding) = self.names.get_mut(name) {
            node.whereabouts.set(me, binding.cookie);
            return Some(core::mem::replace(&mut binding.node, node));
        }
        let cookie = self.next_cookie;
        node.whereabouts.set(me, cookie);
        self.next_cookie += 1;
        self.names.insert(Name::from_slice(name), Binding { cookie, node });
        self.order.insert(cookie, Name::from_slice(name));
        None
    }

    /// Takes a name away; returns what it was bound to.
    pub fn unbind(&mut self, name: &[u8]) -> Option<Arc<TmpfsNode>> {
        let binding = self.names.remove(name)?;
        self.order.remove(&binding.cookie);
        Some(binding.node)
    }

    /// The names from a cookie on, with their cookies.
    pub fn from(&self, cookie: u64) -> impl Iterator<Item = (u64, &Name, &Arc<TmpfsNode>)> {
        self.order.range(cookie..).filter_map(|(cookie, name)| Some((*cookie, name, self.get(name)?)))
    }

    /// Takes all names away.
    pub fn drain(&mut self) -> impl Iterator<Item = Arc<TmpfsNode>> {
        self.order.clear();
        self.names.drain().map(|(_, binding)| binding.node)
    }
}
