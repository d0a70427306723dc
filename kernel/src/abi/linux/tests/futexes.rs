//! Waiting for a word of memory; locks whose holder has ended.

use super::program::{Act, DATA_END, Program, Slot, run};
use super::{EAGAIN, EFAULT, EINTR, EINVAL, ENOSYS, ESRCH, ETIMEDOUT, error};
use crate::ktest;
use crate::task::process::Ending;

const WAIT: u64 = 0;
const WAKE: u64 = 1;
const REQUEUE: u64 = 3;
const CMP_REQUEUE: u64 = 4;
const WAKE_OP: u64 = 5;
const WAIT_BITSET: u64 = 9;
const WAKE_BITSET: u64 = 10;
const PRIVATE: u64 = 128;
const REALTIME: u64 = 256;

const USR1: u64 = 10;
const SA_RESTART: u64 = 0x1000_0000;

/// A call of `futex` with all its arguments.
fn futex(program: &mut Program, word: Slot, operation: u64, value: u64, rest: [u64; 3]) -> Slot {
    let [timeout, other, value3] = rest;
    let arguments = [word.0, operation, value, timeout, other, value3];
    program.call("futex", &arguments.map(Into::into))
}

/// Lets a thread wait for `word` to be other than 0, with `bitset`; what it is answered.
fn waiter(program: &mut Program, word: Slot, bitset: u64) -> (Slot, Slot) {
    let mut answer = None;
    let thread = program.thread(|thread| {
        answer = Some(futex(thread, word, WAIT_BITSET | PRIVATE, 0, [0, 0, bitset]));
        thread.call("exit", &[0.into()]);
    });
    program.give_way();
    (thread, answer.expect("it was called"))
}

