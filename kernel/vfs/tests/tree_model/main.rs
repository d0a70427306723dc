//! Any sequence of operations, against a model: random paths in a small tree, every operation that changes names,
//! content or attributes, each answer compared, and the whole tree after every few steps.

mod model;
mod real;

use model::{Path, Step};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_oneof};
use proptest::proptest;
use real::Real;
use std::sync::Arc;
use vfs::drivers::tmpfs::{Tmpfs, TmpfsOptions};
use vfs::environment::Environment;
use vfs::file_system::FileSystemOperations;
use vfs::metadata::Statistics;

fn path() -> impl Strategy<Value = Path> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..4)
}

fn mode() -> impl Strategy<Value = u32> {
    prop::sample::select(vec![0o755, 0o600, 0o444, 0])
}

fn xattr() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["user.one", "user.two"])
}

fn rename() -> impl Strategy<Value = Step> {
    let flags = prop_oneof![5 => Just((false, false, false)), 2 => Just((true, false, false)),
        2 => Just((false, true, false)), 1 => Just((false, false, true)), 1 => any::<(bool, bool, bool)>()];
    (path(), path(), flags).prop_map(|(old, new, (no_replace, exchange, whiteout))| Step::Rename {
        old,
        new,
        no_replace,
        exchange,
        whiteout,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (path(), mode()).prop_map(|(path, mode)| Step::MakeDirectory(path, mode)),
        2 => (path(), mode()).prop_map(|(path, mode)| Step::Create(path, mode)),
        4 => (path(), 0..12_000usize, 0..6_000usize, any::<u8>())
            .prop_map(|(path, at, count, byte)| Step::Write { path, at, count, byte }),
        2 => (path(), 0..6_000usize, any::<u8>()).prop_map(|(path, count, byte)| Step::Append { path, count, byte }),
        2 => (path(), 0..12_000usize).prop_map(|(path, len)| Step::Truncate(path, len)),
        1 => path().prop_map(Step::Symlink),
        1 => path().prop_map(Step::Fifo),
        4 => (path(), path()).prop_map(|(old, new)| Step::Link(old, new)),
        4 => path().prop_map(Step::Unlink),
        3 => path().prop_map(Step::RemoveDirectory),
        8 => rename(),
        1 => (path(), mode()).prop_map(|(path, mode)| Step::SetMode(path, mode)),
        2 => (path(), xattr(), prop::collection::vec(any::<u8>(), 0..20), any::<bool>(), any::<bool>())
            .prop_map(|(path, name, value, create, replace)| {
                // Both at once contradict each other.
                Step::SetXattr { path, name, value, create: create && !replace, replace }
            }),
        1 => (path(), xattr()).prop_map(|(path, name)| Step::RemoveXattr(path, name)),
        1 => (path(), path()).prop_map(|(directory, path)| Step::Temporary(directory, path)),
        2 => path().prop_map(Step::Open),
        1 => path().prop_map(Step::Snapshot),
    ]
}

fn free(statistics: &Statistics) -> (u64, u64) {
    (statistics.blocks_free, statistics.nodes_free)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_tmpfs_is_a_posix_tree(steps in prop::collection::vec(step(), 1..80)) {
        let environment = Environment::detached();
        let tmpfs: Arc<dyn FileSystemOperations> = Tmpfs::new(TmpfsOptions::default(), &environment);
        let before = tmpfs.statistics().unwrap();
        let mut real = Real::new(tmpfs.clone(), environment);
        for (number, step) in steps.iter().enumerate() {
            real.step(step);
            if number % 16 == 15 {
                real.compare();
            }
        }
        real.compare();
        real.remove_everything();
        assert_eq!(free(&tmpfs.statistics().unwrap()), free(&before), "all is given back");
    }
}
