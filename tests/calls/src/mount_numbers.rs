//! Mounts by their numbers (`statmount`, `listmount`, `statx`), and namespaces by theirs, below the current directory.

use std::fs;

use crate::mounts::{CLONE, CWD, RECURSIVE, close, set};
use crate::{Answer, at, call, text};

const SYS_STATMOUNT: libc::c_long = 457;
const SYS_LISTMOUNT: libc::c_long = 458;

/// In place of a mount: the root of who asks.
const ROOT: u64 = u64::MAX;
const REVERSE: u32 = 1;

/// All that can be asked, without the number of the namespace and what is supported.
const ALL: u64 = 0x6fbf;
const TEXTS: u64 = 0x6fb8;

const HEADER: usize = 512;

type Request = [u64; 4];

/// A request: of a mount, with a parameter, in a namespace; of the size that has one.
fn request(mount: u64, parameter: u64, namespace: u64) -> Request {
    [32, mount, parameter, namespace]
}

fn ask(mut request: Request, buffer: &mut [u8], flags: u32) -> Answer {
    let arguments = [at(&mut request), at(buffer), buffer.len(), flags as usize, 0, 0];
    // SAFETY: as the head of this program says.
    unsafe { crate::raw(SYS_STATMOUNT, arguments) }
}

fn list(mut request: Request, numbers: &mut [u64], flags: u32) -> Answer {
    let arguments = [at(&mut request), at(numbers), numbers.len(), flags as usize, 0, 0];
    // SAFETY: as the head of this program says.
    unsafe { crate::raw(SYS_LISTMOUNT, arguments) }
}

/// Both numbers of the mount that a path is on.
fn numbers(path: &str) -> [u64; 2] {
    [0x1000, 0x4000].map(|which| {
        let mut buffer = [0u64; 32];
        call!(SYS_statx, CWD, text(path), 0, which, at(&mut buffer));
        if buffer[0] & which == 0 { 0 } else { buffer[18] }
    })
}

fn number(path: &str) -> u64 {
    numbers(path)[1]
}

fn half(buffer: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(buffer[at..at + 4].try_into().unwrap_or_default())
}

fn word(buffer: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(buffer[at..at + 8].try_into().unwrap_or_default())
}

/// All that there is to say of a mount, but for numbers that differ from one machine to the next.
fn tell(path: &str, asked: u64) {
    let mut buffer = [0u8; 4096];
    let mount = number(path);
    let answer = ask(request(mount, asked, 0), &mut buffer, 0);
    let told = word(&buffer, 8);
    println!("{path:?}: {answer}, {told:#x} of {asked:#x}, {} bytes", half(&buffer, 0));
    let [old, unique] = numbers(path);
    let parents = (half(&buffer, 60), word(&buffer, 48));
    let above = numbers(&format!("{path}/.."));
    println!(
        "  flags {:#x}, attributes {:#x}, propagation {:#x}; itself {}, above {}",
        half(&buffer, 32),
        word(&buffer, 64),
        word(&buffer, 72),
        (u64::from(half(&buffer, 56)), word(&buffer, 40)) == (old, unique),
        (u64::from(parents.0), parents.1) == (above[0], above[1]),
    );
    let size = (half(&buffer, 0) as usize).max(HEADER);
    for (name, at) in [("type", 36), ("root", 104), ("point", 108), ("options", 4), ("each", 132), ("source", 124)] {
        let from = HEADER + half(&buffer, at) as usize;
        let text = buffer[from..size].split(|byte| *byte == 0).next().unwrap_or_default();
        println!("  {name} at {}: {:?}", half(&buffer, at), String::from_utf8_lossy(text));
    }
    let others = [120, 136, 140, 152, 156, 160, 164].map(|at| half(&buffer, at));
    println!("  {} options; others {others:?}", half(&buffer, 128));
}

fn mount(source: &str, path: &str, kind: &str, flags: u64, options: &str) {
    let options = if options.is_empty() { 0 } else { text(options) };
    let answer = call!(SYS_mount, text(source), text(path), text(kind), flags, options);
    println!("mount {source:?} on {path:?} {answer}");
}

