//! Mappings, the heap, and what they share.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use vfs::file::OpenFlags;

use super::program::{Act, Argument, Machine, Program, Slot, run};
use super::{EACCES, EEXIST, EINVAL, ENODEV, ENOMEM, error};
use crate::fs::pipe;
use crate::ktest;
use crate::task::process::{Ending, Process};
use crate::task::signal::Signal;

const NO_FILE: u64 = u64::MAX;
const PRIVATE: u64 = 0x22;
const PAGE: u64 = 4096;

fn map(program: &mut Program, address: impl Into<Argument>, length: u64, rights: u64, flags: u64) -> Slot {
    program.call("mmap", &[address.into(), length.into(), rights.into(), flags.into(), NO_FILE.into(), 0.into()])
}

/// Pages of the file that programs share below.
const SHARED_PAGES: u64 = 130;

/// How nine programs use the pages of a file below.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Not,
    Read(u64),
    Written,
}

const MAP_SHARED: u64 = 1;
const MAP_PRIVATE: u64 = 2;

/// Nine processes, each in a namespace of its own with an overlay of its own over one lower, map a file, use it and stay.
/// How many pages there are then, and when they have ended.
fn pages_with_nine(how: Use) -> [usize; 2] {
    const NEW_NAMESPACE: u64 = 0x2_0000;
    let machine = Machine::new();
    let context = machine.manager.root_context();
    let directories = (0..9).map(|number| format!("/u{number}")).chain(["/l", "/m"].map(Into::into));
    for path in directories {
        machine.manager.make_directory(&context, path.as_bytes(), 0o755).expect("it can be made");
    }
    machine.write("/l/lib", &[7].repeat((SHARED_PAGES * PAGE) as usize));
    let ends = || pipe::new(OpenFlags::empty()).expect("there is memory");
    let ([ready, tell_ready], [wait, go_on]) = (ends(), ends());
    let mut processes: Vec<Arc<Process>> = Vec::new();
    let mut said = Vec::new();
    for number in 0..9 {
        let mut program = Program::new();
        let [kind, target, path] = [&b"overlay"[..], b"/m", b"/m/lib"].map(|text| program.bytes(text));
        let options = program.bytes(format!("lowerdir=/l,upperdir=/u{number}").as_bytes());
        program.call("unshare", &[NEW_NAMESPACE.into()]);
        program.call("mount", &[kind.into(), target.into(), kind.into(), 0.into(), options.into()]);
        let file = program.call("open", &[path.into(), 0.into(), 0.into()]);
        let flags = if let Use::Read(flags) = how { flags } else { MAP_PRIVATE };
        let rights = if how == Use::Written { 3 } else { 5 };
        // Its number is 6, behind the two ends of pipes.
        let length = SHARED_PAGES * PAGE;
        let memory = program.call("mmap", &[0.into(), length.into(), rights.into(), flags.into(), 6.into(), 0.into()]);
        let touched = if how == Use::Not { 0 } else { SHARED_PAGES };
        let sum = program.act(Act::Touch, &[memory.into(), touched.into()]);
        if how == Use::Written {
            program.act(Act::Fill, &[memory.into(), SHARED_PAGES.into()]);
        }
        program.call("write", &[4.into(), sum.0.into(), 8.into()]);
        program.call("read", &[5.into(), file.0.into(), 1.into()]);
        // Others still run theirs.
        let program_path = format!("/program{number}");
        machine.write(&program_path, &program.elf());
        let files = [tell_ready.clone(), wait.clone()];
        processes.push(machine.start(&program_path, &["x"], &files).expect("it begins"));
        said.extend((7 * touched).to_le_bytes());
    }
    let mut sums = [0; 72];
    let mut read = 0;
    while read < sums.len() {
        read += ready.read(&mut &mut sums[read..]).expect("they write");
    }
    assert_eq!(sums[..], said[..]);
    let pages = page::in_use();
    assert_eq!(go_on.write(&context.credentials, &mut &[0; 9][..]), Ok(9));
    processes.iter().for_each(|process| assert_eq!(process.wait(), Ending::Exited(0)));
    drop(processes);
    [pages, page::in_use()]
}

