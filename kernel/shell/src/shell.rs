//! The shell: runs lines of a script or of somebody who types.

use crate::call::Call;
use crate::completion::ShellCompleter;
use crate::console::{Console, Mode, Terminal};
use crate::editor::{Editor, Outcome};
use crate::glob;
use crate::language::expansion::{self, TooLong};
use crate::language::parser::{End, Parser, SyntaxError};
use crate::language::syntax::{Command, List, Pipeline, Redirection, Stream, When, Word};
use crate::machine::{Ending, Machine, Program};
use crate::namespaces::Namespaces;
use crate::pipe::Pipes;
use crate::quoting::Plain;
use crate::stream::{Input, Output, Target};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use vfs::context::Context;
use vfs::error::{FileSystemError, FileSystemErrorKind};
use vfs::file::OpenFlags;
use vfs::manager::{Follow, VfsManager};
use vfs::metadata::FileType;

/// How many scripts may call each other.
const SOURCE_DEPTH_MAX: usize = 16;

const STATUS_SYNTAX_ERROR: u8 = 2;
const STATUS_CANNOT_RUN: u8 = 126;
const STATUS_NOT_FOUND: u8 = 127;

/// A shell.
pub struct Shell<'s> {
    /// Who asks, and from where.
    pub context: Context,
    /// The console.
    pub terminal: Terminal<'s>,
    /// The machine.
    pub machine: &'s dyn Machine,
    /// The namespaces that `ns` has made.
    pub namespaces: Namespaces,
    /// The line editor, with the history.
    pub editor: Editor,
    variables: BTreeMap<Vec<u8>, Vec<u8>>,
    pipes: Pipes,
    /// How the last pipeline ended (`$?`).
    status: u8,
    /// Set by what ends the shell.
    ending: Option<Ending>,
    source_depth: usize,
}

/// Where a command's streams go.
#[derive(Clone)]
struct Streams {
    input: Input,
    output: Target,
    error: Target,
}

impl<'s> Shell<'s> {
    /// A shell in `manager`'s namespace, at its root.
    pub fn new(manager: Arc<VfsManager>, console: &'s mut dyn Console, mode: Mode, machine: &'s dyn Machine) -> Self {
        let context = manager.root_context();
        machine.entered(&manager);
        let mut shell = Self {
            context,
            terminal: Terminal::new(console, mode),
            machine,
            namespaces: Namespaces::new(manager),
            editor: Editor::new(),
            variables: BTreeMap::new(),
            pipes: Pipes::default(),
            status: 0,
            ending: None,
            source_depth: 0,
        };
        shell.set_variable(b"PWD", b"/");
        shell
    }

    /// The namespace that commands work in.
    pub fn manager(&self) -> &Arc<VfsManager> {
        self.namespaces.current()
    }

    /// How the last command ended.
    pub fn status(&self) -> u8 {
        self.status
    }

    /// Ends the shell after the current command, with that status.
    pub fn end(&mut self, ending: Ending, status: u8) {
        self.ending = Some(ending);
        self.status = status;
    }

    /// The value of a variable; empty when it is not set.
    pub fn variable(&self, name: &[u8]) -> Vec<u8> {
        match name {
            b"?" => format!("{}", self.status).into_bytes(),
            _ => self.variables.get(name).cloned().unwrap_or_default(),
        }
    }

    /// Sets a variable.
    pub fn set_variable(&mut self, name: &[u8], value: &[u8]) {
        self.variables.insert(name.to_vec(), value.to_vec());
    }

    /// Runs a script to its end, or to what ends the shell. [`Shell::status`] tells how the last command ended.
    pub fn run_script(&mut self, text: &[u8]) -> Ending {
        self.run_text(text, b"sh");
        self.ending.unwrap_or(Ending::Exit)
    }

    /// Lets commands be typed, until something ends the shell.
    pub fn run_interactive(&mut self) -> Ending {
        let mut text = Vec::new();
        while self.ending.is_none() {
            let prompt = if text.is_empty() { self.prompt() } else { b"> ".to_vec() };
            let mut editor = core::mem::take(&mut self.editor);
            let manager = self.manager().clone();
            let mut completer = ShellCompleter::new(&manager, &self.context);
            let outcome = editor.read_line(&mut self.terminal, &prompt, &mut completer);
            self.editor = editor;
            match outcome {
                Outcome::Line(line) => {
                    self.editor.remember(&line);
                    text.extend_from_slice(&line);
                    text.push(b'\n');
                    if !is_unfinished(&text) {
                        self.run_text(&text, b"sh");
                        text.clear();
                    }
                }
                Outcome::Interrupted => {
                    text.clear();
                    self.status = crate::call::STATUS_INTERRUPTED;
                }
                Outcome::End if !text.is_empty() => {
                    self.run_text(&text, b"sh");
                    text.clear();
                }
                Outcome::End => break,
            }
        }
        self.ending.unwrap_or(Ending::Exit)
    }

