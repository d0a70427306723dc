//! Waiting for one of a set of files (`select(2)`).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use vfs::environment::Ready;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::FileObject;

use super::call::Call;
use super::clocks::{deadline, write_rest};
use super::signals;
use super::structures::{timespec, timeval};
use crate::fs::readiness;
use crate::mm::user_memory::UserAddress;
use crate::task::files;
use crate::time;

/// Files in a word of a set.
const IN_WORD: usize = u64::BITS as usize;

/// What makes a file be in what is left of the sets to read, to write and of exceptions, of which there are none.
const MEANINGS: [Ready; 3] =
    [Ready::READ.union(Ready::HUNG_UP).union(Ready::BROKEN), Ready::WRITE.union(Ready::BROKEN), Ready::empty()];

/// A set of files, a bit for each; all of them are of the same size.
type Set = Vec<u64>;

/// Where the sets are.
fn addresses(call: &Call<'_>) -> [Option<UserAddress>; 3] {
    [1, 2, 3].map(|index| call.given(index))
}

/// The sets of arguments 1 to 3, those that are missing empty, with room for `count` files.
fn read_sets(call: &Call<'_>, count: usize) -> Result<[Set; 3]> {
    let words = count.div_ceil(IN_WORD);
    page::admit(MEANINGS.len() * words * size_of::<u64>())?;
    let mut sets = [(); 3].map(|()| alloc::vec![0; words]);
    for (set, address) in sets.iter_mut().zip(addresses(call)) {
        let Some(address) = address else { continue };
        for (word, index) in set.iter_mut().zip(0..) {
            [*word] = address.plus(8 * index).read_words()?;
        }
    }
    Ok(sets)
}

/// What is asked of one file: in which sets it is.
struct Question {
    number: usize,
    asked: [bool; 3],
    file: Arc<FileObject>,
}

impl Question {
    /// In which of those sets it stays.
    fn answer(&self) -> [bool; 3] {
        let ready = self.file.ready();
        core::array::from_fn(|set| self.asked[set] && ready.intersects(MEANINGS[set]))
    }
}

/// The questions that sets ask of the first `count` files.
fn questions(call: &Call<'_>, sets: &[Set; 3], count: usize) -> Result<Vec<Question>> {
    page::admit(count * size_of::<Question>())?;
    let mut questions = Vec::new();
    for number in 0..count {
        let asked = [0, 1, 2].map(|set: usize| sets[set][number / IN_WORD] >> (number % IN_WORD) & 1 != 0);
        if asked != [false; 3] {
            let file = call.process.files().get(number as u64)?.file;
            questions.push(Question { number, asked, file });
        }
    }
    Ok(questions)
}

/// Waits until one of the files in the sets is ready, or until `end` (since boot); how many are, once for each set.
fn wait(call: &Call<'_>, end: Option<Duration>) -> Result<u64> {
    let Ok(count) = usize::try_from(call.word(0) as i32) else { return fail(FileSystemErrorKind::InvalidArgument) };
    let count = count.min(files::LIMIT);
    let mut sets = read_sets(call, count)?;
    let questions = questions(call, &sets, count)?;
    readiness::CHANGED.wait_before(end, || questions.iter().any(|question| question.answer() != [false; 3]))?;
    sets.iter_mut().for_each(|set| set.fill(0));
    let mut ready = 0;
    for question in &questions {
        let bit = 1 << (question.number % IN_WORD);
        for (set, _) in sets.iter_mut().zip(question.answer()).filter(|(_, stays)| *stays) {
            set[question.number / IN_WORD] |= bit;
            ready += 1;
        }
    }
    for (set, address) in sets.iter().zip(addresses(call)) {
        let Some(address) = address else { continue };
        for (&word, index) in set.iter().zip(0..) {
            address.plus(8 * index).write_words([word])?;
        }
    }
    Ok(ready)
}

pub fn select(call: &mut Call<'_>) -> Result<u64> {
    let limit_at = call.given(4);
    let end = match limit_at {
        None => None,
        Some(address) => {
            let [seconds, microseconds] = address.read_words()?.map(|word| word as i64);
            let seconds = seconds.saturating_add(microseconds / 1_000_000);
            match (u64::try_from(seconds), u32::try_from(microseconds % 1_000_000)) {
                (Ok(seconds), Ok(rest)) => Some(time::monotonic().saturating_add(Duration::new(seconds, 1_000 * rest))),
                _ => return fail(FileSystemErrorKind::InvalidArgument),
            }
        }
    };
    let ready = wait(call, end);
    write_rest(limit_at, end, timeval);
    ready
}

pub fn pselect6(call: &mut Call<'_>) -> Result<u64> {
    let limit_at = call.given(4);
    let end = deadline(limit_at)?;
    // There is no seventh argument, so the last is where two are.
    let [mask_at, size] = call.given(5).map_or(Ok([0; 2]), UserAddress::read_words)?;
    signals::hold_back_for_call(call, UserAddress::given(mask_at), size)?;
    let ready = wait(call, end);
    write_rest(limit_at, end, timespec);
    ready
}
