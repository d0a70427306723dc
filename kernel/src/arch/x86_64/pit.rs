//! The 8254 timer: channel 0 makes the tick, channel 2 is the yardstick that [`super::clock`] is calibrated with.

use core::sync::atomic::{AtomicU64, Ordering};

use x86_64::instructions::port::Port;

use super::interrupts;

/// Ticks in a second, as near as the divisor allows.
pub const TICKS_PER_SECOND: u64 = 100;

/// The frequency that all three channels count down with, in hertz.
pub(super) const FREQUENCY: u64 = 1_193_182;

/// The interrupt line of channel 0.
pub(super) const LINE: u8 = 0;

const CHANNEL_0: u16 = 0x40;
const CHANNEL_2: u16 = 0x42;
const COMMAND: u16 = 0x43;
/// Bit 0 opens channel 2's gate, bit 1 the loudspeaker, bit 5 shows channel 2's output.
const SPEAKER: u16 = 0x61;

/// Channel 0, low byte then high byte, rate generator.
const CHANNEL_0_RATE: u8 = 0b0011_0100;
/// Channel 2, low byte then high byte, interrupt on terminal count.
const CHANNEL_2_ONE_SHOT: u8 = 0b1011_0000;

static TICKS: AtomicU64 = AtomicU64::new(0);

/// Starts the tick.
pub(super) fn start() {
    let divisor = (FREQUENCY / TICKS_PER_SECOND) as u16;
    write(COMMAND, CHANNEL_0_RATE);
    write(CHANNEL_0, divisor as u8);
    write(CHANNEL_0, (divisor >> 8) as u8);
    interrupts::open_line(LINE);
}

/// Ticks since [`start`].
#[cfg(test)]
pub fn ticks() -> u64 {
    TICKS.load(Ordering::Relaxed)
}

/// Called by the interrupt handler.
pub(super) fn on_interrupt() {
    TICKS.fetch_add(1, Ordering::Relaxed);
}

/// Runs channel 2 down from `count` and returns what `now` counted meanwhile.
pub(super) fn measure(count: u16, now: impl Fn() -> u64) -> u64 {
    let speaker = read(SPEAKER);
    write(SPEAKER, (speaker & !0b10) | 0b1);
    write(COMMAND, CHANNEL_2_ONE_SHOT);
    write(CHANNEL_2, count as u8);
    write(CHANNEL_2, (count >> 8) as u8);
    let start = now();
    while read(SPEAKER) & (1 << 5) == 0 {
        core::hint::spin_loop();
    }
    let elapsed = now() - start;
    write(SPEAKER, speaker);
    elapsed
}

fn write(port: u16, value: u8) {
    // SAFETY: these ports are the timer's and the speaker's on every PC; no memory is touched.
    unsafe { Port::new(port).write(value) }
}

fn read(port: u16) -> u8 {
    // SAFETY: as in `write`.
    unsafe { Port::new(port).read() }
}
