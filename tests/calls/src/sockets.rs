//! Sockets: many messages by one call, looking further, settings, signals.

use std::thread;
use std::time::{Duration, Instant};

use libc::{iovec, linger, mmsghdr, timespec, timeval};

use crate::{HANDLED, Ordering, at, call, handle};

fn pair(kind: i32) -> [i32; 2] {
    let mut ends = [0; 2];
    assert_eq!(call!(SYS_socketpair, libc::AF_UNIX, kind, 0, at(&mut ends)), 0);
    ends
}

fn close(ends: [i32; 2]) {
    for end in ends {
        call!(SYS_close, end);
    }
}

/// Rows of messages, one for each text.
fn messages(pieces: &mut [iovec]) -> Vec<mmsghdr> {
    let row = |piece: &mut iovec| {
        // SAFETY: a row of zeros is one.
        let mut row: mmsghdr = unsafe { std::mem::zeroed() };
        row.msg_hdr.msg_iov = piece;
        row.msg_hdr.msg_iovlen = 1;
        row
    };
    pieces.iter_mut().map(row).collect()
}

fn pieces<const N: usize>(texts: &mut [[u8; N]]) -> Vec<iovec> {
    texts.iter_mut().map(|text| iovec { iov_base: text.as_mut_ptr().cast(), iov_len: N }).collect()
}

fn said(rows: &[mmsghdr], texts: &[[u8; 4]]) -> String {
    let row = |(row, text): (&mmsghdr, &[u8; 4])| {
        format!("{} {:x} {}", row.msg_len, row.msg_hdr.msg_flags, text.escape_ascii())
    };
    rows.iter().zip(texts).map(row).collect::<Vec<_>>().join(", ")
}

/// Many by one call, until there are no more, until one is not to be waited for, and with one that cannot be.
pub fn rows() {
    let mut sent = [*b"one ", *b"two ", *b"four", *b"last"];
    for kind in [libc::SOCK_DGRAM, libc::SOCK_SEQPACKET, libc::SOCK_STREAM] {
        let ends = pair(kind);
        let mut outgoing = pieces(&mut sent);
        outgoing[2].iov_len = 2;
        let mut rows = messages(&mut outgoing);
        println!("rows: sent {}", call!(SYS_sendmmsg, ends[0], rows.as_mut_ptr(), rows.len(), 0));
        println!("rows: {:?}", rows.iter().map(|row| row.msg_len).collect::<Vec<_>>());
        let mut came = [[b'.'; 4]; 6];
        let mut incoming = pieces(&mut came);
        incoming[1].iov_len = 1;
        let mut rows = messages(&mut incoming);
        let answer = call!(SYS_recvmmsg, ends[1], rows.as_mut_ptr(), 2, 0, 0);
        println!("rows: {answer}: {}", said(&rows, &came));
        let answer = call!(SYS_recvmmsg, ends[1], rows.as_mut_ptr(), 6, libc::MSG_WAITFORONE, 0);
        println!("rows: {answer}: {}", said(&rows, &came));
        println!("rows: {}", call!(SYS_recvmmsg, ends[1], rows.as_mut_ptr(), 6, libc::MSG_DONTWAIT, 0));
        println!("rows: none {}", call!(SYS_recvmmsg, ends[1], rows.as_mut_ptr(), 0, 0, 0));
        println!("rows: none {}", call!(SYS_sendmmsg, ends[1], rows.as_mut_ptr(), 0, 0));
        close(ends);
    }
    let ends = pair(libc::SOCK_DGRAM);
    let mut outgoing = pieces(&mut sent);
    outgoing[1].iov_base = 8 as *mut _;
    let mut rows = messages(&mut outgoing);
    println!("rows: with a bad one {}", call!(SYS_sendmmsg, ends[0], rows.as_mut_ptr(), 3, 0));
    println!("rows: a bad one {}", call!(SYS_sendmmsg, ends[0], rows[1..].as_mut_ptr(), 2, 0));
    println!("rows: flags {}", call!(SYS_sendmmsg, ends[0], rows.as_mut_ptr(), 1, 0x8000_0000usize));
    println!("rows: no socket {}", call!(SYS_sendmmsg, 0, rows.as_mut_ptr(), 1, 0));
    // The second comes when the time is over already, which is looked at after each.
    let mut limit = timespec { tv_sec: 0, tv_nsec: 20_000_000 };
    let mut came = [[b'.'; 4]; 4];
    let mut incoming = pieces(&mut came);
    let mut rows = messages(&mut incoming);
    let sender = thread::spawn(move || {
        thread::sleep(Duration::from_millis(60));
        call!(SYS_write, ends[0], b"late".as_ptr(), 4)
    });
    let answer = call!(SYS_recvmmsg, ends[1], rows.as_mut_ptr(), 4, 0, at(&mut limit));
    println!("rows: in time {answer}, left {} {}", limit.tv_sec, limit.tv_nsec);
    println!("rows: {:?}", sender.join().ok());
    let mut limit = timespec { tv_sec: 0, tv_nsec: -1 };
    println!("rows: no time {}", call!(SYS_recvmmsg, ends[1], rows.as_mut_ptr(), 4, 0, at(&mut limit)));
    // An error after the first is the next one's.
    call!(SYS_write, ends[0], b"more".as_ptr(), 4);
    call!(SYS_write, ends[0], b"more".as_ptr(), 4);
    let mut incoming = pieces(&mut came);
    incoming[1].iov_base = 8 as *mut _;
    let mut rows = messages(&mut incoming);
    for _ in 0..3 {
        println!("rows: {}", call!(SYS_recvmmsg, ends[1], rows.as_mut_ptr(), 2, libc::MSG_DONTWAIT, 0));
    }
    close(ends);
}