    /// Runs another script from within a command; `name` is how messages call it.
    ///
    /// # Errors
    /// `ELOOP` when too many scripts have called each other.
    pub fn source(&mut self, text: &[u8], name: &[u8]) -> Result<u8, FileSystemError> {
        if self.source_depth == SOURCE_DEPTH_MAX {
            return Err(FileSystemErrorKind::TooManySymlinks.into());
        }
        self.source_depth += 1;
        self.status = 0;
        self.run_text(text, name);
        self.source_depth -= 1;
        Ok(self.status)
    }

    /// Says something on the console, not on behalf of a command.
    pub fn announce(&mut self, text: fmt::Arguments<'_>) {
        self.terminal.write_text(format!("{text}\n").as_bytes());
    }

    fn prompt(&self) -> Vec<u8> {
        let mut prompt = b"strata:".to_vec();
        match self.manager().path_name(&self.context, &self.context.cwd) {
            Ok(path) => prompt.extend_from_slice(&path),
            Err(_) => prompt.extend_from_slice(b"(removed)"),
        }
        prompt.extend_from_slice(if self.context.credentials.uid == 0 { b"# " } else { b"$ " });
        prompt
    }

    fn run_text(&mut self, text: &[u8], name: &[u8]) {
        let mut parser = Parser::new(text, End::Final);
        while self.ending.is_none() {
            match parser.next_list() {
                Ok(Some(list)) => self.run_list(&list),
                Ok(None) => break,
                Err(error) => {
                    self.announce(format_args!("{}: line {}: {error}", Plain(name), parser.line()));
                    self.status = STATUS_SYNTAX_ERROR;
                    break;
                }
            }
        }
    }

    fn run_list(&mut self, list: &List) {
        for pipeline in &list.pipelines {
            let runs = match pipeline.when {
                When::Always => true,
                When::Success => self.status == 0,
                When::Failure => self.status != 0,
            };
            if runs {
                self.status = self.run_pipeline(pipeline);
            }
            if self.ending.is_some() || self.status == crate::call::STATUS_INTERRUPTED {
                break;
            }
        }
    }

    /// Runs the commands of a pipeline one after the other: what one puts out is kept in a file without a name until
    /// the next has read it.
    fn run_pipeline(&mut self, pipeline: &Pipeline) -> u8 {
        let mut streams = Streams { input: Input::Console, output: Target::Console, error: Target::Console };
        let mut status = 0;
        let manager = self.manager().clone();
        for (index, command) in pipeline.commands.iter().enumerate() {
            let last = index + 1 == pipeline.commands.len();
            let pipe = if last { None } else { Some(self.pipes.file(&manager)) };
            match pipe {
                None => streams.output = Target::Console,
                Some(Ok(file)) => streams.output = Target::File(file),
                Some(Err(error)) => {
                    self.announce(format_args!("sh: cannot make a pipe: {error}"));
                    return 1;
                }
            }
            let output = streams.output.clone();
            status = self.run_command(command, streams.clone());
            if let Target::File(file) = output {
                // Position 0 exists in every file.
                let _ = file.seek(vfs::file::SeekFrom::Start(0));
                streams.input = Input::File(file);
            }
            if self.ending.is_some() {
                return self.status;
            }
        }
        if pipeline.negated { u8::from(status == 0) } else { status }
    }

    fn run_command(&mut self, command: &Command, mut streams: Streams) -> u8 {
        let words = match self.expand(&command.words) {
            Ok(words) => words,
            Err(TooLong) => return self.refuse(&streams.error, b"", FileSystemErrorKind::ArgumentListTooLong.into()),
        };
        let mut assigned = BTreeMap::new();
        for (name, value) in &command.assignments {
            // Of the commands none looks at variables of its own; programs do.
            match expansion::single(value, &|name| self.variable(name)) {
                Ok(value) if words.is_empty() => self.set_variable(name, &value),
                Ok(value) => drop(assigned.insert(name.to_vec(), value)),
                Err(TooLong) => {
                    return self.refuse(&streams.error, name, FileSystemErrorKind::ArgumentListTooLong.into());
                }
            }
        }
        for redirection in &command.redirections {
            if let Err((path, error)) = self.redirect(redirection, &mut streams) {
                return self.refuse(&streams.error, &path, error);
            }
        }
        let Some((name, arguments)) = words.split_first() else { return 0 };
        match crate::commands::find(name) {
            Some(found) => {
                let output = Output::new(streams.output, self.context.credentials.clone());
                let error = Output::new(streams.error, self.context.credentials.clone());
                Call::new(self, found, arguments.to_vec(), streams.input, output, error).run()
            }
            None if name.contains(&b'/') => self.run_program(words, assigned, &streams),
            None => {
                self.say(&streams.error, format_args!("sh: {}: command not found\n", Plain(name)));
                STATUS_NOT_FOUND
            }
        }
    }

