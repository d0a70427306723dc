//! Any sequence of operations, against a model: random paths in a small tree, every operation that changes names,
//! content or attributes, each answer compared, and the whole tree after each step. Through a namespace, on a tmpfs
//! and on overlays of them.

mod model;
mod real;

use model::{Model, Path, Step};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_oneof};
use proptest::proptest;
use real::Real;
use std::sync::Arc;
use vfs::drivers::overlayfs::{Format, Layer, OverlayFS, OverlayOptions};
use vfs::drivers::tmpfs::{Tmpfs, TmpfsOptions};
use vfs::environment::Environment;
use vfs::file_system::FileSystemOperations;
use vfs::metadata::Statistics;

/// Short ones more often: what they name is there more often.
fn path() -> impl Strategy<Value = Path> {
    prop::sample::select(vec![1, 1, 1, 1, 2, 2, 2, 3])
        .prop_flat_map(|length| prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), length))
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

/// Without the renames that leave a whiteout (to a layer it means something else, and an overlay refuses them), and
/// without links if need be.
fn for_layers(steps: &[Step], links: bool) -> Vec<Step> {
    let fits = |step: &&Step| match step {
        Step::Rename { whiteout, .. } => !whiteout,
        Step::Link(..) => links,
        _ => true,
    };
    steps.iter().filter(fits).cloned().collect()
}

fn format() -> impl Strategy<Value = Format> {
    prop::sample::select(vec![Format::Oci, Format::Linux])
}

/// An overlay that writes to the last of the layers.
fn overlay(layers: &[Arc<dyn FileSystemOperations>], whiteout: Format) -> Arc<dyn FileSystemOperations> {
    let layer = |file_system: &Arc<dyn FileSystemOperations>| Layer::of_file_system(b"layer", file_system.clone());
    let (upper, lowers) = layers.split_last().expect("there are layers");
    let lowers = lowers.iter().rev().map(layer).collect();
    OverlayFS::new(Some(layer(upper)), lowers, OverlayOptions::with_whiteout(whiteout)).unwrap()
}

fn empty(environment: &Environment) -> Arc<dyn FileSystemOperations> {
    let root = TmpfsOptions::parse(b"mode=755").unwrap_or_else(|problem| panic!("{problem}"));
    Tmpfs::new(root, environment)
}

fn free(statistics: &Statistics) -> (u64, u64) {
    (statistics.blocks_free, statistics.nodes_free)
}

/// A tmpfs does what the model does, and gives all back in the end.
fn check_tmpfs(steps: &[Step]) {
    let environment = Environment::detached();
    let tmpfs = empty(&environment);
    let before = tmpfs.statistics().unwrap();
    let mut real = Real::new(tmpfs.clone(), environment, Model::new());
    real.steps(steps);
    real.remove_everything();
    assert_eq!(free(&tmpfs.statistics().unwrap()), free(&before), "all is given back");
}

/// ```text
///              upper 2     steps 3
///   upper 1    upper 1     steps 2
///   bottom     bottom      steps 1
/// ```
/// A layer that was changed through one overlay is a lower layer of the next, so all that an upper can hold is met in
/// lower layers too. What a fresh mount of the same layers shows is the same again, and the bottom has not changed.
/// (Names that share a file in a lower layer part when it is copied up and the overlay mounted anew, so only the last
/// steps make any.)
fn check_layers(first: &[Step], second: &[Step], third: &[Step], whiteout: Format) {
    let environment = Environment::detached();
    let layers: Vec<_> = (0..3).map(|_| empty(&environment)).collect();
    let mut real = Real::new(layers[0].clone(), environment.clone(), Model::new());
    real.steps(&for_layers(first, false));
    let bottom = real.into_model();

    let mut model = bottom.clone();
    for (steps, height) in [(for_layers(second, false), 2), (for_layers(third, true), 3)] {
        let mut real = Real::new(overlay(&layers[..height], whiteout), environment.clone(), model);
        real.steps(&steps);
        // The overlay must be gone with its last reference: a second writer of one upper is refused.
        model = real.into_model();
        let mut again = Real::new(overlay(&layers[..height], whiteout), environment.clone(), model);
        again.steps(&[]);
        model = again.into_model();
    }
    Real::new(layers[0].clone(), environment, bottom).steps(&[]);
}

/// Names that share a file in the lower layer go on sharing it while the overlay is mounted.
fn check_shared_files(first: &[Step], second: &[Step], whiteout: Format) {
    let environment = Environment::detached();
    let layers: Vec<_> = (0..2).map(|_| empty(&environment)).collect();
    let mut real = Real::new(layers[0].clone(), environment.clone(), Model::new());
    real.steps(&for_layers(first, true));
    let bottom = real.into_model();
    let mut real = Real::new(overlay(&layers, whiteout), environment.clone(), bottom.clone());
    real.steps(&for_layers(second, true));
    Real::new(layers[0].clone(), environment, bottom).steps(&[]);
}

