//! `ls`: what is in directories.

use super::{Command, Group};
use crate::calendar::Listed;
use crate::call::{Call, Done};
use crate::columns;
use crate::mode;
use crate::names::Names;
use crate::options::Options;
use crate::quoting::{Plain, Quoted};
use crate::utf8;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use vfs::context::Context;
use vfs::error::Result;
use vfs::manager::{Follow, VfsManager};
use vfs::metadata::{FileType, Metadata};

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

/// One line of a listing.
struct Row {
    name: Vec<u8>,
    metadata: Option<Metadata>,
    target: Option<Vec<u8>>,
}

impl Row {
    /// For a name that was listed and cannot be looked at any more.
    fn unknown(name: &[u8]) -> Self {
        Self { name: name.to_vec(), metadata: None, target: None }
    }
}

/// A directory to list.
struct Pending {
    /// Where `name` is looked up.
    context: Context,
    name: Vec<u8>,
    /// As its heading shows it.
    path: Vec<u8>,
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
    let (manager, context) = (call.manager(), call.context());
    let mut files = Vec::new();
    let mut directories = Vec::new();
    let mut trouble = false;
    for path in operands.iter() {
        // With -l or -d a link is shown itself; else what it leads to, and itself only when that is nothing.
        let itself = options.has('l') || options.has('d');
        let followed = if itself { None } else { manager.metadata(&context, path, Follow::Yes).ok() };
        let metadata = match followed {
            Some(metadata) => Ok(metadata),
            None => manager.metadata(&context, path, Follow::No),
        };
        match metadata {
            Ok(metadata) if metadata.kind == FileType::Directory && !options.has('d') => {
                directories.push(Pending { context: context.clone(), name: path.clone(), path: path.clone() });
            }
            Ok(_) => files.push(row(&manager, &context, path, true).unwrap_or_else(|_| Row::unknown(path))),
            Err(error) => {
                call.complain(format_args!("cannot access {}: {error}", Quoted(path)));
                trouble = true;
            }
        }
    }
    print_rows(call, &options, &files);
    let mut first = files.is_empty();
    let headings = operands.len() > 1 || options.has('R');
    directories.reverse();
    while let Some(pending) = directories.pop() {
        if call.stopped() {
            break;
        }
        let listed = list(&manager, &pending, &options);
        if headings && (listed.is_ok() || options.has('R')) {
            let blank = if first { "" } else { "\n" };
            let heading = if call.is_watched() { Plain(&pending.path).to_string().into_bytes() } else { pending.path.clone() };
            call.format(format_args!("{blank}"));
            call.print(&heading);
            call.print(b":\n");
            first = false;
        }
        match listed {
            Ok((rows, place)) => {
                if options.has('l') {
                    let blocks: u64 = rows.iter().filter_map(|row| row.metadata).map(|metadata| metadata.blocks).sum();
                    call.format(format_args!("total {}\n", blocks / 2));
                }
                print_rows(call, &options, &rows);
                if options.has('R') {
                    push_directories(&mut directories, &rows, &place, &pending.path);
                }
            }
            Err(error) => {
                call.complain(format_args!("cannot open directory {}: {error}", Quoted(&pending.path)));
                trouble |= operands.contains(&pending.path);
            }
        }
    }
    if trouble {
        call.set_status(2);
    }
    Ok(())
}

/// Puts the directories among `rows` where the first comes out first.
fn push_directories(directories: &mut Vec<Pending>, rows: &[Row], place: &Context, path: &[u8]) {
    for row in rows.iter().rev() {
        let directory = row.metadata.is_some_and(|metadata| metadata.kind == FileType::Directory);
        if directory && row.name != b"." && row.name != b".." {
            let path = crate::destination::join(path, &row.name);
            directories.push(Pending { context: place.clone(), name: row.name.clone(), path });
        }
    }
}

