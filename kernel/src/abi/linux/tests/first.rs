//! The first process, and what only the machine's owner may do.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::program::{Machine, Program};
use super::{EINVAL, EPERM, error};
use crate::init;
use crate::ktest;
use crate::task::number::{self, Number};
use crate::task::process::Ending;
use crate::task::timer;

const SIGKILL: u64 = 9;
const SIGTERM: u64 = 15;
const SIGSTOP: u64 = 19;

const MAGICS: [u64; 2] = [0xfee1_dead, 0x2812_1969];

ktest! {
    /// ```text
    ///   1 ── child ── grandchild          the child ends: 1 ── grandchild
    /// ```
    fn the_first_process_takes_orphans_and_no_signal_that_it_does_not_handle() {
        let machine = Machine::new();
        let mut program = Program::new();
        let numbers = ["getpid", "getppid"].map(|name| program.call(name, &[]));
        let sent = [SIGKILL, SIGTERM, SIGSTOP].map(|signal| program.kill_itself(signal));
        let nap = program.words(&[0, 20_000_000]);
        let child = program.begin("fork", |child| {
            child.begin("fork", |grandchild| {
                grandchild.call("nanosleep", &[nap.into(), 0.into()]);
                let parent = grandchild.call("getppid", &[]);
                grandchild.call("write", &[1.into(), parent.0.into(), 8.into()]);
                grandchild.exit(5);
            });
            child.exit(4);
        });
        let statuses = [0; 2].map(|_| program.room(1));
        let any = u64::MAX.into();
        let waited = statuses.map(|status| program.call("wait4", &[any, status.0.into(), 0.into(), 0.into()]));
        machine.write("/program", &program.elf());
        let number = Number::first().expect("there is no other");
        assert!(Number::first().is_err(), "there is one only");
        let process = machine.start_as(number, "/program", &["program"], &[]).expect("it begins");
        assert_eq!(process.wait(), Ending::Exited(0));
        assert_eq!(numbers.map(|call| machine.result(call)), [1, 0]);
        assert_eq!(sent.map(|call| machine.result(call)), [0; 3]);
        assert_eq!(machine.result(waited[0]), machine.result(child));
        assert!(machine.result(waited[1]) > machine.result(child));
        assert_eq!(statuses.map(|status| machine.result(status)), [4 << 8, 5 << 8]);
        assert_eq!(machine.read("/out"), 1u64.to_le_bytes());
    }

    /// What cannot be started is told, and the next is tried; nobody whom it has begun outlives it.
    fn an_image_is_asked_for_its_first_program() {
        let machine = Machine::new();
        let mut problems = Vec::new();
        assert!(init::find(&machine.manager, None, &mut problems).is_none());
        assert!(problems.is_empty(), "{problems:?}");
        let mut program = Program::new();
        program.begin("fork", |child| {
            child.call("pause", &[]);
        });
        let pid = program.call("getpid", &[]);
        program.call("exit_group", &[pid.into()]);
        machine.manager.make_directory(&machine.manager.root_context(), b"/bin", 0o755).expect("it can be made");
        machine.write("/bin/sh", &program.elf());
        machine.write("/init", b"no program");
        let init = init::find(&machine.manager, None, &mut problems).expect("there is one");
        assert_eq!(init.path, "/bin/sh");
        let told: Vec<String> = problems;
        assert_eq!(told, ["/init cannot be started: Exec format error."]);
        assert_eq!(init.run(), Ok(Ending::Exited(1)));
        while number::processes().next().is_some() {
            timer::sleep(Duration::from_millis(1));
        }
    }

    fn the_machine_is_switched_off_by_who_may_and_says_it_right() {
        let mut program = Program::new();
        let [first, second] = MAGICS;
        let calls = [
            program.call("reboot", &[(first + 1).into(), second.into(), 0x4321_fedc.into()]),
            program.call("reboot", &[first.into(), (second + 1).into(), 0x4321_fedc.into()]),
            program.call("reboot", &[first.into(), second.into(), 7.into()]),
            program.call("reboot", &[first.into(), second.into(), 0.into()]),
            program.call("setuid", &[1000.into()]),
            program.call("reboot", &[first.into(), second.into(), 0x4321_fedc.into()]),
        ];
        let machine = Machine::new();
        assert_eq!(machine.run(program), Ending::Exited(0));
        let expected = [error(EINVAL), error(EINVAL), error(EINVAL), 0, 0, error(EPERM)];
        assert_eq!(calls.map(|call| machine.result(call)), expected);
    }
}
