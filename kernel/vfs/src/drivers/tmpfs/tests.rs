//! What tmpfs promises beyond what the namespace's own tests show of it.

use super::{Tmpfs, TmpfsOptions};
use crate::content::{Bytes, Content};
use crate::environment::Environment;
use crate::error::{FileSystemErrorKind as Kind, Result};
use crate::file_system::{DirectoryTimes, FileSystemOperations, NameChange};
use crate::metadata::{DeviceNumber, FileType};
use crate::node::{FIRST_CURSOR, NewKind, NewNode, NodeRef, SetXattr, WriteAt};
use crate::vfs_test;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

const FILE: NewNode<'static> = NewNode { kind: NewKind::Regular, mode: 0o644, uid: 0, gid: 0 };
const DIRECTORY: NewNode<'static> = NewNode { kind: NewKind::Directory, mode: 0o755, uid: 0, gid: 0 };

fn tmpfs(options: TmpfsOptions) -> (Arc<Tmpfs>, NodeRef) {
    let tmpfs = Tmpfs::new(options, &Environment::detached());
    let root = tmpfs.root();
    (tmpfs, root)
}

fn make(directory: &NodeRef, name: &str, new: &NewNode<'_>) -> NodeRef {
    directory.create(name.as_bytes(), new).unwrap_or_else(|error| panic!("create {name}: {error:?}"))
}

fn names(directory: &NodeRef) -> Vec<String> {
    let mut names = Vec::new();
    let listed = directory.list(FIRST_CURSOR, &mut |item| {
        names.push(item.name.escape_ascii().to_string());
        true
    });
    assert!(listed.is_ok());
    names
}

fn links(node: &NodeRef) -> u64 {
    node.metadata().map_or(u64::MAX, |metadata| metadata.links)
}

#[track_caller]
fn fails<T>(result: Result<T>, kind: Kind) {
    assert_eq!(result.map(|_| ()).map_err(|error| error.kind()), Err(kind));
}

fn free(tmpfs: &Tmpfs) -> (u64, u64) {
    let statistics = tmpfs.statistics().unwrap_or_else(|error| panic!("{error:?}"));
    (statistics.blocks_free, statistics.nodes_free)
}

