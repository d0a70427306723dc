//! Points in time, and the trait through which the clock comes in.

/// A point in time: seconds and nanoseconds since 1970-01-01 UTC, as `struct timespec`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Timestamp {
    /// Whole seconds; negative before 1970.
    pub seconds: i64,
    /// Nanoseconds within the second, below 1 000 000 000.
    pub nanoseconds: u32,
}

impl Timestamp {
    /// A time at a whole second.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self { seconds, nanoseconds: 0 }
    }
}

/// Where file systems ask what time it is.
pub trait Clock: Send + Sync {
    /// The wall clock, now.
    fn now(&self) -> Timestamp;
}
