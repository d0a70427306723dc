//! Reference-counted 4 KiB frames, allocated fallibly: the only place where file data meets raw memory.
//!
//! A [`Page`] is one frame that any number of files, snapshots and mappings share; whoever wants to write takes it for
//! itself first ([`Page::make_mut`] copies a shared one). A page costs its frame and nothing on the heap: the handle is
//! one pointer, and the reference count lives wherever the source of frames keeps it.
//!
//! # What a kernel does
//! It implements [`FrameSource`] over its frame allocator and calls [`set_source`] once, before the first page. A table
//! with one `AtomicU32` for each frame of memory is all that the counts need. Two answers keep the kernel itself alive:
//! [`FrameSource::allocate`] says no while fewer frames than a reserve are free, and [`FrameSource::admit`] says no when
//! that many bytes of heap (with what the heap may add by growing in larger blocks) would touch the reserve. File
//! systems ask [`admit`] before every heap allocation whose number a user decides, as collections abort when memory
//! is out. Without a source (on the host) pages come from the global allocator, and everything is admitted.
//!
//! Before either refuses, what holders of caches can do without is given back ([`reclaim`]).
//!
//! Locks: that of the list of holders; a source may take its own, and calls nothing back.
#![no_std]

extern crate alloc;
#[cfg(all(feature = "faults", not(target_os = "none")))]
extern crate std;

#[cfg(feature = "faults")]
pub mod faults;
pub mod reclaim;
mod source;

pub use source::{FrameSource, SourceInUse, set_source};

use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};
use source::source;

/// Bytes of a page.
pub const SIZE: usize = 4096;

/// There is no frame left, or the reserve would be touched (`ENOMEM`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutOfMemory;

/// From this count on a page has more holders than can be counted and is never freed again, which is safe where an
/// overflow is not (Linux's `refcount_t` does the same).
const SATURATED: u32 = 1 << 31;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

/// How many pages exist now.
pub fn in_use() -> usize {
    IN_USE.load(Ordering::Relaxed)
}

/// Asks whether `bytes` of heap may be allocated on behalf of a user. Nothing is set aside: the answer is for now, and
/// the reserve is there for those who ask at the same time.
///
/// # Errors
/// [`OutOfMemory`] when the reserve would be touched.
pub fn admit(bytes: usize) -> Result<(), OutOfMemory> {
    if faulty() {
        return Err(OutOfMemory);
    }
    let source = source();
    reclaim::until_enough(|| source.admit(bytes).then_some(())).ok_or(OutOfMemory)
}

/// As [`admit`], for what only saves work: nobody is asked to give back for it, and no test lets it fail.
///
/// # Errors
/// [`OutOfMemory`].
pub fn admit_spare(bytes: usize) -> Result<(), OutOfMemory> {
    if source().admit(bytes) { Ok(()) } else { Err(OutOfMemory) }
}

#[cfg(feature = "faults")]
fn faulty() -> bool {
    faults::strikes()
}

#[cfg(not(feature = "faults"))]
const fn faulty() -> bool {
    false
}

fn count_page(step: isize) {
    IN_USE.fetch_add(step as usize, Ordering::Relaxed);
    #[cfg(feature = "faults")]
    faults::add_pages(step);
}

/// A shared 4 KiB frame. Its bytes change only through a handle that is the only one, or by a program that has it mapped to
/// be written: what such a page says is copied, and nothing relies on its staying the same.
pub struct Page {
    /// Invariant: given by the source's `allocate`, not yet freed, and its count is at least the number of handles.
    frame: NonNull<[u8; SIZE]>,
}

// SAFETY: shared handles only read the bytes, the only handle may write them, and the count is atomic (as `Arc<[u8; SIZE]>`).
unsafe impl Send for Page {}
// SAFETY: as above.
unsafe impl Sync for Page {}

