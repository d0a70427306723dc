//! Layers pushed and popped while the overlay is mounted: `mount -o remount,push=DIR` and `mount -o remount,pop`.
//!
//! ```text
//!            push=/u2                 pop
//!  /u   ->   /u2   fresh upper   ->   /u     the upper again, as it was at the push
//!  /1        /u    frozen             /1
//!            /1
//! ```
//!
//! - A push changes nothing of what is seen: the new upper is empty and its root takes over the metadata of the root
//!   that was. A pop takes back whatever came after the push.
//! - Both happen at one moment for everybody. Who looks up names or changes anything keeps the stack as it is for that
//!   long ([`OverlayFS::steady`]); whoever only reads is kept out while the nodes in use are given what they are made of
//!   now, all of them together.
//! - All that can fail comes first. After an error nothing has changed.
//! - A frozen layer stays claimed and is not written. Its marks of origin count as an upper's do, so that inode numbers
//!   stay, and so do its records of files with several names.
//! - What only the popped layer has must not be in use by anybody. The overlay's root is in all layers, and does not
//!   count; nor does a directory on the way to what is in use, if it is at the same place without the popped layer.

use super::copy_up::times;
use super::driver::directory;
use super::inode::OverlayNode;
use super::layer::{Layer, LayerNode, ground};
use super::links::Links;
use super::lookup::Sources;
use super::marks::Opacity;
use super::mount_checks::{InUse, Refusal, check_layers, has_uppers_inside, shown};
use super::options::{split, unescape};
use super::watch::Watched;
use super::work::first_name;
use super::{LayerStack, OverlayFS};
use crate::driver::MountRequest;
use crate::error::{FileSystemErrorKind, Result};
use crate::metadata::{Metadata, SetAttributes};
use crate::mount::Path;
use crate::node::{NodeRef, SetXattr};
use crate::superblock::SuperBlock;
use crate::sync::{ReadGuard, WriteGuard};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// What a remount asks for.
enum Change {
    Push(Box<[u8]>),
    Pop,
}

/// What keeps the layers that can be written from other overlays, and what a pop brings back.
pub(super) struct Pushes {
    /// Keeps other overlays off the upper layer.
    claim: InUse,
    /// For each push, the last one last, the same of the layer that it has frozen; of none, where the overlay had no
    /// upper.
    frozen: Vec<InUse>,
}

impl Pushes {
    /// None so far, on an upper that is claimed.
    pub fn none(claim: InUse) -> Self {
        Self { claim, frozen: Vec::new() }
    }
}

/// Nodes, and what each is to be made of.
#[derive(Default)]
struct Replacements {
    nodes: Vec<Arc<OverlayNode>>,
    sources: Vec<Watched>,
}

impl Replacements {
    /// No nodes yet, with room for so many.
    fn with_room(count: usize) -> Result<Self> {
        let mut fresh = Self::default();
        reserve(&mut fresh.nodes, count)?;
        reserve(&mut fresh.sources, count)?;
        Ok(fresh)
    }

    /// Adds a node. What it is to be made of is watched from now on.
    fn add(&mut self, node: &Arc<OverlayNode>, sources: Sources) -> Result<()> {
        self.sources.push(node.watch(sources)?);
        self.nodes.push(node.clone());
        Ok(())
    }
}

fn parse(text: &[u8]) -> core::result::Result<Option<Change>, Refusal> {
    let mut change = None;
    for option in split(text, b',').filter(|option| !option.is_empty()) {
        let asked = match option {
            b"pop" => Change::Pop,
            _ => match option.strip_prefix(b"push=") {
                Some(path) if !path.is_empty() => Change::Push(unescape(path)),
                _ => {
                    let option = String::from_utf8_lossy(option);
                    return refuse(format!("option '{option}' cannot be changed by a remount"));
                }
            },
        };
        if change.replace(asked).is_some() {
            return refuse("a remount pushes or pops one layer".into());
        }
    }
    Ok(change)
}

fn refuse<T>(message: String) -> core::result::Result<T, Refusal> {
    Err(Refusal::new(FileSystemErrorKind::InvalidArgument, message))
}

fn busy<T>(message: String) -> core::result::Result<T, Refusal> {
    Err(Refusal::new(FileSystemErrorKind::Busy, message))
}

fn admit(bytes: usize) -> Result<()> {
    Ok(page::admit(bytes)?)
}

