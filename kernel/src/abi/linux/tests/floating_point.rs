//! Registers for computing in a signal's frame: all of them, as Linux lays them out, and nothing that the processor would
//! not take.

use super::program::{Act, DATA_END, Program, Slot, run};
use crate::ktest;
use crate::task::process::Ending;
use crate::task::signal::Signal;

const USR1: u64 = 10;

/// Where the context has the address of the registers.
const FLOATING_POINT: u64 = 40 + 8 * 23;

/// Bytes of x87, SSE, the header and AVX, and what is noted of them.
const SIZE: usize = 832;
const NOTE: usize = 464;
const HEADER: usize = 512;
const AVX: usize = 576;

const MARK: u32 = 0x4650_5853;
const END_MARK: u32 = 0x4650_5845;

/// A frame's registers, with `value` in all of AVX's.
fn registers(value: u64) -> [u64; 105] {
    let mut words = [0; 105];
    words[0] = 0x037f;
    words[3] = 0x1f80;
    words[NOTE / 8..][..3].copy_from_slice(&[u64::from(MARK) | 836 << 32, 7, SIZE as u64]);
    words[HEADER / 8] = 7;
    words[AVX / 8..SIZE / 8].fill(value);
    words[SIZE / 8] = END_MARK.into();
    words
}

/// What comes of a handler's return to these registers; the upper half of `ymm0` then.
fn returned_to(words: &[u64]) -> Result<i64, Signal> {
    let mut program = Program::new();
    program.notes(1);
    let registers = program.words(words);
    program.handle(USR1, Act::Handler, 0, 0);
    program.spoil(FLOATING_POINT, registers);
    let kept = program.act(Act::WideKept, &[0x1111.into(), USR1.into()]);
    let (machine, ending) = run(program);
    match ending {
        Ending::Exited(status) => {
            assert_eq!(status, 0);
            Ok(machine.result(kept))
        }
        Ending::Killed(signal) => Err(signal),
    }
}

ktest! {
    /// The handler has registers of its own, and its program has them again as they were, all of their bits.
    fn a_handler_leaves_all_registers_as_they_were() {
        let mut program = Program::new();
        program.notes(1);
        program.handle(USR1, Act::Handler, 0, 0);
        let kept = program.act(Act::WideKept, &[0x1234_5678.into(), USR1.into()]);
        let (machine, ending) = run(program);
        assert_eq!((ending, machine.result(kept)), (Ending::Exited(0), 0x1234_5678));
    }

    /// `struct _fpx_sw_bytes`, the header and `FP_XSTATE_MAGIC2` lie where Linux has them.
    fn a_frame_says_how_much_there_is_of_the_registers() {
        let mut program = Program::new();
        let notes = program.notes(1);
        program.handle(USR1, Act::Handler, 0, 0);
        program.act(Act::WideKept, &[0x5555.into(), USR1.into()]);
        // What the handler noted of its stack pointer: the frame's place, whose memory nobody has used since.
        let context = program.act(Act::Sum, &[Slot(notes.0 + 40).into(), 8.into()]);
        let flags = program.act(Act::Load, &[context.into()]);
        let place = program.act(Act::Sum, &[context.into(), FLOATING_POINT.into()]);
        let registers = program.act(Act::Load, &[place.into()]);
        let mut word = |at: usize| {
            let place = program.act(Act::Sum, &[registers.into(), (at as u64).into()]);
            program.act(Act::Load, &[place.into()])
        };
        let words = [NOTE, NOTE + 8, NOTE + 16, HEADER, AVX, SIZE].map(&mut word);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(machine.result(registers) % 64, 0);
        assert_eq!(machine.result(flags), 7, "UC_FP_XSTATE and the stack segment's");
        let [mark, features, size, header, upper, end] = words.map(|word| machine.result(word) as u64);
        assert_eq!((mark, features, size), (u64::from(MARK) | 836 << 32, 7, SIZE as u64));
        assert_eq!((header & 6, upper, end as u32), (6, 0x5555, END_MARK));
    }

    /// ```text
    ///   whole                          taken as it is
    ///   no mark, or sizes without sense  what every processor has is taken, the rest begins anew
    ///   bits that do not exist         SIGSEGV
    /// ```
    fn what_the_processor_would_not_take_is_refused() {
        let with = |at: usize, value: u64| {
            let mut words = registers(0x7777);
            words[at / 8] = value;
            returned_to(&words)
        };
        let killed = Err(Signal::SEGMENTATION);
        assert_eq!(with(0, 0x037f), Ok(0x7777));
        assert_eq!(with(HEADER, 3), Ok(0));
        assert_eq!(with(NOTE + 8, 3), Ok(0), "the note does not name it");
        for (at, value) in [(NOTE, 0), (NOTE + 16, 1 << 20), (NOTE + 16, 8), (NOTE, u64::from(MARK)), (SIZE, 1)] {
            assert_eq!(with(at, value), Ok(0), "{at} {value:#x}");
        }
        for (at, value) in [(24, 0xffff_ffff), (HEADER, 1 << 9 | 7), (HEADER, 1 << 63), (HEADER + 8, 1 << 63)] {
            assert_eq!(with(at, value), killed, "{at} {value:#x}");
        }
        for at in (HEADER + 8..AVX).step_by(8) {
            assert_eq!(with(at, 1), killed, "{at}");
        }
        assert_eq!(returned_to(&[u64::MAX; 105]), killed);
        let mut program = Program::new();
        program.notes(1);
        program.handle(USR1, Act::Handler, 0, 0);
        program.spoil(FLOATING_POINT, DATA_END - 512 + 64);
        program.kill_itself(USR1);
        assert_eq!(run(program).1, Ending::Killed(Signal::SEGMENTATION));
    }
}
