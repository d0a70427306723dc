//! What those who watch are told (`inotify(7)`), on both sides.
//!
//! The steps of a case of a tmpfs, with watches on some of its nodes that come and go between them: after each step
//! what can be read from an instance must be the same bytes on both sides, but for cookies, which only have to pair the
//! same events. Linux's side is a tmpfs. Ours is one too, or an overlay whose lower layer is what the tmpfs began with,
//! so that events go on over every copy-up; there Linux's own overlay loses them.

use super::answer::{Errno, Side};
use super::case::{Case, Kind, Layout};
use super::generate;
use super::linux::Linux;
use super::operation::{Operation, Place, Step};
use super::run::Failure;
use super::strata::Strata;
use fastrand::Rng;
use rustix::fs::inotify;
use std::collections::HashMap;
use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::Waker;
use vfs::inotify::{Inotify, InotifyLimits, WatchMask};

/// A change of what is watched.
#[derive(Clone, Debug)]
pub enum Watching {
    Add { path: String, mask: u32 },
    Remove { number: i32 },
}

/// What is done before the step of that index.
pub type Plan = Vec<(usize, Watching)>;

/// A case of a tmpfs, and what is watched meanwhile.
pub fn case(seed: u64) -> (Case, Plan) {
    let mut case = generate::case(Kind::Plain, seed);
    // All watches would end there.
    case.steps.retain(|step| step.operation != Operation::Remount);
    let mut random = Rng::with_seed(!seed);
    let mut paths: Vec<String> = case.setup.iter().chain(&case.steps).filter_map(path_of).collect();
    paths.push("/mnt".into());
    let plan = (0..random.usize(20..100)).map(|number| {
        let at = if number < 10 { 0 } else { random.usize(..=case.steps.len()) };
        let watching = if random.u8(..8) == 0 {
            Watching::Remove { number: random.i32(0..20) }
        } else {
            Watching::Add { path: paths[random.usize(..paths.len())].clone(), mask: mask(&mut random) }
        };
        (at, watching)
    });
    let plan = plan.collect();
    (case, plan)
}

fn path_of(step: &Step) -> Option<String> {
    match &step.operation {
        Operation::Open { place, .. }
        | Operation::Mkdir { place, .. }
        | Operation::Mknod { place, .. }
        | Operation::Rename { new: place, .. }
        | Operation::Link { new: place, .. } => place.at.is_none().then(|| place.path.clone()),
        _ => None,
    }
}

fn mask(random: &mut Rng) -> u32 {
    let mut mask = if random.u8(..4) != 0 { WatchMask::ALL_EVENTS.bits() } else { random.u32(..0x1000) };
    for (flag, percent) in [
        (WatchMask::EXCLUDE_UNLINKED, 15),
        (WatchMask::ONESHOT, 4),
        (WatchMask::MASK_ADD, 10),
        (WatchMask::MASK_CREATE, 4),
        (WatchMask::ONLY_DIRECTORY, 4),
        (WatchMask::DONT_FOLLOW, 30),
    ] {
        if random.u8(..100) < percent {
            mask |= flag.bits();
        }
    }
    mask
}

/// One event, as it can be compared.
#[derive(PartialEq, Eq)]
struct Event {
    watch: i32,
    mask: u32,
    /// The how-manieth move of the case it belongs to; 0: to none.
    cookie: usize,
    length: u32,
    name: Vec<u8>,
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits: Vec<_> = WatchMask::from_bits_retain(self.mask).iter_names().map(|(name, _)| name).collect();
        write!(f, "{}:{}", self.watch, bits.join("|"))?;
        if self.cookie != 0 {
            write!(f, " move {}", self.cookie)?;
        }
        if self.length != 0 { write!(f, " {}/{}", self.name.escape_ascii(), self.length) } else { Ok(()) }
    }
}

/// The cookies that a side has shown, in order.
#[derive(Default)]
struct Cookies(HashMap<u32, usize>);

impl Cookies {
    fn number(&mut self, cookie: u32) -> usize {
        let next = self.0.len() + 1;
        if cookie == 0 { 0 } else { *self.0.entry(cookie).or_insert(next) }
    }

    /// The events in what was read.
    fn events(&mut self, mut bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        while !bytes.is_empty() {
            let field = |index: usize| bytes[4 * index..].first_chunk().copied().map_or(0, u32::from_ne_bytes);
            let (mask, cookie, length) = (field(1), self.number(field(2)), field(3));
            let (name, rest) = bytes[16..].split_at(length as usize);
            let mut name = name.to_vec();
            if name.first() == Some(&b'#') {
                // A file without a name shows its number.
                name = b"#".to_vec();
            }
            events.push(Event { watch: field(0).cast_signed(), mask, cookie, length, name });
            bytes = rest;
        }
        events
    }
}

