//! What a process sets of itself (`prctl(2)`, `arch_prctl(2)`), and who it is after that.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use crate::call;
use crate::call::child;

/// The argument with which a program begun by another shows its rights.
pub const RIGHTS: &str = "rights";

fn prctl<const N: usize>(arguments: [i64; N]) -> i64 {
    let mut all = [0; 5];
    all[..N].copy_from_slice(&arguments);
    let [what, a, b, c, d] = all.map(|argument| argument as u64);
    call!(SYS_prctl, what, a, b, c, d)
}

/// Capabilities by which a set of rights is shown: those to change owners and to be any user.
const SHOWN: u64 = 1 << 0 | 1 << 7;

/// The lines about rights in `/proc/self/status`.
pub fn rights() -> Vec<String> {
    let status = fs::read_to_string("/proc/self/status").expect("it can be read");
    let lines = status.lines().filter_map(|line| line.split_once(":\t"));
    let words = lines.filter_map(|(name, value)| match name {
        "Uid" | "Gid" => Some(format!("{name} {value:?}")),
        "NoNewPrivs" => Some(format!("{name} {value}")),
        _ if name.starts_with("Cap") => {
            Some(format!("{name} {:x}", u64::from_str_radix(value, 16).unwrap_or(0) & SHOWN))
        }
        _ => None,
    });
    words.collect()
}

fn execute(path: &std::ffi::CStr) -> i32 {
    let mut arguments = [c"program", c"rights"].map(|text| text.as_ptr() as u64).to_vec();
    arguments.push(0);
    let mut environment = [0];
    call!(SYS_execve, path, arguments.as_mut_slice(), &mut environment) as i32
}

/// What the program shows of itself.
pub fn show() {
    // SAFETY: it has no argument that is an address.
    let secure = unsafe { libc::getauxval(libc::AT_SECURE) };
    println!("    {:?}, secure: {secure}", rights());
}

fn switches() {
    println!("keepcaps: {:?}", [[7, 0], [8, 1], [7, 0], [8, 2], [8, 0]].map(prctl));
    println!("timing: {:?}", [[13, 0], [14, 0], [14, 1]].map(prctl));
    println!("slack: {:?}", [[30, 0], [29, 7], [30, 0], [29, 0], [30, 0]].map(prctl));
    println!("a child's: {} {}", prctl([29, 9]), child(|| prctl([30]) as i32) >> 8);
    let mut word = [0];
    println!("counter: {} {}", call!(SYS_prctl, 25, &mut word), word[0]);
    println!("  {}", prctl([26, 1]));
    println!("unknown: {:?}", [[0, 0], [9999, 0], [-1, 0]].map(prctl));
    println!("nothing new: {:?}", [[39, 0, 0], [38, 0, 0], [38, 2, 0], [38, 1, 1], [39, 1, 0]].map(prctl));
    println!("  {:?} {}", [[38, 1], [39, 0]].map(prctl), child(|| prctl([39]) as i32) >> 8);
    let mut base = [0];
    let answers = [
        call!(SYS_arch_prctl, 0x1001, 0x1234_5000),
        call!(SYS_arch_prctl, 0x1004, &mut base),
        call!(SYS_arch_prctl, 0x1001, 1u64 << 63),
        call!(SYS_arch_prctl, 0x1011, 0),
        call!(SYS_arch_prctl, 0x7777, 0),
    ];
    let inherited = child(|| {
        let mut base = [0];
        call!(SYS_arch_prctl, 0x1004, &mut base);
        (base[0] == 0x1234_5000).into()
    });
    println!("base: {answers:?} {:#x} {}", base[0], inherited >> 8);
}

fn sets() {
    println!("bounds: {:?}", [[23, 0], [23, 40], [23, 64], [23, -1], [24, 0], [23, 0], [24, 64]].map(prctl));
    println!("{:?}", rights());
    execute(c"/processes");
}

fn ambient() {
    let answers =
        [[47, 1, 7, 0], [47, 2, 7, 0], [47, 9, 7, 0], [47, 1, 64, 0], [47, 1, 7, 1], [47, 4, 7, 0]].map(prctl);
    println!("ambient: {answers:?}");
    let mut header = [0x2008_0522];
    let mut data = [0; 3];
    call!(SYS_capget, &mut header, &mut data);
    // Effective and permitted stay; one becomes inheritable.
    data[1] |= 1 << 7;
    let mut header = [0x2008_0522];
    println!("inheritable: {}", call!(SYS_capset, &mut header, &mut data));
    println!("raised: {:?}", [[47, 2, 7], [47, 1, 7], [47, 2, 0], [47, 1, 0]].map(prctl));
    println!("{:?}", rights());
    println!("kept: {} {}", prctl([8, 1]), call!(SYS_setresuid, 1000, 1000, 1000));
    println!("{:?}", rights());
    println!("again: {:?}", [[47, 2, 7], [47, 1, 7]].map(prctl));
    execute(c"/processes");
}

fn rules() {
    println!("rules: {:?}", [[27, 0], [28, 0x2f], [27, 0], [28, 0x0f], [28, 0x2d], [28, 0x100], [28, 0x6f]].map(prctl));
    println!("changed: {}", call!(SYS_setresuid, 1000, 1000, 1000));
    println!("{:?}", rights());
    execute(c"/processes");
}

fn rights_of_a_program(prepare: fn(), who: u64) {
    prepare();
    call!(SYS_setresuid, who, who, who);
    execute(c"/tmp/set-id");
}

pub fn all() {
    fs::copy("/processes", "/tmp/set-id").expect("there is room");
    chown("/tmp/set-id", Some(0), Some(55)).expect("it is ours");
    fs::set_permissions("/tmp/set-id", PermissionsExt::from_mode(0o6755)).expect("it is ours");
    let subjects: [fn(); 7] = [
        switches,
        sets,
        ambient,
        rules,
        || rights_of_a_program(|| {}, 1000),
        || rights_of_a_program(|| assert_eq!(prctl([38, 1]), 0), 1000),
        || rights_of_a_program(|| assert_eq!(prctl([38, 1]), 0), 0),
    ];
    for subject in subjects {
        let status = child(|| {
            subject();
            0
        });
        println!("{status}");
    }
    // With somebody else at the same place the program gets nothing either.
    let pid = crate::call::begin(|| {
        call!(SYS_setresuid, 1000, 1000, 1000);
        let other = match call!(SYS_clone, libc::CLONE_FS | libc::SIGCHLD, 0, 0, 0, 0) {
            0 => loop {
                call!(SYS_pause);
            },
            other => other,
        };
        println!("at one place with another: {}", child(|| execute(c"/processes")));
        let status = match call!(SYS_clone, libc::CLONE_FS | libc::SIGCHLD, 0, 0, 0, 0) {
            0 => execute(c"/tmp/set-id"),
            pid => crate::call::wait(pid) as i32,
        };
        call!(SYS_kill, other as u64, 9);
        crate::call::wait(other);
        status
    });
    println!("{}", crate::call::wait(pid));
}