fn option(socket: i32, option: i32) -> String {
    let mut value = [-7i32; 4];
    let mut size = 16u32;
    match call!(SYS_getsockopt, socket, libc::SOL_SOCKET, option, at(&mut value), at(&mut size)) {
        0 => format!("{:?}", &value[..size as usize / 4]),
        error => format!("{error}"),
    }
}

fn set<T>(socket: i32, option: i32, mut value: T) -> i64 {
    call!(SYS_setsockopt, socket, libc::SOL_SOCKET, option, at(&mut value), size_of::<T>())
}

fn look(socket: i32, count: usize, flags: i32) -> String {
    let mut bytes = [b'.'; 16];
    let flags = flags | libc::MSG_DONTWAIT;
    let answer = call!(SYS_recvfrom, socket, at(&mut bytes), count, flags, 0, 0);
    format!("{answer} {}", bytes[..usize::try_from(answer).unwrap_or(0).min(16)].escape_ascii())
}

/// Looking at what comes from a place on that moves.
pub fn peeking() {
    for kind in [libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_SEQPACKET] {
        let [one, other] = pair(kind);
        println!("peeking: {}", option(other, libc::SO_PEEK_OFF));
        for text in [&b"abcdef"[..], b"ghi", b"jklm"] {
            call!(SYS_write, one, text.as_ptr(), text.len());
        }
        println!("peeking: {}", set(other, libc::SO_PEEK_OFF, 2));
        for _ in 0..6 {
            println!("peeking: {} at {}", look(other, 4, libc::MSG_PEEK), option(other, libc::SO_PEEK_OFF));
        }
        println!("peeking: read {} at {}", look(other, 3, 0), option(other, libc::SO_PEEK_OFF));
        println!("peeking: {} at {}", look(other, 4, libc::MSG_PEEK), option(other, libc::SO_PEEK_OFF));
        println!("peeking: {}", set(other, libc::SO_PEEK_OFF, 0));
        println!("peeking: {} at {}", look(other, 16, libc::MSG_PEEK), option(other, libc::SO_PEEK_OFF));
        println!("peeking: {}", set(other, libc::SO_PEEK_OFF, -1));
        println!("peeking: {} at {}", look(other, 2, libc::MSG_PEEK), option(other, libc::SO_PEEK_OFF));
        println!("peeking: {} at {}", look(other, 2, libc::MSG_PEEK), option(other, libc::SO_PEEK_OFF));
        close([one, other]);
    }
}

