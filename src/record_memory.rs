//! Memory for TLS records that is used again and again: the program's allocator, and the only unsafe code.
//!
//! rustls makes a new buffer for every record of 16 KiB that it encrypts, and frees it when the record is sent. With
//! this in front of the system's allocator a few such buffers go round, so that what a command takes from the system
//! does not depend on how much it sends. Everything that is no record goes straight through.
//!
//! Why it is sound: a block of the record class is always taken from the inner allocator with [`BLOCK`], whatever
//! size in the class was asked for, and given back with it. A kept block is in one slot only, and an atomic exchange
//! takes it out before it is handed to anybody.
#![allow(unsafe_code, reason = "an allocator cannot be written without")]

use std::alloc::{GlobalAlloc, Layout};
use std::ptr;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::{AcqRel, Relaxed, Release};

/// An allocator that keeps a few blocks of a TLS record's size.
pub struct RecordMemory<A> {
    inner: A,
    kept: [AtomicPtr<u8>; KEPT],
}

impl<A> RecordMemory<A> {
    /// Puts it in front of `inner`.
    pub const fn new(inner: A) -> Self {
        Self { inner, kept: [const { AtomicPtr::new(ptr::null_mut()) }; KEPT] }
    }
}

/// Whether a request is served with a whole block.
const fn is_record(size: usize, align: usize) -> bool {
    size > RECORD_MINIMUM && size <= BLOCK.size() && align <= BLOCK.align()
}

// SAFETY: see the module's text; for everything that is no record, every call is the inner allocator's own.
unsafe impl<A: GlobalAlloc> GlobalAlloc for RecordMemory<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !is_record(layout.size(), layout.align()) {
            // SAFETY: as promised to us.
            return unsafe { self.inner.alloc(layout) };
        }
        let full = self.kept.iter().filter(|slot| !slot.load(Relaxed).is_null());
        let kept = full.map(|slot| slot.swap(ptr::null_mut(), AcqRel)).find(|block| !block.is_null());
        // SAFETY: the block's size is not zero.
        kept.unwrap_or_else(|| unsafe { self.inner.alloc(BLOCK) })
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if !is_record(layout.size(), layout.align()) {
            // SAFETY: as promised to us; it was taken by the same branch of `alloc`, or by `alloc_zeroed` or `realloc`.
            return unsafe { self.inner.dealloc(pointer, layout) };
        }
        let is_kept = |slot: &AtomicPtr<u8>| slot.compare_exchange(ptr::null_mut(), pointer, Release, Relaxed).is_ok();
        if !self.kept.iter().any(is_kept) {
            // SAFETY: it was taken with this layout, and is in no slot.
            unsafe { self.inner.dealloc(pointer, BLOCK) }
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !is_record(layout.size(), layout.align()) {
            // SAFETY: as promised to us.
            return unsafe { self.inner.alloc_zeroed(layout) };
        }
        // SAFETY: as promised to us.
        let pointer = unsafe { self.alloc(layout) };
        if !pointer.is_null() {
            // SAFETY: the block has at least that many bytes, and nobody else has it.
            unsafe { pointer.write_bytes(0, layout.size()) };
        }
        pointer
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        match (is_record(layout.size(), layout.align()), is_record(new_size, layout.align())) {
            // SAFETY: as promised to us; taken from the inner allocator with this very layout.
            (false, false) => unsafe { self.inner.realloc(pointer, layout, new_size) },
            // A block has room for every size of the class.
            (true, true) => pointer,
            _ => {
                // SAFETY: the caller promises that the new size, rounded up to the alignment, fits an isize.
                let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
                // SAFETY: as promised to us: the new size is not zero.
                let new = unsafe { self.alloc(new_layout) };
                if !new.is_null() {
                    // SAFETY: both have that many bytes, and a fresh block overlaps none that is in use.
                    unsafe { ptr::copy_nonoverlapping(pointer, new, layout.size().min(new_size)) };
                    // SAFETY: as promised to us; it is not used again.
                    unsafe { self.dealloc(pointer, layout) };
                }
                new
            }
        }
    }
}

