//! Where frames come from.

use super::SIZE;
use alloc::alloc::{Layout, alloc_zeroed, dealloc};
use core::ptr::NonNull;
use core::sync::atomic::AtomicU32;
use spin::Once;

/// A source of 4 KiB frames, and of the kernel's word on whether memory may be taken.
///
/// # Safety
/// - A frame that [`FrameSource::allocate`] gives can be read and written at that address, is aligned for a byte at
///   least, holds initialized (if meaningless) bytes, and is nobody else's until [`FrameSource::free`] gets it back.
/// - [`FrameSource::count`] answers the same counter for a frame from its `allocate` to its `free`, another one for
///   every other frame, and nobody but this crate changes it meanwhile.
pub unsafe trait FrameSource: Sync {
    /// Takes a frame, with whatever bytes are in it; `None` when there is none or the reserve would be touched.
    fn allocate(&self) -> Option<NonNull<[u8; SIZE]>>;

    /// Takes a frame back.
    ///
    /// # Safety
    /// `frame` comes from [`FrameSource::allocate`], and nobody uses it any more.
    unsafe fn free(&self, frame: NonNull<[u8; SIZE]>);

    /// The reference counter of a frame that is allocated.
    fn count(&self, frame: NonNull<[u8; SIZE]>) -> &AtomicU32;

    /// The physical address of a frame that is allocated; `None` where there is no such thing.
    fn physical(&self, frame: NonNull<[u8; SIZE]>) -> Option<u64>;

    /// Whether `bytes` of heap may be allocated and the reserve still stays.
    fn admit(&self, bytes: usize) -> bool;
}

static SOURCE: Once<&'static dyn FrameSource> = Once::new();

/// Pages were taken already, or a source was set: the source cannot change under them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SourceInUse;

/// Says where frames come from, once, before the first page is made.
///
/// # Errors
/// [`SourceInUse`].
pub fn set_source(source: &'static dyn FrameSource) -> Result<(), SourceInUse> {
    let mut set = false;
    SOURCE.call_once(|| {
        set = true;
        source
    });
    if set { Ok(()) } else { Err(SourceInUse) }
}

/// The source that was set, else from now on the global allocator.
pub(crate) fn source() -> &'static dyn FrameSource {
    *SOURCE.call_once(|| &GlobalAllocator)
}

/// Frames from the global allocator, each with its counter behind it.
struct GlobalAllocator;

#[repr(C)]
struct Counted {
    bytes: [u8; SIZE],
    count: AtomicU32,
}

// SAFETY: the global allocator gives memory that is nobody else's, zeroed and therefore initialized, large enough for the
// bytes and the counter, which lies in the same allocation.
unsafe impl FrameSource for GlobalAllocator {
    fn allocate(&self) -> Option<NonNull<[u8; SIZE]>> {
        // SAFETY: the layout's size is not zero.
        NonNull::new(unsafe { alloc_zeroed(Layout::new::<Counted>()) }.cast())
    }

    unsafe fn free(&self, frame: NonNull<[u8; SIZE]>) {
        // SAFETY: the caller promises that `allocate` gave it, with this layout.
        unsafe { dealloc(frame.as_ptr().cast(), Layout::new::<Counted>()) };
    }

    fn count(&self, frame: NonNull<[u8; SIZE]>) -> &AtomicU32 {
        // SAFETY: the trait's callers pass frames that `allocate` gave and that are not freed: each is a `Counted`, and
        // only its counter is borrowed.
        unsafe { &(*frame.as_ptr().cast::<Counted>()).count }
    }

    fn physical(&self, _frame: NonNull<[u8; SIZE]>) -> Option<u64> {
        None
    }

    fn admit(&self, _bytes: usize) -> bool {
        true
    }
}
