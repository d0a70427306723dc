//! A bad address is `EFAULT` in every call, and nothing worse.

use alloc::vec::Vec;

use vfs::file::OpenFlags;

use super::program::{Act, Argument, DATA_END, Machine, Program};
use super::{EFAULT, error};
use crate::abi::linux::table;
use crate::fs::{devices, unnamed};
use crate::ktest;
use crate::task::process::Ending;

/// In place of an argument: the bad address.
const BAD: u64 = 0xbad_add4e55;
/// In place of an argument: the address of a path.
const PATH: u64 = 0x900d_9a74;

/// Every address that each call takes, one a row, with arguments under which it is looked at.
const ADDRESSES: &[(&str, &[u64])] = &[
    ("read", &[4, BAD, 64]),
    ("write", &[1, BAD, 64]),
    ("open", &[BAD, 0, 0]),
    ("stat", &[BAD, PATH]),
    ("stat", &[PATH, BAD]),
    ("fstat", &[4, BAD]),
    ("lstat", &[BAD, PATH]),
    ("lstat", &[PATH, BAD]),
    ("rt_sigaction", &[10, BAD, 0, 8]),
    ("rt_sigaction", &[10, 0, BAD, 8]),
    ("rt_sigprocmask", &[0, BAD, 0, 8]),
    ("rt_sigprocmask", &[0, 0, BAD, 8]),
    ("ioctl", &[5, 0x5413, BAD]),
    ("pread64", &[4, BAD, 64, 0]),
    ("pwrite64", &[1, BAD, 64, 0]),
    ("readv", &[4, BAD, 1]),
    ("writev", &[1, BAD, 1]),
    ("pipe", &[BAD]),
    ("nanosleep", &[BAD, 0]),
    ("execve", &[BAD, 0, 0]),
    ("execve", &[PATH, BAD, 0]),
    ("execve", &[PATH, 0, BAD]),
    ("uname", &[BAD]),
    ("getcwd", &[BAD, 64]),
    ("chdir", &[BAD]),
    ("creat", &[BAD, 0]),
    ("gettimeofday", &[BAD, 0]),
    ("gettimeofday", &[0, BAD]),
    ("getrlimit", &[7, BAD]),
    ("arch_prctl", &[0x1003, BAD]),
    ("time", &[BAD]),
    ("clock_gettime", &[1, BAD]),
    ("clock_getres", &[1, BAD]),
    ("clock_nanosleep", &[1, 0, BAD, 0]),
    ("openat", &[0xffff_ff9c, BAD, 0, 0]),
    ("newfstatat", &[0xffff_ff9c, BAD, PATH, 0]),
    ("newfstatat", &[0xffff_ff9c, PATH, BAD, 0]),
    ("pipe2", &[BAD, 0]),
    ("prlimit64", &[0, 7, BAD, 0]),
    ("prlimit64", &[0, 7, 0, BAD]),
    ("getrandom", &[BAD, 64, 0]),
];

/// Calls that look at no address when they are called, or only when there is a child to tell of.
const WITHOUT: &[&str] = &[
    "close",
    "lseek",
    "mmap",
    "mprotect",
    "munmap",
    "brk",
    "sched_yield",
    "dup",
    "dup2",
    "getpid",
    "clone",
    "fork",
    "vfork",
    "exit",
    "wait4",
    "fcntl",
    "fchdir",
    "umask",
    "getuid",
    "getgid",
    "geteuid",
    "getegid",
    "getppid",
    "gettid",
    "set_tid_address",
    "exit_group",
    "dup3",
];

ktest! {
    fn every_call_is_in_one_of_the_lists() {
        for (_, entry) in table::all().filter(|(_, entry)| entry.function.is_some()) {
            let takes = ADDRESSES.iter().any(|(name, _)| *name == entry.name);
            assert!(takes != WITHOUT.contains(&entry.name), "{}", entry.name);
        }
    }

    /// Null, unmapped, behind the end of what is mapped, of the kernel, of no half, and the last of all; and one whose
    /// first half is mapped and the rest is not.
    fn a_bad_address_is_efault_in_every_call() {
        let machine = Machine::new();
        machine.write("/f", &[b'x'; 100]);
        let half = DATA_END - 1;
        for bad in [8, 0x1000, DATA_END, crate::mm::HEAP_START, 1 << 63, u64::MAX - 7, half] {
            let mut program = Program::new();
            let path = program.bytes(b"/f");
            let mut calls = Vec::new();
            for &(name, arguments) in ADDRESSES {
                let address = |&argument: &u64| match argument {
                    BAD => bad,
                    PATH => path,
                    other => other,
                };
                let arguments: Vec<Argument> = arguments.iter().map(address).map(Argument::Is).collect();
                // What is there of a text that runs out of the memory has no end.
                program.act(Act::Store, &[(DATA_END - 8).into(), u64::from_le_bytes([b'x'; 8]).into()]);
                calls.push((name, program.call(name, &arguments)));
            }
            machine.write("/program", &program.elf());
            let file = machine.open("/f", OpenFlags::READ).expect("it is there");
            let terminal = unnamed::open_device(devices::CONSOLE, OpenFlags::READ).expect("it is there");
            let process = machine.start("/program", &["x"], &[file, terminal]).expect("it begins");
            assert_eq!(process.wait(), Ending::Exited(0), "{bad:#x}");
            for (name, call) in calls {
                assert_eq!(machine.result(call), error(EFAULT), "{name} with {bad:#x}");
            }
        }
    }
}
