//! argv → command → exit code; the only place that exits.
fn main() {}
