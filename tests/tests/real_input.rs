//! The main job on real data: thousands of files of Debian packages as the lower layer, compared with the host's own view
//! file by file, changed, and compared again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use tests::kernel::Run;
use tests::manifest::{self, Manifest};
use tests::packages::{self, Unavailable};
use tests::skipping::skip;
use tools::image;

/// Changes that a POSIX shell and the guest's make alike, in the tree's directory: of every kind that an overlay has to
/// carry out on files which exist only below.
const CHANGES: &str = r#"
# content: appended to, replaced, cut, extended
echo "one more line" >> usr/share/zoneinfo/tzdata.zi
echo "replaced" > usr/share/zoneinfo/zone.tab
truncate -s 100 usr/share/zoneinfo/iso3166.tab
truncate -s 100000 usr/share/zoneinfo/leap-seconds.list
# removed: a file, a directory with all that is in it, a link
rm usr/share/zoneinfo/Europe/Paris
rm -r usr/share/vim/vim90/tutor
rm usr/share/zoneinfo/Europe/London
# made again under a removed name: what was there must not come back
mkdir usr/share/vim/vim90/tutor
echo "new" > usr/share/vim/vim90/tutor/README.txt
rm -r usr/share/zoneinfo/Africa
mkdir usr/share/zoneinfo/Africa
# renamed: a file, a directory of the lower layer, over another file, a name that is not ASCII
mv usr/share/zoneinfo/zone1970.tab usr/share/zoneinfo/renamed.tab
mv usr/share/zoneinfo/America usr/share/zoneinfo/Amerika
mv usr/share/zoneinfo/Asia/Tokyo usr/share/zoneinfo/Asia/Seoul
mv "usr/share/ca-certificates/mozilla/NetLock_Arany_=Class_Gold=_Főtanúsítvány.crt" "usr/share/ca-certificates/árvíztűrő tükör.crt"
# in a directory that was renamed
echo "here" > usr/share/zoneinfo/Amerika/new
rm usr/share/zoneinfo/Amerika/Lima
# hard links: a change through one name shows under the others
echo "appended" >> usr/bin/perl
ln usr/bin/perl usr/bin/perl-again
chmod 0700 usr/bin/perl-again
# symbolic links
ln -s ../../nowhere usr/share/zoneinfo/dangling
ln -s zone.tab usr/share/zoneinfo/alias
echo "through a link" >> usr/share/zoneinfo/alias
# attributes
chmod 6711 usr/bin/chfn
chmod 0750 usr/share/vim
# copies that keep everything
cp -a usr/share/zoneinfo/Australia usr/share/zoneinfo/Australia-again
cp -a usr/bin/chage usr/bin/chage-again
"#;

/// What only root may do on the host; in the guest the shell is root. Giving a file away clears its set-id bits.
const CHANGES_AS_ROOT: &str = "chown 12:34 usr/bin/chsh\nchown 12 usr/share/zoneinfo/Etc\n";

/// Stands between the two manifests in the guest's output.
const BETWEEN: &str = "=== changed ===";

/// The host's view of a tree, before and after the changes.
struct Expected {
    before: Manifest,
    after: Manifest,
    changes: String,
    since: i64,
}

/// The tree and what must become of it; made once for both archives. `None` where the packages cannot be had.
fn case() -> Result<Option<&'static (PathBuf, Expected)>> {
    static CASE: OnceLock<Result<Option<(PathBuf, Expected)>, String>> = OnceLock::new();
    let case = CASE.get_or_init(|| make_case().map_err(|error| format!("{error:#}")));
    case.as_ref().map(Option::as_ref).map_err(|error| anyhow::anyhow!("{error}"))
}

fn make_case() -> Result<Option<(PathBuf, Expected)>> {
    let root = match packages::unpacked(&packages::TREES)? {
        Ok(root) => root,
        Err(Unavailable(reason)) => {
            skip("no packages to test with", &reason)?;
            return Ok(None);
        }
    };
    let scratch = tempfile::tempdir().context("no temporary directory")?;
    let expected = expected(&root.join("data"), scratch.path())?;
    check_variety(&expected.before);
    Ok(Some((root, expected)))
}

/// ```text
///   upper    tmpfs              the changes
///   lower    GNU cpio's archive data/: bzip2, ca-certificates, …, vim-runtime
/// ```
#[test]
fn a_real_tree_packed_by_gnu_cpio_is_the_same_in_the_guest_before_and_after_changes() -> Result<()> {
    let Some((root, expected)) = case()? else { return Ok(()) };
    let scratch = tempfile::tempdir().context("no temporary directory")?;
    let archive = scratch.path().join("gnu.cpio");
    pack_by_gnu_cpio(root, &archive)?;
    compare(&archive, expected)
}

