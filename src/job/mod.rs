//! What each command does, as a straight line through the other parts.

pub mod child;
mod credential_cache;
pub mod credentials;
pub mod docker_credential;
mod download;
mod dynamodb_lines;
pub mod dynamodb_put_item;
pub mod ecr_password;
pub mod exec;
mod exec_git;
pub mod get;
pub mod git_credential;
mod input;
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
mod role_alias;
pub mod screen;
pub mod secret;
mod secret_field;
pub mod send;
pub mod serve;
pub mod service;
pub mod show_credentials;
mod source;
mod supervise;
mod upload;

pub use screen::Screen;
