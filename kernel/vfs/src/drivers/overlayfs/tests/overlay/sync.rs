//! What is made durable, when, and what is not.

use super::super::Stage;
use super::super::faulty::{Faults, Faulty};
use crate::drivers::overlayfs::options::Fsync;
use crate::drivers::overlayfs::{Layer, OverlayFS, OverlayOptions};
use crate::drivers::tmpfs::{Tmpfs, TmpfsOptions};
use crate::environment::Environment;
use crate::error::FileSystemErrorKind as Kind;
use crate::file::{OpenFlags, TransferFlags};
use crate::file_system::FileSystemOperations;
use crate::manager::VfsManager;
use crate::mount::MountFlags;
use crate::selftest::world::World;
use crate::vfs_test;
use alloc::sync::Arc;
use alloc::vec::Vec;

impl Stage {
    /// Mounts a file system there that counts what is made durable.
    fn counting(&self, path: &str) -> Arc<Faults> {
        let faults = Arc::new(Faults::default());
        let tmpfs = Tmpfs::new(TmpfsOptions::default(), &Environment::detached());
        let file_system = Faulty::new(tmpfs, faults.clone());
        let mounted = self.vfs.mount_file_system(&self.root, path.as_bytes(), file_system, b"", MountFlags::empty());
        assert_eq!(mounted, Ok(()));
        faults
    }
}

