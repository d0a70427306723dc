//! Changes made straight in a layer: the merged directory counts them, and shows them at the next look.

use super::super::Stage;
use crate::manager::Follow;
use crate::vfs_test;
use alloc::format;

impl Stage {
    /// The count of changes of the directory at `path`.
    fn change(&self, path: &str) -> u64 {
        let found = self.vfs.resolve(&self.root, path.as_bytes(), Follow::Yes).expect("the path is there");
        found.node().expect("it is bound").change()
    }

    /// How far the count of a directory moves on while something is done.
    fn counted<T>(&self, path: &str, change: impl FnOnce() -> T) -> u64 {
        let before = self.change(path);
        change();
        self.change(path) - before
    }
}

vfs_test! {
    /// ```text
    /// u   d
    /// 1   d          a name made or removed in any of them counts once in the merged d; one made elsewhere does not
    /// 2   d
    /// ```
    fn a_change_in_any_layer_counts_once() {
        let stage = Stage::oci();
        for layer in ["u", "1", "2"] {
            stage.mkdir(&format!("/{layer}/d")).mkdir(&format!("/{layer}/e"));
        }
        stage.overlay("/1:/2");
        assert_eq!(stage.list("/m/d"), "");
        for layer in ["u", "1", "2", "m"] {
            let name = format!("/{layer}/d/f");
            assert_eq!(stage.counted("/m/d", || stage.write(&name, "")), 1, "{name} made");
            assert_eq!(stage.counted("/m/d", || assert_eq!(stage.unlink(&name), Ok(()))), 1, "{name} removed");
            assert_eq!(stage.counted("/m/d", || stage.write(&format!("/{layer}/e/f"), "")), 0);
        }
    }

    /// ```text
    /// u   -   d              d is copied up while somebody knows that f is missing; f then made straight in u shows
    /// 1   d   d
    /// ```
    fn a_directory_that_was_copied_up_notices_changes_in_its_copy() {
        let stage = Stage::oci();
        stage.mkdir("/1/d").overlay("/1");
        assert_eq!(stage.probe("/m/d/f"), "ENOENT");
        assert!(stage.counted("/m/d", || assert_eq!(stage.chmod("/m/d", 0o700), Ok(()))) >= 1);
        assert_eq!(stage.probe("/m/d/f"), "ENOENT");
        stage.write("/u/d/f", "straight");
        assert_eq!(stage.read("/m/d/f"), "straight");
        assert_eq!(stage.probe("/m/d/g"), "ENOENT");
        stage.write("/1/d/g", "below");
        assert_eq!(stage.read("/m/d/g"), "below");
    }

    /// ```text
    /// /m  overlay of  u2, and below it an overlay of  u, 1       what is made in 1 or in u shows in /m
    /// ```
    fn changes_reach_an_overlay_on_an_overlay() {
        let stage = Stage::oci();
        stage.mkdir("/1/d").mkdir("/u/d").mkdir("/u2").mkdir("/below");
        stage.mount("overlay", "/below", "lowerdir=/1,upperdir=/u").expect("it mounts");
        stage.mount("overlay", "/m", "lowerdir=/below,upperdir=/u2").expect("it mounts");
        assert_eq!(stage.probe("/m/d/f"), "ENOENT");
        assert_eq!(stage.counted("/m/d", || stage.write("/1/d/f", "1")), 1);
        assert_eq!(stage.read("/m/d/f"), "1");
        assert_eq!(stage.counted("/m/d", || stage.write("/below/d/g", "u")), 1);
        assert_eq!(stage.read("/m/d/g"), "u");
        assert_eq!(stage.unlink("/1/d/f"), Ok(()));
        assert_eq!(stage.probe("/m/d/f"), "ENOENT");
    }
}

/// ```text
/// u   d    one makes f1 f2 f3 … in turn in d of u, 1 and 2, and copies d up halfway; others ask for the last one
/// 1   d    made, which is there, and for the next, which may not be; and one lists, so that there is an index most of
/// 2   d    the time, and sees all that were made before, each once: of those made meanwhile it sees some, for the layers
///          are read one after the other
/// ```
#[cfg(test)]
#[test]
fn no_answer_from_before_a_change_is_given_after_it() {
    use alloc::vec::Vec;
    use core::sync::atomic::{AtomicUsize, Ordering};
    const NAMES: usize = 2000;
    let stage = Stage::oci();
    stage.mkdir("/1/d").mkdir("/2/d").overlay("/1:/2");
    let made = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let last = made.load(Ordering::Acquire);
                    stage.probe(&format!("/m/d/f{}", last + 1));
                    if last > 0 {
                        assert_eq!(stage.probe(&format!("/m/d/f{last}")), "found");
                    }
                    if last == NAMES {
                        return;
                    }
                }
            });
        }
        scope.spawn(|| {
            loop {
                let last = made.load(Ordering::Acquire);
                let names = stage.list("/m/d");
                let mut numbers: Vec<usize> = names.split('f').filter_map(|name| name.trim().parse().ok()).collect();
                numbers.sort_unstable();
                let all = numbers.iter().copied().take(last).eq(1..=last);
                let each_once = numbers.windows(2).all(|pair| pair[0] < pair[1]);
                assert!(all && each_once, "{last} were made: {names}");
                if last == NAMES {
                    return;
                }
            }
        });
        for number in 1..=NAMES {
            if number == NAMES / 2 {
                assert_eq!(stage.chmod("/m/d", 0o700), Ok(()));
            }
            let layer = if number < NAMES / 2 { 1 + number % 2 } else { number % 3 };
            let layer = ["u", "1", "2"][layer];
            stage.write(&format!("/{layer}/d/f{number}"), "");
            made.store(number, Ordering::Release);
        }
    });
}
