//! Users, groups, capabilities, and set-id programs.

use alloc::vec::Vec;

use vfs::manager::Follow;
use vfs::manager::mounts::MountArguments;
use vfs::mount::MountFlags;

use super::program::{Argument, Machine, Program, Slot};
use super::{EACCES, EINVAL, EPERM, error};
use crate::ktest;
use crate::task::process::Ending;

/// As it is.
const SAME: u64 = u32::MAX as u64;

/// A program that makes these calls and must be answered this.
fn expect(calls: &[(&str, &[u64], i64)]) {
    let mut program = Program::new();
    let made: Vec<Slot> = calls
        .iter()
        .map(|(name, arguments, _)| {
            let arguments: Vec<Argument> = arguments.iter().copied().map(Argument::Is).collect();
            program.call(name, &arguments)
        })
        .collect();
    let machine = Machine::new();
    assert_eq!(machine.run(program), Ending::Exited(0));
    for (index, (call, (name, arguments, expected))) in made.into_iter().zip(calls).enumerate() {
        assert_eq!(machine.result(call), *expected, "call {index}: {name} {arguments:?}");
    }
}

ktest! {
    /// The superuser becomes a user for good.
    fn setuid_of_the_superuser_is_final() {
        expect(&[
            ("setuid", &[SAME], error(EINVAL)),
            ("setgid", &[50], 0),
            ("setuid", &[1000], 0),
            ("getuid", &[], 1000),
            ("geteuid", &[], 1000),
            ("getegid", &[], 50),
            ("setuid", &[0], error(EPERM)),
            ("setgid", &[0], error(EPERM)),
            ("setresuid", &[SAME, 0, SAME], error(EPERM)),
            ("setresuid", &[1000, 1000, 1000], 0),
            ("setgroups", &[0, 0], error(EPERM)),
            ("umount2", &[0x60_0000, 0], error(2)),
        ]);
    }

    /// Who gives up only the effective user comes back by the saved one.
    fn an_effective_user_is_given_up_and_taken_again() {
        expect(&[
            ("setresuid", &[SAME, 1000, SAME], 0),
            ("geteuid", &[], 1000),
            ("getuid", &[], 0),
            ("setreuid", &[SAME, 2000], error(EPERM)),
            ("setfsuid", &[2000], 1000),
            ("setfsuid", &[SAME], 1000),
            ("setfsuid", &[0], 1000),
            ("setfsuid", &[1000], 0),
            ("setuid", &[0], 0),
            ("geteuid", &[], 0),
            ("setreuid", &[1000, 2000], 0),
            // The saved user has followed the effective one.
            ("setuid", &[0], error(EPERM)),
            ("setreuid", &[2000, 1000], 0),
            ("getuid", &[], 2000),
            ("geteuid", &[], 1000),
        ]);
    }

    fn groups_are_kept_in_order() {
        let mut program = Program::new();
        let groups = program.words(&[7 | 5 << 32, 6]);
        let room = program.room(2);
        let calls = [
            program.call("setgroups", &[3.into(), groups.into()]),
            program.call("getgroups", &[0.into(), 0.into()]),
            program.call("getgroups", &[2.into(), room.0.into()]),
            program.call("getgroups", &[u64::from(u32::MAX).into(), room.0.into()]),
            program.call("getgroups", &[3.into(), room.0.into()]),
            program.call("setgroups", &[65_537.into(), groups.into()]),
        ];
        let machine = Machine::new();
        assert_eq!(machine.run(program), Ending::Exited(0));
        let expected = [0, 3, error(EINVAL), error(EINVAL), 3, error(EINVAL)];
        assert_eq!(calls.map(|call| machine.result(call)), expected);
        assert_eq!((machine.result(room), machine.result(Slot(room.0 + 8))), (5 | 6 << 32, 7));
    }

    /// ```text
    ///   /own 0600 of 0     effective user 1000: not read, and access(2), which asks for the real one, says yes
    /// ```
    fn who_acts_and_whose_process_it_is_are_two_things() {
        let machine = Machine::new();
        machine.write("/own", b"");
        assert_eq!(machine.manager.set_mode(&machine.manager.root_context(), b"/own", 0o600, Follow::Yes), Ok(()));
        let mut program = Program::new();
        let path = program.bytes(b"/own");
        program.call("setresuid", &[SAME.into(), 1000.into(), SAME.into()]);
        let opened = program.call("open", &[path.into(), 0.into()]);
        let real = program.call("access", &[path.into(), 6.into()]);
        let acting = program.call("faccessat2", &[(-100i64 as u64).into(), path.into(), 4.into(), 0x200.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!([opened, real, acting].map(|call| machine.result(call)), [error(EACCES), 0, error(EACCES)]);
    }

    /// Capabilities are given up, not taken; without that for files the superuser's rights are its bits.
    fn a_capability_that_was_given_up_is_gone() {
        let machine = Machine::new();
        machine.write("/own", b"");
        assert_eq!(machine.manager.set_mode(&machine.manager.root_context(), b"/own", 0, Follow::Yes), Ok(()));
        let mut program = Program::new();
        let path = program.bytes(b"/own");
        let header = program.words(&[0x2008_0522]);
        let odd = program.words(&[5]);
        let none = program.words(&[0, 0, 0]);
        let all = program.words(&[u64::MAX, u64::MAX, u64::MAX]);
        let room = program.room(3);
        let calls = [
            program.call("capget", &[header.into(), room.0.into()]),
            program.call("open", &[path.into(), 0.into()]),
            program.call("capget", &[odd.into(), 0.into()]),
            program.call("capget", &[header.into(), room.0.into()]),
            program.call("capset", &[header.into(), none.into()]),
            program.call("open", &[path.into(), 0.into()]),
            program.call("capset", &[header.into(), all.into()]),
            program.call("setuid", &[1000.into()]),
        ];
        assert_eq!(machine.run(program), Ending::Exited(0));
        let expected = [0, 4, 0, 0, 0, error(EACCES), error(EPERM), error(EPERM)];
        assert_eq!(calls.map(|call| machine.result(call)), expected);
        // Effective and permitted, none inheritable; then the upper halves.
        assert_eq!([0, 8, 16].map(|at| machine.result(Slot(room.0 + at))), [-1, 0x1ff << 32, 0x1ff]);
    }

    /// ```text
    ///   /id 6755 of 10:20, run by 1000:1000      effective 10:20, real as before; on a nosuid mount nothing
    /// ```
    fn set_id_bits_count_unless_the_mount_says_no() {
        for (flags, user, group) in [(MountFlags::empty(), 10, 20), (MountFlags::NO_SUID, 1000, 1000)] {
            let machine = Machine::new();
            let (manager, root) = (&machine.manager, machine.manager.root_context());
            manager.make_directory(&root, b"/m", 0o755).expect("it can be made");
            let (source, target, type_name, options) = (&b"none"[..], &b"/m"[..], "tmpfs", &b""[..]);
            manager.mount(&root, &MountArguments { source, target, type_name, flags, options }).expect("it mounts");
            let mut other = Program::new();
            let room = [other.room(1), other.room(1), other.room(1)];
            let ids = ["getuid", "geteuid", "getgid", "getegid"].map(|name| other.call(name, &[]));
            other.call("getresuid", &room.map(|slot| slot.0.into()));
            machine.write("/m/id", &other.elf());
            assert_eq!(manager.set_owner(&root, b"/m/id", Some(10), Some(20), Follow::Yes), Ok(()));
            assert_eq!(manager.set_mode(&root, b"/m/id", 0o6755, Follow::Yes), Ok(()));
            let mut program = Program::new();
            let path = program.bytes(b"/m/id");
            program.call("setgid", &[1000.into()]);
            program.call("setuid", &[1000.into()]);
            program.call("execve", &[path.into(), 0.into(), 0.into()]);
            assert_eq!(machine.run(program), Ending::Exited(0));
            assert_eq!(ids.map(|call| machine.result(call)), [1000, user, 1000, group]);
            assert_eq!(room.map(|slot| machine.result(slot)), [1000, user, user]);
        }
    }
}