/// The longest record with what rustls puts around it: 16,384 bytes of plaintext (RFC 8446, section 5.1), and header,
/// explicit nonce, content type and tag, together under 64 bytes. Aligned as any allocator's memory is.
const BLOCK: Layout = match Layout::from_size_align(16 * 1024 + 64, 16) {
    Ok(layout) => layout,
    Err(_) => panic!("16 is a power of two"),
};
/// Records are filled up to 16 KiB; what is less than half of that would waste too much of a block.
const RECORD_MINIMUM: usize = 8 * 1024;
/// An upload's chunk, which goes out in one system call, and one record on the way in of each of two connections.
const KEPT: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use std::alloc::System;
    use std::sync::atomic::AtomicUsize;

    /// The system's allocator, counting.
    #[derive(Default)]
    struct Counting {
        taken: AtomicUsize,
        given_back: AtomicUsize,
    }

    // SAFETY: every call is the system allocator's own.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            self.taken.fetch_add(1, Relaxed);
            // SAFETY: as promised to us.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
            self.given_back.fetch_add(1, Relaxed);
            // SAFETY: as promised to us.
            unsafe { System.dealloc(pointer, layout) }
        }
    }

    impl RecordMemory<Counting> {
        fn counts(&self) -> (usize, usize) {
            (self.inner.taken.load(Relaxed), self.inner.given_back.load(Relaxed))
        }
    }

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 1).unwrap()
    }

    #[test]
    fn one_block_serves_a_thousand_records() {
        let memory = RecordMemory::new(Counting::default());
        for size in (0..1000).map(|number| 16_384 + number % 60) {
            // SAFETY: used with the layout it was taken with, and given back once.
            unsafe {
                let record = memory.alloc(layout(size));
                record.write_bytes(1, size);
                memory.dealloc(record, layout(size));
            }
        }
        assert_eq!(memory.counts(), (1, 0));
    }

    #[test]
    fn no_more_than_a_few_are_kept() {
        let memory = RecordMemory::new(Counting::default());
        // SAFETY: each is given back once with its layout.
        unsafe {
            let records: Vec<_> = (0..KEPT + 3).map(|_| memory.alloc(layout(16_400))).collect();
            records.into_iter().for_each(|record| memory.dealloc(record, layout(16_400)));
        }
        assert_eq!(memory.counts(), (KEPT + 3, 3));
    }

    #[test]
    fn what_is_no_record_goes_through() {
        let memory = RecordMemory::new(Counting::default());
        let aligned = Layout::from_size_align(16_384, 4096).unwrap();
        for layout in [layout(1), layout(8192), layout(BLOCK.size() + 1), layout(1 << 20), aligned] {
            // SAFETY: given back at once with its layout.
            unsafe { memory.dealloc(memory.alloc(layout), layout) };
        }
        assert_eq!(memory.counts(), (5, 5));
    }

    #[test]
    fn growing_and_shrinking_keeps_the_bytes_across_the_classes() {
        let memory = RecordMemory::new(Counting::default());
        let sizes = [10, 9000, 16_384, 100_000, 16_000, 4096, 7];
        // SAFETY: every call has the layout of the one before.
        unsafe {
            let mut pointer = memory.alloc(layout(sizes[0]));
            (0..7).for_each(|index| pointer.add(index).write(index as u8));
            for pair in sizes.windows(2) {
                pointer = memory.realloc(pointer, layout(pair[0]), pair[1]);
                assert!((0..7).all(|index| pointer.add(index).read() == index as u8));
            }
            memory.dealloc(pointer, layout(7));
        }
    }

    #[test]
    fn zeroed_memory_is_zeroed_even_where_it_was_used_before() {
        let memory = RecordMemory::new(Counting::default());
        // SAFETY: used with the layout it was taken with, and given back once.
        unsafe {
            let used = memory.alloc(layout(16_400));
            used.write_bytes(0xff, 16_400);
            memory.dealloc(used, layout(16_400));
            let zeroed = memory.alloc_zeroed(layout(16_000));
            assert_eq!(zeroed, used);
            assert!((0..16_000).all(|index| zeroed.add(index).read() == 0));
            memory.dealloc(zeroed, layout(16_000));
        }
    }

    #[test]
    fn no_block_is_given_to_two_threads() {
        let memory = RecordMemory::new(System);
        std::thread::scope(|scope| {
            for mark in 1..=4_u8 {
                let memory = &memory;
                scope.spawn(move || {
                    for _ in 0..5_000 {
                        // SAFETY: used with the layout it was taken with, and given back once.
                        unsafe {
                            let (first, second) = (memory.alloc(layout(8193)), memory.alloc(layout(16_384)));
                            first.write_bytes(mark, 8192);
                            second.write_bytes(mark, 8192);
                            std::thread::yield_now();
                            assert!((0..8192).step_by(64).all(|at| first.add(at).read() == mark));
                            assert!((0..8192).step_by(64).all(|at| second.add(at).read() == mark));
                            memory.dealloc(first, layout(8193));
                            memory.dealloc(second, layout(16_384));
                        }
                    }
                });
            }
        });
    }
}
