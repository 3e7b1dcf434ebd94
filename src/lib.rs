//! `homing`: what a small Linux device that holds nothing but an X.509 certificate needs of AWS.
#![forbid(unsafe_code)]

pub mod cli;
pub mod config;
pub mod error;
pub mod logging;
pub mod options;
pub mod progress;
pub mod protocol;