vfs_test! {
    /// ```text
    /// u                     strict: the copy is synced before it is seen; what cannot be synced is not published
    /// 1   f
    /// ```
    fn a_copy_that_cannot_be_synced_is_not_published() {
        for (fsync, syncs) in [(Fsync::Auto, 0), (Fsync::Strict, 1), (Fsync::Volatile, 0)] {
            let stage = Stage::oci();
            let tmpfs = |_| Tmpfs::new(TmpfsOptions::default(), &Environment::detached());
            let [upper, work, lower] = core::array::from_fn(tmpfs);
            World::on(VfsManager::new(lower.clone(), Environment::detached())).write("/f", "lower");
            let faults = Arc::new(Faults::default());
            let layer = Layer::of_file_system(b"upper", Faulty::new(upper.clone(), faults.clone()));
            let work = Layer::of_file_system(b"work", work);
            let lowers = alloc::vec![Layer::of_file_system(b"lower", lower)];
            let options = OverlayOptions { fsync, ..OverlayOptions::default() };
            let overlay = OverlayFS::build(Some(layer), lowers, Vec::new(), Some(work), options).expect("an overlay");
            let mounted = stage.vfs.mount_file_system(&stage.root, b"/m", overlay.clone(), b"", MountFlags::empty());
            assert!(mounted.is_ok());
            faults.fail_sync(true);
            let changed = stage.chmod("/m/f", 0o600);
            assert_eq!(changed, if syncs == 0 { Ok(()) } else { Err(Kind::Io.into()) });
            assert_eq!(faults.syncs(), syncs);
            let file = stage.open("/m/f", OpenFlags::READ).expect("opens");
            let upper = World::on(VfsManager::new(upper, Environment::detached()));
            assert_eq!(upper.list("/"), if syncs == 0 { "f" } else { "" });
            let mode = if syncs == 0 { 0o600 } else { 0o644 };
            assert_eq!((stage.read("/m/f").as_str(), stage.stat("/m/f").mode), ("lower", mode));
            let expected = if fsync == Fsync::Auto { Err(Kind::Io.into()) } else { Ok(()) };
            assert_eq!(file.sync(), expected, "what the user asks for; nothing under volatile, and of a lower file");
            assert_eq!(overlay.sync(), if fsync == Fsync::Volatile { Ok(()) } else { Err(Kind::Io.into()) });
            faults.fail_sync(false);
            assert_eq!(stage.chmod("/m/f", 0o600), Ok(()));
        }
    }

    /// ```text
    /// n        pushed: from then on both are synced, for what is in u is not durable yet
    /// u  u/in  the upper and a file system that is mounted in it
    /// 1        never written, never synced
    /// ```
    fn syncfs_makes_durable_what_is_written_and_nothing_else() {
        let stage = Stage::oci();
        let [upper, lower] = ["/u", "/1"].map(|path| stage.counting(path));
        let (inner, pushed) = (stage.mkdir("/u/in").counting("/u/in"), stage.mkdir("/n").counting("/n"));
        stage.write("/1/f", "f").mount_overlay("lowerdir=/1,upperdir=/u").append("/m/f", "+").write("/m/in/g", "g");
        let syncs = || [&pushed, &upper, &inner, &lower].map(|faults| faults.syncs());
        let overlay = stage.file_system();
        assert_eq!((overlay.sync(), syncs()), (Ok(()), [0, 1, 1, 0]));
        assert!(stage.remount("push=/n").is_ok());
        assert_eq!((overlay.sync(), syncs()), (Ok(()), [1, 2, 2, 0]));
        inner.fail_sync(true);
        assert_eq!(overlay.sync(), Err(Kind::Io.into()));
    }

    /// ```text
    /// u   new      what the user asks for is made durable: his file in the upper; of a lower file nothing is new
    /// 1   f
    /// ```
    fn fsync_of_a_file_reaches_the_upper_and_no_lower() {
        let stage = Stage::oci();
        let [upper, lower] = ["/u", "/1"].map(|path| stage.counting(path));
        stage.write("/1/f", "f").mount_overlay("lowerdir=/1,upperdir=/u").write("/m/new", "");
        let syncs = || [&upper, &lower].map(|faults| faults.syncs());
        let file = stage.open("/m/f", OpenFlags::READ).expect("it opens");
        assert_eq!((file.sync(), syncs()), (Ok(()), [0, 0]));
        let new = stage.open("/m/new", OpenFlags::READ).expect("it opens");
        assert_eq!((new.sync(), syncs()), (Ok(()), [1, 0]));
        stage.append("/m/f", "+");
        assert_eq!((file.sync(), syncs()), (Ok(()), [2, 0]), "opened before the copy-up");
    }
    /// ```text
    /// u   new      O_SYNC, O_DSYNC, or one write that is to be as if opened so: durable when it returns
    /// ```
    fn a_synchronous_write_is_durable_when_it_returns() {
        let stage = Stage::oci();
        let [upper, _lower] = ["/u", "/1"].map(|path| stage.counting(path));
        stage.mount_overlay("lowerdir=/1,upperdir=/u").write("/m/new", "");
        let writer = &stage.root.credentials;
        for flags in [OpenFlags::SYNC, OpenFlags::DATA_SYNC] {
            let before = upper.syncs();
            let file = stage.open("/m/new", OpenFlags::WRITE | flags).expect("it opens");
            assert_eq!((file.write(writer, &mut &b"x"[..]), upper.syncs() - before), (Ok(1), 1));
            assert_eq!((file.write_at(writer, 0, &mut &b"x"[..]), upper.syncs() - before), (Ok(1), 2));
            assert_eq!((file.write(writer, &mut &b""[..]), upper.syncs() - before), (Ok(0), 2));
        }
        let before = upper.syncs();
        let file = stage.open("/m/new", OpenFlags::WRITE).expect("it opens");
        let write = |flags| file.write_with(writer, None, flags, &mut &b"x"[..]);
        assert_eq!((write(TransferFlags::HIGH_PRIORITY), upper.syncs() - before), (Ok(1), 0));
        assert_eq!((write(TransferFlags::SYNC), upper.syncs() - before), (Ok(1), 1));
        assert_eq!((write(TransferFlags::DATA_SYNC), upper.syncs() - before), (Ok(1), 2));
        upper.fail_sync(true);
        assert_eq!(write(TransferFlags::SYNC), Err(Kind::Io.into()));
    }
}
