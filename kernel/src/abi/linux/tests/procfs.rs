//! `/proc/PID`, as programs read it.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use vfs::file::OpenFlags;
use vfs::manager::Follow;
use vfs::manager::mounts::MountArguments;
use vfs::mount::MountFlags;
use vfs::node::DirectoryItem;

use super::program::{Act, Machine, Program, Slot};
use super::{EACCES, EBADF, EINVAL, ENODEV, ENOENT, ENXIO, error};
use crate::fs::pipe;
use crate::ktest;
use crate::task::process::{Ending, Process};
use crate::task::signal::{Information, Signal};
use crate::task::{number, scheduler, timer};

pub fn machine_with_proc() -> Machine {
    let machine = Machine::new();
    let root = machine.manager.root_context();
    machine.manager.make_directory(&root, b"/proc", 0o755).expect("it can be made");
    let (source, target, type_name, options) = (&b"none"[..], &b"/proc"[..], "proc", &b""[..]);
    let what = MountArguments { source, target, type_name, flags: MountFlags::empty(), options };
    machine.manager.mount(&root, &what).expect("it mounts");
    machine
}

/// What a file says that the kernel makes up.
fn text(machine: &Machine, path: &str) -> String {
    let mut text = [0; 1024];
    let file = machine.open(path, OpenFlags::READ).expect("it is there");
    let count = file.read(&mut &mut text[..]).expect("it can be read");
    String::from_utf8_lossy(&text[..count]).into_owned()
}

/// What is in a directory.
fn names(machine: &Machine, path: &str) -> Vec<String> {
    let mut names = Vec::new();
    let directory = machine.open(path, OpenFlags::READ).expect("it is there");
    let add = &mut |item: &DirectoryItem<'_>| {
        names.push(String::from_utf8_lossy(item.name).into_owned());
        true
    };
    directory.list(add).expect("it can be listed");
    names.split_off(2)
}

/// Copies a file to the standard output.
fn copy(program: &mut Program, path: &str) {
    let path = program.bytes(path.as_bytes());
    let room = program.room(256);
    let file = program.call("open", &[path.into(), 0.into()]);
    let count = program.call("read", &[file.into(), room.0.into(), 2048.into()]);
    program.call("write", &[1.into(), room.0.into(), count.into()]);
    program.call("close", &[file.into()]);
}

