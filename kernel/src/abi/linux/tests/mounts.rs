//! Mounting, roots and namespaces, as programs ask for them.

use super::program::{Argument, Machine, Program, Slot};
use super::{EBUSY, EINVAL, ELOOP, ENODEV, ENOENT, ENOTDIR, error};
use crate::ktest;
use crate::task::process::Ending;

const READ_ONLY: u64 = 1;
const REMOUNT: u64 = 0x20;
const BIND: u64 = 0x1000;
const MOVE: u64 = 0x2000;
const RECURSIVE: u64 = 0x4000;
const SILENT: u64 = 0x8000;
const UNBINDABLE: u64 = 1 << 17;
const PRIVATE: u64 = 1 << 18;
const SLAVE: u64 = 1 << 19;
const SHARED: u64 = 1 << 20;
const DETACH: u64 = 2;
const NEW_NAMESPACE: u64 = 0x2_0000;

/// A program that mounts.
#[derive(Default)]
struct Mounter(Program);

impl Mounter {
    /// A call with paths first: an empty text is address 0.
    fn call(&mut self, name: &str, texts: &[&str], numbers: &[u64]) -> Slot {
        let texts = texts.iter().map(|text| match *text {
            "" => 0,
            text => self.0.bytes(text.as_bytes()),
        });
        let arguments: alloc::vec::Vec<u64> = texts.chain(numbers.iter().copied()).collect();
        let arguments: alloc::vec::Vec<Argument> = arguments.into_iter().map(Argument::Is).collect();
        self.0.call(name, &arguments)
    }

    fn mount(&mut self, source: &str, target: &str, type_name: &str, flags: u64, options: &str) -> Slot {
        let options = if options.is_empty() { 0 } else { self.0.bytes(options.as_bytes()) };
        self.call("mount", &[source, target, type_name], &[flags, options])
    }
}

fn machine_with(directories: &[&str]) -> Machine {
    let machine = Machine::new();
    for path in directories {
        let made = machine.manager.make_directory(&machine.manager.root_context(), path.as_bytes(), 0o755);
        assert_eq!(made, Ok(()), "{path}");
    }
    machine
}

#[track_caller]
fn answers(machine: &Machine, calls: &[(Slot, i64)]) {
    for (index, (call, expected)) in calls.iter().enumerate() {
        assert_eq!(machine.result(*call), *expected, "call {index}");
    }
}

