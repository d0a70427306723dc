//! Whether open files can be read or written without waiting, for those who wait for one of several.

use crate::task::wait::WaitQueue;

/// Who waits for one of several files. They are few, so there is one queue: whatever makes any file ready wakes all of
/// it, and each looks at its own. Woken by the interrupt handler of the console too.
pub static CHANGED: WaitQueue = WaitQueue::new();

/// Says that some file may have become ready.
pub fn tell() {
    CHANGED.wake_all();
}
