//! What is mounted on a mount, and where else that shows (`mount_namespaces(7)`).

use super::fails;
use crate::error::FileSystemErrorKind as Kind;
use crate::error::Result;
use crate::file::OpenFlags;
use crate::manager::mounts::{MountInfo, Propagation, UnmountFlags};
use crate::selftest::world::World;
use crate::vfs_test;
use Propagation::{Private, Shared, Slave, Unbindable};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

impl World {
    /// A tmpfs on each of these directories, which are made.
    #[track_caller]
    fn tmpfs(&self, targets: &[&str]) -> &Self {
        for target in targets {
            self.mkdir(target).mount("tmpfs", target, "").unwrap_or_else(|error| panic!("mount {target}: {error}"));
        }
        self
    }

    fn set(&self, target: &str, propagation: Propagation) -> &Self {
        let set = self.vfs.set_propagation(&self.root, target.as_bytes(), propagation, false);
        set.unwrap_or_else(|error| panic!("{target}, {propagation:?}: {error:?}"));
        self
    }

    fn try_bind(&self, source: &str, target: &str, recursive: bool) -> Result<()> {
        self.mkdir(target).vfs.bind_path(&self.root, source.as_bytes(), target.as_bytes(), recursive)
    }

    fn bind(&self, source: &str, target: &str) -> &Self {
        self.try_bind(source, target, false).unwrap_or_else(|error| panic!("bind {source} {target}: {error:?}"));
        self
    }

    fn relocate(&self, source: &str, target: &str) -> Result<()> {
        self.vfs.move_mount(&self.root, source.as_bytes(), target.as_bytes())
    }

    fn umount(&self, target: &str) -> Result<()> {
        self.vfs.unmount(&self.root, target.as_bytes(), UnmountFlags::empty())
    }

    fn info(&self, target: &str) -> MountInfo {
        let all = self.vfs.mounts(&self.root);
        let found = all.into_iter().rfind(|mount| mount.target == target.as_bytes());
        found.unwrap_or_else(|| panic!("nothing is mounted on {target}"))
    }

    /// What a mount is to others, in a word or two.
    fn kind(&self, target: &str) -> &'static str {
        let MountInfo { shared, master, unbindable, .. } = self.info(target);
        match (shared, master, unbindable) {
            (Some(_), None, false) => "shared",
            (Some(_), Some(_), false) => "slave and shared",
            (None, Some(_), false) => "slave",
            (None, None, false) => "private",
            (None, None, true) => "unbindable",
            _ => "odd",
        }
    }

    /// Where something is mounted, sorted, but for the root.
    fn targets(&self) -> String {
        let mut all: Vec<String> =
            self.vfs.mounts(&self.root).iter().map(|mount| mount.target.escape_ascii().to_string()).collect();
        all.sort();
        all[1..].join(" ")
    }

    /// The same in a namespace of its own.
    fn unshare(&self) -> Self {
        let (vfs, root) = self.vfs.duplicate(&self.root).unwrap_or_else(|error| panic!("{error:?}"));
        Self { vfs, root }
    }

    /// A tmpfs on `path` that is of that kind. A master, where there is one, is at `path`-master.
    fn of_kind(&self, path: &str, kind: &str) {
        let master = format!("{path}-master");
        match kind {
            "private" => self.tmpfs(&[path]),
            "unbindable" => self.tmpfs(&[path]).set(path, Unbindable),
            "shared" => self.tmpfs(&[path]).set(path, Shared),
            "slave" => self.tmpfs(&[&master]).set(&master, Shared).bind(&master, path).set(path, Slave),
            _ => self.tmpfs(&[&master]).set(&master, Shared).bind(&master, path).set(path, Slave).set(path, Shared),
        };
        assert_eq!(self.kind(path), kind);
    }
}

const KINDS: [&str; 5] = ["shared", "private", "slave", "slave and shared", "unbindable"];

