//! A layer pushed while the overlay is mounted: what is seen stays, what comes after it goes to the new upper; and what
//! a pop brings back. What hinders either is in [`super::push_busy`].

use super::super::seen::{Seen, tree};
use super::super::{Stage, in_both_formats};
use crate::error::FileSystemErrorKind as Kind;
use crate::file::{OpenFlags, SeekFrom};
use crate::manager::Follow;
use crate::manager::mounts::MountError;
use crate::mount::MountFlags;
use crate::node::{RenameFlags, SetXattr};
use crate::selftest::world::{World, read_all};
use crate::vfs_test;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

impl Stage {
    pub(super) fn remount(&self, options: &str) -> core::result::Result<(), MountError> {
        self.vfs.remount(&self.root, b"/m", MountFlags::empty(), options.as_bytes())
    }

    /// Pushes a new directory.
    #[track_caller]
    pub(super) fn push(&self, directory: &str) -> &Self {
        self.mkdir(directory);
        if let Err(error) = self.remount(&format!("push={directory}")) {
            panic!("push={directory}: {error}");
        }
        self
    }

    #[track_caller]
    pub(super) fn pop(&self) -> &Self {
        if let Err(error) = self.remount("pop") {
            panic!("pop: {error}");
        }
        self
    }

    fn shown_options(&self) -> String {
        let mounts = self.vfs.mounts(&self.root);
        mounts
            .iter()
            .find(|mount| mount.type_name == "overlay")
            .map(|mount| mount.file_system_options())
            .unwrap_or_default()
    }
}

