//! After which bytes connections are reset: every one, or samples of which the edges have their share.

use crate::support::{Extent, Random, Server, Traffic};
use homing_sandbox::Direction;
use std::collections::{BTreeMap, BTreeSet};

/// What is done while the connection is reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// The file goes inside a message.
    SendInline(usize),
    /// The same by HTTPS.
    SendByHttps(usize),
    /// The file goes to S3, with a message.
    SendByS3(usize),
    /// The object comes from S3.
    Get(usize),
}

impl Job {
    /// Which servers it talks to.
    pub fn servers(self) -> &'static [Server] {
        match self {
            Self::SendInline(_) => &[Server::Mqtt],
            Self::SendByHttps(_) => &[Server::Https],
            Self::SendByS3(_) => &Server::ALL,
            Self::Get(_) => &[Server::Credentials, Server::S3],
        }
    }

    /// To which of them most goes.
    pub fn largest(self) -> Server {
        match self {
            Self::SendInline(_) => Server::Mqtt,
            Self::SendByHttps(_) => Server::Https,
            Self::SendByS3(_) | Self::Get(_) => Server::S3,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::SendInline(_) => "1 KB inline",
            Self::SendByHttps(_) => "1 KB inline by HTTPS",
            Self::SendByS3(SMALL) => "1 KB by S3",
            Self::SendByS3(_) => "64 KiB + 1 by S3",
            Self::Get(_) => "64 KiB + 1 fetched",
        }
    }
}

/// A job, and where it is cut.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub job: Job,
    pub server: Server,
    pub direction: Direction,
    pub offset: u64,
    /// Under which name it is counted.
    pub place: &'static str,
}

/// The cases of a test, those that belong together in an order of chance.
#[derive(Default)]
pub struct Cases {
    pub all: Vec<Case>,
    /// How many different ones there could be, by place.
    pub possible: BTreeMap<&'static str, u64>,
}

impl Cases {
    /// Adds those of one server: after every byte, or after the bytes around the ends of turns and some more.
    pub fn add(&mut self, job: Job, server: Server, traffic: &Traffic, extent: Extent, random: &mut Random) {
        let place = job.name();
        for direction in [Direction::ToServer, Direction::ToClient] {
            let ends = traffic.of(direction);
            // Handshakes differ by some bytes from run to run.
            let last = ends.iter().max().unwrap() + 4;
            let count = extent.samples(USUAL, usize::MAX);
            let offsets: BTreeSet<u64> = if count as u64 > last {
                (0..=last).collect()
            } else {
                let around = ends.iter().flat_map(|end| [end.saturating_sub(1), *end, end + 1]);
                let chance = std::iter::repeat_with(|| random.below(last + 1));
                around.chain([0, 1, 5]).chain(chance.take(count)).collect()
            };
            *self.possible.entry(place).or_default() += last + 1;
            self.all.extend(offsets.into_iter().map(|offset| Case { job, server, direction, offset, place }));
        }
        let begin = self.all.iter().position(|case| case.job == job).unwrap_or(0);
        random.shuffle(&mut self.all[begin..]);
    }

    /// So many of one large upload, each but once: an eighth each from its first and its last 64 KiB, from the edges of
    /// TLS records, and from what comes back; the rest from anywhere.
    pub fn within(job: Job, traffic: &Traffic, count: usize, random: &mut Random) -> Self {
        let server = job.largest();
        let (end, back) = (traffic.to_server.iter().max().unwrap() + 1, traffic.to_client.iter().max().unwrap() + 1);
        let records = &traffic.records_to_server;
        let mut chosen: BTreeMap<(bool, u64), &'static str> = BTreeMap::new();
        let eighth = count.div_ceil(8);
        // What is small first, so that it has its share; where it is too small for that, all of it.
        for place in [BACK, FIRST, LAST, RECORDS, ANYWHERE] {
            let goal = if place == ANYWHERE { count } else { (chosen.len() + eighth).min(count) };
            for _ in 0..goal * 30 {
                if chosen.len() == goal {
                    break;
                }
                let offset = match place {
                    BACK => random.below(back),
                    FIRST => random.below(EDGE.min(end)),
                    LAST => end - 1 - random.below(EDGE.min(end)),
                    // From one byte before the end to the whole header of the next one.
                    RECORDS => records[random.below(records.len() as u64) as usize] + random.below(7) - 1,
                    _ => random.below(end),
                };
                chosen.entry((place == BACK, offset)).or_insert(place);
            }
        }
        let case = |((is_back, offset), place): (&(bool, u64), &&'static str)| {
            let direction = if *is_back { Direction::ToClient } else { Direction::ToServer };
            Case { job, server, direction, offset: *offset, place }
        };
        let mut all: Vec<Case> = chosen.iter().map(case).collect();
        random.shuffle(&mut all);
        Self { all, possible: BTreeMap::new() }
    }
}

pub const SMALL: usize = 1024;
pub const MEDIUM: usize = 64 * 1024 + 1;
pub const LARGE: usize = 100 * 1024 * 1024;
/// Samples of each server and direction of each job: with the boundaries about 350 in all, 20 seconds of two busy cores.
const USUAL: usize = 6;
/// How much of the large upload's beginning and end.
const EDGE: u64 = 64 * 1024;
const FIRST: &str = "in the first 64 KiB";
const LAST: &str = "in the last 64 KiB";
const RECORDS: &str = "at the edges of TLS records";
const BACK: &str = "in what comes back";
const ANYWHERE: &str = "anywhere";