/// What there is to say of mounts of all kinds.
fn told() {
    for name in ["n", "n/a b", "n/c\nd", "n/e,f", "n/g\\h"] {
        println!("mkdir {name:?} {}", fs::create_dir(name).is_ok());
        let flags = libc::MS_RDONLY | libc::MS_NOSUID | libc::MS_NOATIME | libc::MS_SYNCHRONOUS | libc::MS_LAZYTIME;
        match name {
            "n" => mount("n", name, "tmpfs", 0, ""),
            "n/a b" => mount("s p,\\ace\n", name, "tmpfs", flags, "size=1m,nr_inodes=5,mode=700"),
            _ => {}
        }
    }
    let strict = libc::MS_NODEV | libc::MS_NOEXEC | libc::MS_NODIRATIME | libc::MS_STRICTATIME | libc::MS_DIRSYNC;
    mount("strict", "n/e,f", "tmpfs", strict | libc::MS_NOSYMFOLLOW, "size=8k,nr_inodes=9,mode=755");
    mount("", "n/c\nd", "tmpfs", libc::MS_RELATIME, "size=4k,nr_inodes=7,uid=3");
    for path in ["n/a b", "n/e,f", "n/c\nd"] {
        tell(path, ALL);
    }
    println!("mkdir {} {}", fs::create_dir("n/c\nd/sub").is_ok(), fs::create_dir("n/x").is_ok());
    mount("n/c\nd/sub", "n/x", "", libc::MS_BIND, "");
    tell("n/x", ALL);
    mount("proc", "n/x", "proc", 0, "");
    tell("n/x", ALL);
    println!("umount {}", call!(SYS_umount2, text("n/x"), 0));
    for kind in [1 << 20, 1 << 19, 1 << 17, 1 << 18] {
        println!("propagation {}", set("n/x", 0, [0, 0, kind, 0]));
        tell("n/x", 7);
    }
    for bit in 0..16 {
        tell("n/a b", 1 << bit);
    }
    tell("n/a b", 0);
    tell("n/a b", u64::MAX << 16);
}

/// Who gets from whom, and what of it can be seen.
fn groups() {
    println!("shared {}", set("n/x", 0, [0, 0, 1 << 20, 0]));
    println!("mkdir {}", fs::create_dir("n/y").is_ok());
    mount("n/x", "n/y", "", libc::MS_BIND, "");
    println!("slave {}", set("n/y", 0, [0, 0, 1 << 19, 0]));
    let links = |path: &str| {
        let mut buffer = [0u8; HEADER];
        let answer = ask(request(number(path), 6, 0), &mut buffer, 0);
        (answer, [80, 88, 96].map(|at| word(&buffer, at)))
    };
    let (x, y) = (links("n/x"), links("n/y"));
    println!("{} {} {:?}", x.0, y.0, (x.1[0] != 0, x.1[1], x.1[2], y.1[0], y.1[1] == x.1[0], y.1[2] == x.1[0]));
    println!("umount {}", call!(SYS_umount2, text("n/y"), 0));
}

/// Requests, sizes and room, good and bad.
fn sizes() {
    let mount = number("n/a b");
    let mut buffer = [0u8; 4096];
    println!("whole {}", ask(request(mount, TEXTS, 0), &mut buffer, 0));
    let whole = half(&buffer, 0) as usize;
    for room in [0, 4, 8, 511, 512, 513, whole - 1, whole, whole + 1] {
        let answers = [3, 0x1000, 0x100, TEXTS].map(|asked| ask(request(mount, asked, 0), &mut buffer[..room], 0));
        println!("room {} {answers:?}", if room < HEADER { room.to_string() } else { format!("{}", room >= whole) });
    }
    for room in [16, 511, 512, 600] {
        buffer.fill(7);
        let answer = ask(request(mount, 3, 0), &mut buffer[..room], 0);
        println!("room {room} {answer} says {} and so is {}", half(&buffer, 0), buffer[room.min(HEADER)]);
    }
    for size in [0u64, 16, 23, 24, 25, 31, 32, 33, 40, 4096, 4097] {
        let mut long = [0u64; 600];
        long[..4].copy_from_slice(&[size, mount, 3, 0]);
        let answers = [0, 1].map(|newer| {
            long[4] = newer;
            let arguments = [at(&mut long), at(&mut buffer), 512, 0, 0, 0];
            // SAFETY: as the head of this program says.
            unsafe { crate::raw(SYS_STATMOUNT, arguments) }
        });
        println!("size {size} {answers:?}");
    }
    for mount in [0, 5, 1 << 31, (1 << 31) + 1, 1 << 40, ROOT] {
        println!("mount {mount:#x} {}", ask(request(mount, 3, 0), &mut buffer, 0));
    }
    println!("flags {} {}", ask(request(mount, 3, 0), &mut buffer, 1), ask(request(5, 3, 0), &mut buffer, 2));
    println!("unmounted {}", {
        let gone = call!(SYS_open_tree, CWD, text("n/a b"), CLONE);
        let mut found = [0u64; 32];
        call!(SYS_statx, gone, text(""), 0x1000, 0x4000, at(&mut found));
        let answer = ask(request(found[18], 3, 0), &mut buffer, 0);
        close(gone);
        answer
    });
}

