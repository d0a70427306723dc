//! The serial ports: COM1 is the console, COM2 takes the kernel log when the command line says so.
//!
//! Output waits for the device, a FIFO's worth at a time with interrupts off. Input comes by interrupt into a ring,
//! from which [`Port::try_read`] takes it. Bytes go out as they are: a
//! newline is not turned into carriage return and newline here, because output may as well be a file.

use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use spin::Mutex;
use uart_16550::backend::PioBackend;
use uart_16550::spec::registers::{FifoTriggerLevel, IER};
use uart_16550::{BaudRate, Config, Uart16550};

use super::interrupts;

/// Bytes that may wait for a reader; more are dropped, as the device itself would.
const RING_CAPACITY: usize = 4096;

/// How many bytes are sent with interrupts off at a time: the device's FIFO.
const CHUNK: usize = 16;

/// The console.
pub static COM1: Port = Port::new(0x3f8);

/// The second port: the kernel log, when it must not mix with the console.
pub static COM2: Port = Port::new(0x2f8);

/// One serial port. Until [`Port::init`] has found a device, output vanishes and no input comes.
pub struct Port {
    base: u16,
    /// Taken only with interrupts off: the interrupt handler takes it too.
    device: Mutex<Option<Uart16550<PioBackend>>>,
    received: Ring,
}

impl Port {
    const fn new(base: u16) -> Self {
        Self { base, device: Mutex::new(None), received: Ring::new() }
    }

    /// Sets the device to 115200 8N1 with its receive interrupt on. Returns whether there is one.
    pub fn init(&self) -> bool {
        // SAFETY: `base` is COM1's or COM2's address, where a PC has a 16550 or nothing at all; only this type uses it.
        let Ok(mut device) = (unsafe { Uart16550::new_port(self.base) }) else {
            return false;
        };
        let config = Config {
            interrupts: IER::DATA_READY,
            baud_rate: BaudRate::Baud115200,
            fifo_trigger_level: Some(FifoTriggerLevel::One),
            ..Config::DEFAULT
        };
        if device.init(config).is_err() {
            return false;
        }
        interrupts::without(|| *self.device.lock() = Some(device));
        true
    }

    /// Sends all of `bytes`, waiting for the device.
    pub fn write(&self, bytes: &[u8]) {
        for chunk in bytes.chunks(CHUNK) {
            interrupts::without(|| {
                if let Some(device) = self.device.lock().as_mut() {
                    device.send_bytes_exact(chunk);
                }
            });
        }
    }

    /// Takes what input there is, without waiting. Returns how many bytes.
    pub fn try_read(&self, buffer: &mut [u8]) -> usize {
        let mut count = 0;
        while let Some(slot) = buffer.get_mut(count) {
            let Some(byte) = self.received.pop() else {
                break;
            };
            *slot = byte;
            count += 1;
        }
        count
    }

    /// Whether there is input to take.
    pub fn has_input(&self) -> bool {
        !self.received.is_empty()
    }

    /// Called by the interrupt handler: empties the device into the ring.
    pub(super) fn on_interrupt(&self) {
        if let Some(device) = self.device.lock().as_mut() {
            while let Ok(byte) = device.try_receive_byte() {
                self.received.push(byte);
            }
        }
    }

    /// Makes the device hear itself instead of the line, or ends that.
    #[cfg(test)]
    fn set_loopback(&self, on: bool) {
        use uart_16550::backend::Backend;
        use uart_16550::spec::registers::{MCR, offsets};
        interrupts::without(|| {
            if let Some(device) = self.device.lock().as_mut() {
                let mut control = device.mcr();
                control.set(MCR::LOOP_BACK, on);
                // SAFETY: the offset is one of the device's registers, and the bit changes nothing but where bytes go.
                unsafe { device.backend_mut().write(offsets::MCR as u8, control.bits()) };
            }
        });
    }

    /// Makes the port usable for a last report, whoever holds its lock.
    ///
    /// # Safety
    /// Interrupts must be off for good: the holder must never run again.
    pub unsafe fn seize(&self) {
        // SAFETY: the holder, if any, never runs again (the caller's promise), so its access is over.
        unsafe { self.device.force_unlock() };
    }
}

/// A ring of bytes with one writer (the interrupt handler) and one reader.
struct Ring {
    bytes: [AtomicU8; RING_CAPACITY],
    /// Counts bytes taken; only the reader changes it.
    head: AtomicUsize,
    /// Counts bytes put; only the writer changes it.
    tail: AtomicUsize,
}

impl Ring {
    const fn new() -> Self {
        Self {
            bytes: [const { AtomicU8::new(0) }; RING_CAPACITY],
            head: AtomicUsize::new(0),
            tail: AtomicUsize::new(0),
        }
    }

    fn is_empty(&self) -> bool {
        self.head.load(Ordering::Relaxed) == self.tail.load(Ordering::Acquire)
    }

    fn push(&self, byte: u8) {
        let tail = self.tail.load(Ordering::Relaxed);
        if tail.wrapping_sub(self.head.load(Ordering::Acquire)) < RING_CAPACITY {
            self.bytes[tail % RING_CAPACITY].store(byte, Ordering::Relaxed);
            self.tail.store(tail.wrapping_add(1), Ordering::Release);
        }
    }

    fn pop(&self) -> Option<u8> {
        let head = self.head.load(Ordering::Relaxed);
        if head == self.tail.load(Ordering::Acquire) {
            return None;
        }
        let byte = self.bytes[head % RING_CAPACITY].load(Ordering::Relaxed);
        self.head.store(head.wrapping_add(1), Ordering::Release);
        Some(byte)
    }
}

#[cfg(test)]
mod tests {
    use super::{COM1, RING_CAPACITY, Ring};
    use crate::arch::interrupts;
    use crate::console;
    use crate::ktest;

    fn interrupts_of_com1() -> u64 {
        interrupts::counts().find(|(_, _, name)| *name == "COM1").map_or(0, |(_, count, _)| count)
    }

    ktest! {
        fn a_ring_gives_bytes_in_their_order_and_drops_what_does_not_fit() {
            static RING: Ring = Ring::new();
            for round in 0..3u8 {
                for index in 0..RING_CAPACITY + 10 {
                    RING.push((index as u8).wrapping_add(round));
                }
                for index in 0..RING_CAPACITY {
                    assert_eq!(RING.pop(), Some((index as u8).wrapping_add(round)));
                }
                assert_eq!(RING.pop(), None);
            }
        }

        /// The device hears itself: what is written comes back by interrupt, while the reader sleeps.
        fn input_comes_by_interrupt() {
            let before = interrupts_of_com1();
            let mut input = [0; 12];
            let mut length = 0;
            COM1.set_loopback(true);
            COM1.write(b"hello, there");
            while length < input.len() {
                length += console::read(&mut input[length..]);
            }
            COM1.set_loopback(false);
            assert_eq!(&input, b"hello, there");
            assert!(interrupts_of_com1() > before);
            assert!(!COM1.has_input());
        }

        fn without_input_there_is_nothing_to_take() {
            let mut buffer = [0; 4];
            assert!(!COM1.has_input());
            assert_eq!(COM1.try_read(&mut buffer), 0);
            assert_eq!(console::read(&mut []), 0, "no room: no waiting");
        }
    }
}
