//! What a process wants done about each signal.

use alloc::sync::Arc;

use vfs::error::Result;
use vfs::sync;

use super::{COUNT, Default, Set, Signal};

/// The handler that stands for the default.
const DEFAULT: u64 = 0;
/// The handler that stands for nothing.
const IGNORE: u64 = 1;

const SA_NOCLDSTOP: u64 = 1;
const SA_NOCLDWAIT: u64 = 2;
const SA_RESTORER: u64 = 0x0400_0000;
const SA_ONSTACK: u64 = 0x0800_0000;
const SA_RESTART: u64 = 0x1000_0000;
const SA_NODEFER: u64 = 0x4000_0000;
const SA_RESETHAND: u64 = 0x8000_0000;

/// What is wanted about a signal: handler, flags, restorer, mask (`rt_sigaction(2)`'s structure).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Action(pub [u64; 4]);

impl Action {
    fn has(self, flag: u64) -> bool {
        self.0[1] & flag != 0
    }

    /// Whether the default is wanted.
    pub fn is_default(self) -> bool {
        self.0[0] == DEFAULT
    }

    /// Whether nothing is wanted, said so.
    pub fn is_to_ignore(self) -> bool {
        self.0[0] == IGNORE
    }

    /// The handler's address, if there is one.
    pub fn handler(self) -> Option<u64> {
        (self.0[0] > IGNORE).then_some(self.0[0])
    }

    /// Where the handler returns to (`SA_RESTORER`, without which Linux has no frame on this machine).
    pub fn restorer(self) -> Option<u64> {
        self.has(SA_RESTORER).then_some(self.0[2])
    }

    /// What is held back while the handler for `signal` runs.
    pub fn held_back(self, signal: Signal) -> Set {
        let itself = if self.has(SA_NODEFER) { Set::default() } else { signal.set() };
        Set(self.0[3]).with(itself)
    }

    /// Whether the handler runs on the alternate stack.
    pub fn wants_alternate_stack(self) -> bool {
        self.has(SA_ONSTACK)
    }

    /// Whether a call that was interrupted is made again.
    pub fn restarts(self) -> bool {
        self.has(SA_RESTART)
    }

    /// Whether the handler is called once only.
    pub fn is_for_once(self) -> bool {
        self.has(SA_RESETHAND)
    }

    /// Whether children that stop or go on are of no interest.
    pub fn is_for_ends_only(self) -> bool {
        self.has(SA_NOCLDSTOP)
    }

    /// Whether children that have ended are forgotten at once.
    pub fn forgets_children(self) -> bool {
        self.is_to_ignore() || self.has(SA_NOCLDWAIT)
    }
}

/// Bytes of what is wanted about all signals.
const MEMORY: usize = size_of::<[Action; COUNT]>();

/// What is wanted about all signals. Several processes may want the same (`CLONE_SIGHAND`).
#[derive(Default)]
pub struct Actions(Arc<sync::Mutex<List>>);

struct List([Action; COUNT]);

impl core::default::Default for List {
    fn default() -> Self {
        Self([Action([DEFAULT, 0, 0, 0]); COUNT])
    }
}

impl Actions {
    /// The same, changes included.
    pub fn share(&self) -> Self {
        Self(self.0.clone())
    }

    /// Whether another process has the same, and every change of them.
    pub fn are_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// The same as it is now.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn duplicate(&self) -> Result<Self> {
        page::admit(MEMORY)?;
        Ok(Self(Arc::new(sync::Mutex::new(List(self.0.lock().0)))))
    }

    /// Shares them with nobody from now on.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn unshare(&mut self) -> Result<()> {
        if self.are_shared() {
            *self = self.duplicate()?;
        }
        Ok(())
    }

    /// What is wanted for `signal`.
    pub fn get(&self, signal: Signal) -> Action {
        self.0.lock().0[signal.index()]
    }

    /// Changes what is wanted for `signal`.
    pub fn set(&self, signal: Signal, action: Action) {
        self.0.lock().0[signal.index()] = action;
    }

    /// Wants the default for `signal`.
    pub fn reset(&self, signal: Signal) {
        self.set(signal, Action::default());
    }

    /// Whether nothing becomes of `signal`.
    pub fn ignores(&self, signal: Signal) -> bool {
        let action = self.get(signal);
        action.is_to_ignore() || action.is_default() && signal.default() == Default::Nothing
    }

    /// Which signals are to be ignored, and which have a handler.
    pub fn ignored_and_handled(&self) -> [Set; 2] {
        let actions = self.0.lock().0;
        let those = |is: fn(&Action) -> bool| {
            Set((0..).zip(&actions).filter(|(_, action)| is(action)).fold(0, |set, (index, _)| set | 1 << index))
        };
        [those(|action| action.is_to_ignore()), those(|action| action.handler().is_some())]
    }

    /// Forgets the handlers, which were another program's; what was to be ignored still is.
    pub fn forget_handlers(&self) {
        for action in &mut self.0.lock().0 {
            if action.handler().is_some() {
                *action = Action::default();
            } else {
                action.0[1..].fill(0);
            }
        }
    }
}
