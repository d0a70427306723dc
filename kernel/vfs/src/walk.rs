//! The path walker: the only place where a path becomes a place (`path_resolution(7)`).
//!
//! A walk goes from entry to entry through the dentry cache; warm, it takes no lock of a file system and allocates
//! nothing: plain names that the cache answers are stepped through in one small loop, and only what is more than that
//! gets the whole walker. Symbolic links are followed in a loop, at most [`SYMLINKS_MAX`] in one walk; `..` stops at the context's
//! root, whatever is mounted.

use crate::context::{Context, ResolveFlags};
use crate::entry::{HASH_START, VfsEntry, hash_step};
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::metadata::FileType;
use crate::mount::{MountFlags, MountPoint, MountTree, Path};
use crate::name::{NAME_MAX, Name, PATH_MAX, SYMLINKS_MAX, check_path};
use alloc::sync::Arc;
use smallvec::SmallVec;

/// Whether a symbolic link at the end of a path is followed. One in the middle always is, and so is one before a
/// trailing slash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Follow {
    /// It is followed.
    Yes,
    /// It is itself what the path names.
    No,
}

/// The last name of a path and what it is bound to, for operations on names.
pub(crate) struct Target {
    /// The directory.
    pub parent: Path,
    /// The name.
    pub name: Name,
    /// The entry of that name in the directory, below any mount on it; negative if there is no such name.
    pub entry: Arc<VfsEntry>,
    /// Whether a slash followed the name.
    pub slash: bool,
}

impl Target {
    /// The place that the name stands for, if it is bound: through the mounts on it.
    ///
    /// # Errors
    /// `EXDEV` where there are some and the context lets no path lead from mount to mount.
    pub fn path(&self, context: &Context) -> Result<Path> {
        cross(context, Path { mount: self.parent.mount.clone(), entry: self.entry.clone() })
    }
}

/// How a path ends, for operations on names.
pub(crate) enum End {
    /// With a name.
    Name(Target),
    /// With `.`, in a directory of this mount.
    Dot(Arc<MountPoint>),
    /// With `..`, in a directory of this mount.
    DotDot(Arc<MountPoint>),
    /// With a name longer than any can be, in a directory of this mount; what that is answered with.
    TooLong(Arc<MountPoint>, FileSystemErrorKind),
    /// With a link that leads to this place by itself.
    Place(Path),
    /// Nowhere: it is only slashes, and leads to the root of this mount.
    Root(Arc<MountPoint>),
}

impl End {
    /// The mount of the directory that the last name, or what stands for one, is in.
    pub fn mount(&self) -> &Arc<MountPoint> {
        match self {
            Self::Name(target) => &target.parent.mount,
            Self::Place(place) => &place.mount,
            Self::TooLong(mount, _) | Self::Dot(mount) | Self::DotDot(mount) | Self::Root(mount) => mount,
        }
    }

    /// Whether the path ends with a name, be it too long.
    pub const fn is_name(&self) -> bool {
        matches!(self, Self::Name(_) | Self::TooLong(..))
    }

    /// The name, where the path ends with one.
    ///
    /// # Errors
    /// For one that is too long `ENAMETOOLONG` (`ENOENT` in a removed directory), else `otherwise`.
    pub fn name_or(self, otherwise: FileSystemErrorKind) -> Result<Target> {
        match self {
            Self::Name(target) => Ok(target),
            Self::TooLong(_, error) => fail(error),
            Self::Dot(_) | Self::DotDot(_) | Self::Place(_) | Self::Root(_) => fail(otherwise),
        }
    }
}

/// A text that names are taken from: the path itself, or the target of a link.
enum Text<'a> {
    Path(&'a [u8]),
    Link(Arc<[u8]>),
}

/// A text and how far it has been read.
struct Pending<'a> {
    text: Text<'a>,
    position: usize,
}

impl Pending<'_> {
    fn bytes(&self) -> &[u8] {
        match &self.text {
            Text::Path(bytes) => bytes,
            Text::Link(bytes) => bytes,
        }
    }

    /// Moves past slashes; whether there were any, and whether a name follows.
    fn skip_slashes(&mut self) -> (bool, bool) {
        let bytes = self.bytes();
        let mut position = self.position;
        while bytes.get(position) == Some(&b'/') {
            position += 1;
        }
        let more = position < bytes.len();
        let any = position > self.position;
        self.position = position;
        (any, more)
    }

    /// Moves past a name; where it began.
    fn skip_name(&mut self) -> usize {
        let start = self.position;
        let bytes = self.bytes();
        let end = bytes[start..].iter().position(|byte| *byte == b'/').map_or(bytes.len(), |length| start + length);
        self.position = end;
        start
    }
}

