//! A fuzzer that needs nothing but stable Rust: kept inputs, mutated by seed, for a while.
//!
//! A target takes bytes, checks all it can with `assert!`, and returns a number for what came out of them. An input
//! that brings an outcome not seen before joins the pool that further inputs are made from: that takes the place of
//! the coverage that an instrumented build would give. The same seed tries the same inputs in the same order; time
//! decides only how many.
//!
//! Inputs are kept in `tests/corpus/NAME`. One that fails, or takes seconds, is written there as `failed-…`: keep it
//! when the fault is mended, and every later run tries it first.

pub mod archive;
pub mod layers;
pub mod options;
pub mod program;

use std::collections::HashSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long one input may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The largest input that is made.
const LENGTH_MAX: usize = 64 << 10;

/// Changes an input, with numbers and a pool to take parts from.
pub type Mutation = dyn Fn(&mut Random, &[Vec<u8>], &mut Vec<u8>);

/// What to fuzz.
pub struct Fuzz<'a> {
    /// The folder of `tests/corpus` with the inputs to start from.
    pub name: &'a str,
    /// Where the numbers come from.
    pub seed: u64,
    /// How long.
    pub time: Duration,
    /// Changes an input in a way that suits its format.
    pub mutate: &'a Mutation,
    /// Takes an input, and returns a number for what came out.
    pub target: &'a dyn Fn(&[u8]) -> u64,
}

/// What a run did.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// Inputs tried.
    pub inputs: usize,
    /// Different outcomes seen.
    pub outcomes: usize,
}

impl Fuzz<'_> {
    /// Tries the kept inputs, then mutations of them until the time is over.
    ///
    /// # Panics
    /// When the target panics: with the file that has the input. When it takes too long, the process ends.
    pub fn run(&self) -> Report {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(self.name);
        let mut pool = kept(&folder);
        assert!(!pool.is_empty(), "nothing to start from in {}", folder.display());
        let watch = Watch::start(folder);
        let mut outcomes = HashSet::new();
        let mut inputs = 0;
        for input in &pool {
            outcomes.insert(self.attempt(input, &watch));
            inputs += 1;
        }
        let mut random = Random(self.seed);
        let end = Instant::now() + self.time;
        while Instant::now() < end {
            let mut input = random.pick(&pool).clone();
            for _ in 0..=random.below(4) {
                if random.below(2) == 0 {
                    (self.mutate)(&mut random, &pool, &mut input);
                } else {
                    mutate_bytes(&mut random, &pool, &mut input);
                }
            }
            input.truncate(LENGTH_MAX);
            inputs += 1;
            if outcomes.insert(self.attempt(&input, &watch)) {
                pool.push(input);
            }
        }
        Report { inputs, outcomes: outcomes.len() }
    }

    fn attempt(&self, input: &[u8], watch: &Watch) -> u64 {
        watch.begin(input);
        match panic::catch_unwind(AssertUnwindSafe(|| (self.target)(input))) {
            Ok(outcome) => outcome,
            Err(panic) => {
                eprintln!("the input is {}", watch.keep(input).display());
                panic::resume_unwind(panic)
            }
        }
    }
}

/// The kept inputs, in the order of their names.
fn kept(folder: &PathBuf) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().filter_map(|path| fs::read(path).ok()).collect()
}

/// Ends the process when an input takes too long: a target that hangs cannot be stopped in any other way.
struct Watch {
    folder: PathBuf,
    current: Arc<Mutex<(Instant, Vec<u8>)>>,
    over: Arc<AtomicBool>,
}

impl Watch {
    fn start(folder: PathBuf) -> Self {
        let watch = Self { folder, current: Arc::new(Mutex::new((Instant::now(), Vec::new()))), over: Arc::default() };
        let (folder, current, over) = (watch.folder.clone(), watch.current.clone(), watch.over.clone());
        thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                thread::sleep(PATIENCE / 40);
                let (since, input) = &*current.lock().expect("nobody panics with this lock");
                if since.elapsed() > PATIENCE && !over.load(Ordering::Relaxed) {
                    eprintln!("an input takes more than {PATIENCE:?}: {}", keep(&folder, input).display());
                    process::exit(1);
                }
            }
        });
        watch
    }

    fn begin(&self, input: &[u8]) {
        let mut current = self.current.lock().expect("nobody panics with this lock");
        current.0 = Instant::now();
        current.1.clear();
        current.1.extend_from_slice(input);
    }

    fn keep(&self, input: &[u8]) -> PathBuf {
        keep(&self.folder, input)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn keep(folder: &std::path::Path, input: &[u8]) -> PathBuf {
    let path = folder.join(format!("failed-{:016x}", outcome(&input)));
    if let Err(error) = fs::write(&path, input) {
        eprintln!("cannot keep {}: {error}; it is \"{}\"", path.display(), input.escape_ascii());
    }
    path
}

/// A number for whatever came out of an input.
pub fn outcome(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

/// Numbers that a seed decides (splitmix64).
pub struct Random(pub u64);

impl Random {
    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; 0 when there is none.
    pub fn below(&mut self, limit: usize) -> usize {
        if limit == 0 { 0 } else { (self.number() % limit as u64) as usize }
    }

    /// One of several, of which there must be at least one.
    pub fn pick<'a, T>(&mut self, several: &'a [T]) -> &'a T {
        &several[self.below(several.len())]
    }

    /// A part of `length` bytes, as a range; short ones more often.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let reach = (length - start).min(1 << self.below(12));
        start..start + self.below(reach + 1)
    }
}

/// Changes that need to know nothing of a format.
fn mutate_bytes(random: &mut Random, pool: &[Vec<u8>], input: &mut Vec<u8>) {
    let at = random.below(input.len());
    match random.below(8) {
        0 if !input.is_empty() => input[at] ^= 1 << random.below(8),
        1 if !input.is_empty() => input[at] = random.number() as u8,
        2 if !input.is_empty() => input[at] = *random.pick(b"\0\xff0123456789abcdefF/.,:=\\\""),
        3 => input.truncate(at),
        4 => {
            let gone = random.range(input.len());
            input.drain(gone);
        }
        5 => {
            let again = random.range(input.len());
            let part = input[again].to_vec();
            input.splice(at..at, part);
        }
        6 => {
            let other = random.pick(pool);
            let part = other[random.range(other.len())].to_vec();
            input.splice(at..at, part);
        }
        _ => {
            let zeros = vec![0; random.below(9)];
            input.splice(at..at, zeros);
        }
    }
}
