//! Random cases: which layers, what is in them, what is done.
//!
//! A case is a function of its seed. Names are few, so that steps meet: most paths are ones that an earlier step has
//! made or tried.

use super::case::{Case, Kind, Layout};
use super::operation::{Operation, Place, SLOTS, Slot, Special, Step, USER, When};
use super::people::{PLAIN, ROOT};
use fastrand::Rng;
use vfs::file::{OpenFlags, SeekFrom};
use vfs::node::{RenameFlags, SetXattr};

const NAMES: &[&str] = &["a", "b", "c", "d", "e"];
const RARE_NAMES: &[&str] = &[".wh.a", ".wh..wh..opq", "...", "-", "a b", "\u{e4}"];
const MODES: &[u32] = &[0o644, 0o600, 0o755, 0o777, 0o000, 0o444, 0o750, 0o4755, 0o2755, 0o6711];
const SIZES: &[u64] = &[0, 1, 5, 4095, 4096, 4097, 8192, 12_300, 70_000];
const XATTRS: &[&str] =
    &["user.one", "user.two", "trusted.three", "security.four", "trusted.overlay.opaque", "trusted.overlay.redirect"];

/// Makes one case.
pub struct Generator {
    random: Rng,
    layout: Layout,
    /// Paths within a layer that were used.
    known: Vec<String>,
    /// Slots that were opened.
    open: [bool; SLOTS as usize],
    /// Whether the case looks for data and holes, or else sets memory aside (see `deliberate`).
    seeks_data: bool,
}

/// The case of a seed.
pub fn case(kind: Kind, seed: u64) -> Case {
    let mut random = Rng::with_seed(seed);
    let lowers = match kind {
        Kind::Plain => 0,
        Kind::Overlay if random.u8(..4) != 0 => random.usize(1..=3),
        Kind::Overlay => random.usize(1..=8),
        Kind::ReadOnly => random.usize(2..=5),
        Kind::Nested => random.usize(2..=5),
    };
    // An overlay is no lower layer that Linux could index.
    let index = kind != Kind::Nested && random.u8(..5) != 0;
    let layout = Layout { kind, lowers, index };
    let seeks_data = random.bool();
    let mut generator = Generator { random, layout, known: Vec::new(), open: Default::default(), seeks_data };
    let setup = generator.setup();
    let count = generator.random.usize(20..=120);
    let steps = (0..count).map(|_| generator.step()).collect();
    Case { layout: generator.layout, setup, steps }
}

