//! Open files and their numbers, pipes, what is known of a file.

use alloc::vec::Vec;

use vfs::file::OpenFlags;

use super::program::{Act, Machine, Program, run};
use super::{EAGAIN, EBADF, EINVAL, ENOENT, ENOTTY, ESPIPE, error};
use crate::fs::pipe;
use crate::ktest;
use crate::task::process::Ending;

const CLOSE_ON_EXEC: u64 = 0o2_000_000;
const NON_BLOCKING: u64 = 0o4_000;

ktest! {
    fn files_are_opened_read_written_and_known() {
        let machine = Machine::new();
        machine.write("/f", b"0123456789");
        let mut program = Program::new();
        let (path, missing) = (program.bytes(b"/f"), program.bytes(b"/g/h"));
        let buffer = program.room(2);
        let known = program.room(18);
        let file = program.call("open", &[path.into(), 2.into(), 0.into()]);
        let none = program.call("open", &[missing.into(), 0.into(), 0.into()]);
        let moved = program.call("lseek", &[file.into(), 4.into(), 0.into()]);
        let read = program.call("read", &[file.into(), buffer.0.into(), 3.into()]);
        let at = program.call("pread64", &[file.into(), (buffer.0 + 3).into(), 2.into(), 1.into()]);
        let end = program.call("lseek", &[file.into(), 0.into(), 2.into()]);
        let text = program.bytes(b"!!");
        let pieces = program.words(&[text, 1, text, 0, text, 2]);
        let written = program.call("writev", &[file.into(), pieces.into(), 3.into()]);
        let over = program.call("pwrite64", &[file.into(), text.into(), 1.into(), 0.into()]);
        let stat = program.call("fstat", &[file.into(), known.0.into()]);
        let by_name = program.call("stat", &[path.into(), known.0.into()]);
        let terminal = program.call("ioctl", &[file.into(), 0x5401.into(), known.0.into()]);
        let closed = program.call("close", &[file.into()]);
        let again = program.call("close", &[file.into()]);
        let gone = program.call("read", &[file.into(), buffer.0.into(), 3.into()]);
        let odd = program.call("lseek", &[file.into(), 4.into(), 9.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        let results = [file, none, moved, read, at, end, written, over].map(|call| machine.result(call));
        assert_eq!(results, [4, error(ENOENT), 4, 3, 2, 10, 3, 1]);
        assert_eq!(machine.result(buffer).to_le_bytes()[..5], *b"45612");
        assert_eq!([stat, by_name, terminal, closed].map(|call| machine.result(call)), [0, 0, error(ENOTTY), 0]);
        assert_eq!([again, gone, odd].map(|call| machine.result(call)), [error(EBADF), error(EBADF), error(EINVAL)]);
        let word = |index: u64| machine.result(super::program::Slot(known.0 + 8 * index));
        // Links, mode and owner, size.
        assert_eq!((word(2), word(3), word(6)), (1, 0o100_755, 13));
        assert_eq!(machine.read("/f"), b"!123456789!!!");
    }

    fn a_pipe_carries_bytes_from_a_child_to_its_parent() {
        let mut program = Program::new();
        let (ends, buffer) = (program.room(1), program.room(2));
        let text = program.bytes(b"through");
        program.call("pipe", &[ends.0.into()]);
        let child = program.begin("fork", |child| {
            child.call("write", &[5.into(), text.into(), 7.into()]);
            child.exit(0);
        });
        program.call("close", &[5.into()]);
        let read = program.call("read", &[4.into(), buffer.0.into(), 16.into()]);
        let end = program.call("read", &[4.into(), buffer.0.into(), 16.into()]);
        let seek = program.call("lseek", &[4.into(), 0.into(), 1.into()]);
        let wrong = program.call("write", &[4.into(), text.into(), 1.into()]);
        program.call("wait4", &[child.into(), 0.into(), 0.into(), 0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(machine.result(ends), 4 | 5 << 32);
        assert_eq!(machine.result(buffer).to_le_bytes(), *b"through\0");
        assert_eq!([read, end, seek, wrong].map(|call| machine.result(call)), [7, 0, error(ESPIPE), error(EBADF)]);
    }

    /// More than fits: the writer waits for the reader, and nothing is lost or out of order.
    fn a_full_pipe_lets_its_writer_wait() {
        let machine = Machine::new();
        let [read, write] = pipe::new(OpenFlags::empty()).expect("there is memory");
        let bytes: alloc::vec::Vec<u8> = (0..300_000u32).map(|index| (index / 7) as u8).collect();
        machine.write("/f", &bytes);
        let mut program = Program::new();
        let path = program.bytes(b"/f");
        let file = program.call("open", &[path.into(), 0.into(), 0.into()]);
        let memory = program.call("mmap", &[0.into(), 300_000.into(), 1.into(), 2.into(), 5.into(), 0.into()]);
        let written = program.call("write", &[4.into(), memory.into(), 300_000.into()]);
        machine.write("/program", &program.elf());
        let process = machine.start("/program", &["x"], &[write]).expect("it begins");
        let mut got = alloc::vec::Vec::new();
        let mut buffer = [0; 1000];
        loop {
            match read.read(&mut &mut buffer[..]).expect("it can be read") {
                0 => break,
                count => got.extend_from_slice(&buffer[..count]),
            }
        }
        assert_eq!(process.wait(), Ending::Exited(0));
        assert_eq!((machine.result(file), machine.result(written)), (5, 300_000));
        assert!(got == bytes);
    }

    fn who_must_not_wait_is_told_to_come_again() {
        let mut program = Program::new();
        let (ends, buffer) = (program.room(1), program.room(1));
        program.call("pipe2", &[ends.0.into(), NON_BLOCKING.into()]);
        let empty = program.call("read", &[4.into(), buffer.0.into(), 1.into()]);
        let memory = program.call("mmap", &[0.into(), 0x20000.into(), 3.into(), 0x22.into(), u64::MAX.into(), 0.into()]);
        let some = program.call("write", &[5.into(), memory.into(), 0x20000.into()]);
        let full = program.call("write", &[5.into(), memory.into(), 1.into()]);
        let flags = program.call("fcntl", &[5.into(), 3.into(), 0.into()]);
        let odd = program.call("pipe2", &[ends.0.into(), 1.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let results = [empty, some, full, odd].map(|call| machine.result(call));
        assert_eq!(results, [error(EAGAIN), 0x10000, error(EAGAIN), error(EINVAL)]);
        // What was not opened by a path is not said to be large.
        assert_eq!(machine.result(flags), 0o4_001);
    }

    fn a_file_has_as_many_numbers_as_it_is_given() {
        let mut program = Program::new();
        let text = program.bytes(b"ab");
        let copies = [
            program.call("dup", &[1.into()]),
            program.call("dup2", &[1.into(), 9.into()]),
            program.call("dup2", &[9.into(), 9.into()]),
            program.call("dup3", &[1.into(), 10.into(), CLOSE_ON_EXEC.into()]),
            program.call("fcntl", &[1.into(), 0.into(), 9.into()]),
            program.call("fcntl", &[1.into(), 1030.into(), 20.into()]),
        ];
        let flags = [10, 20, 11].map(|number: u64| program.call("fcntl", &[number.into(), 1.into(), 0.into()]));
        let refused = [
            program.call("dup3", &[1.into(), 1.into(), 0.into()]),
            program.call("dup2", &[1.into(), 5000.into()]),
            program.call("dup", &[99.into()]),
            program.call("fcntl", &[1.into(), 0.into(), 5000.into()]),
            program.call("fcntl", &[1.into(), 77.into(), 0.into()]),
        ];
        program.call("write", &[9.into(), text.into(), 1.into()]);
        program.call("close", &[1.into()]);
        program.call("write", &[20.into(), (text + 1).into(), 1.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(copies.map(|call| machine.result(call)), [4, 9, 9, 10, 11, 20]);
        assert_eq!(flags.map(|call| machine.result(call)), [1, 1, 0]);
        let expected = [EINVAL, EBADF, EBADF, EINVAL, EINVAL].map(error);
        assert_eq!(refused.map(|call| machine.result(call)), expected);
        assert_eq!(machine.read("/out"), b"ab");
    }

    /// The number is gone for the other program, and only there.
    fn what_is_closed_on_exec_is_closed_then() {
        let machine = Machine::new();
        let mut other = Program::new();
        let text = other.bytes(b"x");
        let results = [20, 21].map(|number: u64| other.call("write", &[number.into(), text.into(), 1.into()]));
        machine.write("/other", &other.elf());
        let mut program = Program::new();
        let path = program.bytes(b"/other");
        program.call("fcntl", &[1.into(), 1030.into(), 20.into()]);
        program.call("fcntl", &[1.into(), 0.into(), 21.into()]);
        program.call("execve", &[path.into(), 0.into(), 0.into()]);
        program.act(Act::Illegal, &[]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!(results.map(|call| machine.result(call)), [error(EBADF), 1]);
    }

    /// `F_DUPFD_QUERY`: numbers of one open file; `F_CREATED_QUERY`: whether it made what it opened.
    fn what_an_open_file_can_be_asked_of_itself() {
        let mut program = Program::new();
        let path = program.bytes(b"/new");
        let made = program.call("open", &[path.into(), 0o102.into(), 0o600.into()]);
        let there = program.call("open", &[path.into(), 0o102.into(), 0o600.into()]);
        program.call("dup", &[made.into()]);
        let queries = [(4u64, 1027u64, 6u64), (4, 1027, 5), (4, 1027, 99), (99, 1027, 4), (4, 1028, 0), (6, 1028, 0), (5, 1028, 0)];
        let asked = queries.map(|(file, query, other)| program.call("fcntl", &[file.into(), query.into(), other.into()]));
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!([made, there].map(|call| machine.result(call)), [4, 5]);
        assert_eq!(asked.map(|call| machine.result(call)), [1, 0, error(EBADF), error(EBADF), 1, 1, 0]);
    }

    /// `FIONBIO`, `FIOCLEX`, `FIONCLEX`: as `fcntl` does it.
    fn what_every_file_knows_of_ioctl() {
        let mut program = Program::new();
        let (ends, byte) = (program.room(1), program.room(1));
        let (on, off) = (program.words(&[1]), program.words(&[0]));
        program.call("pipe", &[ends.0.into()]);
        let mut flags = Vec::new();
        for address in [on, off] {
            program.call("ioctl", &[4.into(), 0x5421.into(), address.into()]);
            flags.push(program.call("fcntl", &[4.into(), 3.into()]));
        }
        program.call("ioctl", &[4.into(), 0x5421.into(), on.into()]);
        let empty = program.call("read", &[4.into(), byte.0.into(), 1.into()]);
        for request in [0x5451u64, 0x5450] {
            program.call("ioctl", &[4.into(), request.into(), 0.into()]);
            flags.push(program.call("fcntl", &[4.into(), 1.into()]));
        }
        let other = program.call("ioctl", &[4.into(), 0x5401.into(), byte.0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let flags: Vec<i64> = flags.into_iter().map(|call| machine.result(call)).collect();
        assert_eq!((flags[0] & 0o4000, flags[1] & 0o4000, flags[2], flags[3]), (0o4000, 0, 1, 0));
        assert_eq!([empty, other].map(|call| machine.result(call)), [error(EAGAIN), error(ENOTTY)]);
    }
}
