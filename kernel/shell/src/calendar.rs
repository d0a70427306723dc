//! Points in time as dates, in UTC.

use core::fmt;
use vfs::time::Timestamp;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Half of a mean year: `ls -l` shows the time of day for what is younger, the year for what is older.
const HALF_A_YEAR: i64 = 31_556_952 / 2;

/// A date and a time of day.
struct Date {
    year: i64,
    /// 1 to 12.
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
}

impl Date {
    /// Howard Hinnant's `civil_from_days`: years that begin in March put the leap day last.
    fn new(time: Timestamp) -> Self {
        let days = time.seconds.div_euclid(86_400);
        let seconds = time.seconds.rem_euclid(86_400) as u32;
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = (day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100)) as u32;
        let shifted_month = (5 * day_of_year + 2) / 153;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * shifted_month + 2) / 5 + 1,
            hour: seconds / 3_600,
            minute: seconds / 60 % 60,
            second: seconds % 60,
        }
    }
}

/// A time as `ls -l` shows it: `Nov 21 08:28`, or with the year when it is far from `now`.
pub struct Listed {
    /// The time.
    pub time: Timestamp,
    /// What time it is.
    pub now: Timestamp,
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = Date::new(self.time);
        let month = MONTHS[date.month as usize - 1];
        let age = self.now.seconds.saturating_sub(self.time.seconds);
        if (0..HALF_A_YEAR).contains(&age) {
            write!(f, "{month} {:2} {:02}:{:02}", date.day, date.hour, date.minute)
        } else {
            write!(f, "{month} {:2}  {}", date.day, date.year)
        }
    }
}

/// A time in full, as `stat` shows it: `2026-11-21 08:28:20.123456789 +0000`.
pub struct Full(pub Timestamp);

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Date { year, month, day, hour, minute, second } = Date::new(self.0);
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{:09} +0000", self.0.nanoseconds)
    }
}

#[cfg(test)]
mod tests {
    use super::{Full, Listed};
    use std::format;
    use vfs::time::Timestamp;

    #[test]
    fn seconds_become_dates() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00.000000000 +0000"),
            (-1, "1969-12-31 23:59:59.000000000 +0000"),
            (951_782_400, "2000-02-29 00:00:00.000000000 +0000"),
            (1_795_249_700, "2026-11-21 08:28:20.000000000 +0000"),
            (4_107_542_400, "2100-03-01 00:00:00.000000000 +0000"),
        ] {
            assert_eq!(format!("{}", Full(Timestamp::from_seconds(seconds))), text);
        }
    }

    #[test]
    fn listings_show_the_time_of_day_or_the_year() {
        let now = Timestamp::from_seconds(1_795_249_700);
        let listed = |seconds| format!("{}", Listed { time: Timestamp::from_seconds(seconds), now });
        assert_eq!(listed(now.seconds - 60), "Nov 21 08:27");
        assert_eq!(listed(0), "Jan  1  1970");
        assert_eq!(listed(now.seconds + 60), "Nov 21  2026");
    }
}
