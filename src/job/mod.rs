//! What each command does, as a straight line through the other parts.

pub mod child;
mod credential_cache;
pub mod credentials;
pub mod exec;
mod exec_git;
pub mod git_credential;
mod messenger;
mod network;
mod outcome;
pub mod publish;
pub mod put;
mod role_alias;
pub mod screen;
pub mod secret;
mod secret_field;
pub mod send;
pub mod service;
pub mod show_credentials;
mod source;
mod upload;

pub use screen::Screen;
