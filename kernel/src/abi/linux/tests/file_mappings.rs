//! Shared mappings of files: the file, whoever reads and writes it, and all that map it are one.

use alloc::vec::Vec;

use vfs::manager::mounts::MountArguments;
use vfs::mount::MountFlags;

use super::program::{Act, Argument, Machine, Program, Slot};
use super::{EACCES, EBUSY, EINVAL, ENODEV, error};
use crate::ktest;
use crate::task::process::Ending;
use crate::task::signal::Signal;

const PAGE: u64 = 4096;
const READ: u64 = 1;
const WRITE: u64 = 2;
const SHARED: u64 = 1;
const O_RDWR: u64 = 2;

/// The number of the first file that a program opens.
const FILE: u64 = 4;

/// A word of one letter.
fn word(letter: u8) -> u64 {
    u64::from_le_bytes([letter; 8])
}

fn open(program: &mut Program, path: &str, flags: u64) -> Slot {
    let path = program.bytes(path.as_bytes());
    program.call("open", &[path.into(), flags.into(), 0o644.into()])
}

/// Maps pages of the file of that number.
fn map(program: &mut Program, file: u64, pages: u64, rights: u64) -> Slot {
    let arguments = [0, pages * PAGE, rights, SHARED, file, 0];
    program.call("mmap", &arguments.map(Argument::from))
}

fn at(program: &mut Program, memory: Slot, offset: u64) -> Slot {
    program.act(Act::Sum, &[memory.into(), offset.into()])
}

fn load(program: &mut Program, memory: Slot, offset: u64) -> Slot {
    let place = at(program, memory, offset);
    program.act(Act::Load, &[place.into()])
}

fn store(program: &mut Program, memory: Slot, offset: u64, word: u64) {
    let place = at(program, memory, offset);
    program.act(Act::Store, &[place.into(), word.into()]);
}

/// The word of a file at an offset, read.
fn read_word(program: &mut Program, file: u64, offset: u64) -> Slot {
    let room = program.room(1);
    program.call("pread64", &[file.into(), room.0.into(), 8.into(), offset.into()]);
    room
}

fn write_word(program: &mut Program, file: u64, offset: u64, word: u64) {
    let word = program.words(&[word]);
    program.call("pwrite64", &[file.into(), word.into(), 8.into(), offset.into()]);
}

/// Pages of letters: `a`, `b`, ….
fn lettered(pages: u8) -> Vec<u8> {
    (b'a'..b'a' + pages).flat_map(|letter| [letter; PAGE as usize]).collect()
}

/// `/m`: an overlay of `/u` over `/l`, where `f` has pages of letters.
fn with_overlay() -> Machine {
    let machine = Machine::new();
    let context = machine.manager.root_context();
    for path in ["/l", "/u", "/m"] {
        machine.manager.make_directory(&context, path.as_bytes(), 0o755).expect("it can be made");
    }
    machine.write("/l/f", &lettered(3));
    let what = MountArguments {
        source: b"overlay",
        target: b"/m",
        type_name: "overlay",
        flags: MountFlags::empty(),
        options: b"lowerdir=/l,upperdir=/u",
    };
    machine.manager.mount(&context, &what).expect("it can be mounted");
    machine
}

fn with_file(bytes: &[u8]) -> Machine {
    let machine = Machine::new();
    machine.write("/f", bytes);
    machine
}

/// Runs it to its own end.
fn complete(machine: &Machine, program: Program) {
    assert_eq!(machine.run(program), Ending::Exited(0));
}

