//! What each command does, as a straight line through the other parts.

pub mod child;
pub mod codeartifact;
mod configparser;
pub mod credentials;
pub mod docker_credential;
mod dynamodb_lines;
pub mod dynamodb_put_item;
pub mod ecr_password;
pub mod exec;
mod exec_git;
pub mod git_credential;
mod input;
mod messenger;
mod network;
mod outcome;
mod private_file;
pub mod publish;
pub mod put;
pub mod screen;
pub mod secret;
mod secret_field;
pub mod send;
pub mod service;
pub mod show_credentials;
mod source;
mod tool_login;
mod upload;

pub use screen::Screen;
