//! Files with several names in a lower layer.

use super::super::{Stage, fails, in_both_formats};
use crate::drivers::overlayfs::Format;
use crate::error::FileSystemErrorKind as Kind;
use crate::file::OpenFlags;
use crate::node::RenameFlags;
use crate::vfs_test;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// A stage whose lower layer has one file under each of these names (`/1/a`, …).
fn with_names(stage: &Stage, names: &[&str]) {
    for (index, name) in names.iter().enumerate() {
        let path = format!("/1/{name}");
        if let Some((directory, _)) = path.rsplit_once('/') {
            stage.mkdir(directory);
        }
        match index {
            0 => drop(stage.write(&path, "lower")),
            _ => assert_eq!(stage.link(&format!("/1/{}", names[0]), &path), Ok(())),
        }
    }
}

/// What the names show: `name=content*links`, and `!` where a number is not that of the first name that is there, or
/// not the one listed.
fn shown(stage: &Stage, names: &[&str]) -> String {
    let mut first = None;
    let shown = names.iter().map(|name| {
        let path = format!("/m/{name}");
        let Ok(metadata) = stage.lstat(&path) else { return format!("{name}:{}", stage.probe(&path)) };
        let inode = *first.get_or_insert(metadata.id.inode);
        let same = metadata.id.inode == inode && listed(stage, &path) == inode;
        format!("{name}={}*{}{}", stage.read(&path), metadata.links, if same { "" } else { "!" })
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// The inode number that a listing shows.
fn listed(stage: &Stage, path: &str) -> u64 {
    let (directory, name) = path.rsplit_once('/').expect("the path has a directory");
    let stream = stage.open(directory, OpenFlags::READ | OpenFlags::DIRECTORY).expect("it can be listed");
    let mut inode = 0;
    let list = stream.list(&mut |item| {
        if item.name == name.as_bytes() {
            inode = item.inode;
        }
        true
    });
    assert_eq!(list, Ok(()));
    inode
}

/// Where the records are, and which there are.
fn records(stage: &Stage) -> String {
    let directory = record_directory(stage);
    stage.list(&directory)
}

fn record_directory(stage: &Stage) -> String {
    match stage.format {
        Format::Oci => "/u/.wh..wh.plnk".into(),
        Format::Linux => format!("/w/links-{:x}", stage.stat("/u").id.inode),
    }
}

/// Something done to a record, whose path it is given.
type Damage = fn(&Stage, &str);

/// The path of the record of a lower file.
fn record(stage: &Stage, path: &str) -> String {
    let id = stage.stat(path).id;
    format!("{}/{:x}-{:x}", record_directory(stage), id.file_system.0, id.inode)
}

vfs_test! {
    /// ```text
    /// 1   a = d/b = c       write a: it is one file still, now and after a remount; so are names that come and go
    /// ```
    fn they_stay_one_file_across_copy_up_and_remount() {
        in_both_formats(|stage| {
            with_names(stage, &["a", "d/b", "c"]);
            let names = ["a", "d/b", "c", "e"];
            stage.overlay("/1");
            assert_eq!(shown(stage, &names), "a=lower*3 d/b=lower*3 c=lower*3 e:ENOENT");
            let inode = stage.stat("/m/a").id.inode;
            stage.append("/m/a", "+");
            assert_eq!(shown(stage, &names), "a=lower+*3 d/b=lower+*3 c=lower+*3 e:ENOENT");
            stage.unmount().overlay("/1");
            assert_eq!(shown(stage, &names), "a=lower+*3 d/b=lower+*3 c=lower+*3 e:ENOENT");
            stage.append("/m/d/b", "+");
            assert_eq!(stage.link("/m/c", "/m/e"), Ok(()));
            assert_eq!(shown(stage, &names), "a=lower++*4 d/b=lower++*4 c=lower++*4 e=lower++*4");
            assert_eq!(stage.unlink("/m/a"), Ok(()));
            stage.unmount().overlay("/1");
            assert_eq!(shown(stage, &names), "a:ENOENT d/b=lower++*3 c=lower++*3 e=lower++*3");
            assert_eq!(stage.stat("/m/c").id.inode, inode);
            assert_eq!(["/1/a", "/1/d/b", "/1/c"].map(|path| stage.read(path)), ["lower"; 3]);
        });
    }

    /// ```text
    /// 1   a = b = c         remove a, never written: b and c say 2, as on Linux, also after a remount
    /// ```
    fn a_name_removed_before_copy_up_is_counted_off() {
        in_both_formats(|stage| {
            let names = ["a", "b", "c"];
            with_names(stage, &names);
            stage.overlay("/1");
            assert_eq!(stage.unlink("/m/a"), Ok(()));
            assert_eq!(shown(stage, &names), "a:ENOENT b=lower*2 c=lower*2");
            stage.unmount().overlay("/1");
            assert_eq!(shown(stage, &names), "a:ENOENT b=lower*2 c=lower*2");
            stage.append("/m/c", "+");
            assert_eq!(shown(stage, &names), "a:ENOENT b=lower+*2 c=lower+*2");
        });
    }

    /// ```text
    /// u   f                 move f onto a, a onto b, exchange b and f …: the count is that of the names there are
    /// 1   a = b = c
    /// ```
    fn moves_keep_the_count() {
        in_both_formats(|stage| {
            let names = ["a", "b", "c", "f", "x"];
            with_names(stage, &names[..3]);
            stage.write("/u/f", "f").overlay("/1");
            let is = |after: Result<(), _>, expected: &str| {
                assert_eq!(after, Ok(()));
                let same = |stage: &Stage| names.map(|name| stage.read(&format!("/m/{name}"))).join(" ");
                let links = |stage: &Stage| {
                    let file = names.map(|name| format!("/m/{name}")).into_iter().filter(|path| stage.read(path) == "lower");
                    file.map(|path| stage.stat(&path).links.to_string()).collect::<Vec<_>>().join("")
                };
                for _ in 0..2 {
                    assert_eq!(format!("{}: {}", same(stage), links(stage)), expected);
                    stage.unmount().overlay("/1");
                }
            };
            is(stage.rename("/m/a", "/m/x"), "ENOENT lower lower f lower: 333");
            is(stage.rename("/m/f", "/m/b"), "ENOENT f lower ENOENT lower: 22");
            is(stage.move_with("/m/b", "/m/c", RenameFlags::EXCHANGE), "ENOENT lower f ENOENT lower: 22");
            is(stage.rename("/m/b", "/m/x"), "ENOENT lower f ENOENT lower: 22");
            is(stage.rename("/m/c", "/m/b"), "ENOENT f ENOENT ENOENT lower: 1");
            is(stage.rename("/m/x", "/m/a"), "lower f ENOENT ENOENT ENOENT: 1");
            is(stage.unlink("/m/a"), "ENOENT f ENOENT ENOENT ENOENT: ");
            assert_eq!(records(stage), "");
        });
    }

    /// ```text
    /// 1   a = b             open a, remove both names: the open file has none and is read and written still, no record
    /// ```
    fn the_record_goes_with_the_last_name() {
        in_both_formats(|stage| {
            with_names(stage, &["a", "b"]);
            stage.overlay("/1");
            let file = stage.open("/m/a", OpenFlags::READ | OpenFlags::WRITE).expect("opens");
            assert_eq!(records(stage).split(' ').count(), 2);
            assert_eq!(stage.unlink("/m/b"), Ok(()));
            assert_eq!(records(stage).split(' ').count(), 1, "{}", records(stage));
            assert_eq!(file.metadata().map(|metadata| metadata.links), Ok(1));
            assert_eq!(stage.unlink("/m/a"), Ok(()));
            assert_eq!(records(stage), "");
            assert_eq!(file.metadata().map(|metadata| metadata.links), Ok(0));
            assert_eq!(file.write_at(&stage.root.credentials, 0, &mut &b"L"[..]), Ok(1));
            let mut bytes = [0; 5];
            assert_eq!(file.read_at(0, &mut &mut bytes[..]), Ok(5));
            assert_eq!(&bytes, b"Lower");
            assert_eq!(stage.list("/m"), "");
        });
    }

    /// ```text
    /// 1   a = b, a link; x = y, a device
    /// ```
    fn links_and_devices_have_names_too() {
        in_both_formats(|stage| {
            stage.symlink("target", "/1/a");
            stage.device("/1/x", 1, 3).expect("a device is made");
            assert_eq!([stage.link("/1/a", "/1/b"), stage.link("/1/x", "/1/y")], [Ok(()), Ok(())]);
            stage.overlay("/1");
            assert_eq!([stage.chown("/m/a", 5, 6), stage.chmod("/m/y", 0o640)], [Ok(()), Ok(())]);
            for _ in 0..2 {
                let [a, b, x, y] = ["/m/a", "/m/b", "/m/x", "/m/y"].map(|path| stage.lstat(path).expect("there"));
                assert_eq!((a.uid, a.links, a.id), (5, 2, b.id));
                assert_eq!((x.mode, x.links, x.id), (0o640, 2, y.id));
                assert_eq!((b.uid, stage.read_link("/m/b").as_str()), (5, "target"));
                stage.unmount().overlay("/1");
            }
        });
    }

    fn records_are_hidden_and_cannot_be_made_by_users() {
        let stage = Stage::oci();
        with_names(&stage, &["a", "b"]);
        stage.overlay("/1").append("/m/a", "+");
        assert_eq!(stage.list("/m"), "a b");
        assert_eq!(stage.probe("/m/.wh..wh.plnk"), "ENOENT");
        fails(stage.try_mkdir("/m/.wh..wh.plnk"), Kind::InvalidArgument);
    }

    /// ```text
    /// 1   a = b             whiteout=linux and no workdir: one file while it is mounted; then they part, and neither
    /// ```                   has the other's number
    fn without_a_place_for_records_they_last_as_long_as_the_mount() {
        let stage = Stage::new(Format::Linux);
        with_names(&stage, &["a", "b"]);
        stage.mount_overlay("lowerdir=/1,upperdir=/u").append("/m/a", "+");
        assert_eq!(shown(&stage, &["a", "b"]), "a=lower+*2 b=lower+*2");
        assert_eq!(stage.list("/u"), "a");
        for _ in 0..2 {
            stage.unmount().mount_overlay("lowerdir=/1,upperdir=/u");
            assert_eq!(shown(&stage, &["b"]), "b=lower*2");
            assert_eq!(shown(&stage, &["a", "b"]), "a=lower+*1 b=lower*2!");
        }
    }

    /// ```text
    /// v   a                 the upper of one overlay is a lower layer of the next, and its records go on to count;
    /// u   a                 a is written there again, under another name
    /// 1   a = b = c
    /// ```
    fn the_records_of_a_lower_layer_are_asked_too() {
        in_both_formats(|stage| {
            let names = ["a", "b", "c"];
            with_names(stage, &names);
            stage.mkdir("/v").overlay("/1").append("/m/a", "+");
            let inode = stage.stat("/m/b").id.inode;
            assert_eq!(stage.unlink("/m/c"), Ok(()));
            stage.unmount();
            let options = "lowerdir=/u:/1,upperdir=/v,workdir=/w";
            stage.mount_overlay(options);
            assert_eq!(shown(stage, &names), "a=lower+*2 b=lower+*2 c:ENOENT");
            stage.append("/m/b", "+");
            for _ in 0..2 {
                assert_eq!(shown(stage, &names), "a=lower++*2 b=lower++*2 c:ENOENT");
                assert_eq!(stage.stat("/m/a").id.inode, inode);
                stage.unmount().mount_overlay(options);
            }
            assert_eq!(stage.unlink("/m/a"), Ok(()));
            assert_eq!(shown(stage, &names), "a:ENOENT b=lower++*1 c:ENOENT");
            assert_eq!(stage.unlink("/m/b"), Ok(()));
            stage.unmount().mount_overlay(options);
            assert_eq!(shown(stage, &names), "a:ENOENT b:ENOENT c:ENOENT");
            stage.unmount();
            assert_eq!((stage.read("/u/a"), stage.read("/1/a")), ("lower+".into(), "lower".into()));
            if stage.format == Format::Oci {
                // The layer itself has the records: nothing else is needed to read it.
                stage.read_only("/u:/1");
                assert_eq!(shown(stage, &names), "a=lower+*2 b=lower+*2 c:ENOENT");
            }
        });
    }

    /// ```text
    /// v   b                 pushed while mounted, then the same layers mounted anew: one file, with the same count and
    /// u   a                 the same number
    /// 1   a = b = c
    /// ```
    fn a_push_keeps_them_and_so_does_mounting_its_layers_again() {
        in_both_formats(|stage| {
            let names = ["a", "b", "c"];
            with_names(stage, &names);
            stage.mkdir("/v").overlay("/1").append("/m/a", "+");
            let inode = stage.stat("/m/a").id.inode;
            assert_eq!(stage.unlink("/m/c"), Ok(()));
            stage.push("/v").append("/m/b", "+");
            for _ in 0..3 {
                assert_eq!(shown(stage, &names), "a=lower++*2 b=lower++*2 c:ENOENT");
                assert_eq!(stage.stat("/m/b").id.inode, inode);
                stage.unmount().mount_overlay("lowerdir=/u:/1,upperdir=/v,workdir=/w");
            }
            assert_eq!(stage.read("/u/a"), "lower+");
        });
    }

    /// ```text
    /// u
    /// i   an overlay:       where Linux has no index, for it has no handles of an overlay's files
    ///     1   a = b
    /// ```
    fn files_of_an_overlay_below_stay_one_too() {
        in_both_formats(|stage| {
            let names = ["a", "b"];
            with_names(stage, &names);
            stage.mkdir("/i").mount("overlay", "/i", "lowerdir=/1:/2").expect("an overlay mounts");
            stage.overlay("/i");
            assert_eq!(shown(stage, &names), "a=lower*2 b=lower*2");
            stage.append("/m/b", "+");
            for _ in 0..2 {
                assert_eq!(shown(stage, &names), "a=lower+*2 b=lower+*2");
                stage.unmount().overlay("/i");
            }
        });
    }

    /// ```text
    /// u   sub/ is a mount of its own       a record is where its copy is
    /// 1   sub/a = sub/b = c
    /// ```
    fn a_mount_in_the_upper_has_records_of_its_own() {
        let stage = Stage::oci();
        with_names(&stage, &["sub/a", "sub/b", "c"]);
        stage.mkdir("/u/sub").mount("tmpfs", "/u/sub", "").expect("a tmpfs mounts");
        for name in ["sub/a", "sub/b", "c"] {
            stage.overlay("/1").append(&format!("/m/{name}"), "+").unmount();
        }
        stage.overlay("/1");
        assert_eq!(shown(&stage, &["sub/a", "sub/b", "c"]), "sub/a=lower+++*3 sub/b=lower+++*3 c=lower+++*3");
    }

    /// ```text
    /// u   a, .wh..wh.plnk/…    what is written there is not what this kernel writes: each name shows the copy or the
    /// 1   a = b                lower file, no two files one number, and b can be written, after which they agree
    /// ```
    fn hostile_records_are_not_believed() {
        let damages: [(&str, Damage); 9] = [
            ("no record", |stage, record| assert_eq!(stage.unlink(record), Ok(()))),
            ("another file", |stage, record| {
                assert_eq!(stage.unlink(record), Ok(()));
                stage.write(record, "other");
            }),
            ("a directory", |stage, record| {
                assert_eq!(stage.unlink(record), Ok(()));
                stage.mkdir(record);
            }),
            ("a link", |stage, record| {
                assert_eq!(stage.unlink(record), Ok(()));
                stage.symlink("/1/a", record);
            }),
            ("a whiteout", |stage, record| {
                assert_eq!(stage.unlink(record), Ok(()));
                assert_eq!(stage.device(record, 0, 0), Ok(()));
            }),
            ("metadata only", |stage, record| {
                assert_eq!(stage.set_xattr(record, "trusted.overlay.metacopy", ""), Ok(()));
            }),
            ("of something else", |stage, record| {
                assert_eq!(stage.set_xattr(record, "trusted.overlay.origin", "nonsense"), Ok(()));
            }),
            ("no directory", |stage, _| {
                let directory = record_directory(stage);
                for name in stage.list(&directory).split(' ') {
                    assert_eq!(stage.unlink(&format!("{directory}/{name}")), Ok(()));
                }
                assert_eq!(stage.rmdir(&directory), Ok(()));
                stage.write(&directory, "a file");
            }),
            ("the record of another", |stage, path| {
                assert_eq!(stage.unlink(path), Ok(()));
                assert_eq!(stage.link(&record(stage, "/1/p"), path), Ok(()));
            }),
        ];
        for (what, damage) in damages {
            in_both_formats(|stage| {
                with_names(stage, &["a", "b"]);
                stage.write("/1/p", "p");
                assert_eq!(stage.link("/1/p", "/1/q"), Ok(()));
                stage.overlay("/1").append("/m/a", "+").append("/m/p", "+").unmount();
                damage(stage, &record(stage, "/1/a"));
                stage.overlay("/1");
                assert_eq!(stage.read("/m/b"), "lower", "{what}");
                let expected = if what == "metadata only" { "lower" } else { "lower+" };
                assert_eq!(stage.read("/m/a"), expected, "{what}");
                assert_ne!(stage.stat("/m/a").id.inode, stage.stat("/m/b").id.inode, "{what}");
                stage.append("/m/b", "-");
                assert_eq!(stage.read("/m/b"), "lower-", "{what}");
                stage.unmount().overlay("/1");
                assert_eq!(shown(stage, &["b"]), "b=lower-*2", "{what}");
                assert_eq!(stage.unlink("/m/b"), Ok(()), "{what}");
                assert_eq!(stage.unlink("/m/a"), Ok(()), "{what}");
            });
        }
    }

    /// ```text
    /// u   a, .wh..wh.plnk/….more -> "…"    a count that is none counts as nothing; one that is too big changes nothing
    /// 1   a = b                             but what is shown
    /// ```
    fn hostile_counts_are_only_figures() {
        for (count, links) in [("", 2), ("x", 1), ("-1", 1), ("99999999999999999999", 1), ("7", 8)] {
            in_both_formats(|stage| {
                with_names(stage, &["a", "b"]);
                stage.overlay("/1").append("/m/a", "+").unmount();
                let path = format!("{}.more", record(stage, "/1/a"));
                if !count.is_empty() {
                    assert_eq!(stage.unlink(&path), Ok(()));
                    stage.symlink(count, &path);
                }
                stage.overlay("/1");
                assert_eq!(stage.stat("/m/b").links, links, "{count}");
                assert_eq!([stage.unlink("/m/b"), stage.unlink("/m/a")], [Ok(()), Ok(())], "{count}");
                assert_eq!(stage.list("/m"), "", "{count}");
            });
        }
    }

    /// ```text
    /// 1   a = b = d/c       index=off, as on Linux: what is copied up under one name is a file of its own, with a
    /// ```                   number of its own, for everybody who has it open by that name; the others show the lower one
    fn with_index_off_they_part() {
        in_both_formats(|stage| {
            let names = ["a", "b", "d/c"];
            let options = "lowerdir=/1,upperdir=/u,workdir=/w,index=off";
            with_names(stage, &names);
            stage.mount_overlay(options);
            assert_eq!(shown(stage, &names), "a=lower*3 b=lower*3 d/c=lower*3");
            let number = stage.stat("/m/b").id.inode;
            let [a, b] = ["/m/a", "/m/b"].map(|path| stage.open(path, OpenFlags::READ).expect("opens"));
            stage.append("/m/a", "+");
            for _ in 0..2 {
                assert_eq!(shown(stage, &names), "a=lower+*1 b=lower*3! d/c=lower*3!");
                assert_eq!(stage.stat("/m/b").id.inode, number);
                assert_eq!(listed(stage, "/m/a"), stage.stat("/m/a").id.inode);
            }
            assert_eq!(a.metadata().map(|metadata| metadata.size), Ok(6));
            assert_eq!(a.metadata().map(|metadata| metadata.id), Ok(stage.stat("/m/a").id));
            assert_eq!(b.metadata().map(|metadata| metadata.size), Ok(5));
            assert_eq!(stage.rename("/m/d/c", "/m/b"), Ok(()), "they are different files");
            assert_eq!(stage.read("/m/b"), "lower");
            assert_eq!(stage.stat("/m/b").links, 1);
            assert_eq!(stage.link("/m/b", "/m/e"), Ok(()));
            assert_eq!(stage.unlink("/m/b"), Ok(()));
            drop((a, b));
            stage.unmount().mount_overlay(options);
            assert_eq!(shown(stage, &["e"]), "e=lower*1");
            assert_eq!(shown(stage, &["a"]), "a=lower+*1");
            assert_eq!(stage.list("/m"), "a d e");
        });
    }
}