/// The place one gets to by stepping onto `path`, through the mounts there.
///
/// # Errors
/// `EXDEV` under [`ResolveFlags::NO_CROSSING`].
fn cross(context: &Context, path: Path) -> Result<Path> {
    if !path.entry.is_mounted_on() {
        return Ok(path);
    }
    let mount = path.mount.clone();
    let path = path.crossed();
    if context.resolve.contains(ResolveFlags::NO_CROSSING) && !Arc::ptr_eq(&mount, &path.mount) {
        return fail(FileSystemErrorKind::CrossDevice);
    }
    Ok(path)
}

/// A walk under way.
struct Walk<'a> {
    context: &'a Context,
    /// Where `/` is, and above which `..` does not lead.
    root: &'a Path,
    at: Path,
    pending: SmallVec<[Pending<'a>; 4]>,
    links: u32,
    /// Whether the root was needed yet.
    root_used: bool,
}

impl MountTree {
    /// The place that `path` names.
    ///
    /// # Errors
    /// `ENOENT`, `ENOTDIR`, `EACCES` for a directory that may not be searched, `ELOOP`, `ENAMETOOLONG`, and what a
    /// file system's lookup answers.
    pub(crate) fn resolve(&self, context: &Context, path: &[u8], follow: Follow) -> Result<Path> {
        match self.resolve_warm(context, path) {
            Some(answer) => answer,
            None => self.resolve_any(context, path, follow),
        }
    }

    /// The quick way through what is known: plain names that the cache answers, be it with "no such name". Anything
    /// else (a link, `.` or `..`, a name to look up, another error to tell) is `None`, and left to the whole walker.
    fn resolve_warm(&self, context: &Context, path: &[u8]) -> Option<Result<Path>> {
        if path.len() >= PATH_MAX || !context.resolve.is_empty() {
            return None;
        }
        let mut at = if path.first()? == &b'/' { context.root.clone() } else { context.cwd.clone() };
        let mut rest = path;
        loop {
            let mut slash = false;
            while let [b'/', after @ ..] = rest {
                (rest, slash) = (after, true);
            }
            if rest.is_empty() {
                return (!slash || at.entry.is_directory()).then_some(Ok(at));
            }
            let directory = at.entry.node().filter(|_| at.entry.is_directory())?;
            context.credentials.check_search(&**directory).ok()?;
            let (mut length, mut hash) = (0, HASH_START);
            for byte in rest {
                if *byte == b'/' {
                    break;
                }
                hash = hash_step(hash, *byte);
                length += 1;
            }
            let (name, after) = rest.split_at(length);
            // The names that are none, `.` and `..`, are never in the cache.
            let child = at.entry.cached_by_hash(name, hash)?;
            if !child.holds_for(directory.change()) {
                return None;
            }
            match child.kind() {
                None => return Some(fail(FileSystemErrorKind::NotFound)),
                Some(FileType::Symlink) => return None,
                Some(_) => at.entry = child,
            }
            if at.entry.is_mounted_on() {
                at = at.crossed();
            }
            rest = after;
        }
    }

    fn resolve_any(&self, context: &Context, path: &[u8], follow: Follow) -> Result<Path> {
        let mut walk = Walk::new(context, path)?;
        let slash = loop {
            match walk.next()? {
                Step::Done { slash } => break slash,
                Step::Name { start, last, slash } => {
                    let follow = !last || slash || follow == Follow::Yes;
                    let entry = walk.child(start)?;
                    if entry.node().is_none() {
                        return fail(FileSystemErrorKind::NotFound);
                    }
                    walk.enter(entry, follow)?;
                }
                Step::Dot | Step::DotDot(_) => {}
            }
        };
        if slash && !walk.at.entry.is_directory() {
            return fail(FileSystemErrorKind::NotADirectory);
        }
        walk.check_scope(FileSystemErrorKind::CrossDevice)?;
        Ok(walk.at)
    }

