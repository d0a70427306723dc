//! The registers that programs compute with and the kernel does not: x87, SSE, and AVX where the processor has it.
//!
//! They lie in memory as `xsave` lays them out, or `fxsave` where there is no other: 512 bytes for x87 and SSE, a header
//! that says what of the rest is there, the rest. A signal's frame has them so too, with a note of how much there is
//! (Linux's `struct _xstate`):
//!
//! ```text
//!   0         464   512      576            size
//!   │ x87, SSE │ note │ header │ upper halves │ mark │
//! ```

use core::arch::asm;
use core::arch::x86_64::{__cpuid, __cpuid_count};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use x86_64::registers::control::{Cr0, Cr0Flags, Cr4, Cr4Flags};
use x86_64::registers::xcontrol::{XCr0, XCr0Flags};

/// Bytes of what every processor has.
const LEGACY_SIZE: usize = 512;

/// Bytes of the header behind.
const HEADER_SIZE: usize = 64;

/// The most bytes that there are: with AVX.
const SIZE_MAX: usize = LEGACY_SIZE + HEADER_SIZE + 256;

/// CPUID leaf 1, ecx: `xsave` is there.
const XSAVE: u32 = 1 << 26;
/// The leaf that says what it saves, and how much that is.
const XSAVE_LEAF: u32 = 0xd;

/// x87 and SSE, as bits of what is saved.
const LEGACY_FEATURES: u64 = 3;

/// Where the control word of vector instructions lies, and behind it the bits that it may have.
const VECTOR_CONTROL: usize = 24;
/// What it may have on processors that do not say (Intel SDM volume 1, 11.6.6).
const VECTOR_CONTROL_DEFAULT_MASK: u32 = 0xffbf;

/// Where the note lies that programs find in a signal's frame.
const NOTE: usize = 464;
/// What it begins with, and what stands behind the end (`FP_XSTATE_MAGIC1`, `FP_XSTATE_MAGIC2`).
const NOTE_MARK: u32 = 0x4650_5853;
const END_MARK: u32 = 0x4650_5845;
const END_MARK_SIZE: usize = 4;

/// What the processor saves, as bits; 0 where it has no `xsave`.
static FEATURES: AtomicU64 = AtomicU64::new(0);

/// Bytes of that.
static SIZE: AtomicUsize = AtomicUsize::new(LEGACY_SIZE);

/// What the control word of vector instructions may have.
static VECTOR_CONTROL_MASK: AtomicU32 = AtomicU32::new(VECTOR_CONTROL_DEFAULT_MASK);

/// Makes floating-point instructions work in user mode, and finds out what there is.
pub(super) fn init() {
    // SAFETY: the kernel uses none of these instructions but those below.
    unsafe {
        Cr0::update(|flags| {
            *flags -= Cr0Flags::EMULATE_COPROCESSOR;
            *flags |= Cr0Flags::MONITOR_COPROCESSOR | Cr0Flags::NUMERIC_ERROR;
        });
        Cr4::update(|flags| *flags |= Cr4Flags::OSFXSR | Cr4Flags::OSXMMEXCPT_ENABLE);
    }
    let registers = FloatingPoint::default();
    registers.save();
    if let mask @ 1.. = registers.word(VECTOR_CONTROL + 4) {
        VECTOR_CONTROL_MASK.store(mask, Ordering::Relaxed);
    }
    if __cpuid(1).ecx & XSAVE != 0 {
        init_extended();
    }
}

fn init_extended() {
    let legacy = XCr0Flags::X87 | XCr0Flags::SSE;
    let has_avx = __cpuid_count(XSAVE_LEAF, 0).eax & XCr0Flags::AVX.bits() as u32 != 0;
    let mut features = if has_avx { legacy | XCr0Flags::AVX } else { legacy };
    // SAFETY: the processor has what is switched on, and from here on it is saved and loaded with the rest.
    unsafe {
        Cr4::update(|flags| *flags |= Cr4Flags::OSXSAVE);
        XCr0::write(features);
        // The size is that of what is on.
        if __cpuid_count(XSAVE_LEAF, 0).ebx as usize > SIZE_MAX {
            features = legacy;
            XCr0::write(features);
        }
    }
    SIZE.store((__cpuid_count(XSAVE_LEAF, 0).ebx as usize).min(SIZE_MAX), Ordering::Relaxed);
    FEATURES.store(features.bits(), Ordering::Relaxed);
}

fn features() -> u64 {
    FEATURES.load(Ordering::Relaxed)
}

/// Whether a signal's frame has more than every processor has.
pub fn is_extended() -> bool {
    features() != 0
}

/// A program's floating-point registers, and room for the mark behind them.
#[repr(C, align(64))]
pub struct FloatingPoint(UnsafeCell<[u8; FloatingPoint::FRAME_MAX]>);

// SAFETY: touched only by the thread that they belong to, or while that is switched.
unsafe impl Sync for FloatingPoint {}

impl Default for FloatingPoint {
    /// As a program finds them when it begins: all exceptions masked, 64-bit precision. That nothing is in the header
    /// means the same of the rest.
    fn default() -> Self {
        let mut registers = [0; Self::FRAME_MAX];
        registers[..2].copy_from_slice(&0x037fu16.to_le_bytes());
        registers[VECTOR_CONTROL..][..4].copy_from_slice(&0x1f80u32.to_le_bytes());
        Self(UnsafeCell::new(registers))
    }
}

