//! What is used, and who gets how much of the processor.

use super::program::{Act, Program, Slot, run};
use super::{EACCES, EINVAL, EPERM, ESRCH, error};
use crate::ktest;
use crate::task::process::Ending;
use crate::task::signal::Signal;

/// Microseconds of a `struct timeval` in a room.
fn time(machine: &super::program::Machine, at: u64) -> i64 {
    machine.result(Slot(at)) * 1_000_000 + machine.result(Slot(at + 8))
}

/// Has a process of its own run without end, as nice as that.
fn spin(program: &mut Program, nice: u64) -> Slot {
    let never = program.words(&[0]);
    program.begin("fork", |child| {
        child.call("setpriority", &[0.into(), 0.into(), nice.into()]);
        child.act(Act::Await, &[never.into(), 0.into()]);
    })
}

fn sleep(program: &mut Program, milliseconds: u64) {
    let time = program.words(&[milliseconds / 1000, milliseconds % 1000 * 1_000_000]);
    program.call("nanosleep", &[time.into(), 0.into()]);
}

ktest! {
    /// ```text
    ///   child: 64 pages touched, runs until it is killed after 100 ms
    /// ```
    fn what_a_child_has_used_is_told() {
        let mut program = Program::new();
        let (usage, children, before) = (program.room(18), program.room(18), program.room(18));
        let (own, times, status) = (program.room(18), program.room(4), program.room(1));
        let never = program.words(&[0]);
        program.call("getrusage", &[u64::MAX.into(), before.0.into()]);
        let child = program.begin("fork", |child| {
            let rights = [0.into(), (64 * 4096).into(), 3.into(), 0x22.into(), u64::MAX.into(), 0.into()];
            let memory = child.call("mmap", &rights);
            child.act(Act::Fill, &[memory.into(), 64.into()]);
            child.act(Act::Await, &[never.into(), 0.into()]);
        });
        sleep(&mut program, 100);
        program.call("kill", &[child.into(), 9.into()]);
        let waited = program.call("wait4", &[child.into(), status.0.into(), 0.into(), usage.0.into()]);
        program.call("getrusage", &[u64::MAX.into(), children.0.into()]);
        program.call("getrusage", &[0.into(), own.0.into()]);
        let ticks = program.call("times", &[times.0.into()]);
        let nobody = program.call("getrusage", &[7.into(), own.0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(machine.result(waited), machine.result(child));
        let [user, system] = [0, 16].map(|at| time(&machine, usage.0 + at));
        assert!(user > 20_000 && system > 0, "{user} {system}");
        let [pages, faults] = [4, 8].map(|word| machine.result(Slot(usage.0 + 8 * word)));
        assert!(pages >= 64 * 4 && faults >= 64, "{pages} {faults}");
        assert_eq!(time(&machine, before.0), 0);
        assert_eq!([0, 16].map(|at| time(&machine, children.0 + at)), [user, system]);
        // The parent slept.
        assert!(time(&machine, own.0) < user && machine.result(Slot(own.0 + 8 * 16)) > 0);
        assert!(machine.result(Slot(times.0 + 16)) >= 2 && machine.result(ticks) >= 10);
        assert_eq!(machine.result(nobody), error(EINVAL));
    }

    fn clocks_of_ones_own_time_go_while_it_runs() {
        let mut program = Program::new();
        let clocks = [2, 3, u64::MAX << 3 | 2, u64::MAX << 3 | 6].map(|clock| (clock, program.room(2), program.room(2)));
        let ask = |program: &mut Program, clock: u64, room: Slot| program.call("clock_gettime", &[clock.into(), room.0.into()]);
        for (clock, before, _) in clocks {
            ask(&mut program, clock & 0xffff_ffff, before);
        }
        sleep(&mut program, 50);
        let answers = clocks.map(|(clock, _, after)| ask(&mut program, clock & 0xffff_ffff, after));
        let nobody = program.room(2);
        let unknown = ask(&mut program, (!4_194_303 << 3 | 2) & 0xffff_ffff, nobody);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(answers.map(|call| machine.result(call)), [0; 4]);
        assert_eq!(machine.result(unknown), error(EINVAL));
        for (_, before, after) in clocks {
            let of = |slot: Slot| machine.result(slot) * 1_000_000_000 + machine.result(Slot(slot.0 + 8));
            let passed = of(after) - of(before);
            assert!(of(before) > 0 && passed > 0 && passed < 40_000_000, "{passed}");
        }
    }

    fn a_timer_of_its_own_time_ends_what_runs() {
        for (kind, signal) in [(1, Signal::VIRTUAL_ALARM), (2, Signal::PROFILE)] {
            let mut program = Program::new();
            let (timer, never) = (program.words(&[0, 0, 0, 30_000]), program.words(&[0]));
            let left = program.room(4);
            program.call("setitimer", &[kind.into(), timer.into(), 0.into()]);
            sleep(&mut program, 60);
            program.call("getitimer", &[kind.into(), left.0.into()]);
            program.call("write", &[1.into(), (left.0 + 16).into(), 16.into()]);
            program.act(Act::Await, &[never.into(), 0.into()]);
            let (machine, ending) = run(program);
            assert_eq!(ending, Ending::Killed(signal));
            // While it slept nothing of it went by.
            let out = machine.read("/out");
            let left = u64::from_le_bytes(out[8..16].try_into().expect("eight bytes"));
            assert!((10_000..=30_000).contains(&left), "{left}");
        }
    }

    /// Half a second of the processor for two, one of whom is nicer by ten: 1024 to 110.
    fn who_is_nicer_gets_less() {
        let mut program = Program::new();
        let usages = [program.room(18), program.room(18)];
        let children = [spin(&mut program, 0), spin(&mut program, 10)];
        sleep(&mut program, 500);
        for (child, usage) in children.into_iter().zip(usages) {
            program.call("kill", &[child.into(), 9.into()]);
            program.call("wait4", &[child.into(), 0.into(), 0.into(), usage.0.into()]);
        }
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let [first, nicer] = usages.map(|usage| time(&machine, usage.0));
        assert!(nicer > 0 && first > 4 * nicer, "{first} {nicer}");
    }

    fn priorities_are_inherited_and_changed_by_who_may() {
        let mut program = Program::new();
        let get = |program: &mut Program, who: u64| program.call("getpriority", &[0.into(), who.into()]);
        let set = |program: &mut Program, kind: u64, nice: i64| {
            program.call("setpriority", &[kind.into(), 0.into(), (nice as u64).into()])
        };
        let parent = program.call("getpid", &[]);
        let at_first = get(&mut program, 0);
        let raised = set(&mut program, 1, -100);
        let highest = get(&mut program, 0);
        set(&mut program, 0, 5);
        let status = program.room(1);
        program.begin("fork", |child| {
            let inherited = get(child, 0);
            child.call("exit_group", &[inherited.into()]);
        });
        program.call("wait4", &[u64::MAX.into(), status.0.into(), 0.into(), 0.into()]);
        let denied = program.room(1);
        program.begin("fork", |child| {
            child.call("setuid", &[1000.into()]);
            let of_parent = child.call("setpriority", &[0.into(), parent.into(), 6.into()]);
            let sum = child.act(Act::Negate, &[of_parent.into()]);
            child.call("exit_group", &[sum.into()]);
        });
        program.call("wait4", &[u64::MAX.into(), denied.0.into(), 0.into(), 0.into()]);
        program.call("setuid", &[1000.into()]);
        let [nicer, less_nice] = [6, 5].map(|nice| set(&mut program, 2, nice));
        let wrong = [program.call("getpriority", &[3.into(), 0.into()]), get(&mut program, 4_194_303)];
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!([at_first, raised, highest].map(|call| machine.result(call)), [20, 0, 40]);
        assert_eq!([status, denied].map(|slot| machine.result(slot)), [15 << 8, EPERM << 8]);
        assert_eq!([nicer, less_nice].map(|call| machine.result(call)), [0, error(EACCES)]);
        assert_eq!(wrong.map(|call| machine.result(call)), [error(EINVAL), error(ESRCH)]);
    }

    fn there_is_one_processor() {
        let mut program = Program::new();
        let (one, none) = (program.words(&[1]), program.words(&[2]));
        let set = [one, none].map(|set| program.call("sched_setaffinity", &[0.into(), 8.into(), set.into()]));
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(set.map(|call| machine.result(call)), [0, error(EINVAL)]);
    }

    /// Somebody without privileges may have what the limit says, and what is less than it has.
    fn a_limit_says_how_far_before_others_one_may_come() {
        let mut program = Program::new();
        let limit = program.words(&[10, 10]);
        program.call("setrlimit", &[14.into(), limit.into()]);
        program.call("setuid", &[1000.into()]);
        let mut set = |policy: u64, priority: u64| {
            let priority = program.words(&[priority]);
            program.call("sched_setscheduler", &[0.into(), policy.into(), priority.into()])
        };
        let within = [set(1, 10), set(2, 3), set(1, 11), set(1, 5)];
        let none = program.words(&[0, 0]);
        program.call("setrlimit", &[14.into(), none.into()]);
        let mut set = |policy: u64, priority: u64| {
            let priority = program.words(&[priority]);
            program.call("sched_setscheduler", &[0.into(), policy.into(), priority.into()])
        };
        let without = [set(1, 6), set(1, 4), set(2, 4), set(0, 0), set(1, 1)];
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let refused = error(EPERM);
        assert_eq!(within.map(|call| machine.result(call)), [0, 0, refused, 0]);
        assert_eq!(without.map(|call| machine.result(call)), [refused, 0, refused, 0, refused]);
    }

    /// Who comes before others has nearly all of the processor, and no more.
    fn who_comes_before_others_leaves_them_a_little() {
        let mut program = Program::new();
        let (priority, word) = (program.words(&[10]), program.room(1));
        let times = [program.room(2), program.room(2)];
        let set = program.call("sched_setscheduler", &[0.into(), 0x4000_0001u64.into(), priority.into()]);
        let thread = program.thread(|thread| {
            thread.call("clock_gettime", &[1.into(), times[1].0.into()]);
            thread.act(Act::Store, &[word.0.into(), 1.into()]);
            thread.call("exit", &[0.into()]);
        });
        program.call("clock_gettime", &[1.into(), times[0].0.into()]);
        program.act(Act::Await, &[word.0.into(), 0.into()]);
        program.join(thread);
        let (machine, ending) = run(program);
        assert_eq!((ending, machine.result(set)), (Ending::Exited(0), 0));
        let [before, after] = times.map(|time| machine.result(time) * 1000 + machine.result(Slot(time.0 + 8)) / 1_000_000);
        assert!((500..3000).contains(&(after - before)), "{before} {after}");
    }

    /// One that has waited comes before who has not, wherever that is; of those before others it is the higher.
    fn who_is_woken_comes_before_lesser_ones() {
        let mut program = Program::new();
        let [word, seen] = [program.room(1), program.room(1)];
        let priorities = [5, 6, 7].map(|priority| program.words(&[priority]));
        let set = |program: &mut Program, priority: u64| {
            program.call("sched_setscheduler", &[0.into(), 1.into(), priority.into()]);
        };
        set(&mut program, priorities[0]);
        let threads = [priorities[2], priorities[1]].map(|priority| {
            program.thread(|thread| {
                set(thread, priority);
                thread.call("futex", &[word.0.into(), 0.into(), 0.into(), 0.into()]);
                thread.call("gettid", &[]);
                thread.call("write", &[1.into(), priority.into(), 1.into()]);
                thread.call("exit", &[0.into()]);
            })
        });
        program.call("sched_yield", &[]);
        let nap = program.words(&[0, 20_000_000]);
        program.call("nanosleep", &[nap.into(), 0.into()]);
        program.call("futex", &[word.0.into(), 1.into(), 2.into()]);
        program.call("write", &[1.into(), priorities[0].into(), 1.into()]);
        program.act(Act::Store, &[seen.0.into(), 1.into()]);
        for thread in threads {
            program.join(thread);
        }
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(machine.read("/out"), [7, 6, 5]);
    }
}
