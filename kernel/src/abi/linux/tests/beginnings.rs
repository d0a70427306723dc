//! Processes begin, go on as other programs, and are waited for.

use super::program::{Act, Machine, Program, run};
use super::{ECHILD, EFAULT, EINVAL, ENOENT, ENOEXEC, error};
use crate::ktest;
use crate::task::process::Ending;

ktest! {
    /// ```text
    ///   parent   word 1 ── fork ── wait4 ────────── word still 1
    ///   child              └ word 1, then 2, exit 7
    /// ```
    fn a_fork_has_the_same_memory_and_changes_its_own() {
        let mut program = Program::new();
        let word = program.room(1);
        program.act(Act::Store, &[word.0.into(), 1.into()]);
        let child = program.begin("fork", |child| {
            let old = child.act(Act::Load, &[word.0.into()]);
            child.act(Act::Store, &[word.0.into(), 2.into()]);
            let new = child.act(Act::Load, &[word.0.into()]);
            child.call("write", &[1.into(), old.0.into(), 8.into()]);
            child.call("write", &[1.into(), new.0.into(), 8.into()]);
            child.exit(7);
        });
        let status = program.room(1);
        let waited = program.call("wait4", &[child.into(), status.0.into(), 0.into(), 0.into()]);
        program.act(Act::Load, &[word.0.into()]);
        let again = program.call("wait4", &[u64::MAX.into(), 0.into(), 0.into(), 0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert!(machine.result(child) > 1);
        assert_eq!(machine.result(waited), machine.result(child));
        assert_eq!((machine.result(status), machine.result(word)), (7 << 8, 1));
        assert_eq!(machine.read("/out"), [1u64.to_le_bytes(), 2u64.to_le_bytes()].concat());
        assert_eq!(machine.result(again), error(ECHILD));
    }

    /// The parent waits until the child, which runs in its memory, has ended.
    fn a_vfork_runs_in_the_parents_memory_before_it() {
        let mut program = Program::new();
        let word = program.room(1);
        let child = program.begin("vfork", |child| {
            child.act(Act::Store, &[word.0.into(), 5.into()]);
            child.call("sched_yield", &[]);
            child.act(Act::Store, &[word.0.into(), 6.into()]);
            child.exit(3);
        });
        let seen = program.act(Act::Load, &[word.0.into()]);
        let status = program.room(1);
        let waited = program.call("wait4", &[0.into(), status.0.into(), 0.into(), 0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!((machine.result(seen), machine.result(status)), (6, 3 << 8));
        assert_eq!(machine.result(waited), machine.result(child));
    }

    fn waiting_without_waiting_says_that_nobody_has_ended() {
        let mut program = Program::new();
        let ends = program.room(1);
        program.call("pipe", &[ends.0.into()]);
        let child = program.begin("fork", |child| {
            // Until the parent closes the other end, which it has a copy of as well.
            child.call("close", &[5.into()]);
            child.call("read", &[4.into(), ends.0.into(), 1.into()]);
            child.exit(0);
        });
        let not_yet = program.call("wait4", &[child.into(), 0.into(), 1.into(), 0.into()]);
        program.call("close", &[5.into()]);
        let waited = program.call("wait4", &[child.into(), 0.into(), 0.into(), 0.into()]);
        let odd = program.call("wait4", &[child.into(), 0.into(), 0x40.into(), 0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(machine.result(not_yet), 0);
        assert_eq!(machine.result(waited), machine.result(child));
        assert_eq!(machine.result(odd), error(EINVAL));
    }

    /// Those who have lost their parent end as well, and leave nothing behind.
    fn an_orphan_ends_by_itself() {
        let mut program = Program::new();
        let parent = program.room(1);
        program.begin("fork", |child| {
            child.begin("fork", |orphan| {
                for _ in 0..10 {
                    orphan.call("sched_yield", &[]);
                }
                let parent = orphan.call("getppid", &[]);
                orphan.call("write", &[1.into(), parent.0.into(), 8.into()]);
                orphan.exit(1);
            });
            child.exit(0);
        });
        program.call("wait4", &[u64::MAX.into(), parent.0.into(), 0.into(), 0.into()]);
        let nap = program.words(&[0, 20_000_000]);
        program.call("nanosleep", &[nap.into(), 0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(machine.read("/out"), 1u64.to_le_bytes());
    }

    /// A process that ignores SIGCHLD has no children to wait for once they have ended.
    fn who_ignores_children_does_not_keep_them() {
        let mut program = Program::new();
        let ignore = program.words(&[1, 0, 0, 0]);
        program.call("rt_sigaction", &[17.into(), ignore.into(), 0.into(), 8.into()]);
        program.begin("fork", |child| child.exit(0));
        let waited = program.call("wait4", &[u64::MAX.into(), 0.into(), 0.into(), 0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(machine.result(waited), error(ECHILD));
    }

    /// The preempted one goes on with the registers it had, floating point included; without preemption it would
    /// wait for ever.
    fn a_program_that_computes_is_preempted_and_keeps_its_registers() {
        let mut program = Program::new();
        let shared = program.call("mmap", &[0.into(), 4096.into(), 3.into(), 0x21.into(), u64::MAX.into(), 0.into()]);
        program.begin("fork", |child| {
            child.act(Act::Vector, &[0.into(), 0x2222.into()]);
            child.act(Act::Store, &[shared.into(), 1.into()]);
            child.exit(0);
        });
        let kept = program.act(Act::Await, &[shared.into(), 0x1111.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(machine.result(kept), 0x1111);
    }

    fn another_program_gets_its_arguments_and_environment() {
        let mut other = Program::new();
        other.act(Act::Arguments, &[]);
        let machine = Machine::new();
        machine.write("/other", &other.elf());
        let mut program = Program::new();
        let path = program.bytes(b"/other");
        let texts = [&b"one"[..], b"", b"three", b"X=y"].map(|text| program.bytes(text));
        let arguments = program.words(&[texts[0], texts[1], texts[2], 0]);
        let environment = program.words(&[texts[3], 0]);
        program.call("execve", &[path.into(), arguments.into(), environment.into()]);
        program.exit(9);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!(machine.read("/out"), b"one\0\0three\0X=y\0");
    }

    fn a_script_is_run_by_the_interpreter_it_names() {
        let mut other = Program::new();
        other.act(Act::Arguments, &[]);
        let machine = Machine::new();
        machine.write("/interpreter", &other.elf());
        machine.write("/script", b"#! /interpreter  -x  y \nrest");
        machine.write("/outer", b"#!/script\n");
        let process = machine.start("/script", &["script", "z"], &[]).expect("it begins");
        assert_eq!(process.wait(), Ending::Exited(0));
        assert_eq!(machine.read("/out"), b"/interpreter\0-x  y\0/script\0z\0A=1\0");
        let process = machine.start("/outer", &["outer"], &[]).expect("it begins");
        assert_eq!(process.wait(), Ending::Exited(0));
        assert_eq!(machine.read("/out"), b"/interpreter\0-x  y\0/script\0/outer\0A=1\0");
        machine.write("/loop", b"#!/loop");
        machine.write("/empty", b"#!  \n");
        let refused = ["/loop", "/empty"].map(|path| machine.start(path, &["x"], &[]).err().map(|error| error.errno()));
        assert_eq!(refused, [Some(40), Some(ENOEXEC as i32)]);
    }

    fn a_program_that_cannot_be_loaded_leaves_the_old_one_running() {
        let machine = Machine::new();
        machine.write("/text", b"no program");
        let mut program = Program::new();
        let paths = [&b"/missing"[..], b"/text", b"/"].map(|path| program.bytes(path));
        let arguments = program.words(&[0]);
        let mut calls = paths.map(|path| program.call("execve", &[path.into(), arguments.into(), 0.into()])).to_vec();
        let bad = program.words(&[0x10, 0]);
        calls.push(program.call("execve", &[paths[1].into(), bad.into(), 0.into()]));
        assert_eq!(machine.run(program), Ending::Exited(0));
        let results: alloc::vec::Vec<i64> = calls.into_iter().map(|call| machine.result(call)).collect();
        assert_eq!(results, [error(ENOENT), error(ENOEXEC), error(super::EACCES), error(EFAULT)]);
    }
}
