//! Which number is which call: all names that Linux has, and what answers the call here, if anything does.
//!
//! A row may say which `flags` its call knows, and what is missing (`but`): `docs/linux-abi.md` is made of that.

use vfs::error::Result;

use super::call::Call;
use super::{
    advice, alarms, attributes, beginnings, clocks, credentials, descriptors, events, file_flags, file_handles,
    foreign_memory, futex_rows, futexes, handles, identity, jobs, limits, locks, machine, memory, memory_locks,
    message_rows, messages, mount_numbers, mounting, mounts, names, namespaces, ordering, policies, polling,
    posix_timers, prctl, processes, scheduling, selecting, signals, socket_options, sockets, splicing, system, timers,
    transfer, usage, waiting, watches, xattrs,
};

/// What answers a call.
pub type Function = fn(&mut Call<'_>) -> Result<u64>;

/// A call.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Linux's name for it.
    pub name: &'static str,
    /// What answers it; `None` where it is not there.
    pub function: Option<Function>,
    /// What else is to be said of it, each with a word that says what it is: the `flags` that it knows, and what is
    /// missing (`but`). Without the latter it does all that it does on Linux.
    notes: &'static [(&'static str, &'static str)],
}

/// How much of a call is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// All that programs can tell.
    Supported,
    /// Something is missing, which is said.
    Partial,
    /// Nothing: `ENOSYS`.
    Missing,
}

impl State {
    /// The state in a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::Partial => "partial",
            Self::Missing => "no",
        }
    }
}

impl Entry {
    /// How much of it is there.
    pub fn state(&self) -> State {
        match self.function {
            None => State::Missing,
            Some(_) if self.note("but").is_some() => State::Partial,
            Some(_) => State::Supported,
        }
    }

    /// What is said of it under that word.
    pub fn note(&self, word: &str) -> Option<&'static str> {
        self.notes.iter().find(|(other, _)| *other == word).map(|(_, text)| *text)
    }

    /// The words under which something is said of it.
    #[cfg(test)]
    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        self.notes.iter().map(|(word, _)| *word)
    }
}

/// The call of that number, if Linux has one.
pub fn find(number: u64) -> Option<&'static Entry> {
    let entry = TABLE.get(usize::try_from(number).ok()?)?;
    (!entry.name.is_empty()).then_some(entry)
}

/// What answers the call of that number, if it is there.
pub fn function(number: u64) -> Option<Function> {
    TABLE.get(usize::try_from(number).ok()?)?.function
}

/// All numbers.
pub fn all() -> impl Iterator<Item = (u64, &'static Entry)> {
    TABLE.iter().enumerate().map(|(number, entry)| (number as u64, entry)).filter(|(_, entry)| !entry.name.is_empty())
}

const NUMBERS: usize = 470;

macro_rules! table {
    ($($number:literal $name:ident $($function:path)? $(, $word:ident $note:literal)*;)*) => {
        static TABLE: [Entry; NUMBERS] = {
            let mut table = [Entry { name: "", function: None, notes: &[] }; NUMBERS];
            $(table[$number] = Entry {
                name: stringify!($name),
                function: table!(@function $($function)?),
                notes: &[$((stringify!($word), $note)),*],
            };)*
            table
        };
    };
    (@function) => { None };
    (@function $function:path) => { Some($function) };
}

