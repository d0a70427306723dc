//! Signals: handlers and their frames, masks, waiting, what interrupts what.

use alloc::vec::Vec;

use super::program::{Act, Argument, DATA_END, Machine, Program, Slot, run};
use super::{EAGAIN, EFAULT, EINTR, EINVAL, ENOMEM, EPERM, ESRCH, error};
use crate::ktest;
use crate::task::process::Ending;
use crate::task::signal::Signal;

const USR1: u64 = 10;
const SEGV: u64 = 11;
const USR2: u64 = 12;
const CHLD: u64 = 17;

const SA_SIGINFO: u64 = 4;
const SA_ONSTACK: u64 = 0x0800_0000;
const SA_RESTART: u64 = 0x1000_0000;
const SA_NODEFER: u64 = 0x4000_0000;
const SA_RESETHAND: u64 = 0x8000_0000;

/// Places of the context: stack pointer, instruction, flags, segments, floating point.
const RSP: u64 = 40 + 8 * 15;
const RIP: u64 = 40 + 8 * 16;
const FLAGS: u64 = 40 + 8 * 17;
const SEGMENTS: u64 = 40 + 8 * 18;
const FLOATING_POINT: u64 = 40 + 8 * 23;

/// Bytes of the alternate stack.
const STACK_SIZE: u64 = 8192;

/// A word of the program's memory that stays 0.
const DATA_END_ZERO: u64 = DATA_END - 128;

const USR1_SIGNAL: Signal = match Signal::from_number(10) {
    Some(signal) => signal,
    None => panic!("there is such a signal"),
};

/// Gives the program an alternate stack, whose lowest address is returned; below is nothing.
fn alternate_stack(program: &mut Program) -> u64 {
    let address = 0x70_0000;
    let stack = program.words(&[address, 0, STACK_SIZE]);
    program.call("mmap", &[address.into(), STACK_SIZE.into(), 3.into(), 0x32.into(), u64::MAX.into(), 0.into()]);
    program.call("sigaltstack", &[stack.into(), 0.into()]);
    address
}

const fn bit(signal: u64) -> u64 {
    1 << (signal - 1)
}

