//! Which layer something comes from, and what the upper changed.

use super::super::{Stage, in_both_formats};
use crate::drivers::overlayfs::explain::{Decision, Difference};
use crate::manager::Follow;
use crate::vfs_test;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

fn explain(stage: &Stage, directory: &str, name: &str) -> (Vec<usize>, Option<usize>, Decision) {
    let path = stage.vfs.resolve(&stage.root, directory.as_bytes(), Follow::Yes).expect("it is there");
    let explained = stage.file_system().explain(path.node().expect("it is bound"), name.as_bytes()).expect("explained");
    (explained.layers, explained.content, explained.decision)
}

fn diff(stage: &Stage) -> String {
    let mut lines: Vec<String> = Vec::new();
    let told = stage.file_system().diff(&mut |difference, path| {
        let letter = match difference {
            Difference::Added => 'A',
            Difference::Changed => 'C',
            Difference::Deleted => 'D',
        };
        lines.push(format!("{letter} {}", String::from_utf8_lossy(path)));
    });
    assert_eq!(told, Ok(()));
    lines.join("\n")
}

vfs_test! {
    /// ```text
    /// u (0)   d/new   -gone
    /// 1       d/f  hidden(whiteout)  o!/x
    /// 2       d/f  hidden  gone      o/y
    /// ```
    fn every_name_says_where_it_comes_from_and_why() {
        in_both_formats(|stage| {
            stage.mkdir("/1/d").write("/1/d/f", "").mkdir("/2/d").write("/2/d/f", "").write("/2/gone", "");
            stage.whiteout("/1/hidden").write("/2/hidden", "").opaque("/1/o").mkdir("/2/o");
            stage.overlay("/1:/2").write("/m/d/new", "");
            assert_eq!(stage.unlink("/m/gone"), Ok(()));
            assert_eq!(explain(stage, "/m", "d"), (alloc::vec![0, 1, 2], Some(0), Decision::Bottom));
            assert_eq!(explain(stage, "/m/d", "new"), (alloc::vec![0], Some(0), Decision::File(0)));
            assert_eq!(explain(stage, "/m/d", "f"), (alloc::vec![1], Some(1), Decision::File(1)));
            assert_eq!(explain(stage, "/m", "gone"), (alloc::vec![], None, Decision::Whiteout(0)));
            assert_eq!(explain(stage, "/m", "hidden"), (alloc::vec![], None, Decision::Whiteout(1)));
            assert_eq!(explain(stage, "/m", "o"), (alloc::vec![1], Some(1), Decision::Opaque(1)));
            assert_eq!(explain(stage, "/m", "none"), (alloc::vec![], None, Decision::Bottom));
        });
    }

    /// ```text
    /// u (0)   a             b leads to the copy of a, which is in the upper
    /// 1       a = b
    /// ```
    fn a_name_of_a_copied_file_comes_from_where_the_copy_is() {
        in_both_formats(|stage| {
            stage.write("/1/a", "");
            assert_eq!(stage.link("/1/a", "/1/b"), Ok(()));
            stage.overlay("/1");
            assert_eq!(explain(stage, "/m", "b"), (alloc::vec![1], Some(1), Decision::File(1)));
            stage.append("/m/a", "+");
            assert_eq!(explain(stage, "/m", "b"), (alloc::vec![0], Some(0), Decision::File(1)));
        });
    }

    fn redirects_are_part_of_the_explanation() {
        let stage = Stage::oci();
        stage.mkdir("/1/a").write("/1/a/f", "").overlay("/1");
        assert_eq!(stage.rename("/m/a", "/m/b"), Ok(()));
        let root = stage.vfs.resolve(&stage.root, b"/m", Follow::Yes).expect("it is there");
        let explained = stage.file_system().explain(root.node().expect("it is bound"), b"b").expect("explained");
        assert_eq!(explained.layers, [0, 1]);
        assert_eq!(explained.redirects, [(0, b"a".to_vec())]);
    }

    fn layers_are_told_from_top_to_bottom() {
        let stage = Stage::oci();
        stage.overlay("/1:/2");
        let layers = stage.file_system().layers();
        let told: Vec<_> = layers.iter().map(|layer| (layer.number, &layer.name[..], layer.type_name)).collect();
        assert_eq!(told, [(0, &b"/u"[..], "tmpfs"), (1, b"/1", "tmpfs"), (2, b"/2", "tmpfs")]);
    }

    fn the_difference_the_upper_makes_is_told() {
        in_both_formats(|stage| {
            stage.mkdir("/1/d/e").write("/1/d/f", "").write("/1/g", "").write("/1/h", "").mkdir("/1/k").write("/1/k/l", "");
            stage.overlay("/1").write("/m/new", "").append("/m/d/f", "+").mkdir("/m/d/e/sub");
            assert_eq!(diff(stage), "C /d\nC /d/e\nA /d/e/sub\nC /d/f\nA /new");
            assert_eq!(stage.unlink("/m/g"), Ok(()));
            assert_eq!(stage.rename("/m/k", "/m/moved"), Ok(()));
            assert_eq!(diff(stage), "C /d\nC /d/e\nA /d/e/sub\nC /d/f\nD /g\nD /k\nA /moved\nA /new");
        });
    }
}
