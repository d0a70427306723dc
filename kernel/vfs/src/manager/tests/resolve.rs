//! What a path may lead through where that is restricted (`openat2(2)`), and places without content (`O_PATH`).
//!
//! ```text
//! /top        /d/e/f        /d/m: another mount, with g        /d/rel -> e/f    /d/abs -> /d/e/f    /d/out -> ../top
//! /d/m/up -> ../e/f         /d/home -> /
//! ```

use super::fails;
use crate::change::ChangeCell;
use crate::context::{Credentials, ResolveFlags};
use crate::error::{FileSystemErrorKind as Kind, Result};
use crate::file::{FileObject, OpenFlags, SeekFrom};
use crate::file_system::FileSystemOperations;
use crate::manager::Follow;
use crate::metadata::{FileSystemId, FileType, Metadata, NodeId, Permissions, SetAttributes, Statistics};
use crate::mount::{MountFlags, Path};
use crate::node::{Allocate, NodeRef, RenameFlags, VfsNode};
use crate::selftest::world::World;
use crate::sync::Mutex;
use crate::vfs_test;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::{Arc, Weak};
use core::any::Any;

fn world() -> World {
    let world = World::new();
    world.mkdir("/d/e").mkdir("/d/m").write("/top", "").write("/d/e/f", "");
    world.mount("tmpfs", "/d/m", "").unwrap_or_else(|error| panic!("{error}"));
    world.write("/d/m/g", "").symlink("../e/f", "/d/m/up");
    world.symlink("e/f", "/d/rel").symlink("/d/e/f", "/d/abs").symlink("../top", "/d/out").symlink("/", "/d/home");
    world
}

/// Where a path from `/d` leads under these restrictions, or the errno.
fn lead(world: &World, resolve: ResolveFlags, path: &str) -> String {
    let answer = (|| {
        let start = world.vfs.resolve(&world.root, b"/d", Follow::Yes)?;
        let place = world.vfs.resolve(&world.root.at(start).resolving(resolve), path.as_bytes(), Follow::Yes)?;
        world.vfs.path_name(&world.root, &place)
    })();
    answer.map_or_else(|error| format!("{error:?}"), |name| name.escape_ascii().to_string())
}

fn check(resolve: ResolveFlags, expected: &[(&str, &str)]) {
    let world = world();
    for (path, answer) in expected {
        assert_eq!(lead(&world, resolve, path), *answer, "{path}");
    }
}

fn open(world: &World, path: &str, flags: OpenFlags) -> Arc<FileObject> {
    world.open(path, flags).unwrap_or_else(|error| panic!("{path}: {error:?}"))
}

/// A file system with one link, `/link`, that leads by itself to where it is told.
struct Magic {
    me: Weak<Magic>,
    id: FileSystemId,
    target: Mutex<Option<Path>>,
}

impl Magic {
    fn new() -> Arc<Self> {
        Arc::new_cyclic(|me| Self { me: me.clone(), id: FileSystemId::fresh(), target: Mutex::new(None) })
    }

    fn node(&self, kind: FileType) -> NodeRef {
        Arc::new(MagicNode { of: self.me.clone(), file_system: self.id, kind, changes: ChangeCell::default() })
    }
}

impl FileSystemOperations for Magic {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn type_name(&self) -> &'static str {
        "magic"
    }

    fn id(&self) -> FileSystemId {
        self.id
    }

    fn root(&self) -> NodeRef {
        self.node(FileType::Directory)
    }

    fn statistics(&self) -> Result<Statistics> {
        Err(Kind::NotImplemented.into())
    }
}

struct MagicNode {
    of: Weak<Magic>,
    file_system: FileSystemId,
    kind: FileType,
    changes: ChangeCell,
}

impl VfsNode for MagicNode {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn id(&self) -> NodeId {
        NodeId { file_system: self.file_system, inode: self.kind.mode_bits().into() }
    }

    fn kind(&self) -> FileType {
        self.kind
    }

    fn permissions(&self) -> Permissions {
        Permissions::new(0o777, 0, 0)
    }

