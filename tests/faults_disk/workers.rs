//! Steps on two workers, each with a scene of its own.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::scene::Scene;

/// Does every step, and gives what came out of each, in order.
pub fn each<S: Sync, R: Send>(
    make: impl Fn() -> Scene + Sync,
    steps: &[S],
    work: impl Fn(&Scene, &S) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(steps.len()));
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let scene = make();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(step) = steps.get(index) else { break };
                    let result = work(&scene, step);
                    done.lock().unwrap().push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// As many as CI's machine has processors.
const WORKERS: usize = 2;
