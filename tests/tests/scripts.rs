//! A script's output is the script's alone, byte by byte, and its status is the guest's.

use anyhow::Result;
use tests::kernel::{Run, cargo, workspace};
use tests::packages::{self, Unavailable};
use tests::skipping::skip;
use tools::script::Outcome;
use tools::{busybox, image};

/// The script from the user's documents, in a directory for such things:
///
/// ```text
///   diff/      test2, then test1 as well          (upper)
///   base/      test1                               (lower)
/// ```
const SCRIPT: &str = include_str!("programs/cases/example.sh");

const SHOWN: &str = "test1\ntest2\ntest2\ntest data\nmodified test data\ntest data\n";

#[test]
fn the_overlay_script_from_the_documents_works_as_written() -> Result<()> {
    assert_eq!(Run::new()?.script(SCRIPT)?.text()?, SHOWN);
    Ok(())
}

/// A guest whose first program is BusyBox's shell with the script as its input; `None` where there is no BusyBox.
fn under_busybox(subject: &str) -> Result<Option<Run>> {
    let program = match packages::busybox()? {
        Ok(program) => program,
        Err(Unavailable(reason)) => return skip(subject, &reason).map(|()| None),
    };
    let mut run = Run::new()?;
    let (tree, archive) = (run.directory().join("root"), run.directory().join("root.cpio"));
    busybox::add_to(&workspace().join("tools/root"), &program, &tree)?;
    image::build(&tree, &archive, &image::Options::default(), &mut |_| {})?;
    run.machine.initramfs = Some(archive);
    run.machine.append.push("init=/bin/sh".into());
    Ok(Some(run))
}

/// The same under BusyBox's shell. It comes to its last line, at which BusyBox says on Linux too that its `rm` has no `-d`
/// (`programs` compares the two).
#[test]
fn the_overlay_script_from_the_documents_works_under_busybox() -> Result<()> {
    let Some(run) = under_busybox("the overlay script under BusyBox")? else { return Ok(()) };
    let ran = run.script(&format!("{SCRIPT}exit 7\n"))?;
    let text = ran.text()?;
    let Some(rest) = text.strip_prefix(SHOWN) else { panic!("{text}") };
    assert!(rest.starts_with("rm: invalid option -- 'd'\n"), "{rest}");
    assert_eq!(ran.outcome, Outcome::Exited(7));
    Ok(())
}

/// Not in hexadecimal, and not in decimal but for the number that says that there is no limit: neither of a process that
/// waits, nor of one that was killed, nor by the log.
#[test]
fn nothing_that_a_program_can_read_has_an_address_of_the_kernel() -> Result<()> {
    let Some(run) = under_busybox("addresses of the kernel")? else { return Ok(()) };
    let script = r#"
hexadecimal='ffff[89a-f][0-9a-f]{11}' decimal='18446[67][0-9]{14}'
sleep 100 & sleep 100 | cat & unshare -m sleep 100 & (sh -c 'kill -SEGV $$'; /missing) 2> /dev/null
sleep 0.1
{ find /proc -type f -exec cat {} +; find /proc/*/fd /proc/*/ns -exec readlink {} +; dmesg; mount; } > /tmp/shown 2> /dev/null
[ $(wc -l < /tmp/shown) -gt 300 ] || wc /tmp/shown
grep -a -i -E "$hexadecimal" /tmp/shown
grep -a -o -E "$decimal" /tmp/shown | grep -v 18446744073709551615
echo at 0xffffffff80001000, 18446744071562067968 | grep -o -E "$hexadecimal|$decimal"
"#;
    assert_eq!(run.script(script)?.text()?, "ffffffff80001000\n18446744071562067968\n");
    Ok(())
}

/// As many layers as there may be, in one option string of several pages.
#[test]
fn five_hundred_layers_are_mounted_by_a_script_and_one_more_is_refused() -> Result<()> {
    let layer = |number: usize| format!("layers/of/an/image/whose/directories/have/long/names/{number:03}");
    let mut script = String::from("mkdir upper merged\n");
    for number in 0..=500 {
        let layer = layer(number);
        script += &format!("mkdir -p {layer}; echo {number} > {layer}/{number}; echo {number} > {layer}/all\n");
    }
    for count in [501, 500] {
        let layers = (0..count).map(layer).collect::<Vec<_>>().join(":");
        script += &format!("mount -t overlay -o lowerdir={layers},upperdir=upper overlay merged; echo $?\n");
    }
    script += "ls merged | wc -l; cat merged/all merged/499\nrm merged/499 merged/all; ls -A upper\n";
    let text = Run::new()?.script(&script)?.text()?;
    let refused = "mount: merged: overlay: option 'lowerdir' has 501 layers, at most 500 are possible.\n32\n";
    assert_eq!(text, format!("{refused}0\n501\n0\n499\n.wh.499\n.wh.all\n"));
    Ok(())
}

/// The last command's status is the script's, and only that.
#[test]
fn the_status_of_the_last_command_is_the_exit_status() -> Result<()> {
    let cases =
        [("true\n", 0), ("false\n", 1), ("false\ntrue\n", 0), ("true\nexit 7\n", 7), ("nonesuch\n", 127), ("", 0)];
    for (script, status) in cases {
        let ran = Run::new()?.script(script)?;
        assert_eq!(ran.outcome, Outcome::Exited(status), "{script:?}: {ran:?}");
    }
    Ok(())
}

/// An error message reads as on Unix, and does not end the script.
#[test]
fn a_failing_command_says_why_and_the_next_one_runs() -> Result<()> {
    let ran = Run::new()?.script("cat /nope\necho $?\n")?;
    assert_eq!(ran.text()?, "cat: /nope: No such file or directory\n1\n");
    Ok(())
}

/// Boot messages go to the log and not between the output.
#[test]
fn the_kernels_messages_stay_out_of_the_output() -> Result<()> {
    let ran = Run::new()?.script("echo only this\n")?;
    assert_eq!(ran.text()?, "only this\n");
    assert!(ran.log.contains("] strata "), "{}", ran.log);
    Ok(())
}

/// What a user types: the runner under cargo prints the output, and exits with the script's status.
#[test]
fn cargo_strata_exits_with_the_scripts_status() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let script = directory.path().join("script");
    std::fs::write(&script, "echo hello\nexit 3\n")?;
    let output = cargo().arg("strata").env("SCRIPT", &script).output()?;
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hello\n", "{output:?}");
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    Ok(())
}
