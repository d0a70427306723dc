//! Who can have a lease, who is asked, and what becomes of who waits.

use super::LeaseHolder;
use crate::context::{Capabilities, Context};
use crate::error::{FileSystemErrorKind, Result};
use crate::file::{FileObject, OpenFlags};
use crate::lock::LockKind::{self, Exclusive, Shared};
use crate::manager::Follow;
use crate::manager::tests::fails;
use crate::selftest::world::World;
use crate::sync::Mutex;
use crate::vfs_test;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use core::time::Duration;

const READ: OpenFlags = OpenFlags::READ;
const WRITE: OpenFlags = OpenFlags::WRITE;
const BOTH: OpenFlags = READ.union(WRITE);
const NOW: OpenFlags = OpenFlags::NON_BLOCKING;
const AGAIN: FileSystemErrorKind = FileSystemErrorKind::WouldBlock;

/// How long who was asked has.
const ANSWER: Duration = Duration::from_secs(45);

type Act = Box<dyn FnOnce() + Send>;

/// A holder whose clock stands still but while somebody waits.
#[derive(Default)]
struct Holder {
    seconds: AtomicU64,
    asked: AtomicU32,
    changes: Mutex<Vec<Option<LockKind>>>,
    /// What it does when somebody waits; with nothing to do it lets its time pass.
    acts: Mutex<Vec<Act>>,
}

impl Holder {
    fn then(&self, act: impl FnOnce() + Send + 'static) {
        self.acts.lock().insert(0, Box::new(act));
    }

    /// How often it was asked, and what became of its lease.
    fn seen(&self) -> (u32, Vec<Option<LockKind>>) {
        (self.asked.load(Ordering::Relaxed), self.changes.lock().clone())
    }
}

impl LeaseHolder for Holder {
    fn ask(&self) -> Option<Duration> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Some(self.now() + ANSWER)
    }

    fn now(&self) -> Duration {
        Duration::from_secs(self.seconds.load(Ordering::Relaxed))
    }

    fn wait(&self, until: Option<Duration>, done: &dyn Fn() -> bool) -> Result<()> {
        let act = self.acts.lock().pop();
        match act {
            Some(act) => act(),
            None => self.seconds.store(until.map_or(0, |until| until.as_secs()), Ordering::Relaxed),
        }
        assert!(done() || until.is_some_and(|until| self.now() >= until), "nothing to wait for");
        Ok(())
    }

    fn changed(&self, kind: Option<LockKind>) {
        self.changes.lock().push(kind);
    }
}

/// A file that somebody has open.
struct Held {
    world: World,
    file: Arc<FileObject>,
    holder: Arc<Holder>,
}

impl Held {
    fn new(world: World, flags: OpenFlags) -> Self {
        let file = open(&world, flags);
        Self { world, file, holder: Arc::default() }
    }

    fn take(&self, kind: impl Into<Option<LockKind>>) -> Result<()> {
        self.file.set_lease(&self.world.root.credentials, kind.into(), 1, self.holder.clone())
    }

    fn opens(&self, flags: OpenFlags) -> Result<()> {
        self.world.open("/f", flags).map(drop)
    }
}

fn open(world: &World, flags: OpenFlags) -> Arc<FileObject> {
    world.open("/f", flags).unwrap_or_else(|error| panic!("{error:?}"))
}

fn world() -> World {
    let world = World::new();
    world.write("/f", "text").mkdir("/d");
    world
}

