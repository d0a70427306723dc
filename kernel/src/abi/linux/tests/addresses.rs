//! A bad address is `EFAULT` in every call, and nothing worse.
//!
//! A call takes its addresses by [`Call::address`](crate::abi::linux::call::Call::address), which in tests asserts that
//! the walk below has that argument of that call: whatever any test lets a call look at is walked.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use vfs::environment::Ready;
use vfs::file::{FileObject, OpenFlags};
use vfs::manager::Follow;
use vfs::node::SetXattr;

use super::program::{Act, Argument, DATA_END, Machine, Program};
use super::{EFAULT, error};
use crate::abi::linux::{structures, table};
use crate::fs::epoll::{self, Asked, Epoll, Mode};
use crate::fs::{devices, pipe, timer, unnamed, watching};
use crate::ktest;
use crate::socket::message::{Attached, Sender};
use crate::socket::name::Wanted;
use crate::socket::{self, Kind, SocketStream, To};
use crate::task::process::Ending;

/// In place of an argument: the bad address.
const BAD: u64 = 0xbad_add4e55;
/// As [`BAD`], where addresses of words are no multiple of four is no answer: the next one that is.
const BAD_WORD: u64 = 0xbad_add4e54;
/// In place of an argument: the address of a path.
const PATH: u64 = 0x900d_9a74;
/// In place of an argument: the address of the path of a link.
const LINK: u64 = 0x900d_114c;
/// In place of an argument: the address of the name of an attribute that the path has.
const NAME: u64 = 0x900d_4a3e;
/// In place of an argument: the address of some words that are 0.
const ZEROS: u64 = 0x900d_0000;
/// In place of an argument: the address of the header of a set of capabilities.
const HEADER: u64 = 0x900d_4ead;
/// In place of an argument: the address of a change of a mount's properties.
const MOUNT_ATTRIBUTES: u64 = 0x900d_a771;
/// In place of an argument: the address of a request about the root's mount, and about all mounts.
const MOUNT_REQUEST: u64 = 0x900d_1d00;
const MOUNTS_REQUEST: u64 = 0x900d_1d01;
/// In place of an argument: the address of a set of signals, of which one has come.
const SIGNALS: u64 = 0x900d_5167;
/// In place of an argument: the device number of the file system.
const DEVICE: u64 = 0x900d_de71;
/// In place of a directory's number: the current one.
const CWD: u64 = 0xffff_ff9c;

const USR1: u64 = 10;

const WEXITED: u64 = 4;
/// The children stay to be waited for.
const WNOWAIT: u64 = 0x0100_0000;