impl Generator {
    fn chance(&mut self, percent: u8) -> bool {
        self.random.u8(..100) < percent
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.random.usize(..from.len())]
    }

    // ---- layers

    fn setup(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        // From the bottom up, so that a layer's whiteouts and opaque directories often have something to hide.
        for layer in self.layout.layers().iter().rev() {
            let upper = layer == "/u";
            let mut entries = self.random.usize(if upper { 0..=3 } else { 2..=10 });
            if self.layout.lowers > 4 {
                entries /= 2;
            }
            for _ in 0..entries {
                self.layer_entry(layer, &mut steps);
            }
            if self.chance(50) {
                steps.push(Operation::Chmod { place: Place::absolute(layer.clone()), mode: 0o777 }.into());
            }
        }
        steps
    }

    /// One entry of a layer, with the directories above it.
    fn layer_entry(&mut self, layer: &str, steps: &mut Vec<Step>) {
        let path = self.path_in_layer();
        self.known.push(path.clone());
        for (end, _) in path.match_indices('/') {
            let place = Place::absolute(format!("{layer}/{}", &path[..end]));
            steps.push(Operation::Mkdir { place, mode: 0o755 }.into());
        }
        let full = format!("{layer}/{path}");
        let place = Place::absolute(full.clone());
        let mode = self.mode();
        let plain = self.layout.kind == Kind::Plain;
        match self.random.u8(..20) {
            0..=6 => {
                steps.push(Operation::Mkdir { place, mode: 0o755 }.into());
                let opaque = !plain && layer != "/mnt" && self.chance(20);
                if opaque {
                    steps.push(set_xattr(&full, "trusted.overlay.opaque", b"y"));
                }
            }
            7..=12 => {
                let flags = OpenFlags::WRITE | OpenFlags::CREATE;
                steps.push(Operation::Open { slot: 0, place, flags, mode }.into());
                let data = self.data();
                let offset = if self.chance(15) { self.pick(SIZES) } else { 0 };
                steps.push(Operation::WriteAt { slot: 0, offset, data }.into());
                steps.push(Operation::Close { slot: 0 }.into());
            }
            13 | 14 => {
                let target = self.link_target();
                steps.push(Operation::Symlink { target, place }.into());
            }
            // A whiteout over nothing, in an upper directory of its own, makes Linux's rmdir refuse it.
            15 | 16 if !plain && layer != "/u" => {
                steps.push(Operation::Mknod { place, kind: Special::Char(0, 0), mode: 0 }.into());
                return;
            }
            17 => {
                let kind = if layer == "/u" { Special::Fifo } else { self.special() };
                steps.push(Operation::Mknod { place, kind, mode }.into());
            }
            18 if !self.known.is_empty() => {
                let other = self.known[self.random.usize(..self.known.len())].clone();
                let old = Place::absolute(format!("{layer}/{other}"));
                steps.push(Operation::Link { old, new: place, follow: false }.into());
            }
            _ => steps.push(Operation::Mknod { place, kind: Special::Regular, mode }.into()),
        }
        if self.chance(30) {
            let (uid, gid) = (Some(self.pick(&[0, USER, 5])), Some(self.pick(&[0, USER, 6])));
            steps.push(Operation::Chown { place: Place::absolute(full.clone()), uid, gid, follow: false }.into());
        }
        if self.chance(20) {
            let name = self.pick(&["user.one", "user.two", "trusted.three", "security.four"]);
            steps.push(set_xattr(&full, name, b"in a layer"));
        }
        if self.chance(60) {
            let (accessed, modified) = (When::Seconds(self.seconds()), When::Seconds(self.seconds()));
            let place = Place::absolute(full);
            steps.push(Operation::Times { place, accessed, modified, follow: false }.into());
        }
    }

    fn path_in_layer(&mut self) -> String {
        if self.chance(50) && !self.known.is_empty() {
            let known = self.known[self.random.usize(..self.known.len())].clone();
            if self.chance(60) || known.len() > 12 {
                return known;
            }
            return format!("{known}/{}", self.name());
        }
        let mut path = self.name();
        while self.chance(35) {
            path = format!("{path}/{}", self.name());
        }
        path
    }

    // ---- values

    fn name(&mut self) -> String {
        if self.chance(3) { self.pick(RARE_NAMES).into() } else { self.pick(NAMES).into() }
    }

    fn mode(&mut self) -> u32 {
        self.pick(MODES)
    }

    fn seconds(&mut self) -> u32 {
        self.random.u32(1..1000)
    }

    fn when(&mut self) -> When {
        match self.random.u8(..4) {
            0 => When::Keep,
            1 => When::Now,
            _ => When::Seconds(self.seconds()),
        }
    }

    fn data(&mut self) -> Vec<u8> {
        let length = if self.chance(20) { self.random.usize(4000..9000) } else { self.random.usize(0..20) };
        vec![self.random.u8(b'a'..=b'z'); length]
    }

    fn offset(&mut self) -> u64 {
        if self.chance(50) { self.random.u64(..30) } else { self.pick(SIZES) }
    }

    fn special(&mut self) -> Special {
        match self.random.u8(..6) {
            0 => Special::Regular,
            1 => Special::Fifo,
            2 => Special::Socket,
            3 => Special::Block(42, 3),
            4 if self.layout.kind != Kind::Plain => Special::Char(0, 0),
            _ => Special::Char(42, 7),
        }
    }

    fn link_target(&mut self) -> String {
        match self.random.u8(..6) {
            0 => "nowhere".into(),
            1 => format!("/mnt/{}", self.path_in_layer()),
            2 => format!("../{}", self.path_in_layer()),
            3 => ".".into(),
            _ => self.path_in_layer(),
        }
    }

    fn slot(&mut self) -> Slot {
        let open: Vec<Slot> = (0..SLOTS).filter(|slot| self.open[usize::from(*slot)]).collect();
        if open.is_empty() || self.chance(2) { self.random.u8(..SLOTS) } else { self.pick(&open) }
    }

    /// A path in what is under test.
    fn place(&mut self) -> Place {
        let mut path = self.path_in_layer();
        if path.len() < 40 {
            self.known.push(path.clone());
        }
        match self.random.u8(..60) {
            0 => path.push('/'),
            1 => path.push_str("/."),
            2 => path.push_str("/.."),
            3 => path = format!("{path}/../{}", self.name()),
            4 => path.clear(),
            5 => path = "n".repeat(if self.chance(50) { 255 } else { 256 }),
            _ => {}
        }
        if self.chance(6) {
            let slot = self.slot();
            let last = path.rsplit('/').next().unwrap_or_default().to_owned();
            let relative = if self.chance(50) { path } else { last };
            return Place { at: Some(slot), path: relative };
        }
        Place::absolute(format!("/mnt/{path}"))
    }

    /// A place for a second path: of two, one at most may be relative.
    fn second(&mut self, first: &Place) -> Place {
        let place = self.place();
        if first.at.is_some() && place.at.is_some() { Place::absolute(format!("/mnt/{}", place.path)) } else { place }
    }

    fn flags(&mut self) -> OpenFlags {
        let mut flags =
            self.pick(&[OpenFlags::READ, OpenFlags::READ, OpenFlags::WRITE, OpenFlags::READ | OpenFlags::WRITE]);
        for (flag, percent) in [
            (OpenFlags::CREATE, 35),
            (OpenFlags::EXCLUSIVE, 10),
            (OpenFlags::TRUNCATE, 15),
            (OpenFlags::APPEND, 15),
            (OpenFlags::DIRECTORY, 8),
            (OpenFlags::NO_FOLLOW, 10),
        ] {
            if self.chance(percent) {
                flags |= flag;
            }
        }
        flags
    }

    // ---- steps

    fn step(&mut self) -> Step {
        let operation = self.operation();
        // Linking another's file is refused to users by a setting of Linux (fs.protected_hardlinks), not by its file
        // systems; so links are made by the superuser.
        let link = matches!(operation, Operation::Link { .. } | Operation::LinkOpen { .. } | Operation::Remount);
        // A tmpfs of Linux gives the whiteout of a rename to who renames; ours to the superuser, as only the overlay
        // asks for any.
        let whiteout = matches!(operation, Operation::Rename { flags, .. } if flags.contains(RenameFlags::WHITEOUT));
        let who = if !link && !whiteout && self.chance(12) { PLAIN } else { ROOT };
        if let Operation::Open { slot, .. } = operation {
            self.open[usize::from(slot)] = true;
        }
        Step { who, operation }
    }

    fn operation(&mut self) -> Operation {
        match self.random.u8(..100) {
            0..=11 => self.open_operation(),
            12..=33 => self.operation_on_open(),
            34..=39 => Operation::Mkdir { place: self.place(), mode: self.mode() },
            40..=44 => Operation::Rmdir { place: self.place() },
            45..=51 => Operation::Unlink { place: self.place() },
            52..=64 => self.rename(),
            65..=68 if self.layout.kind != Kind::Nested => {
                let old = self.place();
                let new = self.second(&old);
                Operation::Link { old, new, follow: self.chance(20) }
            }
            69..=70 => Operation::Symlink { target: self.link_target(), place: self.place() },
            71..=72 => Operation::Mknod { place: self.place(), kind: self.special(), mode: self.mode() },
            73..=75 => Operation::Chmod { place: self.place(), mode: self.mode() },
            76..=77 => {
                let (uid, gid) = (self.owner(), self.owner());
                Operation::Chown { place: self.place(), uid, gid, follow: self.chance(70) }
            }
            78..=79 => {
                let (accessed, modified) = (self.when(), self.when());
                Operation::Times { place: self.place(), accessed, modified, follow: self.chance(70) }
            }
            80..=81 => Operation::Truncate { place: self.place(), size: self.pick(SIZES) },
            82..=86 => self.xattr_operation(),
            87..=88 => Operation::Stat { place: self.place() },
            89..=91 => Operation::Lstat { place: self.place() },
            92..=93 => Operation::List { place: self.place() },
            94 => Operation::ReadLink { place: self.place() },
            95 => Operation::Access { place: self.place(), mode: self.random.u32(..8) },
            96 => Operation::Statfs { place: self.place() },
            97 if self.layout.has_upper() => {
                Operation::Lstat { place: Place::absolute(format!("/u/{}", self.path_in_layer())) }
            }
            98 => {
                self.open = Default::default();
                Operation::Remount
            }
            _ => Operation::Lstat { place: self.place() },
        }
    }

    fn owner(&mut self) -> Option<u32> {
        match self.random.u8(..4) {
            0 => None,
            1 => Some(USER),
            _ => Some(self.random.u32(..8)),
        }
    }

    fn open_operation(&mut self) -> Operation {
        let slot = self.random.u8(..SLOTS);
        let mode = self.mode();
        if self.chance(6) {
            let mut flags = self.pick(&[OpenFlags::WRITE, OpenFlags::READ | OpenFlags::WRITE]) | OpenFlags::TEMPORARY;
            flags.set(OpenFlags::EXCLUSIVE, self.chance(20));
            return Operation::Open { slot, place: self.place(), flags, mode };
        }
        if self.chance(15) {
            let flags = OpenFlags::READ | OpenFlags::DIRECTORY;
            return Operation::Open { slot, place: self.place(), flags, mode };
        }
        Operation::Open { slot, place: self.place(), flags: self.flags(), mode }
    }

    fn operation_on_open(&mut self) -> Operation {
        let slot = self.slot();
        let (offset, length) = (self.offset(), self.offset());
        match self.random.u8(..31) {
            0..=2 => Operation::Read { slot, count: self.random.usize(..40) },
            3..=4 => Operation::ReadAt { slot, offset, count: self.random.usize(..5000) },
            5..=8 => Operation::Write { slot, data: self.data() },
            9..=10 => Operation::WriteAt { slot, offset, data: self.data() },
            11 | 12 => {
                let offset = offset.cast_signed();
                let to = match self.random.u8(..6) {
                    0 => SeekFrom::Current(offset - 4),
                    1 => SeekFrom::End(offset - 4096),
                    2 if self.seeks_data => SeekFrom::Data(offset),
                    3 if self.seeks_data => SeekFrom::Hole(offset),
                    _ => SeekFrom::Start(if self.chance(50) { 0 } else { offset }),
                };
                Operation::Seek { slot, to }
            }
            13 => Operation::TruncateOpen { slot, size: offset },
            14 if !self.seeks_data => Operation::Reserve { slot, keep_size: self.random.bool(), offset, length },
            15 => Operation::PunchHole { slot, offset, length },
            14 | 16..=18 => Operation::StatOpen { slot },
            19 => Operation::ChmodOpen { slot, mode: self.mode() },
            20 => Operation::ChownOpen { slot, uid: self.owner(), gid: self.owner() },
            21 => Operation::TimesOpen { slot, accessed: self.when(), modified: self.when() },
            22 => Operation::SetXattrOpen {
                slot,
                name: self.pick(XATTRS).into(),
                value: self.data(),
                how: self.pick(&[SetXattr::Any, SetXattr::Create, SetXattr::Replace]),
            },
            23 => Operation::Sync { slot },
            24..=27 => Operation::ListOpen { slot, count: self.random.usize(1..6) },
            29 if !self.seeks_data => {
                let (to, to_offset) = (self.slot(), self.offset());
                Operation::CopyRange { slot, offset, to, to_offset, length: length * 2 }
            }
            28 if self.layout.kind != Kind::Nested => {
                Operation::LinkOpen { slot, new: Place::absolute(format!("/mnt/{}", self.path_in_layer())) }
            }
            _ => {
                self.open[usize::from(slot)] = false;
                Operation::Close { slot }
            }
        }
    }

    fn rename(&mut self) -> Operation {
        let old = self.place();
        let new = self.second(&old);
        let flags = match self.random.u8(..20) {
            0..=13 => RenameFlags::empty(),
            14..=16 => RenameFlags::NO_REPLACE,
            17 | 18 => RenameFlags::EXCHANGE,
            _ => self.pick(&[RenameFlags::WHITEOUT, RenameFlags::EXCHANGE | RenameFlags::NO_REPLACE]),
        };
        Operation::Rename { old, new, flags }
    }

    fn xattr_operation(&mut self) -> Operation {
        let (place, name, follow) = (self.place(), self.pick(XATTRS).to_owned(), self.random.bool());
        match self.random.u8(..10) {
            0..=3 => Operation::SetXattr {
                place,
                name,
                value: self.data(),
                how: self.pick(&[SetXattr::Any, SetXattr::Any, SetXattr::Create, SetXattr::Replace]),
                follow,
            },
            4 | 5 => Operation::GetXattr { place, name, follow },
            6 | 7 => Operation::RemoveXattr { place, name, follow },
            _ => Operation::ListXattrs { place, follow },
        }
    }
}

fn set_xattr(path: &str, name: &str, value: &[u8]) -> Step {
    let (place, value) = (Place::absolute(path), value.to_vec());
    Operation::SetXattr { place, name: name.into(), value, how: SetXattr::Any, follow: false }.into()
}
