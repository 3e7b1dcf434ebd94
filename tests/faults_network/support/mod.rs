//! What every row needs: a sandbox behind faulty links, runs of the binary, a judge, samples, figures.

mod bench;
mod ledger;
mod run;
mod samples;

pub use bench::{Bench, Server, TestFile};
pub use ledger::sha256;
pub use run::{Run, Verdict};
pub use samples::{Extent, Random, in_parallel, report};