/// Every address that each call takes, one a row, with arguments under which it is looked at.
const ADDRESSES: &[(&str, &[u64])] = &[
    ("read", &[4, BAD, 64]),
    ("write", &[1, BAD, 64]),
    ("open", &[BAD, 0, 0]),
    ("stat", &[BAD, PATH]),
    ("stat", &[PATH, BAD]),
    ("fstat", &[4, BAD]),
    ("waitid", &[0, 0, BAD, WEXITED | WNOWAIT, 0]),
    ("waitid", &[0, 0, 0, WEXITED | WNOWAIT, BAD]),
    ("wait4", &[u64::MAX, BAD, 0, 0]),
    ("wait4", &[u64::MAX, 0, 0, BAD]),
    ("getgroups", &[1, BAD]),
    ("lstat", &[BAD, PATH]),
    ("lstat", &[PATH, BAD]),
    ("rt_sigaction", &[10, BAD, 0, 8]),
    ("rt_sigaction", &[10, 0, BAD, 8]),
    ("rt_sigprocmask", &[0, BAD, 0, 8]),
    ("rt_sigprocmask", &[0, 0, BAD, 8]),
    ("rt_sigpending", &[BAD, 8]),
    ("rt_sigsuspend", &[BAD, 8]),
    ("rt_sigtimedwait", &[BAD, 0, 0, 8]),
    ("rt_sigtimedwait", &[PATH, 0, BAD, 8]),
    ("rt_sigtimedwait", &[SIGNALS, BAD, 0, 8]),
    ("rt_sigqueueinfo", &[1, 0, BAD]),
    ("rt_tgsigqueueinfo", &[1, 1, 0, BAD]),
    ("sigaltstack", &[BAD, 0]),
    ("sigaltstack", &[0, BAD]),
    ("getitimer", &[0, BAD]),
    ("setitimer", &[0, BAD, 0]),
    ("setitimer", &[0, 0, BAD]),
    ("ioctl", &[5, 0x5401, BAD]),
    ("ioctl", &[5, 0x5404, BAD]),
    ("ioctl", &[5, 0x5413, BAD]),
    ("ioctl", &[5, 0x5414, BAD]),
    ("ioctl", &[5, 0x541b, BAD]),
    ("ioctl", &[4, 0x5421, BAD]),
    ("ioctl", &[4, 0x5452, BAD]),
    ("pread64", &[4, BAD, 64, 0]),
    ("pwrite64", &[1, BAD, 64, 0]),
    ("readv", &[4, BAD, 1]),
    ("writev", &[1, BAD, 1]),
    ("openat2", &[CWD, BAD, ZEROS, 24]),
    ("openat2", &[CWD, PATH, BAD, 24]),
    ("fchmodat2", &[CWD, BAD, 0o644, 0]),
    ("mincore", &[0x60_0000, 8192, BAD]),
    ("memfd_create", &[BAD, 0]),
    ("ioctl", &[4, 0x4020_940d, BAD]),
    ("fcntl", &[4, 5, BAD]),
    ("fcntl", &[4, 15, BAD]),
    ("fcntl", &[4, 16, BAD]),
    ("fcntl", &[4, 6, BAD]),
    ("pipe", &[BAD]),
    ("nanosleep", &[BAD, 0]),
    ("poll", &[BAD, 1, 0]),
    ("ppoll", &[BAD, 1, 0, 0, 8]),
    ("ppoll", &[0, 0, BAD, 0, 8]),
    ("ppoll", &[0, 0, 0, BAD, 8]),
    ("execve", &[BAD, 0, 0]),
    ("execve", &[PATH, BAD, 0]),
    ("execve", &[PATH, 0, BAD]),
    ("execveat", &[CWD, BAD, 0, 0, 0]),
    ("execveat", &[CWD, PATH, BAD, 0, 0]),
    ("execveat", &[CWD, PATH, 0, BAD, 0]),
    ("uname", &[BAD]),
    ("getcwd", &[BAD, 64]),
    ("chdir", &[BAD]),
    ("creat", &[BAD, 0]),
    ("gettimeofday", &[BAD, 0]),
    ("gettimeofday", &[0, BAD]),
    ("getrlimit", &[7, BAD]),
    ("setrlimit", &[7, BAD]),
    ("getrusage", &[0, BAD]),
    ("times", &[BAD]),
    ("syslog", &[3, BAD, 64]),
    ("sethostname", &[BAD, 8]),
    ("setdomainname", &[BAD, 8]),
    ("adjtimex", &[BAD]),
    ("clock_adjtime", &[0, BAD]),
    ("settimeofday", &[BAD, 0]),
    ("settimeofday", &[0, BAD]),
    ("clock_settime", &[0, BAD]),
    ("sched_setparam", &[0, BAD]),
    ("sched_getparam", &[0, BAD]),
    ("sched_setscheduler", &[0, 0, BAD]),
    ("sched_rr_get_interval", &[0, BAD]),
    ("sched_setaffinity", &[0, 8, BAD]),
    ("arch_prctl", &[0x1003, BAD]),
    ("time", &[BAD]),
    ("clock_gettime", &[1, BAD]),
    ("clock_getres", &[1, BAD]),
    ("timer_create", &[1, BAD, PATH]),
    ("timer_create", &[1, 0, BAD]),
    ("timer_settime", &[0, 0, BAD, 0]),
    ("clock_nanosleep", &[1, 0, BAD, 0]),
    ("openat", &[CWD, BAD, 0, 0]),
    ("newfstatat", &[CWD, BAD, PATH, 0]),
    ("newfstatat", &[CWD, PATH, BAD, 0]),
    ("mkdir", &[BAD, 0]),
    ("mkdirat", &[CWD, BAD, 0]),
    ("mknod", &[BAD, 0, 0]),
    ("mknodat", &[CWD, BAD, 0, 0]),
    ("symlink", &[BAD, PATH]),
    ("symlink", &[PATH, BAD]),
    ("symlinkat", &[BAD, CWD, PATH]),
    ("symlinkat", &[PATH, CWD, BAD]),
    ("link", &[BAD, PATH]),
    ("link", &[PATH, BAD]),
    ("linkat", &[CWD, BAD, CWD, PATH, 0]),
    ("linkat", &[CWD, PATH, CWD, BAD, 0]),
    ("unlink", &[BAD]),
    ("rmdir", &[BAD]),
    ("unlinkat", &[CWD, BAD, 0]),
    ("rename", &[BAD, PATH]),
    ("rename", &[PATH, BAD]),
    ("renameat", &[CWD, BAD, CWD, PATH]),
    ("renameat", &[CWD, PATH, CWD, BAD]),
    ("renameat2", &[CWD, BAD, CWD, PATH, 0]),
    ("renameat2", &[CWD, PATH, CWD, BAD, 0]),
    ("readlink", &[BAD, PATH, 64]),
    ("readlink", &[LINK, BAD, 64]),
    ("readlinkat", &[CWD, BAD, PATH, 64]),
    ("readlinkat", &[CWD, LINK, BAD, 64]),
    ("getdents", &[6, BAD, 4096]),
    ("getdents64", &[6, BAD, 4096]),
    ("cachestat", &[4, BAD, PATH, 0]),
    ("cachestat", &[4, ZEROS, BAD, 0]),
    ("statx", &[CWD, BAD, 0, 0, PATH]),
    ("statx", &[CWD, PATH, 0, 0, BAD]),
    ("access", &[BAD, 0]),
    ("faccessat", &[CWD, BAD, 0]),
    ("faccessat2", &[CWD, BAD, 0, 0]),
    ("chmod", &[BAD, 0]),
    ("fchmodat", &[CWD, BAD, 0]),
    ("chown", &[BAD, 0, 0]),
    ("lchown", &[BAD, 0, 0]),
    ("fchownat", &[CWD, BAD, 0, 0, 0]),
    ("utimensat", &[CWD, BAD, 0, 0]),
    ("utimensat", &[CWD, PATH, BAD, 0]),
    ("futimesat", &[CWD, BAD, 0]),
    ("futimesat", &[CWD, PATH, BAD]),
    ("utimes", &[BAD, 0]),
    ("utimes", &[PATH, BAD]),
    ("utime", &[BAD, 0]),
    ("utime", &[PATH, BAD]),
    ("truncate", &[BAD, 0]),
    ("setxattr", &[BAD, NAME, NAME, 4, 0]),
    ("setxattr", &[PATH, BAD, NAME, 4, 0]),
    ("setxattr", &[PATH, NAME, BAD, 4, 0]),
    ("lsetxattr", &[BAD, NAME, NAME, 4, 0]),
    ("lsetxattr", &[PATH, BAD, NAME, 4, 0]),
    ("lsetxattr", &[PATH, NAME, BAD, 4, 0]),
    ("fsetxattr", &[4, BAD, NAME, 4, 0]),
    ("fsetxattr", &[4, NAME, BAD, 4, 0]),
    ("getxattr", &[BAD, NAME, PATH, 8]),
    ("getxattr", &[PATH, BAD, PATH, 8]),
    ("getxattr", &[PATH, NAME, BAD, 8]),
    ("lgetxattr", &[BAD, NAME, PATH, 8]),
    ("lgetxattr", &[PATH, BAD, PATH, 8]),
    ("lgetxattr", &[PATH, NAME, BAD, 8]),
    ("fgetxattr", &[4, BAD, PATH, 8]),
    ("fgetxattr", &[4, NAME, BAD, 8]),
    ("listxattr", &[BAD, PATH, 64]),
    ("listxattr", &[PATH, BAD, 64]),
    ("llistxattr", &[BAD, PATH, 64]),
    ("llistxattr", &[PATH, BAD, 64]),
    ("flistxattr", &[4, BAD, 64]),
    ("removexattr", &[BAD, NAME]),
    ("removexattr", &[PATH, BAD]),
    ("lremovexattr", &[BAD, NAME]),
    ("lremovexattr", &[PATH, BAD]),
    ("fremovexattr", &[4, BAD]),
    ("file_getattr", &[CWD, BAD, ZEROS, 24, 0]),
    ("file_getattr", &[CWD, PATH, BAD, 24, 0]),
    ("file_setattr", &[CWD, BAD, ZEROS, 24, 0]),
    ("file_setattr", &[CWD, PATH, BAD, 24, 0]),
    ("name_to_handle_at", &[CWD, BAD, ZEROS, ZEROS, 0]),
    ("name_to_handle_at", &[CWD, PATH, BAD, ZEROS, 0]),
    ("name_to_handle_at", &[CWD, PATH, ZEROS, BAD, 0]),
    ("open_by_handle_at", &[CWD, BAD, 0]),
    ("ioctl", &[4, 0x8008_6601, BAD]),
    ("ioctl", &[4, 0x4008_6602, BAD]),
    ("ioctl", &[4, 0x801c_581f, BAD]),
    ("ioctl", &[4, 0x401c_5820, BAD]),
    ("setxattrat", &[CWD, BAD, 0, NAME, ZEROS, 16]),
    ("setxattrat", &[CWD, PATH, 0, BAD, ZEROS, 16]),
    ("setxattrat", &[CWD, PATH, 0, NAME, BAD, 16]),
    ("getxattrat", &[CWD, BAD, 0, NAME, ZEROS, 16]),
    ("getxattrat", &[CWD, PATH, 0, BAD, ZEROS, 16]),
    ("getxattrat", &[CWD, PATH, 0, NAME, BAD, 16]),
    ("listxattrat", &[CWD, BAD, 0, PATH, 64]),
    ("listxattrat", &[CWD, PATH, 0, BAD, 64]),
    ("removexattrat", &[CWD, BAD, 0, NAME]),
    ("removexattrat", &[CWD, PATH, 0, BAD]),
    ("mount", &[BAD, PATH, NAME, 0, 0]),
    ("mount", &[PATH, BAD, NAME, 0, 0]),
    ("mount", &[PATH, PATH, BAD, 0, 0]),
    ("mount", &[PATH, PATH, NAME, 0, BAD]),
    ("umount2", &[BAD, 0]),
    ("chroot", &[BAD]),
    ("pivot_root", &[BAD, PATH]),
    ("pivot_root", &[PATH, BAD]),
    ("statfs", &[BAD, PATH]),
    ("statfs", &[PATH, BAD]),
    ("fstatfs", &[4, BAD]),
    ("ustat", &[DEVICE, BAD]),
    ("preadv", &[4, BAD, 1, 0]),
    ("pwritev", &[1, BAD, 1, 0]),
    ("preadv2", &[4, BAD, 1, 0, 0, 0]),
    ("pwritev2", &[1, BAD, 1, 0, 0, 0]),
    ("sendfile", &[3, 4, BAD, 1]),
    ("copy_file_range", &[4, BAD, 3, 0, 1, 0]),
    ("copy_file_range", &[4, 0, 3, BAD, 1, 0]),
    ("prctl", &[15, BAD]),
    ("prctl", &[16, BAD]),
    ("prctl", &[25, BAD]),
    ("prctl", &[40, BAD]),
    ("arch_prctl", &[0x1004, BAD]),
    ("sched_setattr", &[0, BAD, 0]),
    ("sched_getattr", &[0, BAD, 48, 0]),
    ("sched_getaffinity", &[0, 8, BAD]),
    ("sysinfo", &[BAD]),
    ("getresuid", &[BAD, ZEROS, ZEROS]),
    ("getresuid", &[ZEROS, BAD, ZEROS]),
    ("getresuid", &[ZEROS, ZEROS, BAD]),
    ("getresgid", &[BAD, ZEROS, ZEROS]),
    ("getresgid", &[ZEROS, BAD, ZEROS]),
    ("getresgid", &[ZEROS, ZEROS, BAD]),
    ("setgroups", &[1, BAD]),
    ("capget", &[BAD, PATH]),
    ("capget", &[HEADER, BAD]),
    ("capset", &[BAD, PATH]),
    ("capset", &[HEADER, BAD]),
    ("pipe2", &[BAD, 0]),
    ("prlimit64", &[0, 7, BAD, 0]),
    ("prlimit64", &[0, 7, 0, BAD]),
    ("getrandom", &[BAD, 64, 0]),
    ("clone", &[0x1011, 0, BAD, 0, 0]),
    ("clone3", &[BAD, 88]),
    ("futex", &[PATH, 0x80, 0, BAD, 0, 0]),
    ("futex", &[BAD_WORD, 0x80, 0, 0, 0, 0]),
    ("futex", &[ZEROS, 0x85, 1, 0, BAD_WORD, 0]),
    ("get_robust_list", &[0, BAD, PATH]),
    ("get_robust_list", &[0, PATH, BAD]),
    ("getcpu", &[BAD, 0]),
    ("getcpu", &[0, BAD]),
    ("select", &[1, BAD, 0, 0, 0]),
    ("select", &[1, 0, BAD, 0, 0]),
    ("select", &[1, 0, 0, BAD, 0]),
    ("select", &[0, 0, 0, 0, BAD]),
    ("pselect6", &[1, BAD, 0, 0, 0, 0]),
    ("pselect6", &[1, 0, BAD, 0, 0, 0]),
    ("pselect6", &[1, 0, 0, BAD, 0, 0]),
    ("pselect6", &[0, 0, 0, 0, BAD, 0]),
    ("pselect6", &[0, 0, 0, 0, 0, BAD]),
    ("socketpair", &[1, 1, 0, BAD]),
    ("bind", &[8, BAD, 10]),
    ("connect", &[8, BAD, 10]),
    ("accept", &[10, BAD, PATH]),
    ("accept", &[10, PATH, BAD]),
    ("accept4", &[10, BAD, PATH, 0]),
    ("accept4", &[10, PATH, BAD, 0]),
    ("getsockname", &[7, BAD, PATH]),
    ("getsockname", &[7, PATH, BAD]),
    ("getpeername", &[7, BAD, PATH]),
    ("getpeername", &[7, PATH, BAD]),
    ("setsockopt", &[7, 1, 16, BAD, 4]),
    ("setsockopt", &[7, 1, 20, BAD, 16]),
    ("getsockopt", &[7, 1, 3, BAD, PATH]),
    ("getsockopt", &[7, 1, 3, PATH, BAD]),
    ("sendto", &[7, BAD, 4, 0, 0, 0]),
    ("sendto", &[8, PATH, 4, 0, BAD, 10]),
    ("recvfrom", &[7, BAD, 4, 0, 0, 0]),
    ("recvfrom", &[8, PATH, 0, 2, BAD, PATH]),
    ("recvfrom", &[8, PATH, 0, 2, PATH, BAD]),
    ("sendmsg", &[7, BAD, 0]),
    ("recvmsg", &[7, BAD, 0]),
    ("sendmmsg", &[7, BAD, 1, 0]),
    ("futex_waitv", &[BAD, 1, 0, 0, 0]),
    ("futex_waitv", &[ZEROS, 1, 0, BAD, 0]),
    ("futex_wait", &[BAD_WORD, 0, 1, 2, 0, 0]),
    ("futex_wait", &[ZEROS, 0, 1, 2, BAD, 0]),
    ("futex_wake", &[BAD_WORD, 1, 1, 2]),
    ("futex_requeue", &[BAD, 0, 1, 1]),
    ("process_madvise", &[15, BAD, 1, 20, 0]),
    ("process_vm_readv", &[1, BAD, 1, PATH, 1, 0]),
    ("process_vm_readv", &[1, PATH, 1, BAD, 1, 0]),
    ("process_vm_writev", &[1, BAD, 1, PATH, 1, 0]),
    ("process_vm_writev", &[1, PATH, 1, BAD, 1, 0]),
    ("recvmmsg", &[7, BAD, 1, 0, 0]),
    ("recvmmsg", &[7, PATH, 1, 0x40, BAD]),
    ("setsockopt", &[7, 1, 13, BAD, 8]),
    ("splice", &[4, BAD, 12, 0, 1, 0]),
    ("splice", &[11, 0, 3, BAD, 1, 0]),
    ("vmsplice", &[12, BAD, 1, 0]),
    ("timerfd_settime", &[13, 0, BAD, 0]),
    ("timerfd_settime", &[13, 0, ZEROS, BAD]),
    ("timerfd_gettime", &[13, BAD]),
    ("signalfd", &[u64::MAX, BAD, 8]),
    ("signalfd4", &[u64::MAX, BAD, 8, 0]),
    ("pidfd_send_signal", &[15, 0, BAD, 0]),
    ("epoll_ctl", &[9, 1, 8, BAD]),
    ("epoll_wait", &[9, BAD, 1, 0]),
    ("inotify_add_watch", &[14, BAD, 0x100]),
    ("fsopen", &[BAD, 0]),
    ("fsconfig", &[16, 0, BAD, 0, 0]),
    ("fsconfig", &[16, 1, PATH, BAD, 0]),
    ("fspick", &[CWD, BAD, 0]),
    ("fsconfig", &[16, 2, PATH, BAD, 8]),
    ("fsconfig", &[16, 3, PATH, BAD, CWD]),
    ("open_tree", &[CWD, BAD, 0]),
    ("statmount", &[BAD, ZEROS, 32, 0]),
    ("statmount", &[MOUNT_REQUEST, BAD, 32, 0]),
    ("listmount", &[BAD, ZEROS, 4, 0]),
    ("listmount", &[MOUNTS_REQUEST, BAD, 4, 0]),
    ("open_tree_attr", &[CWD, BAD, 0, 0, 0]),
    ("open_tree_attr", &[CWD, ZEROS, 0x1000, BAD, 32]),
    ("move_mount", &[CWD, BAD, CWD, LINK, 0]),
    ("move_mount", &[CWD, PATH, CWD, BAD, 0]),
    ("mount_setattr", &[CWD, BAD, 0, MOUNT_ATTRIBUTES, 32]),
    ("mount_setattr", &[CWD, PATH, 0, BAD, 32]),
    ("epoll_pwait", &[9, BAD, 1, 0, 0, 8]),
    ("epoll_pwait", &[9, PATH, 1, 0, BAD, 8]),
    ("epoll_pwait2", &[9, BAD, 1, 0, 0, 8]),
    ("epoll_pwait2", &[9, PATH, 1, BAD, 0, 8]),
    ("epoll_pwait2", &[9, PATH, 1, 0, BAD, 8]),
];

