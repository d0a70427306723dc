//! Programs that take whatever they can get: they are refused more, the others go on, and nothing is left of them when
//! they have ended (the frames are counted after every test).

use core::time::Duration;

use vfs::error::FileSystemErrorKind;

use super::program::{Act, Argument, Machine, Program, THREAD, run};
use super::{EAGAIN, error};
use crate::ktest;
use crate::task::process::Ending;
use crate::task::signal::Signal;
use crate::task::{scheduler, timer};

const EMFILE: i64 = 24;

/// Makes the system call of that number with these arguments until it fails; how many threads there were then.
fn repeat(number: u64, arguments: [u64; 4]) -> (i64, usize) {
    let before = scheduler::threads();
    let machine = Machine::new();
    let mut program = Program::new();
    let [a, b, c, d] = arguments.map(Argument::Is);
    let failed = program.act(Act::Repeat, &[a, b, c, d, number.into(), 0.into()]);
    let nap = program.words(&[0, 20_000_000]);
    program.call("write", &[1.into(), failed.0.into(), 8.into()]);
    program.call("nanosleep", &[nap.into(), 0.into()]);
    let group = program.call("getpgrp", &[]);
    let group = program.act(Act::Negate, &[group.into()]);
    program.call("kill", &[group.into(), 9.into()]);
    machine.write("/program", &program.elf());
    let process = machine.start("/program", &["program"], &[]).expect("it begins");
    let mut most = 0;
    while process.ending().is_none() {
        most = most.max(scheduler::threads() - before);
        timer::sleep(Duration::from_millis(5));
    }
    assert_eq!(process.ending(), Some(Ending::Killed(Signal::KILL)));
    // The others of its group end as well, each in its turn.
    while scheduler::threads() > before {
        timer::sleep(Duration::from_millis(5));
    }
    let answer: [u8; 8] = machine.read("/out").try_into().expect("one number");
    (i64::from_le_bytes(answer), most)
}

ktest! {
    /// Every child forks as well, without end.
    fn who_forks_without_end_is_refused_at_last() {
        let (answer, most) = repeat(57, [0; 4]);
        assert_eq!(answer, error(EAGAIN));
        assert!((500..=1024).contains(&most), "{most}");
    }

    fn who_begins_threads_without_end_is_refused_at_last() {
        let (answer, most) = repeat(56, [THREAD & 0xf_ffff, 0x61_f000, 0, 0]);
        assert_eq!(answer, error(EAGAIN));
        assert!((500..=1024).contains(&most), "{most}");
    }

    fn who_opens_without_end_is_refused_at_last() {
        assert_eq!(repeat(32, [1, 0, 0, 0]).0, error(EMFILE));
    }

    /// When there are as many threads as there may be, a program cannot be begun; when they have ended, it can.
    fn others_can_begin_again_when_a_hog_has_ended() {
        let mut program = Program::new();
        program.act(Act::Repeat, &[(THREAD & 0xf_ffff).into(), 0x61_f000.into(), 0.into(), 0.into(), 56.into(), 0.into()]);
        program.call("pause", &[]);
        let machine = Machine::new();
        machine.write("/program", &program.elf());
        let hog = machine.start("/program", &["hog"], &[]).expect("it begins");
        let full = || machine.start("/program", &["x"], &[]).err().map(|error| error.kind());
        let mut waited = 0;
        while hog.threads() < 500 || full() != Some(FileSystemErrorKind::WouldBlock) {
            timer::sleep(Duration::from_millis(10));
            waited += 1;
            assert!(waited < 2000, "{} threads", hog.threads());
        }
        hog.end(Ending::Killed(Signal::KILL));
        hog.wait();
        let mut other = Program::new();
        other.exit(4);
        assert_eq!(run(other).1, Ending::Exited(4));
    }
}