vfs_test! {
    /// ```text
    ///      push=/u2
    /// u         u2    g new          what is written from now on
    /// 1         u     f d/x          frozen: not written again
    ///           1     f g
    /// ```
    fn what_is_written_after_a_push_is_in_the_new_upper() {
        in_both_formats(|stage| {
            stage.write("/1/f", "f").write("/1/g", "g").mkdir("/1/d").overlay("/1");
            stage.append("/m/f", "+").write("/m/d/x", "x").push("/u2");
            assert_eq!((stage.list("/u"), stage.list("/u2")), ("d f".into(), String::new()));
            let frozen = tree(stage, "/u");
            stage.append("/m/f", "+").append("/m/g", "+").write("/m/new", "new").append("/m/d/x", "+");
            assert_eq!(stage.chmod("/m/d", 0o700), Ok(()));
            assert_eq!(stage.read("/u2/f"), "f++");
            assert_eq!(stage.list("/u2"), "d f g new");
            assert_eq!(stage.read("/m/f") + &stage.read("/m/d/x"), "f++x+");
            assert!(tree(stage, "/u") == frozen, "what is frozen is not written");
        });
    }

    fn the_stack_is_shown_as_it_is_now() {
        let stage = Stage::oci();
        stage.mkdir("/a:b").write("/1/f", "f").overlay("/1").push("/a:b");
        assert_eq!(stage.shown_options(), "rw,lowerdir=/u:/1,upperdir=/a:b");
        let layers: Vec<String> = stage
            .file_system()
            .layers()
            .iter()
            .map(|layer| format!("{} {} {}", layer.number, String::from_utf8_lossy(&layer.name), layer.frozen))
            .collect();
        assert_eq!(layers, ["0 /a:b false", "1 /u true", "2 /1 false"]);
        stage.push("/u3");
        assert_eq!(stage.shown_options(), "rw,lowerdir=/a\\:b:/u:/1,upperdir=/u3");
        stage.pop().pop();
        assert_eq!(stage.shown_options(), "rw,lowerdir=/1,upperdir=/u,workdir=/w");
    }

    /// ```text
    /// u2   (a tmpfs of 1 MiB)   f        statfs shows its figures; which says that f is in the upper; diff tells what
    /// u    f g                           came after the push
    /// ```
    fn statfs_which_and_diff_follow() {
        let stage = Stage::oci();
        stage.mkdir("/u2").mount("tmpfs", "/u2", "size=1m").expect("a tmpfs mounts");
        stage.write("/1/l", "").overlay("/1").write("/m/f", "f").write("/m/g", "g").push("/u2");
        let (shown, upper) = (stage.vfs.statistics(&stage.root, b"/m"), stage.vfs.statistics(&stage.root, b"/u2"));
        assert_eq!(shown.map(|figures| figures.blocks), upper.map(|figures| figures.blocks));
        let overlay = stage.file_system();
        let diff = || {
            let mut told = String::new();
            let all = overlay.diff(&mut |difference, path| told += &format!("{difference:?} {} ", path.escape_ascii()));
            assert_eq!(all, Ok(()));
            told
        };
        assert_eq!(diff(), "");
        stage.append("/m/f", "+");
        assert_eq!(stage.unlink("/m/g"), Ok(()));
        assert_eq!(diff(), "Changed /f Deleted /g ");
        let top = stage.vfs.resolve(&stage.root, b"/m", Follow::Yes).expect("it is there");
        let layers = |name: &[u8]| overlay.explain(top.node().expect("a directory"), name).map(|told| told.layers);
        assert_eq!((layers(b"f"), layers(b"l"), layers(b"g")), (Ok([0].into()), Ok([2].into()), Ok([].into())));
    }

    /// ```text
    /// u   f: one            opened read-only, opened for writing;  push;  a write by each way is seen by all
    /// 1   l: one
    /// ```
    fn open_files_go_on_and_see_what_is_written_after_the_push() {
        in_both_formats(|stage| {
            stage.write("/1/l", "one").overlay("/1").write("/m/f", "one");
            for (path, upper) in [("/m/f", "/u2"), ("/m/l", "/u3")] {
                let reader = stage.open(path, OpenFlags::READ).expect("it opens");
                let writer = stage.open(path, OpenFlags::WRITE | OpenFlags::APPEND).expect("it opens");
                stage.push(upper);
                assert_eq!(read_all(&reader).as_deref(), Ok("one"));
                assert_eq!(writer.write(&stage.root.credentials, &mut &b" two"[..]), Ok(4));
                stage.append(path, " three");
                assert_eq!(writer.write(&stage.root.credentials, &mut &b" four"[..]), Ok(5));
                assert_eq!(read_all(&reader).as_deref(), Ok(" two three four"));
                assert_eq!(stage.read(path), "one two three four");
                assert_eq!(writer.metadata().map(|now| now.id), stage.lstat(path).map(|now| now.id));
            }
            assert_eq!(["/u/f", "/u2/l"].map(|path| stage.read(path)), ["one", "one"]);
        });
    }

    /// ```text
    /// u   unnamed, and f without its name, both open:  push;  write, then give the unnamed one a name
    /// ```
    fn files_without_a_name_go_on_too() {
        let stage = Stage::oci();
        stage.overlay("/1").write("/m/f", "f");
        let flags = OpenFlags::READ | OpenFlags::WRITE;
        let unnamed = stage.open("/m", flags | OpenFlags::TEMPORARY).expect("it opens");
        let gone = stage.open("/m/f", flags).expect("it opens");
        assert_eq!(stage.unlink("/m/f"), Ok(()));
        stage.push("/u2");
        for file in [&unnamed, &gone] {
            assert_eq!(file.write(&stage.root.credentials, &mut &b"text"[..]), Ok(4));
            assert_eq!(file.seek(SeekFrom::Start(0)), Ok(0));
            assert_eq!(read_all(file).as_deref(), Ok("text"));
        }
        assert_eq!(stage.list("/m"), "");
        assert_eq!(stage.vfs.link_file(&stage.root, &unnamed, b"/m/named"), Ok(()));
        assert_eq!((stage.read("/m/named"), stage.list("/u2"), stage.list("/u")), ("text".into(), "named".into(), String::new()));
    }

    /// ```text
    /// 1   a b c       list one name;  push;  make and remove others;  the rest comes, each name once
    /// u   d
    /// ```
    fn a_listing_goes_on_where_it_was() {
        in_both_formats(|stage| {
            stage.mkdir("/1/s").write("/1/s/a", "").write("/1/s/b", "").write("/1/s/c", "").overlay("/1").write("/m/s/d", "");
            let stream = stage.open("/m/s", OpenFlags::READ | OpenFlags::DIRECTORY).expect("it opens");
            let mut names = Vec::new();
            let mut next = |most: usize| {
                let before = names.len();
                let listed = stream.list(&mut |item| {
                    let room = names.len() < before + most;
                    if room {
                        names.push(String::from_utf8_lossy(item.name).into_owned());
                    }
                    room
                });
                assert_eq!(listed, Ok(()));
            };
            next(3);
            stage.push("/u2");
            next(1);
            stage.write("/m/s/e", "").push("/u3");
            next(100);
            names.sort();
            assert_eq!(names.join(" "), ". .. a b c d");
        });
    }

    /// ```text
    /// u   d   (opaque)        as marks of a lower layer: what they hide stays hidden, where they lead is gone on to
    ///     -f                  f and d/x made again, and d moved on, are then in u2
    ///     r -> 1/q
    /// 1   f  d/x  q/y
    /// ```
    fn whiteouts_opaque_directories_and_redirects_of_what_is_frozen_count() {
        in_both_formats(|stage| {
            stage.mkdir("/1/d").write("/1/d/x", "x").mkdir("/1/q").write("/1/q/y", "y").write("/1/f", "f").overlay("/1");
            assert_eq!(stage.unlink("/m/f").and(stage.unlink("/m/d/x")).and(stage.rmdir("/m/d")), Ok(()));
            stage.mkdir("/m/d").push("/u2");
            assert_eq!(stage.rename("/m/q", "/m/r"), Ok(()));
            stage.push("/u3");
            assert_eq!((stage.list("/m"), stage.list("/m/d"), stage.list("/m/r")), ("d r".into(), String::new(), "y".into()));
            stage.write("/m/f", "new").write("/m/d/x", "new").append("/m/r/y", "+");
            assert_eq!(stage.rename("/m/r", "/m/d/again"), Ok(()));
            assert_eq!((stage.read("/m/f"), stage.read("/m/d/x"), stage.read("/m/d/again/y")), ("new".into(), "new".into(), "y+".into()));
            assert_eq!((stage.list("/m"), stage.list("/m/d")), ("d f".into(), "again x".into()));
            stage.pop();
            assert_eq!((stage.list("/m"), stage.read("/m/r/y")), ("d r".into(), "y".into()));
            stage.pop();
            assert_eq!((stage.list("/m"), stage.read("/m/q/y")), ("d q".into(), "y".into()));
        });
    }

    /// ```text
    /// layers on one file system, or each on its own:  new, copied up, moved and merged files and directories keep
    /// st_ino and d_ino over pushes, copy-ups into the new upper, and pops
    /// ```
    fn numbers_are_constant_across_push_and_pop() {
        for apart in [false, true] {
            let stage = Stage::oci();
            for layer in ["/1", "/2", "/u", "/u2", "/u3"].iter().filter(|_| apart) {
                stage.mkdir(layer).mount("tmpfs", layer, "").expect("a tmpfs mounts");
            }
            stage.mkdir("/1/d/e").write("/1/d/f", "").write("/1/g", "").mkdir("/2/d").write("/2/h", "").mount_overlay("lowerdir=/1:/2,upperdir=/u");
            stage.append("/m/d/f", "+").write("/m/new", "").mkdir("/m/made").write("/m/made/x", "").write("/m/d/e/y", "");
            assert_eq!(stage.rename("/m/g", "/m/d/g2"), Ok(()));
            let paths = ["/m", "/m/d", "/m/d/e", "/m/d/f", "/m/d/g2", "/m/new", "/m/made", "/m/made/x", "/m/d/e/y", "/m/h"];
            let numbers = || paths.map(|path| stage.lstat(path).expect("there").id.inode);
            let before = numbers();
            for upper in ["/u2", "/u3"] {
                stage.push(upper);
                assert_eq!(numbers(), before, "{upper}");
                for path in paths {
                    assert_eq!(stage.chmod(path, 0o750), Ok(()), "{path}");
                }
                stage.write("/m/later", upper);
                assert_eq!(numbers(), before, "{upper}, copied up");
                tree(&stage, "/m");
                stage.vfs.tree().mounts().iter().for_each(|mount| mount.superblock().set_cache_bound(0));
                assert_eq!(numbers(), before, "{upper}, forgotten");
                tree(&stage, "/m");
            }
            for round in 0..2 {
                stage.pop();
                assert_eq!(numbers(), before, "popped {round}");
                tree(&stage, "/m");
            }
        }
    }

    /// ```text
    /// u   x y (one file, 2 names)         write through x after the push: y shows it, and there are as many names
    /// 1   a b (one file), a copied up in u
    /// ```
    fn hard_links_carry_over() {
        in_both_formats(|stage| {
            stage.write("/1/a", "ab");
            assert_eq!(stage.link("/1/a", "/1/b"), Ok(()));
            stage.overlay("/1").write("/m/x", "xy").append("/m/a", "+");
            assert_eq!(stage.link("/m/x", "/m/y"), Ok(()));
            let links = |path| (stage.read(path), stage.stat(path).links, stage.stat(path).id.inode);
            let before = ["/m/x", "/m/y", "/m/a", "/m/b"].map(links);
            assert_eq!((&before[0], &before[2]), (&before[1], &before[3]));
            stage.push("/u2");
            assert_eq!(["/m/x", "/m/y", "/m/a", "/m/b"].map(links), before);
            stage.append("/m/y", "!").append("/m/b", "!");
            assert_eq!(["/m/x", "/m/a"].map(links), ["/m/y", "/m/b"].map(links));
            assert_eq!(links("/m/a"), ("ab+!".into(), 2, before[2].2));
            assert_eq!(links("/m/x"), ("xy!".into(), 2, before[0].2));
            assert_eq!(stage.unlink("/m/a"), Ok(()));
            assert_eq!(links("/m/b"), ("ab+!".into(), 1, before[2].2));
            stage.pop();
            assert_eq!(["/m/x", "/m/y", "/m/a", "/m/b"].map(links), before);
        });
    }

    /// ```text
    /// u   x (was 1's)        push, remove x: y still leads to the copy in the frozen layer, and writing it copies that
    /// 1   x y (one file)
    /// ```
    fn the_last_name_of_a_frozen_copy_is_not_the_lower_file_again() {
        let stage = Stage::oci();
        stage.write("/1/x", "old");
        assert_eq!(stage.link("/1/x", "/1/y"), Ok(()));
        stage.overlay("/1").write("/m/x", "new").push("/u2");
        assert_eq!(stage.unlink("/m/x"), Ok(()));
        assert_eq!((stage.read("/m/y"), stage.stat("/m/y").links), ("new".into(), 1));
        stage.append("/m/y", "+");
        assert_eq!((stage.read("/m/y"), stage.stat("/m/y").links, stage.read("/u/x")), ("new+".into(), 1, "new".into()));
    }

    /// ```text
    /// u   x y (one file), x opened, then removed;  push;  what is written through the open file shows under y
    /// ```
    fn a_write_after_the_push_is_not_lost_for_the_other_names() {
        in_both_formats(|stage| {
            stage.overlay("/1").write("/m/x", "old");
            assert_eq!(stage.link("/m/x", "/m/y"), Ok(()));
            let file = stage.open("/m/x", OpenFlags::WRITE | OpenFlags::APPEND).expect("it opens");
            assert_eq!(stage.read("/m/y"), "old");
            assert_eq!(stage.unlink("/m/x"), Ok(()));
            stage.push("/u2");
            assert_eq!(file.write(&stage.root.credentials, &mut &b"+"[..]), Ok(1));
            assert_eq!((stage.read("/m/y"), stage.read("/u/y")), ("old+".into(), "old".into()));
        });
    }

    /// ```text
    /// u    0750, 1:2, user.a, times      the root shows the same through u2, whatever u2 was; u's marks are not taken
    /// u2   0700, user.b                  along
    /// ```
    fn the_root_keeps_its_metadata() {
        let stage = Stage::oci();
        stage.mkdir("/u2").write("/u/f", "");
        assert_eq!(stage.chmod("/u", 0o750).and(stage.chown("/u", 1, 2)).and(stage.set_xattr("/u", "user.a", "1")), Ok(()));
        assert_eq!(stage.chmod("/u2", 0o700).and(stage.set_xattr("/u2", "user.b", "2")), Ok(()));
        assert_eq!(stage.set_xattr("/u2", "trusted.overlay.opaque", "y"), Ok(()));
        assert_eq!(stage.set_times("/u", 1000, 2000), Ok(()));
        stage.write("/1/l", "").overlay("/1");
        let before = tree(&stage, "/m");
        stage.push("/u2");
        assert!(tree(&stage, "/m") == before);
        assert_eq!((stage.xattrs("/u2"), stage.list("/m")), ("user.a".into(), "f l".into()));
    }

    /// ```text
    ///           ro      push=/u      pop
    /// (no upper)   ->   u    f   ->  (no upper)       read-only, writable, read-only again
    /// 1   2             1    2       1   2
    /// ```
    fn an_overlay_without_an_upper_becomes_writable() {
        let stage = Stage::oci();
        stage.write("/1/f", "f").read_only("/1:/2");
        assert_eq!(stage.unlink("/m/f"), Err(Kind::ReadOnlyFileSystem.into()));
        let before = tree(&stage, "/m");
        stage.push("/u");
        assert!(tree(&stage, "/m") == before);
        assert_eq!(stage.shown_options(), "rw,lowerdir=/1:/2,upperdir=/u");
        assert_eq!(stage.unlink("/m/f"), Ok(()));
        stage.write("/m/g", "g").push("/u2");
        assert_eq!((stage.list("/m"), stage.shown_options().as_str()), ("g".into(), "rw,lowerdir=/u:/1:/2,upperdir=/u2"));
        stage.pop().pop();
        assert!(tree(&stage, "/m") == before);
        assert_eq!(stage.unlink("/m/f"), Err(Kind::ReadOnlyFileSystem.into()));
        assert_eq!(stage.shown_options(), "ro,lowerdir=/1:/2");
    }

    /// ```text
    /// mount -o remount,ro,push=/u2      pushed, and read-only: the mount's flags are the mount's
    /// ```
    fn a_read_only_mount_stays_read_only_over_a_push() {
        let stage = Stage::oci();
        stage.mkdir("/u2").write("/1/f", "f").overlay("/1");
        assert!(stage.vfs.remount(&stage.root, b"/m", MountFlags::READ_ONLY, b"push=/u2").is_ok());
        assert_eq!(stage.unlink("/m/f"), Err(Kind::ReadOnlyFileSystem.into()));
        assert!(stage.remount("").is_ok());
        assert_eq!(stage.unlink("/m/f"), Ok(()));
        assert_eq!(stage.upper(""), "");
    }

    /// ```text
    /// namespaces one and two show the same overlay:   pushed in one, it is pushed in the other; popped as well
    /// ```
    fn all_namespaces_see_a_push_at_once() {
        let stage = Stage::oci();
        stage.write("/1/f", "f").overlay("/1").write("/m/g", "g");
        let (vfs, root) = stage.vfs.duplicate(&stage.root).expect("there is memory");
        let other = World { vfs, root };
        stage.push("/u2").append("/m/f", "+");
        assert_eq!(other.read("/m/f"), "f+");
        other.append("/m/g", "+");
        assert_eq!((stage.read("/m/g"), stage.read("/u2/g")), ("g+".into(), "g+".into()));
        assert!(other.vfs.remount(&other.root, b"/m", MountFlags::empty(), b"pop").is_ok());
        assert_eq!((stage.read("/m/f"), stage.read("/m/g"), other.read("/m/g")), ("f".into(), "g".into(), "g".into()));
    }

    /// ```text
    /// twelve pushes, each followed by an append, then twelve pops: each step shows what that step showed
    /// ```
    fn many_layers_are_pushed_and_popped() {
        let stage = Stage::oci();
        stage.write("/1/f", "0").overlay("/1");
        let mut steps = Vec::new();
        for step in 0..12 {
            stage.append("/m/f", "+").write(&format!("/m/d{step}"), "").mkdir("/m/d").write(&format!("/m/d/{step}"), "");
            steps.push(tree(&stage, "/m"));
            stage.push(&format!("/p{step}"));
        }
        for before in steps.iter().rev() {
            stage.write("/m/f", "other").mkdir("/m/again");
            stage.pop();
            assert!(tree(&stage, "/m") == *before);
        }
        stage.append("/m/f", "!");
        assert!(stage.read("/u/f").ends_with('!'));
    }

    /// Random changes, a push, the same tree; more of them, a pop, the same tree again.
    fn random_trees_stay_over_a_push_and_come_back_with_a_pop() {
        for seed in 1..=25 {
            in_both_formats(|stage| {
                let mut random = seed;
                stage.mkdir("/1/a/b").write("/1/a/c", "ac").write("/1/b", "b").mkdir("/2/a/c").write("/2/a/d", "ad");
                stage.mkdir("/2/c").write("/2/c/a", "ca").symlink("b", "/2/d");
                assert_eq!(stage.link("/1/b", "/1/a/d"), Ok(()));
                stage.overlay("/1:/2");
                let mut steps = Vec::new();
                for upper in ["/p1", "/p2", "/p3"] {
                    disturb(stage, &mut random);
                    let before = tree(stage, "/m");
                    stage.push(upper);
                    same(&tree(stage, "/m"), &before, seed);
                    steps.push(before);
                }
                while let Some(before) = steps.pop() {
                    disturb(stage, &mut random);
                    stage.pop();
                    same(&tree(stage, "/m"), &before, seed);
                }
            });
        }
    }
}