ktest! {
    /// What is not so is not waited for; a time comes to its end by either clock.
    fn a_wait_ends_at_once_or_in_time() {
        let mut program = Program::new();
        let word = program.room(1);
        let (short, past) = (program.words(&[0, 10_000_000]), program.words(&[1, 0]));
        let bad = program.words(&[0, 1_000_000_000]);
        let odd = Slot(word.0 + 2);
        let gone = Slot(DATA_END);
        let expected = [
            (futex(&mut program, word, WAIT, 1, [0; 3]), error(EAGAIN)),
            (futex(&mut program, word, WAIT, 0, [short, 0, 0]), error(ETIMEDOUT)),
            (futex(&mut program, word, WAIT | PRIVATE, 0, [short, 0, 0]), error(ETIMEDOUT)),
            (futex(&mut program, word, WAIT_BITSET, 0, [past, 0, 1]), error(ETIMEDOUT)),
            (futex(&mut program, word, WAIT_BITSET | REALTIME, 0, [past, 0, 1]), error(ETIMEDOUT)),
            (futex(&mut program, word, WAIT | REALTIME, 0, [past, 0, 0]), error(ENOSYS)),
            (futex(&mut program, word, WAIT, 0, [bad, 0, 0]), error(EINVAL)),
            (futex(&mut program, word, WAIT_BITSET, 0, [0, 0, 0]), error(EINVAL)),
            (futex(&mut program, word, WAKE_BITSET, 1, [0, 0, 0]), error(EINVAL)),
            (futex(&mut program, word, REQUEUE, u64::MAX, [1, word.0, 0]), error(EINVAL)),
            (futex(&mut program, word, CMP_REQUEUE, 1, [1, word.0, 1]), error(EAGAIN)),
            (futex(&mut program, word, 14, 1, [0; 3]), error(ENOSYS)),
            (futex(&mut program, word, WAKE_OP, 1, [1, word.0, 5 << 28]), error(ENOSYS)),
            (futex(&mut program, word, WAKE_OP, 1, [1, word.0, 6 << 24]), error(ENOSYS)),
            (futex(&mut program, odd, WAKE, 1, [0; 3]), error(EINVAL)),
            (futex(&mut program, gone, WAIT | PRIVATE, 0, [0; 3]), error(EFAULT)),
            (futex(&mut program, gone, WAKE, 1, [0; 3]), error(EFAULT)),
            (futex(&mut program, gone, WAKE | PRIVATE, 1, [0; 3]), 0),
            (futex(&mut program, Slot(1 << 63), WAKE | PRIVATE, 1, [0; 3]), error(EFAULT)),
            (futex(&mut program, word, WAKE_OP, 1, [1, DATA_END, 0]), error(EFAULT)),
        ];
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        for (index, (call, expected)) in expected.into_iter().enumerate() {
            assert_eq!(machine.result(call), expected, "call {index}");
        }
    }

    /// Those who have waited longest first, and only those whom the waking is for.
    fn a_waking_is_for_so_many_and_for_whom_it_counts() {
        let mut program = Program::new();
        let word = program.room(1);
        let waiters = [1, 2, 3, 4].map(|bitset| waiter(&mut program, word, bitset));
        let none = futex(&mut program, word, WAKE_BITSET | PRIVATE, 9, [0, 0, 8]);
        let two = futex(&mut program, word, WAKE_BITSET | PRIVATE, 9, [0, 0, 2]);
        // Linux takes nobody as one.
        let one = futex(&mut program, word, WAKE | PRIVATE, 0, [0; 3]);
        let rest = futex(&mut program, word, WAKE, 9, [0; 3]);
        let nobody = futex(&mut program, word, WAKE, 9, [0; 3]);
        for (thread, _) in waiters {
            program.join(thread);
        }
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!([none, two, one, rest, nobody].map(|call| machine.result(call)), [0, 2, 1, 1, 0]);
        assert_eq!(waiters.map(|(_, answer)| machine.result(answer)), [0; 4]);
    }

    /// ```text
    ///   three wait for a ── requeue(a: 1 is woken, 1 waits for b) ── one at b, one still at a
    /// ```
    fn who_waits_can_be_made_to_wait_for_another_word() {
        let mut program = Program::new();
        let (a, b) = (program.room(1), program.room(1));
        let waiters = [1, 1, 1].map(|bitset| waiter(&mut program, a, bitset));
        let moved = futex(&mut program, a, CMP_REQUEUE | PRIVATE, 1, [1, b.0, 0]);
        let at_b = futex(&mut program, b, WAKE | PRIVATE, 9, [0; 3]);
        let to_itself = futex(&mut program, a, REQUEUE | PRIVATE, 0, [9, a.0, 0]);
        let at_a = futex(&mut program, a, WAKE | PRIVATE, 9, [0; 3]);
        for (thread, _) in waiters {
            program.join(thread);
        }
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!([moved, at_b, to_itself, at_a].map(|call| machine.result(call)), [2, 1, 1, 1]);
    }

    /// The second word is changed, and what it was decides whether those who wait for it are woken.
    fn a_waking_may_change_another_word() {
        let mut program = Program::new();
        let (a, b) = (program.room(1), program.room(1));
        let threads = [waiter(&mut program, a, 1), waiter(&mut program, b, 1)];
        // b += 5, and was it greater than 0? b |= 1 << 4, and was it at least -1?
        let no = futex(&mut program, a, WAKE_OP | PRIVATE, 1, [1, b.0, 1 << 28 | 4 << 24 | 5 << 12]);
        let yes = futex(&mut program, a, WAKE_OP | PRIVATE, 1, [1, b.0, (8 + 2) << 28 | 5 << 24 | 4 << 12 | 0xfff]);
        for (thread, _) in threads {
            program.join(thread);
        }
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!([no, yes, b].map(|slot| machine.result(slot)), [1, 1, 21]);
    }

    /// What is private is each process's own; what is shared is one word for both, wherever they have it.
    fn processes_wait_for_words_that_they_share() {
        let mut program = Program::new();
        let own = program.room(1);
        let map = |program: &mut Program, at: u64| {
            program.call("mmap", &[at.into(), 4096.into(), 3.into(), 0x31.into(), u64::MAX.into(), 0.into()])
        };
        map(&mut program, 0x70_0000);
        let shared = Slot(0x70_0008);
        let child = program.begin("fork", |child| {
            futex(child, shared, WAIT, 0, [0; 3]);
            child.exit(3);
        });
        program.give_way();
        let wrong = futex(&mut program, shared, WAKE | PRIVATE, 9, [0; 3]);
        let other = futex(&mut program, own, WAKE, 9, [0; 3]);
        let right = futex(&mut program, shared, WAKE, 9, [0; 3]);
        let status = program.room(1);
        program.call("wait4", &[child.into(), status.0.into(), 0.into(), 0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!([wrong, other, right, status].map(|slot| machine.result(slot)), [0, 0, 1, 3 << 8]);
    }

    /// ```text
    ///   a handler runs    EINTR; without an end, and asked to restart: the wait goes on
    ///   none runs         the wait goes on, to the end that it had
    /// ```
    fn a_signal_interrupts_a_wait() {
        for (flags, with_end, interrupted) in [(0, false, true), (SA_RESTART, true, true), (SA_RESTART, false, false)] {
            let mut program = Program::new();
            let word = program.room(1);
            let notes = program.notes(1);
            let long = program.words(&[60, 0]);
            program.handle(USR1, Act::Handler, flags, 0);
            let mut answer = None;
            let thread = program.thread(|thread| {
                let end = if with_end { long } else { 0 };
                answer = Some(futex(thread, word, WAIT, 0, [end, 0, 0]));
                thread.call("exit", &[0.into()]);
            });
            program.give_way();
            program.call("tkill", &[thread.into(), USR1.into()]);
            program.give_way();
            let woken = futex(&mut program, word, WAKE, 1, [0; 3]);
            program.join(thread);
            let (machine, ending) = run(program);
            assert_eq!(ending, Ending::Exited(0));
            assert_eq!(machine.result(notes), 10);
            let answered = if interrupted { [error(EINTR), 0] } else { [0, 1] };
            assert_eq!([answer.expect("it was called"), woken].map(|slot| machine.result(slot)), answered);
        }
        let mut program = Program::new();
        let word = program.room(1);
        let short = program.words(&[0, 30_000_000]);
        let mut answer = None;
        let child = program.begin("fork", |child| {
            answer = Some(futex(child, word, WAIT, 0, [short, 0, 0]));
            child.call("write", &[1.into(), answer.expect("it was called").0.into(), 8.into()]);
            child.exit(0);
        });
        program.give_way();
        program.call("kill", &[child.into(), 19.into()]);
        program.call("kill", &[child.into(), 18.into()]);
        program.call("wait4", &[child.into(), 0.into(), 0.into(), 0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(machine.read("/out"), error(ETIMEDOUT).to_le_bytes());
    }

    /// ```text
    ///   head → lock a → lock b → head     pending: lock c
    ///          its own  another's                  left, with one who waits
    /// ```
    fn locks_are_marked_whose_holder_ends() {
        let mut program = Program::new();
        let head = program.room(3);
        // Each lock: the next entry, and its word 8 bytes behind.
        let [a, b, c] = [program.room(2), program.room(2), program.room(2)];
        let other = program.call("set_robust_list", &[head.0.into(), 25.into()]);
        let asked = [program.room(1), program.room(1)];
        let link = [(head.0, a.0), (head.0 + 8, 8), (head.0 + 16, c.0), (a.0, b.0), (b.0, head.0), (b.0 + 8, 77)];
        for (place, value) in link {
            program.act(Act::Store, &[place.into(), value.into()]);
        }
        let waiting = waiter(&mut program, Slot(c.0 + 8), 1);
        let mut set = None;
        let thread = program.thread(|thread| {
            let tid = thread.call("gettid", &[]);
            thread.act(Act::Store, &[(a.0 + 8).into(), tid.into()]);
            set = Some(thread.call("set_robust_list", &[head.0.into(), 24.into()]));
            thread.call("get_robust_list", &[tid.into(), asked[0].0.into(), asked[1].0.into()]);
            thread.call("exit", &[0.into()]);
        });
        program.join(thread);
        let woken = program.join(waiting.0);
        let nobody = program.call("get_robust_list", &[4_000_000.into(), asked[0].0.into(), asked[1].0.into()]);
        let child = program.begin("fork", |child| { child.call("pause", &[]); });
        let shown = program.call("get_robust_list", &[child.into(), head.0.into(), head.0.into()]);
        program.call("kill", &[child.into(), 9.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!([Slot(a.0 + 8), Slot(b.0 + 8), Slot(c.0 + 8)].map(|word| machine.result(word)), [0x4000_0000, 77, 0]);
        assert_eq!([set.expect("it was called"), woken].map(|slot| machine.result(slot)), [0; 2]);
        assert_eq!(asked.map(|slot| machine.result(slot)), [head.0 as i64, 24]);
        assert_eq!([other, nobody, shown].map(|call| machine.result(call)), [error(EINVAL), error(ESRCH), 0]);
    }

    /// A list without an end, one that leads nowhere, and one that leads to the kernel.
    fn a_bad_list_of_locks_harms_nobody() {
        for target in [0, 8, DATA_END - 4, crate::mm::HEAP_START, !7] {
            let mut program = Program::new();
            let head = program.room(3);
            let entry = program.room(1);
            let next = if target == 0 { entry.0 } else { target };
            program.act(Act::Store, &[head.0.into(), entry.0.into()]);
            program.act(Act::Store, &[entry.0.into(), next.into()]);
            program.act(Act::Store, &[(head.0 + 8).into(), (target ^ 3).into()]);
            program.act(Act::Store, &[(head.0 + 16).into(), target.into()]);
            let thread = program.thread(|thread| {
                thread.call("set_robust_list", &[head.0.into(), 24.into()]);
                thread.call("exit", &[0.into()]);
            });
            program.join(thread);
            assert_eq!(run(program).1, Ending::Exited(0), "{target:#x}");
        }
    }
}
