//! `mounts`: the tree of mounts.

use super::{Command, Group};
use crate::call::{Call, Done};
use crate::quoting::Plain;
use alloc::format;
use alloc::vec::Vec;
use vfs::manager::mounts::MountInfo;

pub static COMMAND: Command = Command {
    name: "mounts",
    usage: "mounts",
    summary: "Draws the tree of mounts.",
    group: Group::Mounts,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    call.options("", &[])?;
    let mounts = call.manager().mounts(&call.context());
    let is_root = |mount: &&MountInfo| mount.parent == mount.id || !mounts.iter().any(|other| other.id == mount.parent);
    // Mounts that wait, each with what stands before its name: what comes out next is last.
    let mut waiting: Vec<(&MountInfo, Vec<bool>)> = mounts.iter().filter(is_root).map(|root| (root, Vec::new())).collect();
    waiting.reverse();
    let mut rows = Vec::new();
    while let Some((mount, lasts)) = waiting.pop() {
        let mut name = Vec::new();
        for (index, last) in lasts.iter().enumerate() {
            let innermost = index + 1 == lasts.len();
            name.push(match (innermost, last) {
                (true, true) => "└─",
                (true, false) => "├─",
                (false, true) => "  ",
                (false, false) => "│ ",
            });
        }
        rows.push((format!("{}{}", name.concat(), Plain(&mount.target)), mount));
        let mut children: Vec<&MountInfo> =
            mounts.iter().filter(|child| child.parent == mount.id && child.id != mount.id).collect();
        children.reverse();
        waiting.extend(children.into_iter().enumerate().map(|(index, child)| {
            let mut lasts = lasts.clone();
            lasts.push(index == 0);
            (child, lasts)
        }));
    }
    let width = |length: &dyn Fn(&(alloc::string::String, &MountInfo)) -> usize| rows.iter().map(length).max().unwrap_or(0);
    let target_width = width(&|(name, _)| crate::utf8::width(name.as_bytes())).max("TARGET".len());
    let source_width = width(&|(_, mount)| format!("{}", Plain(&mount.source)).chars().count()).max("SOURCE".len());
    let type_width = width(&|(_, mount)| mount.type_name.len()).max("TYPE".len());
    call.format(format_args!(
        "{:<target_width$} {:<source_width$} {:<type_width$} OPTIONS\n",
        "TARGET", "SOURCE", "TYPE"
    ));
    for (name, mount) in &rows {
        let padding = target_width - crate::utf8::width(name.as_bytes());
        let source = format!("{}", Plain(&mount.source));
        call.format(format_args!(
            "{name}{:padding$} {source:<source_width$} {:<type_width$} {}\n",
            "", mount.type_name, mount.all_options()
        ));
    }
    Ok(())
}
