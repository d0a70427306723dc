//! The namespaces that `ns` knows by name.

use alloc::sync::Arc;
use alloc::vec::Vec;
use vfs::context::Context;
use vfs::manager::VfsManager;

/// What the namespace that the shell began in is called.
pub const INITIAL: &[u8] = b"init";

/// A namespace with a name.
pub struct Namespace {
    /// The name.
    pub name: Vec<u8>,
    /// The namespace.
    pub manager: Arc<VfsManager>,
    /// Where the shell stood in it when it left; for one that was never entered, where it will stand.
    pub context: Context,
}

/// All namespaces; the shell is in one of them.
pub struct Namespaces {
    all: Vec<Namespace>,
    current: usize,
}

impl Namespaces {
    /// One namespace, the shell in it.
    pub fn new(manager: Arc<VfsManager>) -> Self {
        let context = manager.root_context();
        Self { all: Vec::from([Namespace { name: INITIAL.to_vec(), manager, context }]), current: 0 }
    }

    /// The one the shell is in.
    pub fn current(&self) -> &Arc<VfsManager> {
        &self.all[self.current].manager
    }

    /// The name of the one the shell is in.
    pub fn current_name(&self) -> &[u8] {
        &self.all[self.current].name
    }

    /// All, in the order they were made.
    pub fn all(&self) -> &[Namespace] {
        &self.all
    }

    /// The one of that name.
    pub fn find(&self, name: &[u8]) -> Option<&Namespace> {
        self.all.iter().find(|namespace| namespace.name == name)
    }

    /// Adds one. The name must be new: see [`Namespaces::find`].
    pub fn add(&mut self, namespace: Namespace) {
        self.all.push(namespace);
    }

    /// Goes to the one of that name from `context`, which is kept for coming back. Returns where the shell stands then;
    /// `None` when there is none of that name.
    pub fn enter(&mut self, name: &[u8], context: &Context) -> Option<Context> {
        let index = self.all.iter().position(|namespace| namespace.name == name)?;
        self.all[self.current].context = context.clone();
        self.current = index;
        Some(self.all[index].context.clone())
    }

    /// Removes the one of that name; returns whether it could: the one the shell is in stays.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        match self.all.iter().position(|namespace| namespace.name == name) {
            Some(index) if index != self.current => {
                self.all.remove(index);
                self.current -= usize::from(index < self.current);
                true
            }
            _ => false,
        }
    }
}
