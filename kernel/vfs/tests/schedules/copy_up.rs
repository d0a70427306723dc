//! Copy-up against copy-up, and against what takes the name away.

use crate::protocols;
use crate::stage::{APPEND, Stage};
use vfs::error::FileSystemErrorKind as Kind;
use vfs::file::OpenFlags;

protocols! {
    /// ```text
    /// 1   d/f "0"          two append to f at once: one copy, and both writes in it
    /// ```
    fn copy_up_against_copy_up() {
        let stage = Stage::new(|world| {
            world.mkdir("/1/d").write("/1/d/f", "0");
        });
        let went = stage.both(|stage| stage.put("/m/d/f", APPEND, "a"), |stage| stage.put("/m/d/f", APPEND, "b"));
        assert_eq!(went, [None, None]);
        let text = stage.read("/m/d/f");
        assert!(text == "0ab" || text == "0ba", "{text}");
        assert_eq!((stage.read("/u/d/f"), stage.read("/1/d/f")), (text.clone(), "0".into()));
        assert_eq!((stage.upper("d"), stage.stat("/u/d/f").links), ("f".into(), 1));
        stage.remount();
        assert_eq!(stage.read("/m/d/f"), text);
    }

    /// ```text
    /// 1   d/f d/g          one changes f, one g, one d itself: the directory above is copied once
    /// ```
    fn copy_up_of_the_same_parent() {
        let stage = Stage::new(|world| {
            world.mkdir("/1/d").write("/1/d/f", "f").write("/1/d/g", "g");
        });
        stage.at_once(&[
            &|stage| assert_eq!(stage.put("/m/d/f", APPEND, "+"), Ok(())),
            &|stage| assert_eq!(stage.put("/m/d/g", APPEND, "+"), Ok(())),
            &|stage| assert_eq!(stage.chmod("/m/d", 0o700), Ok(())),
        ]);
        assert_eq!((stage.read("/m/d/f"), stage.read("/m/d/g")), ("f+".into(), "g+".into()));
        assert_eq!((stage.list("/m"), stage.list("/m/d"), stage.stat("/m/d").mode), ("d".into(), "f g".into(), 0o700));
        assert_eq!((stage.upper(""), stage.upper("d")), ("d".into(), "f g".into()));
    }

    /// ```text
    /// 1   d/f "0"          one writes to f, open since before; one removes it: the name does not come back, and what
    ///                      was written is seen by who has it open
    /// ```
    fn copy_up_against_unlink() {
        let stage = Stage::new(|world| {
            world.mkdir("/1/d").write("/1/d/f", "0");
        });
        let file = stage.open("/m/d/f", OpenFlags::READ | OpenFlags::WRITE).expect("it is there");
        let went = stage.both(|stage| file.write(&stage.root.credentials, &mut &b"1"[..]).map(drop), |stage| stage.unlink("/m/d/f"));
        assert_eq!(went, [None, None]);
        assert_eq!((stage.probe("/m/d/f"), stage.list("/m/d")), ("ENOENT".into(), String::new()));
        assert_eq!(stage.upper("d"), ".wh.f");
        let mut byte = [0];
        assert_eq!(file.read_at(0, &mut &mut byte[..]), Ok(1));
        assert_eq!(byte, *b"1");
        drop(file);
        stage.remount();
        assert_eq!((stage.probe("/m/d/f"), stage.read("/1/d/f")), ("ENOENT".into(), "0".into()));
    }

    /// ```text
    /// 1   d/f "0"          one writes to f by its name, one removes it: either order, and nothing between
    /// ```
    fn copy_up_by_name_against_unlink() {
        let stage = Stage::new(|world| {
            world.mkdir("/1/d").write("/1/d/f", "0");
        });
        let went = stage.both(|stage| stage.put("/m/d/f", APPEND, "1"), |stage| stage.unlink("/m/d/f"));
        assert!(matches!(went, [None | Some(Kind::NotFound), None]), "{went:?}");
        assert_eq!((stage.probe("/m/d/f"), stage.upper("d")), ("ENOENT".into(), ".wh.f".into()));
    }

    /// ```text
    /// 1   d/               one changes d, one removes it: it does not come back
    /// ```
    fn copy_up_of_a_directory_against_rmdir() {
        let stage = Stage::new(|world| {
            world.mkdir("/1/d");
        });
        let went = stage.both(|stage| stage.chmod("/m/d", 0o700), |stage| stage.rmdir("/m/d"));
        assert!(matches!(went, [None | Some(Kind::NotFound), None]), "{went:?}");
        assert_eq!((stage.probe("/m/d"), stage.upper("")), ("ENOENT".into(), ".wh.d".into()));
    }

    /// ```text
    /// 1   d/f "0"          one writes to f, one moves d: the write is where f is then
    /// ```
    fn copy_up_against_a_move_of_the_parent() {
        let stage = Stage::new(|world| {
            world.mkdir("/1/d").write("/1/d/f", "0");
        });
        let file = stage.open("/m/d/f", OpenFlags::WRITE | OpenFlags::APPEND).expect("it is there");
        let went = stage.both(|stage| file.write(&stage.root.credentials, &mut &b"1"[..]).map(drop), |stage| stage.rename("/m/d", "/m/e"));
        assert_eq!(went, [None, None]);
        drop(file);
        assert_eq!((stage.read("/m/e/f"), stage.list("/m")), ("01".into(), "e".into()));
        stage.remount();
        assert_eq!((stage.read("/m/e/f"), stage.list("/m")), ("01".into(), "e".into()));
    }
}
