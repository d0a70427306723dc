//! Sockets: names, connections, what is sent and who is told.

use super::program::{Act, Machine, Program, Slot, run};
use super::*;
use crate::ktest;
use crate::task::process::Ending;

const STREAM: u64 = 1;
const DATAGRAM: u64 = 2;
const PACKETS: u64 = 5;
const NON_BLOCKING: u64 = 0o4_000;

const EMSGSIZE: i64 = 90;
const EPROTOTYPE: i64 = 91;
const ENOPROTOOPT: i64 = 92;
const EPROTONOSUPPORT: i64 = 93;
const ESOCKTNOSUPPORT: i64 = 94;
const EOPNOTSUPP: i64 = 95;
const EAFNOSUPPORT: i64 = 97;
const EADDRINUSE: i64 = 98;
const ECONNRESET: i64 = 104;
const EISCONN: i64 = 106;
const ENOTCONN: i64 = 107;
const ECONNREFUSED: i64 = 111;
const ENOTSOCK: i64 = 88;

const MSG_PEEK: u64 = 2;
const MSG_TRUNC: u64 = 0x20;
const MSG_DONTWAIT: u64 = 0x40;
const MSG_NOSIGNAL: u64 = 0x4000;

const SIGPIPE: i64 = 13;

/// The address of a name, and its size: a path, or an abstract name if it begins with a NUL.
fn name(program: &mut Program, text: &[u8]) -> (u64, u64) {
    let end: &[u8] = if text.starts_with(b"\0") { b"" } else { b"\0" };
    let bytes = [b"\x01\0", text, end].concat();
    (program.bytes(&bytes), bytes.len() as u64)
}

fn socket(program: &mut Program, kind: u64) -> Slot {
    program.call("socket", &[1.into(), kind.into(), 0.into()])
}

fn pair(program: &mut Program, kind: u64) {
    let ends = program.room(1);
    program.call("socketpair", &[1.into(), kind.into(), 0.into(), ends.0.into()]);
}

fn by_name(program: &mut Program, call: &str, socket: impl Into<super::program::Argument>, name: (u64, u64)) -> Slot {
    program.call(call, &[socket.into(), name.0.into(), name.1.into()])
}

/// Sends `count` bytes, to a name if one is given.
fn send(program: &mut Program, socket: u64, text: u64, count: u64, flags: u64, to: (u64, u64)) -> Slot {
    program.call("sendto", &[socket.into(), text.into(), count.into(), flags.into(), to.0.into(), to.1.into()])
}

const NOWHERE: (u64, u64) = (0, 0);

fn receive(program: &mut Program, socket: u64, into: Slot, count: u64, flags: u64) -> Slot {
    program.call("recvfrom", &[socket.into(), into.0.into(), count.into(), flags.into(), 0.into(), 0.into()])
}

