//! Cases about rights alone: a small tree with every kind of mode and owner, and people who try what they may not.

use super::case::{Case, Kind, Layout};
use super::operation::{Operation, Place, Special, Step, When};
use super::people::{PEOPLE, ROOT, Who};
use fastrand::Rng;
use vfs::context::Capabilities;
use vfs::file::OpenFlags;
use vfs::node::{RenameFlags, SetXattr};

const STEPS: usize = 60;

const DIRECTORIES: [&str; 5] = ["/mnt", "/mnt/a", "/mnt/b", "/mnt/a/c", "/mnt/b/d"];
const NAMES: [&str; 4] = ["x", "y", "z", "l"];
const DIRECTORY_MODES: [u32; 12] =
    [0o755, 0o777, 0o1777, 0o2777, 0o3777, 0o2775, 0o770, 0o711, 0o1755, 0o333, 0o444, 0o000];
const FILE_MODES: [u32; 12] = [0o644, 0o666, 0o600, 0o660, 0o444, 0o000, 0o111, 0o070, 0o4777, 0o2777, 0o6666, 0o2655];
const IDS: [u32; 4] = [0, 1, 2, 3];

/// A random case.
pub fn case(seed: u64) -> Case {
    let mut cases = Cases { random: Rng::with_seed(seed) };
    let mut setup = Vec::new();
    for path in DIRECTORIES {
        if path != DIRECTORIES[0] {
            setup.push(Operation::Mkdir { place: Place::absolute(path), mode: 0o755 });
        }
    }
    for directory in DIRECTORIES {
        for name in ["x", "y"] {
            let place = Place::absolute(format!("{directory}/{name}"));
            let kind = if cases.one_in(8) { Special::Fifo } else { Special::Regular };
            setup.push(Operation::Mknod { place: place.clone(), kind, mode: 0o644 });
            setup.push(cases.chown(place.clone()));
            setup.push(Operation::Chmod { place, mode: cases.pick(&FILE_MODES) });
        }
        let place = Place::absolute(format!("{directory}/l"));
        setup.push(Operation::Symlink { target: cases.pick(&["x", "../x", "a", "none"]).into(), place: place.clone() });
        setup.push(Operation::Chown { place, uid: Some(1), gid: Some(1), follow: false });
    }
    for path in DIRECTORIES {
        setup.push(cases.chown(Place::absolute(path)));
        setup.push(Operation::Chmod { place: Place::absolute(path), mode: cases.pick(&DIRECTORY_MODES) });
    }
    let steps = (0..STEPS).map(|_| cases.step()).collect();
    let layout = Layout { kind: Kind::Plain, lowers: 0, index: false };
    Case { layout, setup: setup.into_iter().map(Step::from).collect(), steps }
}

struct Cases {
    random: Rng,
}

