//! What each command does, as a straight line through the other parts.

pub mod credentials;
pub mod docker_credential;
mod dynamodb_lines;
pub mod dynamodb_put_item;
pub mod ecr_password;
mod input;
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
