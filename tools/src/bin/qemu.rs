//! Runs a kernel in QEMU: cargo's runner for the bare target, and what `make run` calls.
//!
//! Every option is an environment variable too, so that `make run SCRIPT=file` reaches it through cargo. A test kernel
//! (one that `cargo test` built) runs its tests, with the arguments behind the kernel as those of a test program.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context, Result, bail};
use clap::Parser;
use tools::machine::Machine;
use tools::{bench, busybox, console, guest, image, ktest, script};

/// Run a Strata kernel in QEMU.
#[derive(Parser)]
#[command(name = "strata-qemu")]
struct Options {
    /// Run these shell commands in the guest, print their output and exit with the last one's status
    #[arg(long, env = "SCRIPT", value_name = "FILE")]
    script: Option<String>,
    /// Boot this archive (cpio newc, also gzipped)
    #[arg(long, env = "INITRAMFS", value_name = "FILE")]
    initramfs: Option<String>,
    /// Pack this directory and boot it
    #[arg(long, env = "ROOT", value_name = "DIRECTORY")]
    root: Option<String>,
    /// Put this BusyBox into a copy of the directory
    #[arg(long, env = "BUSYBOX", value_name = "FILE")]
    busybox: Option<String>,
    /// The first program, instead of the image's own choice; none for the kernel's own shell
    #[arg(long, env = "INIT", value_name = "PATH|none")]
    init: Option<String>,
    /// Words to add to the kernel's command line
    #[arg(long, env = "APPEND", value_name = "WORDS", allow_hyphen_values = true)]
    append: Option<String>,
    /// The guest's memory
    #[arg(long, env = "MEM", value_name = "SIZE")]
    mem: Option<String>,
    /// Seconds after which a script, or one test, counts as hung [default: 60]
    #[arg(long, env = "TIMEOUT", value_name = "SECONDS")]
    timeout: Option<String>,
    /// With a script: 1 shows the kernel's messages too
    #[arg(long = "verbose", env = "V", value_name = "0|1")]
    verbose: Option<String>,
    /// QEMU's accelerator (tcg, kvm) [default: tcg]
    #[arg(long, env = "ACCEL", value_name = "NAME")]
    accel: Option<String>,
    /// Run the benchmarks (of a kernel built with them) and put their table into this document
    #[arg(long, env = "BENCH", value_name = "FILE")]
    bench: Option<String>,
    /// Have the kernel print the page of its system calls, and write it into this document
    #[arg(long, env = "LINUX_ABI", value_name = "FILE")]
    linux_abi: Option<String>,
    /// The kernel's ELF file
    kernel: PathBuf,
    /// For a test kernel: FILTER… --exact --list --skip NAME
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("strata: {error:#}");
            ExitCode::from(125)
        }
    }
}

fn run(options: Options) -> Result<ExitCode> {
    let mut machine = Machine::new(&options.kernel);
    let directory = guest::run_directory()?;
    let tree = tree(given(options.root), given(options.busybox), directory.path())?;
    machine.initramfs = initramfs(given(options.initramfs), tree, directory.path())?;
    machine.append.extend(given(options.init).map(|path| format!("init={path}")));
    machine.append.extend(given(options.append));
    machine.memory = given(options.mem).unwrap_or(machine.memory);
    machine.accelerator = given(options.accel).unwrap_or(machine.accelerator);
    let timeout = match given(options.timeout) {
        Some(text) => seconds(&text)?,
        None => Duration::from_secs(60),
    };

    if ktest::is_test_kernel(&options.kernel)? {
        return ktest::run(&machine, timeout, &options.arguments);
    }
    if let Some(document) = given(options.bench) {
        return measure(machine, &file("BENCH", &document)?, directory.path());
    }
    if let Some(document) = given(options.linux_abi) {
        return write_page(&machine, timeout, &PathBuf::from(document));
    }
    if let Some(path) = given(options.script) {
        machine.script = Some(file("SCRIPT", &path)?);
        if given(options.verbose).is_none_or(|text| text == "0") {
            machine.append.push("log=com2".to_owned());
            machine.log = Some(boot_log(&options.kernel)?);
        }
        return Ok(ExitCode::from(script::relay(&machine, timeout)?));
    }
    if !io::stdin().is_terminal() {
        bail!("no terminal here; `make run SCRIPT=file` needs none");
    }
    Ok(ExitCode::from(console::run(&machine)?))
}