#[track_caller]
fn same(now: &BTreeMap<String, Seen>, before: &BTreeMap<String, Seen>, seed: u64) {
    for (path, seen) in before {
        assert_eq!(now.get(path), Some(seen), "{path}, seed {seed}");
    }
    assert_eq!(now.len(), before.len(), "seed {seed}");
}

/// Forty random changes of a small tree. What cannot be is refused, and that is that.
fn disturb(stage: &Stage, random: &mut u64) {
    let mut below = |limit: u64| {
        *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*random >> 33) % limit
    };
    for _ in 0..40 {
        let mut path = || {
            let depth = 1 + below(3);
            (0..depth).fold(String::from("/m"), |path, _| path + ["/a", "/b", "/c", "/d"][below(4) as usize])
        };
        let (one, other) = (path(), path());
        let flags = [RenameFlags::empty(), RenameFlags::empty(), RenameFlags::EXCHANGE, RenameFlags::NO_REPLACE];
        // Whether it succeeds depends on what is there; what matters is that a push changes nothing of it.
        let _ = match below(11) {
            0 | 1 => stage.try_mkdir(&one),
            2 => stage.put(&one, OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::APPEND, "+"),
            3 => stage.link(&one, &other),
            4 => stage.unlink(&one),
            5 => stage.rmdir(&one),
            6 => {
                stage.vfs.set_xattr(&stage.root, one.as_bytes(), b"user.x", other.as_bytes(), SetXattr::Any, Follow::No)
            }
            7 => stage.chmod(&one, 0o600 + below(8) as u32),
            8 => stage.vfs.make_symlink(&stage.root, other.as_bytes(), one.as_bytes()),
            _ => stage.move_with(&one, &other, flags[below(4) as usize]),
        };
    }
}
