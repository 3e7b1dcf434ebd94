//! homing with a counting allocator: the same program, which says at its end what it took from the system's heap.
//! homing's own allocator stands in front of the counting one, as it does in front of the system's.
//!
//! The counts go, as JSON, to the file that `HOMING_ALLOCATIONS` names.

#[path = "../../../src/record_memory.rs"]
mod record_memory;

use record_memory::RecordMemory;
use std::alloc::{GlobalAlloc, Layout, System};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static ALLOCATED: AtomicU64 = AtomicU64::new(0);
static IN_USE: AtomicU64 = AtomicU64::new(0);
static PEAK: AtomicU64 = AtomicU64::new(0);

fn taken(bytes: usize) {
    ALLOCATIONS.fetch_add(1, Relaxed);
    ALLOCATED.fetch_add(bytes as u64, Relaxed);
    let in_use = IN_USE.fetch_add(bytes as u64, Relaxed) + bytes as u64;
    PEAK.fetch_max(in_use, Relaxed);
}

// SAFETY: every call is the system allocator's own, with the same arguments; the counters allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: as promised to us.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: as promised to us.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        IN_USE.fetch_sub(layout.size() as u64, Relaxed);
        taken(new_size);
        // SAFETY: as promised to us.
        unsafe { System.realloc(pointer, layout, new_size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size() as u64, Relaxed);
        // SAFETY: as promised to us.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: RecordMemory<Counting> = RecordMemory::new(Counting);

fn main() -> ExitCode {
    let code = homing::run(std::env::args_os());
    if let Some(path) = std::env::var_os("HOMING_ALLOCATIONS") {
        let counts = format!(
            "{{\"allocations\":{},\"allocated_bytes\":{},\"peak_heap_bytes\":{}}}",
            ALLOCATIONS.load(Relaxed),
            ALLOCATED.load(Relaxed),
            PEAK.load(Relaxed)
        );
        if let Err(error) = std::fs::write(path, counts) {
            eprintln!("homing-counted: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::from(code)
}
