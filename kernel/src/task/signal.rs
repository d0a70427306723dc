//! Signals, as far as they go: what ends a program by default, and what it has asked for instead.
//!
//! None is delivered to a handler yet, and no process sends one to another: what happens to a program (a fault, a pipe
//! without readers) ends it, or has no effect if it asked for that and can.

use core::fmt;

use vfs::error::{FileSystemErrorKind, Result, fail};

/// The signals there are.
pub const COUNT: usize = 64;

/// A signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal(u8);

impl Signal {
    /// `SIGILL`.
    pub const ILLEGAL: Self = Self(4);
    /// `SIGTRAP`.
    pub const TRAP: Self = Self(5);
    /// `SIGBUS`.
    pub const BUS: Self = Self(7);
    /// `SIGFPE`.
    pub const ARITHMETIC: Self = Self(8);
    /// `SIGKILL`.
    pub const KILL: Self = Self(9);
    /// `SIGSEGV`.
    pub const SEGMENTATION: Self = Self(11);
    /// `SIGPIPE`.
    pub const PIPE: Self = Self(13);
    /// `SIGCHLD`.
    pub const CHILD: Self = Self(17);
    /// `SIGSTOP`.
    const STOP: Self = Self(19);

    /// The signal of that number, from 1 to [`COUNT`].
    pub fn from_number(number: u8) -> Option<Self> {
        (1..=COUNT as u8).contains(&number).then_some(Self(number))
    }

    fn index(self) -> usize {
        usize::from(self.0) - 1
    }

    fn bit(self) -> u64 {
        1 << self.index()
    }

    /// Its number.
    pub fn number(self) -> u8 {
        self.0
    }

    /// Whether a program can ask for something else than the default.
    pub fn can_be_handled(self) -> bool {
        self != Self::KILL && self != Self::STOP
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ILLEGAL => out.write_str("SIGILL"),
            Self::TRAP => out.write_str("SIGTRAP"),
            Self::BUS => out.write_str("SIGBUS"),
            Self::ARITHMETIC => out.write_str("SIGFPE"),
            Self::KILL => out.write_str("SIGKILL"),
            Self::SEGMENTATION => out.write_str("SIGSEGV"),
            Self::PIPE => out.write_str("SIGPIPE"),
            Self(number) => write!(out, "signal {number}"),
        }
    }
}

/// What a program wants done about a signal: handler, flags, restorer, mask (`rt_sigaction(2)`'s structure).
pub type Action = [u64; 4];

/// The handler that stands for the default.
const DEFAULT: u64 = 0;
/// The handler that stands for nothing.
const IGNORE: u64 = 1;

/// What a program wants done about all signals, and which it holds back.
#[derive(Clone)]
pub struct Dispositions {
    actions: [Action; COUNT],
    /// A bit for each signal, `SIGHUP` (1) the lowest.
    mask: u64,
}

impl Default for Dispositions {
    fn default() -> Self {
        Self { actions: [[DEFAULT, 0, 0, 0]; COUNT], mask: 0 }
    }
}

impl Dispositions {
    /// What is wanted for `signal`.
    pub fn action(&self, signal: Signal) -> Action {
        self.actions[signal.index()]
    }

    /// Changes what is wanted for `signal`.
    ///
    /// # Errors
    /// `ENOSYS` for a handler: none would be called.
    pub fn set_action(&mut self, signal: Signal, action: Action) -> Result<()> {
        if action[0] != DEFAULT && action[0] != IGNORE {
            return fail(FileSystemErrorKind::NotImplemented);
        }
        self.actions[signal.index()] = action;
        Ok(())
    }

    /// Which signals are held back, a bit for each, `SIGHUP` (1) the lowest.
    pub fn mask(&self) -> u64 {
        self.mask
    }

    /// Changes which signals are held back; some cannot be.
    pub fn set_mask(&mut self, mask: u64) {
        self.mask = mask & !(Signal::KILL.bit() | Signal::STOP.bit());
    }

    /// Whether nothing is wanted for `signal`.
    pub fn is_ignored(&self, signal: Signal) -> bool {
        self.action(signal)[0] == IGNORE
    }

    /// Whether `signal` is held back.
    pub fn holds_back(&self, signal: Signal) -> bool {
        self.mask & signal.bit() != 0
    }
}
