//! The bucket of a command, and how it is reached.

use crate::aws::endpoint::Variant;
use crate::aws::s3_put::Bucket;
use crate::config::{Config, Endpoint};
use crate::error::{Error, Fault, Result};
use crate::protocol::sigv4::SignError;

/// A bucket, and how it is reached.
#[derive(Debug, Clone)]
pub struct Place {
    name: String,
    region: String,
    endpoint: Option<String>,
    variant: Variant,
    path_style: bool,
    is_aws: bool,
    part_size: u64,
    multipart_threshold: u64,
}

impl Place {
    /// The place that the configuration gives `bucket`.
    ///
    /// # Errors
    /// No region is set, or it has no such endpoint, or the bucket's name cannot be one.
    pub fn from_config(config: &Config, bucket: &str) -> Result<Self> {
        let place = Self {
            name: bucket.to_owned(),
            region: config.region()?.to_owned(),
            endpoint: config.endpoint_url.as_ref().map(ToString::to_string),
            variant: Variant { fips: config.use_fips_endpoint, dual_stack: config.use_dualstack_endpoint },
            path_style: config.path_style,
            is_aws: config.endpoint_url.as_ref().is_none_or(Endpoint::is_aws),
            part_size: config.part_size,
            multipart_threshold: config.multipart_threshold,
        };
        place.bucket().authority()?;
        Ok(place)
    }

    /// The same for the request builders.
    pub fn bucket(&self) -> Bucket<'_> {
        Bucket {
            name: &self.name,
            region: &self.region,
            endpoint: self.endpoint.as_deref(),
            variant: self.variant,
            path_style: self.path_style,
        }
    }

    /// The region that signatures are made for.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Bytes of a part, where a file goes in parts.
    pub fn part_size(&self) -> u64 {
        self.part_size
    }

    /// The largest file, in bytes, that goes in one piece.
    pub fn multipart_threshold(&self) -> u64 {
        self.multipart_threshold
    }

    /// Whether this is S3 itself, and not a store that resembles it.
    pub fn is_aws(&self) -> bool {
        self.is_aws
    }
}

/// The error for a request that cannot be signed.
pub fn unsignable(error: &SignError) -> Error {
    Error::new(Fault::Data, "cannot_sign", format!("the request to S3 cannot be signed: {error:?}"))
        .with_remedy("shorten the metadata or tags, and use printable ASCII in them")
}

/// The service's name in the credential scope.
pub const S3: &str = "s3";
