//! The index of the lower layers against what changes while it is made and used.

use crate::protocols;
use crate::stage::{EXCLUSIVE, Stage};
use vfs::selftest::world::World;

/// A directory in two lowers.
fn two_lowers() -> Stage {
    Stage::over("/1:/2", |world: &World| {
        world.mkdir("/2").mkdir("/1/d").mkdir("/2/d").write("/2/d/f", "f");
    })
}

protocols! {
    /// ```text
    /// 1   d/               one makes h in the overlay, moves it and removes f, one lists, which makes the index, and
    /// 2   d/f              searches by it: each name is what it was before or after
    /// ```
    fn the_making_of_an_index_against_changes_above() {
        let stage = two_lowers();
        stage.at_once(&[
            &|stage| {
                assert_eq!(stage.put("/m/d/h", EXCLUSIVE, "h"), Ok(()));
                assert_eq!(stage.rename("/m/d/h", "/m/d/i"), Ok(()));
                assert_eq!(stage.unlink("/m/d/f"), Ok(()));
            },
            &|stage| {
                let names = stage.list("/m/d");
                assert!(["f", "f h", "f i", "i"].contains(&names.as_str()), "{names}");
                let seen = ["f", "h", "i"].map(|name| stage.probe(&format!("/m/d/{name}")) == "found");
                // Looked for in this order: what is seen later may have come later.
                assert!(seen[0] || !seen[1], "{seen:?}");
                assert!(seen[0] || seen[2], "{seen:?}");
            },
        ]);
        assert_eq!((stage.list("/m/d"), stage.probe("/m/d/f")), ("i".into(), "ENOENT".into()));
    }

    /// ```text
    /// 1   d/               one makes g straight in 1 and removes f straight in 2, one lists, which makes the index, and
    /// 2   d/f              searches by it: no answer from before a change comes after it
    /// ```
    fn the_making_of_an_index_against_changes_below() {
        let stage = two_lowers();
        stage.at_once(&[
            &|stage| {
                assert_eq!(stage.put("/1/d/g", EXCLUSIVE, "g"), Ok(()));
                assert_eq!(stage.probe("/m/d/g"), "found");
                assert_eq!(stage.unlink("/2/d/f"), Ok(()));
                assert_eq!(stage.probe("/m/d/f"), "ENOENT");
            },
            &|stage| {
                let names = stage.list("/m/d");
                assert!(["f", "f g", "g"].contains(&names.as_str()), "{names}");
                let seen = ["f", "g"].map(|name| stage.probe(&format!("/m/d/{name}")) == "found");
                assert!(seen[0] || seen[1], "{seen:?}");
                assert!(seen[1] || !names.contains('g'), "{names}, then {seen:?}");
            },
            &|stage| {
                let names = stage.list("/m/d");
                assert!(["f", "f g", "g"].contains(&names.as_str()), "{names}");
            },
        ]);
        assert_eq!(stage.list("/m/d"), "g");
        assert_eq!(["f", "g"].map(|name| stage.probe(&format!("/m/d/{name}"))), ["ENOENT", "found"]);
    }
}