ktest! {
    /// ```text
    ///   file      aaaa bbbb 'c' × 16
    ///   mapping   the same, zeros up to the page's end │ SIGBUS
    /// ```
    fn what_is_written_on_one_side_is_read_on_the_other() {
        let machine = with_file(&[lettered(2), [b'c'].repeat(16)].concat());
        let mut program = Program::new();
        open(&mut program, "/f", O_RDWR);
        let memory = map(&mut program, FILE, 4, READ | WRITE);
        let first = load(&mut program, memory, 0);
        write_word(&mut program, FILE, 0, word(b'X'));
        let written = load(&mut program, memory, 0);
        store(&mut program, memory, PAGE + 8, word(b'Y'));
        let stored = read_word(&mut program, FILE, PAGE + 8);
        store(&mut program, memory, 2 * PAGE + 8, word(b'Z'));
        store(&mut program, memory, 2 * PAGE + 16, word(b'!'));
        let behind = load(&mut program, memory, 2 * PAGE + 16);
        program.call("ftruncate", &[FILE.into(), (2 * PAGE + 24).into()]);
        let cleared = load(&mut program, memory, 2 * PAGE + 16);
        complete(&machine, program);
        let seen = [first, written, stored, behind, cleared].map(|slot| machine.result(slot) as u64);
        assert_eq!(seen, [word(b'a'), word(b'X'), word(b'Y'), word(b'!'), 0]);
        let mut expected = [lettered(2), [b'c'].repeat(8), [b'Z'].repeat(8), [0].repeat(8)].concat();
        expected[..8].fill(b'X');
        expected[PAGE as usize + 8..][..8].fill(b'Y');
        assert_eq!(machine.read("/f"), expected);
    }

    fn behind_the_end_of_the_file_is_sigbus() {
        let machine = with_file(b"abc");
        let mut program = Program::new();
        open(&mut program, "/f", O_RDWR);
        let memory = map(&mut program, FILE, 2, READ | WRITE);
        load(&mut program, memory, PAGE);
        assert_eq!(machine.run(program), Ending::Killed(Signal::BUS));
    }

    /// What was cut off is gone from the mapping too, and does not come back.
    fn a_mapping_follows_a_cut_and_a_hole() {
        let machine = with_file(&lettered(4));
        let mut program = Program::new();
        open(&mut program, "/f", O_RDWR);
        let memory = map(&mut program, FILE, 4, READ | WRITE);
        program.act(Act::Touch, &[memory.into(), 4.into()]);
        program.call("fallocate", &[FILE.into(), 3.into(), 8.into(), (2 * PAGE - 8).into()]);
        let punched = [0, 8, PAGE].map(|offset| load(&mut program, memory, offset));
        program.call("ftruncate", &[FILE.into(), (2 * PAGE + 8).into()]);
        let cut = [2 * PAGE, 2 * PAGE + 8].map(|offset| load(&mut program, memory, offset));
        program.call("ftruncate", &[FILE.into(), (4 * PAGE).into()]);
        let again = [2 * PAGE + 8, 3 * PAGE].map(|offset| load(&mut program, memory, offset));
        program.call("ftruncate", &[FILE.into(), 0.into()]);
        let text = program.bytes(b"end");
        program.call("write", &[1.into(), text.into(), 3.into()]);
        load(&mut program, memory, 0);
        let all = [&punched[..], &cut[..], &again[..]].concat();
        for slot in &all {
            program.call("write", &[3.into(), slot.0.into(), 8.into()]);
        }
        assert_eq!(machine.run(program), Ending::Killed(Signal::BUS));
        assert_eq!(machine.read("/out"), b"end");
    }

    fn parent_and_child_and_another_mapping_see_the_same() {
        let machine = with_file(&lettered(1));
        let mut program = Program::new();
        open(&mut program, "/f", O_RDWR);
        open(&mut program, "/f", 0);
        let memory = map(&mut program, FILE, 1, READ | WRITE);
        let other = map(&mut program, FILE + 1, 1, READ);
        let before = load(&mut program, other, 0);
        store(&mut program, memory, 8, word(b'P'));
        let child = program.begin("fork", |child| {
            let seen = load(child, memory, 8);
            let copy = at(child, memory, 16);
            child.call("pwrite64", &[FILE.into(), seen.0.into(), 8.into(), 24.into()]);
            child.act(Act::Store, &[copy.into(), word(b'C').into()]);
            child.exit(0);
        });
        program.call("wait4", &[child.into(), 0.into(), 0.into(), 0.into()]);
        let seen = [0, 8, 16, 24].map(|offset| load(&mut program, other, offset));
        complete(&machine, program);
        assert_eq!(machine.result(before) as u64, word(b'a'));
        assert_eq!(seen.map(|slot| machine.result(slot) as u64), [b'a', b'P', b'C', b'P'].map(word));
    }

    /// ```text
    ///   lower  f ◀── mapped to be read          upper  f' ◀── written: the mapping shows it
    /// ```
    fn a_mapping_of_a_lower_file_follows_the_copy_up() {
        let machine = with_overlay();
        let mut program = Program::new();
        open(&mut program, "/m/f", 0);
        let memory = map(&mut program, FILE, 3, READ);
        let before = [0, PAGE].map(|offset| load(&mut program, memory, offset));
        open(&mut program, "/m/f", O_RDWR);
        let opened = load(&mut program, memory, 0);
        write_word(&mut program, FILE + 1, 0, word(b'W'));
        let after = [0, PAGE, 2 * PAGE].map(|offset| load(&mut program, memory, offset));
        let copy = map(&mut program, FILE + 1, 1, READ | WRITE);
        store(&mut program, copy, 16, word(b'S'));
        let stored = load(&mut program, memory, 16);
        complete(&machine, program);
        let seen = [before[0], before[1], opened, after[0], after[1], after[2], stored];
        let expected = [b'a', b'b', b'a', b'W', b'b', b'c', b'S'].map(word);
        assert_eq!(seen.map(|slot| machine.result(slot) as u64), expected);
        assert_eq!(machine.read("/l/f"), lettered(3), "the lower file is as it was");
        assert_eq!(machine.read("/u/f")[..24], [[b'W'; 8], [b'a'; 8], [b'S'; 8]].concat());
    }

    /// A file that is mapped to be written is cloned: the clone has what there was then.
    fn a_clone_of_what_is_mapped_stays_as_it_was() {
        const FICLONE: u64 = 0x4004_9409;
        let machine = with_file(&lettered(2));
        let mut program = Program::new();
        open(&mut program, "/f", O_RDWR);
        open(&mut program, "/copy", O_RDWR | 0o100);
        open(&mut program, "/clone", O_RDWR | 0o100);
        let memory = map(&mut program, FILE, 2, READ | WRITE);
        store(&mut program, memory, 0, word(b'1'));
        let length = (2 * PAGE).into();
        let copied =
            program.call("copy_file_range", &[FILE.into(), 0.into(), (FILE + 1).into(), 0.into(), length, 0.into()]);
        store(&mut program, memory, 0, word(b'2'));
        let cloned = program.call("ioctl", &[(FILE + 2).into(), FICLONE.into(), FILE.into()]);
        store(&mut program, memory, 0, word(b'3'));
        let seen = load(&mut program, memory, 0);
        complete(&machine, program);
        assert_eq!([copied, cloned].map(|slot| machine.result(slot)), [2 * PAGE as i64, 0]);
        assert_eq!(machine.result(seen) as u64, word(b'3'));
        let first = |path| machine.read(path)[0];
        assert_eq!(["/copy", "/clone", "/f"].map(first), [b'1', b'2', b'3']);
    }

    /// The file is locked while it reads and writes: its own mapping cannot be waited for then.
    fn a_file_is_read_and_written_through_its_own_mapping() {
        let machine = with_file(&lettered(6));
        let mut program = Program::new();
        open(&mut program, "/f", O_RDWR);
        let memory = map(&mut program, FILE, 6, READ | WRITE);
        let into = at(&mut program, memory, PAGE + 100);
        let read = program.call("pread64", &[FILE.into(), into.into(), (2 * PAGE).into(), (4 * PAGE).into()]);
        let from = at(&mut program, memory, PAGE - 50);
        let written = program.call("pwrite64", &[FILE.into(), from.into(), 200.into(), (3 * PAGE - 30).into()]);
        complete(&machine, program);
        assert_eq!([read, written].map(|slot| machine.result(slot)), [2 * PAGE as i64, 200]);
        let mut expected = lettered(6);
        let page = PAGE as usize;
        expected.copy_within(4 * page..6 * page, page + 100);
        expected.copy_within(page - 50..page + 150, 3 * page - 30);
        assert!(machine.read("/f") == expected);
    }

    /// ```text
    ///   opened         r- shared    rw shared    rw private
    ///   to read        yes          EACCES       yes
    ///   to write       EACCES       EACCES       EACCES
    /// ```
    fn a_mapping_has_the_rights_that_the_file_was_opened_for() {
        let machine = with_file(&lettered(1));
        let mut program = Program::new();
        open(&mut program, "/f", 0);
        open(&mut program, "/f", 1);
        open(&mut program, "/", 0);
        let readable = map(&mut program, FILE, 1, READ);
        let mut refused = Vec::from([
            map(&mut program, FILE, 1, READ | WRITE),
            map(&mut program, FILE + 1, 1, READ),
            map(&mut program, FILE + 1, 1, READ | WRITE),
            map(&mut program, FILE + 2, 1, READ),
        ]);
        refused.push(program.call("mprotect", &[readable.into(), PAGE.into(), (READ | WRITE).into()]));
        let validated = |flags: u64, file: u64| [0, PAGE, READ, 3 | flags, file, 0].map(Argument::from);
        refused.push(program.call("mmap", &validated(0x20, u64::MAX)));
        let unknown = program.call("mmap", &validated(0x8_0000, FILE));
        let known = program.call("mmap", &validated(0x8000, FILE));
        let seen = [readable, known].map(|memory| load(&mut program, memory, 0));
        complete(&machine, program);
        let expected = [EACCES, EACCES, EACCES, ENODEV, EACCES, EINVAL].map(error);
        assert_eq!(refused.iter().map(|slot| machine.result(*slot)).collect::<Vec<_>>(), expected);
        assert_eq!(machine.result(unknown), error(95));
        assert_eq!(seen.map(|slot| machine.result(slot) as u64), [word(b'a'); 2]);
    }

    /// A mapping holds the open file: its mount is busy until it goes.
    fn a_mapping_keeps_its_file_open() {
        let machine = with_overlay();
        let mut program = Program::new();
        open(&mut program, "/m/f", O_RDWR);
        let memory = map(&mut program, FILE, 3, READ | WRITE);
        program.call("close", &[FILE.into()]);
        let target = program.bytes(b"/m");
        let busy = program.call("umount2", &[target.into(), 0.into()]);
        store(&mut program, memory, PAGE, word(b'M'));
        let middle = at(&mut program, memory, PAGE);
        program.call("munmap", &[middle.into(), PAGE.into()]);
        let still = program.call("umount2", &[target.into(), 0.into()]);
        program.call("munmap", &[memory.into(), (3 * PAGE).into()]);
        let free = program.call("umount2", &[target.into(), 0.into()]);
        complete(&machine, program);
        let expected = [error(EBUSY), error(EBUSY), 0];
        assert_eq!([busy, still, free].map(|slot| machine.result(slot)), expected);
        assert_eq!(machine.read("/u/f")[PAGE as usize], b'M');
    }

    /// The first write after the file was clean sets its times, as a write does.
    fn a_write_through_a_mapping_sets_the_times() {
        const MODIFIED: u64 = 11;
        let machine = with_file(&lettered(1));
        let mut program = Program::new();
        open(&mut program, "/f", O_RDWR);
        let memory = map(&mut program, FILE, 1, READ | WRITE);
        let rooms = [0; 4].map(|_| program.room(18));
        let wait = program.words(&[0, 20_000_000]);
        for (index, room) in rooms.iter().enumerate() {
            program.call("fstat", &[FILE.into(), room.0.into()]);
            program.call("nanosleep", &[wait.into(), 0.into()]);
            match index {
                0 => drop(load(&mut program, memory, 0)),
                _ => store(&mut program, memory, 0, index as u64),
            }
        }
        complete(&machine, program);
        let times = rooms.map(|room| {
            let word = |index| machine.result(Slot(room.0 + 8 * index));
            (word(MODIFIED), word(MODIFIED + 1))
        });
        assert_eq!(times[0], times[1], "reading changes nothing");
        assert!(times[1] < times[2]);
    }
}
