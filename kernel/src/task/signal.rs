//! Signals (`signal(7)`): what they are. What becomes of them is said below.
//!
//! | module | subject |
//! |---|---|
//! | [`actions`] | what a process wants done about each |
//! | [`pending`] | those that have come and not had their effect |
//! | [`sending`] | how one comes to a process or a thread |
//! | [`delivery`] | its effect, on the way back to user mode |
//! | [`frame`] | a handler's stack frame, and the way back from there |

pub mod actions;
pub mod delivery;
pub mod frame;
pub mod pending;
pub mod sending;

use core::fmt;

/// The signals there are.
pub const COUNT: usize = 64;

/// Signals from this one on come as often as they are sent.
const FIRST_QUEUED: u8 = 32;

/// A signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal(u8);

/// What a signal does to who asked for nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Default {
    /// It ends. (No core is left: the limit on their size is 0.)
    End,
    /// It stops until it is told to go on.
    Stop,
    /// Nothing. `SIGCONT` has had its effect when it was sent.
    Nothing,
}

impl Signal {
    /// `SIGHUP`.
    pub const HANG_UP: Self = Self(1);
    /// `SIGINT`.
    pub const INTERRUPT: Self = Self(2);
    /// `SIGQUIT`.
    pub const QUIT: Self = Self(3);
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
    /// `SIGALRM`.
    pub const ALARM: Self = Self(14);
    /// `SIGCHLD`.
    pub const CHILD: Self = Self(17);
    /// `SIGCONT`.
    pub const CONTINUE: Self = Self(18);
    /// `SIGSTOP`.
    pub const STOP: Self = Self(19);
    /// `SIGTSTP`.
    pub const TERMINAL_STOP: Self = Self(20);
    /// `SIGTTIN`.
    pub const TERMINAL_INPUT: Self = Self(21);
    /// `SIGTTOU`.
    pub const TERMINAL_OUTPUT: Self = Self(22);
    /// `SIGURG`.
    const URGENT: Self = Self(23);
    /// `SIGXCPU`.
    pub const TIME_LIMIT: Self = Self(24);
    /// `SIGXFSZ`.
    pub const FILE_LIMIT: Self = Self(25);
    /// `SIGVTALRM`.
    pub const VIRTUAL_ALARM: Self = Self(26);
    /// `SIGPROF`.
    pub const PROFILE: Self = Self(27);
    /// `SIGWINCH`.
    pub const WINDOW: Self = Self(28);
    /// `SIGIO`.
    pub const IO: Self = Self(29);
    /// `SIGSYS`.
    const SYSTEM_CALL: Self = Self(31);

    /// The signal of that number, from 1 to [`COUNT`].
    pub const fn from_number(number: u8) -> Option<Self> {
        if number >= 1 && number <= COUNT as u8 { Some(Self(number)) } else { None }
    }

    fn index(self) -> usize {
        usize::from(self.0) - 1
    }

    /// The set of it alone.
    pub fn set(self) -> Set {
        Set(1 << self.index())
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Whether it comes as often as it is sent, in the order of sending.
    fn is_queued(self) -> bool {
        self.0 >= FIRST_QUEUED
    }

    /// Whether a program can ask for something else than the default.
    pub fn can_be_handled(self) -> bool {
        self != Self::KILL && self != Self::STOP
    }

    /// What it does to who asked for nothing else.
    pub fn default(self) -> Default {
        match self {
            Self::CHILD | Self::CONTINUE | Self::URGENT | Self::WINDOW => Default::Nothing,
            Self::STOP | Self::TERMINAL_STOP | Self::TERMINAL_INPUT | Self::TERMINAL_OUTPUT => Default::Stop,
            _ => Default::End,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 31] = [
            "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
            "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
            "WINCH", "IO", "PWR", "SYS",
        ];
        match NAMES.get(self.index()) {
            Some(name) => write!(out, "SIG{name}"),
            None => write!(out, "signal {}", self.0),
        }
    }
}

/// A set of signals: a bit for each, `SIGHUP` (1) the lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Set(pub u64);

impl Set {
    /// Those that stop a process by default.
    const STOPS: Self = Self(0xf << 18);
    /// Those that come of what the thread itself does, and therefore first.
    const OWN_DOING: Self =
        Self(Signal::SEGMENTATION.bit() | Signal::BUS.bit() | Signal::ILLEGAL.bit() | Signal::TRAP.bit() | FAULTS);
    /// Those that nobody can hold back.
    const ALWAYS: Self = Self(Signal::KILL.bit() | Signal::STOP.bit());

