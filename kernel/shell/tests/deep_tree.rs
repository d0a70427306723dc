//! Trees deeper than any path is long, on a stack like a kernel's: no command may recurse.

mod session;

use session::Session;
use std::thread;

const DEPTH: usize = 10_000;
const STRETCH: usize = 2_000;

/// A kernel stack is smaller, but code for the host takes more of it.
const STACK: usize = 256 << 10;

/// Runs a test on a small stack.
fn on_a_small_stack(test: fn()) {
    thread::Builder::new().stack_size(STACK).spawn(test).unwrap().join().unwrap();
}

/// A session with a tree `top/d/d/d/…` of that depth, and a file at its end.
fn deep_session() -> Session {
    let mut session = Session::new();
    session.run("mkdir top; cd top");
    // As much as a path can hold at a time.
    let stretch = "d/".repeat(STRETCH);
    for _ in 0..DEPTH / STRETCH {
        session.run(&format!("mkdir -p {stretch}; cd {stretch}"));
    }
    session.run("echo bottom > file; cd /");
    session
}

#[test]
fn walking_changing_copying_and_removing_a_deep_tree() {
    on_a_small_stack(|| {
        let mut session = deep_session();
        assert_eq!(session.run("find top -type f | wc -l"), "1\n");
        assert_eq!(session.run("find top -type d | wc -l"), format!("{}\n", DEPTH + 1));
        assert_eq!(session.run("ls -R top | wc -l"), format!("{}\n", 3 * DEPTH + 2));
        assert_eq!(session.run("tree top | wc -l"), format!("{}\n", DEPTH + 4));
        assert_eq!(session.run("manifest top | wc -l"), format!("{}\n", DEPTH + 1));
        assert_eq!(
            session.run("chmod -R go= top; find top -mindepth 10000 -type f | wc -c | head -c 3; echo"),
            "200\n"
        );
        assert_eq!(session.run("cp -a top copy; rm -r top; ls"), "copy\n");
        assert_eq!(session.run("find copy -type d | wc -l; rm -r copy; ls"), format!("{}\n", DEPTH + 1));
    });
}