vfs_test! {
    /// ```text
    ///   /a == /b          a mount on /a/m shows on /b/m, and the reverse; each goes by either name
    /// ```
    fn peers_pass_on_to_each_other() {
        let world = World::new();
        world.tmpfs(&["/a"]).set("/a", Shared).bind("/a", "/b");
        assert_eq!(world.info("/a").shared, world.info("/b").shared);
        world.tmpfs(&["/a/m", "/b/n"]);
        assert_eq!(world.targets(), "/a /a/m /a/n /b /b/m /b/n");
        assert_eq!(world.info("/a/m").shared, world.info("/b/m").shared);
        world.write("/a/m/f", "text");
        assert_eq!(world.read("/b/m/f"), "text");
        assert_eq!((world.umount("/b/m"), world.umount("/a/n")), (Ok(()), Ok(())));
        assert_eq!(world.targets(), "/a /b");
        world.set("/b", Private).tmpfs(&["/a/m", "/b/n"]);
        assert_eq!(world.targets(), "/a /a/m /b /b/n");
    }

    /// ```text
    ///   /a --> /s         what comes to /a comes to /s; what comes to /s stays there
    /// ```
    fn a_slave_gets_and_does_not_give() {
        let world = World::new();
        world.tmpfs(&["/a"]).set("/a", Shared).bind("/a", "/s").set("/s", Slave);
        world.tmpfs(&["/a/m", "/s/n"]);
        assert_eq!(world.targets(), "/a /a/m /s /s/m /s/n");
        assert_eq!((world.kind("/s"), world.kind("/s/m"), world.kind("/s/n")), ("slave", "slave", "private"));
        assert_eq!(world.info("/s/m").master, world.info("/a/m").shared);
        assert_eq!(world.umount("/s/m"), Ok(()));
        assert_eq!(world.targets(), "/a /a/m /s /s/n");
        assert_eq!(world.umount("/a/m"), Ok(()));
        assert_eq!(world.targets(), "/a /s /s/n");
    }

    /// ```text
    ///   /a == /b --> /c == /d --> /e       a chain: all get what comes to /b, and what comes to /c only the right half
    /// ```
    fn slaves_pass_on_to_their_peers_and_slaves() {
        let world = World::new();
        world.tmpfs(&["/a"]).set("/a", Shared).bind("/a", "/b").bind("/a", "/c").set("/c", Slave).set("/c", Shared);
        world.bind("/c", "/d").bind("/d", "/e").set("/e", Slave);
        world.tmpfs(&["/b/m", "/c/n"]);
        assert_eq!(world.targets(), "/a /a/m /b /b/m /c /c/m /c/n /d /d/m /d/n /e /e/m /e/n");
        let kinds = ["/a/m", "/c/m", "/d/m", "/e/m", "/c/n", "/e/n"].map(|target| world.kind(target));
        assert_eq!(kinds, ["shared", "slave and shared", "slave and shared", "slave", "shared", "slave"]);
        assert_eq!(world.info("/c/m").shared, world.info("/d/m").shared);
        assert_eq!((world.info("/d/m").master, world.info("/e/m").master), (world.info("/a/m").shared, world.info("/c/m").shared));
    }

    /// ```text
    ///   /a --> /b --> /c        the group of /b goes: /c is a slave of /a's; that goes too: /c is a slave no more
    /// ```
    fn who_loses_a_master_gets_the_masters() {
        let world = World::new();
        world.tmpfs(&["/a"]).set("/a", Shared).bind("/a", "/b").set("/b", Slave).set("/b", Shared);
        world.bind("/b", "/c").set("/c", Slave);
        assert_eq!(world.info("/c").master, world.info("/b").shared);
        assert_eq!(world.umount("/b"), Ok(()));
        assert_eq!(world.info("/c").master, world.info("/a").shared);
        world.tmpfs(&["/a/m"]);
        assert_eq!(world.targets(), "/a /a/m /c /c/m");
        world.set("/a", Private);
        assert_eq!((world.kind("/c"), world.kind("/c/m")), ("private", "slave"));
    }

    /// ```text
    ///   bind A to B          B shared            B not shared
    ///     A shared           shared, A's peer    shared, A's peer
    ///     A private          shared              private
    ///     A slave            slave and shared    slave
    ///     A unbindable       EINVAL              EINVAL
    /// ```
    fn what_a_bind_is() {
        for (from, to) in KINDS.into_iter().flat_map(|from| KINDS.map(|to| (from, to))) {
            let world = World::new();
            world.of_kind("/a", from);
            world.of_kind("/b", to);
            let (bound, shared) = (world.try_bind("/a", "/b/c", false), to.contains("shared"));
            let expected = match from {
                "unbindable" => {
                    fails(bound, Kind::InvalidArgument);
                    continue;
                }
                "private" if shared => "shared",
                "slave" if shared => "slave and shared",
                other => other,
            };
            assert_eq!((bound, world.kind("/b/c")), (Ok(()), expected), "{from} to {to}");
            let peers = world.info("/a").shared.is_some_and(|group| world.info("/b/c").shared == Some(group));
            assert_eq!(peers, from.contains("shared"), "{from} to {to}");
            assert_eq!(world.info("/b/c").master, world.info("/a").master);
        }
    }

    /// ```text
    ///   move A to B          B shared            B not shared
    ///     A shared           shared              shared
    ///     A private          shared              private
    ///     A slave            slave and shared    slave
    ///     A unbindable       EINVAL              unbindable
    /// ```
    fn what_a_moved_mount_is() {
        for (from, to) in KINDS.into_iter().flat_map(|from| KINDS.map(|to| (from, to))) {
            let world = World::new();
            world.of_kind("/a", from);
            world.of_kind("/b", to);
            world.mkdir("/b/c");
            let (moved, shared) = (world.relocate("/a", "/b/c"), to.contains("shared"));
            let expected = match from {
                "unbindable" if shared => {
                    fails(moved, Kind::InvalidArgument);
                    continue;
                }
                "private" if shared => "shared",
                "slave" if shared => "slave and shared",
                other => other,
            };
            assert_eq!((moved, world.kind("/b/c")), (Ok(()), expected), "{from} to {to}");
        }
    }

    /// ```text
    ///   set to           was shared (alone)   shared (with others)   slave and shared (alone)   slave    private
    ///     shared         shared               shared                 slave and shared           both     shared
    ///     slave          private              slave                  slave                      slave    private
    ///     private        private              private                private                    private  private
    ///     unbindable     unbindable           …
    /// ```
    fn what_a_mount_becomes() {
        let becomes = |was: &str, to| {
            let world = World::new();
            match was {
                "peer" => {
                    world.of_kind("/a", "shared");
                    world.bind("/a", "/peer");
                }
                _ => world.of_kind("/a", was),
            }
            world.set("/a", to).kind("/a")
        };
        let row = |to| ["shared", "peer", "slave and shared", "slave", "private", "unbindable"].map(|was| becomes(was, to));
        assert_eq!(row(Shared), ["shared", "shared", "slave and shared", "slave and shared", "shared", "shared"]);
        assert_eq!(row(Slave), ["private", "slave", "slave", "slave", "private", "unbindable"]);
        assert_eq!(row(Private), ["private"; 6]);
        assert_eq!(row(Unbindable), ["unbindable"; 6]);
    }

    /// ```text
    ///   shared /a with /a/m and /a/m/n moved (or bound with all below) to /b/t on shared /b == /c: all of it on /c/t too
    /// ```
    fn whole_trees_are_passed_on() {
        let world = World::new();
        world.tmpfs(&["/a", "/a/m", "/a/m/n", "/b"]).set("/b", Shared).bind("/b", "/c").mkdir("/b/t");
        assert_eq!(world.relocate("/a", "/b/t"), Ok(()));
        assert_eq!(world.targets(), "/b /b/t /b/t/m /b/t/m/n /c /c/t /c/t/m /c/t/m/n");
        assert_eq!(world.info("/b/t/m/n").shared, world.info("/c/t/m/n").shared);
        fails(world.relocate("/b/t", "/"), Kind::InvalidArgument);
        assert_eq!(world.try_bind("/b/t", "/c/u", true), Ok(()));
        assert_eq!(world.info("/b/u/m/n").shared, world.info("/b/t/m/n").shared);
        fails(world.umount("/c/u"), Kind::Busy);
        assert_eq!(world.vfs.unmount(&world.root, b"/c/u", UnmountFlags::LAZY), Ok(()));
        assert_eq!(world.vfs.unmount(&world.root, b"/c/t", UnmountFlags::LAZY), Ok(()));
        assert_eq!(world.targets(), "/b /c");
    }

    /// ```text
    ///   /a == /b, where /b is only /a's sub: what comes to /a/sub/m shows on /b/m, what comes to /a/m nowhere else
    /// ```
    fn what_a_peer_does_not_show_it_does_not_get() {
        let world = World::new();
        world.tmpfs(&["/a"]).set("/a", Shared).mkdir("/a/sub").bind("/a/sub", "/b");
        world.tmpfs(&["/a/sub/m", "/a/n"]);
        assert_eq!(world.targets(), "/a /a/n /a/sub/m /b /b/m");
    }

    /// ```text
    ///   /a --> /s, where only /s/m is mounted on; then a mount comes to /a/m: it comes to below the one on /s/m
    /// ```
    fn what_is_passed_on_comes_below_what_stands_there() {
        let world = World::new();
        world.tmpfs(&["/a"]).set("/a", Shared).bind("/a", "/s").set("/s", Slave).tmpfs(&["/s/m"]);
        world.write("/s/m/which", "first").tmpfs(&["/a/m"]).write("/a/m/which", "second");
        assert_eq!((world.read("/s/m/which").as_str(), world.targets().as_str()), ("first", "/a /a/m /s /s/m /s/m"));
        assert_eq!(world.umount("/s/m"), Ok(()));
        assert_eq!(world.read("/s/m/which"), "second");
        // And what covers a copy stays when the copy goes.
        world.tmpfs(&["/s/m"]).write("/s/m/which", "third");
        assert_eq!(world.umount("/a/m"), Ok(()));
        assert_eq!((world.read("/s/m/which").as_str(), world.targets().as_str()), ("third", "/a /s /s/m"));
        assert_eq!(world.umount("/s/m"), Ok(()));
        assert_eq!(world.list("/s"), "m");
    }

    /// ```text
    ///   /a/m --> /s/m, and something on /s/m/n: the copy stays when /a/m goes
    /// ```
    fn a_copy_that_something_stands_on_stays() {
        let world = World::new();
        world.tmpfs(&["/a"]).set("/a", Shared).bind("/a", "/s").set("/s", Slave).tmpfs(&["/a/m", "/s/m/n"]);
        assert_eq!(world.umount("/a/m"), Ok(()));
        assert_eq!((world.targets().as_str(), world.kind("/s/m")), ("/a /s /s/m /s/m/n", "private"));
    }

    fn a_copy_in_use_keeps_all_of_them() {
        let world = World::new();
        world.tmpfs(&["/a"]).set("/a", Shared).bind("/a", "/b").tmpfs(&["/a/m"]).write("/b/m/f", "");
        let file = world.open("/b/m/f", OpenFlags::READ);
        fails(world.umount("/a/m"), Kind::Busy);
        drop(file);
        assert_eq!(world.umount("/a/m"), Ok(()));
        assert_eq!(world.targets(), "/a /b");
    }

    /// ```text
    ///   two namespaces, made one from the other: they share what was shared, and nothing else
    /// ```
    fn namespaces_share_what_was_shared() {
        let world = World::new();
        world.tmpfs(&["/a", "/p", "/u"]).set("/a", Shared).set("/u", Unbindable);
        let other = world.unshare();
        assert_eq!(["/a", "/p", "/u"].map(|target| other.kind(target)), ["shared", "private", "unbindable"]);
        assert_eq!(world.info("/a").shared, other.info("/a").shared);
        world.tmpfs(&["/a/m", "/p/m"]);
        other.tmpfs(&["/a/n", "/p/n"]);
        assert_eq!((world.targets(), other.targets()), ("/a /a/m /a/n /p /p/m /u".into(), "/a /a/m /a/n /p /p/n /u".into()));
        other.set("/a", Slave).tmpfs(&["/a/o"]);
        assert_eq!(world.umount("/a/m"), Ok(()));
        assert_eq!((world.targets(), other.targets()), ("/a /a/n /p /p/m /u".into(), "/a /a/n /a/o /p /p/n /u".into()));
        let master = other.info("/a").master;
        assert_eq!(master, world.info("/a").shared);
        drop(world);
        assert_eq!(other.kind("/a"), "private", "of its group, which went with the namespace");
    }

    fn the_shared_root_of_a_namespace_is_passed_on_too() {
        let world = World::new();
        world.set("/", Shared);
        let other = world.unshare();
        world.tmpfs(&["/m"]);
        assert_eq!((other.targets().as_str(), other.kind("/m")), ("/m", "shared"));
        drop(other);
        assert_eq!(world.umount("/m"), Ok(()));
    }

    /// ```text
    ///   /a --> /b --> /c        who sees only /c: its master is /b's group, which it does not see, and so it says
    ///                           from which group that it sees it gets in the end
    /// ```
    fn who_sees_no_master_is_told_of_one_above_it() {
        let world = World::new();
        world.tmpfs(&["/jail"]);
        world.tmpfs(&["/jail/a"]).set("/jail/a", Shared).bind("/jail/a", "/b").set("/b", Slave).set("/b", Shared);
        world.bind("/b", "/jail/c").set("/jail/c", Slave);
        assert_eq!(world.info("/jail/c").propagate_from, world.info("/jail/c").master);
        let group = world.info("/jail/a").shared;
        let mut inside = World { vfs: world.vfs.clone(), root: world.root.clone() };
        assert_eq!(world.vfs.change_root(&mut inside.root, b"/jail"), Ok(()));
        let seen = inside.info("/c");
        assert_eq!((seen.master, seen.propagate_from), (world.info("/b").shared, group));
    }

    fn a_shared_mount_neither_loses_what_stands_on_it_nor_trades_the_root() {
        let mut world = World::new();
        world.tmpfs(&["/s", "/s/m", "/new", "/new/old-root"]).set("/s", Shared).mkdir("/to").mkdir("/new/old");
        fails(world.relocate("/s/m", "/to"), Kind::InvalidArgument);
        let vfs = world.vfs.clone();
        let pivot = |world: &mut World, old: &str| vfs.pivot_root(&mut world.root, b"/new", old.as_bytes()).map(|_| ());
        world.set("/new", Shared);
        fails(pivot(&mut world, "/new/old"), Kind::InvalidArgument);
        world.set("/new", Private).set("/", Shared);
        fails(pivot(&mut world, "/new/old"), Kind::InvalidArgument);
        world.set("/", Private);
        assert_eq!(pivot(&mut world, "/new/old"), Ok(()));
    }

    fn nothing_unbindable_comes_to_where_it_would_be_copied() {
        let world = World::new();
        world.tmpfs(&["/a", "/a/no", "/s"]).set("/a/no", Unbindable).set("/s", Shared).mkdir("/s/t");
        fails(world.relocate("/a", "/s/t"), Kind::InvalidArgument);
        assert_eq!(world.try_bind("/a", "/s/t", true), Ok(()));
        assert_eq!(world.targets(), "/a /a/no /s /s/t");
    }

    /// A mount that is bound onto itself while it is shared is its own peer.
    fn what_a_mount_passes_on_to_itself() {
        let world = World::new();
        world.tmpfs(&["/a"]).set("/a", Shared).mkdir("/a/d").bind("/a", "/a/d");
        assert_eq!(world.targets(), "/a /a/d");
        world.tmpfs(&["/a/m"]);
        assert_eq!(world.targets(), "/a /a/d /a/d/m /a/m");
        assert_eq!(world.umount("/a/d/m"), Ok(()));
        assert_eq!(world.umount("/a/d"), Ok(()));
        assert_eq!(world.targets(), "/a");
    }

    /// Each bind of all that is there to itself doubles it: without an end, but for the bound.
    fn mounts_that_multiply_come_to_an_end() {
        let world = World::new();
        world.tmpfs(&["/a"]).set("/a", Shared);
        let refused = (0..20).find_map(|number| world.try_bind("/a", &format!("/a/{number}"), true).err());
        let kind = refused.map(|error| error.kind());
        assert!(matches!(kind, Some(Kind::NoSpace | Kind::OutOfMemory)), "{kind:?}");
        let before = world.vfs.tree().mounts().len();
        fails(world.try_bind("/a", "/a/more", true), kind.unwrap_or(Kind::NoSpace));
        assert_eq!(world.vfs.tree().mounts().len(), before);
        assert_eq!(world.vfs.unmount(&world.root, b"/a", UnmountFlags::LAZY), Ok(()));
        assert_eq!(world.targets(), "");
    }

    /// Nothing that mounts have to do with each other keeps a file system alive.
    fn unmounting_frees_what_was_passed_on() {
        let world = World::new();
        world.tmpfs(&["/a"]).set("/a", Shared).bind("/a", "/b").bind("/a", "/c").set("/c", Slave);
        let other = world.unshare();
        world.tmpfs(&["/a/m"]);
        let place = world.vfs.resolve(&world.root, b"/a/m", crate::manager::Follow::Yes);
        let weak = place.map(|place| alloc::sync::Arc::downgrade(place.mount.superblock().operations()));
        let weak = weak.unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(other.targets(), "/a /a/m /b /b/m /c /c/m");
        assert_eq!(world.umount("/b/m"), Ok(()));
        assert!(weak.upgrade().is_none());
        assert_eq!(other.targets(), "/a /b /c");
    }
}
