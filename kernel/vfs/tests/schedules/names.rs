//! Changes of names against each other and against who looks.

use crate::protocols;
use crate::stage::{CREATE, EXCLUSIVE, Stage};
use vfs::error::FileSystemErrorKind as Kind;

protocols! {
    /// ```text
    /// 1   d/f              one makes g, one lists d and looks for what it saw: no listed name is missing, none is
    ///                      there twice; afterwards no miss from before is answered again
    /// ```
    fn create_against_listing() {
        let stage = Stage::new(|world| {
            world.mkdir("/1/d").write("/1/d/f", "f");
        });
        stage.at_once(&[
            &|stage| assert_eq!(stage.put("/m/d/g", EXCLUSIVE, "g"), Ok(())),
            &|stage| {
                let missed = stage.probe("/m/d/g");
                let names = stage.list("/m/d");
                assert!(names == "f" && missed == "ENOENT" || names == "f g", "{missed}, then {names}");
                if names == "f g" {
                    assert_eq!(stage.probe("/m/d/g"), "found");
                }
            },
        ]);
        assert_eq!((stage.list("/m/d"), stage.probe("/m/d/g")), ("f g".into(), "found".into()));
    }

    /// ```text
    /// 1   d/f "lower"      one removes f and makes it again, one lists and reads: f is there once or not at all, with
    ///                      the lower content only before it was removed
    /// ```
    fn removal_and_creation_against_listing() {
        let stage = Stage::new(|world| {
            world.mkdir("/1/d").write("/1/d/f", "lower");
        });
        stage.at_once(&[
            &|stage| {
                assert_eq!(stage.unlink("/m/d/f"), Ok(()));
                assert_eq!(stage.put("/m/d/f", EXCLUSIVE, "new"), Ok(()));
            },
            &|stage| {
                let seen = [stage.read("/m/d/f"), stage.list("/m/d"), stage.read("/m/d/f")];
                assert!(["lower", "ENOENT", "", "new"].contains(&seen[0].as_str()), "{seen:?}");
                assert!(["f", ""].contains(&seen[1].as_str()), "{seen:?}");
                assert!(seen[2] != "lower" || seen[0] == "lower" && seen[1] == "f", "{seen:?}");
            },
        ]);
        assert_eq!((stage.list("/m/d"), stage.read("/m/d/f")), ("f".into(), "new".into()));
    }

    /// ```text
    /// 1   d/               two make f, each if it is not there: one does, the other hears that it is there
    /// ```
    fn create_against_create() {
        let stage = Stage::new(|world| {
            world.mkdir("/1/d");
        });
        let mut went = stage.both(|stage| stage.put("/m/d/f", EXCLUSIVE, "1"), |stage| stage.mkdir("/m/d/f"));
        went.sort_by_key(Option::is_some);
        assert_eq!(went, [None, Some(Kind::AlreadyExists)]);
        assert_eq!(stage.upper("d"), "f");
    }

    /// ```text
    /// 1   f                two remove f: one does, the other hears that it is gone
    /// ```
    fn unlink_against_unlink() {
        let stage = Stage::new(|world| {
            world.write("/1/f", "f");
        });
        let mut went = stage.both(|stage| stage.unlink("/m/f"), |stage| stage.unlink("/m/f"));
        went.sort_by_key(Option::is_some);
        assert_eq!(went, [None, Some(Kind::NotFound)]);
        assert_eq!(stage.upper(""), ".wh.f");
    }

    /// ```text
    /// u   d/.wh.f          one makes d/g, one removes d: either d is not empty, or g has no place
    /// 1   d/f
    /// ```
    fn create_against_rmdir_of_the_parent() {
        let stage = Stage::new(|world| {
            world.mkdir("/1/d").write("/1/d/f", "f").mkdir("/u/d").write("/u/d/.wh.f", "");
        });
        let went = stage.both(|stage| stage.put("/m/d/g", CREATE, "g"), |stage| stage.rmdir("/m/d"));
        match went {
            [None, Some(Kind::DirectoryNotEmpty)] => assert_eq!(stage.list("/m/d"), "g"),
            [Some(Kind::NotFound), None] => assert_eq!((stage.list("/m"), stage.upper("")), ("".into(), ".wh.d".into())),
            went => panic!("{went:?}"),
        }
        let names = stage.list("/m");
        stage.remount();
        assert_eq!(stage.list("/m"), names);
    }

    /// ```text
    /// 1   f "f"            one gives f the name g too, one removes f: g is there with its content, or never was
    /// ```
    fn link_against_unlink() {
        let stage = Stage::new(|world| {
            world.write("/1/f", "f");
        });
        let went = stage.both(|stage| stage.link("/m/f", "/m/g"), |stage| stage.unlink("/m/f"));
        match went {
            [None, None] => {
                assert_eq!((stage.list("/m"), stage.read("/m/g"), stage.stat("/m/g").links), ("g".into(), "f".into(), 1));
                assert_eq!(stage.upper(""), ".wh.f g");
            }
            [Some(Kind::NotFound), None] => assert_eq!((stage.list("/m"), stage.upper("")), ("".into(), ".wh.f".into())),
            went => panic!("{went:?}"),
        }
    }
}
