//! The chunk loop of an upload allocates nothing, in any mode: a counting allocator watches it.

use homing::protocol::checksum::ChecksumAlgorithm;
use homing::protocol::chunked::{ChunkSize, Framer, PayloadMode, buffer_length, encoded_length};
use homing::protocol::credentials::Credentials;
use homing::protocol::secret::Secret;
use homing::protocol::sigv4::ChunkSigner;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

#[test]
fn the_chunk_loop_allocates_nothing() {
    let mut modes = vec![PayloadMode::Signed];
    modes.extend(ChecksumAlgorithm::ALL.map(PayloadMode::SignedTrailer));
    modes.extend(ChecksumAlgorithm::ALL.map(PayloadMode::UnsignedTrailer));
    for mode in modes {
        for chunk_size in [ChunkSize::new(ChunkSize::MIN).expect("in range"), ChunkSize::DEFAULT] {
            let length = CHUNKS * chunk_size.bytes() as u64 + 1;
            let mut buffer = vec![0; buffer_length(mode, chunk_size)];
            let mut framer = framer(mode, length, chunk_size);
            let mut sent = 0;
            let mut chunks = 0;

            let before = allocations();
            while let Some(mut chunk) = framer.next_chunk(&mut buffer) {
                chunk.data().fill(b'a');
                let range = chunk.seal();
                sent += black_box(&buffer[range]).len() as u64;
                chunks += 1;
            }
            black_box(framer.checksum());
            let after = allocations();

            assert_eq!(after - before, 0, "{mode:?}, chunks of {}", chunk_size.bytes());
            assert_eq!(chunks, CHUNKS + 1);
            assert_eq!(sent, encoded_length(mode, length, chunk_size));
        }
    }
}

/// Without this, a counter that counts nothing would pass the other test.
#[test]
fn the_counter_counts() {
    let before = allocations();
    let mut vector = black_box(vec![0_u8; 10]);
    vector.reserve(1000);
    drop(black_box(Box::new(1_u64)));
    drop(black_box(vector));
    assert_eq!(allocations() - before, 3);
}

fn framer(mode: PayloadMode, length: u64, chunk_size: ChunkSize) -> Framer {
    let credentials = Credentials {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".try_into().expect("fits"),
        secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY").expect("fits"),
        session_token: Secret::new("").expect("fits"),
        expiration: None,
    };
    let signer = ChunkSigner::new(&credentials, "us-east-1", "s3", 1_369_353_600, [b'0'; 64]).expect("valid");
    Framer::new(mode, length, chunk_size, signer)
}

/// How many times this thread has asked for memory. The test harness's own threads do not count.
fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

fn count() {
    // At a thread's end the counter may be gone already; then nobody reads it any more.
    let _ = ALLOCATIONS.try_with(|counter| counter.set(counter.get() + 1));
}

struct CountingAllocator;

// SAFETY: hands every call on to the system's allocator unchanged; counting itself does not allocate, since the
// counter is a constant-initialized thread-local without a destructor.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are System's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, new_size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// Full chunks; one more with a single byte follows, with the last chunk and the trailer.
const CHUNKS: u64 = 100;