/// Lists: of all, of those below one, in pieces, and backwards.
fn lists() {
    let mut room = [0u64; 200];
    let all = list(request(ROOT, 0, 0), &mut room, 0);
    let count = usize::try_from(all).unwrap_or(0);
    let forward = room[..count].to_vec();
    println!("all in order {}", count > 3 && forward.is_sorted());
    let lines = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default().lines().count();
    println!("as many as are shown {} and the root {}", count == lines, forward.contains(&number("/")));
    let answer = list(request(ROOT, 0, 0), &mut room, REVERSE);
    let mut backward = room[..usize::try_from(answer).unwrap_or(0)].to_vec();
    backward.reverse();
    println!("backwards {}", backward == forward);
    let mut pieces = Vec::new();
    loop {
        let answer = list(request(ROOT, pieces.last().copied().unwrap_or(0), 0), &mut room[..3], 0);
        match usize::try_from(answer) {
            Ok(0) => break,
            Ok(more) => pieces.extend_from_slice(&room[..more]),
            Err(_) => break println!("{answer}"),
        }
    }
    println!("in pieces {}", pieces == forward);
    let behind = list(request(ROOT, forward[count - 2], 0), &mut room, 0);
    println!("behind {behind} {}", room[0] == forward[count - 1]);
    let before = list(request(ROOT, forward[1], 0), &mut room, REVERSE);
    println!("before {before} {}", room[0] == forward[0]);
    let names = ["n/a b", "n/e,f", "n/c\nd", "n/x"].map(number);
    let below = list(request(number("n"), 0, 0), &mut room, 0);
    println!("below {below} {:?}", names.map(|name| room[..4].iter().position(|one| *one == name)));
    println!("of one without {}", list(request(number("n/x"), 0, 0), &mut room, 0));
    let tries = [(5, 0), (1 << 40, 0), (ROOT, 5), (ROOT, 1 << 31), (ROOT, 1 << 40), (0, 0)];
    println!("{:?}", tries.map(|(mount, last)| list(request(mount, last, 0), &mut room, 0)));
    println!("{} {}", list(request(ROOT, 0, 0), &mut [], 0), list(request(ROOT, 0, 0), &mut room, 2));
    for size in [0u64, 23, 24, 4097] {
        println!("size {size} {}", list([size, ROOT, 0, 0], &mut room, 0).min(1));
    }
    let mut all = request(ROOT, 0, 0);
    let many = [at(&mut all), at(&mut room), 1_000_001, 0, 0, 0];
    // SAFETY: as the head of this program says: it is refused.
    println!("too many {}", unsafe { crate::raw(SYS_LISTMOUNT, many) });
}

/// The number of the namespace that a file stands for.
fn namespace_of(file: i64) -> u64 {
    let mut number = [0u64];
    call!(SYS_ioctl, file, 0x8008_b705u32, at(&mut number));
    number[0]
}

fn namespace_file() -> i64 {
    call!(SYS_openat, CWD, text("/proc/self/ns/mnt"), 0)
}

/// Does something in a process of its own.
fn apart(act: impl FnOnce()) {
    let child = call!(SYS_fork);
    if child == 0 {
        act();
        call!(SYS_exit_group, 0);
    }
    println!("apart {}", call!(SYS_wait4, child, 0, 0, 0) == child);
}