ktest! {
    /// ```text
    ///   kill(self, USR1) ── handler(10, info, context) ── return ── rt_sigreturn ── goes on, xmm0 as it was
    /// ```
    fn a_handler_is_called_and_returned_from() {
        let mut program = Program::new();
        let notes = program.notes(2);
        program.handle(USR1, Act::Handler, SA_SIGINFO, bit(USR2));
        let pid = program.call("getpid", &[]);
        let sent = program.kill_itself(USR1);
        let kept = program.act(Act::VectorKept, &[0x1234_5678.into(), USR1.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let [signal, code, sender, _, mask, stack, ..] = machine.note(notes, 0);
        assert_eq!((signal, code, sender, mask), (10, 0, machine.result(pid), 0));
        // As after a call: the restorer's address lies at a multiple of 16 less 8.
        assert_eq!((stack % 16, machine.result(sent)), (8, 0));
        assert_eq!((machine.result(kept), machine.note(notes, 1)[7]), (0x1234_5678, 0x1234_5678));
    }

    /// A signal that is held back waits, once however often it is sent; one that is not is delivered at once.
    fn what_is_held_back_comes_when_it_is_not_any_more() {
        let mut program = Program::new();
        let notes = program.notes(3);
        program.handle(USR1, Act::Handler, 0, 0);
        let set = program.words(&[bit(USR1)]);
        let pending = program.room(1);
        program.call("rt_sigprocmask", &[0.into(), set.into(), 0.into(), 8.into()]);
        program.kill_itself(USR1);
        program.kill_itself(USR1);
        program.call("rt_sigpending", &[pending.0.into(), 8.into()]);
        let before = program.act(Act::Load, &[notes.0.into()]);
        program.call("rt_sigprocmask", &[1.into(), set.into(), 0.into(), 8.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!((machine.result(before), machine.result(pending)), (0, bit(USR1) as i64));
        assert_eq!((machine.note(notes, 0)[0], machine.note(notes, 1)[0]), (10, 0));
    }

    /// Those from 32 on come as often as they are sent, in that order; when 256 wait the next is refused.
    fn real_time_signals_queue() {
        let mut program = Program::new();
        let notes = program.notes(3);
        program.handle(40, Act::Handler, SA_SIGINFO, 0);
        let both = program.words(&[bit(40) | bit(41)]);
        let first = program.words(&[bit(40)]);
        program.call("rt_sigprocmask", &[0.into(), both.into(), 0.into(), 8.into()]);
        let pid = program.call("getpid", &[]);
        for value in [7, 8] {
            let information = program.words(&[40, 0xffff_ffff, 0, value]);
            program.call("rt_sigqueueinfo", &[pid.into(), 40.into(), information.into()]);
        }
        program.call("rt_sigprocmask", &[1.into(), first.into(), 0.into(), 8.into()]);
        let sent: Vec<_> = (0..257).map(|_| program.call("kill", &[pid.into(), 41.into()])).collect();
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let note = |index| { let [signal, code, _, value, ..] = machine.note(notes, index); (signal, code, value) };
        assert_eq!([note(0), note(1), note(2)], [(40, -1, 7), (40, -1, 8), (0, 0, 0)]);
        assert_eq!((machine.result(sent[255]), machine.result(sent[256])), (0, error(EAGAIN)));
    }

    fn a_handler_may_be_for_once_and_may_be_called_within_itself() {
        let mut once = Program::new();
        let notes = once.notes(2);
        once.handle(USR1, Act::Handler, SA_RESETHAND, 0);
        once.kill_itself(USR1);
        once.call("write", &[3.into(), notes.0.into(), 8.into()]);
        once.kill_itself(USR1);
        let (machine, ending) = run(once);
        assert_eq!((ending, machine.read("/results")), (Ending::Killed(USR1_SIGNAL), 10u64.to_le_bytes().to_vec()));
        // Without end: until the stack is used up.
        let mut nest = Program::new();
        nest.handle(USR1, Act::Nest, SA_NODEFER, 0);
        nest.kill_itself(USR1);
        assert_eq!(run(nest).1, Ending::Killed(Signal::SEGMENTATION));
        let mut nest = Program::new();
        alternate_stack(&mut nest);
        nest.handle(USR1, Act::Nest, SA_NODEFER | SA_ONSTACK, 0);
        nest.kill_itself(USR1);
        assert_eq!(run(nest).1, Ending::Killed(Signal::SEGMENTATION));
    }

    /// Each exception, what is told of it, and that the program can go on.
    fn a_handler_is_told_what_the_program_did() {
        let cases: [(Act, u64, u64, [i64; 3]); 8] = [
            (Act::Divide, 0, 8, [8, 1, i64::MIN]),
            (Act::Illegal, 0, 4, [4, 2, Act::Illegal.address() as i64]),
            (Act::Privileged, 0, 11, [11, 0x80, 0]),
            (Act::Breakpoint, 0, 5, [5, 0x80, 0]),
            (Act::Load, 0x1008, 11, [11, 1, 0x1008]),
            (Act::Store, Act::Load.address(), 11, [11, 2, Act::Load.address() as i64]),
            (Act::Jump, DATA_END - 64, 11, [11, 2, DATA_END as i64 - 64]),
            (Act::Load, 1 << 63, 11, [11, 0x80, 0]),
        ];
        for (act, argument, signal, expected) in cases {
            let mut program = Program::new();
            let notes = program.notes(1);
            program.handle(signal, Act::Handler, SA_SIGINFO, 0);
            program.spoil(RIP, Act::Unwind.address());
            program.act(act, &[argument.into(), 0.into()]);
            let (machine, ending) = run(program);
            assert_eq!(ending, Ending::Exited(0));
            let [signal, code, address, ..] = machine.note(notes, 0);
            // Where the division is within its act is the assembler's affair.
            let address = if expected[2] == i64::MIN { i64::MIN } else { address };
            assert_eq!([signal, code, address], expected);
        }
    }

    /// What a program does itself it cannot hold back or ignore: it ends.
    fn faults_cannot_be_ignored() {
        let mut held = Program::new();
        held.handle(SEGV, Act::Handler, 0, 0);
        let set = held.words(&[bit(SEGV)]);
        held.call("rt_sigprocmask", &[0.into(), set.into(), 0.into(), 8.into()]);
        held.act(Act::Load, &[8.into()]);
        assert_eq!(run(held).1, Ending::Killed(Signal::SEGMENTATION));
        let mut ignored = Program::new();
        let ignore = ignored.words(&[1, 0, 0, 0]);
        ignored.call("rt_sigaction", &[SEGV.into(), ignore.into(), 0.into(), 8.into()]);
        ignored.act(Act::Load, &[8.into()]);
        assert_eq!(run(ignored).1, Ending::Killed(Signal::SEGMENTATION));
    }

    /// ```text
    ///   the stack runs out ── SIGSEGV ── handler on the alternate stack ── goes on
    ///                                  └ on the same stack: no frame can be written, it ends
    /// ```
    fn a_stack_that_has_run_out_is_told_on_another() {
        let mut program = Program::new();
        let notes = program.notes(1);
        let stack = alternate_stack(&mut program);
        program.handle(SEGV, Act::Handler, SA_ONSTACK, 0);
        program.spoil(RIP, Act::Unwind.address());
        program.act(Act::Recurse, &[]);
        let seen = program.room(3);
        program.call("sigaltstack", &[0.into(), seen.0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let [signal, code, _, _, _, pointer, ..] = machine.note(notes, 0);
        assert_eq!((signal, code), (11, 1));
        assert!((stack..stack + STACK_SIZE).contains(&(pointer as u64)), "{pointer:#x}");
        assert_eq!(machine.result(seen), stack as i64, "still there");
        let mut without = Program::new();
        without.handle(SEGV, Act::Handler, 0, 0);
        without.act(Act::Recurse, &[]);
        assert_eq!(run(without).1, Ending::Killed(Signal::SEGMENTATION));
    }

    fn alternate_stacks_that_cannot_be_are_refused() {
        let mut program = Program::new();
        let small = program.words(&[0x1000, 0, 2047]);
        let odd = program.words(&[0x1000, 8, 1 << 20]);
        let refused = [small, odd].map(|stack| program.call("sigaltstack", &[stack.into(), 0.into()]));
        let seen = program.room(3);
        program.call("sigaltstack", &[0.into(), seen.0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(refused.map(|call| machine.result(call)), [error(ENOMEM), error(EINVAL)]);
        assert_eq!(machine.result(Slot(seen.0 + 8)), 2, "SS_DISABLE");
    }

    /// Every word of the frame that comes back wrong in seven ways: the program goes on or is killed, and nobody else.
    fn a_hostile_frame_harms_nobody_else() {
        for offset in (0..304).step_by(8) {
            for wrong in [0, 1, 1 << 47, 1 << 63, u64::MAX, crate::mm::HEAP_START, 0x0008_0008_0008_0008] {
                let mut program = Program::new();
                program.notes(1);
                program.handle(USR1, Act::Handler, 0, 0);
                program.spoil(offset, wrong);
                program.kill_itself(USR1);
                let (_, ending) = run(program);
                let is_register = (40..40 + 18 * 8).contains(&offset);
                let leads_away = offset == RIP || offset == FLOATING_POINT && wrong != 0;
                match ending {
                    Ending::Exited(_) => assert!(!leads_away, "{offset} {wrong:#x}"),
                    Ending::Killed(Signal::SEGMENTATION) => assert!(leads_away || is_register, "{offset} {wrong:#x}"),
                    // A single step, where the trap flag was set.
                    Ending::Killed(signal) => assert_eq!((signal, offset), (Signal::TRAP, FLAGS)),
                }
            }
        }
    }

    /// Segments are the user's own whatever the frame says, and interrupts stay let in.
    fn what_a_frame_cannot_change_stays_as_it_was() {
        let mut program = Program::new();
        program.notes(2);
        program.handle(USR1, Act::Handler, 0, 0);
        for (offset, value) in [(SEGMENTS, 0), (FLAGS, 0), (FLOATING_POINT, 0)] {
            program.spoil(offset, value);
            program.kill_itself(USR1);
        }
        program.spoil(RSP, 1 << 63);
        program.kill_itself(USR1);
        program.exit(5);
        assert_eq!(run(program).1, Ending::Exited(5));
        let mut program = Program::new();
        program.act(Act::Restorer, &[]);
        assert_eq!(run(program).1, Ending::Killed(Signal::SEGMENTATION));
    }

    /// A handler where nothing is, one of the kernel's, and one without a way back.
    fn a_handler_that_cannot_be_called_ends_the_program() {
        for (handler, flags) in [(8, 0x0400_0000), (1 << 63, 0x0400_0000), (Act::Handler.address(), 0)] {
            let mut program = Program::new();
            let action = program.words(&[handler, flags, Act::Restorer.address(), 0]);
            program.call("rt_sigaction", &[USR1.into(), action.into(), 0.into(), 8.into()]);
            program.kill_itself(USR1);
            assert_eq!(run(program).1, Ending::Killed(Signal::SEGMENTATION));
        }
    }

    /// ```text
    ///   parent   read (nothing there) ── USR1: EINTR ──────── read ── USR1: handler, read again ── a byte
    ///   child    20 ms ── kill parent ── 20 ms ────────────────── kill ── 20 ms ── write
    /// ```
    fn a_call_that_waits_is_interrupted_or_made_again() {
        let mut program = Program::new();
        let notes = program.notes(3);
        let ends = program.room(1);
        program.call("pipe", &[ends.0.into()]);
        program.handle(USR1, Act::Handler, 0, 0);
        program.handle(USR2, Act::Handler, SA_RESTART, 0);
        let nap = program.words(&[0, 20_000_000]);
        let child = program.begin("fork", |child| {
            let parent = child.call("getppid", &[]);
            for signal in [USR1, USR2] {
                child.call("nanosleep", &[nap.into(), 0.into()]);
                child.call("kill", &[parent.into(), signal.into()]);
            }
            child.call("nanosleep", &[nap.into(), 0.into()]);
            child.call("write", &[5.into(), ends.0.into(), 1.into()]);
            child.exit(0);
        });
        let byte = program.room(1);
        let interrupted = program.call("read", &[4.into(), byte.0.into(), 1.into()]);
        let again = program.call("read", &[4.into(), byte.0.into(), 1.into()]);
        let waited = program.call("wait4", &[child.into(), 0.into(), 0.into(), 0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!([interrupted, again].map(|call| machine.result(call)), [error(EINTR), 1]);
        assert_eq!([0, 1, 2].map(|index| machine.note(notes, index)[0]), [10, 12, 0]);
        assert_eq!(machine.result(waited), machine.result(child));
    }

    /// A handler ends a sleep even with `SA_RESTART`, and says what was left; stopping and going on does not.
    fn a_sleep_is_interrupted_by_handlers_only() {
        let mut program = Program::new();
        let notes = program.notes(2);
        program.handle(USR1, Act::Handler, SA_RESTART, 0);
        let (nap, long) = (program.words(&[0, 20_000_000]), program.words(&[100, 0]));
        program.begin("fork", |child| {
            let parent = child.call("getppid", &[]);
            child.call("nanosleep", &[nap.into(), 0.into()]);
            child.call("kill", &[parent.into(), 19.into()]);
            child.call("nanosleep", &[nap.into(), 0.into()]);
            child.call("kill", &[parent.into(), 18.into()]);
            child.call("nanosleep", &[nap.into(), 0.into()]);
            child.call("kill", &[parent.into(), USR1.into()]);
            child.call("nanosleep", &[nap.into(), 0.into()]);
            child.call("kill", &[parent.into(), USR1.into()]);
            child.exit(0);
        });
        let left = program.room(2);
        let slept = program.call("nanosleep", &[long.into(), left.0.into()]);
        let told_nowhere = program.call("clock_nanosleep", &[1.into(), 0.into(), long.into(), 8.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!((machine.result(slept), machine.note(notes, 0)[0]), (error(EINTR), 10));
        assert_eq!(machine.result(left), 99);
        assert_eq!(machine.result(told_nowhere), error(EFAULT));
    }

    /// While `sigsuspend` waits another mask counts; the handler's end brings the old one back.
    fn waiting_with_another_mask() {
        let mut program = Program::new();
        let notes = program.notes(1);
        program.handle(USR1, Act::Handler, 0, 0);
        let (set, none) = (program.words(&[bit(USR1)]), program.words(&[0]));
        program.call("rt_sigprocmask", &[0.into(), set.into(), 0.into(), 8.into()]);
        program.begin("fork", |child| {
            let parent = child.call("getppid", &[]);
            child.call("kill", &[parent.into(), USR1.into()]);
            child.exit(0);
        });
        let suspended = program.call("rt_sigsuspend", &[none.into(), 8.into()]);
        let mask = program.room(1);
        program.call("rt_sigprocmask", &[0.into(), 0.into(), mask.0.into(), 8.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!((machine.result(suspended), machine.result(mask)), (error(EINTR), bit(USR1) as i64));
        assert_eq!((machine.note(notes, 0)[0], machine.note(notes, 0)[4]), (10, bit(USR1) as i64));
    }

    fn a_signal_can_be_waited_for_instead_of_handled() {
        let mut program = Program::new();
        let set = program.words(&[bit(USR1) | bit(CHLD)]);
        let (nap, room) = (program.words(&[0, 20_000_000]), program.room(16));
        program.call("rt_sigprocmask", &[0.into(), set.into(), 0.into(), 8.into()]);
        let nothing = program.call("rt_sigtimedwait", &[set.into(), 0.into(), nap.into(), 8.into()]);
        let child = program.begin("fork", |child| {
            child.call("nanosleep", &[nap.into(), 0.into()]);
            child.exit(7);
        });
        let signal = program.call("rt_sigtimedwait", &[set.into(), room.0.into(), 0.into(), 8.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!([nothing, signal].map(|call| machine.result(call)), [error(EAGAIN), 17]);
        let told = [0, 1, 2, 3].map(|index| machine.result(Slot(room.0 + 8 * index)));
        assert_eq!(told, [17, 1, machine.result(child), 7]);
    }

    /// ```text
    ///   child    SIGSTOP ─────────────────── goes on ── exit 3
    ///   parent   wait: stopped by 19 ── SIGCONT ── wait: goes on ── wait: ended
    /// ```
    fn a_child_stops_and_goes_on() {
        let mut program = Program::new();
        let child = program.begin("fork", |child| {
            child.kill_itself(19);
            child.exit(3);
        });
        let status = [0; 3].map(|_| program.room(1));
        let all = 2 | 8;
        let wait = |program: &mut Program, index: usize, flags: u64| {
            program.call("wait4", &[child.into(), status[index].0.into(), flags.into(), 0.into()])
        };
        let stopped = wait(&mut program, 0, all);
        let nothing = wait(&mut program, 1, all | 1);
        program.call("kill", &[child.into(), 18.into()]);
        let continued = wait(&mut program, 1, all);
        let ended = wait(&mut program, 2, all);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let pid = machine.result(child);
        assert_eq!([stopped, nothing, continued, ended].map(|call| machine.result(call)), [pid, 0, pid, pid]);
        assert_eq!(status.map(|status| machine.result(status)), [0x137f, 0xffff, 3 << 8]);
    }

    /// One that waits, one that is stopped, one that computes.
    fn a_killed_process_ends_whatever_it_does() {
        let mut program = Program::new();
        let nap = program.words(&[0, 20_000_000]);
        let status = [0; 3].map(|_| program.room(1));
        let children: [fn(&mut Program); 3] = [
            |child| { child.call("pause", &[]); },
            |child| { child.kill_itself(19); },
            |child| { child.act(Act::Await, &[DATA_END_ZERO.into(), 0.into()]); },
        ];
        for (body, status) in children.into_iter().zip(status) {
            let child = program.begin("fork", |child| {
                body(child);
                child.exit(0);
            });
            program.call("nanosleep", &[nap.into(), 0.into()]);
            program.call("kill", &[child.into(), 9.into()]);
            program.call("wait4", &[child.into(), status.0.into(), 0.into(), 0.into()]);
        }
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(status.map(|status| machine.result(status)), [9; 3]);
    }

    /// Another program has no handlers, and ignores what the old one did; what is held back still is.
    fn another_program_has_no_handlers() {
        let mut other = Program::new();
        let seen = other.room(8);
        for (index, signal) in [USR1, USR2].into_iter().enumerate() {
            other.call("rt_sigaction", &[signal.into(), 0.into(), (seen.0 + 32 * index as u64).into(), 8.into()]);
        }
        let mask = other.room(1);
        other.call("rt_sigprocmask", &[0.into(), 0.into(), mask.0.into(), 8.into()]);
        let machine = Machine::new();
        machine.write("/other", &other.elf());
        let mut program = Program::new();
        program.handle(USR1, Act::Handler, SA_RESTART, 0);
        let ignore = program.words(&[1, SA_RESTART, 0, 0]);
        program.call("rt_sigaction", &[USR2.into(), ignore.into(), 0.into(), 8.into()]);
        let set = program.words(&[bit(USR1)]);
        program.call("rt_sigprocmask", &[0.into(), set.into(), 0.into(), 8.into()]);
        let (path, none) = (program.bytes(b"/other"), program.words(&[0]));
        program.call("execve", &[path.into(), none.into(), none.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        let handlers = [0, 4].map(|word| machine.result(Slot(seen.0 + 8 * word)));
        assert_eq!((handlers, machine.result(mask)), ([0, 1], bit(USR1) as i64));
    }

    fn what_cannot_be_asked_for_is_refused() {
        let mut program = Program::new();
        let (ignore, set) = (program.words(&[1, 0, 0, 0]), program.words(&[0]));
        let pid = program.call("getpid", &[]);
        let cases: [(&str, [u64; 4], i64); 9] = [
            ("rt_sigaction", [9, ignore, 0, 8], error(EINVAL)),
            ("rt_sigaction", [19, ignore, 0, 8], error(EINVAL)),
            ("rt_sigaction", [0, 0, 0, 8], error(EINVAL)),
            ("rt_sigaction", [65, 0, 0, 8], error(EINVAL)),
            ("rt_sigaction", [USR1, ignore, 0, 4], error(EINVAL)),
            ("rt_sigprocmask", [3, set, 0, 8], error(EINVAL)),
            ("kill", [4_000_000, 0, 0, 0], error(ESRCH)),
            ("tgkill", [0, 1, 0, 0], error(EINVAL)),
            ("tkill", [4_000_000, 0, 0, 0], error(ESRCH)),
        ];
        let calls = cases.map(|(name, arguments, _)| program.call(name, &arguments.map(Argument::Is)));
        let asked = program.call("kill", &[pid.into(), 0.into()]);
        let odd = program.call("kill", &[pid.into(), 65.into()]);
        let pretended = program.words(&[USR1, 0, 0, 0]);
        let child = program.begin("fork", |child| {
            child.call("pause", &[]);
            child.exit(0);
        });
        let pretending = program.call("rt_sigqueueinfo", &[child.into(), USR1.into(), pretended.into()]);
        program.call("kill", &[child.into(), 9.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        for (call, (name, arguments, expected)) in calls.into_iter().zip(cases) {
            assert_eq!(machine.result(call), expected, "{name} {arguments:?}");
        }
        let others = [asked, odd, pretending].map(|call| machine.result(call));
        assert_eq!(others, [0, error(EINVAL), error(EPERM)]);
    }
}
