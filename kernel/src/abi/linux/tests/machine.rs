//! The machine's names, log and clock, and namespaces as files.

use super::procfs::machine_with_proc;
use super::program::{Argument, Program, Slot, run};
use super::{EINVAL, ENOENT, EPERM, ESRCH, error};
use crate::abi::linux::machine::{NODE_NAME, text};
use crate::ktest;
use crate::task::process::Ending;

ktest! {
    fn the_machine_is_called_what_the_superuser_says() {
        let mut program = Program::new();
        let (old, name) = (program.bytes(b"strata"), program.bytes(b"other\0name"));
        let names = program.room(49);
        let set = program.call("sethostname", &[name.into(), 5.into()]);
        program.call("uname", &[names.0.into()]);
        let too_long = program.call("sethostname", &[name.into(), 65.into()]);
        program.call("sethostname", &[old.into(), 6.into()]);
        program.call("setuid", &[1000.into()]);
        let denied = ["sethostname", "setdomainname"].map(|call| program.call(call, &[name.into(), 5.into()]));
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!([set, too_long].map(|call| machine.result(call)), [0, error(EINVAL)]);
        assert_eq!(denied.map(|call| machine.result(call)), [error(EPERM); 2]);
        let results = machine.read("/results");
        let at = names.0 as usize - 0x61_0000;
        assert_eq!(results[at..at + 6], *b"Linux\0");
        assert_eq!(results[at + 65..at + 65 + 7], *b"other\0\0");
        assert_eq!(text(&NODE_NAME), "strata");
    }

    fn the_log_is_read_by_all_and_cleared_by_who_may() {
        crate::log!("to be read by a program");
        let mut program = Program::new();
        let room = program.room(8);
        let read = program.call("syslog", &[3.into(), room.0.into(), 24.into()]);
        program.call("write", &[1.into(), room.0.into(), read.into()]);
        let cleared = program.call("syslog", &[5.into(), 0.into(), 0.into()]);
        let none = program.call("syslog", &[3.into(), room.0.into(), 64.into()]);
        let size = program.call("syslog", &[10.into(), 0.into(), 0.into()]);
        program.call("setuid", &[1000.into()]);
        let denied = program.call("syslog", &[5.into(), 0.into(), 0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(machine.read("/out"), b"to be read by a program\n");
        assert_eq!([cleared, none].map(|call| machine.result(call)), [0, 0]);
        assert_eq!([size, denied].map(|call| machine.result(call)), [128 << 10, error(EPERM)]);
        assert!(crate::log::snapshot().is_some_and(|log| log.windows(7).any(|part| part == b"to be r")));
    }

    /// It is set an hour on, and back again.
    fn the_clock_is_set_by_who_may() {
        let before = crate::time::wall();
        let mut program = Program::new();
        let later = program.words(&[before.as_secs() + 3600, 5]);
        let back = program.words(&[before.as_secs(), u64::from(before.subsec_nanos())]);
        let wrong = program.words(&[0, 0]);
        let (shown, timex) = (program.room(2), program.room(26));
        let set = program.call("settimeofday", &[later.into(), 0.into()]);
        program.call("clock_gettime", &[0.into(), shown.0.into()]);
        let again = program.call("clock_settime", &[0.into(), back.into()]);
        let others = [1, 7].map(|clock| program.call("clock_settime", &[clock.into(), back.into()]));
        let first = program.call("clock_settime", &[0.into(), wrong.into()]);
        let asked = program.call("adjtimex", &[timex.0.into()]);
        program.call("setuid", &[1000.into()]);
        let denied = program.call("settimeofday", &[later.into(), 0.into()]);
        let allowed = program.call("adjtimex", &[timex.0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!([set, again].map(|call| machine.result(call)), [0, 0]);
        let seconds = machine.result(shown) as u64 - before.as_secs();
        assert!((3600..3700).contains(&seconds), "{seconds}");
        assert_eq!(others.map(|call| machine.result(call)), [error(EINVAL); 2]);
        assert_eq!([first, denied].map(|call| machine.result(call)), [error(EINVAL), error(EPERM)]);
        assert_eq!([asked, allowed].map(|call| machine.result(call)), [5, 5]);
        assert!(crate::time::wall().saturating_sub(before).as_secs() < 100);
    }

    /// ```text
    ///   4: its namespace's file │ unshare │ tmpfs on /d: /d is empty │ setns(4): /d/f is there again
    /// ```
    fn a_namespace_is_gone_back_to_by_its_file() {
        let machine = machine_with_proc();
        let root = machine.manager.root_context();
        machine.manager.make_directory(&root, b"/d", 0o755).expect("it can be made");
        machine.write("/d/f", b"text");
        let mut program = Program::new();
        let [link, directory, inside, type_name] =
            [&b"/proc/self/ns/mnt"[..], b"/d", b"/d/f", b"tmpfs"].map(|text| program.bytes(text));
        let (before, after, again) = (program.room(3), program.room(3), program.room(3));
        let named = |program: &mut Program, room: Slot| {
            program.call("readlink", &[link.into(), room.0.into(), 24.into()])
        };
        let length = named(&mut program, before);
        let file = program.call("open", &[link.into(), 0.into()]);
        program.call("unshare", &[0x2_0000.into()]);
        named(&mut program, after);
        program.call("mount", &[type_name.into(), directory.into(), type_name.into(), 0.into(), 0.into()]);
        let gone = program.call("access", &[inside.into(), 0.into()]);
        let wrong = [
            program.call("setns", &[file.into(), 0x4000_0000.into()]),
            program.call("setns", &[1.into(), 0.into()]),
        ];
        let back = program.call("setns", &[file.into(), 0x2_0000.into()]);
        let there = program.call("access", &[inside.into(), 0.into()]);
        named(&mut program, again);
        program.call("setuid", &[1000.into()]);
        let denied = program.call("setns", &[file.into(), 0.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!([file, gone, back, there].map(|call| machine.result(call)), [4, error(ENOENT), 0, 0]);
        assert_eq!(wrong.map(|call| machine.result(call)), [error(EINVAL); 2]);
        assert_eq!([length, denied].map(|call| machine.result(call)), [16, error(EPERM)]);
        assert_eq!(machine.result(before).to_le_bytes()[..5], *b"mnt:[");
        let [before, after, again] =
            [before, after, again].map(|room| [0, 8].map(|word| machine.result(Slot(room.0 + word))));
        assert!(before == again && before != after);
    }

    /// ```text
    ///   4: its namespace's file │ unshare │ 5: the next one's, which tells of it; 6: the previous one's of 5 │ no more
    /// ```
    fn one_namespace_leads_to_the_next_and_the_previous() {
        const NEXT: u64 = 0x8010_b70b;
        const PREVIOUS: u64 = 0x8010_b70c;
        const NUMBER: u64 = 0x8008_b705;
        let machine = machine_with_proc();
        let mut program = Program::new();
        let link = program.bytes(b"/proc/self/ns/mnt");
        let [told, told_back] = [0; 2].map(|_| program.room(2));
        let numbers = [0; 3].map(|_| program.room(1));
        program.call("open", &[link.into(), 0.into()]);
        program.call("unshare", &[0x2_0000.into()]);
        let steps = [
            program.call("ioctl", &[4.into(), NEXT.into(), told.0.into()]),
            program.call("ioctl", &[5.into(), PREVIOUS.into(), told_back.0.into()]),
            program.call("ioctl", &[5.into(), NEXT.into(), 0.into()]),
            program.call("ioctl", &[4.into(), PREVIOUS.into(), 0.into()]),
        ];
        for (file, number) in (4..).zip(numbers) {
            program.call("ioctl", &[Argument::Is(file), NUMBER.into(), number.0.into()]);
        }
        program.call("setuid", &[1000.into()]);
        let denied = program.call("ioctl", &[4.into(), NEXT.into(), 0.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!(steps.map(|call| machine.result(call)), [5, 6, error(ENOENT), error(ENOENT)]);
        assert_eq!(machine.result(denied), error(EPERM));
        let [first, second, again] = numbers.map(|number| machine.result(number));
        assert!(0 < first && first < second && first == again);
        let mounts = machine.manager.tree().count() as i64;
        for (room, number) in [(told, second), (told_back, first)] {
            let words = [0, 8].map(|at| machine.result(Slot(room.0 + at)));
            assert_eq!(words, [16 | mounts << 32, number]);
        }
    }

    /// ```text
    ///   a child in a namespace of its own has a tmpfs on /d, and waits │ setns(the child): /d is the tmpfs │ it ends: ESRCH
    /// ```
    fn a_process_leads_to_its_namespace() {
        let machine = machine_with_proc();
        let root = machine.manager.root_context();
        machine.manager.make_directory(&root, b"/d", 0o755).expect("it can be made");
        machine.write("/d/f", b"text");
        let mut program = Program::new();
        let [directory, inside, type_name] = [&b"/d"[..], b"/d/f", b"tmpfs"].map(|text| program.bytes(text));
        let (ready, go, byte) = (program.room(1), program.room(1), program.room(1));
        program.call("pipe", &[ready.0.into()]);
        program.call("pipe", &[go.0.into()]);
        let child = program.begin("fork", |child| {
            child.call("unshare", &[0x2_0000.into()]);
            child.call("mount", &[type_name.into(), directory.into(), type_name.into(), 0.into(), 0.into()]);
            child.call("write", &[5.into(), byte.0.into(), 1.into()]);
            child.call("close", &[7.into()]);
            child.call("read", &[6.into(), byte.0.into(), 1.into()]);
            child.exit(0);
        });
        program.call("read", &[4.into(), byte.0.into(), 1.into()]);
        let handle = program.call("pidfd_open", &[child.into(), 0.into()]);
        let wrong = [0, 0x2_0001].map(|kind: u64| program.call("setns", &[handle.into(), kind.into()]));
        let before = program.call("access", &[inside.into(), 0.into()]);
        let gone_to = program.call("setns", &[handle.into(), 0x2_0000.into()]);
        let after = program.call("access", &[inside.into(), 0.into()]);
        program.call("close", &[7.into()]);
        program.call("wait4", &[child.into(), 0.into(), 0.into(), 0.into()]);
        let ended = program.call("setns", &[handle.into(), 0x2_0000.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!(wrong.map(|call| machine.result(call)), [error(EINVAL); 2]);
        assert_eq!([before, gone_to, after].map(|call| machine.result(call)), [0, 0, error(ENOENT)]);
        assert_eq!(machine.result(ended), error(ESRCH));
    }
}