impl Cases {
    fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.random.usize(..among.len())]
    }

    fn one_in(&mut self, count: u32) -> bool {
        self.random.u32(..count) == 0
    }

    fn place(&mut self) -> Place {
        let directory = self.pick(&DIRECTORIES);
        if self.one_in(5) {
            return Place::absolute(directory);
        }
        Place::absolute(format!("{directory}/{}", self.pick(&NAMES)))
    }

    fn chown(&mut self, place: Place) -> Operation {
        Operation::Chown { place, uid: Some(self.pick(&IDS)), gid: Some(self.pick(&IDS)), follow: true }
    }

    fn id(&mut self) -> Option<u32> {
        if self.one_in(3) { None } else { Some(self.pick(&IDS)) }
    }

    fn mode(&mut self) -> u32 {
        let all = [DIRECTORY_MODES, FILE_MODES].concat();
        self.pick(&all)
    }

    fn when(&mut self) -> When {
        self.pick(&[When::Keep, When::Now, When::Seconds(77)])
    }

    fn step(&mut self) -> Step {
        let mut who = self.random.usize(..PEOPLE.len());
        let operation = self.operation();
        let links = matches!(operation, Operation::Link { .. });
        let whiteout = matches!(operation, Operation::Rename { flags, .. } if flags.contains(RenameFlags::WHITEOUT));
        // As in the other cases: a setting of Linux refuses the one, and gives away what the other makes.
        if links && !may_link(who) || whiteout {
            who = ROOT;
        }
        Step { who, operation }
    }

    fn operation(&mut self) -> Operation {
        let (place, mode) = (self.place(), self.mode());
        match self.random.u8(..24) {
            0 | 1 => Operation::Access { place, mode: self.random.u32(..8) },
            2..5 => Operation::Open { slot: 0, place, flags: self.open_flags(), mode },
            5 => Operation::Write { slot: 0, data: b"text".to_vec() },
            6 => self.change_open(mode),
            7 => Operation::List { place },
            8 => Operation::Mkdir { place, mode },
            9 => {
                let kinds =
                    [Special::Regular, Special::Fifo, Special::Socket, Special::Char(42, 7), Special::Block(1, 2)];
                Operation::Mknod { place, kind: self.pick(&kinds), mode }
            }
            10 => Operation::Symlink { target: "x".into(), place },
            11 => Operation::Link { old: place, new: self.place(), follow: self.random.bool() },
            12 => Operation::Unlink { place },
            13 => Operation::Rmdir { place },
            14 | 15 => {
                let all = [RenameFlags::empty(), RenameFlags::NO_REPLACE, RenameFlags::EXCHANGE];
                Operation::Rename { old: place, new: self.place(), flags: self.pick(&all) }
            }
            16 | 17 => Operation::Chmod { place, mode },
            18 | 19 => Operation::Chown { place, uid: self.id(), gid: self.id(), follow: self.random.bool() },
            20 => {
                let (accessed, modified) = (self.when(), self.when());
                Operation::Times { place, accessed, modified, follow: self.random.bool() }
            }
            21 => Operation::Truncate { place, size: self.random.u64(..3) },
            22 => {
                let (name, value) = (self.xattr(), b"1".to_vec());
                Operation::SetXattr { place, name, value, how: SetXattr::Any, follow: self.random.bool() }
            }
            _ => match self.random.u8(..3) {
                0 => Operation::GetXattr { place, name: self.xattr(), follow: true },
                1 => Operation::RemoveXattr { place, name: self.xattr(), follow: true },
                _ => Operation::ListXattrs { place, follow: true },
            },
        }
    }

    fn open_flags(&mut self) -> OpenFlags {
        let access = self.pick(&[OpenFlags::READ, OpenFlags::WRITE, OpenFlags::READ | OpenFlags::WRITE]);
        let more = [
            OpenFlags::empty(),
            OpenFlags::TRUNCATE,
            OpenFlags::CREATE,
            OpenFlags::CREATE | OpenFlags::EXCLUSIVE,
            OpenFlags::NO_ACCESS_TIME,
            OpenFlags::NO_FOLLOW,
        ];
        if self.one_in(8) {
            return OpenFlags::TEMPORARY | OpenFlags::WRITE;
        }
        access | self.pick(&more)
    }

    fn change_open(&mut self, mode: u32) -> Operation {
        match self.random.u8(..4) {
            0 => Operation::ChmodOpen { slot: 0, mode },
            1 => Operation::ChownOpen { slot: 0, uid: self.id(), gid: self.id() },
            2 => Operation::TimesOpen { slot: 0, accessed: self.when(), modified: self.when() },
            _ => Operation::TruncateOpen { slot: 0, size: self.random.u64(..3) },
        }
    }

    fn xattr(&mut self) -> String {
        self.pick(&["user.a", "trusted.a", "security.a"]).into()
    }
}

/// Whether Linux lets that person link what is another's, whatever is set.
fn may_link(who: Who) -> bool {
    PEOPLE[who].capabilities.contains(Capabilities::FOWNER)
}