    /// The directory and the name that `path` ends with, for an operation on the name. With [`Follow::Yes`] a symbolic
    /// link there is followed, so that the name may be another one in another directory.
    ///
    /// # Errors
    /// As [`MountTree::resolve`], but a last name that is bound to nothing is an answer.
    pub(crate) fn resolve_name(&self, context: &Context, path: &[u8], follow: Follow) -> Result<End> {
        let mut walk = Walk::new(context, path)?;
        // What stands for a name, if there is none.
        let mut end: fn(Arc<MountPoint>) -> End = End::Root;
        let mut left = None;
        let mut trailing = false;
        loop {
            match walk.next()? {
                Step::Done { .. } => return Ok(end(left.unwrap_or(walk.at.mount))),
                Step::Dot => (end, left) = (End::Dot, None),
                Step::DotDot(mount) => (end, left) = (End::DotDot, Some(mount)),
                Step::Name { start, last, slash } => {
                    trailing |= last && slash;
                    if last && walk.name(start).len() > NAME_MAX {
                        let error = walk.too_long();
                        return Ok(End::TooLong(walk.at.mount, error));
                    }
                    let entry = walk.child(start)?;
                    let link = entry.node().is_some_and(|node| node.kind() == FileType::Symlink);
                    if last && !(link && follow == Follow::Yes) {
                        let name = Name::from_slice(walk.name(start));
                        walk.check_scope(FileSystemErrorKind::CrossDevice)?;
                        return Ok(End::Name(Target { parent: walk.at, name, entry, slash: trailing }));
                    }
                    if entry.node().is_none() {
                        return fail(FileSystemErrorKind::NotFound);
                    }
                    if walk.enter(entry, true)? && last {
                        return Ok(End::Place(walk.at));
                    }
                    (end, left) = (End::Root, None);
                }
            }
        }
    }
}

/// What comes next in a path.
enum Step {
    /// Nothing.
    Done { slash: bool },
    /// `.`, which has been dealt with.
    Dot,
    /// `..`, which has been dealt with; it was in a directory of this mount.
    DotDot(Arc<MountPoint>),
    /// A name in the topmost pending text, from `start` to where that has been read.
    Name { start: usize, last: bool, slash: bool },
}