vfs_test! {
    /// A limit of four pages: the fifth is refused, and a page given back can be taken again.
    fn a_full_file_system_answers_enospc_and_recovers() {
        let (tmpfs, root) = tmpfs(TmpfsOptions::default().with_bytes(4 * 4096));
        let file = make(&root, "f", &FILE);
        let bytes = vec![7; 6 * 4096];
        assert_eq!(file.write(WriteAt::Offset(0), &mut &bytes[..]), Ok((0, 4 * 4096)));
        fails(file.write(WriteAt::End, &mut &b"x"[..]), Kind::NoSpace);
        assert_eq!(file.write(WriteAt::Offset(0), &mut &b"still"[..]), Ok((0, 5)));
        let other = make(&root, "g", &FILE);
        fails(other.write(WriteAt::Offset(0), &mut &b"x"[..]), Kind::NoSpace);
        assert_eq!(root.unlink(b"f", &file), Ok(()));
        fails(other.write(WriteAt::Offset(0), &mut &b"x"[..]), Kind::NoSpace);
        drop(file);
        assert_eq!(other.write(WriteAt::Offset(0), &mut &b"x"[..]), Ok((0, 1)));
        assert_eq!(free(&tmpfs).0, 3);
    }

    fn nodes_and_names_are_limited() {
        let (tmpfs, root) = tmpfs(TmpfsOptions::default().with_nodes(4));
        let first = make(&root, "1", &FILE);
        make(&root, "2", &DIRECTORY);
        assert_eq!(root.link(b"3", &first), Ok(()));
        fails(root.create(b"4", &FILE), Kind::NoSpace);
        fails(root.link(b"4", &first), Kind::NoSpace);
        fails(root.create_unnamed(&FILE), Kind::NoSpace);
        assert_eq!(free(&tmpfs).1, 0);
        assert_eq!(root.unlink(b"3", &first), Ok(()));
        make(&root, "4", &FILE);
        assert_eq!(names(&root), ["1", "2", "4"]);
    }

    fn attributes_are_charged_and_given_back() {
        let (tmpfs, root) = tmpfs(TmpfsOptions::default().with_bytes(64 * 1024));
        let file = make(&root, "f", &FILE);
        let value = vec![1; 40_000];
        assert_eq!(file.set_xattr(b"user.a", &value, SetXattr::Any), Ok(()));
        fails(file.set_xattr(b"user.b", &value, SetXattr::Any), Kind::NoSpace);
        assert_eq!(file.get_xattr(b"user.a").map(|value| value.len()), Ok(40_000));
        assert_eq!(root.unlink(b"f", &file), Ok(()));
        drop(file);
        assert_eq!(free(&tmpfs).0, 16);
    }

    /// Content that another file system shares costs nothing until it is written, and then page by page.
    fn cloned_content_is_charged_by_the_page_written() {
        let (tmpfs, root) = tmpfs(TmpfsOptions::default().with_bytes(2 * 4096));
        let file = make(&root, "f", &FILE);
        let big = Content::from_bytes(Bytes::from_vec(vec![9; 100 * 4096]));
        assert_eq!(file.set_content(big), Ok(()));
        assert_eq!(free(&tmpfs).0, 2);
        assert_eq!(file.write(WriteAt::Offset(50), &mut &b"x"[..]), Ok((50, 1)));
        assert_eq!(file.write(WriteAt::Offset(60), &mut &b"y"[..]), Ok((60, 1)));
        assert_eq!(free(&tmpfs).0, 1);
        let mut read = [0; 12];
        assert_eq!(file.read(50, &mut &mut read[..]), Ok(12));
        assert_eq!(&read, &[b'x', 9, 9, 9, 9, 9, 9, 9, 9, 9, b'y', 9]);
    }

    /// ```text
    /// /a/f  /b/t  (unnamed w)      commit: a/f: f→w, b/t: t→f
    /// ```
    fn a_commit_changes_several_directories_at_once_or_none() {
        let (tmpfs, root) = tmpfs(TmpfsOptions::default());
        let (a, b) = (make(&root, "a", &DIRECTORY), make(&root, "b", &DIRECTORY));
        let (file, target) = (make(&a, "f", &FILE), make(&b, "t", &FILE));
        let whiteout = root.create_unnamed(&FILE).unwrap_or_else(|error| panic!("{error:?}"));
        let moves = [
            NameChange { directory: &a, name: b"f", old: Some(&file), new: Some(&whiteout) },
            NameChange { directory: &b, name: b"t", old: Some(&target), new: Some(&file) },
        ];
        let wrong = [moves[0], NameChange { old: None, ..moves[1] }];
        let before = (a.change(), b.change());
        fails(tmpfs.commit(&wrong, DirectoryTimes::Touch), Kind::Stale);
        assert_eq!((a.change(), b.change()), before);
        assert_eq!(a.lookup(b"f").map(|node| node.id()), Ok(file.id()));
        assert_eq!(tmpfs.commit(&moves, DirectoryTimes::Touch), Ok(()));
        assert_eq!(a.lookup(b"f").map(|node| node.id()), Ok(whiteout.id()));
        assert_eq!(b.lookup(b"t").map(|node| node.id()), Ok(file.id()));
        assert_eq!((links(&file), links(&whiteout), links(&target)), (1, 1, 0));
        assert!(a.change() != before.0 && b.change() != before.1);
        fails(tmpfs.commit(&[moves[0], moves[0]], DirectoryTimes::Touch), Kind::Stale);
    }

    fn a_commit_can_leave_the_times_of_directories() {
        let (tmpfs, root) = tmpfs(TmpfsOptions::default());
        let before = root.metadata().map(|metadata| (metadata.modified, metadata.changed));
        let unnamed = root.create_unnamed(&DIRECTORY).unwrap_or_else(|error| panic!("{error:?}"));
        let publish = [NameChange { directory: &root, name: b"d", old: None, new: Some(&unnamed) }];
        assert_eq!(tmpfs.commit(&publish, DirectoryTimes::Keep), Ok(()));
        assert_eq!(root.metadata().map(|metadata| (metadata.modified, metadata.changed)), before);
        assert_eq!((links(&root), links(&unnamed)), (3, 2));
        let twice = [NameChange { directory: &root, name: b"e", old: None, new: Some(&unnamed) }];
        fails(tmpfs.commit(&twice, DirectoryTimes::Touch), Kind::InvalidArgument);
    }

    /// A directory that is taken away with all that is in it: names elsewhere of what was in it lose one link.
    fn a_commit_may_take_a_directory_away_whatever_is_in_it() {
        let (tmpfs, root) = tmpfs(TmpfsOptions::default());
        let all = free(&tmpfs);
        let directory = make(&root, "d", &DIRECTORY);
        let file = make(&directory, "f", &FILE);
        assert_eq!(root.link(b"elsewhere", &file), Ok(()));
        make(&make(&directory, "sub", &DIRECTORY), "deep", &FILE);
        let away = [NameChange { directory: &root, name: b"d", old: Some(&directory), new: None }];
        assert_eq!(tmpfs.commit(&away, DirectoryTimes::Touch), Ok(()));
        fails(directory.create(b"late", &FILE), Kind::NotFound);
        fails(directory.list(FIRST_CURSOR, &mut |_| true), Kind::NotFound);
        assert_eq!((links(&root), links(&directory)), (2, 0));
        drop(directory);
        assert_eq!(links(&file), 1);
        assert_eq!(root.unlink(b"elsewhere", &file), Ok(()));
        drop(file);
        assert_eq!(free(&tmpfs), all);
    }

    fn what_was_bound_meanwhile_is_not_removed() {
        let (_tmpfs, root) = tmpfs(TmpfsOptions::default());
        let first = make(&root, "f", &FILE);
        assert_eq!(root.unlink(b"f", &first), Ok(()));
        let second = make(&root, "f", &FILE);
        fails(root.unlink(b"f", &first), Kind::Stale);
        fails(root.unlink(b"g", &first), Kind::Stale);
        fails(root.unlink(b"f", &root), Kind::IsADirectory);
        fails(root.remove_directory(b"f", &second), Kind::NotADirectory);
        assert_eq!(root.lookup(b"f").map(|node| node.id()), Ok(second.id()));
    }

    /// Only what was never named gets its first name late.
    fn a_removed_file_gets_no_name_again() {
        let (_tmpfs, root) = tmpfs(TmpfsOptions::default());
        let file = make(&root, "f", &FILE);
        assert_eq!(root.unlink(b"f", &file), Ok(()));
        fails(root.link(b"g", &file), Kind::NotFound);
        let unnamed = root.create_unnamed(&FILE).unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(root.link(b"g", &unnamed), Ok(()));
        fails(root.link(b"g", &unnamed), Kind::AlreadyExists);
        fails(root.link(b"d", &root), Kind::NotPermitted);
    }

    /// 100 000 directories, one in the other, go without a stack as deep.
    fn a_very_deep_tree_goes_without_recursion() {
        let (tmpfs, root) = tmpfs(TmpfsOptions::default().with_nodes(0));
        let mut at = make(&root, "d", &DIRECTORY);
        let top = at.clone();
        for _ in 0..100_000 {
            at = make(&at, "d", &DIRECTORY);
        }
        drop(at);
        let away = [NameChange { directory: &root, name: b"d", old: Some(&top), new: None }];
        assert_eq!(tmpfs.commit(&away, DirectoryTimes::Touch), Ok(()));
        drop(top);
        assert_eq!(names(&root), Vec::<String>::new());
        assert_eq!(tmpfs.shared.limits.nodes().limit(), 0);
    }

    fn a_listing_goes_on_where_it_stopped() {
        let (_tmpfs, root) = tmpfs(TmpfsOptions::default());
        let made: Vec<NodeRef> = (0..10).map(|index| make(&root, &format!("{index}"), &FILE)).collect();
        let mut seen = 0;
        let cursor = root.list(FIRST_CURSOR, &mut |_| { seen += 1; seen <= 4 });
        assert_eq!(root.unlink(b"1", &made[1]), Ok(()));
        assert_eq!(root.unlink(b"4", &made[4]), Ok(()));
        make(&root, "new", &FILE);
        let mut rest = Vec::new();
        let listed = root.list(cursor.unwrap_or_default(), &mut |item| {
            rest.push(item.name.escape_ascii().to_string());
            true
        });
        assert!(listed.is_ok());
        assert_eq!(rest, ["5", "6", "7", "8", "9", "new"]);
    }

    fn special_nodes_have_no_content() {
        let (_tmpfs, root) = tmpfs(TmpfsOptions::default());
        let kind = NewKind::BlockDevice(DeviceNumber::new(8, 1));
        let device = make(&root, "b", &NewNode { kind, ..FILE });
        assert_eq!(device.metadata().map(|metadata| metadata.device), Ok(DeviceNumber::new(8, 1)));
        fails(device.read(0, &mut &mut [0; 4][..]), Kind::InvalidArgument);
        fails(root.write(WriteAt::End, &mut &b"x"[..]), Kind::IsADirectory);
        let fifo = make(&root, "p", &NewNode { kind: NewKind::Fifo, ..FILE });
        assert_eq!(fifo.kind(), FileType::Fifo);
        let link = make(&root, "l", &NewNode { kind: NewKind::Symlink(b"target"), ..FILE });
        assert_eq!(link.read_link().as_deref(), Ok(&b"target"[..]));
        assert_eq!(link.metadata().map(|metadata| metadata.size), Ok(6));
    }

    fn options_are_read_and_shown() {
        let options = TmpfsOptions::parse(b"size=1m,nr_inodes=2k,,mode=755,uid=3,gid=4");
        let options = options.unwrap_or_else(|problem| panic!("{problem}"));
        let (tmpfs, root) = tmpfs(options);
        let mut shown = String::new();
        assert!(tmpfs.show_options(&mut shown).is_ok());
        assert_eq!(shown, ",size=1024k,nr_inodes=2048,mode=755,uid=3,gid=4");
        let metadata = root.metadata().map(|metadata| (metadata.mode, metadata.uid, metadata.gid));
        assert_eq!(metadata, Ok((0o755, 3, 4)));
        for (bad, said) in [
            ("colour=blue", "unknown option 'colour=blue'"),
            ("size=big", "bad value in 'size=big'"),
            ("size=", "bad value in 'size='"),
            ("size=99999999999g", "bad value in 'size=99999999999g'"),
            ("mode=8", "bad value in 'mode=8'"),
            ("uid=-1", "bad value in 'uid=-1'"),
            ("nr_inodes=+5", "bad value in 'nr_inodes=+5'"),
        ] {
            assert_eq!(TmpfsOptions::parse(bad.as_bytes()).map_err(|problem| problem.to_string()), Err(said.to_string()));
        }
        let half = Tmpfs::new(TmpfsOptions::default(), &Environment::detached());
        assert_eq!(half.statistics().map(|figures| figures.blocks), Ok((1 << 29) / 4096));
        let tenth = TmpfsOptions::parse(b"size=10%").unwrap_or_default();
        assert_eq!(tenth.bytes(1 << 30), (1 << 30) / 100 * 10);
    }

    fn a_remount_changes_limits_but_not_below_use() {
        let (tmpfs, root) = tmpfs(TmpfsOptions::default());
        let file = make(&root, "f", &FILE);
        assert_eq!(file.write(WriteAt::Offset(0), &mut &[1; 8192][..]), Ok((0, 8192)));
        fails(tmpfs.change_limits(b"size=4k"), Kind::InvalidArgument);
        fails(tmpfs.change_limits(b"mode=700"), Kind::InvalidArgument);
        fails(tmpfs.change_limits(b"nr_inodes=1"), Kind::InvalidArgument);
        assert_eq!(tmpfs.change_limits(b"size=12k,nr_inodes=2"), Ok(()));
        assert_eq!(free(&tmpfs), (1, 0));
    }
}
