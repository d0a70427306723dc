//! The index of the lower layers: what is asked of layers does not grow with their number, and no answer is another one
//! than without it.

use super::super::faulty::{Faults, Faulty};
use super::super::{Stage, in_both_formats};
use crate::drivers::overlayfs::inode::OverlayNode;
use crate::drivers::overlayfs::scope::Scope;
use crate::drivers::overlayfs::{Layer, OverlayFS, OverlayOptions};
use crate::drivers::tmpfs::{Tmpfs, TmpfsOptions};
use crate::environment::Environment;
use crate::error::Result;
use crate::file_system::FileSystemOperations;
use crate::manager::{Follow, VfsManager};
use crate::mount::MountFlags;
use crate::node::RenameFlags;
use crate::selftest::world::World;
use crate::vfs_test;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// An overlay on `/m` of an upper and so many lowers, of which the first and the last have `d` with 500 names each, and
/// where `everywhere` the others an empty `d`.
struct Crowd {
    stage: Stage,
    upper: Arc<dyn FileSystemOperations>,
    lowers: Vec<Arc<dyn FileSystemOperations>>,
    calls: Arc<Faults>,
}

impl Crowd {
    fn new(count: usize, everywhere: bool) -> Self {
        let tmpfs =
            || -> Arc<dyn FileSystemOperations> { Tmpfs::new(TmpfsOptions::default(), &Environment::detached()) };
        let lower = |number: usize| {
            let layer = tmpfs();
            let world = World::on(VfsManager::new(layer.clone(), Environment::detached()));
            let full = number == 0 || number + 1 == count;
            if full || everywhere {
                world.mkdir("/d");
            }
            for name in 0..500 * usize::from(full) {
                world.write(&format!("/d/{}{name:03}", if number == 0 { "a" } else { "b" }), "");
            }
            layer
        };
        let lowers = (0..count).map(lower).collect();
        let crowd = Self { stage: Stage::oci(), upper: tmpfs(), lowers, calls: Arc::default() };
        crowd.mount();
        crowd
    }

    fn mount(&self) {
        let layer = |layer: &Arc<dyn FileSystemOperations>| {
            Layer::of_file_system(b"layer", Faulty::new(layer.clone(), self.calls.clone()))
        };
        let lowers = self.lowers.iter().map(layer).collect();
        let overlay = OverlayFS::new(Some(layer(&self.upper)), lowers, OverlayOptions::default()).expect("an overlay");
        let (vfs, root) = (&self.stage.vfs, &self.stage.root);
        vfs.mount_file_system(root, b"/m", overlay, b"overlay", MountFlags::empty()).expect("it mounts");
    }