/// Both sides, and an instance on each.
struct Pair {
    ours: Strata,
    theirs: Linux,
    our_instance: Arc<Inotify>,
    their_instance: OwnedFd,
    cookies: [Cookies; 2],
}

impl Pair {
    /// `None` where a link that leads to `/mnt` makes the lower layer another tree than the tmpfs.
    fn new(case: &Case, ours: Kind) -> Result<Option<Self>, Errno> {
        let layout = Layout { kind: ours, lowers: usize::from(ours == Kind::Overlay), index: true };
        let mut pair = Self {
            ours: Strata::new(&layout)?,
            theirs: Linux::new(&case.layout)?,
            our_instance: Inotify::new(InotifyLimits::default(), Waker::noop().clone())?,
            their_instance: inotify::init(inotify::CreateFlags::NONBLOCK)?,
            cookies: Default::default(),
        };
        for step in &case.setup {
            let our_step = if ours == Kind::Overlay { in_lower(step) } else { step.clone() };
            if pair.ours.apply(&our_step).is_ok() != pair.theirs.apply(step).is_ok() {
                return Ok(None);
            }
        }
        pair.ours.mount()?;
        Ok(Some(pair))
    }

    fn watch(&self, watching: &Watching) -> [Result<i32, Errno>; 2] {
        match watching {
            Watching::Add { path, mask } => {
                let Strata { vfs, root, .. } = &self.ours;
                let flags = inotify::WatchFlags::from_bits_retain(*mask);
                [
                    vfs.add_watch(root, &self.our_instance, path.as_bytes(), *mask).map_err(Errno::from),
                    inotify::add_watch(&self.their_instance, path.as_str(), flags).map_err(Errno::from),
                ]
            }
            Watching::Remove { number } => [
                self.our_instance.remove_watch(*number).map(|()| 0).map_err(Errno::from),
                inotify::remove_watch(&self.their_instance, *number).map(|()| 0).map_err(Errno::from),
            ],
        }
    }

    /// What there is to read on both sides.
    fn events(&mut self) -> [Vec<Event>; 2] {
        let mut buffer = [0; 1 << 16];
        let [our_cookies, their_cookies] = &mut self.cookies;
        let count = self.our_instance.read(&mut &mut buffer[..]).unwrap_or(0);
        let ours = our_cookies.events(&buffer[..count]);
        let count = rustix::io::read(&self.their_instance, &mut buffer[..]).unwrap_or(0);
        [ours, their_cookies.events(&buffer[..count])]
    }
}

/// The step in the layer below an overlay.
fn in_lower(step: &Step) -> Step {
    let mut step = step.clone();
    let lower = |place: &mut Place| place.path = place.path.replacen("/mnt", "/l0", 1);
    match &mut step.operation {
        Operation::Open { place, .. }
        | Operation::Mkdir { place, .. }
        | Operation::Mknod { place, .. }
        | Operation::Symlink { place, .. }
        | Operation::Chmod { place, .. }
        | Operation::Chown { place, .. }
        | Operation::Times { place, .. }
        | Operation::SetXattr { place, .. } => lower(place),
        Operation::Link { old, new, .. } => {
            lower(old);
            lower(new);
        }
        _ => {}
    }
    step
}

/// Runs a case; returns how many events were compared. What differs between our side as an overlay and a tmpfs other
/// than in events ends the case.
///
/// # Errors
/// The first difference.
pub fn run(case: &Case, plan: &Plan, ours: Kind) -> Result<usize, Failure> {
    let at = |steps: usize| move |what: String| Failure { steps: case.setup.len() + steps, what };
    let pair = Pair::new(case, ours).map_err(|errno| format!("{errno:?}")).map_err(at(0))?;
    let Some(mut pair) = pair else { return Ok(0) };
    let mut compared = 0;
    for (index, step) in case.steps.iter().enumerate() {
        for (_, watching) in plan.iter().filter(|(at, _)| *at == index) {
            let [ours, theirs] = pair.watch(watching);
            if ours != theirs {
                return Err(at(index)(format!("{watching:?}\nStrata: {ours:?}\nLinux:  {theirs:?}")));
            }
        }
        let (our_answer, their_answer) = (pair.ours.apply(step), pair.theirs.apply(step));
        let [ours, theirs] = pair.events();
        if our_answer.is_ok() != their_answer.is_ok() {
            return Ok(compared);
        }
        // How many system calls list a directory is not the file system's matter.
        if !matches!(step.operation, Operation::List { .. } | Operation::ListOpen { .. }) {
            if ours != theirs {
                let what = format!("{step}\nStrata: {ours:?}\nLinux:  {theirs:?}\nwatched: {plan:?}");
                return Err(at(index + 1)(what));
            }
            compared += ours.len();
        }
    }
    Ok(compared)
}