/// Runs the benchmarks, writes their table, and fails if a promise is broken.
fn measure(mut machine: Machine, document: &Path, directory: &Path) -> Result<ExitCode> {
    let timeout = Duration::from_secs(600);
    let mut rows = vec![bench::boot_cost(&machine, timeout, directory, 10 << 20)?];
    // The largest benchmark has a file of 256 MiB, in the archive or in a tmpfs of half the memory.
    machine.memory = "1G".to_owned();
    rows.extend(bench::collect(&machine, timeout)?);
    let table = bench::table(&rows, &bench::PROMISES);
    print!("{table}");
    let text = fs::read_to_string(document).with_context(|| format!("cannot read {}", document.display()))?;
    let text = bench::insert(&text, &table).with_context(|| format!("{}", document.display()))?;
    fs::write(document, text).with_context(|| format!("cannot write {}", document.display()))?;
    let broken = bench::broken(&rows, &bench::PROMISES);
    for promise in &broken {
        eprintln!("strata: promise broken: {promise}");
    }
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Writes the page of system calls, as the kernel prints it.
fn write_page(machine: &Machine, timeout: Duration, document: &Path) -> Result<ExitCode> {
    let (begin, end) = ("# linux-abi: begin\n", "# linux-abi: end");
    let printed = script::printed(machine, timeout, "linux-abi", end)?;
    let page = printed.split_once(begin).and_then(|(_, rest)| rest.split_once(end));
    let (page, _) = page.context("the kernel prints no page of its system calls")?;
    fs::write(document, page).with_context(|| format!("cannot write {}", document.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// A variable that is set to nothing counts as not set, as `make` passes it.
fn given(option: Option<String>) -> Option<String> {
    option.filter(|text| !text.is_empty())
}

fn seconds(text: &str) -> Result<Duration> {
    let seconds: u64 = text.parse().with_context(|| format!("TIMEOUT={text}: not a number of seconds"))?;
    Ok(Duration::from_secs(seconds))
}

/// A file that a variable names: it must be there, and QEMU must not take a relative path for an option.
fn file(variable: &str, path: &str) -> Result<PathBuf> {
    fs::canonicalize(path).with_context(|| format!("{variable}={path}"))
}

/// The directory to pack: the one that was named, or a copy of it with BusyBox.
fn tree(root: Option<String>, program: Option<String>, directory: &Path) -> Result<Option<PathBuf>> {
    let Some(root) = root else { return Ok(None) };
    let root = file("ROOT", &root)?;
    // Where the bootstrap could not get it the kernel has its own shell.
    let Some(program) = program.filter(|program| Path::new(program).exists()) else { return Ok(Some(root)) };
    let copy = directory.join("root");
    busybox::add_to(&root, Path::new(&program), &copy)?;
    Ok(Some(copy))
}

/// The archive to boot: one that there is, or one made of a directory.
fn initramfs(archive: Option<String>, root: Option<PathBuf>, directory: &Path) -> Result<Option<PathBuf>> {
    match (archive, root) {
        (Some(_), Some(_)) => bail!("INITRAMFS= and ROOT= are two answers to one question"),
        (Some(archive), None) => Ok(Some(file("INITRAMFS", &archive)?)),
        (None, Some(root)) => {
            let packed = directory.join("root.cpio");
            let skipped = image::build(&root, &packed, &image::Options::default(), &mut |_| {})?;
            for skipped in skipped {
                eprintln!("strata: ROOT: left out {}: {}", skipped.path.display(), skipped.reason);
            }
            Ok(Some(packed))
        }
        (None, None) => Ok(None),
    }
}

/// Where the kernel's messages go while a script runs: beside the build, in `target/strata/boot.log`.
fn boot_log(kernel: &Path) -> Result<PathBuf> {
    let target = kernel.ancestors().find(|parent| parent.ends_with("target"));
    let directory = target.map_or_else(env::temp_dir, Path::to_path_buf).join("strata");
    fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    Ok(directory.join("boot.log"))
}
