//! Layers that hold but data. What is asserted is what Linux 6.18 answers, unless the text says otherwise.

use super::super::faulty::{Faults, Faulty};
use super::super::{Stage, fails};
use crate::drivers::overlayfs::{Format, Layer, OverlayFS, OverlayOptions};
use crate::drivers::tmpfs::Tmpfs;
use crate::environment::Environment;
use crate::error::FileSystemErrorKind as Kind;
use crate::file::OpenFlags;
use crate::manager::{Follow, VfsManager};
use crate::node::{NewKind, SetXattr};
use crate::selftest::world::World;
use crate::vfs_test;
use alloc::format;
use alloc::string::String;

impl Stage {
    /// Makes a file that is metadata alone: its data has `size` bytes and is where `redirect` says.
    fn metadata_alone(&self, path: &str, redirect: &str, size: u64) -> &Self {
        self.write(path, "");
        assert_eq!(self.vfs.truncate(&self.root, path.as_bytes(), size), Ok(()));
        assert_eq!(self.set_xattr(path, "trusted.overlay.metacopy", ""), Ok(()));
        if !redirect.is_empty() {
            assert_eq!(self.set_xattr(path, "trusted.overlay.redirect", redirect), Ok(()));
        }
        self
    }

    /// Lowers `/1` and `/2`, and two data layers: `/d1` and `/d2`.
    fn with_data(&self) -> &Self {
        self.mkdir("/d1/sub").mkdir("/d1/either").mkdir("/d2").write("/d1/blob", "data1").write("/d1/sub/b", "deep");
        self.symlink("blob", "/d1/link")
            .symlink("sub", "/d1/way")
            .write("/d2/blob", "hidden")
            .write("/d2/blob2", "data2");
        self.write("/d2/either", "no directory")
    }
}

const ALL: &str = "lowerdir=/1:/2::/d1::/d2";

