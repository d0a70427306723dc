//! Pipes and FIFOs.

use alloc::format;

use vfs::error::FileSystemErrorKind;
use vfs::file::OpenFlags;
use vfs::node::NewKind;

use super::program::{Act, Machine, Program, Slot};
use super::{EAGAIN, EBADF, EBUSY, EINTR, EINVAL, ENXIO, EPIPE, ESPIPE, error};
use crate::ktest;
use crate::task::process::Ending;

const READ: u64 = 0;
const WRITE: u64 = 1;
const BOTH: u64 = 2;
const NON_BLOCKING: u64 = 0o4_000;
const DIRECT: u64 = 0o40_000;

const SIGUSR1: u64 = 10;
const SIGPIPE: u64 = 13;
const SIG_IGN: u64 = 1;

const FIONREAD: u64 = 0x541b;
const F_SETPIPE_SZ: u64 = 1031;
const F_GETPIPE_SZ: u64 = 1032;

const PAUSE: [u64; 2] = [0, 20_000_000];

/// A machine with a FIFO `/p`, a program, and the address of the path.
fn with_fifo() -> (Machine, Program, u64) {
    let machine = Machine::with_nodes(&[("/p", NewKind::Fifo)]);
    let mut program = Program::new();
    let path = program.bytes(b"/p");
    (machine, program, path)
}

fn open(program: &mut Program, path: u64, flags: u64) -> Slot {
    program.call("open", &[path.into(), flags.into(), 0.into()])
}

