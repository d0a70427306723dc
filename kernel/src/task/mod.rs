//! Threads, and who of them runs.
//!
//! | module | subject |
//! |---|---|
//! | [`thread`] | a thread: its stack, its state |
//! | [`scheduler`] | who runs next; giving way, waiting, ending |
//! | [`wait`] | waiting until something is so |
//! | [`timer`] | waiting until a time |
//! | [`clock`] | what time goes by |
//! | [`process`] | what a program has while it runs |
//! | [`place`] | where it stands, and who with it |
//! | [`ending`] | how threads and processes end |
//! | [`futex`], [`robust_list`] | waiting for a word of memory; telling of locks whose holder has ended |
//! | [`rseq`] | sequences that are begun anew when they are interrupted |
//! | [`children`] | parents told what becomes of their children, and asking |
//! | [`groups`] | groups of processes and sessions |
//! | [`alarm`], [`posix_timer`] | a signal at a time |
//! | [`number`] | the numbers of processes and threads |
//! | [`usage`], [`load`] | what is used, by whom; how many want to run |
//! | [`limits`], [`share`] | how much one may have; of the processor against others |
//! | [`exec`], [`start`] | programs: finding, loading, their first stack |
//! | [`vdso`] | the pages that they find in their memory |
//! | [`identity`] | a process's users, groups and capabilities |
//! | [`files`] | a process's open files |
//! | [`signal`] | signals: what is wanted, sending, handlers |
//! | [`trap`] | what exceptions in user mode come to |
//!
//! One processor is used. The kernel's own code is not preempted: a thread runs until it waits, gives way or ends, so
//! that between two such places it is alone with everything that interrupt handlers leave alone. What runs in user
//! mode is preempted at the tick.
//!
//! Lock order: a wait queue's lock → the scheduler's, both taken only with interrupts off, and held by nobody across a
//! switch. No interrupt handler allocates or frees: it only moves threads from a wait queue to the scheduler's queue,
//! which has room for all there are.

pub mod alarm;
pub mod children;
pub mod clock;
pub mod ending;
pub mod exec;
pub mod files;
pub mod futex;
pub mod groups;
pub mod identity;
pub mod limits;
pub mod load;
#[cfg(any(test, feature = "bench"))]
pub mod making;
pub mod number;
pub mod place;
pub mod posix_timer;
pub mod process;
pub mod robust_list;
pub mod rseq;
pub mod scheduler;
pub mod share;
pub mod signal;
pub mod start;
pub mod thread;
pub mod timer;
pub mod trap;
pub mod usage;
pub mod vdso;
pub mod wait;

#[cfg(test)]
mod tests;
