//! Files that are immutable or append-only, and other marks (`chattr(1)`): as Linux's overlayfs has them.

use super::super::{Stage, fails, in_both_formats};
use crate::error::FileSystemErrorKind as Kind;
use crate::manager::tests::flags::{check_file_is_kept, mark};
use crate::metadata::FileFlags;
use crate::vfs_test;

const KEPT: FileFlags = FileFlags::IMMUTABLE;
const GROWS: FileFlags = FileFlags::APPEND_ONLY;

impl Stage {
    fn flags(&self, path: &str) -> FileFlags {
        self.stat(path).flags.expect("it can be marked")
    }
}

vfs_test! {
    /// The layer's file is not immutable, or the overlay could not take the mark back: an attribute says it.
    fn a_mark_is_kept_in_an_attribute_of_the_upper() {
        in_both_formats(|stage| {
            stage.write("/1/f", "text").mkdir("/1/d").overlay("/1");
            assert_eq!(mark(stage, "/m/f", KEPT), Ok(()));
            assert_eq!(mark(stage, "/m/d", GROWS | FileFlags::NO_DUMP), Ok(()));
            let check = || {
                check_file_is_kept(stage, "/m/f");
                stage.write("/m/d/new", "");
                fails(stage.unlink("/m/d/new"), Kind::NotPermitted);
                assert_eq!((stage.flags("/m/f"), stage.flags("/u/f")), (KEPT, FileFlags::empty()));
                assert_eq!(stage.flags("/m/d"), GROWS | FileFlags::NO_DUMP);
                assert_eq!(stage.flags("/u/d"), FileFlags::NO_DUMP);
                assert_eq!(stage.xattr("/u/f", "trusted.overlay.protattr").as_deref(), Ok("i"));
                assert_eq!(stage.xattr("/u/d", "trusted.overlay.protattr").as_deref(), Ok("a"));
                assert_eq!(stage.xattrs("/m/f"), "", "users do not see it");
            };
            check();
            stage.unmount().overlay("/1");
            check();
            assert_eq!(mark(stage, "/m/f", KEPT | GROWS), Ok(()));
            assert_eq!(stage.xattr("/u/f", "trusted.overlay.protattr").as_deref(), Ok("ai"));
            assert_eq!(mark(stage, "/m/f", FileFlags::empty()), Ok(()));
            fails(stage.xattr("/u/f", "trusted.overlay.protattr"), Kind::NoData);
            assert_eq!(stage.unlink("/m/f"), Ok(()));
        });
    }

    /// Of the layer's own marks a copy gets those that keep it from being changed, and that for access times.
    fn the_marks_of_a_layers_file_are_those_of_the_merged_one() {
        in_both_formats(|stage| {
            stage.write("/1/f", "text").write("/1/g", "text").write("/u/own", "").mkdir("/1/d");
            assert_eq!(mark(stage, "/1/f", KEPT | GROWS), Ok(()));
            assert_eq!(mark(stage, "/1/g", FileFlags::NO_DUMP | FileFlags::NO_ACCESS_TIME), Ok(()));
            assert_eq!(mark(stage, "/u/own", KEPT), Ok(()));
            assert_eq!(mark(stage, "/1/d", KEPT), Ok(()));
            stage.overlay("/1").append("/m/g", "+");
            check_file_is_kept(stage, "/m/f");
            check_file_is_kept(stage, "/m/own");
            fails(stage.vfs.make_directory(&stage.root, b"/m/d/new", 0o755), Kind::NotPermitted);
            assert_eq!(stage.flags("/m/g"), FileFlags::NO_ACCESS_TIME);
            assert_eq!(mark(stage, "/m/f", GROWS), Ok(()));
            assert_eq!((stage.flags("/m/f"), stage.flags("/u/f")), (GROWS, FileFlags::empty()));
            stage.append("/m/f", "+");
            assert_eq!((stage.read("/m/f"), stage.read("/1/f")), ("text+".into(), "text".into()));
        });
    }

    /// Its own upper is a layer below then, whose word still counts.
    fn a_mark_stays_over_a_push_and_a_pop() {
        in_both_formats(|stage| {
            stage.write("/1/f", "text").overlay("/1");
            assert_eq!(mark(stage, "/m/f", KEPT), Ok(()));
            stage.push("/u2");
            check_file_is_kept(stage, "/m/f");
            assert_eq!(mark(stage, "/m/f", GROWS), Ok(()));
            assert_eq!(stage.xattr("/u2/f", "trusted.overlay.protattr").as_deref(), Ok("a"));
            assert_eq!(mark(stage, "/m/f", FileFlags::empty()), Ok(()));
            stage.append("/m/f", "+").pop();
            assert_eq!(stage.flags("/m/f"), KEPT);
            check_file_is_kept(stage, "/m/f");
        });
    }
}