    /// How many calls into the layers each of the operations takes.
    fn calls(&self, operations: &[(&'static str, Operation)]) -> Vec<(&'static str, u32)> {
        let count = |(name, operation): &(&'static str, Operation)| {
            let before = self.calls.calls();
            assert_eq!(operation(&self.stage), Ok(()), "{name}");
            (*name, self.calls.calls() - before)
        };
        operations.iter().map(count).collect()
    }
}

type Operation = fn(&Stage) -> Result<()>;

const LISTING: Operation = |stage| {
    assert!(stage.list("/m/d").split(' ').count() >= 998);
    Ok(())
};

/// What is to cost the same in a directory of a thousand names, however many layers there are.
const OPERATIONS: &[(&str, Operation)] = &[
    ("missing name", |stage| {
        assert_eq!(stage.probe("/m/d/missing"), "ENOENT");
        Ok(())
    }),
    ("lower name", |stage| stage.lstat("/m/d/b007").map(drop)),
    ("create", |stage| stage.device("/m/d/new", 1, 3)),
    ("mkdir", |stage| stage.try_mkdir("/m/d/sub")),
    ("rename", |stage| stage.rename("/m/d/new", "/m/d/newer")),
    ("link", |stage| stage.link("/m/d/newer", "/m/d/other")),
    ("unlink", |stage| stage.unlink("/m/d/other")),
    ("rmdir", |stage| stage.rmdir("/m/d/sub")),
    ("unlink of a lower name", |stage| stage.unlink("/m/d/a001")),
    ("create over the whiteout", |stage| stage.device("/m/d/a001", 1, 3)),
    ("rename of a lower name", |stage| stage.rename("/m/d/b001", "/m/d/moved")),
    ("exchange", |stage| stage.move_with("/m/d/a002", "/m/d/b002", RenameFlags::EXCHANGE)),
    ("listing again", LISTING),
];

vfs_test! {
    /// ```text
    /// u
    /// 1   d: a000 … a499       the first listing, and everything done then, asks the layers as often with 3, 64 and
    /// …                        500 of them, from when d was found
    /// n   d: b000 … b499
    /// ```
    fn what_is_asked_does_not_grow_with_layers_that_lack_the_directory() {
        let calls = [3, 64, 500].map(|count| {
            let crowd = Crowd::new(count, false);
            assert_eq!(crowd.stage.probe("/m/d"), "found");
            let mut calls = crowd.calls(&[("first listing", LISTING), ("copy-up", |stage| stage.chmod("/m/d", 0o700))]);
            // The root has changed, so that d is looked for once more.
            assert_eq!(crowd.stage.probe("/m/d"), "found");
            calls.extend(crowd.calls(OPERATIONS));
            calls
        });
        assert_eq!(calls[1], calls[0]);
        assert_eq!(calls[2], calls[0]);
    }

    /// ```text
    /// u   d
    /// 1   d: a000 … a499       the same where d is in all of them, once it was listed
    /// …   d:
    /// n   d: b000 … b499
    /// ```
    fn nor_with_layers_that_have_nothing_in_it() {
        let calls = [3, 64, 500].map(|count| {
            let crowd = Crowd::new(count, true);
            assert_eq!(crowd.stage.chmod("/m/d", 0o700).and_then(|()| LISTING(&crowd.stage)), Ok(()));
            crowd.calls(OPERATIONS)
        });
        assert_eq!(calls[1], calls[0]);
        assert_eq!(calls[2], calls[0]);
    }

    /// The same without any listing, after a few searches in vain.
    fn searches_alone_make_the_index_too() {
        let calls = [3, 64, 500].map(|count| {
            let crowd = Crowd::new(count, true);
            assert_eq!(crowd.stage.chmod("/m/d", 0o700), Ok(()));
            for number in 0..1100 {
                assert_eq!(crowd.stage.probe(&format!("/m/d/missing{number}")), "ENOENT");
            }
            assert!(crowd.stage.file_system().index_memory() > 0, "{count}");
            crowd.calls(&OPERATIONS[..OPERATIONS.len() - 1])
        });
        assert_eq!(calls[1], calls[0]);
        assert_eq!(calls[2], calls[0]);
    }

    /// ```text
    /// u   p/e -> /d            found again, e asks only the layers that have d, whose names the root's index knows
    /// 1   d
    /// …
    /// n   d
    /// ```
    fn a_redirect_asks_only_the_layers_where_its_path_begins() {
        let calls = [3, 64, 500].map(|count| {
            let crowd = Crowd::new(count, false);
            let stage = &crowd.stage;
            stage.mkdir("/m/p");
            assert_eq!(stage.rename("/m/d", "/m/p/e"), Ok(()));
            stage.unmount();
            crowd.mount();
            assert_eq!(stage.list("/m"), "p");
            let calls = crowd.calls(&[("lookup", |stage| stage.lstat("/m/p/e").map(drop))]);
            assert_eq!(stage.list("/m/p/e").split(' ').count(), 1000);
            calls
        });
        assert_eq!(calls[1], calls[0]);
        assert_eq!(calls[2], calls[0]);
    }

    /// A step of a walk that knows its way asks a layer for rights and for nothing else, however many there are.
    fn a_warm_walk_asks_no_layer() {
        let crowd = Crowd::new(64, true);
        assert_eq!(crowd.stage.probe("/m/d/a007"), "found");
        let calls = crowd.calls(&[("walk", |stage| {
            stage.vfs.resolve(&stage.root, b"/m/d/a007", Follow::No).map(drop)
        })]);
        assert_eq!(calls, [("walk", 0)]);
    }

    /// ```text
    /// 1   d: a000 … a499, x        while x is searched, by the index in 1 and 3, it moves from 1 to 2: the answer is
    /// 2   d:                       what 2 has, and not what 3 has, which was never seen
    /// 3   d: b000 … b499, x
    /// ```
    fn a_change_during_a_search_by_the_index_is_noticed() {
        let crowd = Crowd::new(3, true);
        let below = |number: usize| World::on(VfsManager::new(crowd.lowers[number].clone(), Environment::detached()));
        below(0).write("/d/x", "1");
        below(2).write("/d/x", "3");
        assert_eq!(LISTING(&crowd.stage), Ok(()));
        let (first, second) = (below(0), below(1));
        crowd.calls.before_next_call(move || {
            second.write("/d/x", "2");
            assert_eq!(first.unlink("/d/x"), Ok(()));
        });
        assert_eq!(crowd.stage.read("/m/d/x"), "2");
    }

    /// A thousand names fill more than a page of the index, and each is found as without.
    fn every_name_is_found_in_an_index_of_many() {
        let crowd = Crowd::new(3, true);
        assert_eq!(LISTING(&crowd.stage), Ok(()));
        let overlay = crowd.stage.file_system();
        let found = crowd.stage.vfs.resolve(&crowd.stage.root, b"/m/d", Follow::No).expect("d is there");
        let directory = OverlayNode::of(found.node().expect("it is bound")).expect("it is the overlay's");
        let plain = Scope::of(directory.sources());
        for number in 0..520 {
            for name in [format!("a{number:03}"), format!("b{number:03}")] {
                let scope = directory.scope();
                assert!(scope.index().is_some());
                let ask = |scope| overlay.find(scope, name.as_bytes()).map(|found| overlay.explanation(&found));
                assert_eq!(ask(&scope), ask(&plain), "{name}");
                assert_eq!(ask(&scope).expect("it is found").layers.len(), usize::from(number < 500));
            }
        }
    }

    /// The index, and what listing keeps: at most 64 bytes for each name, for names of up to 20 bytes.
    fn an_index_takes_at_most_64_bytes_an_entry() {
        let crowd = Crowd::new(64, true);
        assert_eq!(LISTING(&crowd.stage), Ok(()));
        let index = crowd.stage.file_system().index_memory();
        assert!(index > 0);
        let found = crowd.stage.vfs.resolve(&crowd.stage.root, b"/m/d", Follow::No).expect("d is there");
        let directory = OverlayNode::of(found.node().expect("it is bound")).expect("it is the overlay's");
        let listing = directory.directory().expect("it is one").listing.lock().as_ref().map_or(0, |listing| listing.memory());
        let names = 1000 * "a000".len();
        assert!(listing > names);
        assert!(index + (listing - names) + 1000 * 20 <= 1000 * 64, "{index} {listing}");
    }

    /// ```text
    /// u   names come, go and move, in the overlay and straight in its layers, of all kinds that a layer can have:
    /// 1   files, directories, `.wh.` files, devices 0:0, files that are whiteouts by attribute, opaque directories,
    /// 2   redirects within the parent and elsewhere. After each step every name is asked for by the index and without
    /// 3   it, and the listing is compared with that of an overlay that was mounted only then.
    /// ```
    fn no_answer_is_another_one_than_without_the_index() {
        in_both_formats(|stage| {
            for layer in ["1", "2", "3"] {
                stage.mkdir(&format!("/{layer}/d")).mkdir(&format!("/{layer}/e"));
            }
            stage.mkdir("/fresh").mkdir("/u/d").mkdir("/u/e");
            assert_eq!(stage.set_xattr("/2/d", "trusted.overlay.opaque", "x"), Ok(()));
            stage.overlay("/1:/2:/3");
            let overlay = stage.file_system();
            let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
            let mut by_index = 0;
            for step in 0..600 {
                // What cannot be done is not; what can is to show.
                let _ = one_change(stage, &mut dice);
                if step % 3 == 0 {
                    stage.list("/m/d");
                    stage.list("/m");
                }
                by_index += compare(stage, &overlay, step);
                if step % 50 == 0 {
                    compare_with_fresh(stage);
                }
            }
            assert!(by_index > 100, "{by_index}");
        });
    }
}

/// A small generator of numbers that repeat from run to run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

const NAMES: [&str; 5] = ["a", "b", "c", "d", "f"];

/// One change, in the overlay or in a lower layer.
fn one_change(stage: &Stage, dice: &mut Dice) -> Result<()> {
    let mut path = |top: &str| {
        let directory = ["/d", "/e", ""][dice.roll(3)];
        format!("{top}{directory}/{}", NAMES[dice.roll(NAMES.len())])
    };
    let (one, other) = (path("/m"), path("/m"));
    let below = path("");
    let layer = dice.roll(3) + 1;
    let lower = format!("/{layer}{below}");
    let (directory, name) = lower.rsplit_once('/').unwrap_or_default();
    match dice.roll(16) {
        0 => stage.device(&one, 1, 3),
        1 => stage.try_mkdir(&one),
        2 => stage.unlink(&one),
        3 => stage.rmdir(&one),
        4..6 => stage.rename(&one, &other),
        6 => stage.move_with(&one, &other, RenameFlags::EXCHANGE),
        7 => stage.link(&one, &other),
        8 => stage.device(&lower, 1, 3),
        9 => stage.try_mkdir(&lower),
        10 => stage.unlink(&lower).or_else(|_| stage.rmdir(&lower)),
        11 => stage.device(&lower, 0, 0),
        12 => stage.device(&format!("{directory}/.wh.{name}"), 1, 3),
        13 => stage.unlink(&format!("{directory}/.wh.{name}")),
        14 => {
            stage.device(&format!("{lower}-"), 1, 3)?;
            stage.unlink(&format!("{lower}-"))
        }
        _ => {
            let redirect = ["a", "/d/b", "/e", "/e/c", "b"][dice.roll(5)];
            stage.set_xattr(&lower, "trusted.overlay.redirect", redirect)
        }
    }
}

/// Asks for every name by the index and without; in how many directories there was one.
fn compare(stage: &Stage, overlay: &Arc<OverlayFS>, step: usize) -> usize {
    let mut by_index = 0;
    for top in ["/m", "/m/d", "/m/e"] {
        let Ok(found) = stage.vfs.resolve(&stage.root, top.as_bytes(), Follow::No) else { continue };
        let Some(directory) = found.entry.node().and_then(OverlayNode::of) else { continue };
        if directory.directory().is_err() {
            continue;
        }
        by_index += usize::from(directory.scope().index().is_some());
        for name in NAMES {
            let ask = |scope: &Scope<'_>| {
                let below = overlay.find_lower(scope, name.as_bytes());
                (overlay.find(scope, name.as_bytes()).map(|found| overlay.explanation(&found)), below)
            };
            let plain = Scope::of(directory.sources());
            assert_eq!(ask(&directory.scope()), ask(&plain), "step {step}: {name} in {top}");
        }
    }
    by_index
}

/// Compares what is shown with what an overlay shows that is mounted just now.
fn compare_with_fresh(stage: &Stage) {
    let options = format!("lowerdir=/u:/1:/2:/3,{}", stage.whiteout_option());
    if let Err(error) = stage.mount("overlay", "/fresh", &options) {
        panic!("mount -o {options}: {error}");
    }
    for directory in ["", "/d", "/e"] {
        let shown = |top: &str| -> String {
            let path = format!("{top}{directory}");
            let names = NAMES.map(|name| stage.probe(&format!("{path}/{name}")));
            format!("{} {names:?}", stage.list(&path))
        };
        assert_eq!(shown("/m"), shown("/fresh"), "{directory}");
    }
    assert_eq!(stage.vfs.unmount(&stage.root, b"/fresh", crate::manager::mounts::UnmountFlags::empty()), Ok(()));
}
