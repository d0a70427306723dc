//! The terminal as programs have it: whose it is, who may read it, how it is set.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use vfs::node::NewKind;

use super::program::{Act, Machine, Program, Slot};
use super::{EAGAIN, EINVAL, EIO, ENOTTY, ENXIO, EPERM, ESRCH, error};
use crate::fs::devices;
use crate::fs::terminal::settings::Settings;
use crate::fs::terminal::{self, jobs};
use crate::ktest;
use crate::task::process::{Ending, Process};
use crate::task::signal::Signal;
use crate::task::{number, timer};

const TCGETS: u64 = 0x5401;
const TCSETS: u64 = 0x5402;
const TCXONC: u64 = 0x540a;
const TCFLSH: u64 = 0x540b;
const TIOCSCTTY: u64 = 0x540e;
const TIOCGPGRP: u64 = 0x540f;
const TIOCSPGRP: u64 = 0x5410;
const TIOCSTI: u64 = 0x5412;
const TIOCGWINSZ: u64 = 0x5413;
const TIOCSWINSZ: u64 = 0x5414;
const FIONREAD: u64 = 0x541b;
const TIOCNOTTY: u64 = 0x5422;
const TIOCGSID: u64 = 0x5429;
const TCGETS2: u64 = 0x802c_542a;

const O_RDWR: u64 = 2;
const O_NOCTTY: u64 = 0o400;
const O_NONBLOCK: u64 = 0o4_000;
const O_ASYNC: u64 = 0o20_000;

const F_SETFL: u64 = 4;
const F_GETOWN: u64 = 9;

const SIGHUP: u64 = 1;
const SIGIO: u64 = 29;
const SIGTTIN: u64 = 21;
const SIGTTOU: u64 = 22;
const SIGWINCH: u64 = 28;
const SIGCONT: u64 = 18;
const WUNTRACED: u64 = 2;
const SIG_IGN: u64 = 1;

/// A machine with the serial line as `/line`, the console as `/console`, and who opens it's terminal as `/tty`. It shows
/// nothing of what is typed: that would be in the tests' report.
fn machine() -> Machine {
    let nodes = [("/line", devices::SERIAL), ("/console", devices::CONSOLE), ("/tty", devices::TTY)];
    let machine = Machine::with_nodes(&nodes.map(|(path, device)| (path, NewKind::CharDevice(device))));
    terminal::set_settings(from_flags(0o100_003, 1, 0), true);
    machine
}

/// Settings of these local flags, `VMIN` and `VTIME`.
fn from_flags(local: u32, least: u8, patience: u8) -> Settings {
    let mut settings = Settings::new(false);
    settings.local = terminal::settings::Local::from_bits_retain(local);
    settings.characters[6] = least;
    settings.characters[5] = patience;
    settings
}

/// Lets a program open something.
fn open(program: &mut Program, path: &str, flags: u64) -> Slot {
    let path = program.bytes(path.as_bytes());
    program.call("open", &[path.into(), flags.into(), 0.into()])
}

/// Lets a program ignore a signal.
fn ignore(program: &mut Program, signal: u64) {
    let action = program.words(&[SIG_IGN, 0, 0, 0]);
    program.call("rt_sigaction", &[signal.into(), action.into(), 0.into(), 8.into()]);
}

/// Lets a program read into a new place, and say how much it was.
fn read(program: &mut Program, file: Slot) -> [Slot; 2] {
    let room = program.room(2);
    [program.call("read", &[file.into(), room.0.into(), 16.into()]), room]
}

/// Starts a program, and waits until it has the terminal.
fn start_with_terminal(machine: &Machine, program: Program) -> Arc<Process> {
    machine.write("/program", &program.elf());
    let process = machine.start("/program", &["program"], &[]).expect("it begins");
    while !jobs::is_of(&process) {
        timer::sleep(Duration::from_millis(1));
    }
    process
}

fn text(machine: &Machine, [count, room]: [Slot; 2]) -> Vec<u8> {
    let bytes = [0, 8].map(|offset| machine.result(Slot(room.0 + offset)).to_le_bytes()).concat();
    bytes[..usize::try_from(machine.result(count)).expect("it was read")].to_vec()
}

