//! The commands: one file each, and the one table that names them all.

use crate::call::{Call, Done};

/// A command.
pub struct Command {
    /// What it is called.
    pub name: &'static str,
    /// How it is used: one line for each form, then one for each option.
    pub usage: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// Where `help` lists it.
    pub group: Group,
    /// Does it.
    pub run: fn(&mut Call<'_, '_>) -> Done,
}

/// What a command is about; `help` lists commands by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Content and names of files.
    Files,
    /// What is where.
    Looking,
    /// Modes, owners, attributes.
    Attributes,
    /// Mounts, namespaces, layers.
    Mounts,
    /// The machine.
    Machine,
    /// The shell itself.
    Shell,
}

impl Group {
    /// All groups, in the order in which `help` lists them, with their titles.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Files, "files"),
        (Self::Looking, "looking"),
        (Self::Attributes, "attributes"),
        (Self::Mounts, "mounts"),
        (Self::Machine, "machine"),
        (Self::Shell, "shell"),
    ];
}

macro_rules! table {
    ($($module:ident)*) => {
        $(mod $module;)*

        /// All commands, in the order of their names.
        static COMMANDS: &[&Command] = &[$(&$module::COMMAND,)* &test::BRACKET];
    };
}

table! {
    cat cd chmod chown cp date df dmesg drivers echo exit r#false find free getfattr head help hexdump ln ls manifest
    mkdir mknod mount mounts mv ns overlay pivot_root poweroff pwd readlink reboot rm rmdir setfattr sleep source stat
    sync test touch tree r#true truncate umount uptime wc write
}

/// The command of that name.
pub fn find(name: &[u8]) -> Option<&'static Command> {
    all().find(|command| command.name.as_bytes() == name)
}

/// All names.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().map(|command| command.name)
}

/// All commands.
pub fn all() -> impl Iterator<Item = &'static Command> {
    COMMANDS.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::{Group, all};
    use alloc::vec::Vec;

    #[test]
    fn every_command_is_named_once_and_described() {
        let mut names: Vec<&str> = all().map(|command| command.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        for command in all() {
            assert!(command.usage.starts_with(command.name), "{}", command.name);
            assert!(command.usage.lines().all(|line| line.len() <= 79), "{}", command.name);
            assert!(command.summary.len() <= 70 && command.summary.ends_with('.'), "{}", command.name);
            assert!(Group::ALL.iter().any(|(group, _)| *group == command.group));
        }
    }
}
