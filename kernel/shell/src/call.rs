//! A command being run: its arguments, its streams, and the ways to say that something is wrong.

use crate::commands::Command;
use crate::editor::Outcome;
use crate::editor::completion::{Candidates, Completer};
use crate::options::Options;
use crate::shell::Shell;
use crate::stream::{Input, Output};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use vfs::context::Context;
use vfs::error::Result;
use vfs::manager::VfsManager;

/// What ends a command early: the user has been told why, and the status is set.
#[derive(Debug)]
pub struct Failed;

/// How a command ends.
pub type Done = core::result::Result<(), Failed>;

/// The exit status after ^C: 128 and the signal's number.
pub const STATUS_INTERRUPTED: u8 = 130;

/// How much content is read at a time.
pub const CHUNK: usize = 64 * 1024;

/// A command being run.
pub struct Call<'c, 's> {
    /// The shell that runs it.
    pub shell: &'c mut Shell<'s>,
    /// The arguments, without the command's name.
    pub arguments: Vec<Vec<u8>>,
    command: &'static Command,
    output: Output,
    error: Output,
    input: Input,
    status: u8,
    /// The status for arguments that make no sense.
    usage_status: u8,
    interrupted: bool,
}

impl<'c, 's> Call<'c, 's> {
    /// A call that has not begun.
    pub fn new(
        shell: &'c mut Shell<'s>,
        command: &'static Command,
        arguments: Vec<Vec<u8>>,
        input: Input,
        output: Output,
        error: Output,
    ) -> Self {
        Self { shell, arguments, command, output, error, input, status: 0, usage_status: 1, interrupted: false }
    }

    /// Runs the command. Returns its exit status.
    pub fn run(mut self) -> u8 {
        if (self.command.run)(&mut self).is_err() && self.status == 0 {
            self.status = 1;
        }
        self.output.flush(&mut self.shell.terminal);
        if let Some(failure) = self.output.failure() {
            self.complain(format_args!("write error: {failure}"));
        }
        if self.interrupted { STATUS_INTERRUPTED } else { self.status }
    }

    /// The namespace.
    pub fn manager(&self) -> Arc<VfsManager> {
        self.shell.manager().clone()
    }

    /// Who asks, and from where.
    pub fn context(&self) -> Context {
        self.shell.context.clone()
    }

    // ---- arguments

    /// Sorts the arguments; see [`Options::parse`].
    ///
    /// # Errors
    /// The user has been told what is wrong with them.
    pub fn options(&mut self, letters: &str, long: &[(&str, char)]) -> core::result::Result<Options, Failed> {
        Options::parse(&self.arguments, letters, long).map_err(|message| self.misuse(format_args!("{message}")))
    }

    /// As [`Call::options`], and there must be at least `least` operands.
    ///
    /// # Errors
    /// The user has been told what is wrong.
    pub fn options_and_operands(
        &mut self,
        letters: &str,
        long: &[(&str, char)],
        least: usize,
    ) -> core::result::Result<Options, Failed> {
        let options = self.options(letters, long)?;
        match options.operands.last() {
            None if least > 0 => Err(self.misuse(format_args!("missing operand"))),
            Some(last) if options.operands.len() < least => {
                let last = crate::quoting::Quoted(last);
                Err(self.misuse(format_args!("missing operand after {last}")))
            }
            _ => Ok(options),
        }
    }

    /// Sets the exit status for arguments that make no sense (1 unless set).
    pub fn set_usage_status(&mut self, status: u8) {
        self.usage_status = status;
    }

    // ---- output

    /// Writes bytes to the output.
    pub fn print(&mut self, bytes: &[u8]) {
        self.output.write(bytes, &mut self.shell.terminal);
    }

    /// Writes formatted text to the output.
    pub fn format(&mut self, text: fmt::Arguments<'_>) {
        // Writing collects failures for the end of the call and answers none.
        let _ = fmt::write(&mut Printer(self), text);
    }

    /// Writes a path and a newline to the output.
    pub fn print_line(&mut self, line: &[u8]) {
        self.print(line);
        self.print(b"\n");
    }

    /// Whether somebody looks at the output as it comes.
    pub fn is_watched(&self) -> bool {
        self.output.is_console() && self.shell.terminal.is_interactive()
    }

    /// Whether there is no point in going on: ^C was typed, or the output takes no more.
    pub fn stopped(&mut self) -> bool {
        if !self.interrupted && self.shell.terminal.interrupted() {
            self.interrupted = true;
            self.error.write(b"^C\n", &mut self.shell.terminal);
            self.error.flush(&mut self.shell.terminal);
        }
        self.interrupted || self.output.failure().is_some()
    }

    // ---- what is wrong

    /// Says what is wrong, after the command's name. The status is then at least 1.
    pub fn complain(&mut self, message: fmt::Arguments<'_>) {
        self.status = self.status.max(1);
        let mut text = String::from(self.command.name);
        // A `String` takes everything.
        let _ = fmt::write(&mut text, format_args!(": {message}\n"));
        self.warn(&text);
    }

    /// Says something on the error stream, as it is.
    pub fn warn(&mut self, text: &str) {
        self.output.flush(&mut self.shell.terminal);
        self.error.write(text.as_bytes(), &mut self.shell.terminal);
        self.error.flush(&mut self.shell.terminal);
    }

    /// As [`Call::complain`], and gives what ends the command.
    pub fn fail(&mut self, message: fmt::Arguments<'_>) -> Failed {
        self.complain(message);
        Failed
    }

    /// Says what is wrong with the arguments and where to read how to do better.
    pub fn misuse(&mut self, message: fmt::Arguments<'_>) -> Failed {
        self.complain(message);
        let help = alloc::format!("Try 'help {}' for more information.\n", self.command.name);
        self.warn(&help);
        self.status = self.usage_status;
        Failed
    }

    /// Sets the exit status.
    pub fn set_status(&mut self, status: u8) {
        self.status = status;
    }

    /// The exit status so far.
    pub fn status(&self) -> u8 {
        self.status
    }

    // ---- input

    /// The next piece of input, at most as long as `buffer`; 0 at the end.
    ///
    /// # Errors
    /// Those of reading the file that the input was redirected from.
    pub fn read_input(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match &self.input {
            Input::File(file) => file.read(&mut &mut buffer[..]),
            Input::Console if !self.shell.terminal.is_interactive() => Ok(0),
            Input::Console => Ok(self.read_typed_line(buffer)),
        }
    }

    /// Lets a line be typed. What does not fit in `buffer` is dropped.
    fn read_typed_line(&mut self, buffer: &mut [u8]) -> usize {
        self.output.flush(&mut self.shell.terminal);
        let mut editor = core::mem::take(&mut self.shell.editor);
        let outcome = editor.read_line(&mut self.shell.terminal, b"", &mut NoCompletion);
        self.shell.editor = editor;
        match outcome {
            Outcome::Line(mut line) => {
                line.push(b'\n');
                let length = line.len().min(buffer.len());
                buffer[..length].copy_from_slice(&line[..length]);
                length
            }
            Outcome::Interrupted => {
                self.interrupted = true;
                0
            }
            Outcome::End => 0,
        }
    }
}

/// A call's output as something to format into.
struct Printer<'p, 'c, 's>(&'p mut Call<'c, 's>);

impl fmt::Write for Printer<'_, '_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.print(text.as_bytes());
        Ok(())
    }
}

/// Input of a command is completed by nothing.
struct NoCompletion;

impl Completer for NoCompletion {
    fn complete(&mut self, _line: &[u8]) -> Candidates {
        Candidates::default()
    }
}