ktest! {
    /// ```text
    ///   setsid → nothing at /tty ── open /line → has it ── TIOCNOTTY → nothing at /tty
    /// ```
    fn a_leader_has_the_terminal_that_it_opens() {
        let machine = machine();
        let mut program = Program::new();
        ignore(&mut program, SIGHUP);
        let before = [open(&mut program, "/tty", O_RDWR), open(&mut program, "/console", O_RDWR)];
        let line = open(&mut program, "/line", O_RDWR | O_NOCTTY);
        let room = program.room(1);
        let none = [
            program.call("ioctl", &[line.into(), TIOCGPGRP.into(), room.0.into()]),
            program.call("ioctl", &[line.into(), TIOCGSID.into(), room.0.into()]),
            program.call("ioctl", &[line.into(), TIOCNOTTY.into()]),
            open(&mut program, "/tty", O_RDWR),
        ];
        open(&mut program, "/line", O_RDWR);
        let with = open(&mut program, "/tty", O_RDWR);
        let pid = program.call("getpid", &[]);
        let (group, session) = (program.room(1), program.room(1));
        let has = [
            program.call("ioctl", &[with.into(), TIOCGPGRP.into(), group.0.into()]),
            program.call("ioctl", &[with.into(), TIOCGSID.into(), session.0.into()]),
            program.call("ioctl", &[with.into(), TIOCSCTTY.into(), 0.into()]),
            program.call("ioctl", &[with.into(), TIOCNOTTY.into(), 0.into()]),
        ];
        let after = open(&mut program, "/tty", O_RDWR);
        let again = program.call("ioctl", &[with.into(), TIOCSCTTY.into(), 0.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!(machine.result(before[0]), error(ENXIO));
        assert!(machine.result(before[1]) > 0, "the console can be opened");
        assert_eq!(none.map(|call| machine.result(call)), [error(ENOTTY), error(ENOTTY), error(ENOTTY), error(ENXIO)]);
        assert_eq!(has.map(|call| machine.result(call)), [0; 4]);
        assert_eq!([group, session].map(|slot| machine.result(slot)), [machine.result(pid); 2]);
        assert_eq!([after, again].map(|call| machine.result(call)), [error(ENXIO), 0]);
    }

    /// Who leads no session cannot have it, nor who would take it from another.
    fn the_terminal_is_one_sessions() {
        let machine = machine();
        let mut program = Program::new();
        ignore(&mut program, SIGHUP);
        let line = open(&mut program, "/line", O_RDWR);
        let room = program.room(1);
        let child = program.begin("fork", |child| {
            // A member gives it up for itself alone.
            let calls = [
                child.call("ioctl", &[line.into(), TIOCNOTTY.into()]),
                child.call("ioctl", &[line.into(), TIOCGPGRP.into(), room.0.into()]),
                child.call("ioctl", &[line.into(), TIOCSCTTY.into(), 0.into()]),
                child.call("setsid", &[]),
                child.call("ioctl", &[line.into(), TIOCSCTTY.into(), 0.into()]),
                child.call("ioctl", &[line.into(), TIOCGSID.into(), room.0.into()]),
            ];
            for call in calls {
                child.call("write", &[1.into(), call.0.into(), 8.into()]);
            }
            child.exit(0);
        });
        program.call("wait4", &[child.into(), 0.into(), 0.into(), 0.into()]);
        let kept = program.call("ioctl", &[line.into(), TIOCGSID.into(), room.0.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        let told = [0, error(ENOTTY), error(EPERM), machine.result(child), error(EPERM), error(ENOTTY)];
        assert_eq!(machine.read("/out"), told.map(i64::to_le_bytes).concat());
        assert_eq!(machine.result(kept), 0);
    }

    /// ```text
    ///   typed: "to it⏎"     job in the background reads → SIGTTIN ── fg, SIGCONT → it reads
    /// ```
    fn a_job_in_the_background_stops_when_it_reads() {
        let machine = machine();
        terminal::type_keys(b"to it\r");
        let mut program = Program::new();
        ignore(&mut program, SIGTTOU);
        let line = open(&mut program, "/line", O_RDWR);
        let (status, pid) = (program.room(1), program.room(1));
        let child = program.begin("fork", |child| {
            child.call("setpgid", &[0.into(), 0.into()]);
            let [count, room] = read(child, line);
            child.call("write", &[1.into(), room.0.into(), 6.into()]);
            child.call("write", &[1.into(), count.0.into(), 8.into()]);
            child.exit(3);
        });
        let stopped = program.call("wait4", &[child.into(), status.0.into(), WUNTRACED.into(), 0.into()]);
        let leader = program.call("getpid", &[]);
        let asked = [program.call("ioctl", &[line.into(), TIOCGPGRP.into(), pid.0.into()])];
        let forward = program.call("ioctl", &[line.into(), TIOCSPGRP.into(), child.0.into()]);
        program.call("kill", &[child.into(), SIGCONT.into()]);
        let ended_with = program.room(1);
        let ended = program.call("wait4", &[child.into(), ended_with.0.into(), 0.into(), 0.into()]);
        // Now the leader is in the background, and its group has nobody above.
        let [orphan, _] = read(&mut program, line);
        let back = program.call("ioctl", &[line.into(), TIOCSPGRP.into(), leader.0.into()]);
        let bad = program.words(&[4_000_000, u64::MAX]);
        let nobody = [bad, bad + 8].map(|group| program.call("ioctl", &[line.into(), TIOCSPGRP.into(), group.into()]));
        assert_eq!(machine.run(program), Ending::Exited(0));
        let child = machine.result(child);
        assert_eq!([stopped, ended].map(|call| machine.result(call)), [child; 2]);
        assert_eq!(machine.result(status) as u64, SIGTTIN << 8 | 0x7f);
        assert_eq!(machine.result(ended_with), 3 << 8);
        assert_eq!((machine.result(asked[0]), machine.result(pid)), (0, machine.result(leader)));
        assert_eq!([forward, back].map(|call| machine.result(call)), [0; 2]);
        assert_eq!(machine.read("/out"), [&b"to it\n"[..], &6u64.to_le_bytes()].concat());
        assert_eq!(machine.result(orphan), error(EIO));
        assert_eq!(nobody.map(|call| machine.result(call)), [error(ESRCH), error(EINVAL)]);
    }

    /// The leader ends: who is in the foreground is told, and what was open of the terminal is of no use any more.
    fn a_terminal_is_hung_up_when_the_leader_of_its_session_ends() {
        let machine = machine();
        let mut program = Program::new();
        let line = open(&mut program, "/line", O_RDWR);
        let room = program.room(2);
        // It comes when it is waited for.
        let held = program.words(&[1 << (SIGHUP - 1)]);
        program.call("rt_sigprocmask", &[0.into(), held.into(), 0.into(), 8.into()]);
        let child = program.begin("fork", |child| {
            child.handle(SIGHUP, Act::Handler, 0, 0);
            let notes = child.notes(1);
            child.call("rt_sigsuspend", &[(room.0).into(), 8.into()]);
            let [end, _] = read(child, line);
            let calls = [
                end,
                child.call("write", &[line.into(), room.0.into(), 1.into()]),
                child.call("ioctl", &[line.into(), FIONREAD.into(), room.0.into()]),
                open(child, "/tty", O_RDWR),
                notes,
            ];
            for call in calls {
                child.call("write", &[1.into(), call.0.into(), 8.into()]);
            }
            child.exit(0);
        });
        assert_eq!(machine.run(program), Ending::Exited(0));
        let child = machine.result(child) as u32;
        let told = [0, error(EIO), error(EIO), error(ENXIO), SIGHUP as i64].map(i64::to_le_bytes).concat();
        while number::process(child).is_some() {
            timer::sleep(Duration::from_millis(1));
        }
        assert_eq!(machine.read("/out"), told);
    }

    /// ^C and ^\ end whoever waits for whatever in the foreground.
    fn keys_send_signals_to_the_foreground() {
        for (key, signal) in [(3, Signal::INTERRUPT), (28, Signal::QUIT)] {
            let machine = machine();
            let mut program = Program::new();
            open(&mut program, "/line", O_RDWR);
            program.call("pause", &[]);
            let process = start_with_terminal(&machine, program);
            terminal::type_keys(&[key]);
            assert_eq!(process.wait(), Ending::Killed(signal));
        }
    }

    fn a_program_is_told_of_another_size() {
        let machine = machine();
        let mut program = Program::new();
        program.handle(SIGWINCH, Act::Handler, 0, 0);
        let notes = program.notes(2);
        let line = open(&mut program, "/line", O_RDWR);
        let old = program.room(1);
        program.call("ioctl", &[line.into(), TIOCGWINSZ.into(), old.0.into()]);
        let other = program.words(&[50 | 132 << 16]);
        let set = [0; 2].map(|_| program.call("ioctl", &[line.into(), TIOCSWINSZ.into(), other.into()]));
        let new = program.room(1);
        program.call("ioctl", &[line.into(), TIOCGWINSZ.into(), new.0.into()]);
        program.call("ioctl", &[line.into(), TIOCSWINSZ.into(), old.0.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!(set.map(|call| machine.result(call)), [0; 2]);
        assert_eq!(machine.result(old), 24 | 80 << 16);
        assert_eq!(machine.result(new), 50 | 132 << 16);
        // Twice for three calls, one of which changed nothing.
        assert_eq!([0, 1].map(|index| machine.note(notes, index)[0] as u64), [SIGWINCH; 2]);
        terminal::set_size([0; 4]);
    }

    /// `VMIN` and `VTIME`: 0 and a tenth of a second; 3 and for ever; what is there already does not wait.
    fn a_read_waits_as_the_settings_say() {
        let machine = machine();
        let mut program = Program::new();
        let line = open(&mut program, "/line", O_RDWR);
        let [now, short] = [0, 0].map(|_| program.room(6));
        let told = program.call("ioctl", &[line.into(), TCGETS2.into(), now.0.into()]);
        let known = [(0, 0), (0, 1), (3, 0)].map(|(least, patience)| {
            let mut bytes = [0; 36];
            bytes[12..16].copy_from_slice(&0u32.to_le_bytes());
            (bytes[17 + 6], bytes[17 + 5]) = (least, patience);
            program.bytes(&bytes)
        });
        let set = |program: &mut Program, at: u64| program.call("ioctl", &[line.into(), TCSETS.into(), at.into()]);
        let mut results = Vec::new();
        for at in [known[0], known[1]] {
            results.push(set(&mut program, at));
            results.push(read(&mut program, line)[0]);
        }
        set(&mut program, known[2]);
        program.call("ioctl", &[line.into(), TCGETS.into(), short.0.into()]);
        program.call("fcntl", &[line.into(), 4.into(), O_NONBLOCK.into()]);
        let [none, _] = read(&mut program, line);
        program.call("fcntl", &[line.into(), 4.into(), 0.into()]);
        let keys = read(&mut program, line);
        let process = start_with_terminal(&machine, program);
        while terminal::settings().least() != 3 {
            timer::sleep(Duration::from_millis(1));
        }
        for key in b"abc" {
            timer::sleep(Duration::from_millis(2));
            terminal::type_keys(&[*key]);
        }
        assert_eq!(process.wait(), Ending::Exited(0));
        assert!(results.into_iter().all(|call| machine.result(call) == 0));
        assert_eq!(machine.result(none), error(EAGAIN));
        assert_eq!(text(&machine, keys), b"abc");
        assert_eq!(machine.result(told), 0);
        let speeds = [36, 40].map(|offset| machine.result(Slot(now.0 + offset)) as u32);
        assert_eq!(speeds, [115_200; 2]);
        assert_eq!(machine.result(Slot(now.0 + 8)) as u64 >> 32, 0o100_003);
        assert_eq!(machine.result(Slot(short.0 + 8)) as u64 >> 32, 0);
    }

    /// A script's output goes to a file at the other end: its programs are told that the console is no terminal.
    fn the_console_is_no_terminal_where_nobody_sits() {
        let machine = machine();
        let mut program = Program::new();
        let files = ["/console", "/line"].map(|path| open(&mut program, path, O_RDWR | O_NOCTTY));
        let room = program.room(6);
        let asked = files.map(|file| program.call("ioctl", &[file.into(), TCGETS.into(), room.0.into()]));
        machine.write("/program", &program.elf());
        for (attended, expected) in [(false, [error(ENOTTY), 0]), (true, [0, 0])] {
            terminal::set_attended(attended);
            assert_eq!(machine.start("/program", &["program"], &[]).expect("it begins").wait(), Ending::Exited(0));
            assert_eq!(asked.map(|call| machine.result(call)), expected);
        }
    }

    fn what_cannot_be_asked_is_refused() {
        let machine = machine();
        let mut program = Program::new();
        let line = open(&mut program, "/line", O_RDWR);
        let room = program.room(1);
        let asked: [(u64, u64); 4] = [(TCFLSH, 3), (TCXONC, 4), (TIOCSTI, room.0), (0x5499, room.0)];
        let refused = asked.map(|(what, with)| program.call("ioctl", &[line.into(), what.into(), with.into()]));
        assert_eq!(machine.run(program), Ending::Exited(0));
        let expected = [error(EINVAL), error(EINVAL), error(EIO), error(ENOTTY)];
        assert_eq!(refused.map(|call| machine.result(call)), expected);
    }

    /// A key wakes who polls; what is written waits while the output is stopped, and polling says so.
    fn polling_tells_when_it_can_be_read_and_written() {
        let machine = machine();
        let mut program = Program::new();
        let line = open(&mut program, "/line", O_RDWR);
        let question = program.words(&[4 | 0x0005_0000_0000, 4 | 0x0001_0000_0000]);
        let stopped = program.call("ioctl", &[line.into(), TCXONC.into(), 0.into()]);
        let none = program.call("poll", &[question.into(), 1.into(), 0.into()]);
        program.call("fcntl", &[line.into(), 4.into(), O_NONBLOCK.into()]);
        let would = program.call("write", &[line.into(), question.into(), 1.into()]);
        program.call("ioctl", &[line.into(), TCXONC.into(), 1.into()]);
        let writable = program.call("poll", &[question.into(), 1.into(), 0.into()]);
        let events = program.act(Act::Load, &[question.into()]);
        let waited = program.call("poll", &[(question + 8).into(), 1.into(), u64::from(u32::MAX).into()]);
        let seen = program.act(Act::Load, &[(question + 8).into()]);
        let process = start_with_terminal(&machine, program);
        timer::sleep(Duration::from_millis(20));
        terminal::type_keys(b"\r");
        assert_eq!(process.wait(), Ending::Exited(0));
        let results = [stopped, none, would, writable, waited].map(|call| machine.result(call));
        assert_eq!(results, [0, 0, error(EAGAIN), 1, 1]);
        assert_eq!([events, seen].map(|slot| machine.result(slot) as u64 >> 48), [4, 1]);
    }

    /// What is typed is told of once, though it is not read.
    fn at_an_edge_what_is_typed_is_told_of_once() {
        let machine = machine();
        let mut program = Program::new();
        let line = open(&mut program, "/line", O_RDWR);
        let instance = program.call("epoll_create1", &[0.into()]);
        let asked = program.words(&[1 | 1 << 31, 0]);
        program.call("epoll_ctl", &[instance.into(), 1.into(), line.into(), asked.into()]);
        let room = program.room(3);
        let mut wait = |limit: u64| {
            program.call("epoll_wait", &[instance.into(), room.0.into(), 1.into(), limit.into()])
        };
        let waits = [5000, 0, 5000, 0].map(&mut wait);
        let process = start_with_terminal(&machine, program);
        for _ in 0..2 {
            timer::sleep(Duration::from_millis(40));
            terminal::type_keys(b"x\r");
        }
        assert_eq!(process.wait(), Ending::Exited(0));
        assert_eq!(waits.map(|wait| machine.result(wait)), [1, 0, 1, 0]);
    }

    /// Those in the foreground, where no other owner is named.
    fn who_has_it_is_told_of_what_is_typed_by_a_signal() {
        let machine = machine();
        let mut program = Program::new();
        let (set, seen) = (program.words(&[1 << (SIGIO - 1)]), program.room(16));
        program.call("rt_sigprocmask", &[0.into(), set.into(), 0.into(), 8.into()]);
        let line = open(&mut program, "/line", O_RDWR);
        program.call("fcntl", &[line.into(), F_SETFL.into(), O_ASYNC.into()]);
        let owner = program.call("fcntl", &[line.into(), F_GETOWN.into(), 0.into()]);
        let told = program.call("rt_sigtimedwait", &[set.into(), seen.0.into(), 0.into(), 8.into()]);
        let keys = read(&mut program, line);
        let process = start_with_terminal(&machine, program);
        timer::sleep(Duration::from_millis(20));
        terminal::type_keys(b"x\r");
        assert_eq!(process.wait(), Ending::Exited(0));
        assert_eq!(text(&machine, keys), b"x\n");
        assert_eq!(machine.result(owner), -i64::from(process.pid()));
        assert_eq!([told, Slot(seen.0 + 8)].map(|slot| machine.result(slot)), [SIGIO as i64, 0x80]);
    }
}