/// Addresses that are not walked, since a bad one is not always looked at, or is the program's own affair.
const ELSEWHERE: &[(&str, usize)] = &[
    // Where what is left of a sleep goes that a signal has interrupted.
    ("nanosleep", 1),
    ("clock_nanosleep", 3),
    // What has begun is not undone because its number cannot be written.
    ("clone", 3),
];

/// Fails unless the argument `index` of that call is one of those.
pub fn assert_is_walked(number: u64, index: usize) {
    let name = table::find(number).map_or("unknown", |entry| entry.name);
    let is_walked = |&(other, arguments): &(&str, &[u64])| {
        other == name && arguments.get(index).is_some_and(|argument| [BAD, BAD_WORD].contains(argument))
    };
    let is_known = ADDRESSES.iter().any(is_walked) || ELSEWHERE.contains(&(name, index));
    assert!(is_known, "argument {index} of {name} is an address that is not walked");
}

/// For numbers from 7 on: an end of a stream with bytes to read, datagrams with one that has come from who has a name, an
/// instance of epoll that watches the first, a stream that four have connected to; and what must stay open meanwhile.
fn sockets(machine: &Machine) -> ([Arc<FileObject>; 4], Vec<Arc<FileObject>>) {
    let (owner, none) = (Sender { pid: 1, uid: 0, gid: 0 }, OpenFlags::empty());
    let of = |file: &FileObject| file.stream_as::<SocketStream>().expect("it is a socket").socket().clone();
    let patience = |file: &FileObject| file.stream_as::<SocketStream>().expect("it is one").send_patience(false);
    let send = |by: &FileObject| of(by).send(&mut &b"text"[..], Attached::default(), To::Peer, patience(by));
    let bind = |file| of(file).bind(&machine.manager, &machine.manager.root_context(), Wanted::Any);
    let [stream, writer] = socket::pair(Kind::Stream, none, owner).expect("there is memory");
    let [datagrams, sender] = socket::pair(Kind::Datagram, none, owner).expect("there is memory");
    let listening = socket::open(Kind::Stream, none).expect("there is memory");
    assert_eq!([bind(&sender), bind(&listening), of(&listening).listen(4, owner)], [Ok(()); 3]);
    assert_eq!([send(&writer), send(&sender)], [Ok(4); 2]);
    let mut kept = vec![writer, sender];
    for _ in 0..4 {
        let client = socket::open(Kind::Stream, none).expect("there is memory");
        assert_eq!(of(&client).connect(&of(&listening), owner, patience(&client)), Ok(()));
        kept.push(client);
    }
    let epoll = epoll::open().expect("there is memory");
    let asked = Asked { ready: Ready::READ, events: 1, data: 0, mode: Mode::empty() };
    assert_eq!(epoll.stream_as::<Epoll>().expect("it is one").add(7, &stream, asked), Ok(()));
    ([stream, datagrams, epoll, listening], kept)
}

