//! `ls`: what is in directories.
//!
//! A directory may be large, so only its names are kept; what `-l` shows is asked for twice, first for the widths of
//! the columns.

use super::{Command, Group};
use crate::calendar::Listed;
use crate::call::{Call, Done};
use crate::columns;
use crate::mode;
use crate::names::Names;
use crate::options::Options;
use crate::quoting::{Plain, Quoted};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use vfs::context::Context;
use vfs::error::Result;
use vfs::manager::{Follow, VfsManager};
use vfs::metadata::{FileType, Metadata};
use vfs::time::Timestamp;

pub static COMMAND: Command = Command {
    name: "ls",
    usage: "ls [-aAdilR1] [PATH...]
  -a  names that begin with a dot too   -A  those without . and ..
  -d  directories themselves, not what they hold
  -i  inode numbers
  -l  mode, links, owner, group, size, time of modification
  -R  everything below
  -1  one name a line (as when nobody looks)",
    summary: "Lists directories.",
    group: Group::Looking,
    run,
};

/// More names than this are not arranged in columns, which takes memory for each.
const COLUMNS_MAX: usize = 10_000;

/// How names are shown.
struct Style {
    manager: Arc<VfsManager>,
    long: bool,
    inodes: bool,
    one_a_line: bool,
    watched: bool,
    now: Timestamp,
}

/// A directory whose subdirectories are being listed (`-R`).
struct Level {
    /// With the directory as the current one.
    place: Context,
    path: Vec<u8>,
    names: Names,
    visited: usize,
}

fn run(call: &mut Call<'_, '_>) -> Done {
    call.set_usage_status(2);
    let long = [("all", 'a'), ("almost-all", 'A'), ("directory", 'd'), ("inode", 'i'), ("recursive", 'R')];
    let mut options = call.options("aAdilR1", &long)?;
    let mut operands = core::mem::take(&mut options.operands);
    if operands.is_empty() {
        operands.push(b".".to_vec());
    }
    operands.sort_unstable();
    let manager = call.manager();
    let style = Style {
        long: options.has('l'),
        inodes: options.has('i'),
        one_a_line: options.has('1'),
        watched: call.is_watched(),
        now: manager.environment().clock.now(),
        manager,
    };
    let context = call.context();
    let (mut files, mut directories): (Vec<&[u8]>, Vec<&[u8]>) = (Vec::new(), Vec::new());
    let mut trouble = false;
    for path in &operands {
        match kind_of_operand(&style.manager, &context, path, &options) {
            Ok(FileType::Directory) if !options.has('d') => directories.push(path),
            Ok(_) => files.push(path),
            Err(error) => {
                call.complain(format_args!("cannot access {}: {error}", Quoted(path)));
                trouble = true;
            }
        }
    }
    style.print(call, &context, &files);
    let mut headings = Headings { shown: operands.len() > 1 || options.has('R'), first: files.is_empty() };
    for path in directories {
        let mut levels = Vec::new();
        match list(call, &style, &options, &context, path, path, &mut headings) {
            Some(level) => levels.push(level),
            None => trouble = true,
        }
        while options.has('R')
            && let Some(level) = levels.last_mut()
            && !call.stopped()
        {
            match level.next_directory() {
                Some((name, path)) => {
                    let place = level.place.clone();
                    levels.extend(list(call, &style, &options, &place, &name, &path, &mut headings));
                }
                None => drop(levels.pop()),
            }
        }
    }
    if trouble {
        call.set_status(2);
    }
    Ok(())
}

/// With -l or -d a link is shown itself; else what it leads to, and itself only when that is nothing.
fn kind_of_operand(manager: &VfsManager, context: &Context, path: &[u8], options: &Options) -> Result<FileType> {
    let itself = || manager.metadata(context, path, Follow::No).map(|metadata| metadata.kind);
    if options.has('l') || options.has('d') {
        return itself();
    }
    manager.metadata(context, path, Follow::Yes).map(|metadata| metadata.kind).or_else(|_| itself())
}

/// Whether and how directories are announced.
struct Headings {
    shown: bool,
    first: bool,
}

