//! File data: what clones, copies and transfers cost on the page tree itself.

use vfs::content::{Content, PAGE_SIZE};

use super::{measure, row};
use crate::bench;
use crate::mm::usage;

/// A content of `pages` pages, all of them written; fewer if memory does not reach.
fn filled(pages: u64) -> Content {
    let mut content = Content::new();
    for index in 0..pages {
        if content.write(index * PAGE_SIZE, &mut &[index as u8; PAGE_SIZE as usize][..]).is_err() {
            break;
        }
    }
    content
}

bench! {
    /// A clone, and a clone whose first byte is then written (which is what a copy-up costs at the least).
    fn clone() {
        for (mebibytes, name) in [(16, "16MiB"), (256, "256MiB")] {
            let content = filled(mebibytes << 20 >> 12);
            row(&alloc::format!("content.clone_{name}"), measure(5, 100, || drop(content.clone())), "instructions");
            let mut written = None;
            let cost = measure(5, 1, || {
                let mut clone = content.clone();
                if clone.write(0, &mut &b"x"[..]).is_ok() {
                    written = Some(clone);
                }
            });
            row(&alloc::format!("content.clone_and_write_{name}"), cost, "instructions");
            let before = usage().free_frames;
            drop(written);
            let frames = usage().free_frames - before;
            row(&alloc::format!("content.clone_and_write_{name}_frames"), frames as u64, "frames");
        }
    }

    /// Reads and writes of a file of 1 MiB, in place and by extending.
    fn transfer() {
        let mut content = filled(256);
        let mut page = [0; PAGE_SIZE as usize];
        for (count, name) in [(page.len(), "4KiB"), (64, "64B")] {
            let cost = measure(5, 100, || {
                assert_eq!(content.read(100 * PAGE_SIZE, &mut &mut page[..count]), Ok(count));
            });
            row(&alloc::format!("content.read_{name}"), cost, "instructions");
            let cost = measure(5, 100, || {
                assert_eq!(content.write(100 * PAGE_SIZE, &mut &page[..count]), Ok(count));
            });
            row(&alloc::format!("content.write_{name}"), cost, "instructions");
        }
        let cost = measure(5, 100, || assert_eq!(content.write(content.len(), &mut &page[..]), Ok(page.len())));
        row("content.append_4KiB", cost, "instructions");
    }
}
