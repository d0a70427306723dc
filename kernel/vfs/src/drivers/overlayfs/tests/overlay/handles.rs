//! Handles of an overlay with `nfs_export=on`. Each answer is what Linux answers, which but shows no path of a file that
//! it has forgotten the name of.

use super::super::{Stage, fails, in_both_formats};
use crate::error::FileSystemErrorKind as Kind;
use crate::file::OpenFlags;
use crate::handles::{Handle, Purpose};
use crate::manager::mounts::UnmountFlags;
use crate::manager::{Follow, VfsManager};
use crate::metadata::NodeId;
use crate::vfs_test;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

const OPTIONS: &str = "lowerdir=/1:/2,upperdir=/u,workdir=/w,nfs_export=on";

fn handle(stage: &Stage, path: &str) -> Handle {
    stage.handle(path).unwrap_or_else(|error| panic!("{path}: {error:?}"))
}

/// What handles lead to, or the name of the errno; whether or not anything is remembered of it.
fn lead_to(stage: &Stage, handles: &[Handle]) -> String {
    let find = || -> Vec<String> {
        let found = handles.iter().map(|handle| stage.opened("/m", *handle));
        found.map(|path| path.unwrap_or_else(|error| format!("{error:?}"))).collect()
    };
    let remembered = find();
    stage.forget("/m");
    assert_eq!(find(), remembered);
    remembered.join(" ")
}

/// What `/proc/mounts` shows besides the layers.
fn shown(stage: &Stage) -> String {
    let mut shown = String::new();
    stage.file_system().options().show(&mut shown).expect("a text takes all");
    shown
}