    fn metadata(&self) -> Result<Metadata> {
        Err(Kind::NotImplemented.into())
    }

    fn file_system(&self) -> Result<Arc<dyn FileSystemOperations>> {
        Ok(self.of.upgrade().ok_or(Kind::Stale)?)
    }

    fn set_attributes(&self, _set: &SetAttributes) -> Result<()> {
        Err(Kind::ReadOnlyFileSystem.into())
    }

    fn change_cell(&self) -> Option<&ChangeCell> {
        Some(&self.changes)
    }

    fn lookup(&self, name: &[u8]) -> Result<NodeRef> {
        match self.of.upgrade() {
            Some(magic) if name == b"link" => Ok(magic.node(FileType::Symlink)),
            _ => Err(Kind::NotFound.into()),
        }
    }

    fn jump(&self, credentials: &Credentials) -> Result<Option<Path>> {
        let magic = self.of.upgrade().ok_or(Kind::Stale)?;
        let target = magic.target.lock().clone();
        if credentials.uid == 0 { Ok(target) } else { Err(Kind::PermissionDenied.into()) }
    }
}

/// The world with a link `/magic/link` that leads by itself to `target`, which may have no name.
fn with_magic(target: &str) -> (World, Arc<Magic>) {
    let world = world();
    world.mkdir("/magic");
    let magic = Magic::new();
    let mounted = world.vfs.mount_file_system(&world.root, b"/magic", magic.clone(), b"magic", MountFlags::empty());
    assert_eq!(mounted, Ok(()));
    *magic.target.lock() = Some(open(&world, target, OpenFlags::PATH).path().clone());
    (world, magic)
}

