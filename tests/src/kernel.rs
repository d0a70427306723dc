//! The kernel under test, and a guest that runs one script.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tools::guest::Ending;
use tools::image;
use tools::machine::Machine;
use tools::script::{self, Outcome};

/// The workspace's directory.
pub fn workspace() -> &'static Path {
    // The manifest of this crate lies in a directory of the workspace's.
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"))
}

/// Where cargo puts what it builds.
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), |path| workspace().join(path))
}

/// The cargo that runs these tests.
pub fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace());
    // What a user has set for `make run` is not meant for the guests of the tests.
    for variable in ["SCRIPT", "ROOT", "BUSYBOX", "INIT", "INITRAMFS", "APPEND", "MEM", "TIMEOUT", "V", "BENCH"] {
        cargo.env_remove(variable);
    }
    cargo
}

/// The kernel that `make run` boots, built if need be. Once per test program: cargo need not be asked more often.
///
/// # Errors
/// It does not build.
pub fn build() -> Result<&'static Path> {
    static KERNEL: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = KERNEL.get_or_init(|| {
        let target = "x86_64-unknown-none";
        let output = cargo()
            .args(["build", "-q", "--release", "-p", "kernel", "--target", target])
            .output()
            .map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(self::target().join(target).join("release/kernel"))
    });
    built.as_deref().map_err(|error| anyhow::anyhow!("the kernel does not build: {error}"))
}

/// A guest that will run one script.
pub struct Run {
    /// The machine; tests change what they need.
    pub machine: Machine,
    /// How long it may take in all.
    pub timeout: Duration,
    directory: tempfile::TempDir,
}

/// What came of it.
#[derive(Debug)]
pub struct Ran {
    /// What the script printed, byte by byte.
    pub output: Vec<u8>,
    /// How it ended.
    pub outcome: Outcome,
    /// The kernel's messages.
    pub log: String,
}

impl Run {
    /// A guest as `make run` has it.
    ///
    /// # Errors
    /// The kernel does not build.
    pub fn new() -> Result<Self> {
        let directory = tempfile::tempdir().context("no temporary directory")?;
        let mut machine = Machine::new(build()?);
        machine.append.push("log=com2".to_owned());
        machine.log = Some(directory.path().join("boot.log"));
        Ok(Self { machine, timeout: Duration::from_secs(60), directory })
    }

    /// A directory for the test's files, which goes when this does.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Lets the guest boot that directory, each file with its own owner.
    ///
    /// # Errors
    /// It cannot be packed, or not all of it.
    pub fn boot(&mut self, root: &Path) -> Result<()> {
        let archive = self.directory().join("image.cpio");
        let skipped = image::build(root, &archive, &image::Options { owner: None, gzip: false }, &mut |_| {})?;
        ensure!(skipped.is_empty(), "left out of the image: {skipped:?}");
        self.machine.initramfs = Some(archive);
        Ok(())
    }

    /// Runs the script.
    ///
    /// # Errors
    /// QEMU or the file system of the host fail.
    pub fn script(mut self, text: &str) -> Result<Ran> {
        let script = self.directory.path().join("script");
        fs::write(&script, text).context("cannot write the script")?;
        self.machine.script = Some(script);
        let mut output = Vec::new();
        let outcome = script::run(&self.machine, self.timeout, &mut output)?;
        let log = self.machine.log.as_ref().map(fs::read).transpose().context("cannot read the log")?;
        let log = String::from_utf8_lossy(&log.unwrap_or_default()).into_owned();
        Ok(Ran { output, outcome, log })
    }
}

impl Ran {
    /// The output as text, of a script that came to its end.
    ///
    /// # Errors
    /// The guest died: how, and what it said.
    pub fn text(&self) -> Result<String> {
        let text = String::from_utf8_lossy(&self.output).into_owned();
        if let Outcome::Died(ending, report) = &self.outcome {
            anyhow::bail!("{ending}\n{report}\nits output:\n{text}");
        }
        Ok(text)
    }

    /// The report of a guest that died in this way.
    ///
    /// # Errors
    /// It ended otherwise.
    pub fn died(&self, expected: impl Fn(&Ending) -> bool) -> Result<&str> {
        let Outcome::Died(ending, report) = &self.outcome else { anyhow::bail!("it did not die: {self:?}") };
        ensure!(expected(ending), "it died otherwise: {self:?}");
        Ok(report)
    }
}
