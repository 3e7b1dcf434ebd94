//! A full queue on a slow link that breaks again and again: all of it arrives, in memory that does not grow with it.

use crate::support::{Bench, Extent, Random, Server, queue, report};
use homing_sandbox::{Cut, Direction, LinkFault};
use std::time::{Duration, Instant};

#[test]
fn a_full_queue_arrives_over_a_slow_link_that_breaks() {
    let mut random = Random::new();
    let seed = random.seed;
    let extent = Extent::from_environment();
    // What fewer files take is what more are compared with.
    let counts = match extent {
        Extent::Everything => [300, FULL],
        Extent::Samples(count) => [60, count.unwrap_or(USUAL)],
    };
    let mut peaks = Vec::new();
    for count in counts {
        let began = Instant::now();
        let mut bench = Bench::new();
        bench.attempts = 3;
        queue::fill(&mut bench, count, 100..60_001, &mut random);
        let filled = began.elapsed();
        for server in Server::ALL {
            let mut random = Random::seeded(random.next());
            let mut is_first = true;
            bench.link(server).set_plan(move |_| {
                let direction = if random.below(2) == 0 { Direction::ToServer } else { Direction::ToClient };
                // What comes back is little: a handshake, and some dozen bytes for each file.
                let most = match direction {
                    // One at least is cut, whatever chance says.
                    _ if std::mem::take(&mut is_first) => HANDSHAKE,
                    Direction::ToServer => CUT_BEFORE,
                    Direction::ToClient => CUT_BEFORE / 32,
                };
                LinkFault {
                    cut: Some((direction, random.below(most), Cut::Reset)),
                    bytes_per_second: Some(RATE),
                    ..LinkFault::default()
                }
            });
        }
        let drained = queue::drain(&mut bench, (count as u32) * 20 + 200, LIMIT);
        let (files, messages) = bench.ledger.announcements();
        assert_eq!(files, count, "all arrive");
        assert_eq!(bench.ledger.different_messages(), count, "a repeat is the same message");
        let cuts: usize = Server::ALL
            .into_iter()
            .map(|server| bench.link(server).take_connections().iter().filter(|one| one.was_cut).count())
            .sum();
        assert!(cuts > 0, "nothing was cut");
        peaks.push(drained.peak_memory);
        report(
            &format!("{count} queued files on a slow link"),
            format_args!(
                "{files} of {count} arrived, by key and message_id once each, {} repeats | {cuts} connections cut, {} runs \
                 of drain, {RATE} bytes a second, {} s after {} s of queueing | peak memory of drain {} KiB; seed {seed}",
                messages as usize - count,
                drained.runs,
                (began.elapsed() - filled).as_secs(),
                filled.as_secs(),
                drained.peak_memory / 1024,
            ),
        );
    }
    assert!(peaks[1] < peaks[0] + GROWTH, "memory grows with the queue: {peaks:?}");
}

/// Files of a usual run.
const USUAL: usize = 300;
const FULL: usize = 10_000;
/// Bytes a second each way.
const RATE: u32 = 4 << 20;
/// Connections are cut before so many bytes: some in their handshake, some after some files.
const CUT_BEFORE: u64 = 128 << 10;
/// Every connection has so many bytes each way.
const HANDSHAKE: u64 = 200;
/// The deadline of a run of drain.
const LIMIT: Duration = Duration::from_secs(120);
/// The list of what waits takes some bytes for each; what else there is may differ by some pages from run to run.
const GROWTH: u64 = 2 << 20;