impl<'a> Walk<'a> {
    fn new(context: &'a Context, path: &'a [u8]) -> Result<Self> {
        check_path(path)?;
        let resolve = context.resolve;
        if resolve.contains(ResolveFlags::BENEATH | ResolveFlags::IN_ROOT) {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        let root = if resolve.is_scoped() { &context.cwd } else { &context.root };
        let absolute = path[0] == b'/';
        if absolute && resolve.contains(ResolveFlags::BENEATH) {
            return fail(FileSystemErrorKind::CrossDevice);
        }
        let at = if absolute { root } else { &context.cwd };
        let mut pending = SmallVec::new();
        pending.push(Pending { text: Text::Path(path), position: 0 });
        Ok(Self { context, root, at: at.clone(), pending, links: 0, root_used: absolute || resolve.is_scoped() })
    }

    /// Takes the next part of the path; steps up and stays are dealt with here.
    fn next(&mut self) -> Result<Step> {
        let mut slash = false;
        loop {
            let Some(top) = self.pending.last_mut() else { return Ok(Step::Done { slash }) };
            let (any, more) = top.skip_slashes();
            slash |= any;
            if more {
                break;
            }
            self.pending.pop();
        }
        // Whatever is named next is in the directory one is at.
        let Some(node) = self.at.entry.node() else { return fail(FileSystemErrorKind::NotFound) };
        if node.kind() != FileType::Directory {
            return fail(FileSystemErrorKind::NotADirectory);
        }
        self.context.credentials.check_search(&**node)?;

        let depth = self.pending.len();
        let Some(top) = self.pending.last_mut() else { return Ok(Step::Done { slash }) };
        let start = top.skip_name();
        match &top.bytes()[start..top.position] {
            b"." => return Ok(Step::Dot),
            b".." => {
                let mount = self.at.mount.clone();
                self.up()?;
                return Ok(Step::DotDot(mount));
            }
            _ => {}
        }
        // The slashes after a name belong to it, and so do those after the link it came from.
        let end = top.position;
        let (mut slash, mut more) = top.skip_slashes();
        top.position = end;
        for below in self.pending[..depth - 1].iter_mut().rev() {
            if more {
                break;
            }
            let position = below.position;
            let (any, below_more) = below.skip_slashes();
            below.position = position;
            slash |= any;
            more = below_more;
        }
        Ok(Step::Name { start, last: !more, slash })
    }

    /// The name that began at `start` of the topmost text.
    fn name(&self, start: usize) -> &[u8] {
        self.pending.last().map_or(&[], |top| &top.bytes()[start..top.position])
    }

    /// What a name that is too long is answered with in the directory one is at: where there are no names any more,
    /// nobody asks how long one is.
    fn too_long(&self) -> FileSystemErrorKind {
        if self.at.entry.is_dead() { FileSystemErrorKind::NotFound } else { FileSystemErrorKind::NameTooLong }
    }

    /// The entry of that name in the directory one is at.
    fn child(&self, start: usize) -> Result<Arc<VfsEntry>> {
        if self.name(start).len() > NAME_MAX {
            return fail(self.too_long());
        }
        if self.context.resolve.contains(ResolveFlags::CACHED) {
            let change = self.at.node()?.change();
            let known = self.at.entry.cached(self.name(start)).filter(|entry| entry.holds_for(change));
            return known.ok_or(FileSystemErrorKind::WouldBlock.into());
        }
        self.at.mount.superblock().child(&self.at.entry, self.name(start))
    }

    /// Steps onto a bound entry: through the mounts on it, and along the link that it is if `follow`. Whether that was
    /// a link that led somewhere by itself.
    fn enter(&mut self, entry: Arc<VfsEntry>, follow: bool) -> Result<bool> {
        let link = match entry.node() {
            Some(node) if follow && node.kind() == FileType::Symlink => node,
            _ => {
                self.at.entry = entry;
                if self.at.entry.is_mounted_on() {
                    self.at = cross(self.context, self.at.clone())?;
                }
                return Ok(false);
            }
        };
        self.links += 1;
        let resolve = self.context.resolve;
        let refused = self.at.mount.flags().contains(MountFlags::NO_SYMLINKS);
        if self.links > SYMLINKS_MAX || refused || resolve.contains(ResolveFlags::NO_SYMLINKS) {
            return fail(FileSystemErrorKind::TooManySymlinks);
        }
        if let Some(place) = link.jump(&self.context.credentials)? {
            self.check_jump(&place)?;
            self.at = place;
            return Ok(true);
        }
        let target = link.read_link()?;
        self.at.mount.note_access(link);
        match target.first() {
            None => return fail(FileSystemErrorKind::NotFound),
            Some(b'/') => {
                // Linux finds out where the root is when it first needs it, and lets a link lead there only after.
                let crosses = || !self.root_used || !Arc::ptr_eq(&self.at.mount, &self.root.mount);
                if resolve.contains(ResolveFlags::BENEATH) || resolve.contains(ResolveFlags::NO_CROSSING) && crosses() {
                    return fail(FileSystemErrorKind::CrossDevice);
                }
                self.at = self.root.clone();
                self.root_used = true;
            }
            Some(_) => {}
        }
        self.pending.push(Pending { text: Text::Link(target), position: 0 });
        Ok(false)
    }

    /// Whether a link may lead there by itself.
    fn check_jump(&self, to: &Path) -> Result<()> {
        let resolve = self.context.resolve;
        if resolve.contains(ResolveFlags::NO_MAGIC_LINKS) {
            return fail(FileSystemErrorKind::TooManySymlinks);
        }
        let crosses = || !Arc::ptr_eq(&self.at.mount, &to.mount);
        if resolve.is_scoped() || resolve.contains(ResolveFlags::NO_CROSSING) && crosses() {
            return fail(FileSystemErrorKind::CrossDevice);
        }
        if resolve.contains(ResolveFlags::CACHED) {
            return fail(FileSystemErrorKind::WouldBlock);
        }
        Ok(())
    }

    /// Whether one is still below where a scoped walk started: a directory on the way may have been moved out.
    fn check_scope(&self, otherwise: FileSystemErrorKind) -> Result<()> {
        if self.context.resolve.is_scoped() && !self.root.is_above(&self.at) { fail(otherwise) } else { Ok(()) }
    }

    /// Steps up, through mounts but not above the root.
    fn up(&mut self) -> Result<()> {
        let resolve = self.context.resolve;
        self.root_used = true;
        while !self.at.is(self.root) {
            if self.at.is_mount_root() {
                match self.at.mount.place() {
                    Some(_) if resolve.contains(ResolveFlags::NO_CROSSING) => {
                        return fail(FileSystemErrorKind::CrossDevice);
                    }
                    Some(place) => self.at = place,
                    None => return self.check_scope(FileSystemErrorKind::WouldBlock),
                }
                continue;
            }
            if let Some(parent) = self.at.entry.parent() {
                let above = Path { mount: self.at.mount.clone(), entry: parent };
                self.at = cross(self.context, above)?;
            }
            // Who gets out because a directory is being moved may try again.
            return self.check_scope(FileSystemErrorKind::WouldBlock);
        }
        if resolve.contains(ResolveFlags::BENEATH) { fail(FileSystemErrorKind::CrossDevice) } else { Ok(()) }
    }
}
