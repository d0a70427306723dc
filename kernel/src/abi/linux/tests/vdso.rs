//! The shared object that the kernel adds to programs: the time without a system call.

use alloc::vec::Vec;

use super::program::{Act, Machine, Program, Slot};
use super::{EACCES, EINVAL, error};
use crate::arch::vdso;
use crate::ktest;
use crate::mm::space::MAPPINGS_END;
use crate::task::process::Ending;
use crate::task::signal::Signal;

/// Where it lies in a program that has nothing else mapped.
const CODE: u64 = MAPPINGS_END - 4096;
const WORDS: u64 = CODE - 4096;

fn number(at: usize, size: usize) -> usize {
    vdso::image()[at..at + size].iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte))
}

/// What the dynamic section has under that tag.
fn dynamic(tag: usize) -> usize {
    let (mut at, end) = (number(64 + 56 + 8, 8), number(64 + 56 + 8, 8) + number(64 + 56 + 32, 8));
    while at < end && number(at, 8) != tag {
        at += 16;
    }
    assert!(at < end, "{tag:#x}");
    number(at + 8, 8)
}

fn text(at: usize) -> &'static [u8] {
    let bytes = &vdso::image()[dynamic(5) + at..];
    &bytes[..bytes.iter().position(|&byte| byte == 0).expect("it has an end")]
}

/// As the symbol tables of ELF files are searched: the hash that a name has there.
fn hash(name: &[u8]) -> usize {
    name.iter().fold(0, |hash: u32, &byte| {
        let hash = (hash << 4).wrapping_add(byte.into());
        (hash ^ (hash & 0xf000_0000) >> 24) & 0x0fff_ffff
    }) as usize
}

/// Finds a function as a C library does: by hash, name and version.
fn find(name: &str) -> u64 {
    let (table, symbols, versions) = (dynamic(4), dynamic(6), dynamic(0x6fff_fff0));
    let (buckets, chains) = (number(table, 4), number(table + 4, 4));
    let mut index = number(table + 8 + 4 * (hash(name.as_bytes()) % buckets), 4);
    while index != 0 && text(number(symbols + 24 * index, 4)) != name.as_bytes() {
        assert!(index < chains);
        index = number(table + 8 + 4 * buckets + 4 * index, 4);
    }
    assert!(index != 0, "{name}");
    let (symbol, version) = (symbols + 24 * index, number(versions + 2 * index, 2));
    let mut definition = dynamic(0x6fff_fffc);
    while number(definition + 4, 2) != version {
        let name = text(number(definition + number(definition + 12, 4), 4));
        assert_eq!(number(definition + 8, 4), hash(name));
        definition += number(definition + 16, 4);
    }
    assert_eq!(text(number(definition + number(definition + 12, 4), 4)), b"LINUX_2.6");
    assert_eq!(number(definition + 8, 4), hash(b"LINUX_2.6"));
    assert!(number(symbol + 4, 1) & 15 == 2 && number(symbol + 6, 2) != 0, "{name} is no function");
    CODE + number(symbol + 8, 8) as u64
}

/// The time that was written there.
fn time(machine: &Machine, slot: Slot) -> i64 {
    machine.result(slot) * 1_000_000_000 + machine.result(Slot(slot.0 + 8))
}

ktest! {
    /// Each clock goes on from what the call says to what the function says, and back, over a change of the clock.
    fn functions_say_what_the_calls_say() {
        let mut program = Program::new();
        let function = find("__vdso_clock_gettime");
        assert_eq!(function, find("clock_gettime"));
        let mut cases = Vec::new();
        let now = program.room(2);
        program.call("clock_gettime", &[0.into(), now.0.into()]);
        for later in [0, 1] {
            if later == 1 {
                let then = program.words(&[4_000_000_000, 5]);
                program.call("clock_settime", &[0.into(), then.into()]);
            }
            for clock in [0u64, 1, 4, 5, 6, 7, 11, 2, 3] {
                let rooms = [0; 3].map(|_| program.room(2));
                let answers = [
                    program.call("clock_gettime", &[clock.into(), rooms[0].0.into()]),
                    program.call_number(function, &[clock.into(), rooms[1].0.into()]),
                    program.call("clock_gettime", &[clock.into(), rooms[2].0.into()]),
                ];
                cases.push((clock, rooms, answers));
            }
        }
        let unknown = [10, 12, 99].map(|clock: u64| program.call_number(function, &[clock.into(), now.0.into()]));
        let (day, zone, seconds, resolution, cpu) =
            (program.room(2), program.room(1), program.room(1), program.room(2), program.room(2));
        program.call_number(find("__vdso_gettimeofday"), &[day.0.into(), zone.0.into()]);
        let told = program.call_number(find("__vdso_time"), &[seconds.0.into()]);
        let none = program.call_number(find("__vdso_gettimeofday"), &[0.into(), 0.into()]);
        program.call_number(find("__vdso_clock_getres"), &[1.into(), resolution.0.into()]);
        program.act(Act::Store, &[cpu.0.into(), u64::MAX.into()]);
        program.call_number(find("__vdso_getcpu"), &[cpu.0.into(), (cpu.0 + 4).into()]);
        program.call("clock_settime", &[0.into(), now.0.into()]);
        let machine = Machine::new();
        assert_eq!(machine.run(program), Ending::Exited(0));
        for (clock, rooms, answers) in cases {
            assert_eq!(answers.map(|answer| machine.result(answer)), [0; 3], "clock {clock}");
            assert!(rooms.map(|room| time(&machine, room)).is_sorted(), "clock {clock}");
        }
        assert_eq!(unknown.map(|answer| machine.result(answer)), [error(EINVAL); 3]);
        assert_eq!([day, seconds, told].map(|slot| machine.result(slot)), [4_000_000_000; 3]);
        assert!(machine.result(Slot(day.0 + 8)) < 1_000_000);
        assert_eq!([none, resolution, cpu].map(|slot| machine.result(slot)), [0; 3]);
        assert_eq!(machine.result(Slot(resolution.0 + 8)), 1);
    }

    /// The kernel's words can be read, and stay the kernel's.
    fn nobody_writes_the_kernels_words() {
        let mut program = Program::new();
        let page = program.call("mprotect", &[WORDS.into(), 4096.into(), 3.into()]);
        program.act(Act::Load, &[WORDS.into()]);
        let machine = Machine::new();
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!(machine.result(page), error(EACCES));
        let mut program = Program::new();
        program.act(Act::Store, &[WORDS.into(), 1.into()]);
        assert_eq!(machine.run(program), Ending::Killed(Signal::SEGMENTATION));
    }
}