/// Other namespaces, by numbers and by files; the last leaves the one it began in.
fn namespaces() {
    let mut buffer = [0u8; HEADER];
    let mut room = [0u64; 200];
    let first = namespace_file();
    let number_of_first = namespace_of(first);
    let mount = number("n/x");
    println!("told {}", ask(request(mount, 0x40, 0), &mut buffer, 0));
    println!("as asked {}", word(&buffer, 112) == number_of_first && number_of_first != 0);
    let mut info = [0u64; 2];
    println!("type {:#x}", call!(SYS_ioctl, first, 0xb703));
    println!("id {} {}", call!(SYS_ioctl, first, 0x8008_b70du32, at(&mut info)), info[0] == number_of_first);
    info = [16, 0];
    println!("info {}", call!(SYS_ioctl, first, 0x8010_b70au32, at(&mut info)));
    let count = info[0] >> 32;
    println!("{} {}", info[0] & 0xffff_ffff, info[1] == number_of_first);
    println!(
        "bad info {} {} {}",
        call!(SYS_ioctl, first, 0x8008_b70au32, at(&mut info)),
        call!(SYS_ioctl, first, 0x8010_b70au32, 0),
        call!(SYS_ioctl, first, 0x8010_b70eu32, at(&mut info)),
    );
    println!("unshare {}", call!(SYS_unshare, libc::CLONE_NEWNS));
    let second = namespace_file();
    println!("another {}", ![0, number_of_first].contains(&namespace_of(second)));
    let by_number = |mount, asked, number| ask(request(mount, asked, number), &mut [0; 4096], 0);
    println!("there {} here {}", by_number(mount, ALL, number_of_first), by_number(mount, ALL, 0));
    let by_file = |file: i64, namespace, mount| {
        let mut request = request(mount, ALL, namespace);
        request[0] |= (file as u64) << 32;
        request
    };
    let mut long = [0u8; 4096];
    println!("by file {}", ask(by_file(first, 0, mount), &mut long, 0));
    let from = HEADER + half(&long, 108) as usize;
    println!("at {}", long[from..].split(|byte| *byte == 0).next().is_some_and(|path| path.ends_with(b"/tmp/n/x")));
    println!(
        "bad files {} {} {}",
        ask(by_file(99, 0, mount), &mut long, 0),
        ask(by_file(1, 0, mount), &mut long, 0),
        ask(by_file(first, number_of_first, mount), &mut long, 0),
    );
    println!("no such {} {}", by_number(mount, 3, 1 << 60), list(request(ROOT, 0, 1 << 60), &mut room, 0));
    let mut by_file = by_file(first, 0, ROOT);
    by_file[2] = 0;
    for request in [request(ROOT, 0, number_of_first), by_file] {
        println!("list {}", list(request, &mut room, 0) as u64 == count);
    }
    println!("below {}", list(request(mount, 0, number_of_first), &mut room, 0));
    close(second);
    close(first);
}

/// What is seen from another root, and by others.
fn hidden() {
    let (outside, inside, deep) = (number("n"), number("n/e,f"), number("n/c\nd"));
    println!("mkdir {}", fs::create_dir("n/e,f/d").is_ok());
    mount("deep", "n/e,f/d", "tmpfs", 0, "");
    let below = number("n/e,f/d");
    println!("chroot {}", std::os::unix::fs::chroot("n/e,f").is_ok());
    let mut room = [0u64; 200];
    let who = |name: &str| {
        let mut room = [0u64; 200];
        let mut point = |mount| {
            let mut buffer = [0u8; 1024];
            let answer = ask(request(mount, 0x18, 0), &mut buffer, 0);
            let from = HEADER + half(&buffer, 108) as usize;
            let text = buffer[from..].split(|byte| *byte == 0).next().unwrap_or_default();
            println!("  {answer} {:#x} {:?}", word(&buffer, 8), String::from_utf8_lossy(text));
            list(request(mount, 0, 0), &mut room, 0).min(1)
        };
        println!("{name}");
        let lists = [outside, inside, deep, below].map(&mut point);
        println!("  lists {lists:?}");
    };
    who("administrator");
    println!("all {}", list(request(ROOT, 0, 0), &mut room, 0));
    println!("{}", room[0] == inside && room[1] == below);
    println!("setuid {}", call!(SYS_setresuid, u32::MAX, 1000, u32::MAX));
    who("user");
    println!("all {}", list(request(ROOT, 0, 0), &mut room, 0));
    println!("another namespace {}", list(request(ROOT, 0, 1 << 60), &mut room, 0));
}

/// All of them.
pub fn rows() {
    println!("both numbers {}", numbers("/").map(|number| number != 0) == [true; 2]);
    told();
    groups();
    sizes();
    lists();
    apart(namespaces);
    apart(hidden);
    println!("copy {}", call!(SYS_open_tree, CWD, text("n"), CLONE | RECURSIVE).min(0));
    println!("umount {}", call!(SYS_umount2, text("n"), libc::MNT_DETACH));
}