/// The rows of a directory, and the context with it as the current one.
fn list(manager: &VfsManager, pending: &Pending, options: &Options) -> Result<(Vec<Row>, Context)> {
    let place = pending.context.at(manager.resolve(&pending.context, &pending.name, Follow::Yes)?);
    let names = Names::read(manager, &place, b".")?;
    let mut rows = Vec::new();
    rows.try_reserve(names.len() + 2).map_err(|_| vfs::error::FileSystemErrorKind::OutOfMemory)?;
    let detailed = options.has('l') || options.has('i') || options.has('R');
    let row = |name: &[u8]| row(manager, &place, name, detailed).unwrap_or_else(|_| Row::unknown(name));
    if options.has('a') {
        rows.push(row(b"."));
        rows.push(row(b".."));
    }
    let hidden = options.has('a') || options.has('A');
    rows.extend(names.iter().map(|(name, _)| name).filter(|name| hidden || !name.starts_with(b".")).map(row));
    Ok((rows, place))
}

fn row(manager: &VfsManager, context: &Context, name: &[u8], detailed: bool) -> Result<Row> {
    let metadata = if detailed { Some(manager.metadata(context, name, Follow::No)?) } else { None };
    let target = match metadata {
        Some(metadata) if metadata.kind == FileType::Symlink => Some(manager.read_link(context, name)?.to_vec()),
        _ => None,
    };
    Ok(Row { name: name.to_vec(), metadata, target })
}

fn print_rows(call: &mut Call<'_, '_>, options: &Options, rows: &[Row]) {
    let watched = call.is_watched();
    let shown = |name: &[u8]| if watched { Plain(name).to_string().into_bytes() } else { name.to_vec() };
    let inode = |row: &Row| row.metadata.map_or_else(|| "?".into(), |metadata| metadata.id.inode.to_string());
    let inode_width = rows.iter().map(|row| inode(row).len()).max().unwrap_or(0);
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let details = if options.has('l') { details(call, rows) } else { Vec::new() };
    for (index, row) in rows.iter().enumerate() {
        let mut line = Vec::new();
        if options.has('i') {
            line.extend_from_slice(format!("{:>inode_width$} ", inode(row)).as_bytes());
        }
        if let Some(details) = details.get(index) {
            line.extend_from_slice(details.as_bytes());
        }
        line.extend_from_slice(&shown(&row.name));
        if let (true, Some(target)) = (options.has('l'), &row.target) {
            line.extend_from_slice(b" -> ");
            line.extend_from_slice(&shown(target));
        }
        lines.push(line);
    }
    if watched && !options.has('l') && !options.has('1') {
        let lines: Vec<&[u8]> = lines.iter().map(|line| &line[..]).collect();
        let width = call.shell.terminal.columns();
        call.print(&columns::arrange(&lines, width));
    } else {
        for line in &lines {
            call.print_line(line);
        }
    }
}

/// What `-l` puts before the names, each column as wide as its widest.
fn details(call: &Call<'_, '_>, rows: &[Row]) -> Vec<String> {
    let now = call.manager().environment().clock.now();
    let cells: Vec<[String; 6]> = rows
        .iter()
        .map(|row| match &row.metadata {
            Some(metadata) => [
                mode::show(metadata.kind, metadata.mode),
                metadata.links.to_string(),
                metadata.uid.to_string(),
                metadata.gid.to_string(),
                match metadata.kind {
                    FileType::CharDevice | FileType::BlockDevice => {
                        format!("{}, {}", metadata.device.major, metadata.device.minor)
                    }
                    _ => metadata.size.to_string(),
                },
                Listed { time: metadata.modified, now }.to_string(),
            ],
            None => ["??????????", "?", "?", "?", "?", "?"].map(String::from),
        })
        .collect();
    let width = |column: usize| cells.iter().map(|row| utf8::width(row[column].as_bytes())).max().unwrap_or(0);
    let [_, links, uid, gid, size, time] = [0, 1, 2, 3, 4, 5].map(width);
    let line = |[mode, a, b, c, d, e]: &[String; 6]| {
        format!("{mode} {a:>links$} {b:<uid$} {c:<gid$} {d:>size$} {e:>time$} ")
    };
    cells.iter().map(line).collect()
}