ktest! {
    /// A name is a node, whose rights and kind count; it outlives its socket, and is nobody's then.
    fn a_stream_is_connected_by_a_path() {
        let machine = Machine::new();
        machine.write("/file", b"");
        let mut program = Program::new();
        let path = name(&mut program, b"/s");
        let file = name(&mut program, b"/file");
        let missing = name(&mut program, b"/missing");
        let (text, buffer, known) = (program.bytes(b"hello"), program.room(1), program.room(18));
        let bare = program.bytes(b"/s");
        program.call("umask", &[0o022.into()]);
        let listening = socket(&mut program, STREAM);
        let early = by_name(&mut program, "connect", listening, path);
        let unbound = program.call("listen", &[listening.into(), 1.into()]);
        let bound = by_name(&mut program, "bind", listening, path);
        let twice = by_name(&mut program, "bind", listening, missing);
        let other = socket(&mut program, STREAM);
        let taken = by_name(&mut program, "bind", other, path);
        let deaf = by_name(&mut program, "connect", other, path);
        let heard = program.call("listen", &[listening.into(), 1.into()]);
        let no_socket = by_name(&mut program, "connect", other, file);
        let nobody = by_name(&mut program, "connect", other, missing);
        let datagram = socket(&mut program, DATAGRAM);
        let wrong = by_name(&mut program, "connect", datagram, path);
        let connected = by_name(&mut program, "connect", other, path);
        let again = by_name(&mut program, "connect", other, path);
        let (from, size) = (program.room(2), program.room(1));
        program.act(Act::Store, &[size.0.into(), 16.into()]);
        let accepted = program.call("accept", &[listening.into(), from.0.into(), size.0.into()]);
        let sent = program.call("write", &[other.into(), text.into(), 5.into()]);
        let read = program.call("read", &[accepted.into(), buffer.0.into(), 8.into()]);
        let (peer, peer_size) = (program.room(2), program.room(1));
        program.act(Act::Store, &[peer_size.0.into(), 16.into()]);
        let named = program.call("getpeername", &[other.into(), peer.0.into(), peer_size.0.into()]);
        program.call("stat", &[bare.into(), known.0.into()]);
        let opened = program.call("open", &[bare.into(), 0.into(), 0.into()]);
        program.call("close", &[listening.into()]);
        let last = socket(&mut program, STREAM);
        let gone = by_name(&mut program, "connect", last, path);
        assert_eq!(machine.run(program), Ending::Exited(0));
        let results = [listening, early, unbound, bound, twice, other, taken, deaf].map(|call| machine.result(call));
        let expected = [4, error(ENOENT), error(EINVAL), 0, error(EINVAL), 5, error(EADDRINUSE), error(ECONNREFUSED)];
        assert_eq!(results, expected);
        let results = [heard, no_socket, nobody, wrong, connected, again].map(|call| machine.result(call));
        let expected = [0, error(ECONNREFUSED), error(ENOENT), error(EPROTOTYPE), 0, error(EISCONN)];
        assert_eq!(results, expected);
        assert_eq!([accepted, sent, read, named].map(|call| machine.result(call)), [7, 5, 5, 0]);
        assert_eq!((machine.result(from) as u16, machine.result(size)), (1, 2), "who connected has no name");
        assert_eq!(machine.result(buffer).to_le_bytes()[..5], *b"hello");
        assert_eq!((machine.result(peer).to_le_bytes(), machine.result(peer_size)), (*b"\x01\0/s\0\0\0\0", 5));
        assert_eq!(machine.result(Slot(known.0 + 24)) as u32, 0o140_755);
        assert_eq!([opened, gone].map(|call| machine.result(call)), [error(ENXIO), error(ECONNREFUSED)]);
    }

    /// What was sent before can be read; then there is an end for the one, and no reader for the other.
    fn who_is_left_reads_the_rest_and_an_end() {
        let mut program = Program::new();
        let (text, buffer) = (program.bytes(b"abc"), program.room(1));
        let ignore = program.words(&[1, 0, 0, 0]);
        pair(&mut program, STREAM);
        send(&mut program, 5, text, 3, 0, NOWHERE);
        program.call("close", &[5.into()]);
        let rest = [(); 2].map(|()| receive(&mut program, 4, buffer, 8, 0));
        let quiet = send(&mut program, 4, text, 3, MSG_NOSIGNAL, NOWHERE);
        let status = program.room(1);
        let child = program.begin("fork", |child| {
            child.call("write", &[4.into(), text.into(), 3.into()]);
            child.exit(0);
        });
        program.call("wait4", &[child.into(), status.0.into(), 0.into(), 0.into()]);
        program.call("rt_sigaction", &[13.into(), ignore.into(), 0.into(), 8.into()]);
        program.call("close", &[4.into()]);
        pair(&mut program, STREAM);
        send(&mut program, 4, text, 3, 0, NOWHERE);
        program.call("close", &[5.into()]);
        let unread = [(); 2].map(|()| receive(&mut program, 4, buffer, 8, 0));
        program.call("close", &[4.into()]);
        pair(&mut program, STREAM);
        program.call("shutdown", &[4.into(), 1.into()]);
        let shut = program.call("write", &[4.into(), text.into(), 3.into()]);
        let ended = receive(&mut program, 5, buffer, 8, 0);
        let back = program.call("write", &[5.into(), text.into(), 3.into()]);
        let came = receive(&mut program, 4, buffer, 8, 0);
        let odd = program.call("shutdown", &[4.into(), 3.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(rest.map(|call| machine.result(call)), [3, 0]);
        assert_eq!((machine.result(quiet), machine.result(status)), (error(EPIPE), SIGPIPE));
        assert_eq!(unread.map(|call| machine.result(call)), [error(ECONNRESET), 0]);
        let results = [shut, ended, back, came, odd].map(|call| machine.result(call));
        assert_eq!(results, [error(EPIPE), 0, 3, 3, error(EINVAL)]);
    }

    /// Each comes as it was sent, with the sender's name; what does not fit is cut off and lost.
    fn datagrams_go_to_a_name_and_come_whole() {
        let mut program = Program::new();
        let (one, other) = (name(&mut program, b"\0one"), name(&mut program, b"\0other"));
        let nobody = name(&mut program, b"\0nobody");
        let (text, buffer, from, size) = (program.bytes(b"datagram"), program.room(1), program.room(1), program.room(1));
        let [first, second] = [(); 2].map(|()| socket(&mut program, DATAGRAM | NON_BLOCKING));
        by_name(&mut program, "bind", first, one);
        by_name(&mut program, "bind", second, other);
        let taken = by_name(&mut program, "bind", first, other);
        let alone = send(&mut program, 4, text, 8, 0, NOWHERE);
        let lost = send(&mut program, 4, text, 8, 0, nobody);
        let empty = receive(&mut program, 5, buffer, 8, 0);
        let long = send(&mut program, 4, text, 300_000, 0, other);
        let sent = [8, 0, 4].map(|count| send(&mut program, 4, text, count, 0, other));
        let looked = receive(&mut program, 5, buffer, 3, MSG_PEEK | MSG_TRUNC);
        program.act(Act::Store, &[size.0.into(), 8.into()]);
        let arguments = [5u64, buffer.0, 3, 0, from.0, size.0].map(Into::into);
        let received = [program.call("recvfrom", &arguments), program.call("recvfrom", &arguments)];
        let last = receive(&mut program, 5, buffer, 8, 0);
        let many = [(); 12].map(|()| send(&mut program, 4, text, 1, 0, other));
        by_name(&mut program, "connect", second, one);
        let apart = send(&mut program, 5, text, 1, 0, NOWHERE);
        let third = socket(&mut program, DATAGRAM);
        let foreign = send(&mut program, 6, text, 1, 0, other);
        by_name(&mut program, "connect", first, other);
        program.call("close", &[5.into()]);
        let gone = [(); 2].map(|()| send(&mut program, 4, text, 1, 0, NOWHERE));
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let results = [taken, alone, lost, empty, long].map(|call| machine.result(call));
        let expected = [error(EINVAL), error(ENOTCONN), error(ECONNREFUSED), error(EAGAIN), error(EMSGSIZE)];
        assert_eq!(results, expected);
        assert_eq!(sent.map(|call| machine.result(call)), [8, 0, 4]);
        assert_eq!(machine.result(looked), 8, "the length of what there is");
        assert_eq!(received.map(|call| machine.result(call)), [3, 0]);
        assert_eq!((machine.result(from).to_le_bytes(), machine.result(size)), (*b"\x01\0\0one\0\0", 6));
        assert_eq!(machine.result(last), 4);
        assert_eq!(many.map(|call| machine.result(call))[9..], [1, 1, error(EAGAIN)], "eleven may wait");
        assert_eq!([apart, third, foreign].map(|call| machine.result(call)), [1, 6, error(EPERM)]);
        assert_eq!(gone.map(|call| machine.result(call)), [error(ECONNREFUSED), error(ENOTCONN)]);
    }

    /// Of a message what does not fit is lost; of a stream nothing is, and one read may take several writes.
    fn packets_are_apart_and_a_stream_is_not() {
        let mut program = Program::new();
        let (text, buffer) = (program.bytes(b"abcdef"), program.room(1));
        let mut results = [PACKETS, STREAM].map(|kind| {
            pair(&mut program, kind);
            send(&mut program, 4, text, 6, 0, NOWHERE);
            send(&mut program, 4, text, 2, 0, NOWHERE);
            let results = [4, 8, 8].map(|count| receive(&mut program, 5, buffer, count, MSG_DONTWAIT));
            program.call("close", &[4.into()]);
            program.call("close", &[5.into()]);
            results
        });
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let [packets, stream] = results.each_mut().map(|calls| calls.map(|call| machine.result(call)));
        assert_eq!(packets, [4, 2, error(EAGAIN)]);
        assert_eq!(stream, [4, 4, error(EAGAIN)]);
    }

    /// Who writes more than may be under way waits for who reads, and who reads for who writes.
    fn each_waits_for_the_other() {
        let mut program = Program::new();
        let memory = program.call("mmap", &[0.into(), 0x80000.into(), 3.into(), 0x22.into(), u64::MAX.into(), 0.into()]);
        pair(&mut program, STREAM);
        let child = program.begin("fork", |child| {
            child.call("close", &[4.into()]);
            child.call("write", &[5.into(), memory.into(), 0x80000.into()]);
            child.exit(0);
        });
        program.call("close", &[5.into()]);
        let all = program.call("recvfrom", &[4.into(), memory.into(), 0x80000.into(), 0x100.into(), 0.into(), 0.into()]);
        let end = program.call("read", &[4.into(), memory.into(), 1.into()]);
        program.call("wait4", &[child.into(), 0.into(), 0.into(), 0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!([all, end].map(|call| machine.result(call)), [0x80000, 0]);
    }

    /// A limit on the time ends a wait; so does a signal.
    fn waiting_ends_by_time_and_by_a_signal() {
        let mut program = Program::new();
        let (path, buffer) = (name(&mut program, b"\0wait"), program.room(1));
        let limit = program.words(&[0, 20_000]);
        let pause = program.words(&[0, 30_000_000]);
        let listening = socket(&mut program, STREAM);
        by_name(&mut program, "bind", listening, path);
        program.call("listen", &[listening.into(), 0.into()]);
        let set = program.call("setsockopt", &[4.into(), 1.into(), 20.into(), limit.into(), 16.into()]);
        let over = program.call("accept", &[4.into(), 0.into(), 0.into()]);
        pair(&mut program, STREAM);
        program.notes(1);
        program.handle(10, Act::Handler, 0, 0);
        let own = program.call("getpid", &[]);
        let child = program.begin("fork", |child| {
            child.call("nanosleep", &[pause.into(), 0.into()]);
            child.call("kill", &[own.into(), 10.into()]);
            child.exit(0);
        });
        let interrupted = receive(&mut program, 5, buffer, 1, 0);
        program.call("wait4", &[child.into(), 0.into(), 0.into(), 0.into()]);
        // One waits to be accepted, and the next finds no room.
        let calls = [(); 2].map(|()| {
            let client = socket(&mut program, STREAM | NON_BLOCKING);
            by_name(&mut program, "connect", client, path)
        });
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!([set, over, interrupted].map(|call| machine.result(call)), [0, error(EAGAIN), error(EINTR)]);
        assert_eq!(calls.map(|call| machine.result(call)), [0, error(EAGAIN)]);
    }

    fn what_there_is_not_is_refused_as_on_linux() {
        let mut program = Program::new();
        let make = |program: &mut Program, family: u64, kind: u64, protocol: u64| {
            program.call("socket", &[family.into(), kind.into(), protocol.into()])
        };
        let refused = [(2, 1, 0), (77, 1, 0), (1, 4, 0), (1, 1, 7), (1, 12, 0), (1, 1 | 1 << 8, 0)]
            .map(|(family, kind, protocol)| make(&mut program, family, kind, protocol));
        let raw = make(&mut program, 1, 3, 1);
        let (value, size) = (program.room(2), program.room(1));
        let asked = [3u64, 30, 38, 39, 7, 99].map(|option| {
            program.act(Act::Store, &[size.0.into(), 4.into()]);
            let call = program.call("getsockopt", &[4.into(), 1.into(), option.into(), value.0.into(), size.0.into()]);
            (call, program.act(Act::Sum, &[value.into(), 0.into()]))
        });
        let no_socket = program.call("listen", &[0.into(), 1.into()]);
        let datagrams = program.call("listen", &[4.into(), 1.into()]);
        let read_only = program.call("setsockopt", &[4.into(), 1.into(), 3.into(), value.0.into(), 4.into()]);
        let level = program.call("setsockopt", &[4.into(), 6.into(), 1.into(), value.0.into(), 4.into()]);
        let nobody = program.call("getpeername", &[4.into(), value.0.into(), size.0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let expected = [EAFNOSUPPORT, EAFNOSUPPORT, ESOCKTNOSUPPORT, EPROTONOSUPPORT, EINVAL, EINVAL].map(error);
        assert_eq!(refused.map(|call| machine.result(call)), expected);
        assert_eq!(machine.result(raw), 4);
        let answers = asked.map(|(call, value)| (machine.result(call), machine.result(value)));
        let expected = [(0, 2), (0, 0), (0, 0), (0, 1), (0, 212_992), (error(ENOPROTOOPT), 212_992)];
        assert_eq!(answers, expected);
        let results = [no_socket, datagrams, read_only, level, nobody].map(|call| machine.result(call));
        let expected = [ENOTSOCK, EOPNOTSUPP, ENOPROTOOPT, EOPNOTSUPP, ENOTCONN].map(error);
        assert_eq!(results, expected);
    }
}
