//! The root comes from an archive that someone made: by GNU cpio, gzipped or not, or broken.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use tests::kernel::{Run, cargo};

/// Packs a directory with GNU cpio: with the newc format's checksums if `crc`.
fn gnu_cpio(directory: &Path, crc: bool) -> Result<Vec<u8>> {
    let find = Command::new("find").arg(".").current_dir(directory).stdout(Stdio::piped()).spawn().context("find")?;
    let names = find.stdout.context("find's output")?;
    let output = Command::new("cpio")
        .args(["-o", "--quiet", "-H", if crc { "crc" } else { "newc" }])
        .current_dir(directory)
        .stdin(names)
        .output()
        .context("cpio")?;
    ensure!(output.status.success(), "cpio: {}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

/// A small tree: a file in a directory, and a link to it.
fn tree(directory: &Path) -> Result<()> {
    fs::create_dir(directory.join("etc"))?;
    fs::write(directory.join("etc/motd"), "welcome\n")?;
    std::os::unix::fs::symlink("etc/motd", directory.join("link"))?;
    Ok(())
}

/// Boots with this archive and runs a script.
fn with_archive(bytes: &[u8], script: &str) -> Result<tests::kernel::Ran> {
    let mut run = Run::new()?;
    let archive = run.directory().join("initramfs");
    fs::write(&archive, bytes)?;
    run.machine.initramfs = Some(archive);
    run.script(script)
}

/// ```text
///   upper   tmpfs     /etc/new
///   lower   archive   /etc/motd  /link -> etc/motd
/// ```
const LOOK: &str = "cat /link\necho more > /etc/new\ncat /etc/new\nrm /etc/motd\ncat /etc/motd\n";
const SEEN: &str = "welcome\nmore\ncat: /etc/motd: No such file or directory\n";

#[test]
fn an_archive_of_gnu_cpio_is_the_lower_layer_of_the_root() -> Result<()> {
    let directory = tempfile::tempdir()?;
    tree(directory.path())?;
    for crc in [false, true] {
        let archive = gnu_cpio(directory.path(), crc)?;
        assert_eq!(with_archive(&archive, LOOK)?.text()?, SEEN, "crc: {crc}");
    }
    Ok(())
}

#[test]
fn a_gzipped_archive_is_unpacked() -> Result<()> {
    let directory = tempfile::tempdir()?;
    tree(directory.path())?;
    let plain = directory.path().join("plain");
    fs::write(&plain, gnu_cpio(directory.path(), false)?)?;
    let gzip = Command::new("gzip").arg("-c").arg(&plain).output().context("gzip")?;
    ensure!(gzip.status.success(), "gzip: {}", gzip.status);
    assert_eq!(with_archive(&gzip.stdout, LOOK)?.text()?, SEEN);
    Ok(())
}

/// Two archives one after the other: the later one's files replace the earlier one's.
#[test]
fn concatenated_archives_lie_on_each_other() -> Result<()> {
    let (first, second) = (tempfile::tempdir()?, tempfile::tempdir()?);
    tree(first.path())?;
    fs::create_dir(second.path().join("etc"))?;
    fs::write(second.path().join("etc/motd"), "second\n")?;
    let archive = [gnu_cpio(first.path(), false)?, gnu_cpio(second.path(), false)?].concat();
    assert_eq!(with_archive(&archive, "cat /link\n")?.text()?, "second\n");
    Ok(())
}

/// A broken archive: the message says where and what, and there is a shell on an empty tmpfs.
#[test]
fn a_malformed_archive_boots_to_a_shell_on_an_empty_tmpfs_and_says_so() -> Result<()> {
    let directory = tempfile::tempdir()?;
    tree(directory.path())?;
    let whole = gnu_cpio(directory.path(), false)?;
    let cut = &whole[..150];
    let mut bad_magic = whole.clone();
    bad_magic[..6].copy_from_slice(b"070709");
    let mut bad_digit = whole.clone();
    bad_digit[20] = b'x';
    for (what, archive) in [("cut", cut), ("magic", &bad_magic), ("digit", &bad_digit), ("noise", &[7; 4096])] {
        let ran = with_archive(archive, "cat /etc/motd\necho it > /works\ncat /works\n")?;
        let text = ran.text()?;
        assert_eq!(text, "cat: /etc/motd: No such file or directory\nit\n", "{what}");
        let said = ran.log.lines().find(|line| line.contains("initramfs") && line.contains("offset"));
        assert!(said.is_some(), "{what}: {}", ran.log);
    }
    Ok(())
}

/// `ROOT=` packs a directory of the host and boots it.
#[test]
fn root_packs_a_directory_of_the_host() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let root = directory.path().join("root");
    fs::create_dir(&root)?;
    tree(&root)?;
    let script = directory.path().join("script");
    fs::write(&script, LOOK)?;
    let output = cargo().arg("strata").env("ROOT", &root).env("SCRIPT", &script).output()?;
    assert_eq!(String::from_utf8_lossy(&output.stdout), SEEN, "{output:?}");
    Ok(())
}