vfs_test! {
    /// ```text
    /// upper     f (changed)   d2 (d moved)   x/z (y moved)   d2/n
    /// lower 1   f   d/g                                        h = h2
    /// lower 2       d/k       y
    /// ```
    fn they_stay_over_copy_up_rename_and_a_new_mount() {
        in_both_formats(|stage| {
            stage.mkdir("/1/d").mkdir("/2/d").write("/1/f", "").write("/1/d/g", "").write("/2/d/k", "").write("/2/y", "");
            stage.write("/1/h", "");
            assert_eq!(stage.link("/1/h", "/1/h2"), Ok(()));
            stage.mount_overlay(OPTIONS);
            let names = ["", "/f", "/d", "/d/g", "/d/k", "/y", "/h2"];
            let mut handles = names.map(|name| handle(stage, &format!("/m{name}"))).to_vec();
            assert_eq!(lead_to(stage, &handles), "/ /f /d /d/g /d/k /y /h2");
            assert_eq!(handle(stage, "/m/h"), handles[6]);
            stage.append("/m/f", "more").append("/m/h", "more").append("/m/d/g", "more").mkdir("/m/x");
            let moved = [stage.rename("/m/d", "/m/d2"), stage.rename("/m/y", "/m/x/z"), stage.unlink("/m/h")];
            assert_eq!(moved, [Ok(()); 3]);
            stage.write("/m/d2/n", "");
            handles.extend([handle(stage, "/m/x"), handle(stage, "/m/d2/n")]);
            assert_eq!(lead_to(stage, &handles), "/ /f /d2 /d2/g /d2/k /x/z /h2 /x /d2/n");
            stage.unmount().mount_overlay(OPTIONS);
            assert_eq!(lead_to(stage, &handles), "/ /f /d2 /d2/g /d2/k /x/z /h2 /x /d2/n");
            let again = ["", "/f", "/d2", "/d2/g", "/d2/k", "/x/z", "/h2", "/x", "/d2/n"];
            assert_eq!(again.map(|name| handle(stage, &format!("/m{name}"))).to_vec(), handles);
            stage.remount("push=/3").expect("it can be pushed");
            stage.append("/m/d2/k", "more");
            assert_eq!(lead_to(stage, &handles), "/ /f /d2 /d2/g /d2/k /x/z /h2 /x /d2/n");
        });
    }

    /// Whatever was removed, and made again under its name.
    fn what_is_removed_is_stale() {
        in_both_formats(|stage| {
            stage.mkdir("/1/d").mkdir("/1/again").write("/1/f", "").write("/1/same", "");
            stage.mount_overlay(OPTIONS).mkdir("/m/new").write("/m/g", "");
            let handles = ["d", "again", "f", "same", "new", "g"].map(|name| handle(stage, &format!("/m/{name}")));
            let removed = [stage.rmdir("/m/d"), stage.rmdir("/m/again"), stage.rmdir("/m/new"), stage.unlink("/m/f")];
            assert_eq!((removed, stage.unlink("/m/same"), stage.unlink("/m/g")), ([Ok(()); 4], Ok(()), Ok(())));
            stage.mkdir("/m/again").write("/m/same", "");
            let all = "ESTALE ESTALE ESTALE ESTALE ESTALE ESTALE";
            assert_eq!(lead_to(stage, &handles), all);
            stage.unmount().mount_overlay(OPTIONS);
            assert_eq!(lead_to(stage, &handles), all);
        });
    }

    /// A file without a name is found while it is open, a directory is not.
    fn removed_files_are_found_while_they_are_open() {
        in_both_formats(|stage| {
            stage.mkdir("/1/d").write("/1/f", "").mount_overlay(OPTIONS).mkdir("/m/e").write("/m/g", "");
            let handles = ["d", "e", "f", "g"].map(|name| handle(stage, &format!("/m/{name}")));
            let held = ["d", "e", "f", "g"].map(|name| stage.open(&format!("/m/{name}"), OpenFlags::READ));
            let removed = [stage.rmdir("/m/d"), stage.rmdir("/m/e"), stage.unlink("/m/f"), stage.unlink("/m/g")];
            assert_eq!(removed, [Ok(()); 4]);
            assert_eq!(lead_to(stage, &handles), "ESTALE ESTALE /f /g");
            let temporary = OpenFlags::WRITE | OpenFlags::TEMPORARY;
            let unnamed = stage.open("/m", temporary).expect("it can be made");
            let of_unnamed = VfsManager::handle_of(unnamed.path(), Purpose::Open).expect("it has one");
            assert!(stage.opened("/m", of_unnamed).is_ok());
            drop((held, unnamed));
            assert_eq!(lead_to(stage, &handles), "ESTALE ESTALE ESTALE ESTALE");
            fails(stage.opened("/m", of_unnamed), Kind::Stale);
        });
    }

    /// ```text
    /// lower 1   0 … 99   deep/er/f
    /// ```
    fn what_was_not_moved_is_found_without_a_search() {
        let stage = Stage::oci();
        for number in 0..100 {
            stage.mkdir(&format!("/1/{number}"));
        }
        stage.mkdir("/1/deep/er").write("/1/deep/er/f", "").mount_overlay(OPTIONS);
        let file = handle(&stage, "/m/deep/er/f");
        stage.unmount().mount_overlay(OPTIONS);
        assert_eq!(stage.opened("/m", file), Ok("/deep/er/f".into()));
        let place = stage.vfs.resolve(&stage.root, b"/m", Follow::No).expect("it is there");
        assert_eq!(place.mount.superblock().cached_entries(), 3);
    }

    fn none_is_opened_without_the_option() {
        let stage = Stage::oci();
        stage.write("/1/f", "").mount_overlay(OPTIONS);
        let file = handle(&stage, "/m/f");
        let beside = NodeId { inode: u64::MAX, ..file };
        for none in [beside, stage.stat("/m/f").id] {
            fails(stage.opened("/m", none), Kind::Stale);
        }
        assert_eq!(shown(&stage), ",workdir=/w,nfs_export=on");
        stage.unmount().mount_overlay("lowerdir=/1:/2,upperdir=/u,workdir=/w");
        fails(stage.opened("/m", file), Kind::Stale);
        fails(stage.handle("/m/f"), Kind::NotSupported);
        let place = stage.vfs.resolve(&stage.root, b"/m/f", Follow::No).expect("it is there");
        assert_eq!(VfsManager::handle_of(&place, Purpose::Compare), Ok(file));
    }

    /// As on Linux: an overlay is mounted without it that cannot have it.
    fn what_it_needs_decides_whether_it_is_on() {
        let stage = Stage::oci();
        stage.mkdir("/m2").write("/1/f", "");
        for (options, on) in [
            ("lowerdir=/1:/2,nfs_export=on", false),
            ("lowerdir=/1:/2,nfs_export=on,index=off", false),
            ("lowerdir=/1:/2,nfs_export=on,redirect_dir=nofollow", true),
            ("lowerdir=/1,upperdir=/u,nfs_export=on,redirect_dir=off", true),
            ("lowerdir=/1,upperdir=/u,nfs_export=on,userxattr", true),
            ("lowerdir=/1::/2,upperdir=/u,nfs_export=on", true),
            ("lowerdir=/1,upperdir=/u,nfs_export=off", false),
        ] {
            stage.mount_overlay(options);
            assert_eq!((stage.handle("/m/f").is_ok(), shown(&stage).contains("nfs_export")), (on, on), "{options}");
            stage.unmount();
        }
        for (inner, on) in [("lowerdir=/1,upperdir=/u,nfs_export=on", true), ("lowerdir=/1,upperdir=/u", false)] {
            assert!(stage.mount("overlay", "/m2", inner).is_ok());
            stage.mount_overlay("lowerdir=/m2:/2,upperdir=/3,nfs_export=on");
            assert_eq!(stage.handle("/m/f").is_ok(), on, "{inner}");
            if on {
                assert_eq!(lead_to(&stage, &[handle(&stage, "/m/f")]), "/f");
            }
            stage.unmount();
            assert_eq!(stage.vfs.unmount(&stage.root, b"/m2", UnmountFlags::empty()), Ok(()));
        }
    }

    /// The layers of other file systems have numbers of their own.
    fn layers_may_be_on_several_file_systems() {
        let stage = Stage::oci();
        assert!(stage.mount("tmpfs", "/1", "").is_ok() && stage.mount("tmpfs", "/2", "").is_ok());
        stage.mkdir("/1/d").mkdir("/2/d").write("/1/d/f", "").write("/2/d/g", "").mount_overlay(OPTIONS);
        stage.write("/m/d/h", "");
        let handles = ["", "/d", "/d/f", "/d/g", "/d/h"].map(|name| handle(&stage, &format!("/m{name}")));
        stage.append("/m/d/f", "more");
        assert_eq!(stage.rename("/m/d/g", "/m/g"), Ok(()));
        assert_eq!(lead_to(&stage, &handles), "/ /d /d/f /g /d/h");
        stage.unmount().mount_overlay(OPTIONS);
        assert_eq!(lead_to(&stage, &handles), "/ /d /d/f /g /d/h");
    }

    /// ```text
    /// upper     b/f (moved)
    /// lower 1   a/f   g
    /// ```
    fn memory_that_runs_short_is_said() {
        for path in ["/b/f", "/g"] {
            for nth in 1.. {
                assert!(nth < 200, "{path} is never found");
                let stage = Stage::oci();
                stage.mkdir("/1/a").write("/1/a/f", "").write("/1/g", "").mount_overlay(OPTIONS);
                assert_eq!(stage.rename("/m/a", "/m/b"), Ok(()));
                stage.unmount().mount_overlay(OPTIONS);
                let find = || stage.handle(&format!("/m{path}")).and_then(|handle| {
                    stage.forget("/m");
                    stage.opened("/m", handle)
                });
                let (found, fired) = {
                    let armed = page::faults::fail_nth(nth);
                    (find(), armed.fired())
                };
                if fired && found.is_err() {
                    fails(found, Kind::OutOfMemory);
                    assert_eq!(find(), Ok(path.into()));
                    continue;
                }
                assert_eq!(found, Ok(path.into()));
                if !fired {
                    break;
                }
            }
        }
    }
}
