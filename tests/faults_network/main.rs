//! The network and the clock at their worst: connections cut after each byte, replies that trickle, never end or lie,
//! servers that are not who they say, clocks that are wrong, services that throttle, links that break.
//!
//! Each row of tests/RELIABILITY.md that concerns them is one file here. A row prints its figures as one line,
//! `reliability: <row> | <figures>`, past the test harness. By default each row takes samples, by a seed that is printed
//! (`HOMING_FAULTS_SEED` takes the same ones again); `HOMING_FAULTS=full` takes everything, which is hours, and
//! `HOMING_FAULTS=<number>` so many samples of each kind. Such a long run is one of an optimized build
//! (`cargo test --profile faults`), and its lines begin with `reliability, long run: `. `HOMING_FAULTS_MINUTES` is the longest
//! time of a row of [`resets`], which takes its cases in an order of chance and says how many they were.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere, its helpers included")]

mod certificates;
mod clocks;
mod replies;
mod reset_offsets;
mod resets;
mod support;
mod throttles;
mod weak_link;
