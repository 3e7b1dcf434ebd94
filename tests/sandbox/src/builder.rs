//! What a sandbox is made with.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::sandbox::Sandbox;

/// Settings of a sandbox; every one has a default that suits the demo.
#[derive(Debug, Clone)]
pub struct SandboxBuilder {
    pub(crate) thing_name: String,
    pub(crate) role_alias: String,
    pub(crate) region: String,
    pub(crate) bucket: String,
    pub(crate) token_length: usize,
    pub(crate) package_token_length: usize,
    pub(crate) credential_lifetime: Duration,
    pub(crate) versioned: bool,
    pub(crate) list_page: usize,
    pub(crate) keeps_objects: bool,
    pub(crate) server_names: Vec<String>,
    pub(crate) folder: Option<PathBuf>,
}

impl Default for SandboxBuilder {
    fn default() -> Self {
        Self {
            thing_name: "sandbox-thing".to_owned(),
            role_alias: "sandbox-role-alias".to_owned(),
            region: "eu-west-1".to_owned(),
            bucket: "sandbox-bucket".to_owned(),
            token_length: DEFAULT_TOKEN_LENGTH,
            package_token_length: DEFAULT_PACKAGE_TOKEN_LENGTH,
            credential_lifetime: DEFAULT_LIFETIME,
            versioned: false,
            list_page: LIST_PAGE,
            keeps_objects: true,
            server_names: Vec::new(),
            folder: None,
        }
    }
}

impl SandboxBuilder {
    /// The common name of the device's certificate, and the thing that may be named to the credential provider.
    #[must_use]
    pub fn thing_name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.thing_name);
        self
    }

    /// The one role alias that exists.
    #[must_use]
    pub fn role_alias(mut self, alias: &str) -> Self {
        alias.clone_into(&mut self.role_alias);
        self
    }

    /// The region that signatures for S3 must name.
    #[must_use]
    pub fn region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }

    /// The bucket that is there from the start.
    #[must_use]
    pub fn bucket(mut self, bucket: &str) -> Self {
        bucket.clone_into(&mut self.bucket);
        self
    }

    /// The length of session tokens in characters.
    #[must_use]
    pub fn token_length(mut self, characters: usize) -> Self {
        self.token_length = characters;
        self
    }

    /// The length of CodeArtifact's tokens.
    #[must_use]
    pub fn package_token_length(mut self, characters: usize) -> Self {
        self.package_token_length = characters;
        self
    }

    /// How long issued credentials are good.
    #[must_use]
    pub fn credential_lifetime(mut self, lifetime: Duration) -> Self {
        self.credential_lifetime = lifetime;
        self
    }

    /// Answers puts with a version identifier, as a bucket with versioning does.
    #[must_use]
    pub fn versioned(mut self, versioned: bool) -> Self {
        self.versioned = versioned;
        self
    }

    /// Parts and multipart uploads that S3 lists at a time, whatever is asked for.
    #[must_use]
    pub fn list_page(mut self, length: usize) -> Self {
        self.list_page = length;
        self
    }

    /// Whether S3 keeps what is put by a single request, as it does unless told otherwise. With `false` it verifies, counts
    /// and hashes every byte all the same, and records the object; but nothing is on the disk, and nothing can be got.
    #[must_use]
    pub fn keeps_objects(mut self, keeps_objects: bool) -> Self {
        self.keeps_objects = keeps_objects;
        self
    }

    /// A further name for which the servers' certificate is valid, for instance an amazonaws.com name that a test routes
    /// here through a [`crate::ConnectProxy`]. A leading `*.` covers one label.
    #[must_use]
    pub fn server_name(mut self, name: &str) -> Self {
        self.server_names.push(name.to_owned());
        self
    }

    /// Where everything is, for a person to find it; it must not be there yet, and goes with the sandbox all the same.
    /// Without it the folder is one of the system's for temporary files.
    #[must_use]
    pub fn folder(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Makes the certificates, starts every service and writes `config.json`.
    ///
    /// # Errors
    /// When a port cannot be bound or a file cannot be written.
    pub fn start(self) -> io::Result<Sandbox> {
        Sandbox::start(self)
    }
}

/// About the length of AWS's own tokens for a role alias.
const DEFAULT_TOKEN_LENGTH: usize = 900;
/// About the length of CodeArtifact's own tokens.
const DEFAULT_PACKAGE_TOKEN_LENGTH: usize = 2000;
/// The default of a role alias is one hour.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(3600);
/// As many as S3 lists.
const LIST_PAGE: usize = 1000;
