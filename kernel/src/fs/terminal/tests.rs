//! What a terminal makes of keys, and of what is written.

use alloc::vec::Vec;

use super::line::{Effect, Line};
use super::settings::{Input, Local, Output, Settings, Special};
use crate::ktest;
use crate::task::signal::Signal;

/// What is shown while these keys are typed, and the signals they make.
fn type_keys(line: &mut Line, keys: &[u8]) -> (Vec<u8>, Vec<Signal>) {
    let (mut shown, mut signals) = (Vec::new(), Vec::new());
    for &key in keys {
        let effect = line.take(key, &mut |text| shown.extend_from_slice(text));
        if let Effect::Signal(signal) = effect {
            signals.push(signal);
        }
    }
    (shown, signals)
}

/// What is shown when this is written.
fn write(line: &mut Line, text: &[u8]) -> Vec<u8> {
    let mut shown = Vec::new();
    let settings = line.settings();
    line.output.write(&settings, text, &mut |text| shown.extend_from_slice(text));
    shown
}

fn set(line: &mut Line, change: impl FnOnce(&mut Settings)) {
    let mut settings = line.settings();
    change(&mut settings);
    line.set(settings, &mut |_| {});
}

fn terminal() -> Line {
    let mut line = Line::new();
    set(&mut line, |settings| *settings = Settings::new(true));
    line
}

/// One read.
fn read(line: &mut Line, room: usize) -> Vec<u8> {
    let mut buffer = [0].repeat(room);
    let (count, _) = line.give(&mut buffer);
    buffer[..count].to_vec()
}

/// So many columns wiped off the screen.
fn wiped(count: usize) -> Vec<u8> {
    b"\x08 \x08".repeat(count)
}

