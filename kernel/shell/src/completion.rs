//! What Tab completes: commands in their place, paths everywhere else.

use crate::commands;
use crate::editor::completion::{Candidate, Candidates, Completer};
use crate::language::last_word::{LastWord, Place, Quote, last_word};
use crate::names::Names;
use crate::quoting::backslashed;
use alloc::vec::Vec;
use vfs::context::Context;
use vfs::manager::{Follow, VfsManager};
use vfs::metadata::FileType;

/// Completes commands and paths.
pub struct ShellCompleter<'c> {
    manager: &'c VfsManager,
    context: &'c Context,
}

impl<'c> ShellCompleter<'c> {
    /// A completer that sees what `context` sees.
    pub fn new(manager: &'c VfsManager, context: &'c Context) -> Self {
        Self { manager, context }
    }

    fn paths(&self, word: &LastWord, only_directories: bool) -> Vec<Candidate> {
        let name_start = word.value.iter().rposition(|&byte| byte == b'/').map_or(0, |at| at + 1);
        let (directory, prefix) = word.value.split_at(name_start);
        let place: &[u8] = if directory.is_empty() { b"." } else { directory };
        let Ok(names) = Names::read(self.manager, self.context, place) else { return Vec::new() };
        let mut all = Vec::new();
        for (name, kind) in names.iter() {
            if !name.starts_with(prefix) || name.starts_with(b".") && prefix.is_empty() {
                continue;
            }
            let path = [directory, name].concat();
            let is_directory = match kind {
                FileType::Directory => true,
                FileType::Symlink => {
                    let target = self.manager.metadata(self.context, &path, Follow::Yes);
                    target.is_ok_and(|metadata| metadata.kind == FileType::Directory)
                }
                _ => false,
            };
            if only_directories && !is_directory {
                continue;
            }
            let slash: &[u8] = if is_directory { b"/" } else { b"" };
            let label = [name, slash].concat();
            all.push(candidate(label, &[&path[..], slash].concat(), word.quote, !is_directory));
        }
        all
    }
}

impl Completer for ShellCompleter<'_> {
    fn complete(&mut self, line: &[u8]) -> Candidates {
        let word = last_word(line);
        let names_command = match &word.place {
            Place::Command => !word.value.contains(&b'/'),
            Place::Argument(command) => command == b"help",
            Place::Redirection => false,
        };
        let all = if names_command {
            let matching = commands::names().filter(|name| name.as_bytes().starts_with(&word.value));
            matching.map(|name| candidate(name.into(), name.as_bytes(), word.quote, true)).collect()
        } else {
            self.paths(&word, word.place == Place::Argument(b"cd".to_vec()))
        };
        Candidates { start: word.start, all }
    }
}

/// A candidate quoted as the word being typed is; `ends` tells whether nothing can follow within the word.
fn candidate(label: Vec<u8>, value: &[u8], quote: Quote, ends: bool) -> Candidate {
    // What cannot stand within the open quotes is written without them.
    let (text, closing): (Vec<u8>, &[u8]) = match quote {
        Quote::Single if !value.contains(&b'\'') => ([b"'", value].concat(), b"'"),
        Quote::Double if !value.iter().any(|byte| b"\"\\$`".contains(byte)) => ([b"\"", value].concat(), b"\""),
        _ => (backslashed(value), b""),
    };
    let ending = if ends { [closing, b" "].concat() } else { Vec::new() };
    Candidate { label, text, ending }
}
