//! Frames for file data: what the `page` crate asks the kernel for.
//!
//! Two reserves keep the kernel alive when files fill the memory. File data leaves [`data_reserve`] frames, so that
//! removing things, which may need a little heap, goes on working on a full machine; and [`page::admit`] leaves half
//! of that, so that a collection which does not ask (the kernel's own, all of bounded size) still finds its memory.

use core::ptr::NonNull;
use core::sync::atomic::AtomicU32;

use page::FrameSource;

use super::frames::{self, Frame};
use super::{PAGE_SIZE, direct_map, heap};

/// The kernel's frames, as the `page` crate wants them.
struct Frames;

static SOURCE: Frames = Frames;

/// Makes the kernel's frames the source of pages.
///
/// # Panics
/// When a page has been made before.
pub(super) fn init() {
    page::set_source(&SOURCE).expect("no page is made before the frames are there");
}

/// How many frames file data must leave: one in 32, at least 4 MiB and at most 32 MiB worth.
pub fn data_reserve() -> usize {
    (frames::counts().total / 32).clamp((4 << 20) / PAGE_SIZE, (32 << 20) / PAGE_SIZE)
}

// SAFETY: the frame allocator gives every frame once until it gets it back, and only memory, which the direct map
// reaches; bytes of memory always have some value. Counters are told apart by the frame's number, and only handed out
// here.
unsafe impl FrameSource for Frames {
    fn allocate(&self) -> Option<NonNull<[u8; page::SIZE]>> {
        let frame = frames::allocate_above(data_reserve())?;
        NonNull::new(direct_map(frame.address()).cast())
    }

    unsafe fn free(&self, frame: NonNull<[u8; page::SIZE]>) {
        frames::free(frame_of(frame));
    }

    fn count(&self, frame: NonNull<[u8; page::SIZE]>) -> &AtomicU32 {
        frames::reference_count(frame_of(frame))
    }

    fn physical(&self, frame: NonNull<[u8; page::SIZE]>) -> Option<u64> {
        Some(frame_of(frame).address())
    }

    fn admit(&self, bytes: usize) -> bool {
        let growth = heap::largest_growth(bytes) / PAGE_SIZE;
        frames::counts().free >= growth.saturating_add(data_reserve() / 2)
    }
}

fn frame_of(page: NonNull<[u8; page::SIZE]>) -> Frame {
    Frame::containing(page.as_ptr() as u64 - boot::PHYSICAL_MEMORY_OFFSET)
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;
    use alloc::format;
    use alloc::vec::Vec;

    use page::Page;
    use vfs::drivers::overlayfs::OverlayFS;
    use vfs::file::OpenFlags;
    use vfs::manager::Follow;
    use vfs::selftest::world::World;

    use super::data_reserve;
    use crate::ktest;
    use crate::mm::{direct_map, frames, usage};

    ktest! {
        fn a_page_is_one_frame() {
            let before = usage();
            let page = Page::zeroed().expect("there is memory");
            assert_eq!(usage().free_frames, before.free_frames - 1);
            assert!(page.bytes().iter().all(|&byte| byte == 0));
            drop(page);
            assert_eq!(usage().free_frames, before.free_frames);
        }

        /// A page's physical address leads to its bytes, and its count is its own.
        fn a_page_knows_where_it_lies() {
            let mut pages = [Page::zeroed(), Page::zeroed()].map(|page| page.expect("there is memory"));
            pages[0].get_mut().expect("it has one holder")[17] = 99;
            let physical = pages[0].physical().expect("frames have addresses");
            // SAFETY: the page is held, and no one writes to it.
            assert_eq!(unsafe { direct_map(physical + 17).read() }, 99);
            let shared = pages[0].clone();
            assert!(shared.is_shared());
            assert!(!pages[1].is_shared());
        }

        /// Files take all they can get: the reserve stays, small allocations are admitted, and removing gives all back.
        fn file_data_leaves_the_reserve() {
            let before = usage();
            let mut pages: Vec<Page> = Vec::new();
            pages.try_reserve_exact(before.total_frames).expect("the list of all pages is small");
            while let Ok(page) = Page::build(|_| Ok::<(), page::OutOfMemory>(())) {
                pages.push(page);
            }
            assert_eq!(usage().free_frames, data_reserve());
            assert!(page::admit(100).is_ok());
            assert!(page::admit(usage().free_frames * page::SIZE).is_err());
            assert_eq!(*Box::new(5), 5);
            drop(pages);
            assert!(page::admit(before.free_frames * page::SIZE / 2).is_ok());
        }

        /// All frames are taken but the reserve. A file of an overlay is written all the same, with what the index of
        /// its directory gives back, and names are found without that.
        fn what_only_saves_work_is_given_back_before_a_page_is_refused() {
            let world = World::new();
            world.mkdir("/1").mkdir("/2").mkdir("/u").mkdir("/m");
            for number in 0..1200 {
                world.write(&format!("/1/a{number}"), "").write(&format!("/2/b{number}"), "");
            }
            assert!(world.mount("overlay", "/m", "lowerdir=/1:/2,upperdir=/u").is_ok());
            assert_eq!(world.list("/m").split(' ').count(), 2400);
            let file = world.open("/m/a7", OpenFlags::WRITE).expect("it opens");
            assert_eq!(world.list("/m").split(' ').count(), 2400);
            let mount = world.vfs.resolve(&world.root, b"/m", Follow::Yes).expect("it is there").mount;
            let overlay = mount.superblock().operations().as_any().downcast_ref::<OverlayFS>().expect("an overlay");
            assert!(overlay.index_memory() > 4 * page::SIZE);

            let mut taken = Vec::new();
            taken.try_reserve_exact(usage().total_frames).expect("the list of all frames is small");
            while let Some(frame) = frames::allocate_above(data_reserve()) {
                taken.push(frame);
            }
            let written = file.write_at(&world.root.credentials, 0, &mut &[7; 2 * page::SIZE][..]);
            let left = overlay.index_memory();
            let found = [world.probe("/m/a1199"), world.probe("/m/b1199"), world.probe("/m/b1200")];
            taken.into_iter().for_each(frames::free);
            assert_eq!(written, Ok(2 * page::SIZE));
            assert_eq!(left, 0);
            assert_eq!(found, ["found", "found", "ENOENT"]);
        }

        fn more_than_there_is_is_not_admitted() {
            assert!(page::admit(usize::MAX).is_err());
            assert!(page::admit(usage().total_frames * page::SIZE).is_err());
            assert!(page::admit(0).is_ok());
        }
    }
}