ktest! {
    /// ```text
    ///   keys    a b DEL c RETURN d        shown  a b \b_\b c \r\n d        read  "ac\n", then nothing yet
    /// ```
    fn a_line_is_read_when_it_is_typed_to_its_end() {
        let mut line = terminal();
        let (shown, _) = type_keys(&mut line, b"ab\x7fc\rd");
        assert_eq!(shown, b"ab\x08 \x08c\r\nd");
        assert!(line.has_line() && line.is_readable());
        assert_eq!(line.readable(), 3);
        assert_eq!(read(&mut line, 2), b"ac");
        assert_eq!(read(&mut line, 9), b"\n");
        assert!(!line.has_line() && !line.is_readable());
        assert_eq!(line.readable(), 0);
    }

    /// Each read gives one line; ^D ends one without a newline, and by itself is the end of the file.
    fn lines_come_one_by_one_and_have_an_end() {
        let mut line = terminal();
        type_keys(&mut line, b"one\rtwo\r\x04par\x04");
        assert_eq!([0; 4].map(|_| read(&mut line, 99)), [&b"one\n"[..], b"two\n", b"", b"par"]);
        assert!(!line.has_line());
        // An end that comes right behind what fits is not the file's.
        type_keys(&mut line, b"par\x04");
        assert_eq!(line.give(&mut [0; 3]), (3, true));
        assert!(!line.has_line());
        // Other keys may end a line, too.
        set(&mut line, |settings| settings.characters[Special::EndOfLine as usize] = b';');
        assert_eq!(type_keys(&mut line, b"a;b\r").0, b"a;b\r\n");
        assert_eq!([0; 2].map(|_| read(&mut line, 99)), [&b"a;"[..], b"b\n"]);
    }

    fn characters_are_taken_back_with_all_that_they_take_on_the_screen() {
        let mut line = terminal();
        // What is shown as two columns is erased as two, what takes several bytes at once.
        let (shown, _) = type_keys(&mut line, "\u{1}é\u{7f}\u{7f}\u{7f}".as_bytes());
        assert_eq!(shown, ["^Aé".as_bytes(), &wiped(3)].concat());
        // A tab as far as it went: from the third column to the eighth, behind a prompt of one.
        assert_eq!(write(&mut line, b">"), b">");
        assert_eq!(type_keys(&mut line, b"a\t\x7f").0, [&b"a\t"[..], &[8; 6]].concat());
        assert_eq!(type_keys(&mut line, b"\tbc\t\x7f").0, [&b"\tbc\t"[..], &[8; 6]].concat());
        // Without UTF-8 each byte is a character.
        set(&mut line, |settings| settings.input -= Input::IUTF8);
        assert_eq!(type_keys(&mut line, "\u{15}é\u{7f}\r".as_bytes()).0.last_chunk(), Some(b"\x08 \x08\r\n"));
        assert_eq!(read(&mut line, 9), [0xc3, b'\n']);
        // Without `ECHOE` the key is shown.
        set(&mut line, |settings| settings.local -= Local::ECHOE);
        assert_eq!(type_keys(&mut line, b"xy\x7f\r").0, b"xy^?\r\n");
        assert_eq!(read(&mut line, 9), b"x\n");
    }

    fn words_and_lines_are_taken_back_keys_quoted_and_lines_shown_again() {
        let mut line = terminal();
        let (shown, _) = type_keys(&mut line, b"x, y\x17z\x15\x16\x03\r");
        assert_eq!(shown, [&b"x, y"[..], &wiped(1), b"z", &wiped(4), b"^\x08^C\r\n"].concat());
        assert_eq!(read(&mut line, 99), b"\x03\n");
        assert_eq!(type_keys(&mut line, b"a b, \x17\x12\r").0, [&b"a b, "[..], &wiped(3), b"^R\r\na \r\n"].concat());
        assert_eq!(read(&mut line, 99), b"a \n");
        // A newline that is quoted ends nothing.
        type_keys(&mut line, b"a\x16\nb");
        assert!(!line.has_line());
        // Without `ECHOKE` the line that is given up is left behind.
        set(&mut line, |settings| settings.local -= Local::ECHOKE);
        assert_eq!(type_keys(&mut line, b"\x15c\r").0, b"^U\r\nc\r\n");
        assert_eq!(read(&mut line, 99), b"c\n");
        // Without `IEXTEN` these keys are like others.
        set(&mut line, |settings| settings.local -= Local::IEXTEN);
        type_keys(&mut line, b"d\x16\x17\x12\r");
        assert_eq!(read(&mut line, 99), b"d\x16\x17\x12\n");
    }

    /// A signal forgets what was typed, but under `NOFLSH`; without `ISIG` its key is one like others.
    fn keys_make_signals() {
        let mut line = terminal();
        let (shown, signals) = type_keys(&mut line, b"abc\x03\x1a\x1cd\r");
        assert_eq!(signals, [Signal::INTERRUPT, Signal::TERMINAL_STOP, Signal::QUIT]);
        assert_eq!(shown, b"abc^C^Z^\\d\r\n");
        assert_eq!(read(&mut line, 99), b"d\n");
        set(&mut line, |settings| settings.local |= Local::NOFLSH);
        type_keys(&mut line, b"ab\x03c\r");
        assert_eq!(read(&mut line, 99), b"abc\n");
        set(&mut line, |settings| settings.local -= Local::ISIG);
        assert_eq!(type_keys(&mut line, b"\x03\r").1, []);
        assert_eq!(read(&mut line, 99), b"\x03\n");
    }

    fn returns_and_newlines_are_what_the_settings_say() {
        let mut line = terminal();
        set(&mut line, |settings| settings.input = Input::INLCR);
        assert_eq!(type_keys(&mut line, b"a\rb\n").0, b"a^Mb^M");
        assert!(!line.has_line());
        set(&mut line, |settings| settings.input = Input::IGNCR);
        type_keys(&mut line, b"\r\n");
        assert_eq!(read(&mut line, 9), b"a\rb\r\n");
        set(&mut line, |settings| settings.input = Input::ISTRIP);
        type_keys(&mut line, &[b'x' | 0x80, b'\n']);
        assert_eq!(read(&mut line, 9), b"x\n");
    }

    fn nothing_is_shown_without_echo_but_a_newline_if_asked_for() {
        let mut line = terminal();
        set(&mut line, |settings| settings.local -= Local::ECHO);
        assert_eq!(type_keys(&mut line, b"ab\x7f\x17\x15\x16\x12secret\r\x03").0, b"");
        set(&mut line, |settings| settings.local |= Local::ECHONL);
        assert_eq!(type_keys(&mut line, b"secret\r").0, b"\r\n");
    }

    /// Without lines bytes come as they are; what was typed of a line then comes too, and all that comes is one line where
    /// lines are read again.
    fn bytes_come_as_they_are_where_no_lines_are_read() {
        let mut line = terminal();
        type_keys(&mut line, b"ab");
        let canonical = line.settings();
        set(&mut line, |settings| {
            settings.input = Input::empty();
            settings.local -= Local::ICANON | Local::ECHO | Local::ISIG;
        });
        assert_eq!(read(&mut line, 1), b"a");
        let (shown, signals) = type_keys(&mut line, b"\x7f\r\x03\x04");
        assert_eq!((shown.len(), signals.len(), line.readable()), (0, 0, 5));
        set(&mut line, |settings| settings.characters[Special::Least as usize] = 6);
        assert!(!line.is_readable());
        set(&mut line, |settings| settings.characters[Special::Patience as usize] = 1);
        assert!(line.is_readable());
        assert_eq!(read(&mut line, 2), b"b\x7f");
        set(&mut line, |settings| *settings = canonical);
        assert!(line.has_line());
        assert_eq!(read(&mut line, 99), b"\r\x03\x04");
        assert!(!line.has_line());
    }

    /// ^S holds all back that is shown, ^Q or a signal lets it go on, and under `IXANY` any key.
    fn output_stops_and_goes_on() {
        let mut line = terminal();
        assert_eq!(type_keys(&mut line, b"\x13ab").0, b"");
        assert!(line.output.is_stopped());
        assert_eq!(type_keys(&mut line, b"\x11c").0, b"abc");
        assert_eq!(type_keys(&mut line, b"\x13d\x03").0, b"^C");
        set(&mut line, |settings| settings.input |= Input::IXANY);
        assert_eq!(type_keys(&mut line, b"\x13de\r").0, b"de\r\n");
        // Echoes for which there is no room are lost, and no more.
        type_keys(&mut line, &[0x13]);
        set(&mut line, |settings| settings.input -= Input::IXANY);
        let text = [b'x'; 3_000];
        assert_eq!(type_keys(&mut line, &text).0, b"");
        let shown = type_keys(&mut line, &[0x11, b'y']).0;
        assert!(shown.len() <= 1_025 && shown.ends_with(b"xy"), "{}", shown.len());
        // Nothing stays stopped that no key could let go on.
        type_keys(&mut line, &[0x13]);
        set(&mut line, |settings| settings.input -= Input::IXON);
        assert!(!line.output.is_stopped());
        assert_eq!(type_keys(&mut line, b"\x13").0, b"^S");
    }

    fn what_is_written_is_what_the_settings_make_of_it() {
        let mut line = terminal();
        assert_eq!(write(&mut line, b"a\nb\r\tc\n"), b"a\r\nb\r\tc\r\n");
        set(&mut line, |settings| settings.output |= Output::XTABS | Output::OLCUC);
        assert_eq!(write(&mut line, b"a\tb\x08\tc\n"), b"A       B\x08        C\r\n");
        set(&mut line, |settings| settings.output = Output::OPOST | Output::OCRNL);
        assert_eq!(write(&mut line, b"a\r\n"), b"a\n\n");
        set(&mut line, |settings| settings.output = Output::OPOST | Output::ONOCR | Output::ONLRET);
        assert_eq!(write(&mut line, b"\n\ra\r\r"), b"\na\r");
        set(&mut line, |settings| settings.output -= Output::OPOST);
        assert_eq!(write(&mut line, b"a\r\n"), b"a\r\n");
    }

    fn speeds_are_those_of_their_codes() {
        let mut settings = Settings::new(true);
        assert_eq!(settings.speeds(), [115_200; 2]);
        for (code, speed) in [(0o15, 9600), (0o17, 38_400), (0o10_017, 4_000_000)] {
            settings.control = code;
            assert_eq!(settings.speeds(), [speed; 2]);
        }
        settings.control = 0o10_000 | 0o15 << 16;
        settings.other_speeds = [7, 31_250];
        assert_eq!(settings.speeds(), [9600, 31_250]);
    }

    /// Whatever is typed, no more than a line's worth is kept; a newline has its place.
    fn who_types_without_end_is_not_listened_to() {
        let mut line = terminal();
        type_keys(&mut line, &[b'x'; 10_000]);
        set(&mut line, |settings| settings.input |= Input::IMAXBEL);
        assert_eq!(type_keys(&mut line, b"x\r").0, b"\x07\r\n");
        assert_eq!(read(&mut line, 20_000).len(), 4096);
        for _ in 0..5_000 {
            type_keys(&mut line, b"y\r");
        }
        assert!(line.readable() <= 4096);
        line.flush();
        assert_eq!((line.readable(), line.has_line()), (0, false));
        set(&mut line, |settings| settings.local -= Local::ICANON);
        type_keys(&mut line, &[b'x'; 10_000]);
        assert_eq!(line.readable(), 4096);
    }
}
