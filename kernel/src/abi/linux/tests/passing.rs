//! What goes with a message: open files, and who sends.

use alloc::sync::{Arc, Weak};
use alloc::vec;

use vfs::file::{FileObject, OpenFlags};

use super::program::{Program, Slot, run};
use super::{EBADF, EINVAL, EPERM, error};
use crate::ktest;
use crate::socket::in_flight::{InFlight, collect};
use crate::socket::message::{Attached, Sender};
use crate::socket::{self, Kind, SocketStream, To};
use crate::task::process::Ending;

const SO_PASSCRED: u64 = 16;
const SO_PEERCRED: u64 = 17;
const MSG_CMSG_CLOEXEC: u64 = 0x4000_0000;
const MSG_CTRUNC: i64 = 8;

/// A `struct msghdr` for one piece, with control messages.
fn header(program: &mut Program, piece: (u64, u64), control: (u64, u64)) -> u64 {
    let vector = program.words(&[piece.0, piece.1]);
    program.words(&[0, 0, vector, 1, control.0, control.1, 0])
}

/// A control message with those words.
fn control(program: &mut Program, kind: u64, size: u64, words: &[u64]) -> (u64, u64) {
    let all = [&[16 + size, 1 | kind << 32], words].concat();
    (program.words(&all), 8 * all.len() as u64)
}

/// A pair of sockets of the kernel's own.
fn pair(kind: Kind) -> [Arc<FileObject>; 2] {
    socket::pair(kind, OpenFlags::empty(), Sender { pid: 1, uid: 0, gid: 0 }).expect("there is memory")
}

/// Sends a file by a socket, which does not keep it.
fn pass(by: &FileObject, file: Arc<FileObject>) {
    let stream = by.stream_as::<SocketStream>().expect("it is a socket");
    let files = InFlight::new(vec![file], 0, true).expect("there is memory");
    let attached = Attached { files: Some(Arc::new(files)), sender: None };
    let sent = stream.socket().send(&mut &b"x"[..], attached, To::Peer, stream.send_patience(false));
    assert_eq!(sent, Ok(1));
}