    /// Says why a command is not run, naming `what`, and returns the status for that.
    fn refuse(&mut self, to: &Target, what: &[u8], error: FileSystemError) -> u8 {
        let name = if what.is_empty() { String::new() } else { format!("{}: ", Plain(what)) };
        self.say(to, format_args!("sh: {name}{error}\n"));
        1
    }

    /// The words of a command after all expansions.
    fn expand(&self, words: &[Word]) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut expanded = Vec::new();
        for word in words {
            for field in expansion::fields(word, &|name| self.variable(name))? {
                glob::expand(self.manager(), &self.context, &field, &mut expanded);
            }
            if expanded.iter().map(Vec::len).sum::<usize>() > expansion::BYTES_MAX {
                return Err(TooLong);
            }
        }
        Ok(expanded)
    }

    fn redirect(&self, redirection: &Redirection, streams: &mut Streams) -> Result<(), (Vec<u8>, FileSystemError)> {
        let open = |word: &Word, flags: OpenFlags| {
            let too_long = |TooLong| (Vec::new(), FileSystemErrorKind::ArgumentListTooLong.into());
            let path = expansion::single(word, &|name| self.variable(name)).map_err(too_long)?;
            self.manager().open(&self.context, &path, flags, 0o666).map_err(|error| (path, error))
        };
        let mut set = |stream: Stream, target: Target| match stream {
            Stream::Output => streams.output = target,
            Stream::Error => streams.error = target,
        };
        match redirection {
            Redirection::Read(word) => streams.input = Input::File(open(word, OpenFlags::READ)?),
            Redirection::Write(stream, word) => {
                let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE;
                set(*stream, Target::File(open(word, flags)?));
            }
            Redirection::Append(stream, word) => {
                let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::APPEND;
                set(*stream, Target::File(open(word, flags)?));
            }
            Redirection::Same(Stream::Output, Stream::Error) => streams.output = streams.error.clone(),
            Redirection::Same(Stream::Error, Stream::Output) => streams.error = streams.output.clone(),
            Redirection::Same(..) => {}
        }
        Ok(())
    }

    /// Runs the program that the first word is the path of. Every variable is in its environment, those of its own line
    /// before the others.
    fn run_program(&mut self, words: Vec<Vec<u8>>, mut assigned: BTreeMap<Vec<u8>, Vec<u8>>, streams: &Streams) -> u8 {
        for (name, value) in &self.variables {
            assigned.entry(name.clone()).or_insert_with(|| value.clone());
        }
        let path = words[0].clone();
        let output = |target: &Target| match target {
            Target::Console => None,
            Target::File(file) => Some(file.clone()),
        };
        let input = match &streams.input {
            Input::Console => None,
            Input::File(file) => Some(file.clone()),
        };
        let result = self.machine.execute(Program {
            manager: self.namespaces.current(),
            context: &self.context,
            path: &path,
            arguments: words,
            environment: assigned.iter().map(|(name, value)| [name, &b"="[..], value].concat()).collect(),
            streams: [input, output(&streams.output), output(&streams.error)],
            interactive: self.terminal.is_interactive(),
        });
        match result {
            Ok(status) => status,
            Err(error) => self.explain_failure(&path, error, &streams.error),
        }
    }

    /// Says why a program cannot be run, and returns the status for that.
    fn explain_failure(&mut self, path: &[u8], error: FileSystemError, to: &Target) -> u8 {
        let status = match error.kind() {
            FileSystemErrorKind::NotFound | FileSystemErrorKind::NotADirectory => STATUS_NOT_FOUND,
            _ => STATUS_CANNOT_RUN,
        };
        let is_directory = error.kind() == FileSystemErrorKind::PermissionDenied
            && self
                .manager()
                .metadata(&self.context, path, Follow::Yes)
                .is_ok_and(|metadata| metadata.kind == FileType::Directory);
        let kind = if is_directory { FileSystemErrorKind::IsADirectory } else { error.kind() };
        self.say(to, format_args!("sh: {}: {}\n", Plain(path), kind.message()));
        status
    }

    fn say(&mut self, target: &Target, text: fmt::Arguments<'_>) {
        let mut output = Output::new(target.clone(), self.context.credentials.clone());
        output.write(format!("{text}").as_bytes(), &mut self.terminal);
        output.flush(&mut self.terminal);
    }
}

/// Whether more lines may complete what has been typed.
fn is_unfinished(text: &[u8]) -> bool {
    let mut parser = Parser::new(text, End::Open);
    loop {
        match parser.next_list() {
            Ok(Some(_)) => {}
            Ok(None) => return false,
            Err(error) => return error == SyntaxError::Unfinished,
        }
    }
}
