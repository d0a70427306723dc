//! `test` and `[`: conditions.

use super::{Command, Group};
use crate::call::{Call, Done};
use crate::quoting::Plain;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;
use vfs::context::AccessMode;
use vfs::manager::Follow;
use vfs::metadata::{FileType, Metadata};

/// How deep parentheses and `!` may be nested.
const DEPTH_MAX: usize = 32;

pub static COMMAND: Command = Command {
    name: "test",
    usage: "test CONDITION   or   [ CONDITION ]
  -e -f -d -L -p -S -b -c PATH    exists; is a file, a directory, a link, …
  -s PATH, -r -w -x PATH          is not empty; may be read, written, executed
  A -ef B, A -nt B, A -ot B       same file; newer; older
  -n S, -z S, S = T, S != T       text that is not empty, empty, same, other
  M -eq -ne -lt -le -gt -ge N     numbers
  ! C, C -a C, C -o C, ( C )      not, and, or",
    summary: "Tells by its status whether a condition holds.",
    group: Group::Shell,
    run,
};

pub static BRACKET: Command = Command {
    name: "[",
    usage: "[ CONDITION ]   (see `help test`)",
    summary: "Tells by its status whether a condition holds.",
    group: Group::Shell,
    run: run_bracket,
};

fn run_bracket(call: &mut Call<'_, '_>) -> Done {
    match call.arguments.pop() {
        Some(last) if last == b"]" => run(call),
        _ => {
            call.complain(format_args!("missing ']'"));
            call.set_status(2);
            Err(crate::call::Failed)
        }
    }
}

fn run(call: &mut Call<'_, '_>) -> Done {
    let arguments = core::mem::take(&mut call.arguments);
    let mut parser = Conditions { call, words: &arguments, at: 0, depth: 0 };
    let holds = if arguments.is_empty() { Ok(false) } else { parser.or() };
    let holds = match holds {
        Ok(_) if parser.at < arguments.len() => Err(format!("{}: unexpected argument", Plain(&arguments[parser.at]))),
        other => other,
    };
    match holds {
        Ok(holds) => {
            call.set_status(u8::from(!holds));
            Ok(())
        }
        Err(message) => {
            call.complain(format_args!("{message}"));
            call.set_status(2);
            Err(crate::call::Failed)
        }
    }
}

/// The arguments as a condition; `-a` binds closer than `-o`.
struct Conditions<'t, 'c, 's> {
    call: &'t Call<'c, 's>,
    words: &'t [Vec<u8>],
    at: usize,
    depth: usize,
}

impl Conditions<'_, '_, '_> {
    fn peek(&self, ahead: usize) -> Option<&[u8]> {
        self.words.get(self.at + ahead).map(|word| &word[..])
    }

    fn or(&mut self) -> Result<bool, String> {
        let mut holds = self.and()?;
        while self.peek(0) == Some(b"-o") {
            self.at += 1;
            holds |= self.and()?;
        }
        Ok(holds)
    }

    fn and(&mut self) -> Result<bool, String> {
        let mut holds = self.not()?;
        while self.peek(0) == Some(b"-a") {
            self.at += 1;
            holds &= self.not()?;
        }
        Ok(holds)
    }

    fn not(&mut self) -> Result<bool, String> {
        let mut negated = false;
        while self.peek(0) == Some(b"!") && self.peek(1).is_some() {
            negated = !negated;
            self.at += 1;
        }
        Ok(self.primary()? != negated)
    }

    fn primary(&mut self) -> Result<bool, String> {
        let first = self.peek(0).ok_or("argument expected")?.to_vec();
        if let (Some(operator), Some(right)) = (self.peek(1), self.peek(2))
            && let Some(holds) = self.binary(&first, operator, right)
        {
            self.at += 3;
            return holds;
        }
        if first == b"(" && self.peek(1).is_some() {
            self.depth += 1;
            if self.depth > DEPTH_MAX {
                return Err("too many parentheses".into());
            }
            self.at += 1;
            let holds = self.or()?;
            if self.peek(0) != Some(b")") {
                return Err("')' expected".into());
            }
            self.at += 1;
            self.depth -= 1;
            return Ok(holds);
        }
        if let ([b'-', letter], Some(operand)) = (&first[..], self.peek(1)) {
            if let Some(holds) = self.unary(*letter, operand) {
                self.at += 2;
                return Ok(holds);
            }
            return Err(format!("{}: unary operator expected", Plain(&first)));
        }
        self.at += 1;
        Ok(!first.is_empty())
    }

    /// `None` when `operator` is no binary operator.
    fn binary(&self, left: &[u8], operator: &[u8], right: &[u8]) -> Option<Result<bool, String>> {
        let numbers = |wanted: fn(Ordering) -> bool| {
            let integer = |text: &[u8]| -> Result<i64, String> {
                let parsed = core::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok());
                parsed.ok_or_else(|| format!("{}: integer expected", Plain(text)))
            };
            Some(integer(left).and_then(|left| Ok(wanted(left.cmp(&integer(right)?)))))
        };
        let modified = |path: &[u8]| self.look(path, Follow::Yes).map(|metadata| metadata.modified);
        match operator {
            b"=" | b"==" => Some(Ok(left == right)),
            b"!=" => Some(Ok(left != right)),
            b"-eq" => numbers(Ordering::is_eq),
            b"-ne" => numbers(Ordering::is_ne),
            b"-lt" => numbers(Ordering::is_lt),
            b"-le" => numbers(Ordering::is_le),
            b"-gt" => numbers(Ordering::is_gt),
            b"-ge" => numbers(Ordering::is_ge),
            b"-ef" => {
                let same = |path: &[u8]| self.look(path, Follow::Yes).map(|metadata| metadata.id);
                Some(Ok(same(left).is_some() && same(left) == same(right)))
            }
            b"-nt" => Some(Ok(modified(left) > modified(right))),
            b"-ot" => Some(Ok(modified(left) < modified(right))),
            _ => None,
        }
    }

    /// `None` when the letter is no operator.
    fn unary(&self, letter: u8, operand: &[u8]) -> Option<bool> {
        let is = |kind: FileType| self.look(operand, Follow::Yes).is_some_and(|metadata| metadata.kind == kind);
        let may = |mode: AccessMode| {
            self.call.manager().check_access(&self.call.context(), operand, mode, Follow::Yes).is_ok()
        };
        Some(match letter {
            b'e' => self.look(operand, Follow::Yes).is_some(),
            b'f' => is(FileType::Regular),
            b'd' => is(FileType::Directory),
            b'p' => is(FileType::Fifo),
            b'S' => is(FileType::Socket),
            b'b' => is(FileType::BlockDevice),
            b'c' => is(FileType::CharDevice),
            b'L' | b'h' => {
                self.look(operand, Follow::No).is_some_and(|metadata| metadata.kind == FileType::Symlink)
            }
            b's' => self.look(operand, Follow::Yes).is_some_and(|metadata| metadata.size > 0),
            b'r' => may(AccessMode::READ),
            b'w' => may(AccessMode::WRITE),
            b'x' => may(AccessMode::EXECUTE),
            b'n' => !operand.is_empty(),
            b'z' => operand.is_empty(),
            _ => return None,
        })
    }

    fn look(&self, path: &[u8], follow: Follow) -> Option<Metadata> {
        self.call.manager().metadata(&self.call.context(), path, follow).ok()
    }
}