/// Settings that are kept, and one that lets receiving wait for more.
pub fn options() {
    let [one, other] = pair(libc::SOCK_STREAM);
    println!("options: {} {}", option(one, libc::SO_LINGER), set(one, libc::SO_LINGER, 1));
    for (l_onoff, l_linger) in [(2, 7), (0, 9), (1, 0)] {
        let answer = set(one, libc::SO_LINGER, linger { l_onoff, l_linger });
        println!("options: {answer} {}", option(one, libc::SO_LINGER));
    }
    for least in [5, 0, -1] {
        println!("options: {} {}", set(one, libc::SO_RCVLOWAT, least), option(one, libc::SO_RCVLOWAT));
    }
    println!("options: {} {}", set(one, libc::SO_SNDLOWAT, 5), option(one, libc::SO_SNDLOWAT));
    println!("options: {} {}", set(one, 9999, 5), option(one, 9999));
    set(one, libc::SO_RCVLOWAT, 5);
    let sender = thread::spawn(move || {
        for text in [b"ab", b"cd", b"ef"] {
            thread::sleep(Duration::from_millis(20));
            call!(SYS_write, other, text.as_ptr(), 2);
        }
    });
    let mut bytes = [0u8; 16];
    println!("options: {}", call!(SYS_read, one, at(&mut bytes), 16));
    println!("options: {:?}", sender.join().is_ok());
    close([one, other]);
}

/// A signal ends a call for good that has a limit to its time, and is made again else.
pub fn interrupted() {
    handle(libc::SIGALRM);
    let [one, other] = pair(libc::SOCK_STREAM);
    let alarm = || {
        let mut limit = [0i64, 0, 0, 30_000];
        call!(SYS_setitimer, 0, at(&mut limit), 0)
    };
    let mut bytes = [0u8; 8];
    set(one, libc::SO_RCVTIMEO, timeval { tv_sec: 5, tv_usec: 0 });
    set(one, libc::SO_SNDTIMEO, timeval { tv_sec: 5, tv_usec: 0 });
    let began = Instant::now();
    alarm();
    println!("interrupted: {}", call!(SYS_read, one, at(&mut bytes), 8));
    alarm();
    println!("interrupted: {}", call!(SYS_recvfrom, one, at(&mut bytes), 8, 0, 0, 0));
    let full = vec![0u8; 1 << 20];
    alarm();
    let sent = call!(SYS_write, one, full.as_ptr(), full.len());
    println!("interrupted: {}", sent > 0);
    alarm();
    println!("interrupted: {}", call!(SYS_write, one, full.as_ptr(), full.len()));
    println!("interrupted: in time {}, {} times", began.elapsed().as_secs() < 4, HANDLED.load(Ordering::Relaxed));
    let sender = thread::spawn(move || {
        thread::sleep(Duration::from_millis(80));
        call!(SYS_write, one, b"again".as_ptr(), 5)
    });
    let [two, three] = pair(libc::SOCK_STREAM);
    let second = thread::spawn(move || {
        thread::sleep(Duration::from_millis(80));
        call!(SYS_write, three, b"again".as_ptr(), 5)
    });
    alarm();
    println!("interrupted: {}", call!(SYS_read, two, at(&mut bytes), 8));
    println!("interrupted: {:?}, {} times", second.join().ok(), HANDLED.load(Ordering::Relaxed));
    // What was sent before makes room for what waits.
    let mut all = vec![0u8; 1 << 21];
    while call!(SYS_recvfrom, other, all.as_mut_ptr(), all.len(), libc::MSG_DONTWAIT, 0, 0) > 0 {}
    println!("interrupted: {}", sender.join().is_ok());
    close([one, other]);
    close([two, three]);
}

/// How much waits to be read, and whether something sent does.
pub fn under_way() {
    for kind in [libc::SOCK_STREAM, libc::SOCK_DGRAM] {
        let [one, other] = pair(kind);
        let count = |socket: i32, request: libc::Ioctl| {
            let mut count = -1i32;
            (call!(SYS_ioctl, socket, request, at(&mut count)), count)
        };
        let both = || {
            let (answer, sent) = count(one, libc::TIOCOUTQ);
            (answer, sent > 0, count(other, libc::FIONREAD))
        };
        println!("under way: {:?}", both());
        call!(SYS_write, one, b"abcdef".as_ptr(), 6);
        call!(SYS_write, one, b"gh".as_ptr(), 2);
        println!("under way: {:?}", both());
        println!("under way: {} {:?}", look(other, 4, 0), both());
        println!("under way: {} {:?}", look(other, 4, 0), both());
        close([one, other]);
    }
}