impl Clone for FloatingPoint {
    fn clone(&self) -> Self {
        Self(UnsafeCell::new(*self.bytes()))
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from(word(bytes, at)) | u64::from(word(bytes, at + 4)) << 32
}

impl FloatingPoint {
    /// The most bytes that a signal's frame has of them.
    pub const FRAME_MAX: usize = (SIZE_MAX + END_MARK_SIZE).next_multiple_of(64);

    /// The first bytes of a frame, which say how many there are.
    pub const FRAME_MIN: usize = LEGACY_SIZE;

    /// Bytes that a signal's frame has of them.
    pub fn frame_size() -> usize {
        if is_extended() { SIZE.load(Ordering::Relaxed) + END_MARK_SIZE } else { LEGACY_SIZE }
    }

    /// As a signal's frame has them, with the note and the mark.
    pub fn frame(&mut self) -> &[u8] {
        let size = SIZE.load(Ordering::Relaxed);
        let frame_size = Self::frame_size();
        let bytes = self.0.get_mut();
        if is_extended() {
            bytes[NOTE..LEGACY_SIZE].fill(0);
            bytes[NOTE..][..4].copy_from_slice(&NOTE_MARK.to_le_bytes());
            bytes[NOTE + 4..][..4].copy_from_slice(&(frame_size as u32).to_le_bytes());
            bytes[NOTE + 8..][..8].copy_from_slice(&features().to_le_bytes());
            bytes[NOTE + 16..][..4].copy_from_slice(&(size as u32).to_le_bytes());
            bytes[size..][..END_MARK_SIZE].copy_from_slice(&END_MARK.to_le_bytes());
        }
        &bytes[..frame_size]
    }

    /// How many bytes a frame says that it has, at least [`FloatingPoint::FRAME_MIN`] and never more than there may be.
    /// One whose note makes no sense has what every processor has.
    pub fn frame_length(start: &[u8]) -> usize {
        let (said, length) = (word(start, NOTE + 4) as usize, word(start, NOTE + 16) as usize);
        let sizes = LEGACY_SIZE + HEADER_SIZE..=SIZE.load(Ordering::Relaxed);
        let is_noted = is_extended() && word(start, NOTE) == NOTE_MARK && sizes.contains(&length) && length <= said;
        if is_noted { length + END_MARK_SIZE } else { LEGACY_SIZE }
    }

    /// What a frame of [`FloatingPoint::frame_length`] bytes says that they are; `None` for what the processor would not
    /// take.
    pub fn from_frame(frame: &[u8]) -> Option<Self> {
        if word(frame, VECTOR_CONTROL) & !VECTOR_CONTROL_MASK.load(Ordering::Relaxed) != 0 {
            return None;
        }
        let end = frame.len() - END_MARK_SIZE;
        let is_whole = frame.len() > LEGACY_SIZE && word(frame, end) == END_MARK;
        let mut registers = Self::default();
        let bytes = registers.0.get_mut();
        let present = if is_whole {
            bytes[..end].copy_from_slice(&frame[..end]);
            let present = long(frame, LEGACY_SIZE);
            let rest = &frame[LEGACY_SIZE + 8..LEGACY_SIZE + HEADER_SIZE];
            if present & !features() != 0 || rest.iter().any(|&byte| byte != 0) {
                return None;
            }
            // What the note does not name begins anew.
            present & long(frame, NOTE + 8)
        } else {
            bytes[..LEGACY_SIZE].copy_from_slice(&frame[..LEGACY_SIZE]);
            LEGACY_FEATURES
        };
        bytes[LEGACY_SIZE..][..8].copy_from_slice(&present.to_le_bytes());
        Some(registers)
    }

    fn bytes(&self) -> &[u8; Self::FRAME_MAX] {
        // SAFETY: nobody writes them meanwhile: only the thread that they belong to looks at them.
        unsafe { &*self.0.get() }
    }

    fn word(&self, at: usize) -> u32 {
        word(self.bytes(), at)
    }

    /// Which floating-point exceptions have come and are not masked, by the bits of the status word: of vector
    /// instructions, or of the older ones.
    pub fn exceptions(&self, of_vectors: bool) -> u32 {
        if of_vectors {
            let control = self.word(VECTOR_CONTROL);
            return control & !(control >> 7) & 0x3f;
        }
        let words = self.word(0);
        (words >> 16) & !words & 0x3f
    }

    /// Takes them from the processor.
    pub fn save(&self) {
        let (low, high) = (features() as u32, (features() >> 32) as u32);
        // SAFETY: as many bytes as the processor writes, aligned, and nobody else's.
        unsafe {
            if is_extended() {
                asm!("xsave64 [{}]", in(reg) self.0.get(), in("eax") low, in("edx") high, options(nostack));
            } else {
                asm!("fxsave64 [{}]", in(reg) self.0.get(), options(nostack));
            }
        }
    }

    /// Gives them to the processor.
    pub fn load(&self) {
        let (low, high) = (features() as u32, (features() >> 32) as u32);
        // SAFETY: as for `save`; what is there was saved, is the default, or was checked: the processor takes it.
        unsafe {
            if is_extended() {
                asm!("xrstor64 [{}]", in(reg) self.0.get(), in("eax") low, in("edx") high, options(nostack));
            } else {
                asm!("fxrstor64 [{}]", in(reg) self.0.get(), options(nostack));
            }
        }
    }
}
