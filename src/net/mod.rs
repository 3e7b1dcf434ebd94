//! The only code that opens sockets.

pub mod duplex;
pub mod mqtt;
mod mqtt_time;