impl Page {
    /// A page of zeros.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn zeroed() -> Result<Self, OutOfMemory> {
        Self::build(|bytes| {
            bytes.fill(0);
            Ok(())
        })
    }

    /// A page with these bytes.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn copy_of(bytes: &[u8; SIZE]) -> Result<Self, OutOfMemory> {
        Self::build(|into| {
            into.copy_from_slice(bytes);
            Ok(())
        })
    }

    /// A page that `fill` writes, without a needless clearing before. What `fill` finds is what some earlier user left:
    /// it must overwrite every byte, or fail; a page that it fails to fill is given back unseen.
    ///
    /// # Errors
    /// [`OutOfMemory`], or what `fill` answers.
    pub fn build<E: From<OutOfMemory>>(fill: impl FnOnce(&mut [u8; SIZE]) -> Result<(), E>) -> Result<Self, E> {
        if faulty() {
            return Err(OutOfMemory.into());
        }
        let source = source();
        let frame = reclaim::until_enough(|| source.allocate()).ok_or(OutOfMemory)?;
        // SAFETY: the source has just given the frame.
        unsafe { Self::fill(frame, fill) }
    }

    /// As [`Page::build`], for what only saves work: nobody is asked to give back for it, and no test lets it fail.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn spare(fill: impl FnOnce(&mut [u8; SIZE])) -> Result<Self, OutOfMemory> {
        let frame = source().allocate().ok_or(OutOfMemory)?;
        let fill = |bytes: &mut [u8; SIZE]| {
            fill(bytes);
            Ok(())
        };
        // SAFETY: the source has just given the frame.
        unsafe { Self::fill(frame, fill) }
    }

    /// A page of a frame.
    ///
    /// # Safety
    /// The source has just given the frame, for this.
    unsafe fn fill<E>(
        frame: NonNull<[u8; SIZE]>,
        fill: impl FnOnce(&mut [u8; SIZE]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let source = source();
        source.count(frame).store(1, Ordering::Relaxed);
        count_page(1);
        let mut page = Self { frame };
        // SAFETY: the frame was just allocated, so this is its only handle, and a source's frames are initialized bytes.
        fill(unsafe { page.frame.as_mut() })?;
        Ok(page)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8; SIZE] {
        // SAFETY: the frame lives as long as this handle, and nobody can write while it is borrowed: writing takes the
        // only handle, mutably.
        unsafe { self.frame.as_ref() }
    }

    /// The bytes for writing, if this is the only handle.
    pub fn get_mut(&mut self) -> Option<&mut [u8; SIZE]> {
        if self.is_shared() {
            return None;
        }
        // SAFETY: this is the only handle and is borrowed mutably, so nobody reads, and nobody can clone it meanwhile.
        Some(unsafe { self.frame.as_mut() })
    }

    /// The bytes for writing; a shared page is copied first, and this handle becomes the copy's.
    ///
    /// # Errors
    /// [`OutOfMemory`] when a copy is needed and there is no frame: nothing has changed then.
    pub fn make_mut(&mut self) -> Result<&mut [u8; SIZE], OutOfMemory> {
        if self.is_shared() {
            *self = Self::copy_of(self.bytes())?;
        }
        // SAFETY: the page was not shared or is a fresh copy, so this is the only handle, borrowed mutably.
        Ok(unsafe { self.frame.as_mut() })
    }

    /// Whether there are other handles.
    pub fn is_shared(&self) -> bool {
        // Acquire: what other holders read, they read before they let go (their release in `drop`).
        self.count().load(Ordering::Acquire) != 1
    }

    /// Whether both are handles of one frame.
    pub fn is_same(&self, other: &Self) -> bool {
        self.frame == other.frame
    }

    /// The physical address of the frame, for mapping it; `None` where the source has no such thing (the host).
    pub fn physical(&self) -> Option<u64> {
        source().physical(self.frame)
    }

    fn count(&self) -> &AtomicU32 {
        source().count(self.frame)
    }
}

impl Clone for Page {
    fn clone(&self) -> Self {
        let count = self.count();
        if count.fetch_add(1, Ordering::Relaxed) >= SATURATED {
            count.store(SATURATED + SATURATED / 2, Ordering::Relaxed);
        }
        Self { frame: self.frame }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let source = source();
        let count = source.count(self.frame);
        // The only handle needs no atomic step: nobody else is there to count.
        if count.load(Ordering::Acquire) != 1 {
            if count.load(Ordering::Relaxed) >= SATURATED || count.fetch_sub(1, Ordering::Release) != 1 {
                return;
            }
            fence(Ordering::Acquire);
        }
        count_page(-1);
        // SAFETY: the source gave the frame, and the last handle is going away.
        unsafe { source.free(self.frame) };
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Page({:p})", self.frame)
    }
}

#[cfg(test)]
mod tests;