ktest! {
    /// One is held back and has come, one is ignored, one has a handler.
    fn what_becomes_of_signals_is_shown() {
        let machine = machine_with_proc();
        let mut program = Program::new();
        let (held, ignore) = (program.words(&[1 << 9]), program.words(&[1, 0, 0, 0]));
        program.call("rt_sigprocmask", &[0.into(), held.into(), 0.into(), 8.into()]);
        program.kill_itself(10);
        program.call("rt_sigaction", &[1.into(), ignore.into(), 0.into(), 8.into()]);
        program.handle(12, Act::Handler, 0, 0);
        copy(&mut program, "/proc/self/status");
        copy(&mut program, "/proc/self/stat");
        assert_eq!(machine.run(program), Ending::Exited(0));
        let out = machine.read("/out");
        let out = String::from_utf8_lossy(&out);
        let shown = "SigPnd:\t0000000000000000\nShdPnd:\t0000000000000200\nSigBlk:\t0000000000000200\n\
                     SigIgn:\t0000000000000001\nSigCgt:\t0000000000000800\n";
        assert!(out.contains(shown), "{out}");
        assert!(out.contains(" 0 512 1 2048 0 0 0 "), "{out}");
    }

    /// What is nothing but open has the name that Linux gives it, and no content that anybody could put there.
    fn what_has_no_name_is_called_what_it_is() {
        let machine = machine_with_proc();
        let mut program = Program::new();
        let signals = program.words(&[1 << 9]);
        let own = program.call("getpid", &[]);
        program.call("epoll_create1", &[0.into()]);
        program.call("eventfd", &[0.into()]);
        program.call("inotify_init", &[]);
        program.call("pidfd_open", &[own.into(), 0.into()]);
        program.call("signalfd", &[u64::MAX.into(), signals.into(), 8.into()]);
        program.call("timerfd_create", &[1.into(), 0.into()]);
        let names = [4u64, 5, 6, 7, 8, 9].map(|file| {
            let (path, room) = (program.bytes(format!("/proc/self/fd/{file}").as_bytes()), program.room(3));
            (program.call("readlink", &[path.into(), room.0.into(), 24.into()]), room)
        });
        let grown = [
            program.call("ftruncate", &[5.into(), 4096.into()]),
            program.call("fallocate", &[5.into(), 0.into(), 0.into(), 4096.into()]),
        ];
        assert_eq!(machine.run(program), Ending::Exited(0));
        let expected = ["[eventpoll]", "[eventfd]", "inotify", "[pidfd]", "[signalfd]", "[timerfd]"];
        for ((length, room), expected) in names.into_iter().zip(expected) {
            let words = [0, 8, 16].map(|at| machine.result(Slot(room.0 + at)).to_le_bytes());
            let shown = &words.as_flattened()[..machine.result(length) as usize];
            assert_eq!(String::from_utf8_lossy(shown), format!("anon_inode:{expected}"));
        }
        assert_eq!(grown.map(|call| machine.result(call)), [error(EINVAL), error(ENODEV)]);
    }

    /// What is the same process in `/proc` can be sent a signal; a thread's directory and any other file cannot.
    fn a_process_is_sent_signals_by_its_directory() {
        let machine = machine_with_proc();
        let mut program = Program::new();
        let paths = ["/proc/self", "/proc/thread-self", "/proc"];
        let sent = paths.map(|path| {
            let path = program.bytes(path.as_bytes());
            let file = program.call("open", &[path.into(), 0.into()]);
            program.call("pidfd_send_signal", &[file.into(), 0.into(), 0.into(), 0.into()])
        });
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!(sent.map(|call| machine.result(call)), [0, error(EBADF), error(EBADF)]);
    }

    fn a_process_reads_of_itself() {
        let machine = machine_with_proc();
        let mut program = Program::new();
        let pid = program.call("getpid", &[]);
        program.call("umask", &[0o027.into()]);
        program.call("setgid", &[5.into()]);
        for name in ["cmdline", "comm", "environ", "status", "mounts", "mountinfo", "stat"] {
            copy(&mut program, &format!("/proc/self/{name}"));
        }
        copy(&mut program, "/proc/sys/kernel/ostype");
        assert_eq!(machine.run(program), Ending::Exited(0));
        let (pid, out) = (machine.result(pid), machine.read("/out"));
        let out = String::from_utf8_lossy(&out);
        let (texts, rest) = out.split_once("Name:").expect("the status is there");
        assert_eq!(texts, "program\0program\nA=1\0");
        let status = format!("\tprogram\nUmask:\t0027\nState:\tR (running)\nTgid:\t{pid}\nPid:\t{pid}\nPPid:\t1\n");
        assert!(rest.starts_with(&status), "{rest}");
        assert!(rest.contains("Uid:\t0\t0\t0\t0\nGid:\t5\t5\t5\t5\n"), "{rest}");
        assert!(rest.contains("\ntmpfs / tmpfs rw,"), "{rest}");
        assert!(rest.contains(" 0 0\nnone /proc proc rw,relatime 0 0\n"), "{rest}");
        assert!(rest.contains(" / /proc rw,relatime - proc none rw\n"), "{rest}");
        assert!(rest.contains(&format!("\n{pid} (program) R 1 {pid} {pid} 0 -1 ")), "{rest}");
        assert!(rest.ends_with(" 0 0\nLinux\n"), "{rest}");
    }

    /// ```text
    ///   /proc/self/exe, cwd, root, fd/N      lead to what they stand for, with a name or without
    /// ```
    fn links_lead_to_what_a_process_has() {
        let machine = machine_with_proc();
        machine.write("/f", b"text");
        let mut program = Program::new();
        let [file, link, again, none, exe, cwd] =
            [&b"/f"[..], b"/proc/self/fd/4", b"/proc/self/fd/5", b"/proc/self/fd/77", b"/proc/self/exe", b"/proc/self/cwd/f"]
                .map(|path| program.bytes(path));
        let (room, read) = (program.room(2), program.room(1));
        let opened = program.call("open", &[file.into(), 0.into()]);
        let length = program.call("readlink", &[link.into(), room.0.into(), 16.into()]);
        let here = program.call("access", &[cwd.into(), 4.into()]);
        program.call("unlink", &[file.into()]);
        let gone = program.call("access", &[cwd.into(), 4.into()]);
        let not_yet = program.call("access", &[again.into(), 0.into()]);
        let by_number = program.call("open", &[link.into(), 0.into()]);
        let count = program.call("read", &[by_number.into(), read.0.into(), 8.into()]);
        let known = program.call("access", &[again.into(), 0.into()]);
        let closed = program.call("close", &[5.into()]);
        let missing = [again, none].map(|path| program.call("open", &[path.into(), 0.into()]));
        let own = program.room(2);
        let named = program.call("readlink", &[exe.into(), own.0.into(), 16.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!([opened, length, here, gone].map(|call| machine.result(call)), [4, 2, 0, error(ENOENT)]);
        assert_eq!(machine.result(room).to_le_bytes()[..2], *b"/f");
        assert_eq!([by_number, count, closed].map(|call| machine.result(call)), [5, 4, 0]);
        assert_eq!([not_yet, known].map(|call| machine.result(call)), [error(ENOENT), 0]);
        assert_eq!(missing.map(|call| machine.result(call)), [error(ENOENT); 2]);
        assert_eq!((machine.result(named), machine.result(own).to_le_bytes()), (8, *b"/program"));
    }

    fn a_process_reads_its_limits_threads_and_what_it_was_told() {
        let machine = machine_with_proc();
        let mut program = Program::new();
        let pid = program.call("getpid", &[]);
        let limit = program.words(&[20, 30]);
        program.call("setrlimit", &[7.into(), limit.into()]);
        program.call("setpriority", &[0.into(), 0.into(), 3.into()]);
        for path in ["limits", "task/../statm", "personality", "wchan"] {
            copy(&mut program, &format!("/proc/self/{path}"));
        }
        for name in ["stat", "comm"] {
            copy(&mut program, &format!("/proc/thread-self/{name}"));
        }
        let (auxv, room) = (program.bytes(b"/proc/self/auxv"), program.room(64));
        let file = program.call("open", &[auxv.into(), 0.into()]);
        let count = program.call("read", &[file.into(), room.0.into(), 512.into()]);
        let nobody = program.bytes(b"/proc/self/task/1/stat");
        let nobody = program.call("open", &[nobody.into(), 0.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        let out = String::from_utf8_lossy(&machine.read("/out")).into_owned();
        let files = "Max open files            20                   30                   files     \n";
        assert!(out.starts_with("Limit                     Soft Limit           Hard Limit           Units     \n"));
        assert!(out.contains(files), "{out}");
        let (_, rest) = out.split_once("Max realtime timeout").expect("it is the last");
        let lines: Vec<&str> = rest.lines().skip(1).collect();
        let statm: Vec<u64> = lines[0].split(' ').map(|field| field.parse().expect("a number")).collect();
        assert!(statm.len() == 7 && statm[0] > statm[1] && statm[1] > 3 && statm[3] > 0, "{statm:?}");
        assert_eq!(lines[1], "00000000");
        let pid = machine.result(pid);
        let stat = lines[2].strip_prefix('0').unwrap_or_default();
        assert!(stat.starts_with(&format!("{pid} (program) R 1 ")), "{stat}");
        assert_eq!(stat.split(' ').skip(17).take(3).collect::<Vec<_>>(), ["23", "3", "1"]);
        assert_eq!(lines[3], "program");
        // AT_PHDR first, AT_NULL last.
        let count = machine.result(count);
        assert!(count > 0 && count % 16 == 0, "{count}");
        let word = |at: i64| machine.result(Slot(room.0 + at as u64));
        assert_eq!([word(0), word(count - 16), word(count - 8)], [3, 0, 0]);
        assert_eq!(machine.result(nobody), error(ENOENT));
    }

    fn what_the_machine_is_about() {
        let machine = machine_with_proc();
        let load = text(&machine, "/proc/loadavg");
        let fields: Vec<&str> = load.trim_end().split(' ').collect();
        assert!(fields.len() == 5 && fields[..3].iter().all(|average| average.parse::<f32>().is_ok()), "{load}");
        let (running, all) = fields[3].split_once('/').expect("two numbers");
        assert!(running.parse::<u32>().is_ok_and(|running| running >= 1) && all.parse::<u32>().is_ok(), "{load}");
        let field = |text: &str, name: &str, index: usize| -> u64 {
            let line = text.lines().find(|line| line.split(' ').next() == Some(name)).expect("it is there");
            line.split_ascii_whitespace().nth(index).and_then(|field| field.parse().ok()).expect("a number")
        };
        let before = text(&machine, "/proc/stat");
        timer::sleep(Duration::from_millis(50));
        let mut program = Program::new();
        program.exit(0);
        assert_eq!(machine.run(program), Ending::Exited(0));
        let after = text(&machine, "/proc/stat");
        // Idle, switches, processes.
        for (name, index, least) in [("cpu", 4, 3), ("cpu0", 4, 3), ("ctxt", 1, 2), ("processes", 1, 1)] {
            let [before, after] = [&before, &after].map(|text| field(text, name, index));
            assert!(after >= before + least, "{name} {before} {after}");
        }
        let up = text(&machine, "/proc/uptime");
        let (up, idle) = up.trim_end().split_once(' ').expect("two numbers");
        let [up, idle] = [up, idle].map(|time| time.parse::<f32>().expect("a number"));
        assert!(idle > 0.0 && idle <= up, "{up} {idle}");
        let [uuid, other] = [(); 2].map(|()| text(&machine, "/proc/sys/kernel/random/uuid"));
        assert!(uuid.len() == 37 && uuid.as_bytes()[14] == b'4' && uuid != other, "{uuid}");
        let [boot, same] = [(); 2].map(|()| text(&machine, "/proc/sys/kernel/random/boot_id"));
        assert!(boot == same && boot != uuid);
        assert_eq!(text(&machine, "/proc/sys/fs/nr_open"), "65536\n");
        assert_eq!(names(&machine, "/proc/1/task"), ["1"]);
        assert!(!names(&machine, "/proc/1/task/1").contains(&"task".into()));
    }

    /// Names come and go with processes, whoever remembers them; an open file of one that is gone says so.
    fn a_process_that_has_ended_is_not_there() {
        let machine = machine_with_proc();
        let root = machine.manager.root_context();
        let mut not_yet = None;
        for _ in 0..3 {
            let mut child = Program::new();
            child.exit(0);
            machine.write("/child", &child.elf());
            let process = machine.start("/child", &["child"], &[]).expect("it begins");
            let path = format!("/proc/{}", process.pid());
            // That of the last before said that this one is not there.
            assert!(not_yet.is_none_or(|next| next == process.pid()));
            let weak = Arc::downgrade(&process);
            let status = format!("{path}/status");
            assert!(machine.manager.metadata(&root, status.as_bytes(), Follow::Yes).is_ok());
            process.wait();
            assert!(text(&machine, &status).contains("State:\tZ (zombie)"));
            drop(process);
            while weak.strong_count() > 0 {
                scheduler::give_way();
            }
            let gone = machine.manager.metadata(&root, path.as_bytes(), Follow::Yes);
            assert_eq!(gone.map(|_| ()).map_err(|error| -i64::from(error.errno())), Err(error(ENOENT)));
            let next = path["/proc/".len()..].parse::<u32>().expect("it is a number") + 1;
            assert!(machine.open(&format!("/proc/{next}"), OpenFlags::READ).is_err());
            not_yet = Some(next);
        }
    }

    /// ```text
    ///   leader ── child: a group of its own ── SIGSTOP        T ── killed ── Z ── asked for: gone
    /// ```
    fn a_stopped_process_and_its_group_and_session() {
        let machine = machine_with_proc();
        let mut leader = Program::new();
        leader.begin("fork", |child| {
            child.call("setpgid", &[0.into(), 0.into()]);
            child.kill_itself(19);
            child.exit(0);
        });
        leader.call("wait4", &[u64::MAX.into(), 0.into(), 0.into(), 0.into()]);
        machine.write("/leader", &leader.elf());
        let leader = machine.start("/leader", &["leader"], &[]).expect("it begins");
        let session = leader.pid();
        let child = loop {
            scheduler::give_way();
            let is_child = |process: &Arc<Process>| process.session() == session && process.is_stopped();
            if let Some(child) = number::processes().find(is_child) {
                break child;
            }
        };
        let pid = child.pid();
        let (stat, status) = (format!("/proc/{pid}/stat"), format!("/proc/{pid}/status"));
        let said = text(&machine, &stat);
        assert!(said.starts_with(&format!("{pid} (leader) T {session} {pid} {session} 0 -1 ")), "{said}");
        // The 38th field: what the parent is told by.
        assert_eq!(said.split(' ').nth(37), Some("17"), "{said}");
        assert!(text(&machine, &status).contains("State:\tT (stopped)\n"));
        assert!(names(&machine, "/proc").contains(&format!("{pid}")));
        assert_eq!(names(&machine, &format!("/proc/{pid}/fd")), ["0", "1", "2", "3"]);
        let inside = names(&machine, &format!("/proc/{pid}"));
        assert!(["fd", "stat", "exe"].iter().all(|name| inside.iter().any(|other| other == name)), "{inside:?}");
        child.send(Information::of_kernel(Signal::KILL));
        drop(child);
        assert_eq!(leader.wait(), Ending::Exited(0));
        assert!(machine.open(&stat, OpenFlags::READ).is_err());
        assert!(!names(&machine, "/proc").contains(&format!("{pid}")));
    }

    /// ```text
    ///   /proc, /new/proc, /new/a     mounts      chroot /new: /proc, /a; then r below it: /r
    /// ```
    fn mounts_are_named_as_the_process_sees_them() {
        let machine = machine_with_proc();
        let root = machine.manager.root_context();
        for path in ["/new", "/new/proc", "/new/a", "/new/r"] {
            machine.manager.make_directory(&root, path.as_bytes(), 0o755).expect("it can be made");
        }
        for (type_name, target) in [("proc", "/new/proc"), ("tmpfs", "/new/a")] {
            let (source, target, options) = (&b"new"[..], target.as_bytes(), &b""[..]);
            let what = MountArguments { source, target, type_name, flags: MountFlags::empty(), options };
            machine.manager.mount(&root, &what).expect("it mounts");
        }
        let mut program = Program::new();
        let [new, slash, relative, type_name] = [&b"/new"[..], b"/", b"r", b"tmpfs"].map(|text| program.bytes(text));
        copy(&mut program, "/proc/mounts");
        let inside = [
            program.call("chroot", &[new.into()]),
            program.call("chdir", &[slash.into()]),
            program.call("mount", &[relative.into(), relative.into(), type_name.into(), 0.into(), 0.into()]),
        ];
        copy(&mut program, "/proc/mounts");
        copy(&mut program, "/proc/self/mountinfo");
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!(inside.map(|call| machine.result(call)), [0; 3]);
        let out = String::from_utf8_lossy(&machine.read("/out")).into_owned();
        let lines: Vec<Vec<&str>> = out.lines().map(|line| line.split(' ').collect()).collect();
        let (mounts, info): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.len() == 6);
        let named: Vec<[&str; 3]> = mounts.iter().map(|line| [line[0], line[1], line[2]]).collect();
        let outside = [["tmpfs", "/", "tmpfs"], ["none", "/proc", "proc"], ["new", "/new/proc", "proc"], ["new", "/new/a", "tmpfs"]];
        let inside = [["new", "/proc", "proc"], ["new", "/a", "tmpfs"], ["r", "/r", "tmpfs"]];
        assert_eq!(named, [&outside[..], &inside].concat());
        let targets: Vec<&str> = info.iter().map(|line| line[4]).collect();
        assert_eq!(targets, ["/proc", "/a", "/r"]);
    }

    /// A pipe is opened once more, as the one that it is; a socket cannot be. Both say what they are.
    fn what_has_no_name_is_opened_by_its_number() {
        let machine = machine_with_proc();
        let mut program = Program::new();
        let (ends, room, text) = (program.room(1), [program.room(3), program.room(3)], program.bytes(b"x"));
        let paths = [4, 6].map(|number| program.bytes(format!("/proc/self/fd/{number}").as_bytes()));
        program.call("pipe", &[ends.0.into()]);
        program.call("socket", &[1.into(), 1.into(), 0.into()]);
        let opened = paths.map(|path| program.call("open", &[path.into(), 0.into()]));
        program.call("write", &[5.into(), text.into(), 1.into()]);
        program.call("close", &[5.into()]);
        let buffer = program.room(1);
        let late = program.call("open", &[paths[0].into(), 0.into()]);
        let read = [(); 2].map(|()| program.call("read", &[7.into(), buffer.0.into(), 8.into()]));
        for (path, room) in paths.into_iter().zip(room) {
            program.call("readlink", &[path.into(), room.0.into(), 24.into()]);
        }
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!(opened.map(|call| machine.result(call)), [7, error(ENXIO)]);
        assert_eq!(machine.result(late), 5, "it waits for nobody");
        assert_eq!(read.map(|call| machine.result(call)), [1, 0]);
        let begins = room.map(|room| machine.result(room).to_le_bytes());
        assert_eq!((&begins[0][..6], &begins[1]), (&b"pipe:["[..], b"socket:["));
    }

    /// ```text
    ///   a process of the superuser waits; one of 1000 may know of it, not look into it
    /// ```
    fn another_users_process_is_not_looked_into() {
        let machine = machine_with_proc();
        let mut other = Program::new();
        let byte = other.room(1);
        other.call("read", &[4.into(), byte.0.into(), 1.into()]);
        machine.write("/other", &other.elf());
        let [read, write] = pipe::new(OpenFlags::empty()).expect("there is memory");
        let waiting = machine.start("/other", &["other"], &[read]).expect("it begins");
        let mut program = Program::new();
        let [inside, environ, auxv, cwd, namespace, status] =
            ["cwd/program", "environ", "auxv", "cwd", "ns/mnt", "status"]
            .map(|name| program.bytes(format!("/proc/{}/{name}", waiting.pid()).as_bytes()));
        let room = program.room(1);
        program.call("setgid", &[1000.into()]);
        program.call("setuid", &[1000.into()]);
        let calls = [
            program.call("access", &[inside.into(), 0.into()]),
            program.call("open", &[environ.into(), 0.into()]),
            program.call("open", &[auxv.into(), 0.into()]),
            program.call("open", &[namespace.into(), 0.into()]),
            program.call("readlink", &[cwd.into(), room.0.into(), 8.into()]),
        ];
        let shown = program.call("open", &[status.into(), 0.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!(calls.map(|call| machine.result(call)), [error(EACCES); 5]);
        assert_eq!(machine.result(shown), 4);
        drop(write);
        waiting.wait();
    }
}
