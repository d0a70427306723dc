//! The two 8259 interrupt controllers.
//!
//! Lines 0 to 15 arrive as vectors [`FIRST_VECTOR`] and on. Lines are masked until [`unmask`] opens them.

use x86_64::instructions::port::Port;

/// The vector of line 0; the processor's own exceptions end just below.
pub(super) const FIRST_VECTOR: u8 = 32;

/// How many lines the two controllers have.
pub(super) const LINES: usize = 16;

/// The line of the first controller that the second one hangs on.
const CASCADE: u8 = 2;

const FIRST_COMMAND: u16 = 0x20;
const FIRST_DATA: u16 = 0x21;
const SECOND_COMMAND: u16 = 0xa0;
const SECOND_DATA: u16 = 0xa1;

const INIT_WITH_ICW4: u8 = 0x11;
const MODE_8086: u8 = 0x01;
const END_OF_INTERRUPT: u8 = 0x20;
const READ_IN_SERVICE: u8 = 0x0b;

/// Moves the lines away from the exceptions' vectors and masks all of them.
pub(super) fn init() {
    write(FIRST_COMMAND, INIT_WITH_ICW4);
    write(SECOND_COMMAND, INIT_WITH_ICW4);
    write(FIRST_DATA, FIRST_VECTOR);
    write(SECOND_DATA, FIRST_VECTOR + 8);
    write(FIRST_DATA, 1 << CASCADE);
    write(SECOND_DATA, CASCADE);
    write(FIRST_DATA, MODE_8086);
    write(SECOND_DATA, MODE_8086);
    write(FIRST_DATA, !(1 << CASCADE));
    write(SECOND_DATA, 0xff);
}

/// Lets interrupts of `line` (0 to 15) through.
pub(super) fn unmask(line: u8) {
    let (port, bit) = if line < 8 { (FIRST_DATA, line) } else { (SECOND_DATA, line - 8) };
    write(port, read(port) & !(1 << bit));
}

/// Whether an interrupt on `line` (7 or 15, where the controllers put them) was only noise: then it must not be
/// acknowledged.
pub(super) fn is_spurious(line: u8) -> bool {
    let command = match line {
        7 => FIRST_COMMAND,
        15 => SECOND_COMMAND,
        _ => return false,
    };
    write(command, READ_IN_SERVICE);
    let spurious = read(command) & 0x80 == 0;
    if spurious && line == 15 {
        // The first controller did see the second one's request.
        write(FIRST_COMMAND, END_OF_INTERRUPT);
    }
    spurious
}

/// Tells the controllers that the interrupt of `line` has been handled.
pub(super) fn acknowledge(line: u8) {
    if line >= 8 {
        write(SECOND_COMMAND, END_OF_INTERRUPT);
    }
    write(FIRST_COMMAND, END_OF_INTERRUPT);
}

fn write(port: u16, value: u8) {
    // SAFETY: these four ports are the interrupt controllers' on every PC; no memory is touched.
    unsafe { Port::new(port).write(value) }
}

fn read(port: u16) -> u8 {
    // SAFETY: as in `write`.
    unsafe { Port::new(port).read() }
}