vfs_test! {
    /// ```text
    /// 1    f -> /blob   g -> /sub/b   h -> /blob2   i -> /either      the data of each, under the metadata of 1
    /// ::d1 blob  sub/b  either/       d2: blob blob2 either           nothing of d1 and d2 is listed or found
    /// ```
    fn only_the_data_of_what_redirects_there_is_seen() {
        let stage = Stage::oci();
        stage.with_data().metadata_alone("/1/f", "/blob", 5).metadata_alone("/1/g", "/sub/b", 4);
        stage.metadata_alone("/1/h", "/blob2", 5).metadata_alone("/1/i", "/either", 12).mkdir("/1/sub");
        assert_eq!(stage.chmod("/1/f", 0o640), Ok(()));
        stage.mount_overlay(ALL);
        assert_eq!(stage.list("/m"), "f g h i sub");
        let read = ["/m/f", "/m/g", "/m/h", "/m/i"].map(|path| stage.read(path));
        assert_eq!(read, ["data1", "deep", "data2", "no directory"]);
        assert_eq!(stage.list("/m/sub"), "");
        assert_eq!(["/m/sub/b", "/m/blob"].map(|path| stage.probe(path)), ["ENOENT", "ENOENT"]);
        assert_eq!((stage.stat("/m/f").mode, stage.stat("/m/f").size), (0o640, 5));
        assert_eq!(stage.stat("/m/f").blocks, stage.stat("/d1/blob").blocks);
    }

    /// ```text
    /// 1    f -> /next           a redirect is followed through the layers above first: f has the data of d1
    /// 2    next -> /blob        g has the data of 2, which needs no data layer
    ///      plain
    /// ```
    fn layers_that_are_merged_come_first() {
        let stage = Stage::oci();
        stage.with_data().metadata_alone("/1/f", "/next", 5).metadata_alone("/2/next", "/blob", 5);
        stage.metadata_alone("/1/g", "/plain", 4).write("/2/plain", "text").write("/d1/plain", "data");
        stage.mount_overlay(ALL);
        assert_eq!((stage.read("/m/f"), stage.read("/m/g")), ("data1".into(), "text".into()));
        assert_eq!(stage.list("/m"), "f g next plain");
    }

    /// ```text
    /// missing -> /none     way -> /way/b, link -> /link     file -> /blob/x     can be examined and removed, not opened
    /// name -> blob         nothing                                              cannot even be looked up
    /// ```
    fn data_that_is_missing_is_an_error_of_open() {
        let stage = Stage::oci();
        stage.with_data().metadata_alone("/1/missing", "/none", 3).metadata_alone("/1/file", "/blob/x", 3);
        stage.metadata_alone("/1/link", "/link", 4).metadata_alone("/1/device", "/device", 4);
        stage.metadata_alone("/1/name", "blob", 5).metadata_alone("/1/nowhere", "", 5).metadata_alone("/1/root", "/", 5);
        stage.metadata_alone("/1/slashes", "/sub//b", 4).metadata_alone("/1/path", "sub/b", 4);
        assert_eq!(stage.device("/d1/device", 1, 3), Ok(()));
        stage.mount_overlay(&format!("{ALL},upperdir=/u"));
        for (path, size, kind) in [
            ("/m/missing", 3, Kind::NotFound),
            ("/m/file", 3, Kind::NotADirectory),
            ("/m/link", 4, Kind::NotFound),
            ("/m/device", 4, Kind::NotFound),
        ] {
            assert_eq!((stage.stat(path).size, stage.stat(path).blocks), (size, 8), "{path}");
            for flags in [OpenFlags::READ, OpenFlags::WRITE, OpenFlags::WRITE | OpenFlags::TRUNCATE] {
                fails(stage.open(path, flags), kind);
            }
            assert_eq!(stage.chmod(path, 0o600), Err(kind.into()), "{path}");
            assert_eq!(stage.rename(path, "/m/moved"), Err(kind.into()), "{path}");
        }
        assert_eq!((stage.upper(""), stage.unlink("/m/missing")), (String::new(), Ok(())));
        assert_eq!(stage.probe("/m/missing"), "ENOENT");
        for path in ["/m/name", "/m/nowhere"] {
            assert_eq!((stage.probe(path), stage.read(path)), ("EIO".into(), "EIO".into()), "{path}");
        }
        for path in ["/m/root", "/m/slashes", "/m/path"] {
            assert_eq!(stage.probe(path), "EINVAL", "{path}");
        }
        stage.write("/d2/none", "now").metadata_alone("/1/way", "/way/b", 4);
        fails(stage.open("/m/way", OpenFlags::READ), Kind::NotFound);
    }

    /// ```text
    /// 1    f -> /none     opened: ENOENT;  d2/none is made:  opened
    /// ```
    fn data_that_comes_later_is_found() {
        let stage = Stage::oci();
        stage.with_data().metadata_alone("/1/f", "/none", 3).mount_overlay(ALL);
        assert_eq!(stage.read("/m/f"), "ENOENT");
        stage.write("/d2/none", "now");
        assert_eq!(stage.read("/m/f"), "now");
    }

    /// ```text
    /// u    f   h -> lost           metadata alone, as chmod and mv leave it on Linux with metacopy=on
    /// 1    f -> /blob   lost -> /none   g -> /blob     a write brings the data up, and no mark of metacopy stays
    /// ```
    fn a_change_copies_the_data_up() {
        let stage = Stage::oci();
        stage.with_data().metadata_alone("/u/f", "", 5).metadata_alone("/u/h", "lost", 4);
        stage.metadata_alone("/1/f", "/blob", 5).metadata_alone("/1/lost", "/none", 4).metadata_alone("/1/g", "/blob", 5);
        assert_eq!(stage.chmod("/1/g", 0o600), Ok(()));
        stage.mount_overlay(&format!("{ALL},upperdir=/u"));
        assert_eq!((stage.read("/m/f"), stage.read("/m/g")), ("data1".into(), "data1".into()));
        stage.append("/m/f", "+").append("/m/g", "+");
        assert_eq!(["/u/f", "/u/g", "/d1/blob"].map(|path| stage.read(path)), ["data1+", "data1+", "data1"]);
        assert_eq!(stage.stat("/u/g").mode, 0o600);
        for path in ["/u/f", "/u/g"] {
            assert_eq!(stage.xattr(path, "trusted.overlay.metacopy"), Err(Kind::NoData.into()));
        }
        fails(stage.vfs.truncate(&stage.root, b"/m/h", 0), Kind::NotFound);
        assert_eq!((stage.chmod("/m/h", 0o600), stage.stat("/m/h").size), (Ok(()), 4));
    }

    /// ```text
    /// u    f -> /blob      Linux never writes that, and refuses it: only a lower file leads to a data layer
    /// ```
    fn an_upper_file_leads_to_no_data_layer() {
        let stage = Stage::oci();
        stage.with_data().metadata_alone("/u/f", "/blob", 5).mount_overlay(&format!("{ALL},upperdir=/u"));
        assert_eq!((stage.probe("/m/f"), stage.read("/m/f")), ("EIO".into(), "EIO".into()));
    }

    /// ```text
    /// 1    f -> /blob  in d1     what is at the path in 2, but for a regular file, neither hides nor stands for the data
    /// 2    blob: a whiteout, a link, a FIFO;   of /sub/b: a file `sub`, an opaque directory `sub`
    /// ```
    fn what_is_in_the_way_in_a_merged_layer_hides_no_data() {
        for obstacle in ["whiteout", "link", "fifo", "file", "opaque"] {
            let stage = Stage::new(Format::Linux);
            stage.with_data().metadata_alone("/1/f", "/blob", 5).metadata_alone("/1/g", "/sub/b", 4);
            match obstacle {
                "whiteout" => drop(stage.whiteout("/2/blob")),
                "link" => drop(stage.symlink("x", "/2/blob")),
                "fifo" => assert_eq!(stage.vfs.make_node(&stage.root, b"/2/blob", NewKind::Fifo, 0o600), Ok(())),
                "file" => drop(stage.write("/2/sub", "")),
                _ => drop(stage.opaque("/2/sub")),
            }
            stage.mount_overlay(ALL);
            assert_eq!((stage.read("/m/f"), stage.read("/m/g")), ("data1".into(), "deep".into()), "{obstacle}");
        }
    }

    /// ```text
    /// ::d1 blob  (EIO)     ::d2 blob: other data      a layer that cannot answer is not one that has nothing
    /// ```
    fn an_error_of_a_data_layer_does_not_lead_to_the_next() {
        let faults = alloc::sync::Arc::new(Faults::default());
        let environment = Environment::detached;
        let tmpfs = || World::on(VfsManager::new(Tmpfs::new(Default::default(), &environment()), environment()));
        let operations = |world: &World| world.root.root.mount.superblock().operations().clone();
        let whole = |name: &str, world: &World| Layer::of_file_system(name.as_bytes(), operations(world));
        let (lower, first, second) = (tmpfs(), tmpfs(), tmpfs());
        first.write("/blob", "data1");
        second.write("/blob", "other");
        lower.write("/f", "").vfs.truncate(&lower.root, b"/f", 5).expect("it grows");
        for (name, value) in [("metacopy", &b""[..]), ("redirect", b"/blob")] {
            let name = format!("trusted.overlay.{name}");
            let set = lower.vfs.set_xattr(&lower.root, b"/f", name.as_bytes(), value, SetXattr::Any, Follow::No);
            assert_eq!(set, Ok(()));
        }
        let faulty = Faulty::new(operations(&first), faults.clone());
        let data = alloc::vec![Layer::of_file_system(b"first", faulty), whole("second", &second)];
        let lowers = alloc::vec![whole("lower", &lower)];
        let overlay = OverlayFS::build(None, lowers, data, None, OverlayOptions::default());
        let merged = World::on(VfsManager::new(overlay.expect("an overlay"), environment()));
        assert_eq!(merged.stat("/f").size, 5);
        faults.fail_nth(1);
        assert_eq!(merged.read("/f"), "EIO");
        assert_eq!(merged.read("/f"), "data1");
    }

    /// ```text
    /// 1   d -> /sub (a directory)      a directory is not merged with one of a data layer
    /// ```
    fn no_directory_leads_to_a_data_layer() {
        let stage = Stage::oci();
        stage.with_data().mkdir("/1/d");
        assert_eq!(stage.set_xattr("/1/d", "trusted.overlay.redirect", "/sub"), Ok(()));
        stage.mount_overlay(ALL);
        assert_eq!(stage.list("/m/d"), "");
    }

    /// ```text
    /// 1   f -> /blob    under nofollow the redirect of the lowest layer to a data layer is followed all the same; one
    /// 2   g -> /blob    that could lead to a merged layer is not
    /// ```
    fn nofollow_follows_to_data_layers_only() {
        let stage = Stage::oci();
        stage.with_data().metadata_alone("/1/f", "/blob", 5).metadata_alone("/2/g", "/blob", 5);
        stage.mount_overlay(&format!("{ALL},redirect_dir=nofollow"));
        assert_eq!((stage.probe("/m/f"), stage.read("/m/g")), ("EPERM".into(), "data1".into()));
    }

    fn a_lower_and_a_data_layer_are_enough_and_are_shown() {
        let stage = Stage::oci();
        stage.with_data().metadata_alone("/1/f", "/blob2", 5).mkdir("/a:b").mount_overlay("lowerdir=/1::/a\\:b::/d2");
        let shown = || {
            let mounts = stage.vfs.mounts(&stage.root);
            let overlay = mounts.iter().find(|mount| mount.type_name == "overlay");
            overlay.map(|mount| mount.file_system_options()).unwrap_or_default()
        };
        let options = shown();
        assert_eq!(options, "ro,lowerdir=/1::/a\\:b::/d2");
        assert_eq!(stage.unlink("/m/f"), Err(Kind::ReadOnlyFileSystem.into()));
        stage.unmount().mount_overlay(&options[3..]);
        assert_eq!((shown(), stage.read("/m/f")), (options, "data2".into()));
        stage.unmount().mount_overlay("lowerdir+=/1,datadir+=/a:b,datadir+=/d2");
        assert_eq!((shown().as_str(), stage.read("/m/f")), ("ro,lowerdir=/1::/a\\:b::/d2", "data2".into()));
        let layers = stage.file_system().layers();
        assert_eq!(layers.iter().map(|layer| layer.data).collect::<alloc::vec::Vec<_>>(), [false, true, true]);
        let top = stage.vfs.resolve(&stage.root, b"/m", Follow::Yes).expect("it is there");
        let told = stage.file_system().explain(top.node().expect("a directory"), b"f").expect("it is told");
        assert_eq!((told.layers.as_slice(), told.content), (&[1, 3][..], Some(3)));
    }

    fn data_layers_are_checked_like_others() {
        let stage = Stage::oci();
        stage.with_data().write("/file", "");
        for (options, kind, said) in [
            ("lowerdir=/1::/none", Kind::NotFound, "/none"),
            ("lowerdir=/1::/file", Kind::NotADirectory, "/file"),
            ("lowerdir=/1::/d1::/d1", Kind::TooManySymlinks, "/d1"),
            ("lowerdir=/1::/d1::/d1/sub", Kind::TooManySymlinks, "/d1/sub"),
            ("lowerdir=/1::/d1/sub::/d1", Kind::TooManySymlinks, "/d1/sub"),
            ("lowerdir=/1::/1", Kind::TooManySymlinks, "/1"),
            ("lowerdir=/1::/u,upperdir=/u", Kind::TooManySymlinks, "/u"),
        ] {
            match stage.mount("overlay", "/m", options) {
                Ok(()) => panic!("mounted with {options}"),
                Err(refusal) => {
                    let message = refusal.message.unwrap_or_default();
                    assert_eq!((refusal.error.kind(), message.contains(said)), (kind, true), "{options}: {message}");
                }
            }
        }
    }

    /// ```text
    ///      push=/u2        the data layers stay where they are, below everything
    /// ```
    fn a_push_leaves_data_layers_below() {
        let stage = Stage::oci();
        stage.with_data().metadata_alone("/1/f", "/blob", 5).metadata_alone("/1/g", "/blob2", 5);
        stage.mount_overlay(&format!("{ALL},upperdir=/u"));
        let file = stage.open("/m/f", OpenFlags::READ).expect("it opens");
        assert!(stage.mkdir("/u2").remount("push=/u2").is_ok());
        assert_eq!((stage.read("/m/f"), stage.read("/m/g")), ("data1".into(), "data2".into()));
        stage.append("/m/f", "+");
        assert_eq!(crate::selftest::world::read_all(&file).as_deref(), Ok("data1+"));
        drop(file);
        assert!(stage.remount("pop").is_ok());
        assert_eq!(stage.read("/m/f"), "data1");
        let mounts = stage.vfs.mounts(&stage.root);
        assert!(mounts.iter().any(|mount| mount.file_system_options().starts_with("rw,lowerdir=/1:/2::/d1::/d2,upperdir=/u")));
    }
}