ktest! {
    /// The flags decide what is meant in Linux's order; what comes with them and means nothing is let pass.
    fn mount_does_what_its_flags_say() {
        let machine = machine_with(&["/a", "/b", "/c"]);
        machine.write("/file", b"");
        let mut program = Mounter::default();
        let calls = [
            (program.mount("none", "/a", "tmpfs", SILENT, "size=1m,mode=700"), 0),
            (program.call("mkdir", &["/a/sub"], &[0o755]), 0),
            (program.mount("none", "/a", "nonesuch", 0, ""), error(ENODEV)),
            (program.mount("none", "/a", "sysfs", 0, ""), error(ENODEV)),
            (program.mount("none", "/a", "", 0, ""), error(EINVAL)),
            (program.mount("none", "/none", "", 0, ""), error(ENOENT)),
            (program.mount("none", "/file", "tmpfs", 0, ""), error(ENOTDIR)),
            (program.mount("none", "/a", "tmpfs", 0, "colour=blue"), error(EINVAL)),
            (program.mount("none", "/a", "tmpfs", 0x200, ""), error(EINVAL)),
            (program.mount("/a", "/b", "", BIND | RECURSIVE, ""), 0),
            (program.mount("", "/b", "", BIND, ""), error(EINVAL)),
            (program.mount("", "/b", "", REMOUNT | BIND | READ_ONLY, ""), 0),
            (program.call("mkdir", &["/b/no"], &[0o755]), error(30)),
            (program.call("mkdir", &["/a/yes"], &[0o755]), 0),
            (program.mount("", "/b", "", SHARED, ""), 0),
            (program.mount("", "/b", "", PRIVATE | SLAVE, ""), error(EINVAL)),
            (program.mount("", "/", "", PRIVATE | RECURSIVE | SILENT, ""), 0),
            (program.mount("", "/b", "", SLAVE, ""), 0),
            (program.mount("", "/c", "", PRIVATE, ""), error(EINVAL)),
            (program.mount("", "/b", "", UNBINDABLE, ""), 0),
            (program.mount("/b", "/c", "", BIND, ""), error(EINVAL)),
            (program.mount("/a", "/a/sub", "", MOVE, ""), error(ELOOP)),
            (program.mount("/a", "/c", "", MOVE, ""), 0),
            (program.call("rmdir", &["/c/sub"], &[]), 0),
            (program.call("umount2", &["/c"], &[0x10]), error(EINVAL)),
            (program.call("umount2", &["/a"], &[0]), error(EINVAL)),
            (program.call("umount2", &["/c"], &[0]), 0),
            (program.call("chdir", &["/b"], &[]), 0),
            (program.call("umount2", &["/b"], &[0]), error(EBUSY)),
            (program.call("umount2", &["/b"], &[DETACH]), 0),
            (program.call("umount2", &["/b"], &[DETACH]), error(EINVAL)),
        ];
        assert_eq!(machine.run(program.0), Ending::Exited(0));
        answers(&machine, &calls);
        assert_eq!(machine.manager.tree().mounts().len(), 1);
    }

    fn proc_and_devices_are_mounted_any_number_of_times() {
        let machine = machine_with(&["/p", "/d"]);
        let mut program = Mounter::default();
        for (target, type_name) in [("/p", "proc"), ("/p", "proc"), ("/d", "devtmpfs"), ("/d", "devfs")] {
            program.mount("none", target, type_name, 0, "");
        }
        let calls = [
            (program.call("open", &["/p/version"], &[0]), 4),
            (program.call("open", &["/d/null"], &[0]), 5),
        ];
        assert_eq!(machine.run(program.0), Ending::Exited(0));
        answers(&machine, &calls);
        assert_eq!(machine.manager.tree().mounts().len(), 5);
    }

    /// ```text
    ///   a program in a namespace of its own mounts on /m; its child is there too; nobody else sees it
    /// ```
    fn a_namespace_of_its_own_is_seen_by_nobody_else() {
        let machine = machine_with(&["/m"]);
        let mut program = Mounter::default();
        let own = program.call("unshare", &[], &[NEW_NAMESPACE | 0x200 | 0x400]);
        let odd = program.call("unshare", &[], &[0x1000_0000]);
        let mounted = program.mount("none", "/m", "tmpfs", 0, "");
        let made = program.call("mkdir", &["/m/inside"], &[0o755]);
        let path = program.0.bytes(b"/m/inside");
        let child = program.0.begin("fork", |child| {
            child.call("rmdir", &[path.into()]);
            child.exit(0);
        });
        program.0.call("wait4", &[child.into(), 0.into(), 0.into(), 0.into()]);
        let gone = program.call("rmdir", &["/m/inside"], &[]);
        assert_eq!(machine.run(program.0), Ending::Exited(0));
        answers(&machine, &[(own, 0), (odd, error(EINVAL)), (mounted, 0), (made, 0), (gone, error(ENOENT))]);
        assert_eq!(machine.manager.tree().mounts().len(), 1);
    }

    /// ```text
    ///   chroot /jail: `..` and absolute links stay inside; a directory from before leads out, as on Linux
    /// ```
    fn nothing_leads_out_of_a_root() {
        let machine = machine_with(&["/jail", "/jail/d"]);
        machine.write("/secret", b"");
        machine.manager.make_symlink(&machine.manager.root_context(), b"/secret", b"/jail/link").expect("it can be made");
        let mut program = Mounter::default();
        let calls = [
            (program.call("open", &["/"], &[0]), 4),
            (program.call("chroot", &["/secret"], &[]), error(ENOTDIR)),
            (program.call("chroot", &["/jail"], &[]), 0),
            (program.call("chdir", &["/d"], &[]), 0),
            (program.call("open", &["../../../secret"], &[0]), error(ENOENT)),
            (program.call("open", &["/link"], &[0]), error(ENOENT)),
            (program.call("open", &["/d/../../secret"], &[0]), error(ENOENT)),
            (program.call("fchdir", &[], &[4]), 0),
            (program.call("open", &["secret"], &[0]), 5),
        ];
        assert_eq!(machine.run(program.0), Ending::Exited(0));
        answers(&machine, &calls);
    }

    /// ```text
    ///   tmpfs on /new: pivot_root(/new, /new/old), with a child that stands at the old root: it follows
    /// ```
    fn who_stands_at_the_old_root_follows_a_pivot() {
        let machine = machine_with(&["/new"]);
        let mut program = Mounter::default();
        let (ends, byte) = (program.0.room(1), program.0.room(1));
        let path = program.0.bytes(b"/old/found");
        program.0.call("unshare", &[NEW_NAMESPACE.into()]);
        program.0.call("pipe", &[ends.0.into()]);
        let child = program.0.begin("fork", |child| {
            child.call("close", &[5.into()]);
            child.call("read", &[4.into(), byte.0.into(), 1.into()]);
            child.call("mkdir", &[path.into(), 0o755.into()]);
            child.exit(0);
        });
        let calls = [
            (program.mount("none", "/new", "tmpfs", 0, ""), 0),
            (program.call("mkdir", &["/new/old"], &[0o755]), 0),
            (program.call("pivot_root", &["/new", "/file"], &[]), error(ENOENT)),
            (program.call("pivot_root", &["/new", "/new/old"], &[]), 0),
        ];
        program.0.call("close", &[5.into()]);
        program.0.call("wait4", &[child.into(), 0.into(), 0.into(), 0.into()]);
        let found = program.call("rmdir", &["/old/found"], &[]);
        assert_eq!(machine.run(program.0), Ending::Exited(0));
        answers(&machine, &calls);
        assert_eq!(machine.result(found), 0);
    }
}