ktest! {
    /// Null, unmapped, behind the end of what is mapped, of the kernel, of no half, and the last of all; and one whose
    /// first half is mapped and the rest is not.
    fn a_bad_address_is_efault_in_every_call() {
        let machine = Machine::new();
        machine.write("/f", &[b'x'; 100]);
        let root = machine.manager.root_context();
        machine.manager.make_symlink(&root, b"/f", b"/link").expect("it can be made");
        let set = machine.manager.set_xattr(&root, b"/f", b"user.a", b"value", SetXattr::Any, Follow::Yes);
        assert_eq!(set, Ok(()));
        let half = DATA_END - 1;
        for bad in [8, 0x1000, DATA_END, crate::mm::HEAP_START, 1 << 63, u64::MAX - 7, half] {
            let mut program = Program::new();
            let [path, link, attribute] = [&b"/f"[..], b"/link", b"user.a"].map(|text| program.bytes(text));
            let zeros = program.words(&[0; 4]);
            // The process itself, as number 15.
            let own = program.call("getpid", &[]);
            program.call("pidfd_open", &[own.into(), 0.into()]);
            // A file system in the making, as number 16.
            let type_name = program.bytes(b"tmpfs");
            program.call("fsopen", &[type_name.into(), 0.into()]);
            let mount_attributes = program.words(&[1, 0, 0, 0]);
            let root_mount = structures::UNIQUE_MOUNTS + machine.manager.tree().root().id();
            let [mount_request, mounts_request] = [root_mount, u64::MAX].map(|mount| program.words(&[24, mount, 0]));
            let signals = program.words(&[1 << (USR1 - 1)]);
            program.call("rt_sigprocmask", &[0.into(), signals.into(), 0.into(), 8.into()]);
            program.kill_itself(USR1);
            let header = program.words(&[0x2008_0522]);
            let one = program.words(&[1]);
            program.call("setgroups", &[1.into(), one.into()]);
            for _ in 0..2 {
                program.begin("fork", |child| child.exit(0));
            }
            let mut calls = Vec::new();
            for &(name, arguments) in ADDRESSES {
                let address = |&argument: &u64| match argument {
                    BAD => bad,
                    BAD_WORD => bad.next_multiple_of(4),
                    PATH => path,
                    LINK => link,
                    NAME => attribute,
                    ZEROS => zeros,
                    HEADER => header,
                    MOUNT_ATTRIBUTES => mount_attributes,
                    MOUNT_REQUEST => mount_request,
                    MOUNTS_REQUEST => mounts_request,
                    SIGNALS => signals,
                    DEVICE => machine.manager.tree().root().superblock().operations().id().0,
                    other => other,
                };
                let arguments: Vec<Argument> = arguments.iter().map(address).map(Argument::Is).collect();
                // What is there of a text that runs out of the memory has no end.
                program.act(Act::Store, &[(DATA_END - 8).into(), u64::from_le_bytes([b'x'; 8]).into()]);
                calls.push((name, program.call(name, &arguments)));
            }
            machine.write("/program", &program.elf());
            let file = machine.open("/f", OpenFlags::READ).expect("it is there");
            let directory = machine.open("/", OpenFlags::READ).expect("it is there");
            let terminal = unnamed::open_device(devices::CONSOLE, OpenFlags::READ).expect("it is there");
            let ([stream, datagrams, epoll, listening], _kept) = sockets(&machine);
            let [read, write] = pipe::new(OpenFlags::empty()).expect("there is memory");
            let timer = timer::open(1, OpenFlags::empty()).expect("there is memory");
            let watches = watching::open(OpenFlags::empty()).expect("there is memory");
            let more = [file, terminal, directory, stream, datagrams, epoll, listening, read, write, timer, watches];
            let process = machine.start("/program", &["x"], &more).expect("it begins");
            assert_eq!(process.wait(), Ending::Exited(0), "{bad:#x}");
            for (name, call) in calls {
                assert_eq!(machine.result(call), error(EFAULT), "{name} with {bad:#x}");
            }
        }
    }
}
