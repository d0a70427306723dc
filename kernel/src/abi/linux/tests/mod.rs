//! What programs are promised, in the guest.

pub mod addresses;
mod bad_programs;
mod beginnings;
mod credentials;
mod descriptors;
mod events;
mod figures;
mod file_flags;
mod file_handles;
mod file_mappings;
mod first;
mod floating_point;
mod futexes;
mod handles;
mod hogs;
mod interpreters;
mod jobs;
mod limits;
mod locks;
mod machine;
mod memory;
mod mounts;
mod names;
mod opening;
mod owners;
mod page;
mod passing;
mod pipes;
mod polling;
mod procfs;
mod program;
mod remapping;
mod seals;
mod selecting;
mod sequences;
mod signals;
mod sockets;
mod terminals;
mod threads;
mod usage;
mod vdso;
mod watches;
mod xattrs;

use self::program::{Program, run};
use crate::ktest;
use crate::task::process::Ending;

/// What a call answers that fails with that number.
fn error(number: i64) -> i64 {
    -number
}

const EPERM: i64 = 1;
const ENOENT: i64 = 2;
const ESRCH: i64 = 3;
const EINTR: i64 = 4;
const EIO: i64 = 5;
const ENXIO: i64 = 6;
const E2BIG: i64 = 7;
const ENOEXEC: i64 = 8;
const EBADF: i64 = 9;
const ECHILD: i64 = 10;
const EAGAIN: i64 = 11;
const ENOMEM: i64 = 12;
const EACCES: i64 = 13;
const EFAULT: i64 = 14;
const EBUSY: i64 = 16;
const EEXIST: i64 = 17;
const ENODEV: i64 = 19;
const ENOTDIR: i64 = 20;
const EINVAL: i64 = 22;
const EMFILE: i64 = 24;
const ENOTTY: i64 = 25;
const EFBIG: i64 = 27;
const ESPIPE: i64 = 29;
const EPIPE: i64 = 32;
const ERANGE: i64 = 34;
const ENOSYS: i64 = 38;
const ELOOP: i64 = 40;
const ENODATA: i64 = 61;
const EOVERFLOW: i64 = 75;
const EOPNOTSUPP: i64 = 95;
const ETIMEDOUT: i64 = 110;
const ESTALE: i64 = 116;

ktest! {
    fn a_program_writes_and_ends_with_its_status() {
        let mut program = Program::new();
        let text = program.bytes(b"hello\n");
        program.call("write", &[1.into(), text.into(), 6.into()]);
        program.exit(42);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(42));
        assert_eq!(machine.read("/out"), b"hello\n");
    }

    /// Nothing else is answered by success; the log says it once.
    fn a_call_that_is_not_there_is_enosys_and_noted_once() {
        let mut program = Program::new();
        let calls = [9_999, 9_999, u64::MAX >> 48].map(|number| program.call_number(number, &[]));
        let named = program.call("kexec_load", &[]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(calls.map(|call| machine.result(call)), [error(ENOSYS); 3]);
        assert_eq!(machine.result(named), error(ENOSYS));
        let log = crate::log::snapshot().expect("there is memory");
        let noted = |what: &[u8]| log.windows(what.len()).filter(|part| *part == what).count();
        assert_eq!(noted(b"no system call 9999, "), 1);
        assert_eq!(noted(b"): no system call 246, kexec_load\n"), 1);
    }

    fn identities_and_the_machine() {
        let mut program = Program::new();
        let numbers = ["getpid", "gettid", "getppid", "getuid", "getgid"].map(|name| program.call(name, &[]));
        let (room, small) = (program.room(64), program.room(1));
        let named = program.call("uname", &[room.0.into()]);
        let path = program.bytes(b"/d");
        let missing = program.bytes(b"/missing");
        let moved = [path, missing].map(|path| program.call("chdir", &[path.into()]));
        let cwd = program.room(4);
        let told = program.call("getcwd", &[cwd.0.into(), 32.into()]);
        let too_small = program.call("getcwd", &[small.0.into(), 2.into()]);
        let masks = [0o027u64, 0o022].map(|mask| program.call("umask", &[mask.into()]));
        let nobody = program.call("prlimit64", &[77.into(), 7.into(), 0.into(), 0.into()]);
        let limit = program.room(2);
        let files = program.call("prlimit64", &[0.into(), 7.into(), 0.into(), limit.0.into()]);
        let machine = program::Machine::new();
        machine.manager.make_directory(&machine.manager.root_context(), b"/d", 0o755).expect("it can be made");
        assert_eq!(machine.run(program), Ending::Exited(0));
        let [pid, tid, parent, uid, gid] = numbers.map(|call| machine.result(call));
        assert!(pid > 1 && tid == pid && parent == 1 && uid == 0 && gid == 0);
        assert_eq!(machine.result(named), 0);
        assert_eq!(machine.result(room).to_le_bytes(), *b"Linux\0\0\0");
        assert_eq!(moved.map(|call| machine.result(call)), [0, error(ENOENT)]);
        assert_eq!((machine.result(told), machine.result(cwd)), (3, i64::from_le_bytes(*b"/d\0\0\0\0\0\0")));
        assert_eq!(machine.result(too_small), error(ERANGE));
        assert_eq!(masks.map(|call| machine.result(call)), [0o022, 0o027]);
        assert_eq!(machine.result(nobody), error(ESRCH));
        assert_eq!((machine.result(files), machine.result(limit)), (0, 1024));
    }

    fn time_goes_on_and_sleeping_takes_it() {
        let mut program = Program::new();
        let room = [program.room(2), program.room(2)];
        let wait = program.words(&[0, 30_000_000]);
        let bad = program.words(&[0, 1_000_000_000]);
        program.call("clock_gettime", &[1.into(), room[0].0.into()]);
        let slept = program.call("nanosleep", &[wait.into(), 0.into()]);
        program.call("clock_gettime", &[1.into(), room[1].0.into()]);
        let refused = program.call("nanosleep", &[bad.into(), 0.into()]);
        let unknown = program.call("clock_gettime", &[99.into(), room[1].0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let [before, after] = room.map(|room| {
            machine.result(room) * 1_000_000_000 + machine.result(program::Slot(room.0 + 8))
        });
        assert!(after - before >= 30_000_000, "{before} {after}");
        assert_eq!([slept, refused, unknown].map(|call| machine.result(call)), [0, error(EINVAL), error(EINVAL)]);
    }
}
