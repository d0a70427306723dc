//! What to boot and on what machine: QEMU's command line.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The program that is started; found on `PATH`.
pub const QEMU: &str = "qemu-system-x86_64";

/// Where the guest's console (COM1) goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Console {
    /// To QEMU's standard output, nothing typed: for scripts and tests.
    Pipe,
    /// On the user's terminal, raw, with `Ctrl-A X` to quit and a copy in the run's directory.
    Terminal,
}

/// A machine about to be started. Every field is what the matching `make` variable says.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The kernel's ELF file, entered by its PVH note.
    pub kernel: PathBuf,
    /// The archive that becomes the lowest layer, if any.
    pub initramfs: Option<PathBuf>,
    /// Words for the kernel's command line, joined by blanks.
    pub append: Vec<String>,
    /// A script that the guest finds as `opt/strata/script`.
    pub script: Option<PathBuf>,
    /// Memory in QEMU's notation (`512M`).
    pub memory: String,
    /// QEMU's accelerator; `tcg` runs anywhere.
    pub accelerator: String,
    /// Count instructions instead of time: the time-stamp counter then ticks once an instruction, repeatably.
    pub count_instructions: bool,
    /// Where COM2 goes (the kernel's log, under `log=com2`); the run's own directory if `None`.
    pub log: Option<PathBuf>,
}

impl Machine {
    /// The machine everybody gets who asks for nothing else: 512 MiB, emulated.
    pub fn new(kernel: impl Into<PathBuf>) -> Self {
        Self {
            kernel: kernel.into(),
            initramfs: None,
            append: Vec::new(),
            script: None,
            memory: "512M".to_owned(),
            accelerator: "tcg".to_owned(),
            count_instructions: false,
            log: None,
        }
    }

    /// The file that receives COM2 in a run whose own directory is `run`.
    pub fn log_in(&self, run: &Path) -> PathBuf {
        self.log.clone().unwrap_or_else(|| run.join("log"))
    }

    /// The command that starts this machine, with the run's own files in the directory `run`.
    pub fn command(&self, console: Console, run: &Path) -> Command {
        let mut qemu = Command::new(QEMU);
        qemu.args(["-nodefaults", "-no-user-config", "-display", "none", "-machine", "pc"]);
        // A reset ends QEMU, so that a triple fault is an end and not a boot loop.
        qemu.arg("-no-reboot");
        qemu.args(["-accel", &self.accelerator, "-m", &self.memory]);
        // All that the accelerator can do (x2apic, rdrand, smep …); the plain model has next to nothing.
        qemu.args(["-cpu", if self.accelerator == "kvm" { "host" } else { "max" }]);
        qemu.args(["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]);

        match console {
            Console::Pipe => {
                qemu.args(["-chardev", "stdio,id=console,signal=off"]);
                let monitor = run.join("monitor");
                qemu.arg("-chardev");
                qemu.arg(format!("socket,id=monitor,path={},server=on,wait=off", escaped(&monitor)));
                qemu.args(["-mon", "chardev=monitor,mode=readline"]);
            }
            Console::Terminal => {
                let copy = escaped(&run.join("console"));
                qemu.arg("-chardev");
                qemu.arg(format!("stdio,id=console,mux=on,signal=off,logfile={copy}"));
                qemu.args(["-mon", "chardev=console,mode=readline"]);
            }
        }
        qemu.args(["-serial", "chardev:console"]);
        qemu.arg("-chardev").arg(format!("file,id=log,path={}", escaped(&self.log_in(run))));
        qemu.args(["-serial", "chardev:log"]);
        // QEMU's own log tells a triple fault from a reset that was asked for.
        qemu.args(["-d", "cpu_reset", "-D"]).arg(run.join("qemu"));

        if self.count_instructions {
            qemu.args(["-icount", "shift=0,sleep=off"]);
        }
        qemu.arg("-kernel").arg(&self.kernel);
        if let Some(initramfs) = &self.initramfs {
            // `-initrd` takes a comma for a list of modules.
            qemu.arg("-initrd").arg(escaped(initramfs));
        }
        if let Some(script) = &self.script {
            qemu.arg("-fw_cfg").arg(format!("name=opt/strata/script,file={}", escaped(script)));
        }
        if !self.append.is_empty() {
            qemu.arg("-append").arg(self.append.join(" "));
        }
        qemu
    }
}

/// A path as a value in one of QEMU's comma-separated options, where a comma is written twice.
fn escaped(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(machine: &Machine, console: Console) -> Vec<String> {
        let command = machine.command(console, Path::new("/run,1"));
        command.get_args().map(|arg| arg.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn only_what_was_asked_for_reaches_qemu() {
        let plain = words(&Machine::new("/k"), Console::Pipe);
        assert!(plain.windows(2).any(|pair| pair == ["-kernel", "/k"]));
        for absent in ["-initrd", "-fw_cfg", "-append", "-icount"] {
            assert!(!plain.iter().any(|word| word == absent), "{absent} in {plain:?}");
        }

        let mut full = Machine::new("/k");
        full.initramfs = Some("/i".into());
        full.script = Some("/s".into());
        full.append = vec!["a=1".into(), "b".into()];
        full.count_instructions = true;
        let full = words(&full, Console::Pipe);
        for pair in [["-initrd", "/i"], ["-append", "a=1 b"], ["-fw_cfg", "name=opt/strata/script,file=/s"]] {
            assert!(full.windows(2).any(|words| words == pair), "{pair:?} in {full:?}");
        }
        assert!(full.iter().any(|word| word == "-icount"));
    }

    #[test]
    fn a_comma_in_a_path_is_no_separator() {
        let words = words(&Machine::new("/k"), Console::Terminal);
        assert!(words.iter().any(|word| word == "file,id=log,path=/run,,1/log"), "{words:?}");
    }
}
