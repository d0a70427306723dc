//! What is told to whom, as tests. Events are written as Linux's header names them: the path that is watched, the bits,
//! and in a directory the name.

mod instance;
mod merged;
mod notice;
mod operations;

use super::{Inotify, InotifyLimits};
use crate::error::{FileSystemErrorKind, Result};
use crate::inotify::WatchMask;
use crate::manager::Follow;
use crate::selftest::world::World;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::task::Waker;

const ALL: u32 = WatchMask::ALL_EVENTS.bits();

/// One event as it is read.
struct Read {
    watch: i32,
    mask: WatchMask,
    cookie: u32,
    name: String,
}

/// An instance, and the paths that it watches.
struct Watcher {
    inotify: Arc<Inotify>,
    paths: BTreeMap<i32, String>,
}

impl Watcher {
    /// One that watches these paths for everything.
    fn of(world: &World, paths: &[&str]) -> Self {
        let mut watcher = Self::bounded(InotifyLimits::default());
        for path in paths {
            watcher.watch(world, path, ALL);
        }
        watcher
    }

    fn bounded(limits: InotifyLimits) -> Self {
        let inotify = Inotify::new(limits, Waker::noop().clone()).unwrap_or_else(|error| panic!("{error:?}"));
        Self { inotify, paths: BTreeMap::new() }
    }

    fn watch(&mut self, world: &World, path: &str, mask: u32) -> i32 {
        let number = self.try_watch(world, path, mask).unwrap_or_else(|error| panic!("{path}: {error:?}"));
        self.paths.insert(number, path.to_string());
        number
    }

    fn try_watch(&self, world: &World, path: &str, mask: u32) -> Result<i32> {
        world.vfs.add_watch(&world.root, &self.inotify, path.as_bytes(), mask)
    }

    /// Everything that there is to read, through a buffer of so many bytes.
    fn read(&self, buffer: usize) -> Vec<Read> {
        let mut events = Vec::new();
        let mut bytes = alloc::vec![0; buffer];
        loop {
            let count = match self.inotify.read(&mut &mut bytes[..]) {
                Ok(count) => count,
                Err(error) => {
                    assert_eq!(error.kind(), FileSystemErrorKind::WouldBlock);
                    return events;
                }
            };
            let mut rest = &bytes[..count];
            while !rest.is_empty() {
                let field = |index: usize| {
                    let mut field = [0; 4];
                    field.copy_from_slice(&rest[4 * index..4 * index + 4]);
                    u32::from_le_bytes(field)
                };
                let length = field(3) as usize;
                let name = &rest[16..16 + length];
                let end = name.iter().position(|byte| *byte == 0).unwrap_or(0);
                assert!(
                    name[end..].iter().all(|byte| *byte == 0)
                        && length.is_multiple_of(16)
                        && (length == 0) == (end == 0)
                );
                events.push(Read {
                    watch: field(0).cast_signed(),
                    mask: WatchMask::from_bits_retain(field(1)),
                    cookie: field(2),
                    name: name[..end].escape_ascii().to_string(),
                });
                rest = &rest[16 + length..];
            }
        }
    }

    /// What has happened since the last call: `PATH BITS [NAME]`, separated by commas.
    fn seen(&self) -> String {
        let text = |event: Read| {
            let path = self.paths.get(&event.watch).map_or("-", String::as_str);
            let bits: Vec<_> = event.mask.iter_names().map(|(name, _)| name).collect();
            let name = if event.name.is_empty() { String::new() } else { format!(" {}", event.name) };
            format!("{path} {}{name}", bits.join("|"))
        };
        self.read(4096).into_iter().map(text).collect::<Vec<_>>().join(", ")
    }

    /// As [`Watcher::seen`], of what `act` does.
    fn during<T>(&self, act: impl FnOnce() -> T) -> String {
        assert_eq!(self.seen(), "", "something was left to read");
        act();
        self.seen()
    }
}

/// Panics unless it succeeds.
#[track_caller]
fn done<T>(result: Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{error:?}"))
}

/// A change by path that is taken for granted.
fn chmod(world: &World, path: &str, mode: u32) {
    done(world.vfs.set_mode(&world.root, path.as_bytes(), mode, Follow::Yes));
}
