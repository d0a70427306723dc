//! Moves against who looks, and against each other.

use crate::protocols;
use crate::stage::Stage;
use vfs::context::ResolveFlags;
use vfs::error::FileSystemErrorKind as Kind;
use vfs::manager::Follow;
use vfs::node::RenameFlags;

protocols! {
    /// ```text
    /// 1   a "f"            one moves a to b, one looks at both names and lists: it is seen on exactly one side
    /// ```
    fn rename_against_lookup() {
        let stage = Stage::new(|world| {
            world.write("/1/a", "f");
        });
        stage.at_once(&[
            &|stage| assert_eq!(stage.rename("/m/a", "/m/b"), Ok(())),
            &|stage| {
                let old = stage.read("/m/a");
                let new = stage.read("/m/b");
                assert!(old == "f" && ["ENOENT", "f"].contains(&new.as_str()) || old == "ENOENT" && new == "f");
                if new == "f" {
                    assert_eq!(stage.probe("/m/a"), "ENOENT");
                }
            },
            &|stage| {
                let names = stage.list("/m");
                assert!(names == "a" || names == "b", "{names}");
            },
        ]);
        assert_eq!((stage.list("/m"), stage.upper("")), ("b".into(), ".wh.a b".into()));
    }

    /// ```text
    /// 1   a/s/g a/f "f"    one moves a to b, one looks for f: under exactly one of the two; and s, moved out of b later,
    ///                      takes its files along
    /// ```
    fn rename_of_a_directory_against_lookup_below_it() {
        let stage = Stage::new(|world| {
            world.mkdir("/1/a/s").write("/1/a/f", "f").write("/1/a/s/g", "g");
        });
        stage.at_once(&[
            &|stage| assert_eq!(stage.rename("/m/a", "/m/b"), Ok(())),
            &|stage| {
                let old = stage.read("/m/a/f");
                let new = stage.read("/m/b/f");
                assert!(old == "f" && ["ENOENT", "f"].contains(&new.as_str()) || old == "ENOENT" && new == "f");
            },
        ]);
        assert_eq!(stage.rename("/m/b/s", "/m/t"), Ok(()));
        for _ in 0..2 {
            assert_eq!((stage.list("/m"), stage.list("/m/b"), stage.read("/m/b/f")), ("b t".into(), "f".into(), "f".into()));
            assert_eq!(stage.read("/m/t/g"), "g");
            stage.remount();
        }
    }

    /// ```text
    /// u   a  d/            one exchanges a and d, and makes a name in the directory, now a; two look at both names: what
    ///                      they found before is never taken for what is there after, so names can be made in it
    /// ```
    fn exchange_with_a_directory_against_lookup() {
        let stage = Stage::new(|world| {
            world.write("/u/a", "f").mkdir("/u/d");
        });
        let exchange = |stage: &Stage| stage.vfs.rename(&stage.root, b"/m/a", b"/m/d", RenameFlags::EXCHANGE);
        let look = |stage: &Stage| ["/m/a", "/m/d", "/m/a"].map(|path| stage.probe(path));
        stage.at_once(&[
            &|stage| {
                assert_eq!(exchange(stage), Ok(()));
                assert_eq!(stage.mkdir("/m/a/s"), Ok(()));
            },
            &|stage| assert_eq!(look(stage), ["found"; 3]),
            &|stage| assert_eq!(look(stage), ["found"; 3]),
        ]);
        assert_eq!(stage.rmdir("/m/a/s"), Ok(()));
        assert_eq!((stage.list("/m"), stage.read("/m/d")), ("a d".into(), "f".into()));
    }

    /// ```text
    /// 1   a/f              one moves f to g in a, one moves a to b: f or g is in b, once
    /// ```
    fn rename_against_rename_of_the_parent() {
        let stage = Stage::new(|world| {
            world.mkdir("/1/a").write("/1/a/f", "f");
        });
        let went = stage.both(|stage| stage.rename("/m/a/f", "/m/a/g"), |stage| stage.rename("/m/a", "/m/b"));
        let expected = match went {
            [None, None] => "g",
            [Some(Kind::NotFound), None] => "f",
            went => panic!("{went:?}"),
        };
        assert_eq!((stage.list("/m"), stage.list("/m/b")), ("b".into(), expected.into()));
        assert_eq!(stage.read(&format!("/m/b/{expected}")), "f");
        stage.remount();
        assert_eq!((stage.list("/m"), stage.list("/m/b")), ("b".into(), expected.into()));
    }

    /// ```text
    /// 1   a/ b/            one moves a to c or lets it trade places with b, one makes f in a, which it has open: f is made,
    ///                      for a directory that is moved is there all the while
    /// ```
    fn rename_of_a_directory_against_create_in_it() {
        for flags in [RenameFlags::empty(), RenameFlags::EXCHANGE] {
            let stage = Stage::new(|world| {
                world.mkdir("/1/a").mkdir("/1/b");
            });
            let to = if flags.is_empty() { "/m/c" } else { "/m/b" };
            let inside = stage.root.at(stage.vfs.resolve(&stage.root, b"/m/a", Follow::No).expect("it is there"));
            let went = stage.both(
                |stage| stage.vfs.rename(&stage.root, b"/m/a", to.as_bytes(), flags),
                |stage| stage.vfs.make_directory(&inside, b"f", 0o755),
            );
            assert_eq!(went, [None, None]);
            assert_eq!(stage.list(to), "f");
        }
    }

    /// ```text
    /// 1   a/               one moves a to b, then makes f in it, which it has open; one looks at b all the while: that
    ///                      nothing was there before does not take the directory away, now or when it is moved on to c
    /// ```
    fn rename_of_a_directory_against_lookup_of_its_new_name() {
        let stage = Stage::new(|world| {
            world.mkdir("/1/a");
        });
        let inside = stage.root.at(stage.vfs.resolve(&stage.root, b"/m/a", Follow::No).expect("it is there"));
        stage.at_once(&[
            &|stage| {
                assert_eq!(stage.rename("/m/a", "/m/b"), Ok(()));
                assert_eq!(stage.vfs.make_directory(&inside, b"f", 0o755), Ok(()));
                assert_eq!(stage.rename("/m/b", "/m/c"), Ok(()));
                assert_eq!(stage.vfs.make_directory(&inside, b"g", 0o755), Ok(()));
            },
            &|stage| {
                assert!(["found", "ENOENT"].contains(&stage.probe("/m/b").as_str()));
                assert!(["found", "ENOENT"].contains(&stage.probe("/m/c").as_str()));
            },
        ]);
        assert_eq!((stage.list("/m"), stage.list("/m/c")), ("c".into(), "f g".into()));
        assert_eq!(stage.mkdir("/m/c/h"), Ok(()));
    }

    /// ```text
    /// 1   a/ b/            one moves a into b, one b into a: one of them, never a ring that nothing leads to
    /// ```
    fn two_directories_into_each_other() {
        let stage = Stage::new(|world| {
            world.mkdir("/1/a").mkdir("/1/b");
        });
        let went = stage.both(|stage| stage.rename("/m/a", "/m/b/a"), |stage| stage.rename("/m/b", "/m/a/b"));
        match went {
            [None, Some(Kind::InvalidArgument | Kind::NotFound)] => {
                assert_eq!((stage.list("/m"), stage.list("/m/b"), stage.list("/m/b/a")), ("b".into(), "a".into(), "".into()));
            }
            [Some(Kind::InvalidArgument | Kind::NotFound), None] => {
                assert_eq!((stage.list("/m"), stage.list("/m/a"), stage.list("/m/a/b")), ("a".into(), "b".into(), "".into()));
            }
            went => panic!("{went:?}"),
        }
    }

    /// ```text
    /// 1   a "a" b "b"      one lets them trade places, one looks: never the same on both sides after that
    /// ```
    fn exchange_against_lookup() {
        let stage = Stage::new(|world| {
            world.write("/1/a", "a").write("/1/b", "b");
        });
        stage.at_once(&[
            &|stage| assert_eq!(stage.vfs.rename(&stage.root, b"/m/a", b"/m/b", RenameFlags::EXCHANGE), Ok(())),
            &|stage| {
                let one = stage.read("/m/a");
                let other = stage.read("/m/b");
                let possible = [("a", "b"), ("b", "a"), ("a", "a")];
                assert!(possible.contains(&(one.as_str(), other.as_str())), "{one} {other}");
            },
        ]);
        assert_eq!((stage.read("/m/a"), stage.read("/m/b")), ("b".into(), "a".into()));
    }

    /// ```text
    /// 1   a "a" b "b"      one moves a onto b, one removes b: b is gone, or a is where it was; nothing else is lost
    /// ```
    fn rename_onto_a_name_against_its_removal() {
        let stage = Stage::new(|world| {
            world.write("/1/a", "a").write("/1/b", "b");
        });
        let went = stage.both(|stage| stage.rename("/m/a", "/m/b"), |stage| stage.unlink("/m/b"));
        assert_eq!(went, [None, None]);
        let names = stage.list("/m");
        assert!(names == "b" && stage.read("/m/b") == "a" || names.is_empty(), "{names}");
        stage.remount();
        assert_eq!(stage.list("/m"), names);
    }
    /// ```text
    /// /r/a/b   /out   /secret      one moves b to /out and back, one walks a/b/../../secret with /r for its root: it may
    ///                              be told to try again, but never gets to /secret
    /// ```
    fn a_scoped_walk_against_its_directory_being_moved_out() {
        let stage = Stage::new(|world| {
            world.mkdir("/r/a/b").mkdir("/out").write("/secret", "");
        });
        stage.at_once(&[
            &|stage| {
                assert_eq!(stage.rename("/r/a/b", "/out/b"), Ok(()));
                assert_eq!(stage.rename("/out/b", "/r/a/b"), Ok(()));
            },
            &|stage| {
                let start = stage.vfs.resolve(&stage.root, b"/r", Follow::Yes).expect("nobody moves that");
                let context = stage.root.at(start).resolving(ResolveFlags::IN_ROOT);
                let found = stage.vfs.resolve(&context, b"a/b/../../secret", Follow::Yes);
                assert!(found.is_err(), "out of the root");
            },
        ]);
    }
}
