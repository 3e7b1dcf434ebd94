//! `homing`: what a small Linux device that holds nothing but an X.509 certificate needs of AWS.
#![forbid(unsafe_code)]

pub mod aws;
pub mod error;
pub mod protocol;
