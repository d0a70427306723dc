//! The real-time clock in the CMOS: the date, to the second, in UTC.

use core::time::Duration;

use x86_64::instructions::port::Port;

use super::interrupts;

const INDEX: u16 = 0x70;
const DATA: u16 = 0x71;

const SECONDS: u8 = 0x00;
const MINUTES: u8 = 0x02;
const HOURS: u8 = 0x04;
const DAY: u8 = 0x07;
const MONTH: u8 = 0x08;
const YEAR: u8 = 0x09;
const STATUS_A: u8 = 0x0a;
const STATUS_B: u8 = 0x0b;

const UPDATE_IN_PROGRESS: u8 = 0x80;
const IS_24_HOUR: u8 = 0x02;
const IS_BINARY: u8 = 0x04;
const AFTERNOON: u8 = 0x80;

/// How often the registers are read again until two readings agree.
const ATTEMPTS: usize = 1000;

/// Seconds, minutes, hours, day, month, year in the century, as the registers hold them.
type Reading = [u8; 6];

/// The time since 1970-01-01 00:00 UTC; zero when the clock's battery has lost it (a date that does not exist).
pub fn read() -> Duration {
    let mut last = read_registers();
    for _ in 0..ATTEMPTS {
        let again = read_registers();
        if again == last {
            break;
        }
        last = again;
    }
    Duration::from_secs(seconds_since_1970(last, register(STATUS_B)).unwrap_or(0))
}

fn read_registers() -> Reading {
    for _ in 0..ATTEMPTS {
        if register(STATUS_A) & UPDATE_IN_PROGRESS == 0 {
            break;
        }
    }
    [SECONDS, MINUTES, HOURS, DAY, MONTH, YEAR].map(register)
}

/// Turns the registers into a number, or `None` when they hold no date. Years are 2000 to 2099.
fn seconds_since_1970(reading: Reading, status_b: u8) -> Option<u64> {
    let decode = |value: u8| {
        if status_b & IS_BINARY != 0 { value } else { (value >> 4) * 10 + (value & 0xf) }
    };
    let [second, minute, hour, day, month, year] = reading;
    let afternoon = hour & AFTERNOON != 0;
    let mut hour = decode(hour & !AFTERNOON);
    if status_b & IS_24_HOUR == 0 {
        hour = hour % 12 + if afternoon { 12 } else { 0 };
    }
    let (second, minute, day, month) = (decode(second), decode(minute), decode(day), decode(month));
    let year = 2000 + u64::from(decode(year));
    if second > 60 || minute > 59 || hour > 23 || !(1..=31).contains(&day) || !(1..=12).contains(&month) {
        return None;
    }
    let days = days_since_1970(year, u64::from(month), u64::from(day));
    Some(((days * 24 + u64::from(hour)) * 60 + u64::from(minute)) * 60 + u64::from(second))
}

/// Days from 1970-01-01 to the given day (Howard Hinnant's `days_from_civil`, for years after 1970).
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    // Years that begin in March put the leap day last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let year_of_era = year % 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn register(index: u8) -> u8 {
    interrupts::without(|| {
        // SAFETY: these two ports are the CMOS's on every PC; no memory is touched.
        unsafe {
            Port::new(INDEX).write(index);
            Port::new(DATA).read()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{IS_24_HOUR, IS_BINARY, days_since_1970, read, seconds_since_1970};
    use crate::ktest;

    ktest! {
        fn days_are_counted_over_leap_years() {
            assert_eq!(days_since_1970(1970, 1, 1), 0);
            assert_eq!(days_since_1970(2000, 2, 29), 11_016);
            assert_eq!(days_since_1970(2000, 3, 1), 11_017);
            assert_eq!(days_since_1970(2026, 11, 21), 20_778);
            assert_eq!(days_since_1970(2100, 3, 1) - days_since_1970(2100, 2, 28), 1, "2100 is no leap year");
        }

        /// 2024-02-29 23:59:58, in each of the four ways that the registers may hold it.
        fn every_format_of_the_registers_is_read() {
            const EXPECTED: Option<u64> = Some(1_709_251_198);
            let decimal = [0x58, 0x59, 0x23, 0x29, 0x02, 0x24];
            let binary = [58, 59, 23, 29, 2, 24];
            let decimal_afternoon = [0x58, 0x59, 0x11 | 0x80, 0x29, 0x02, 0x24];
            let binary_afternoon = [58, 59, 11 | 0x80, 29, 2, 24];
            assert_eq!(seconds_since_1970(decimal, IS_24_HOUR), EXPECTED);
            assert_eq!(seconds_since_1970(binary, IS_24_HOUR | IS_BINARY), EXPECTED);
            assert_eq!(seconds_since_1970(decimal_afternoon, 0), EXPECTED);
            assert_eq!(seconds_since_1970(binary_afternoon, IS_BINARY), EXPECTED);
        }

        fn midnight_and_noon_of_a_twelve_hour_clock() {
            let at = |hour| seconds_since_1970([0, 0, hour, 1, 1, 24], IS_BINARY).expect("a date") % 86_400;
            assert_eq!(at(12), 0);
            assert_eq!(at(12 | 0x80), 12 * 3600);
        }

        fn registers_without_a_date_are_noticed() {
            assert_eq!(seconds_since_1970([0xff; 6], 0), None);
            assert_eq!(seconds_since_1970([0, 0, 0, 0, 0, 0], 0), None, "there is no day 0");
        }

        fn the_emulated_clock_is_after_2020() {
            assert!(read().as_secs() > 1_577_836_800);
        }
    }
}
