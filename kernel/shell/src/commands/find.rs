//! `find`: paths that have what is asked for.

use super::{Command, Group};
use crate::call::{Call, Done, Failed};
use crate::destination::base_name;
use crate::language::pattern::Pattern;
use crate::options::number;
use crate::quoting::Quoted;
use crate::walk::{Step, Walk};
use alloc::vec::Vec;
use vfs::manager::Follow;
use vfs::metadata::{FileType, Metadata};

pub static COMMAND: Command = Command {
    name: "find",
    usage: "find [PATH...] [-name PATTERN] [-path PATTERN] [-type bcdflps]
       [-links N] [-mindepth N] [-maxdepth N] [-print0]
  all conditions must hold; N is a number, +N is more, -N is less",
    summary: "Prints paths at and below directories.",
    group: Group::Looking,
    run,
};

/// A number to compare with.
#[derive(Clone, Copy)]
enum Count {
    Exactly(u64),
    More(u64),
    Less(u64),
}

/// What is asked for.
struct Conditions {
    name: Option<Pattern>,
    path: Option<Pattern>,
    kinds: Vec<FileType>,
    links: Option<Count>,
    depth_min: u64,
    depth_max: u64,
    zero: bool,
}

fn run(call: &mut Call<'_, '_>) -> Done {
    let arguments = core::mem::take(&mut call.arguments);
    let first_condition = arguments.iter().position(|word| word.starts_with(b"-")).unwrap_or(arguments.len());
    let (paths, words) = arguments.split_at(first_condition);
    let conditions = parse(call, words)?;
    let here = [b".".to_vec()];
    for path in if paths.is_empty() { &here[..] } else { paths } {
        let mut walk = Walk::new(call.manager(), call.context(), path, Follow::No);
        while let Some(step) = walk.step() {
            if call.stopped() {
                return Ok(());
            }
            match step {
                Step::Enter(metadata) | Step::Item(metadata) => {
                    if walk.depth() as u64 >= conditions.depth_max {
                        walk.skip();
                    }
                    if conditions.hold(&walk, &metadata) {
                        call.print(walk.path());
                        call.print(if conditions.zero { b"\0" } else { b"\n" });
                    }
                }
                Step::Leave => {}
                Step::Unreadable(error) | Step::Failed(error) => {
                    call.complain(format_args!("{}: {error}", Quoted(walk.path())));
                }
            }
        }
    }
    Ok(())
}

fn parse(call: &mut Call<'_, '_>, words: &[Vec<u8>]) -> Result<Conditions, Failed> {
    let (name, path, kinds, links) = (None, None, Vec::new(), None);
    let mut conditions = Conditions { name, path, kinds, links, depth_min: 0, depth_max: u64::MAX, zero: false };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match &word[..] {
            b"-print" => continue,
            b"-print0" => {
                conditions.zero = true;
                continue;
            }
            b"-name" | b"-path" | b"-type" | b"-links" | b"-mindepth" | b"-maxdepth" => {}
            _ => return Err(call.fail(format_args!("unknown predicate {}", Quoted(word)))),
        }
        let Some(value) = words.next() else {
            return Err(call.fail(format_args!("missing argument to {}", Quoted(word))));
        };
        let accepted = match &word[..] {
            b"-name" => {
                conditions.name = Some(Pattern::from_argument(value));
                true
            }
            b"-path" => {
                conditions.path = Some(Pattern::from_argument(value));
                true
            }
            b"-type" => value.split(|&byte| byte == b',').all(|letter| match kind(letter) {
                Some(kind) => {
                    conditions.kinds.push(kind);
                    true
                }
                None => false,
            }),
            b"-links" => {
                conditions.links = count(value);
                conditions.links.is_some()
            }
            b"-mindepth" => number(value).map(|depth| conditions.depth_min = depth).is_some(),
            _ => number(value).map(|depth| conditions.depth_max = depth).is_some(),
        };
        if !accepted {
            return Err(call.fail(format_args!("invalid argument {} to {}", Quoted(value), Quoted(word))));
        }
    }
    Ok(conditions)
}

impl Conditions {
    fn hold(&self, walk: &Walk, metadata: &Metadata) -> bool {
        walk.depth() as u64 >= self.depth_min
            && (self.kinds.is_empty() || self.kinds.contains(&metadata.kind))
            && self.name.as_ref().is_none_or(|pattern| pattern.matches(base_name(walk.name())))
            && self.path.as_ref().is_none_or(|pattern| pattern.matches(walk.path()))
            && self.links.is_none_or(|count| match count {
                Count::Exactly(number) => metadata.links == number,
                Count::More(number) => metadata.links > number,
                Count::Less(number) => metadata.links < number,
            })
    }
}

fn kind(letter: &[u8]) -> Option<FileType> {
    Some(match letter {
        b"b" => FileType::BlockDevice,
        b"c" => FileType::CharDevice,
        b"d" => FileType::Directory,
        b"f" => FileType::Regular,
        b"l" => FileType::Symlink,
        b"p" => FileType::Fifo,
        b"s" => FileType::Socket,
        _ => return None,
    })
}

fn count(text: &[u8]) -> Option<Count> {
    match text {
        [b'+', digits @ ..] => number(digits).map(Count::More),
        [b'-', digits @ ..] => number(digits).map(Count::Less),
        digits => number(digits).map(Count::Exactly),
    }
}
