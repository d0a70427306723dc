//! What changing and asking for names costs in a merged directory of a thousand names, and how little that depends on
//! the number of layers: where only two of them have the directory, and where all do and the other ones' are empty.

use super::file_systems::Bed;
use super::{measure, row};
use crate::bench;
use alloc::format;
use alloc::string::String;
use vfs::file::OpenFlags;
use vfs::manager::Follow;
use vfs::node::RenameFlags;

const TOP: &str = "/merged/d";
const CREATE: OpenFlags = OpenFlags::WRITE.union(OpenFlags::CREATE);

impl Bed {
    /// An overlay of that many lower layers, of which the first and the last have 500 names each in `d`.
    fn merged(lowers: usize, everywhere: bool) -> Self {
        let bed = Self::new();
        for index in 0..lowers {
            let full = index == 0 || index + 1 == lowers;
            bed.mkdir(&format!("/lower{index}"));
            if full || everywhere {
                bed.mkdir(&format!("/lower{index}/d"));
            }
            for name in 0..500 * usize::from(full) {
                bed.write(&format!("/lower{index}/d/name{index}-{name}"), 0, b"");
            }
        }
        bed.mount_overlay(lowers);
        // So that the directory is in the upper layer.
        bed.mkdir(&format!("{TOP}/first"));
        assert!(bed.stat(TOP));
        bed
    }

    fn list(&self) -> usize {
        let flags = OpenFlags::READ | OpenFlags::DIRECTORY;
        let directory = self.vfs.open(&self.root, TOP.as_bytes(), flags, 0).unwrap_or_else(|error| panic!("{error:?}"));
        let mut names = 0;
        let listed = directory.list(&mut |_| {
            names += 1;
            true
        });
        assert_eq!(listed, Ok(()));
        names
    }
}

/// Paths in the directory, each another one.
fn paths(prefix: &'static str) -> impl FnMut() -> String {
    let mut number = 0;
    move || {
        number += 1;
        format!("{TOP}/{prefix}{number}")
    }
}

/// How many searches in vain there are before anything is measured where `warm`: enough for the index to be made.
const SEARCHES: usize = 2_200;

fn measure_names(bed: &Bed, place: &str, warm: bool) {
    let (vfs, root) = (&bed.vfs, &bed.root);
    let report = |what: &str, value: u64| row(&format!("{what}: {place}"), value, "instructions");
    let mut missing = paths("missing");
    for _ in 0..SEARCHES * usize::from(warm) {
        assert!(!bed.stat(&missing()));
    }
    report("first listing", measure(1, 1, || assert_eq!(bed.list(), 1_003)));
    report("missing name", measure(5, 100, || assert!(!bed.stat(&missing()))));
    let (mut created, mut unlinked) = (paths("f"), paths("f"));
    report("create", measure(5, 100, || assert!(vfs.open(root, created().as_bytes(), CREATE, 0o644).is_ok())));
    report("unlink", measure(5, 100, || assert_eq!(vfs.unlink(root, unlinked().as_bytes()), Ok(()))));
    let mut made = paths("m");
    report("mkdir", measure(5, 100, || assert_eq!(vfs.make_directory(root, made().as_bytes(), 0o755), Ok(()))));
    let one = format!("{TOP}/one");
    bed.write(&one, 0, b"");
    let mut linked = paths("l");
    report(
        "link",
        measure(5, 100, || assert_eq!(vfs.link(root, one.as_bytes(), linked().as_bytes(), Follow::No), Ok(()))),
    );
    let (mut old, mut new) = (paths("l"), paths("r"));
    let rename = || assert_eq!(vfs.rename(root, old().as_bytes(), new().as_bytes(), RenameFlags::empty()), Ok(()));
    report("rename", measure(5, 100, rename));
}

bench! {
    fn names_in_two_of_many() {
        for lowers in [3, 64, 500] {
            measure_names(&Bed::merged(lowers, false), &format!("1 000 names in 2 of {lowers} lowers"), false);
        }
    }

    fn names_in_all_of_many() {
        for lowers in [3, 64, 500] {
            measure_names(&Bed::merged(lowers, true), &format!("1 000 names, directory in {lowers} lowers"), true);
        }
    }
}