/// Memory runs out at every place where it can: what fails has changed nothing, on a tmpfs and on an overlay of two.
fn check_faults(first: &[Step], second: &[Step], whiteout: Format) {
    let environment = Environment::detached();
    let layers: Vec<_> = (0..2).map(|_| empty(&environment)).collect();
    let before = layers[0].statistics().unwrap();
    let mut real = Real::new(layers[0].clone(), environment.clone(), Model::new());
    real.steps_with_faults(&for_layers(first, true));
    let bottom = real.into_model();
    let mut real = Real::new(overlay(&layers, whiteout), environment.clone(), bottom.clone());
    real.steps_with_faults(&for_layers(second, true));
    drop(real);
    let mut real = Real::new(layers[0].clone(), environment, bottom);
    real.steps(&[]);
    real.remove_everything();
    assert_eq!(free(&layers[0].statistics().unwrap()), free(&before), "all is given back");
}

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..most)
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(1500))]

    #[test]
    fn a_tmpfs_is_a_posix_tree(steps in steps(80)) {
        check_tmpfs(&steps);
    }

    #[test]
    fn an_overlay_is_a_posix_tree_whatever_its_layers_hold(
        first in steps(40), second in steps(30), third in steps(30), whiteout in format(),
    ) {
        check_layers(&first, &second, &third, whiteout);
    }

    #[test]
    fn an_overlay_keeps_files_with_several_names_one(first in steps(40), second in steps(40), whiteout in format()) {
        check_shared_files(&first, &second, whiteout);
    }
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn what_fails_for_memory_has_changed_nothing(first in steps(20), second in steps(20), whiteout in format()) {
        check_faults(&first, &second, whiteout);
    }
}

proptest! {
    #![proptest_config(config(20_000))]

    #[test]
    #[ignore = "minutes: make soak"]
    fn soak_tmpfs(steps in steps(200)) {
        check_tmpfs(&steps);
    }

    #[test]
    #[ignore = "minutes: make soak"]
    fn soak_layers(first in steps(60), second in steps(60), third in steps(60), whiteout in format()) {
        check_layers(&first, &second, &third, whiteout);
    }

    #[test]
    #[ignore = "minutes: make soak"]
    fn soak_shared_files(first in steps(60), second in steps(60), whiteout in format()) {
        check_shared_files(&first, &second, whiteout);
    }

    #[test]
    #[ignore = "minutes: make soak"]
    fn soak_faults(first in steps(40), second in steps(40), whiteout in format()) {
        check_faults(&first, &second, whiteout);
    }
}

/// A path of one-letter names.
fn at(path: &str) -> Path {
    path.split('/')
        .map(|name| ["a", "b", "c"].into_iter().find(|known| *known == name).expect("a known name"))
        .collect()
}

fn make(path: &str) -> Step {
    Step::MakeDirectory(at(path), 0o755)
}

fn move_to(old: &str, new: &str, exchange: bool) -> Step {
    Step::Rename { old: at(old), new: at(new), no_replace: false, exchange, whiteout: false }
}

/// ```text
///   upper 2                   c → /b/a
///   upper 1    b (opaque)/a → /a
///   bottom     a/a                         c/a is found through both redirects
/// ```
#[test]
fn what_was_moved_into_an_opaque_directory_and_out_again_keeps_its_content() {
    let first = [make("a"), make("b"), make("a/a")];
    let second = [move_to("b", "c", false), make("b"), Step::Create(at("b/a"), 0o644), move_to("b/a", "a", true)];
    let third = [move_to("c", "b/c", false), move_to("b/a", "c", false)];
    check_layers(&first, &second, &third, Format::Oci);
    check_layers(&first, &second, &third, Format::Linux);
}

/// `c` is copied up by the move, and what comes in has the number in the upper that what goes out had in the lower.
#[test]
fn a_listing_does_not_take_a_number_of_one_layer_for_one_of_another() {
    let first = [make("a"), Step::Create(at("b"), 0o644), make("c"), Step::Fifo(at("c/a"))];
    for others in 0..8 {
        // Each moves the upper's numbers on by one: `a` is copied up, then files come and go.
        let other = [Step::Create(at("a/a"), 0o644), Step::Unlink(at("a/a"))].into_iter().cycle();
        let mut second: Vec<Step> = [Step::SetMode(at("a"), 0o700)].into_iter().chain(other).take(others).collect();
        second.push(move_to("b", "c/a", true));
        check_layers(&first, &second, &[], Format::Oci);
    }
}
