//! The layers that each test of the suite starts from, and the overlay of them.

use crate::system::{Answer, System, Times};

/// Where the overlay is mounted: `%` in the recording.
pub const ROOT: &str = "mnt";
/// Its lower layer.
pub const LOWER: &str = "lower";
/// Its upper layer.
pub const UPPER: &str = "upper";

const OPTIONS: &str = "lowerdir=lower,upperdir=upper,workdir=work,redirect_dir=on";

/// Makes the layers with numbers `low` to `high`, and the overlay.
///
/// # Errors
/// What any step answers.
pub fn make<S: System>(system: &mut S, low: u32, high: u32) -> Answer<()> {
    for directory in [LOWER, UPPER, "work", ROOT, "lower/a"] {
        system.mkdir(directory, 0o755)?;
    }
    file(system, "upper/f", "pure")?;
    for number in low..=high {
        numbered(system, number)?;
    }
    system.mount(ROOT, OPTIONS)
}

/// Unmounts and mounts again.
///
/// # Errors
/// What either answers.
pub fn remount<S: System>(system: &mut S) -> Answer<()> {
    system.unmount(ROOT)?;
    system.mount(ROOT, OPTIONS)
}

/// Everything of one number, in `lower/a`.
fn numbered<S: System>(system: &S, number: u32) -> Answer<()> {
    let a = |name: &str| format!("lower/a/{name}{number}");
    file(system, &a("foo"), ":xxx:yyy:zzz")?;
    file(system, &a("rootfile"), ":xxx:yyy:zzz")?;
    system.symlink(&format!("../a/foo{number}"), &a("direct_sym"))?;
    system.symlink(&format!("direct_sym{number}"), &a("indirect_sym"))?;
    system.symlink(&format!("no_foo{number}"), &a("pointless"))?;
    for name in ["foo", "direct_sym", "indirect_sym", "pointless"] {
        system.lchown(&a(name), 1, 1)?;
    }
    let directory = a("dir");
    system.mkdir(&directory, 0o755)?;
    file(system, &format!("{directory}/a"), "")?;
    system.mkdir(&format!("{directory}/pop"), 0o755)?;
    file(system, &format!("{directory}/pop/b"), ":aaa:bbb:ccc")?;
    system.mkdir(&format!("{directory}/pop/c"), 0o755)?;
    system.symlink(&format!("../a/dir{number}"), &a("direct_dir_sym"))?;
    system.symlink(&format!("direct_dir_sym{number}"), &a("indirect_dir_sym"))?;
    system.mkdir(&a("empty"), 0o755)
}

/// A file whose times are of their own, long ago.
fn file<S: System>(system: &S, path: &str, text: &str) -> Answer<()> {
    let file = system.open(path, "O_WRONLY|O_CREAT", 0o644)?;
    system.write(&file, text.as_bytes())?;
    drop(file);
    system.utimes(path, Times::At { accessed: 200_000_000, modified: 100_000_000 })
}