vfs_test! {
    fn without_restrictions_a_path_leads_anywhere() {
        check(ResolveFlags::empty(), &[("rel", "/d/e/f"), ("abs", "/d/e/f"), ("out", "/top"), ("m/up", "/d/e/f")]);
    }

    fn no_crossing_stays_in_one_mount() {
        check(ResolveFlags::NO_CROSSING, &[
            ("e/f", "/d/e/f"), ("../top", "/top"), ("/d/e", "/d/e"), ("../d/abs", "/d/e/f"), ("../../..", "/"), ("abs", "EXDEV"),
            ("m", "EXDEV"), ("m/g", "EXDEV"), ("/d/m/g", "EXDEV"), ("none", "ENOENT"),
        ]);
        let world = world();
        let inside = world.vfs.resolve(&world.root, b"/d/m", Follow::Yes).unwrap_or_else(|error| panic!("{error:?}"));
        let inside = world.root.at(inside).resolving(ResolveFlags::NO_CROSSING);
        let ask = |path: &str| world.vfs.resolve(&inside, path.as_bytes(), Follow::Yes);
        assert!(ask("g").is_ok());
        // An absolute path may start in another mount, but an absolute link may not lead there.
        assert!(ask("/d/e/f").is_ok());
        world.symlink("/top", "/d/m/abs");
        for path in ["..", "up", "abs"] {
            fails(ask(path), Kind::CrossDevice);
        }
        // Nor may what is made or opened by a last name.
        let context = world.root.resolving(ResolveFlags::NO_CROSSING);
        assert!(world.vfs.open(&context, b"/d/new", OpenFlags::WRITE | OpenFlags::CREATE, 0o600).is_ok());
        world.write("/d/plain", "");
        let file = open(&world, "/top", OpenFlags::PATH).path().clone();
        assert_eq!(world.vfs.bind(&world.root, &file, b"/d/plain", false), Ok(()));
        fails(world.vfs.open(&context, b"/d/plain", OpenFlags::WRITE | OpenFlags::CREATE, 0), Kind::CrossDevice);
    }

    fn no_symlinks_follows_none() {
        check(ResolveFlags::NO_SYMLINKS, &[("e/f", "/d/e/f"), ("rel", "ELOOP"), ("home/top", "ELOOP"), ("m/g", "/d/m/g")]);
        let world = world();
        let context = world.root.resolving(ResolveFlags::NO_SYMLINKS);
        let link = world.vfs.open(&context, b"/d/rel", OpenFlags::PATH | OpenFlags::NO_FOLLOW, 0);
        assert_eq!(link.map(|file| file.node().kind()), Ok(FileType::Symlink));
    }

    fn beneath_never_leads_up_or_to_the_root() {
        check(ResolveFlags::BENEATH, &[
            ("e/../rel", "/d/e/f"), ("m/up", "/d/e/f"), (".", "/d"), ("..", "EXDEV"), ("e/../..", "EXDEV"),
            ("/d/e", "EXDEV"), ("abs", "EXDEV"), ("out", "EXDEV"), ("home", "EXDEV"), ("none/..", "ENOENT"),
        ]);
        let world = world();
        let start = world.vfs.resolve(&world.root, b"/d", Follow::Yes).unwrap_or_else(|error| panic!("{error:?}"));
        let context = world.root.at(start).resolving(ResolveFlags::BENEATH);
        fails(world.vfs.open(&context, b"../new", OpenFlags::WRITE | OpenFlags::CREATE, 0o600), Kind::CrossDevice);
        fails(world.vfs.open(&context, b"out", OpenFlags::WRITE | OpenFlags::CREATE, 0o600), Kind::CrossDevice);
        assert!(world.vfs.open(&context, b"e/new", OpenFlags::WRITE | OpenFlags::CREATE, 0o600).is_ok());
    }

    fn in_root_makes_the_start_the_root() {
        check(ResolveFlags::IN_ROOT, &[
            ("/e/f", "/d/e/f"), ("e/../../../rel", "/d/e/f"), ("..", "/d"), ("home/e", "/d/e"), ("abs", "ENOENT"),
            ("out", "ENOENT"), ("m/../../m/g", "/d/m/g"),
        ]);
    }

    fn scopes_exclude_each_other() {
        check(ResolveFlags::BENEATH | ResolveFlags::IN_ROOT, &[("e", "EINVAL"), ("/e", "EINVAL")]);
    }

    /// What nobody has looked up yet, or what has changed since, is not there to be had without waiting.
    fn cached_answers_only_what_is_known() {
        let world = world();
        world.vfs.tree().root().superblock().set_cache_bound(0);
        world.vfs.tree().root().superblock().set_cache_bound(100);
        assert_eq!(lead(&world, ResolveFlags::CACHED, "e/f"), "EAGAIN");
        assert_eq!(lead(&world, ResolveFlags::empty(), "e/f"), "/d/e/f");
        assert_eq!(lead(&world, ResolveFlags::CACHED, "e/f"), "/d/e/f");
        world.write("/d/e/g", "");
        assert_eq!(lead(&world, ResolveFlags::CACHED, "e/f"), "EAGAIN");
        let context = world.root.resolving(ResolveFlags::CACHED);
        let open = |flags| world.vfs.open(&context, b"/top", flags, 0o600).map(drop);
        assert_eq!(lead(&world, ResolveFlags::empty(), "/top"), "/top");
        assert_eq!(open(OpenFlags::READ), Ok(()));
        fails(open(OpenFlags::WRITE | OpenFlags::CREATE), Kind::WouldBlock);
        fails(open(OpenFlags::WRITE | OpenFlags::TRUNCATE), Kind::WouldBlock);
    }

    /// A link that leads by itself needs no name where it leads, and has the restrictions of its own.
    fn magic_links_lead_by_themselves() {
        let (world, magic) = with_magic("/d/m/g");
        assert_eq!(world.unlink("/d/m/g"), Ok(()));
        assert_eq!(world.stat("/magic/link").links, 0);
        let text = open(&world, "/magic/link", OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE);
        assert_eq!(text.write(&world.root.credentials, &mut &b"text"[..]), Ok(4));
        assert_eq!(world.read("/magic/link"), "text");
        assert_eq!(world.probe("/magic/link/"), "ENOTDIR");
        fails(world.open("/magic/link", OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::EXCLUSIVE), Kind::AlreadyExists);
        fails(world.vfs.metadata(&world.user(1, 1), b"/magic/link", Follow::Yes), Kind::PermissionDenied);
        *magic.target.lock() = Some(open(&world, "/d", OpenFlags::PATH).path().clone());
        assert_eq!(world.list("/magic/link"), "abs e home m out rel");
        assert_eq!(world.probe("/magic/link/e/../rel"), "found");
        fails(world.open("/magic/link", OpenFlags::WRITE | OpenFlags::CREATE), Kind::IsADirectory);
        for (resolve, error) in [
            (ResolveFlags::NO_MAGIC_LINKS, Kind::TooManySymlinks),
            (ResolveFlags::NO_SYMLINKS, Kind::TooManySymlinks),
            (ResolveFlags::IN_ROOT, Kind::CrossDevice),
            (ResolveFlags::CACHED, Kind::WouldBlock),
        ] {
            assert!(world.vfs.resolve(&world.root, b"/magic/link", Follow::Yes).is_ok());
            let context = world.root.resolving(resolve);
            fails(world.vfs.resolve(&context, b"/magic/link", Follow::Yes), error);
        }
        let inside = world.vfs.resolve(&world.root, b"/magic", Follow::Yes).map(|place| world.root.at(place));
        let inside = inside.map(|context| context.resolving(ResolveFlags::NO_CROSSING));
        fails(inside.and_then(|context| world.vfs.resolve(&context, b"link/e", Follow::Yes)), Kind::CrossDevice);
        *magic.target.lock() = None;
    }

    /// Two paths of one rename may start in two directories.
    fn a_name_moves_from_one_open_directory_to_another() {
        let world = world();
        world.mkdir("/other");
        let at = |path: &str| world.root.at(open(&world, path, OpenFlags::PATH).path().clone());
        let (from, to) = (at("/d/e"), at("/other"));
        assert_eq!(world.vfs.rename_between(&from, b"f", &to, b"g", RenameFlags::empty()), Ok(()));
        assert_eq!((world.list("/d/e"), world.list("/other")), ("".into(), "g".into()));
        assert_eq!(world.vfs.link_between(&to, b"g", &from, b"h", Follow::No), Ok(()));
        assert_eq!(world.stat("/d/e/h").links, 2);
    }

    /// open(2): of a place one may ask for the metadata and where it is, and start paths there; all else is EBADF.
    fn a_place_can_be_named_and_nothing_else() {
        let world = world();
        for path in ["/d", "/top", "/d/rel"] {
            // No right to the file itself is needed.
            assert_eq!(world.vfs.set_mode(&world.root, b"/top", 0, Follow::Yes), Ok(()));
            let user = world.user(7, 7);
            let place = world.vfs.open(&user, path.as_bytes(), OpenFlags::PATH | OpenFlags::NO_FOLLOW, 0);
            let place = place.unwrap_or_else(|error| panic!("{path}: {error:?}"));
            assert_eq!(place.metadata().ok(), world.lstat(path).ok());
            let (who, other) = (&world.root.credentials, open(&world, "/d/e/f", OpenFlags::READ | OpenFlags::WRITE));
            let answers = [
                place.read(&mut &mut [0][..]).map(drop),
                place.read_at(0, &mut &mut [0][..]).map(drop),
                place.write(who, &mut &b"x"[..]).map(drop),
                place.write_at(who, 0, &mut &b"x"[..]).map(drop),
                place.seek(SeekFrom::Start(0)).map(drop),
                place.list(&mut |_| true),
                place.truncate(who, 0),
                place.allocate(who, Allocate::PunchHole, 0, 0),
                place.sync(),
                place.copy_range(who, 0, &other, 0, 1).map(drop),
                other.copy_range(who, 0, &place, 0, 1).map(drop),
                place.clone_content(who, &other),
            ];
            for (index, answer) in answers.into_iter().enumerate() {
                assert_eq!(answer, Err(Kind::BadFileDescriptor.into()), "{path}, operation {index}");
            }
        }
    }
}
