//! The mounts of a process's namespace, named from its root.

use alloc::format;
use alloc::string::String;
use core::fmt::Write as _;

use vfs::error::Result;

use super::Subject;

pub(super) fn mounts(subject: Subject) -> Result<String> {
    let place = subject.place()?;
    let mut text = String::new();
    for mount in place.manager.mounts(&place.context) {
        let (source, target) = (escape(&mount.source), escape(&mount.target));
        let _ = writeln!(text, "{source} {target} {} {} 0 0", mount.type_name, mount.all_options());
    }
    Ok(text)
}

pub(super) fn mountinfo(subject: Subject) -> Result<String> {
    let place = subject.place()?;
    let mut text = String::new();
    for mount in place.manager.mounts(&place.context) {
        let (id, parent, device) = (mount.id, mount.parent, mount.file_system.id().0);
        let (root, source, target) = (escape(&mount.root), escape(&mount.source), escape(&mount.target));
        let (own, type_name, general) = (mount.own_options(), mount.type_name, mount.file_system_options());
        let from = mount.propagate_from.filter(|from| Some(*from) != mount.master);
        let links = [("shared", mount.shared), ("master", mount.master), ("propagate_from", from)];
        let mut optional: String =
            links.iter().filter_map(|(word, group)| group.map(|group| format!("{word}:{group} "))).collect();
        if mount.unbindable {
            optional += "unbindable ";
        }
        let head = format!("{id} {parent} 0:{device} {root} {target} {own}");
        let _ = writeln!(text, "{head} {optional}- {type_name} {source} {general}");
    }
    Ok(text)
}

/// A name in `/proc/mounts`: what would end a field is octal (`getmntent(3)`), and so is what is no text.
fn escape(name: &[u8]) -> String {
    with_octal(name, &[' ', '\t', '\n', '\\'])
}

/// A name in which these characters are octal, and so is what is no text.
pub(super) fn with_octal(name: &[u8], octal: &[char]) -> String {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                character if octal.contains(&character) => text += &format!("\\{:03o}", u32::from(character)),
                other => text.push(other),
            }
        }
        chunk.invalid().iter().for_each(|byte| text += &format!("\\{byte:03o}"));
    }
    text
}