table! {
    0 read transfer::read;
    1 write transfer::write;
    2 open names::open, flags "O_CREAT O_EXCL O_TRUNC O_APPEND O_NONBLOCK O_DIRECTORY O_NOFOLLOW O_NOATIME O_SYNC O_DSYNC O_DIRECT O_PATH O_TMPFILE O_CLOEXEC";
    3 close descriptors::close;
    4 stat attributes::stat;
    5 fstat attributes::fstat;
    6 lstat attributes::lstat;
    7 poll polling::poll;
    8 lseek transfer::lseek, flags "SEEK_SET SEEK_CUR SEEK_END SEEK_DATA SEEK_HOLE";
    9 mmap memory::mmap, flags "MAP_PRIVATE MAP_SHARED MAP_SHARED_VALIDATE MAP_FIXED MAP_FIXED_NOREPLACE MAP_ANONYMOUS MAP_GROWSDOWN MAP_LOCKED MAP_POPULATE", but "no huge pages; `MAP_GROWSDOWN` grows by 128 MiB";
    10 mprotect memory::mprotect, flags "PROT_READ PROT_WRITE PROT_EXEC";
    11 munmap memory::munmap;
    12 brk memory::brk;
    13 rt_sigaction signals::rt_sigaction, flags "SA_NOCLDSTOP SA_NOCLDWAIT SA_SIGINFO SA_ONSTACK SA_RESTART SA_NODEFER SA_RESETHAND SA_RESTORER";
    14 rt_sigprocmask signals::rt_sigprocmask, flags "SIG_BLOCK SIG_UNBLOCK SIG_SETMASK";
    15 rt_sigreturn signals::rt_sigreturn;
    16 ioctl descriptors::ioctl, flags "TCGETS TCSETS TCSETSW TCSETSF TCGETS2 TCSETS2 TCSETSW2 TCSETSF2 TCSBRK TCSBRKP TCXONC TCFLSH TIOCSCTTY TIOCNOTTY TIOCGPGRP TIOCSPGRP TIOCGSID TIOCGWINSZ TIOCSWINSZ TIOCOUTQ TIOCGETD FIONREAD FIOCLEX FIONCLEX FIONBIO FIOASYNC FICLONE FICLONERANGE FS_IOC_GETFLAGS FS_IOC_SETFLAGS FS_IOC_FSGETXATTR FS_IOC_FSSETXATTR NS_GET_NSTYPE NS_GET_MNTNS_ID NS_GET_ID NS_MNT_GET_INFO NS_MNT_GET_NEXT NS_MNT_GET_PREV", but "nothing else (`ENOTTY`)";
    17 pread64 transfer::pread64;
    18 pwrite64 transfer::pwrite64;
    19 readv transfer::readv;
    20 writev transfer::writev;
    21 access attributes::access;
    22 pipe descriptors::pipe;
    23 select selecting::select;
    24 sched_yield system::sched_yield;
    25 mremap memory::mremap, flags "MREMAP_MAYMOVE MREMAP_FIXED MREMAP_DONTUNMAP";
    26 msync memory::msync, flags "MS_ASYNC MS_INVALIDATE MS_SYNC";
    27 mincore memory::mincore;
    28 madvise advice::madvise, flags "MADV_NORMAL MADV_RANDOM MADV_SEQUENTIAL MADV_WILLNEED MADV_DONTNEED MADV_FREE MADV_REMOVE MADV_DONTFORK MADV_DOFORK MADV_MERGEABLE MADV_UNMERGEABLE MADV_HUGEPAGE MADV_NOHUGEPAGE MADV_DONTDUMP MADV_DODUMP MADV_WIPEONFORK MADV_KEEPONFORK MADV_COLD MADV_PAGEOUT MADV_POPULATE_READ MADV_POPULATE_WRITE MADV_DONTNEED_LOCKED MADV_COLLAPSE MADV_GUARD_INSTALL MADV_GUARD_REMOVE", but "there are no large pages (`MADV_COLLAPSE` is `EINVAL`), and none is made of those that are alike";
    29 shmget;
    30 shmat;
    31 shmctl;
    32 dup descriptors::dup;
    33 dup2 descriptors::dup2;
    34 pause signals::pause;
    35 nanosleep clocks::nanosleep;
    36 getitimer alarms::getitimer, flags "ITIMER_REAL ITIMER_VIRTUAL ITIMER_PROF";
    37 alarm alarms::alarm;
    38 setitimer alarms::setitimer, flags "ITIMER_REAL ITIMER_VIRTUAL ITIMER_PROF";
    39 getpid identity::getpid;
    40 sendfile transfer::sendfile;
    41 socket sockets::socket, flags "SOCK_STREAM SOCK_DGRAM SOCK_SEQPACKET SOCK_NONBLOCK SOCK_CLOEXEC", but "`AF_UNIX` only (`EAFNOSUPPORT`)";
    42 connect sockets::connect;
    43 accept sockets::accept;
    44 sendto messages::sendto, flags "MSG_DONTWAIT MSG_NOSIGNAL", but "no `MSG_OOB` (`EOPNOTSUPP`)";
    45 recvfrom messages::recvfrom, flags "MSG_DONTWAIT MSG_PEEK MSG_TRUNC MSG_WAITALL MSG_CMSG_CLOEXEC", but "no `MSG_OOB`";
    46 sendmsg messages::sendmsg, flags "MSG_DONTWAIT MSG_NOSIGNAL", but "no `MSG_OOB` (`EOPNOTSUPP`)";
    47 recvmsg messages::recvmsg, flags "MSG_DONTWAIT MSG_PEEK MSG_TRUNC MSG_WAITALL MSG_CMSG_CLOEXEC", but "no `MSG_OOB`";
    48 shutdown sockets::shutdown;
    49 bind sockets::bind;
    50 listen sockets::listen;
    51 getsockname sockets::getsockname;
    52 getpeername sockets::getpeername;
    53 socketpair sockets::socketpair, flags "SOCK_STREAM SOCK_DGRAM SOCK_SEQPACKET SOCK_NONBLOCK SOCK_CLOEXEC";
    54 setsockopt socket_options::setsockopt, flags "SO_REUSEADDR SO_BROADCAST SO_SNDBUF SO_RCVBUF SO_KEEPALIVE SO_LINGER SO_PASSCRED SO_RCVLOWAT SO_RCVTIMEO SO_SNDTIMEO SO_PEEK_OFF", but "no other option (`ENOPROTOOPT`)";
    55 getsockopt socket_options::getsockopt, flags "SO_REUSEADDR SO_TYPE SO_ERROR SO_BROADCAST SO_SNDBUF SO_RCVBUF SO_KEEPALIVE SO_LINGER SO_PASSCRED SO_PEERCRED SO_RCVLOWAT SO_SNDLOWAT SO_RCVTIMEO SO_SNDTIMEO SO_ACCEPTCONN SO_PROTOCOL SO_DOMAIN SO_PEEK_OFF", but "no other option (`ENOPROTOOPT`)";
    56 clone beginnings::clone, flags "CLONE_VM CLONE_FS CLONE_FILES CLONE_SIGHAND CLONE_PIDFD CLONE_PTRACE CLONE_VFORK CLONE_PARENT CLONE_THREAD CLONE_NEWNS CLONE_SYSVSEM CLONE_SETTLS CLONE_PARENT_SETTID CLONE_CHILD_CLEARTID CLONE_DETACHED CLONE_UNTRACED CLONE_CHILD_SETTID CLONE_IO", but "a thread shares all (`CLONE_FS`, `CLONE_FILES`) and has no descriptor; no other namespaces (`EINVAL`)";
    57 fork beginnings::fork;
    58 vfork beginnings::vfork;
    59 execve processes::execve;
    60 exit processes::exit;
    61 wait4 waiting::wait4, flags "WNOHANG WUNTRACED WCONTINUED __WNOTHREAD __WALL __WCLONE";
    62 kill signals::kill;
    63 uname machine::uname;
    64 semget;
    65 semop;
    66 semctl;
    67 shmdt;
    68 msgget;
    69 msgsnd;
    70 msgrcv;
    71 msgctl;
    72 fcntl descriptors::fcntl, but "leases on regular files of a tmpfs or an overlay only; a pipe's owner is told of room only when there was none";
    73 flock locks::flock;
    74 fsync transfer::fsync;
    75 fdatasync transfer::fdatasync;
    76 truncate attributes::truncate;
    77 ftruncate attributes::ftruncate;
    78 getdents names::getdents;
    79 getcwd identity::getcwd;
    80 chdir identity::chdir;
    81 fchdir identity::fchdir;
    82 rename names::rename;
    83 mkdir names::mkdir;
    84 rmdir names::rmdir;
    85 creat names::creat;
    86 link names::link;
    87 unlink names::unlink;
    88 symlink names::symlink;
    89 readlink names::readlink;
    90 chmod attributes::chmod;
    91 fchmod attributes::fchmod;
    92 chown attributes::chown;
    93 fchown attributes::fchown;
    94 lchown attributes::lchown;
    95 umask identity::umask;
    96 gettimeofday clocks::gettimeofday;
    97 getrlimit limits::getrlimit;
    98 getrusage usage::getrusage, flags "RUSAGE_SELF RUSAGE_CHILDREN RUSAGE_THREAD";
    99 sysinfo machine::sysinfo;
    100 times usage::times;
    101 ptrace;
    102 getuid credentials::getuid;
    103 syslog machine::syslog, flags "SYSLOG_ACTION_CLOSE SYSLOG_ACTION_OPEN SYSLOG_ACTION_READ_ALL SYSLOG_ACTION_READ_CLEAR SYSLOG_ACTION_CLEAR SYSLOG_ACTION_SIZE_UNREAD SYSLOG_ACTION_SIZE_BUFFER", but "no waiting for what comes, no levels (`EINVAL`)";
    104 getgid credentials::getgid;
    105 setuid credentials::setuid;
    106 setgid credentials::setgid;
    107 geteuid credentials::geteuid;
    108 getegid credentials::getegid;
    109 setpgid jobs::setpgid;
    110 getppid identity::getppid;
    111 getpgrp jobs::getpgrp;
    112 setsid jobs::setsid;
    113 setreuid credentials::setreuid;
    114 setregid credentials::setregid;
    115 getgroups credentials::getgroups;
    116 setgroups credentials::setgroups;
    117 setresuid credentials::setresuid;
    118 getresuid credentials::getresuid;
    119 setresgid credentials::setresgid;
    120 getresgid credentials::getresgid;
    121 getpgid jobs::getpgid;
    122 setfsuid credentials::setfsuid;
    123 setfsgid credentials::setfsgid;
    124 getsid jobs::getsid;
    125 capget credentials::capget;
    126 capset credentials::capset;
    127 rt_sigpending signals::rt_sigpending;
    128 rt_sigtimedwait signals::rt_sigtimedwait;
    129 rt_sigqueueinfo signals::rt_sigqueueinfo;
    130 rt_sigsuspend signals::rt_sigsuspend;
    131 sigaltstack signals::sigaltstack, flags "SS_DISABLE SS_AUTODISARM";
    132 utime attributes::utime;
    133 mknod names::mknod;
    134 uselib;
    135 personality machine::personality, flags "PER_LINUX ADDR_NO_RANDOMIZE", but "no other (`EINVAL`)";
    136 ustat mounts::ustat;
    137 statfs mounts::statfs;
    138 fstatfs mounts::fstatfs;
    139 sysfs;
    140 getpriority scheduling::getpriority, flags "PRIO_PROCESS PRIO_PGRP PRIO_USER";
    141 setpriority scheduling::setpriority, flags "PRIO_PROCESS PRIO_PGRP PRIO_USER";
    142 sched_setparam policies::sched_setparam;
    143 sched_getparam policies::sched_getparam;
    144 sched_setscheduler policies::sched_setscheduler, flags "SCHED_OTHER SCHED_FIFO SCHED_RR SCHED_BATCH SCHED_IDLE SCHED_RESET_ON_FORK", but "no `SCHED_DEADLINE` (`EINVAL`)";
    145 sched_getscheduler policies::sched_getscheduler;
    146 sched_get_priority_max policies::sched_get_priority_max;
    147 sched_get_priority_min policies::sched_get_priority_min;
    148 sched_rr_get_interval policies::sched_rr_get_interval;
    149 mlock memory_locks::mlock;
    150 munlock memory_locks::munlock;
    151 mlockall memory_locks::mlockall;
    152 munlockall memory_locks::munlockall;
    153 vhangup;
    154 modify_ldt;
    155 pivot_root mounts::pivot_root;
    156 _sysctl;
    157 prctl prctl::prctl, flags "PR_SET_PDEATHSIG PR_GET_PDEATHSIG PR_GET_KEEPCAPS PR_SET_KEEPCAPS PR_GET_TIMING PR_SET_TIMING PR_SET_NAME PR_GET_NAME PR_CAPBSET_READ PR_CAPBSET_DROP PR_GET_TSC PR_SET_TSC PR_GET_SECUREBITS PR_SET_SECUREBITS PR_SET_TIMERSLACK PR_GET_TIMERSLACK PR_SET_CHILD_SUBREAPER PR_GET_CHILD_SUBREAPER PR_SET_NO_NEW_PRIVS PR_GET_NO_NEW_PRIVS PR_GET_TID_ADDRESS PR_CAP_AMBIENT", but "nothing else (`EINVAL`); the time-stamp counter cannot be kept from a program";
    158 arch_prctl system::arch_prctl, flags "ARCH_SET_GS ARCH_SET_FS ARCH_GET_FS ARCH_GET_GS ARCH_GET_CPUID ARCH_SET_CPUID", but "nothing else (`EINVAL`)";
    159 adjtimex clocks::adjtimex, but "the clock is told of, not made faster or slower (`EINVAL`)";
    160 setrlimit limits::setrlimit, but "as `prlimit64`";
    161 chroot mounts::chroot;
    162 sync mounts::sync;
    163 acct;
    164 settimeofday clocks::settimeofday, but "the time zone is not kept";
    165 mount mounts::mount, flags "MS_RDONLY MS_NOSUID MS_NODEV MS_NOEXEC MS_SYNCHRONOUS MS_MANDLOCK MS_DIRSYNC MS_NOSYMFOLLOW MS_NOATIME MS_NODIRATIME MS_RELATIME MS_STRICTATIME MS_LAZYTIME MS_REMOUNT MS_BIND MS_MOVE MS_REC MS_SILENT MS_PRIVATE MS_SLAVE MS_SHARED MS_UNBINDABLE", but "file systems: `tmpfs`, `overlay`, `proc`, `devfs`, `cpio`";
    166 umount2 mounts::umount2, flags "MNT_FORCE MNT_DETACH MNT_EXPIRE UMOUNT_NOFOLLOW";
    167 swapon;
    168 swapoff;
    169 reboot system::reboot, flags "LINUX_REBOOT_CMD_RESTART LINUX_REBOOT_CMD_RESTART2 LINUX_REBOOT_CMD_HALT LINUX_REBOOT_CMD_POWER_OFF LINUX_REBOOT_CMD_CAD_ON LINUX_REBOOT_CMD_CAD_OFF", but "`HALT` switches off too";
    170 sethostname machine::sethostname;
    171 setdomainname machine::setdomainname;
    172 iopl;
    173 ioperm;
    174 create_module;
    175 init_module;
    176 delete_module;
    177 get_kernel_syms;
    178 query_module;
    179 quotactl;
    180 nfsservctl;
    181 getpmsg;
    182 putpmsg;
    183 afs_syscall;
    184 tuxcall;
    185 security;
    186 gettid identity::gettid;
    187 readahead transfer::readahead;
    188 setxattr xattrs::setxattr, flags "XATTR_CREATE XATTR_REPLACE";
    189 lsetxattr xattrs::lsetxattr, flags "XATTR_CREATE XATTR_REPLACE";
    190 fsetxattr xattrs::fsetxattr, flags "XATTR_CREATE XATTR_REPLACE";
    191 getxattr xattrs::getxattr;
    192 lgetxattr xattrs::lgetxattr;
    193 fgetxattr xattrs::fgetxattr;
    194 listxattr xattrs::listxattr;
    195 llistxattr xattrs::llistxattr;
    196 flistxattr xattrs::flistxattr;
    197 removexattr xattrs::removexattr;
    198 lremovexattr xattrs::lremovexattr;
    199 fremovexattr xattrs::fremovexattr;
    200 tkill signals::tkill;
    201 time clocks::time;
    202 futex futexes::futex, flags "FUTEX_WAIT FUTEX_WAKE FUTEX_REQUEUE FUTEX_CMP_REQUEUE FUTEX_WAKE_OP FUTEX_LOCK_PI FUTEX_UNLOCK_PI FUTEX_TRYLOCK_PI FUTEX_WAIT_BITSET FUTEX_WAKE_BITSET FUTEX_WAIT_REQUEUE_PI FUTEX_CMP_REQUEUE_PI FUTEX_LOCK_PI2 FUTEX_PRIVATE_FLAG FUTEX_CLOCK_REALTIME", but "nobody is lent a priority: who waits gets a lock in the order of coming";
    203 sched_setaffinity scheduling::sched_setaffinity, but "there is one processor, which must be among those asked for";
    204 sched_getaffinity system::sched_getaffinity;
    205 set_thread_area;
    206 io_setup;
    207 io_destroy;
    208 io_getevents;
    209 io_submit;
    210 io_cancel;
    211 get_thread_area;
    212 lookup_dcookie;
    213 epoll_create events::epoll_create;
    214 epoll_ctl_old;
    215 epoll_wait_old;
    216 remap_file_pages memory::remap_file_pages;
    217 getdents64 names::getdents64;
    218 set_tid_address system::set_tid_address;
    219 restart_syscall clocks::restart_syscall;
    220 semtimedop;
    221 fadvise64 transfer::fadvise64, flags "POSIX_FADV_NORMAL POSIX_FADV_RANDOM POSIX_FADV_SEQUENTIAL POSIX_FADV_WILLNEED POSIX_FADV_DONTNEED POSIX_FADV_NOREUSE";
    222 timer_create posix_timers::timer_create, flags "SIGEV_SIGNAL SIGEV_NONE SIGEV_THREAD SIGEV_THREAD_ID";
    223 timer_settime posix_timers::timer_settime, flags "TIMER_ABSTIME";
    224 timer_gettime posix_timers::timer_gettime;
    225 timer_getoverrun posix_timers::timer_getoverrun;
    226 timer_delete posix_timers::timer_delete;
    227 clock_settime clocks::clock_settime, flags "CLOCK_REALTIME";
    228 clock_gettime clocks::clock_gettime, flags "CLOCK_REALTIME CLOCK_MONOTONIC CLOCK_PROCESS_CPUTIME_ID CLOCK_THREAD_CPUTIME_ID CLOCK_MONOTONIC_RAW CLOCK_REALTIME_COARSE CLOCK_MONOTONIC_COARSE CLOCK_BOOTTIME CLOCK_TAI";
    229 clock_getres clocks::clock_getres;
    230 clock_nanosleep clocks::clock_nanosleep, flags "TIMER_ABSTIME";
    231 exit_group processes::exit_group;
    232 epoll_wait events::epoll_wait;
    233 epoll_ctl events::epoll_ctl, flags "EPOLLIN EPOLLOUT EPOLLPRI EPOLLRDHUP EPOLLERR EPOLLHUP EPOLLET EPOLLONESHOT EPOLLWAKEUP EPOLLEXCLUSIVE", but "one may watch 500 others, one that is watched 8 (`EINVAL`)";
    234 tgkill signals::tgkill;
    235 utimes attributes::utimes;
    236 vserver;
    237 mbind;
    238 set_mempolicy;
    239 get_mempolicy;
    240 mq_open;
    241 mq_unlink;
    242 mq_timedsend;
    243 mq_timedreceive;
    244 mq_notify;
    245 mq_getsetattr;
    246 kexec_load;
    247 waitid waiting::waitid, flags "WNOHANG WSTOPPED WEXITED WCONTINUED WNOWAIT __WNOTHREAD __WALL __WCLONE";
    248 add_key;
    249 request_key;
    250 keyctl;
    251 ioprio_set scheduling::ioprio_set, flags "IOPRIO_WHO_PROCESS IOPRIO_WHO_PGRP IOPRIO_WHO_USER", but "there are no disks: a claim is checked and forgotten";
    252 ioprio_get scheduling::ioprio_get, flags "IOPRIO_WHO_PROCESS IOPRIO_WHO_PGRP IOPRIO_WHO_USER", but "always none";
    253 inotify_init watches::inotify_init;
    254 inotify_add_watch watches::inotify_add_watch;
    255 inotify_rm_watch watches::inotify_rm_watch;
    256 migrate_pages;
    257 openat names::openat, flags "O_CREAT O_EXCL O_TRUNC O_APPEND O_NONBLOCK O_DIRECTORY O_NOFOLLOW O_NOATIME O_SYNC O_DSYNC O_DIRECT O_PATH O_TMPFILE O_CLOEXEC";
    258 mkdirat names::mkdirat;
    259 mknodat names::mknodat;
    260 fchownat attributes::fchownat, flags "AT_SYMLINK_NOFOLLOW AT_EMPTY_PATH";
    261 futimesat attributes::futimesat;
    262 newfstatat attributes::newfstatat, flags "AT_SYMLINK_NOFOLLOW AT_NO_AUTOMOUNT AT_EMPTY_PATH";
    263 unlinkat names::unlinkat, flags "AT_REMOVEDIR";
    264 renameat names::renameat;
    265 linkat names::linkat, flags "AT_SYMLINK_FOLLOW AT_EMPTY_PATH";
    266 symlinkat names::symlinkat;
    267 readlinkat names::readlinkat;
    268 fchmodat attributes::fchmodat;
    269 faccessat attributes::faccessat;
    270 pselect6 selecting::pselect6;
    271 ppoll polling::ppoll;
    272 unshare namespaces::unshare, flags "CLONE_VM CLONE_FS CLONE_FILES CLONE_SIGHAND CLONE_THREAD CLONE_NEWNS CLONE_SYSVSEM", but "not by one of several threads; no other namespaces (`EINVAL`)";
    273 set_robust_list futexes::set_robust_list;
    274 get_robust_list futexes::get_robust_list;
    275 splice splicing::splice;
    276 tee splicing::tee;
    277 sync_file_range transfer::sync_file_range;
    278 vmsplice splicing::vmsplice;
    279 move_pages;
    280 utimensat attributes::utimensat, flags "AT_SYMLINK_NOFOLLOW AT_EMPTY_PATH";
    281 epoll_pwait events::epoll_pwait;
    282 signalfd handles::signalfd;
    283 timerfd_create timers::timerfd_create;
    284 eventfd events::eventfd;
    285 fallocate attributes::fallocate, flags "FALLOC_FL_KEEP_SIZE FALLOC_FL_PUNCH_HOLE FALLOC_FL_ZERO_RANGE";
    286 timerfd_settime timers::timerfd_settime;
    287 timerfd_gettime timers::timerfd_gettime;
    288 accept4 sockets::accept4;
    289 signalfd4 handles::signalfd4;
    290 eventfd2 events::eventfd2;
    291 epoll_create1 events::epoll_create1;
    292 dup3 descriptors::dup3, flags "O_CLOEXEC";
    293 pipe2 descriptors::pipe2, flags "O_CLOEXEC O_NONBLOCK";
    294 inotify_init1 watches::inotify_init1;
    295 preadv transfer::preadv;
    296 pwritev transfer::pwritev;
    297 rt_tgsigqueueinfo signals::rt_tgsigqueueinfo;
    298 perf_event_open;
    299 recvmmsg message_rows::recvmmsg, flags "MSG_DONTWAIT MSG_PEEK MSG_TRUNC MSG_WAITALL MSG_CMSG_CLOEXEC MSG_WAITFORONE", but "no `MSG_OOB`";
    300 fanotify_init;
    301 fanotify_mark;
    302 prlimit64 limits::prlimit64, flags "RLIMIT_CPU RLIMIT_FSIZE RLIMIT_DATA RLIMIT_STACK RLIMIT_CORE RLIMIT_NPROC RLIMIT_NOFILE RLIMIT_MEMLOCK RLIMIT_AS RLIMIT_NICE", but "a stack grows to 128 MiB at most; the other limits are kept and have no effect";
    303 name_to_handle_at file_handles::name_to_handle_at, flags "AT_SYMLINK_FOLLOW AT_EMPTY_PATH AT_HANDLE_FID AT_HANDLE_MNT_ID_UNIQUE AT_HANDLE_CONNECTABLE", but "only a tmpfs, and an overlay with `nfs_export=on`, have handles to open files by; no file of `memfd_create` has one";
    304 open_by_handle_at file_handles::open_by_handle_at;
    305 clock_adjtime clocks::clock_adjtime, but "as `adjtimex`";
    306 syncfs mounts::syncfs;
    307 sendmmsg message_rows::sendmmsg, flags "MSG_DONTWAIT MSG_NOSIGNAL", but "no `MSG_OOB` (`EOPNOTSUPP`)";
    308 setns namespaces::setns, flags "CLONE_NEWNS", but "no other namespaces (`EINVAL`)";
    309 getcpu system::getcpu;
    310 process_vm_readv foreign_memory::process_vm_readv;
    311 process_vm_writev foreign_memory::process_vm_writev;
    312 kcmp;
    313 finit_module;
    314 sched_setattr policies::sched_setattr, flags "SCHED_FLAG_RESET_ON_FORK SCHED_FLAG_KEEP_POLICY SCHED_FLAG_KEEP_PARAMS", but "no `SCHED_DEADLINE` (`EINVAL`)";
    315 sched_getattr policies::sched_getattr;
    316 renameat2 names::renameat2, flags "RENAME_NOREPLACE RENAME_EXCHANGE RENAME_WHITEOUT";
    317 seccomp;
    318 getrandom system::getrandom, flags "GRND_NONBLOCK GRND_RANDOM GRND_INSECURE";
    319 memfd_create memory::memfd_create, flags "MFD_CLOEXEC MFD_ALLOW_SEALING MFD_NOEXEC_SEAL MFD_EXEC", but "no huge pages (`EINVAL`)";
    320 kexec_file_load;
    321 bpf;
    322 execveat processes::execveat, flags "AT_SYMLINK_NOFOLLOW AT_EMPTY_PATH AT_EXECVE_CHECK";
    323 userfaultfd;
    324 membarrier ordering::membarrier;
    325 mlock2 memory_locks::mlock2;
    326 copy_file_range transfer::copy_file_range;
    327 preadv2 transfer::preadv2;
    328 pwritev2 transfer::pwritev2;
    329 pkey_mprotect;
    330 pkey_alloc;
    331 pkey_free;
    332 statx attributes::statx, flags "AT_SYMLINK_NOFOLLOW AT_NO_AUTOMOUNT AT_EMPTY_PATH AT_STATX_FORCE_SYNC AT_STATX_DONT_SYNC";
    333 io_pgetevents;
    334 rseq ordering::rseq;
    424 pidfd_send_signal handles::pidfd_send_signal;
    425 io_uring_setup;
    426 io_uring_enter;
    427 io_uring_register;
    428 open_tree mounting::open_tree, flags "OPEN_TREE_CLONE OPEN_TREE_CLOEXEC AT_RECURSIVE AT_EMPTY_PATH AT_SYMLINK_NOFOLLOW AT_NO_AUTOMOUNT";
    429 move_mount mounting::move_mount, flags "MOVE_MOUNT_F_SYMLINKS MOVE_MOUNT_F_AUTOMOUNTS MOVE_MOUNT_F_EMPTY_PATH MOVE_MOUNT_T_SYMLINKS MOVE_MOUNT_T_AUTOMOUNTS MOVE_MOUNT_T_EMPTY_PATH MOVE_MOUNT_SET_GROUP MOVE_MOUNT_BENEATH";
    430 fsopen mounting::fsopen, flags "FSOPEN_CLOEXEC";
    431 fsconfig mounting::fsconfig, flags "FSCONFIG_SET_FLAG FSCONFIG_SET_STRING FSCONFIG_SET_BINARY FSCONFIG_SET_PATH FSCONFIG_SET_PATH_EMPTY FSCONFIG_SET_FD FSCONFIG_CMD_CREATE FSCONFIG_CMD_RECONFIGURE FSCONFIG_CMD_CREATE_EXCL";
    432 fsmount mounting::fsmount, flags "FSMOUNT_CLOEXEC";
    433 fspick mounting::fspick, flags "FSPICK_CLOEXEC FSPICK_SYMLINK_NOFOLLOW FSPICK_NO_AUTOMOUNT FSPICK_EMPTY_PATH";
    434 pidfd_open handles::pidfd_open;
    435 clone3 beginnings::clone3, flags "CLONE_VM CLONE_FS CLONE_FILES CLONE_SIGHAND CLONE_PIDFD CLONE_PTRACE CLONE_VFORK CLONE_PARENT CLONE_THREAD CLONE_NEWNS CLONE_SYSVSEM CLONE_SETTLS CLONE_PARENT_SETTID CLONE_CHILD_CLEARTID CLONE_UNTRACED CLONE_CHILD_SETTID CLONE_IO CLONE_CLEAR_SIGHAND", but "as `clone`; no `CLONE_INTO_CGROUP` (`EINVAL`)";
    436 close_range descriptors::close_range, flags "CLOSE_RANGE_UNSHARE CLOSE_RANGE_CLOEXEC", but "`CLOSE_RANGE_UNSHARE` not by one of several threads (`EINVAL`)";
    437 openat2 names::openat2, flags "RESOLVE_NO_XDEV RESOLVE_NO_MAGICLINKS RESOLVE_NO_SYMLINKS RESOLVE_BENEATH RESOLVE_IN_ROOT RESOLVE_CACHED";
    438 pidfd_getfd handles::pidfd_getfd;
    439 faccessat2 attributes::faccessat2, flags "AT_EACCESS AT_SYMLINK_NOFOLLOW AT_EMPTY_PATH";
    440 process_madvise advice::process_madvise, but "as `madvise`";
    441 epoll_pwait2 events::epoll_pwait2;
    442 mount_setattr mounting::mount_setattr, flags "AT_EMPTY_PATH AT_RECURSIVE AT_SYMLINK_NOFOLLOW AT_NO_AUTOMOUNT", but "users are never mapped (`EINVAL`)";
    443 quotactl_fd;
    444 landlock_create_ruleset;
    445 landlock_add_rule;
    446 landlock_restrict_self;
    447 memfd_secret;
    448 process_mrelease;
    449 futex_waitv futex_rows::futex_waitv, flags "FUTEX2_SIZE_U32 FUTEX2_PRIVATE", but "no words of a memory node";
    450 set_mempolicy_home_node;
    451 cachestat transfer::cachestat;
    452 fchmodat2 attributes::fchmodat2;
    453 map_shadow_stack;
    454 futex_wake futex_rows::futex_wake, flags "FUTEX2_SIZE_U32 FUTEX2_PRIVATE", but "as `futex_waitv`";
    455 futex_wait futex_rows::futex_wait, flags "FUTEX2_SIZE_U32 FUTEX2_PRIVATE", but "as `futex_waitv`";
    456 futex_requeue futex_rows::futex_requeue, flags "FUTEX2_SIZE_U32 FUTEX2_PRIVATE", but "as `futex_waitv`";
    457 statmount mount_numbers::statmount;
    458 listmount mount_numbers::listmount, flags "LISTMOUNT_REVERSE";
    459 lsm_get_self_attr;
    460 lsm_set_self_attr;
    461 lsm_list_modules;
    462 mseal memory::mseal;
    463 setxattrat xattrs::setxattrat, flags "AT_SYMLINK_NOFOLLOW AT_EMPTY_PATH XATTR_CREATE XATTR_REPLACE";
    464 getxattrat xattrs::getxattrat, flags "AT_SYMLINK_NOFOLLOW AT_EMPTY_PATH";
    465 listxattrat xattrs::listxattrat, flags "AT_SYMLINK_NOFOLLOW AT_EMPTY_PATH";
    466 removexattrat xattrs::removexattrat, flags "AT_SYMLINK_NOFOLLOW AT_EMPTY_PATH";
    467 open_tree_attr mounting::open_tree_attr, flags "OPEN_TREE_CLONE OPEN_TREE_CLOEXEC AT_RECURSIVE AT_EMPTY_PATH AT_SYMLINK_NOFOLLOW AT_NO_AUTOMOUNT", but "as `mount_setattr`";
    468 file_getattr file_flags::file_getattr, flags "AT_SYMLINK_NOFOLLOW AT_EMPTY_PATH";
    469 file_setattr file_flags::file_setattr, flags "AT_SYMLINK_NOFOLLOW AT_EMPTY_PATH";
}
