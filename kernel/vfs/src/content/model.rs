//! Any sequence of changes, against a vector of bytes.

use super::{Budget, Bytes, Content, Excerpt};
use crate::error::Result;
use core::cell::Cell;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::test_runner::Config;
use std::vec;
use std::vec::Vec;

const PAGE: usize = 4096;
/// More than one table spans, so that there are two heights of them.
const LARGEST: usize = 80 * PAGE;

#[derive(Clone, Debug)]
enum Step {
    Write {
        at: usize,
        count: usize,
        byte: u8,
    },
    Truncate {
        len: usize,
    },
    Punch {
        at: usize,
        count: usize,
    },
    Reserve {
        at: usize,
        count: usize,
    },
    /// Takes a range of what it was itself before.
    Take {
        from: usize,
        at: usize,
        count: usize,
    },
    /// Goes on with the clone, keeping the original to look at later.
    Clone,
    /// Forgets the oldest of the kept ones.
    Forget,
}

/// Places near page edges, where mistakes are.
fn place() -> impl Strategy<Value = usize> {
    prop_oneof![0..LARGEST, (0..LARGEST / PAGE, 0..3usize).prop_map(|(page, by)| (page * PAGE + by).saturating_sub(1))]
}

fn amount() -> impl Strategy<Value = usize> {
    prop_oneof![0..64usize, 0..3 * PAGE, Just(PAGE), 0..LARGEST]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (place(), amount(), any::<u8>()).prop_map(|(at, count, byte)| Step::Write { at, count, byte }),
        2 => place().prop_map(|len| Step::Truncate { len }),
        2 => (place(), amount()).prop_map(|(at, count)| Step::Punch { at, count }),
        1 => (place(), amount()).prop_map(|(at, count)| Step::Reserve { at, count }),
        2 => (place(), place(), amount()).prop_map(|(from, at, count)| Step::Take { from, at, count }),
        2 => (0..80usize, 0..80usize, 0..20usize)
            .prop_map(|(from, at, count)| Step::Take { from: from * PAGE, at: at * PAGE, count: count * PAGE }),
        1 => Just(Step::Clone),
        1 => Just(Step::Forget),
    ]
}

/// An account that only counts.
#[derive(Default)]
struct Count(Cell<i64>);

impl Budget for Count {
    fn take(&self, pages: u64) -> Result<()> {
        self.0.set(self.0.get() + pages as i64);
        Ok(())
    }

    fn give(&self, pages: u64) {
        self.0.set(self.0.get() - pages as i64);
    }
}

fn bytes_of(content: &Content) -> Vec<u8> {
    let mut bytes = vec![0xee; content.len() as usize];
    assert_eq!(content.read(0, &mut bytes.as_mut_slice()), Ok(bytes.len()));
    bytes
}

/// The pages that have data, as the extents say.
fn pages_with_data(content: &Content) -> u64 {
    let (mut at, mut pages) = (0, 0);
    while let Some(data) = content.next_data(at) {
        at = content.next_hole(data).expect("data lies before the end");
        pages += at.div_ceil(PAGE as u64) - data / PAGE as u64;
    }
    pages
}

fn apply(content: &mut Content, model: &mut Vec<u8>, step: &Step, budget: &Count) {
    match *step {
        Step::Write { at, count, byte } => {
            let bytes = vec![byte; count];
            assert_eq!(content.within(budget).write(at as u64, &mut &bytes[..]), Ok(count));
            if count > 0 {
                model.resize(model.len().max(at + count), 0);
                model[at..at + count].fill(byte);
            }
        }
        Step::Truncate { len } => {
            content.within(budget).set_len(len as u64).unwrap();
            model.resize(len, 0);
        }
        Step::Punch { at, count } => {
            content.within(budget).punch(at as u64, count as u64).unwrap();
            let end = model.len().min(at + count);
            if at < end {
                model[at..end].fill(0);
            }
        }
        Step::Take { from, at, count } => {
            let before = content.clone();
            let range = model.len().min(from)..model.len().min(from + count);
            let count = range.len();
            let mut excerpt = Excerpt::new(&before, from as u64..from as u64 + count as u64);
            assert_eq!(content.within(budget).write(at as u64, &mut excerpt), Ok(count));
            if count > 0 {
                let bytes = model[range].to_vec();
                model.resize(model.len().max(at + count), 0);
                model[at..at + count].copy_from_slice(&bytes);
            }
        }
        Step::Reserve { at, count } => content.within(budget).reserve(at as u64, count as u64).unwrap(),
        Step::Clone | Step::Forget => {}
    }
}

proptest! {
    #![proptest_config(Config { cases: 1000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_content_is_a_vector_of_bytes(base in 0..LARGEST, steps in proptest::collection::vec(step(), 1..25)) {
        let mut model: Vec<u8> = (0..base).map(|at| (at / 5) as u8 | 1).collect();
        let mut content = Content::from_bytes(Bytes::from_vec(model.clone()));
        let mut budget = Count::default();
        let mut kept: Vec<(Content, Vec<u8>, Count)> = Vec::new();
        for step in &steps {
            apply(&mut content, &mut model, step, &budget);
            match step {
                Step::Clone => {
                    let clone = content.clone();
                    let original = core::mem::replace(&mut content, clone);
                    kept.push((original, model.clone(), core::mem::take(&mut budget)));
                    // The original goes on as well: both sides of a clone must copy.
                    let (original, model, budget) = kept.last_mut().expect("just pushed");
                    apply(original, model, &steps[0], budget);
                }
                Step::Forget if !kept.is_empty() => drop(kept.remove(0)),
                _ => {}
            }
            assert_eq!(content.len(), model.len() as u64);
            assert_eq!(budget.0.get(), content.owned() as i64, "what is charged is what is owned");
            let beyond_end = content.pages() - pages_with_data(&content);
            assert!(beyond_end == 0 || steps.iter().any(|step| matches!(step, Step::Reserve { .. })));
        }
        assert!(bytes_of(&content) == model);
        for (content, model, budget) in &kept {
            assert!(bytes_of(content) == *model);
            assert_eq!(budget.0.get(), content.owned() as i64);
        }
    }
}
