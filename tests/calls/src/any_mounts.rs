//! Mounts made, moved, changed and taken away in any order, below the current directory: after each step all that is
//! mounted there is shown.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::mounts::{CLONE, CWD, FROM_EMPTY, RECURSIVE, Shown, close, set, shown, tree};
use crate::{call, text};

const BENEATH: u32 = 0x200;
const SET_GROUP: u32 = 0x100;

/// Where things are mounted: in each file system there are these directories.
const PLACES: [&str; 12] = ["p", "q", "s", "p/1", "p/2", "q/1", "q/2", "s/1", "p/1/1", "p/1/2", "q/1/1", "s/1/1"];

/// With more than these all are taken away.
const MANY: usize = 30;

const STEPS: usize = 3000;

/// Numbers that are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn place(&mut self) -> &'static str {
        PLACES[self.below(PLACES.len())]
    }
}

fn mount(source: &str, path: &str, kind: &str, flags: u64) -> i64 {
    call!(SYS_mount, text(source), text(path), text(kind), flags, 0)
}

/// Makes the directories that are mounted on.
fn furnish(path: &str) {
    for name in ["1", "2", "1/1", "1/2"] {
        let _ = fs::create_dir(format!("{path}/{name}"));
    }
}

fn step(numbers: &mut Numbers, step: usize, kept: &mut [i64; 2]) -> String {
    let (from, to, slot) = (numbers.place(), numbers.place(), numbers.below(2));
    let recursive = numbers.below(2) as u64;
    let deep = recursive as u32 * RECURSIVE;
    let move_mount = |directory: i64, path: &str, flags| {
        let source = if directory == CWD { from } else { "" };
        call!(SYS_move_mount, directory, text(source), CWD, text(path), flags)
    };
    match numbers.below(16) {
        0..3 => {
            let answer = mount(&format!("m{step}"), to, "tmpfs", 0);
            furnish(to);
            format!("mount {to} {answer}")
        }
        3 | 4 => {
            let flags = libc::MS_BIND | (recursive * libc::MS_REC);
            format!("bind {from} {to} {recursive} {}", mount(from, to, "", flags))
        }
        5 => format!("move {from} {to} {}", mount(from, to, "", libc::MS_MOVE)),
        6 => format!("umount {to} {}", call!(SYS_umount2, text(to), 0)),
        7 => format!("detach {to} {}", call!(SYS_umount2, text(to), libc::MNT_DETACH)),
        8..11 => {
            let kind = [1 << 20, 1 << 20, 1 << 19, 1 << 18, 1 << 17][numbers.below(5)];
            format!("pass on {to} {kind:#x} {recursive} {}", set(to, deep, [0, 0, kind, 0]))
        }
        11 => format!("beneath {from} {to} {}", move_mount(CWD, to, BENEATH)),
        12 => {
            close(kept[slot]);
            kept[slot] = tree(from, CLONE | deep);
            format!("copy {from} {recursive} {}", kept[slot].min(0))
        }
        13 => {
            let flags = FROM_EMPTY | [0, BENEATH][numbers.below(2)];
            format!("put {slot} {to} {flags:#x} {}", move_mount(kept[slot], to, flags))
        }
        14 => {
            let inside = ["1", "2", "1/1"][numbers.below(3)];
            let answer = call!(
                SYS_move_mount,
                kept[slot],
                text(""),
                kept[1 - slot],
                text(inside),
                FROM_EMPTY | [0, BENEATH][numbers.below(2)]
            );
            format!("put {slot} on the other {inside} {answer}")
        }
        _ => format!("group {from} {to} {}", move_mount(CWD, to, SET_GROUP)),
    }
}

/// The mounts by their names. A group is called by who is in it, since its number differs from one system to the next.
fn mounts() -> Vec<String> {
    let all = shown();
    let mut groups: BTreeMap<&str, Vec<(&str, &str, &str)>> = BTreeMap::new();
    for one in &all {
        for (kind, group) in one.links.iter().filter_map(|word| word.split_once(':')) {
            groups.entry(group).or_default().push((kind, &one.mount, &one.file_system));
        }
    }
    let names: BTreeMap<&str, u16> = groups
        .into_iter()
        .map(|(group, mut members)| {
            members.sort_unstable();
            let mut hasher = DefaultHasher::new();
            members.hash(&mut hasher);
            (group, hasher.finish() as u16)
        })
        .collect();
    let line = |one: &Shown| {
        let links = one.links.iter().map(|word| match word.split_once(':') {
            Some((kind, group)) => format!(" {kind}:{:x}", names.get(group).copied().unwrap_or_default()),
            None => format!(" {word}"),
        });
        format!("{}{} {}", one.mount, links.collect::<String>(), one.file_system)
    };
    let mut lines: Vec<String> = all.iter().map(line).collect();
    lines.sort_unstable();
    lines
}

/// A new file system, with nothing on it.
fn begin() {
    let left = std::env::set_current_dir("/tmp").is_ok() && call!(SYS_umount2, text("any"), libc::MNT_DETACH) == 0;
    let come = mount("base", "any", "tmpfs", 0) == 0 && std::env::set_current_dir("any").is_ok();
    println!("from anew {left} {come}");
    for name in ["p", "q", "s"] {
        println!("{name} {}", fs::create_dir(name).is_ok());
        furnish(name);
    }
}

/// All of them.
pub fn rows() {
    println!("room {}", std::env::set_current_dir("/tmp").and_then(|()| fs::create_dir("any")).is_ok());
    let mut numbers = Numbers(1);
    let mut kept = [-1; 2];
    let mut before = Vec::new();
    begin();
    for count in 0..STEPS {
        println!("{count} {}", step(&mut numbers, count, &mut kept));
        let all = mounts();
        if all != before {
            println!("{}", all.join("\n"));
        }
        if all.len() > MANY {
            begin();
        }
        before = all;
    }
    kept.into_iter().for_each(close);
}
