//! What a program sets of a terminal: `struct termios` as the kernel has it.

use core::time::Duration;

/// How many special characters there are.
pub const CHARACTERS: usize = 19;

/// A special character's place.
#[derive(Clone, Copy)]
pub enum Special {
    Interrupt = 0,
    Quit = 1,
    Erase = 2,
    Kill = 3,
    EndOfFile = 4,
    Patience = 5,
    Least = 6,
    Start = 8,
    Stop = 9,
    Suspend = 10,
    EndOfLine = 11,
    Reprint = 12,
    EraseWord = 14,
    Literal = 15,
    SecondEndOfLine = 16,
}

bitflags::bitflags! {
    /// What is made of keys (`c_iflag`). Those that a line without parity and breaks has no use for are kept only.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Input: u32 {
        /// The highest bit is cleared.
        const ISTRIP = 0o40;
        const INLCR = 0o100;
        const IGNCR = 0o200;
        const ICRNL = 0o400;
        /// ^S stops the output, ^Q lets it go on.
        const IXON = 0o2_000;
        /// Any key lets it go on.
        const IXANY = 0o4_000;
        /// A key for which there is no room rings the bell.
        const IMAXBEL = 0o20_000;
        /// Characters are UTF-8.
        const IUTF8 = 0o40_000;
        const _ = !0;
    }

    /// What is made of what is written (`c_oflag`).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Output: u32 {
        /// Nothing without this one.
        const OPOST = 1;
        /// Small letters become capital.
        const OLCUC = 2;
        const ONLCR = 4;
        const OCRNL = 0o10;
        /// No return at the first column.
        const ONOCR = 0o20;
        /// A newline returns by itself.
        const ONLRET = 0o40;
        /// Tabs become blanks (both bits, `XTABS`).
        const XTABS = 0o14_000;
        const _ = !0;
    }

    /// How lines are edited (`c_lflag`).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Local: u32 {
        /// Keys make signals.
        const ISIG = 1;
        /// It is read line by line.
        const ICANON = 2;
        const ECHO = 0o10;
        /// What is erased vanishes from the screen.
        const ECHOE = 0o20;
        /// A line that is taken back is left behind, …
        const ECHOK = 0o40;
        /// A newline is shown even if nothing else is.
        const ECHONL = 0o100;
        /// A signal leaves what was typed as it is.
        const NOFLSH = 0o200;
        /// A job in the background must not write.
        const TOSTOP = 0o400;
        /// Control characters are shown as `^X`.
        const ECHOCTL = 0o1_000;
        /// … or vanishes with this.
        const ECHOKE = 0o4_000;
        /// Words can be erased, characters quoted, lines shown again.
        const IEXTEN = 0o100_000;
        const _ = !0;
    }
}

/// Eight bits, can receive, hangs up, no modem.
const CONTROL: u32 = 0o60 | 0o200 | 0o2_000 | 0o4_000;

/// `c_cflag`'s bits for the speed, and what is above for the input's.
const SPEED: u32 = 0o10_017;
const INPUT_SPEED_SHIFT: u32 = 16;
/// The speed is in a field of its own (`BOTHER`).
const OTHER_SPEED: u32 = 0o10_000;
/// What the line itself runs at (`B115200`).
const B115200: u32 = 0o10_002;

/// Bits a second, by their codes: `B0` to `B38400`, and from `B57600` on (`BOTHER` + 1).
const SLOW: [u32; 16] = [0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19_200, 38_400];
const FAST: [u32; 15] = [
    57_600, 115_200, 230_400, 460_800, 500_000, 576_000, 921_600, 1_000_000, 1_152_000, 1_500_000, 2_000_000,
    2_500_000, 3_000_000, 3_500_000, 4_000_000,
];

/// The settings. What the line cannot do (speeds, parity, modems) is kept and told, and has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What is made of keys.
    pub input: Input,
    /// What is made of what is written.
    pub output: Output,
    /// How the line runs (`c_cflag`).
    pub control: u32,
    /// How lines are edited.
    pub local: Local,
    /// The line discipline, which is this one whatever it says.
    pub discipline: u8,
    /// The special characters.
    pub characters: [u8; CHARACTERS],
    /// Bits a second of input and output, where `control` has no code for them.
    pub other_speeds: [u32; 2],
}

impl Settings {
    /// As a terminal begins; with or without carriage returns before newlines.
    pub const fn new(carriage_return: bool) -> Self {
        let returns = if carriage_return { Output::ONLCR } else { Output::empty() };
        let shown = Local::ECHO.union(Local::ECHOE).union(Local::ECHOK).union(Local::ECHOCTL).union(Local::ECHOKE);
        Self {
            input: Input::ICRNL.union(Input::IXON).union(Input::IUTF8),
            output: Output::OPOST.union(returns),
            control: B115200 | CONTROL,
            local: shown.union(Local::ISIG).union(Local::ICANON).union(Local::IEXTEN),
            discipline: 0,
            characters: [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0],
            other_speeds: [0; 2],
        }
    }

    /// Whether `byte` is that special character.
    pub fn is(&self, byte: u8, special: Special) -> bool {
        // 0 is none (`_POSIX_VDISABLE`).
        byte != 0 && self.character(special) == byte
    }

    /// The special character.
    pub fn character(&self, special: Special) -> u8 {
        self.characters[special as usize]
    }

    /// Whether it is read line by line.
    pub fn is_canonical(&self) -> bool {
        self.local.contains(Local::ICANON)
    }

    /// Whether what is typed is shown.
    pub fn echoes(&self) -> bool {
        self.local.contains(Local::ECHO)
    }

    /// How many bytes a read waits for that is not of lines (`VMIN`).
    pub fn least(&self) -> usize {
        self.character(Special::Least).into()
    }

    /// How long such a read waits (`VTIME`), for the first byte where it waits for none (`VMIN` is 0), else for each
    /// further one; `None` for as long as it takes.
    pub fn patience(&self) -> Option<Duration> {
        let tenths = self.character(Special::Patience);
        (tenths > 0).then(|| Duration::from_millis(100 * u64::from(tenths)))
    }

    /// Whether `byte` goes on with a character that has begun.
    pub fn is_continuation(&self, byte: u8) -> bool {
        self.input.contains(Input::IUTF8) && byte & 0xc0 == 0x80
    }

    /// Bits a second of input and output.
    pub fn speeds(&self) -> [u32; 2] {
        let output = self.control & SPEED;
        let input = match self.control >> INPUT_SPEED_SHIFT & SPEED {
            // As the output.
            0 => output,
            input => input,
        };
        let of_code = |code: u32, other: u32| match code.checked_sub(OTHER_SPEED) {
            None => SLOW[code as usize],
            Some(0) => other,
            Some(fast) => FAST[fast as usize - 1],
        };
        [of_code(input, self.other_speeds[0]), of_code(output, self.other_speeds[1])]
    }
}
