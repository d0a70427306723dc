//! `cp`: copies of files and trees.

use super::{Command, Group};
use crate::call::{Call, Done};
use crate::copying::{Manner, copy_tree};
use crate::destination;

pub static COMMAND: Command = Command {
    name: "cp",
    usage: "cp [-apPrRfT] SOURCE... TARGET
  -r, -R  directories with what they hold; links and devices as such
  -p      keeps mode, owner and times
  -a      all of these, and hard links and extended attributes
  -P, -d  symbolic links as links
  -f      replaces a file that cannot be written
  -T      TARGET is not taken for a directory to copy into",
    summary: "Copies files and directories.",
    group: Group::Files,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let long = [("archive", 'a'), ("recursive", 'r'), ("force", 'f'), ("no-dereference", 'P')];
    let options = call.options("apPdrRfT", &long)?;
    let archive = options.has('a');
    let manner = Manner {
        recursive: archive || options.has('r') || options.has('R'),
        links: archive || options.has('P') || options.has('d'),
        force: options.has('f'),
        attributes: archive || options.has('p'),
        everything: archive,
    };
    for pair in destination::pairs(call, &options)? {
        copy_tree(call, &pair.source, &pair.target, manner);
        if call.stopped() {
            break;
        }
    }
    Ok(())
}
