//! What each command does, as a straight line through the other parts.

pub mod child;
mod configparser;
pub mod credentials;
pub mod exec;
mod messenger;
mod network;
mod outcome;
pub mod publish;
pub mod put;
pub mod screen;
pub mod send;
pub mod service;
pub mod show_credentials;
mod source;
mod upload;

pub use screen::Screen;
