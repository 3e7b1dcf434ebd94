//! What each command does, as a straight line through the other parts.

pub mod credentials;
mod download;
pub mod get;
mod messenger;
mod network;
mod outcome;
mod partial_file;
mod partial_state;
mod place;
pub mod presign;
pub mod publish;
pub mod put;
mod remembered;
pub mod screen;
pub mod send;
pub mod service;
pub mod show_credentials;
mod source;
mod upload;

pub use screen::Screen;