fn reserve<T>(list: &mut Vec<T>, count: usize) -> Result<()> {
    admit(count * size_of::<T>())?;
    list.try_reserve_exact(count).map_err(|_| FileSystemErrorKind::OutOfMemory.into())
}

impl OverlayFS {
    /// Keeps the stack of layers as it is while the guard lives. Outermost of the overlay's locks, and not to be taken
    /// by who has it: a push that waits lets nobody else in.
    pub(super) fn steady(&self) -> ReadGuard<'_, Pushes> {
        self.pushes.read()
    }

    fn exclusive(&self) -> WriteGuard<'_, Pushes> {
        self.pushes.upgradeable_read().upgrade()
    }

    /// Pushes or pops a layer, as the options of a remount say.
    ///
    /// # Errors
    /// `EINVAL` for options that say anything else, or to pop where nothing was pushed; `EBUSY` for an upper that is in
    /// use, or to pop what is in use; `ENOTEMPTY` for a directory to push that is not empty, `ELOOP` for one inside a
    /// layer; those of [`check_layers`], of looking it up, of the layers, and `ENOMEM`. The request is told why. Nothing
    /// has changed then.
    pub(super) fn change_stack(&self, request: &mut MountRequest<'_>) -> Result<()> {
        let changed = match parse(request.options) {
            Ok(Some(Change::Push(path))) => self.push_directory(request, &path),
            Ok(Some(Change::Pop)) => self.pop(request.mounted()),
            Ok(None) => Ok(()),
            Err(refusal) => Err(refusal),
        };
        changed.map_err(|refusal| {
            request.explain(format_args!("overlay: {}", refusal.message));
            refusal.error
        })
    }

    fn push_directory(&self, request: &MountRequest<'_>, name: &[u8]) -> core::result::Result<(), Refusal> {
        let path = directory(request, name)?;
        let upper = Layer::new(name, request.manager.private_tree(&path)?).grounded().written();
        let links = Links::of_upper(&upper, self.options(), self.work.as_ref())?;
        let upper = upper.with_links(links);
        let mut pushes = self.exclusive();
        self.push(&mut pushes, upper, &path)
    }

    /// Freezes the present upper, if there is one, and goes on on `upper`, which is found at `path`.
    fn push(&self, pushes: &mut Pushes, upper: Layer, path: &Path) -> core::result::Result<(), Refusal> {
        let claim = InUse::claim(Some(&upper), None)?;
        self.check_outside(&upper, path)?;
        if has_uppers_inside(self.id) {
            return busy("another overlay has its upper layer in this one's".into());
        }
        check_empty(&upper)?;
        let present = self.stack();
        let mut lowers = Vec::new();
        reserve(&mut lowers, present.lowers.len() + 1)?;
        lowers.extend(present.all().cloned());
        let upper = Arc::new(upper);
        let stack = LayerStack::of(Some(upper.clone()), lowers, present.data.clone());
        check_layers(&stack)?;
        upper.file_systems().try_for_each(|operations| self.identity().add(operations.id()))?;

        reserve(&mut pushes.frozen, 1)?;
        let nodes = self.nodes_held()?;
        let mut replacements = Replacements::with_room(nodes.len())?;
        for node in &nodes {
            let sources = node.sources();
            if self.is_root(node) {
                let lowered = self.lowered(&sources)?;
                replacements.add(node, Sources { upper: Some(upper.root()), ..lowered })?;
            } else if sources.upper.is_some() {
                replacements.add(node, self.lowered(&sources)?)?;
            }
        }
        let root = self.root.sources();
        self.restack(replacements, stack, || self.dress(root.top().node(), upper.root().node()))?;
        let claim = core::mem::replace(&mut pushes.claim, claim);
        pushes.frozen.push(claim);
        Ok(())
    }

    /// Takes the upper off that was pushed last.
    fn pop(&self, cache: Option<&SuperBlock>) -> core::result::Result<(), Refusal> {
        let mut pushes = self.exclusive();
        let Some(frozen) = pushes.frozen.last() else { return refuse("no layer has been pushed".into()) };
        if has_uppers_inside(self.id) {
            return busy("another overlay has its upper layer in this one's".into());
        }
        let present = self.stack();
        let frozen = if frozen.is_claimed() { present.lowers.first().cloned() } else { None };
        let mut lowers = Vec::new();
        reserve(&mut lowers, present.lowers.len())?;
        lowers.extend(present.lowers.iter().skip(usize::from(frozen.is_some())).cloned());
        let stack = LayerStack::of(frozen.clone(), lowers, present.data.clone());

        if let Some(cache) = cache {
            cache.forget_unused();
        }
        let nodes = self.nodes_held()?;
        let places = count_places(&nodes)?;
        let mut replacements = Replacements::with_room(nodes.len())?;
        for node in &nodes {
            let known = places.get(&Arc::as_ptr(node)).copied().unwrap_or(0);
            if !self.is_root(node) && self.goes_with_the_upper(node, known, cache)? {
                let upper = present.upper.as_deref().map(shown).unwrap_or_default();
                return busy(format!("{upper}: something in it is in use"));
            }
            let sources = node.sources();
            if sources.upper.is_some()
                || frozen.as_ref().is_some_and(|frozen| Arc::ptr_eq(frozen, sources.lowers[0].layer()))
            {
                replacements.add(node, raised(&sources, frozen.as_ref())?)?;
            }
        }
        self.restack(replacements, stack, || Ok(()))?;
        if let Some(claim) = pushes.frozen.pop() {
            pushes.claim = claim;
        }
        Ok(())
    }

    /// Changes the stack of layers and what nodes are made of, at one moment for everybody. `last` is what is to be
    /// done when nothing else can fail any more; if it fails, nothing has changed.
    fn restack(
        &self,
        mut replacements: Replacements,
        stack: LayerStack,
        last: impl FnOnce() -> Result<()>,
    ) -> core::result::Result<(), Refusal> {
        admit(size_of::<LayerStack>())?;
        let Replacements { nodes, sources } = &mut replacements;
        let mut held = Vec::new();
        reserve(&mut held, nodes.len())?;
        last()?;
        nodes.iter().for_each(|node| node.forget_listed_inodes());
        held.extend(nodes.iter().map(|node| node.hold_sources()));
        for ((node, present), sources) in nodes.iter().zip(&mut held).zip(sources) {
            node.exchange_sources(present, sources);
        }
        let before = core::mem::replace(&mut *self.layers.write(), Arc::new(stack));
        drop(held);
        drop(before);
        Ok(())
    }

    fn is_root(&self, node: &Arc<OverlayNode>) -> bool {
        Arc::ptr_eq(node, &self.root)
    }

    /// The nodes in use. The caller keeps new ones from coming.
    fn nodes_held(&self) -> Result<Vec<Arc<OverlayNode>>> {
        let mut held = Vec::new();
        loop {
            let count = self.nodes_in_use();
            reserve(&mut held, count)?;
            let nodes = self.nodes.lock();
            if nodes.len() <= held.capacity() {
                held.extend(nodes.values().filter_map(Weak::upgrade));
                return Ok(held);
            }
        }
    }

    /// What is in the upper layer, as it is once that is a lower one.
    fn lowered(&self, sources: &Sources) -> Result<Sources> {
        let Some(upper) = &sources.upper else { return Ok(sources.clone()) };
        let mut frozen = upper.clone();
        if frozen.is_directory() {
            frozen.xattr_whiteouts = self.marks().opacity(&frozen)? == Opacity::XattrWhiteouts;
        }
        admit((sources.lowers.len() + 1) * size_of::<LayerNode>())?;
        Ok(Sources { upper: None, lowers: core::iter::once(&frozen).chain(sources.lowers.iter()).cloned().collect() })
    }

    /// Whether a node in use cannot go on without the upper layer: what is only there, what was removed or moved there,
    /// and a directory that somebody uses and that is there. `places` is how many nodes are found in it.
    fn goes_with_the_upper(&self, node: &Arc<OverlayNode>, places: usize, cache: Option<&SuperBlock>) -> Result<bool> {
        let sources = node.sources();
        let nowhere = node.place().is_none();
        let Some(upper) = &sources.upper else {
            // Without a name now; but did it have one before the push? What has none in its own layer had none.
            return Ok(nowhere && sources.top().node().metadata()?.links > 0);
        };
        if nowhere || !upper.is_directory() || sources.lowers.is_empty() {
            return Ok(true);
        }
        let shared: NodeRef = node.clone();
        let entry = cache.and_then(|cache| cache.users_of_directory(&shared));
        drop(shared);
        // Those that are known: this list of nodes, the entry, and the nodes that are found in it.
        let users = Arc::strong_count(node).saturating_sub(1 + usize::from(entry.is_some()) + places);
        Ok(users > 0 || entry.is_some_and(|users| users > 0) || self.marks().redirect(upper.node())?.is_some())
    }

    /// Checks that a directory is neither in this overlay nor in one of its layers.
    fn check_outside(&self, upper: &Layer, path: &Path) -> core::result::Result<(), Refusal> {
        let inside = |of: &str| {
            let message = format!("{}: is inside {of}", shown(upper));
            Err(Refusal::new(FileSystemErrorKind::TooManySymlinks, message))
        };
        let mut mount = Some(path.clone());
        while let Some(at) = mount {
            let mut entry = Some(at.entry.clone());
            while let Some(above) = entry {
                if let Some(node) = above.node() {
                    if node.id().file_system == self.id {
                        return inside("the overlay itself");
                    }
                    if self.is_layer_root(ground(node)) {
                        return inside("one of the layers");
                    }
                }
                entry = above.parent();
            }
            mount = at.mount.place();
        }
        Ok(())
    }

    /// Gives `to`, the root of a layer to be pushed, the metadata and attributes of `from`; or, with an error, leaves
    /// them as they were.
    fn dress(&self, from: &NodeRef, to: &NodeRef) -> Result<()> {
        let before = Dress::of(to)?;
        let dressed = (|| {
            Dress::take_off(to)?;
            self.copy_attributes(from, to)?;
            to.set_attributes(&all_of(&from.metadata()?))
        })();
        if dressed.is_err() {
            // What fails here as well is but an attribute of a directory that is part of nothing.
            let _ = before.put_on(to);
        }
        dressed
    }
}