    /// Whether `signal` is in it.
    pub fn has(self, signal: Signal) -> bool {
        self.0 & signal.bit() != 0
    }

    /// What is in it and not in `other`.
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// What is in one of both.
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// As a mask: what cannot be held back is not in it.
    pub fn as_mask(self) -> Self {
        self.without(Self::ALWAYS)
    }

    /// The one that has its effect first.
    fn first(self) -> Option<Signal> {
        let urgent = self.and(Self::OWN_DOING);
        let among = if urgent.is_empty() { self } else { urgent };
        // Below 64, as there is a bit.
        (!among.is_empty()).then(|| Signal(among.0.trailing_zeros() as u8 + 1))
    }
}

/// The rest of [`Set::OWN_DOING`].
const FAULTS: u64 = Signal::ARITHMETIC.bit() | Signal::SYSTEM_CALL.bit();

impl Signal {
    const fn bit(self) -> u64 {
        1 << (self.0 - 1)
    }
}

/// What is told of a signal that has come (`siginfo_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Information {
    /// Which.
    pub signal: Signal,
    /// Where it comes from, or why (`si_code`).
    pub code: i32,
    /// What else, as it lies in the structure.
    pub words: [u64; 2],
    /// The timer of the process that has sent it.
    pub timer: Option<i32>,
}

/// `SI_USER`: a process sent it.
const FROM_USER: i32 = 0;
/// `SI_KERNEL`.
pub const FROM_KERNEL: i32 = 0x80;
/// `SI_TIMER`.
pub const FROM_TIMER: i32 = -2;
/// `SI_TKILL`.
pub const FROM_THREAD: i32 = -6;

impl Information {
    /// Sent from there, with these words.
    pub fn new(signal: Signal, code: i32, words: [u64; 2]) -> Self {
        Self { signal, code, words, timer: None }
    }

    /// Sent by the kernel.
    pub fn of_kernel(signal: Signal) -> Self {
        Self::new(signal, FROM_KERNEL, [0; 2])
    }

    /// Sent by the process `pid` of the user `uid`.
    pub fn of_process(signal: Signal, pid: u32, uid: u32) -> Self {
        Self::new(signal, FROM_USER, [u64::from(pid) | u64::from(uid) << 32, 0])
    }

    /// Come of an access to `address`, or of the instruction there.
    pub fn of_fault(signal: Signal, code: i32, address: u64) -> Self {
        Self::new(signal, code, [address, 0])
    }

    /// Sent by the receiver's own timer of that number.
    pub fn of_timer(signal: Signal, number: i32, value: u64) -> Self {
        Self { timer: Some(number), ..Self::new(signal, FROM_TIMER, [u64::from(number as u32), value]) }
    }

    /// The same of a timer whose time has come so often more.
    pub fn with_overrun(self, overrun: i32) -> Self {
        let [who, value] = self.words;
        Self { words: [u64::from(who as u32) | u64::from(overrun as u32) << 32, value], ..self }
    }

    /// `siginfo_t`.
    pub fn to_words(self) -> [u64; 16] {
        let mut words = [0; 16];
        words[0] = u64::from(self.signal.number());
        words[1] = u64::from(self.code as u32);
        words[2..4].copy_from_slice(&self.words);
        words
    }
}
