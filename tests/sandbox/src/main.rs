//! A local stand-in AWS.
fn main() {}
