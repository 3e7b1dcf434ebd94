//! What every row needs: a sandbox behind faulty links, runs of the binary, a judge, samples, figures.

mod bench;
mod ledger;
pub mod queue;
mod run;
mod samples;
pub mod tls_server;

pub use bench::{Bench, Server, TIMEOUT, TestFile, Traffic};
pub use run::{Run, Verdict};
pub use samples::{Extent, Random, cores, deadline, in_parallel, in_parallel_until, report};
