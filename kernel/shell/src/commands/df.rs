//! `df`: how full file systems are.

use super::{Command, Group};
use crate::call::{Call, Done};
use crate::quoting::{Plain, Quoted};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use vfs::metadata::Statistics;

pub static COMMAND: Command = Command {
    name: "df",
    usage: "df [-i] [PATH...]\n  -i  inodes instead of blocks of 1 KiB",
    summary: "Prints how full file systems are.",
    group: Group::Mounts,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let options = call.options("ik", &[("inodes", 'i')])?;
    let (manager, context) = (call.manager(), call.context());
    let mounts = manager.mounts(&context);
    let mut rows: Vec<[String; 6]> = Vec::new();
    let inodes = options.has('i');
    let head = if inodes {
        ["Filesystem", "Inodes", "IUsed", "IFree", "IUse%", "Mounted on"]
    } else {
        ["Filesystem", "1K-blocks", "Used", "Available", "Use%", "Mounted on"]
    };
    rows.push(head.map(String::from));
    if options.operands.is_empty() {
        for mount in &mounts {
            match mount.file_system.statistics() {
                // What has no blocks at all is not what is asked for (as df(1) without -a).
                Ok(figures) if figures.blocks == 0 && !inodes => {}
                Ok(figures) => rows.push(row(&mount.source, &mount.target, &figures, inodes)),
                Err(error) => call.complain(format_args!("{}: {error}", Plain(&mount.target))),
            }
        }
    }
    for path in &options.operands {
        let found = manager.resolve(&context, path, vfs::manager::Follow::Yes).and_then(|place| {
            let mount = mounts.iter().find(|mount| mount.id == place.mount.id());
            let (source, target) = mount.map_or((&b"-"[..], &b"-"[..]), |mount| (&mount.source, &mount.target));
            Ok(row(source, target, &manager.statistics(&context, path)?, inodes))
        });
        match found {
            Ok(found) => rows.push(found),
            Err(error) => call.complain(format_args!("{}: {error}", Quoted(path))),
        }
    }
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let [source, total, used, free, share, _] = [0, 1, 2, 3, 4, 5].map(width);
    if rows.len() > 1 {
        for [a, b, c, d, e, f] in &rows {
            call.format(format_args!("{a:<source$} {b:>total$} {c:>used$} {d:>free$} {e:>share$} {f}\n"));
        }
    }
    Ok(())
}

fn row(source: &[u8], target: &[u8], figures: &Statistics, inodes: bool) -> [String; 6] {
    let (total, free) = if inodes {
        (figures.nodes, figures.nodes_free)
    } else {
        let kib = |blocks: u64| (u128::from(blocks) * u128::from(figures.block_size) / 1024) as u64;
        (kib(figures.blocks), kib(figures.blocks_free))
    };
    let used = total.saturating_sub(free);
    let share = match total {
        0 => "-".into(),
        total => format!("{}%", (u128::from(used) * 100).div_ceil(u128::from(total))),
    };
    let names = [source, target].map(|name| Plain(name).to_string());
    let [source, target] = names;
    [source, total.to_string(), used.to_string(), free.to_string(), share, target]
}
