//! Pushes and pops of layers against who uses the overlay.

use crate::protocols;
use crate::stage::{APPEND, CREATE, Stage};
use vfs::error::{FileSystemErrorKind as Kind, Result};
use vfs::file::OpenFlags;
use vfs::mount::MountFlags;

/// An overlay with a file in the lower, one in the upper, and `/p` to push.
fn stage() -> Stage {
    Stage::new(|world| {
        world.mkdir("/p").mkdir("/1/d").write("/1/d/f", "f").mkdir("/u/d").write("/u/d/g", "g");
    })
}

fn change(stage: &Stage, options: &str) -> Result<()> {
    stage.vfs.remount(&stage.root, b"/m", MountFlags::empty(), options.as_bytes()).map_err(|refused| refused.error)
}

protocols! {
    /// ```text
    /// p                    one pushes p, one opens g and appends to it: the write is not lost, and it is in p if it
    /// u   d/g              came after the push, in u if it came before
    /// 1   d/f
    /// ```
    fn push_against_open_and_write() {
        let stage = stage();
        let went = stage.both(|stage| change(stage, "push=/p"), |stage| stage.put("/m/d/g", APPEND, "+"));
        // Opened before and not closed yet, the file to be written keeps its layer from being frozen.
        assert!(matches!(went, [None | Some(Kind::Busy), None]), "{went:?}");
        assert_eq!((stage.read("/m/d/g"), stage.read("/m/d/f")), ("g+".into(), "f".into()));
        let (frozen, fresh) = (stage.read("/u/d/g"), stage.read("/p/d/g"));
        assert!(
            frozen == "g+" && fresh == "ENOENT" || went[0].is_none() && frozen == "g" && fresh == "g+",
            "u {frozen}, p {fresh}"
        );
    }

    /// ```text
    /// p                    one pushes p, one reads and lists all the while: nothing is missing at any moment
    /// u   d/g
    /// 1   d/f
    /// ```
    fn push_against_lookup() {
        let stage = stage();
        stage.at_once(&[
            &|stage| assert_eq!(change(stage, "push=/p"), Ok(())),
            &|stage| {
                assert_eq!(stage.list("/m/d"), "f g");
                let file = stage.open("/m/d/g", OpenFlags::READ).expect("it is there");
                let mut byte = [0];
                assert_eq!(file.read(&mut &mut byte[..]), Ok(1));
            },
        ]);
        assert_eq!((stage.list("/m/d"), stage.list("/p")), ("f g".into(), "".into()));
    }

    /// ```text
    /// p                    one pushes p, one makes h, one removes f: each is in one layer, and undone in none
    /// u   d/g
    /// 1   d/f
    /// ```
    fn push_against_changes_of_names() {
        let stage = stage();
        stage.at_once(&[
            &|stage| {
                let went = change(stage, "push=/p").map_err(|error| error.kind());
                assert!(matches!(went, Ok(()) | Err(Kind::Busy)), "{went:?}");
            },
            &|stage| assert_eq!(stage.put("/m/d/h", CREATE, "h"), Ok(())),
            &|stage| assert_eq!(stage.unlink("/m/d/f"), Ok(())),
        ]);
        assert_eq!((stage.list("/m/d"), stage.read("/m/d/h")), ("g h".into(), "h".into()));
        assert_eq!(stage.read("/1/d/f"), "f");
    }

    /// ```text
    /// p   d/h              one pops p, one opens h: either it is gone, or the layer is in use
    /// u   d/g
    /// 1   d/f
    /// ```
    fn pop_against_open() {
        let stage = stage();
        assert_eq!(change(&stage, "push=/p"), Ok(()));
        assert_eq!(stage.put("/m/d/h", CREATE, "h"), Ok(()));
        let went = stage.both(
            |stage| change(stage, "pop"),
            |stage| {
                let file = stage.open("/m/d/h", OpenFlags::READ)?;
                let mut byte = [0];
                assert_eq!((file.read(&mut &mut byte[..]), byte), (Ok(1), *b"h"));
                Ok(())
            },
        );
        match went {
            [None, None | Some(Kind::NotFound)] => assert_eq!(stage.list("/m/d"), "f g"),
            [Some(Kind::Busy), None] => assert_eq!(stage.list("/m/d"), "f g h"),
            went => panic!("{went:?}"),
        }
    }
}