ktest! {
    /// The receiver has the file itself, by a number of its own.
    fn an_open_file_goes_with_a_message() {
        let mut program = Program::new();
        let (ends, pipe, buffer, got) = (program.room(1), program.room(1), program.room(1), program.room(4));
        program.call("socketpair", &[1.into(), 1.into(), 0.into(), ends.0.into()]);
        program.call("pipe", &[pipe.0.into()]);
        let text = program.bytes(b"x");
        let rights = control(&mut program, 1, 8, &[7 | 7 << 32]);
        let out = header(&mut program, (text, 1), rights);
        let bad = control(&mut program, 1, 4, &[99]);
        let bad = header(&mut program, (text, 1), bad);
        let odd = control(&mut program, 9, 4, &[0]);
        let odd = header(&mut program, (text, 1), odd);
        let into = header(&mut program, (buffer.0, 8), (got.0, 32));
        let refused = [bad, odd].map(|header| program.call("sendmsg", &[4.into(), header.into(), 0.into()]));
        let sent = program.call("sendmsg", &[4.into(), out.into(), 0.into()]);
        program.call("close", &[7.into()]);
        let received = program.call("recvmsg", &[5.into(), into.into(), MSG_CMSG_CLOEXEC.into()]);
        let written = program.call("write", &[7.into(), text.into(), 1.into()]);
        let on_exec = program.call("fcntl", &[8.into(), 1.into(), 0.into()]);
        let read = program.call("read", &[6.into(), buffer.0.into(), 8.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(refused.map(|call| machine.result(call)), [error(EBADF), error(EINVAL)]);
        assert_eq!([sent, received, written, on_exec, read].map(|call| machine.result(call)), [1, 1, 1, 1, 1]);
        let words = [0, 8, 16].map(|at| machine.result(Slot(got.0 + at)));
        assert_eq!(words, [24, 1 | 1 << 32, 7 | 8 << 32]);
    }

    /// What there is no room for is closed, and that is told.
    fn files_without_room_for_their_numbers_are_closed() {
        let mut program = Program::new();
        let (ends, pipe, buffer, got) = (program.room(1), program.room(1), program.room(1), program.room(4));
        program.call("socketpair", &[1.into(), 2.into(), 0.into(), ends.0.into()]);
        program.call("pipe", &[pipe.0.into()]);
        let text = program.bytes(b"x");
        let rights = control(&mut program, 1, 4, &[7]);
        let out = header(&mut program, (text, 1), rights);
        let vector = program.words(&[buffer.0, 8]);
        let into = program.room(7);
        for (index, word) in [0, 0, vector, 1, got.0, 16, 0].into_iter().enumerate() {
            program.act(super::program::Act::Store, &[(into.0 + 8 * index as u64).into(), word.into()]);
        }
        program.call("sendmsg", &[4.into(), out.into(), 0.into()]);
        program.call("close", &[7.into()]);
        let received = program.call("recvmsg", &[5.into(), into.0.into(), 0.into()]);
        let end = program.call("read", &[6.into(), buffer.0.into(), 8.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!([received, end].map(|call| machine.result(call)), [1, 0], "nobody can write to the pipe");
        assert_eq!([40, 48].map(|at| machine.result(Slot(into.0 + at))), [0, MSG_CTRUNC]);
    }

    /// Who asks is told who sent; nobody can say to be somebody else without the right.
    fn who_sends_is_told_and_cannot_be_made_up() {
        let mut program = Program::new();
        let (ends, buffer, got, who, size) =
            (program.room(1), program.room(1), program.room(4), program.room(2), program.room(1));
        program.call("socketpair", &[1.into(), 1.into(), 0.into(), ends.0.into()]);
        let (text, on) = (program.bytes(b"x"), program.words(&[1]));
        let own = program.call("getpid", &[]);
        program.call("setsockopt", &[5.into(), 1.into(), SO_PASSCRED.into(), on.into(), 4.into()]);
        program.act(super::program::Act::Store, &[size.0.into(), 12.into()]);
        let asked = program.call("getsockopt", &[4.into(), 1.into(), SO_PEERCRED.into(), who.0.into(), size.0.into()]);
        program.call("write", &[4.into(), text.into(), 1.into()]);
        let into = header(&mut program, (buffer.0, 8), (got.0, 32));
        let received = program.call("recvmsg", &[5.into(), into.into(), 0.into()]);
        let made_up = control(&mut program, 2, 12, &[1, 0]);
        let made_up = header(&mut program, (text, 1), made_up);
        program.call("setresuid", &[77.into(), 77.into(), 77.into()]);
        let refused = program.call("sendmsg", &[4.into(), made_up.into(), 0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!([asked, received, refused].map(|call| machine.result(call)), [0, 1, error(EPERM)]);
        assert_eq!(machine.result(who), machine.result(own), "by root");
        let words = [0, 8, 16].map(|at| machine.result(Slot(got.0 + at)));
        assert_eq!(words, [28, 1 | 2 << 32, machine.result(own)]);
    }

    /// A socket under way to itself, and two each to the other, go when nobody can come to them any more; not before.
    fn sockets_that_only_hold_each_other_are_collected() {
        let [one, other] = pair(Kind::Stream);
        let weak = [Arc::downgrade(&one), Arc::downgrade(&other)];
        pass(&other, other.clone());
        pass(&one, one.clone());
        drop(other);
        collect();
        assert!(weak[1].upgrade().is_some(), "who has the one can read the other");
        drop(one);
        collect();
        assert!(weak.iter().all(|file| Weak::strong_count(file) == 0), "nobody can");
        let [itself, by] = pair(Kind::Datagram);
        let weak = Arc::downgrade(&itself);
        pass(&by, itself);
        assert!(weak.upgrade().is_some());
        drop(by);
        assert!(weak.upgrade().is_none(), "closing the last way to it is enough");
    }

    /// Each holds the next; letting go of the first lets go of all, in a stack of any depth.
    fn a_long_chain_of_sockets_goes_one_by_one() {
        let (mut held, mut last) = (pair(Kind::Stream), Weak::new());
        for round in 0..400 {
            let next = pair(Kind::Stream);
            let [one, other] = core::mem::replace(&mut held, next);
            if round == 0 {
                last = Arc::downgrade(&other);
            }
            pass(&held[0], one);
            pass(&held[0], other);
        }
        collect();
        assert!(last.upgrade().is_some());
        drop(held);
        assert!(last.upgrade().is_none());
    }
}