/// Lists one directory, which `name` names at `context`; `None` when it cannot be, and the user has been told.
fn list(
    call: &mut Call<'_, '_>,
    style: &Style,
    options: &Options,
    context: &Context,
    name: &[u8],
    path: &[u8],
    headings: &mut Headings,
) -> Option<Level> {
    let read = || {
        let place = context.at(style.manager.resolve(context, name, Follow::Yes)?);
        let names = Names::read(&style.manager, &place, b".")?;
        Ok((place, names))
    };
    let listed: Result<(Context, Names)> = read();
    let (place, mut names) = match listed {
        Ok(listed) => listed,
        Err(error) => {
            call.complain(format_args!("cannot open directory {}: {error}", Quoted(path)));
            return None;
        }
    };
    if !options.has('a') && !options.has('A') {
        names.retain(&|name, _| !name.starts_with(b"."));
    }
    if headings.shown {
        call.print(if headings.first { b"" } else { b"\n" });
        call.print(&style.shown(path));
        call.print(b":\n");
        headings.first = false;
    }
    let dots: &[&[u8]] = if options.has('a') { &[b".", b".."] } else { &[] };
    let shown: Vec<&[u8]> = dots.iter().copied().chain(names.iter().map(|(name, _)| name)).collect();
    if style.long {
        let blocks: u64 = shown.iter().filter_map(|name| style.look(&place, name)).map(|metadata| metadata.blocks).sum();
        call.format(format_args!("total {}\n", blocks / 2));
    }
    style.print(call, &place, &shown);
    Some(Level { place, path: path.to_vec(), names, visited: 0 })
}

impl Level {
    /// The next subdirectory: its name, and its path for the heading.
    fn next_directory(&mut self) -> Option<(Vec<u8>, Vec<u8>)> {
        while let Some((name, kind)) = self.names.get(self.visited) {
            self.visited += 1;
            if kind == FileType::Directory {
                return Some((name.to_vec(), crate::destination::join(&self.path, name)));
            }
        }
        None
    }
}

impl Style {
    /// A name as it is written: quoted where somebody looks.
    fn shown(&self, name: &[u8]) -> Vec<u8> {
        if self.watched { Plain(name).to_string().into_bytes() } else { name.to_vec() }
    }

    fn look(&self, place: &Context, name: &[u8]) -> Option<Metadata> {
        self.manager.metadata(place, name, Follow::No).ok()
    }

    /// Prints names that are looked up at `place`.
    fn print(&self, call: &mut Call<'_, '_>, place: &Context, names: &[&[u8]]) {
        let mut widths = [0; CELLS];
        if self.long || self.inodes {
            for name in names {
                let cells = self.cells(place, name);
                for (width, cell) in widths.iter_mut().zip(&cells) {
                    *width = cell.len().max(*width);
                }
                if call.stopped() {
                    return;
                }
            }
        }
        if self.watched && !self.long && !self.one_a_line && names.len() <= COLUMNS_MAX {
            let lines: Vec<Vec<u8>> = names.iter().map(|name| self.line(place, name, &widths)).collect();
            let lines: Vec<&[u8]> = lines.iter().map(|line| &line[..]).collect();
            let width = call.shell.terminal.columns();
            call.print(&columns::arrange(&lines, width));
            return;
        }
        for name in names {
            call.print_line(&self.line(place, name, &widths));
            if call.stopped() {
                return;
            }
        }
    }

    /// The line of one name.
    fn line(&self, place: &Context, name: &[u8], widths: &[usize; CELLS]) -> Vec<u8> {
        let mut line = Vec::new();
        if self.long || self.inodes {
            let [inode, mode, links, uid, gid, size, time] = self.cells(place, name);
            let [inode_width, _, links_width, uid_width, gid_width, size_width, time_width] = *widths;
            if self.inodes {
                line.extend_from_slice(format!("{inode:>inode_width$} ").as_bytes());
            }
            if self.long {
                let owner = format!("{links:>links_width$} {uid:<uid_width$} {gid:<gid_width$}");
                let details = format!("{mode} {owner} {size:>size_width$} {time:>time_width$} ");
                line.extend_from_slice(details.as_bytes());
            }
        }
        line.extend_from_slice(&self.shown(name));
        if self.long
            && let Ok(target) = self.manager.read_link(place, name)
        {
            line.extend_from_slice(b" -> ");
            line.extend_from_slice(&self.shown(&target));
        }
        line
    }

    /// Inode number, mode, links, owner, group, size and time; question marks for what cannot be looked at any more.
    fn cells(&self, place: &Context, name: &[u8]) -> [String; CELLS] {
        let Some(metadata) = self.look(place, name) else {
            return ["?", "??????????", "?", "?", "?", "?", "?"].map(String::from);
        };
        let size = match metadata.kind {
            FileType::CharDevice | FileType::BlockDevice => {
                format!("{}, {}", metadata.device.major, metadata.device.minor)
            }
            _ => metadata.size.to_string(),
        };
        [
            metadata.id.inode.to_string(),
            mode::show(metadata.kind, metadata.mode),
            metadata.links.to_string(),
            metadata.uid.to_string(),
            metadata.gid.to_string(),
            size,
            Listed { time: metadata.modified, now: self.now }.to_string(),
        ]
    }
}

/// How many cells a line has before its name.
const CELLS: usize = 7;