vfs_test! {
    /// ```text
    /// open by others      none   READ   WRITE
    /// shared, own READ    yes    yes    no
    /// exclusive           yes    no     no       and a shared one of who writes itself: no
    /// ```
    fn a_lease_goes_with_how_the_file_is_open() {
        let world = world();
        let reader = Held::new(world, READ);
        for kind in [Shared, Exclusive] {
            assert_eq!(reader.take(kind), Ok(()));
            assert_eq!((reader.file.lease(), reader.take(None)), (Some(kind), Ok(())));
        }
        let other = open(&reader.world, READ);
        assert_eq!(reader.take(Shared), Ok(()));
        fails(reader.take(Exclusive), AGAIN);
        assert_eq!((reader.file.lease(), reader.take(None)), (Some(Shared), Ok(())));
        drop(other);
        let place = open(&reader.world, OpenFlags::PATH);
        assert_eq!(reader.take(Exclusive).and(reader.take(None)), Ok(()));
        fails(reader.take(None), AGAIN);
        drop(place);
        let Held { world, file, .. } = reader;
        let writer = Held::new(world, BOTH);
        fails(writer.take(Shared).and(writer.take(Exclusive)), AGAIN);
        drop(file);
        assert_eq!(writer.take(Exclusive), Ok(()));
    }

    fn two_may_have_shared_ones() {
        let one = Held::new(world(), READ);
        let (other, holder) = (open(&one.world, READ), Arc::new(Holder::default()));
        let credentials = &one.world.root.credentials;
        assert_eq!(one.take(Shared).and(other.set_lease(credentials, Some(Shared), 1, holder.clone())), Ok(()));
        fails(one.take(Exclusive), AGAIN);
        fails(one.opens(WRITE | NOW), AGAIN);
        assert_eq!((one.file.lease(), other.lease()), (None, None));
        assert_eq!((one.holder.seen().0, holder.seen().0), (1, 1));
        // What is to go keeps others from coming.
        let third = open(&one.world, READ);
        fails(third.set_lease(credentials, Some(Shared), 1, holder.clone()), AGAIN);
        drop((other, third));
        assert_eq!(one.take(None), Ok(()));
        assert_eq!(one.opens(WRITE | NOW), Ok(()));
    }

    fn not_everybody_can_have_one_nor_of_everything() {
        let world = world();
        let (mut stranger, holder) = (world.root.credentials.clone(), Arc::new(Holder::default()));
        (stranger.uid, stranger.capabilities) = (1000, Capabilities::empty());
        let file = open(&world, READ);
        fails(file.set_lease(&stranger, Some(Shared), 1, holder.clone()), FileSystemErrorKind::PermissionDenied);
        stranger.capabilities = Capabilities::LEASE;
        assert_eq!(file.set_lease(&stranger, Some(Shared), 1, holder.clone()), Ok(()));
        let directory = world.open("/d", READ).unwrap_or_else(|error| panic!("{error:?}"));
        fails(directory.set_lease(&stranger, Some(Shared), 1, holder.clone()), FileSystemErrorKind::InvalidArgument);
        let place = open(&world, OpenFlags::PATH);
        fails(place.set_lease(&stranger, Some(Shared), 1, holder), FileSystemErrorKind::BadFileDescriptor);
    }

    /// Who only reads is content with a shared one, who writes is not.
    fn who_opens_waits_until_the_lease_is_given_back_or_down() {
        let held = Held::new(world(), READ);
        assert_eq!(held.take(Exclusive), Ok(()));
        fails(held.opens(READ | NOW), AGAIN);
        assert_eq!(held.file.lease(), Some(Shared), "what it is to become");
        let (file, holder) = (held.file.clone(), held.holder.clone());
        let credentials = held.world.root.credentials.clone();
        held.holder.then(move || assert_eq!(file.set_lease(&credentials, Some(Shared), 1, holder), Ok(())));
        assert_eq!(held.opens(READ), Ok(()));
        assert_eq!(held.holder.seen(), (1, [Some(Shared)].into()));
        let (file, holder) = (held.file.clone(), held.holder.clone());
        let credentials = held.world.root.credentials.clone();
        held.holder.then(move || {
            fails(file.set_lease(&credentials, Some(Shared), 1, holder.clone()), AGAIN);
            assert_eq!(file.set_lease(&credentials, None, 1, holder), Ok(()));
        });
        assert_eq!(held.opens(WRITE), Ok(()));
        assert_eq!(held.holder.seen(), (2, [Some(Shared), None].into()));
    }

    fn who_does_not_answer_loses_it() {
        let held = Held::new(world(), READ);
        assert_eq!(held.take(Exclusive), Ok(()));
        assert_eq!(held.opens(READ), Ok(()));
        assert_eq!((held.file.lease(), held.holder.now()), (Some(Shared), ANSWER));
        assert_eq!(held.opens(WRITE), Ok(()));
        assert_eq!((held.file.lease(), held.holder.now()), (None, 2 * ANSWER));
        assert_eq!(held.holder.seen(), (2, [Some(Shared), None].into()));
        // One that nobody waits for any more is lost in time all the same.
        assert_eq!(held.take(Shared), Ok(()));
        fails(held.opens(WRITE | NOW), AGAIN);
        held.holder.seconds.fetch_add(ANSWER.as_secs(), Ordering::Relaxed);
        assert_eq!(held.file.lease(), None);
        fails(held.take(None), AGAIN);
    }

    fn cutting_a_file_asks_and_a_place_does_not() {
        let held = Held::new(world(), READ);
        assert_eq!(held.take(Exclusive), Ok(()));
        drop(open(&held.world, OpenFlags::PATH));
        assert_eq!(held.holder.seen().0, 0);
        assert_eq!(held.world.vfs.truncate(&held.world.root, b"/f", 0), Ok(()));
        assert_eq!((held.holder.seen().0, held.file.lease()), (1, None));
    }

    fn what_is_closed_gives_its_lease_back() {
        let held = Held::new(world(), READ);
        assert_eq!(held.take(Exclusive), Ok(()));
        drop(held.file);
        assert_eq!(held.holder.seen(), (0, [None].into()));
        drop(open(&held.world, WRITE | NOW));
    }

    /// ```text
    /// lower: f     a lease is taken, the mode changed: the file is copied up
    /// ```
    fn a_lease_stays_over_a_copy_up() {
        let world = World::new();
        world.mkdir("/l").write("/l/f", "text").mkdir("/u").mkdir("/m");
        assert!(world.mount("overlay", "/m", "lowerdir=/l,upperdir=/u").is_ok());
        let place = world.vfs.resolve(&world.root, b"/m", Follow::Yes).unwrap_or_else(|error| panic!("{error:?}"));
        let root = Context { root: place.clone(), cwd: place, ..world.root.clone() };
        let held = Held::new(World { root, ..world }, READ);
        assert_eq!(held.take(Exclusive), Ok(()));
        let changed = held.world.vfs.set_mode(&held.world.root, b"/f", 0o600, Follow::Yes);
        assert_eq!(changed, Ok(()));
        assert_eq!((held.file.lease(), held.holder.seen().0), (Some(Exclusive), 0));
        fails(held.opens(WRITE | NOW), AGAIN);
        assert_eq!(held.take(None), Ok(()));
        assert_eq!(held.opens(WRITE | NOW), Ok(()));
    }
}