ktest! {
    /// A reader that must not wait is there at once and reads an end; a writer needs somebody who reads.
    fn a_fifo_opened_without_waiting() {
        let (machine, mut program, path) = with_fifo();
        let (text, buffer, count) = (program.bytes(b"hello"), program.room(2), program.room(1));
        let alone = open(&mut program, path, WRITE | NON_BLOCKING);
        let reader = open(&mut program, path, READ | NON_BLOCKING);
        let end = program.call("read", &[reader.into(), buffer.0.into(), 16.into()]);
        let writer = open(&mut program, path, WRITE | NON_BLOCKING);
        let empty = program.call("read", &[reader.into(), buffer.0.into(), 16.into()]);
        let written = program.call("write", &[writer.into(), text.into(), 5.into()]);
        let counted = program.call("ioctl", &[reader.into(), FIONREAD.into(), count.0.into()]);
        let read = program.call("read", &[reader.into(), buffer.0.into(), 16.into()]);
        program.call("close", &[writer.into()]);
        let again = program.call("read", &[reader.into(), buffer.0.into(), 16.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        let results = [alone, reader, end, writer, empty, written].map(|call| machine.result(call));
        assert_eq!(results, [error(ENXIO), 4, 0, 5, error(EAGAIN), 5]);
        assert_eq!([counted, count, read, again].map(|call| machine.result(call)), [0, 5, 5, 0]);
        assert_eq!(machine.result(buffer).to_le_bytes()[..5], *b"hello");
    }

    /// Each waits for the other, whoever comes first; who opens both ends waits for nobody.
    fn opening_a_fifo_waits_for_the_other_end() {
        let (machine, mut program, path) = with_fifo();
        let (text, pause, buffer) = (program.bytes(b"x"), program.words(&PAUSE), program.room(1));
        let both = open(&mut program, path, BOTH);
        program.call("close", &[both.into()]);
        let child = program.begin("fork", |child| {
            child.call("nanosleep", &[pause.into(), 0.into()]);
            let writer = open(child, path, WRITE);
            child.call("write", &[writer.into(), text.into(), 1.into()]);
            child.exit(0);
        });
        let reader = open(&mut program, path, READ);
        let read = program.call("read", &[reader.into(), buffer.0.into(), 8.into()]);
        let end = program.call("read", &[reader.into(), buffer.0.into(), 8.into()]);
        program.call("wait4", &[child.into(), 0.into(), 0.into(), 0.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!([both, reader, read, end].map(|call| machine.result(call)), [4, 4, 1, 0]);
    }

    fn a_signal_ends_the_wait_for_the_other_end() {
        let (machine, mut program, path) = with_fifo();
        let pause = program.words(&PAUSE);
        program.notes(1);
        program.handle(SIGUSR1, Act::Handler, 0, 0);
        let own = program.call("getpid", &[]);
        let child = program.begin("fork", |child| {
            child.call("nanosleep", &[pause.into(), 0.into()]);
            child.call("kill", &[own.into(), SIGUSR1.into()]);
            child.exit(0);
        });
        let opened = open(&mut program, path, READ);
        let alone = open(&mut program, path, WRITE | NON_BLOCKING);
        program.call("wait4", &[child.into(), 0.into(), 0.into(), 0.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!([opened, alone].map(|call| machine.result(call)), [error(EINTR), error(ENXIO)], "nobody reads now");
    }

    /// The signal, or who ignores it the error.
    fn writing_where_nobody_reads_any_more() {
        let (machine, mut program, path) = with_fifo();
        let text = program.bytes(b"x");
        let ignore = program.words(&[SIG_IGN, 0, 0, 0]);
        let reader = open(&mut program, path, READ | NON_BLOCKING);
        let writer = open(&mut program, path, WRITE);
        program.call("close", &[reader.into()]);
        let status = program.room(1);
        let child = program.begin("fork", |child| {
            child.call("write", &[writer.into(), text.into(), 1.into()]);
            child.exit(0);
        });
        program.call("wait4", &[child.into(), status.0.into(), 0.into(), 0.into()]);
        program.call("rt_sigaction", &[SIGPIPE.into(), ignore.into(), 0.into(), 8.into()]);
        let broken = program.call("write", &[writer.into(), text.into(), 1.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!([status, broken].map(|call| machine.result(call)), [SIGPIPE as i64, error(EPIPE)]);
    }

    /// Of a page or less all or nothing is written; of more what there is room for.
    fn a_short_write_is_whole_and_a_long_one_as_long_as_there_is_room() {
        let machine = Machine::new();
        let mut program = Program::new();
        let (ends, buffer) = (program.room(1), program.room(512));
        program.call("pipe2", &[ends.0.into(), NON_BLOCKING.into()]);
        let first = program.call("fcntl", &[5.into(), F_GETPIPE_SZ.into(), 0.into()]);
        let set = program.call("fcntl", &[5.into(), F_SETPIPE_SZ.into(), 5000.into()]);
        let memory = program.call("mmap", &[0.into(), 0x8000.into(), 3.into(), 0x22.into(), u64::MAX.into(), 0.into()]);
        let mut write = |count: u64| program.call("write", &[5.into(), memory.into(), count.into()]);
        let writes = [write(4000), write(200), write(90), write(3900), write(100), write(0x8000)];
        let small = program.call("fcntl", &[5.into(), F_SETPIPE_SZ.into(), 4096.into()]);
        let read = program.call("read", &[4.into(), buffer.0.into(), 4096.into()]);
        let long = program.call("write", &[5.into(), memory.into(), 0x8000.into()]);
        let direct = program.call("pipe2", &[ends.0.into(), DIRECT.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!([first, set].map(|call| machine.result(call)), [65_536, 8192]);
        // The second page is begun by 200 bytes, behind which 90 and 100 go, and 3900 do not.
        let written = writes.map(|call| machine.result(call));
        assert_eq!(written, [4000, 200, 90, error(EAGAIN), 100, error(EAGAIN)]);
        assert_eq!([small, read, direct].map(|call| machine.result(call)), [error(EBUSY), 4096, error(EINVAL)]);
        assert_eq!(machine.result(long), 4096);
    }

    /// From a file to a pipe, to another and back: by offsets or positions, and not by both ends of one.
    fn bytes_are_moved_and_copied_by_way_of_pipes() {
        let machine = Machine::new();
        machine.write("/f", &[&[b'a'; 5000][..], b"the end"].concat());
        machine.write("/g", b"");
        let mut program = Program::new();
        let (from, to) = (program.bytes(b"/f"), program.bytes(b"/g"));
        let (ends, buffer) = ([program.room(1), program.room(1)], program.room(2));
        let offset = program.room(1);
        for ends in ends {
            program.call("pipe", &[ends.0.into()]);
        }
        open(&mut program, from, READ);
        open(&mut program, to, WRITE);
        let mut splice = |from: u64, at: u64, to: u64, to_at: u64, count: u64, flags: u64| {
            program.call("splice", &[from.into(), at.into(), to.into(), to_at.into(), count.into(), flags.into()])
        };
        let filled = splice(8, 0, 5, 0, 8000, 0);
        let over = splice(8, 0, 5, 0, 8000, 0);
        let refused = [
            splice(8, 0, 9, 0, 1, 0),
            splice(4, 0, 5, 0, 1, 0),
            splice(4, offset.0, 9, 0, 1, 0),
            splice(6, 0, 9, 0, 1, 2),
            splice(5, 0, 9, 0, 1, 0),
        ];
        let copied = program.call("tee", &[4.into(), 7.into(), 4996.into(), 0.into()]);
        let mut splice = |from: u64, at: u64, to: u64, to_at: u64, count: u64, flags: u64| {
            program.call("splice", &[from.into(), at.into(), to.into(), to_at.into(), count.into(), flags.into()])
        };
        let between = splice(4, 0, 7, 0, 8000, 0);
        let first = splice(6, 0, 9, 0, 4990, 0);
        let rest = splice(6, 0, 9, 0, 8000, 0);
        let none = splice(4, 0, 9, 0, 1, 2);
        let again = splice(8, offset.0, 5, 0, 3, 0);
        let read = program.call("read", &[4.into(), buffer.0.into(), 16.into()]);
        let text = program.bytes(b"pieces");
        let pieces = program.words(&[text, 3, text + 3, 3]);
        let given = program.call("vmsplice", &[5.into(), pieces.into(), 2.into(), 0.into()]);
        let back = program.call("read", &[4.into(), buffer.0.into(), 16.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!([filled, over].map(|call| machine.result(call)), [5007, 0]);
        let expected = [EINVAL, EINVAL, ESPIPE, EAGAIN, EBADF].map(error);
        assert_eq!(refused.map(|call| machine.result(call)), expected);
        assert_eq!([copied, between, first, rest].map(|call| machine.result(call)), [4996, 5007, 4990, 5013]);
        assert_eq!([none, again, read].map(|call| machine.result(call)), [error(EAGAIN), 3, 3]);
        assert_eq!((machine.result(given), machine.result(back), machine.result(offset)), (6, 6, 3));
        assert_eq!(machine.result(buffer).to_le_bytes()[..6], *b"pieces");
        let written = machine.read("/g");
        assert_eq!((written.len(), &written[9996..]), (10_003, &b"the end"[..]));
    }

    /// What nobody has open leaves nothing behind, and another time begins afresh.
    fn a_fifo_holds_nothing_while_nobody_has_it_open() {
        let (machine, _, _) = with_fifo();
        let flags = OpenFlags::READ | OpenFlags::WRITE | OpenFlags::NON_BLOCKING;
        for round in 0..2 {
            let both = machine.open("/p", flags).expect("it can be opened");
            let text = format!("round {round}");
            let written = both.write(&vfs::context::Credentials::root(), &mut text.as_bytes());
            assert_eq!(written, Ok(text.len()));
            assert_eq!(both.readable(), Ok(text.len()));
            let other = machine.open("/p", OpenFlags::READ | OpenFlags::NON_BLOCKING).expect("it can be opened");
            let mut buffer = [0; 3];
            assert_eq!(other.read(&mut &mut buffer[..]), Ok(3));
            assert_eq!((&buffer, both.readable()), (b"rou", Ok(text.len() - 3)), "one pipe for both");
        }
        let alone = machine.open("/p", OpenFlags::WRITE | OpenFlags::NON_BLOCKING);
        assert_eq!(alone.err().map(|error| error.kind()), Some(FileSystemErrorKind::NoSuchDeviceOrAddress));
    }
}