/// ```text
///   upper    tmpfs              the changes
///   lower    our own archive    data/: bzip2, ca-certificates, …, vim-runtime
/// ```
#[test]
fn a_real_tree_packed_by_our_image_builder_is_the_same_in_the_guest_before_and_after_changes() -> Result<()> {
    let Some((root, expected)) = case()? else { return Ok(()) };
    let scratch = tempfile::tempdir().context("no temporary directory")?;
    let archive = scratch.path().join("ours.cpio");
    let options = image::Options { owner: None, gzip: false };
    let skipped = image::build(root, &archive, &options, &mut |_| {})?;
    ensure!(skipped.is_empty(), "left out of the image: {skipped:?}");
    compare(&archive, expected)
}

/// Makes the changes to a copy of the tree on the host.
fn expected(tree: &Path, scratch: &Path) -> Result<Expected> {
    let mut changes = CHANGES.to_owned();
    let before = manifest::of_host(tree)?;
    if is_root(scratch)? {
        changes.push_str(CHANGES_AS_ROOT);
    }
    let copy = scratch.join("copy");
    let copied = Command::new("cp").arg("-a").args([tree, &copy]).output().context("cannot run cp")?;
    ensure!(copied.status.success(), "cp: {}", String::from_utf8_lossy(&copied.stderr));
    // A copy has the times of the original: what is later was changed by the script.
    let since = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).context("the clock")?.as_secs())? - 2;
    let script = format!("set -e\numask 022\n{changes}");
    let ran = Command::new("sh").args(["-c", &script]).current_dir(&copy).output().context("cannot run sh")?;
    ensure!(ran.status.success(), "sh: {}", String::from_utf8_lossy(&ran.stderr));
    let after = manifest::of_host(&copy)?;
    Ok(Expected { before, after, changes, since })
}

fn is_root(scratch: &Path) -> Result<bool> {
    use std::os::unix::fs::MetadataExt;
    Ok(fs::metadata(scratch).context("the temporary directory")?.uid() == 0)
}

/// The tree has what the test is for; another release's packages may not.
fn check_variety(manifest: &Manifest) {
    let count = |what: &dyn Fn(&str, &[&str]) -> bool| {
        let of = |path: &String| {
            let fields: Vec<&str> = manifest[path].attributes.split(' ').collect();
            what(path, &fields)
        };
        manifest.keys().filter(|path| of(path)).count()
    };
    let (files, links) = (count(&|_, fields| fields[0] == "f"), count(&|_, fields| fields[0] == "l"));
    let hard = count(&|_, fields| fields[0] == "f" && fields[4] != "1");
    let set_id = count(&|_, fields| fields[0] == "f" && fields[1].as_bytes()[0] >= b'2');
    let foreign = count(&|path, _| path.contains("\\xc"));
    assert!(
        files >= 5000 && links >= 100 && hard >= 4 && set_id >= 4 && foreign >= 1,
        "the packages have changed: {files} files, {links} symbolic links, {hard} hard links, {set_id} set-id files, {foreign} names"
    );
}

fn pack_by_gnu_cpio(root: &Path, archive: &Path) -> Result<()> {
    let out = fs::File::create(archive).context("cannot write the archive")?;
    let find = Command::new("find").arg(".").current_dir(root).stdout(Stdio::piped()).spawn().context("find")?;
    let names = find.stdout.context("find's output")?;
    let status = Command::new("cpio")
        .args(["-o", "-H", "newc", "--quiet"])
        .current_dir(root)
        .stdin(names)
        .stdout(out)
        .status()
        .context("cannot run cpio")?;
    ensure!(status.success(), "cpio: {status}");
    Ok(())
}

/// Boots the archive, and compares the tree as it is and after the changes.
fn compare(archive: &Path, expected: &Expected) -> Result<()> {
    let mut run = Run::new()?;
    run.machine.initramfs = Some(archive.to_path_buf());
    run.timeout = Duration::from_secs(300);
    let changes = &expected.changes;
    let script = format!("manifest /data\necho '{BETWEEN}'\ncd /data\n{changes}\ncd /\nmanifest /data\n");
    let text = run.script(&script)?.text()?;
    let (before, after) = text.split_once(&format!("{BETWEEN}\n")).with_context(|| text.clone())?;
    report("as it is", &expected.before, &manifest::parse(before)?, i64::MAX)?;
    report("changed", &expected.after, &manifest::parse(after)?, expected.since)
}

fn report(when: &str, host: &Manifest, guest: &Manifest, since: i64) -> Result<()> {
    let differences = manifest::differences(host, guest, since);
    let shown = differences.iter().take(30).map(String::as_str).collect::<Vec<_>>().join("\n");
    ensure!(differences.is_empty(), "{when}: {} differences\n{shown}", differences.len());
    Ok(())
}