ktest! {
    fn memory_is_zeros_until_it_is_written_and_gone_when_unmapped() {
        let mut program = Program::new();
        let memory = map(&mut program, 0, 3 * PAGE, 3, PRIVATE);
        let zero = program.act(Act::Load, &[memory.into()]);
        program.act(Act::Store, &[memory.into(), 77.into()]);
        let stored = program.act(Act::Load, &[memory.into()]);
        let cleared = program.call("munmap", &[memory.into(), (3 * PAGE).into()]);
        program.call("write", &[1.into(), zero.0.into(), 8.into()]);
        program.call("write", &[1.into(), stored.0.into(), 8.into()]);
        program.call("write", &[1.into(), cleared.0.into(), 8.into()]);
        program.act(Act::Load, &[memory.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Killed(Signal::SEGMENTATION));
        assert_eq!(machine.read("/out"), [0u64, 77, 0].map(u64::to_le_bytes).concat());
    }

    /// ```text
    ///   │rw│rw│rw│  protect the middle:  │rw│r-│rw│  unmap it:  │rw│  │rw│
    /// ```
    fn a_mapping_is_split_where_its_rights_change() {
        const AT: u64 = 0x1000_0000;
        let mut program = Program::new();
        map(&mut program, AT, 3 * PAGE, 3, PRIVATE | 0x10);
        for page in 0..3 {
            program.act(Act::Store, &[(AT + page * PAGE).into(), (page + 1).into()]);
        }
        let protected = program.call("mprotect", &[(AT + PAGE).into(), PAGE.into(), 1.into()]);
        let read_only = program.call("getcwd", &[(AT + PAGE).into(), 100.into()]);
        let kept = program.act(Act::Load, &[(AT + PAGE).into()]);
        program.call("munmap", &[(AT + PAGE).into(), PAGE.into()]);
        let hole = program.call("mprotect", &[AT.into(), (3 * PAGE).into(), 3.into()]);
        let beside = [0, 2].map(|page| program.act(Act::Load, &[(AT + page * PAGE).into()]));
        let taken = map(&mut program, AT, PAGE, 3, PRIVATE | 0x10_0000);
        let free = map(&mut program, AT + PAGE, PAGE, 3, PRIVATE | 0x10_0000);
        let fresh = program.act(Act::Load, &[(AT + PAGE).into()]);
        let odd = program.call("mprotect", &[(AT + 1).into(), PAGE.into(), 3.into()]);
        let nothing = map(&mut program, 0, 0, 3, PRIVATE);
        let neither = program.call("mmap", &[0.into(), PAGE.into(), 3.into(), 0x20.into(), NO_FILE.into(), 0.into()]);
        let low = map(&mut program, 0, PAGE, 3, PRIVATE | 0x10);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!([protected, kept, fresh].map(|call| machine.result(call)), [0, 2, 0]);
        assert_eq!(beside.map(|call| machine.result(call)), [1, 3]);
        let refused = [read_only, hole, taken, odd, nothing, neither, low].map(|call| machine.result(call));
        let expected = [super::EFAULT, ENOMEM, EEXIST, EINVAL, EINVAL, EINVAL, ENOMEM].map(error);
        assert_eq!(refused, expected);
        assert_eq!(machine.result(free), (AT + PAGE) as i64);
    }

    fn the_heap_grows_and_shrinks() {
        let mut program = Program::new();
        let start = program.call("brk", &[0.into()]);
        let same = program.call("brk", &[16.into()]);
        let (machine, _) = run(program);
        let heap = machine.result(start);
        assert!(heap >= super::program::DATA_END as i64);
        assert_eq!(machine.result(same), heap, "not below its start");

        let heap = heap as u64;
        let mut program = Program::new();
        let grown = program.call("brk", &[(heap + 5 * PAGE + 8).into()]);
        program.act(Act::Store, &[(heap + 5 * PAGE).into(), 5.into()]);
        program.act(Act::Store, &[heap.into(), 1.into()]);
        let shrunk = program.call("brk", &[(heap + PAGE).into()]);
        let again = program.call("brk", &[(heap + 6 * PAGE).into()]);
        let words = [heap, heap + 5 * PAGE].map(|at| program.act(Act::Load, &[at.into()]));
        let too_far = program.call("brk", &[(1u64 << 47).into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let expected = [heap + 5 * PAGE + 8, heap + PAGE, heap + 6 * PAGE, heap + 6 * PAGE].map(|end| end as i64);
        assert_eq!([grown, shrunk, again, too_far].map(|call| machine.result(call)), expected);
        assert_eq!(words.map(|call| machine.result(call)), [1, 0], "what comes back is new");
    }

    fn shared_memory_is_one_for_parent_and_child() {
        let mut program = Program::new();
        let shared = map(&mut program, 0, PAGE, 3, 0x21);
        let own = map(&mut program, 0, PAGE, 3, PRIVATE);
        let child = program.begin("fork", |child| {
            child.act(Act::Store, &[shared.into(), 8.into()]);
            child.act(Act::Store, &[own.into(), 8.into()]);
            child.exit(0);
        });
        program.call("wait4", &[child.into(), 0.into(), 0.into(), 0.into()]);
        let seen = [shared, own].map(|memory| program.act(Act::Load, &[memory.into()]));
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(seen.map(|call| machine.result(call)), [8, 0]);
    }

    /// ```text
    ///   file   page of 'a', 8 of 'b'          mapping   'a', 'b' and zeros │ nothing
    /// ```
    fn a_private_mapping_shows_the_file_and_keeps_what_is_written_to_itself() {
        let machine = Machine::new();
        machine.write("/f", &[[b'a'].repeat(4096), [b'b'].repeat(8)].concat());
        let mut program = Program::new();
        let path = program.bytes(b"/f");
        program.call("open", &[path.into(), 2.into(), 0.into()]);
        let mut of_file = |number: u64, rights: u64, flags: u64| {
            program.call("mmap", &[0.into(), (3 * PAGE).into(), rights.into(), flags.into(), number.into(), 0.into()])
        };
        let memory = of_file(4, 3, 2);
        let refused = [of_file(0, 3, 1), of_file(0, 1, 2), of_file(1, 1, 2)];
        program.act(Act::Store, &[memory.into(), 1.into()]);
        let text = program.act(Act::Load, &[memory.into()]);
        program.call("write", &[1.into(), memory.into(), (2 * PAGE).into()]);
        let behind = program.act(Act::Sum, &[memory.into(), (2 * PAGE).into()]);
        program.call("write", &[3.into(), text.0.into(), 8.into()]);
        program.call("write", &[3.into(), refused[0].0.into(), 24.into()]);
        program.act(Act::Load, &[behind.into()]);
        assert_eq!(machine.run(program), Ending::Killed(Signal::BUS));
        assert_eq!(machine.read("/f")[..8], *b"aaaaaaaa");
        let expected = [1u64.to_le_bytes().to_vec(), [b'a'].repeat(4088), [b'b'].repeat(8), [0].repeat(4088)].concat();
        assert_eq!(machine.read("/out"), expected);
        let told = [EACCES, ENODEV, EACCES].map(|number| error(number).to_le_bytes());
        assert_eq!(machine.read("/results"), [&1i64.to_le_bytes()[..], told.as_flattened()].concat());
    }

    /// What many map is in memory once; what each writes is its own, until it ends.
    fn nine_overlays_over_one_lower_share_the_pages_of_a_library() {
        let [not, after] = pages_with_nine(Use::Not);
        assert_eq!(pages_with_nine(Use::Read(MAP_PRIVATE)), [not, after]);
        assert_eq!(pages_with_nine(Use::Read(MAP_SHARED)), [not, after]);
        assert_eq!(pages_with_nine(Use::Written), [not + 9 * SHARED_PAGES as usize, after]);
    }
}