/// What is made of the upper layer and others, as it is without the upper and with the frozen layer as the upper.
fn raised(sources: &Sources, frozen: Option<&Arc<Layer>>) -> Result<Sources> {
    match (sources.lowers.split_first(), frozen) {
        (Some((first, rest)), Some(frozen)) if Arc::ptr_eq(first.layer(), frozen) => {
            let mut upper = first.clone();
            upper.xattr_whiteouts = false;
            admit(size_of_val(rest))?;
            Ok(Sources { upper: Some(upper), lowers: rest.iter().cloned().collect() })
        }
        _ => Ok(Sources { upper: None, lowers: sources.lowers.clone() }),
    }
}

/// How many places of these nodes are in each directory.
fn count_places(nodes: &[Arc<OverlayNode>]) -> Result<HashMap<*const OverlayNode, usize, FxBuildHasher>> {
    let mut counts = HashMap::with_hasher(FxBuildHasher);
    admit(2 * nodes.len() * size_of::<(usize, usize)>())?;
    counts.try_reserve(nodes.len()).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
    for node in nodes {
        node.for_each_parent(|parent| *counts.entry(core::ptr::from_ref(parent)).or_insert(0) += 1);
    }
    Ok(counts)
}

fn check_empty(upper: &Layer) -> core::result::Result<(), Refusal> {
    if first_name(&upper.root_node())?.is_none() {
        return Ok(());
    }
    Err(Refusal::new(FileSystemErrorKind::DirectoryNotEmpty, format!("{}: is not empty", shown(upper))))
}

fn all_of(metadata: &Metadata) -> SetAttributes {
    SetAttributes { mode: Some(metadata.mode), uid: Some(metadata.uid), gid: Some(metadata.gid), ..times(metadata) }
}

/// The metadata and attributes of a directory.
struct Dress {
    metadata: Metadata,
    attributes: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Dress {
    fn of(node: &NodeRef) -> Result<Self> {
        let mut attributes = Vec::new();
        for name in names_of_attributes(node)? {
            let value = node.get_xattr(&name)?;
            attributes.push((name, value));
        }
        Ok(Self { metadata: node.metadata()?, attributes })
    }

    fn take_off(node: &NodeRef) -> Result<()> {
        names_of_attributes(node)?.iter().try_for_each(|name| node.remove_xattr(name))
    }

    fn put_on(&self, node: &NodeRef) -> Result<()> {
        Self::take_off(node)?;
        self.attributes.iter().try_for_each(|(name, value)| node.set_xattr(name, value, SetXattr::Any))?;
        node.set_attributes(&all_of(&self.metadata))
    }
}

fn names_of_attributes(node: &NodeRef) -> Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    node.list_xattrs(&mut |name| names.push(name.to_vec()))?;
    Ok(names)
}
