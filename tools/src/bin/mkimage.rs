//! Packs a directory as an initramfs: `mkimage --out image.cpio[.gz] DIRECTORY`.

use anyhow::{Result, bail};
use clap::Parser;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tools::check;
use tools::image::{self, Options, Progress};

/// Packs a directory as a cpio archive (newc) that Strata and Linux take as an initramfs.
#[derive(Parser)]
#[command(name = "mkimage")]
struct Arguments {
    /// The archive to write; compressed with gzip if it ends in .gz.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The owner of everything, instead of those on disk.
    #[arg(long, value_name = "UID:GID", value_parser = owner)]
    owner: Option<(u32, u32)>,
    /// Mount the archive afterwards and compare it with the directory.
    #[arg(long)]
    check: bool,
    /// What to pack.
    directory: PathBuf,
}

fn owner(text: &str) -> Result<(u32, u32), String> {
    let numbers = text.split_once(':').and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)));
    numbers.ok_or_else(|| "two numbers are needed, as 0:0".to_string())
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mkimage: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let gzip = arguments.out.extension().is_some_and(|extension| extension == "gz");
    let options = Options { owner: arguments.owner, gzip };
    let mut line = StatusLine::new();
    let skipped = image::build(&arguments.directory, &arguments.out, &options, &mut |progress| line.show(progress))?;
    line.clear();
    for skipped in &skipped {
        eprintln!("mkimage: left out {}: {}", skipped.path.display(), skipped.reason);
    }
    if arguments.check {
        let file_system = check::mount(fs::read(&arguments.out)?)?;
        let mut expected = check::on_disk(&arguments.directory, &options)?;
        for skipped in &skipped {
            if let Ok(name) = skipped.path.strip_prefix(&arguments.directory) {
                expected.remove(name.as_os_str().as_encoded_bytes());
            }
        }
        let differences = check::differences(&expected, &check::mounted(&*file_system)?);
        if !differences.is_empty() {
            bail!("the image is not what the directory is:\n{}", differences.join("\n"));
        }
    }
    Ok(())
}

/// A line on the terminal that says how far a long work is.
struct StatusLine {
    shown: Option<Instant>,
    started: Instant,
    terminal: bool,
}

impl StatusLine {
    const FIRST_AFTER: Duration = Duration::from_secs(1);
    const INTERVAL: Duration = Duration::from_millis(200);

    fn new() -> Self {
        Self { shown: None, started: Instant::now(), terminal: io::stderr().is_terminal() }
    }

    fn show(&mut self, progress: Progress) {
        let due = match self.shown {
            None => self.started.elapsed() >= Self::FIRST_AFTER,
            Some(last) => last.elapsed() >= Self::INTERVAL,
        };
        if self.terminal && due {
            let Progress { entries, entries_total, bytes } = progress;
            eprint!("\rmkimage: {entries} of {entries_total} files, {} MiB\x1b[K", bytes >> 20);
            // Only the looks of the terminal are lost if this fails.
            let _ = io::stderr().flush();
            self.shown = Some(Instant::now());
        }
    }

    fn clear(&self) {
        if self.shown.is_some() {
            eprint!("\r\x1b[K");
        }
    }
}
