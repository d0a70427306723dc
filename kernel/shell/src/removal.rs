//! Removing a tree, however deep.

use crate::call::Call;
use crate::quoting::Quoted;
use crate::walk::{Step, Walk};
use vfs::manager::Follow;

/// Removes `path` and everything below it; says what cannot be removed and goes on. Returns whether all is gone.
pub fn remove_tree(call: &mut Call<'_, '_>, path: &[u8]) -> bool {
    let manager = call.manager();
    let mut walk = Walk::new(manager.clone(), call.context(), path, Follow::No);
    // The depth of the last thing that could not be removed: the directory around it cannot go either, and it is enough
    // to have said why once.
    let mut kept: Option<usize> = None;
    while let Some(step) = walk.step() {
        if call.stopped() {
            return false;
        }
        let depth = walk.depth();
        let result = match step {
            Step::Enter(_) => continue,
            Step::Leave if kept > Some(depth) => {
                kept = Some(depth);
                continue;
            }
            Step::Item(_) => manager.unlink(walk.context(), walk.name()),
            Step::Leave => manager.remove_directory(walk.context(), walk.name()),
            Step::Unreadable(error) | Step::Failed(error) => Err(error),
        };
        if let Err(error) = result {
            call.complain(format_args!("cannot remove {}: {error}", Quoted(walk.path())));
            // What cannot be listed holds something that stays.
            kept = Some(if matches!(step, Step::Unreadable(_)) { depth + 1 } else { depth });
        }
    }
    kept.is_none()
}
