//! Where a bucket is: host names, paths and URLs.
//!
//! Amazon S3 User Guide, "Virtual hosting of general purpose buckets".

use super::printable;
use crate::error::{Error, Fault, Result};
use crate::protocol::uri::encode_key;
use std::net::IpAddr;

/// A bucket and how it is reached.
#[derive(Debug, Clone, Copy)]
pub struct Bucket<'a> {
    /// The bucket's name, or an access point's alias.
    pub name: &'a str,
    /// The region, such as `eu-west-1`.
    pub region: &'a str,
    /// The endpoint of an S3-compatible store or VPC endpoint: `https://host[:port][/base]`, where `https://`
    /// may be left out. `None` is AWS's own for the region.
    pub endpoint: Option<&'a str>,
    /// The bucket in the path rather than in the host name.
    pub path_style: bool,
}

impl Bucket<'_> {
    /// Host, and `:port` where it is not 443, of requests for this bucket: also the name that TLS must verify.
    ///
    /// # Errors
    /// A configuration error for a bucket, region or endpoint that cannot be one.
    pub fn authority(&self) -> Result<String> {
        let (authority, _) = self.place()?;
        Ok(authority)
    }

    /// The URL of an object, for the message: on AWS `https://<bucket>.s3.amazonaws.com/<key>`, which is what
    /// consumers in the field parse, whatever the region; on any other endpoint the URL it was put to.
    ///
    /// # Errors
    /// As [`Self::authority`].
    pub fn object_url(&self, key: &str) -> Result<String> {
        let key = encode_key(key);
        if self.endpoint.is_some() {
            let (authority, base) = self.place()?;
            return Ok(format!("https://{authority}{base}/{key}"));
        }
        self.check()?;
        Ok(match dns_suffix(self.region) {
            GLOBAL_SUFFIX => format!("https://{}.s3.{GLOBAL_SUFFIX}/{key}", self.name),
            suffix => format!("https://{}.s3.{}.{suffix}/{key}", self.name, self.region),
        })
    }

    /// The authority, and what comes before `/<key>` in the path.
    pub(super) fn place(&self) -> Result<(String, String)> {
        self.check()?;
        let (host, base) = match self.endpoint {
            None => (format!("s3.{}.{}", self.region, dns_suffix(self.region)), ""),
            Some(endpoint) => {
                let (host, base) = split_endpoint(endpoint)?;
                (host.to_owned(), base)
            }
        };
        Ok(if self.path_style || !self.fits_host_name() || is_address(&host) {
            (host, format!("{base}/{}", self.name))
        } else {
            (format!("{}.{host}", self.name), base.to_owned())
        })
    }

    /// A dot would make a second level below the wildcard of the certificate; anything else than lower case,
    /// digits and hyphens is no host name.
    fn fits_host_name(&self) -> bool {
        let name = self.name;
        name.len() >= 3
            && name.len() <= 63
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !name.starts_with('-')
            && !name.ends_with('-')
    }

    fn check(&self) -> Result<()> {
        let name_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if self.name.is_empty()
            || self.name.len() > 255
            || !self.name.bytes().all(name_byte)
            || self.name.starts_with('.')
        {
            return Err(Error::new(
                Fault::Config,
                "invalid_bucket",
                format!("bucket {:?} cannot be the name of a bucket", printable(self.name)),
            )
            .with_remedy("give the bucket's name alone: not an ARN, not a URL"));
        }
        let region_byte = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if self.region.is_empty() || !self.region.bytes().all(region_byte) {
            return Err(Error::new(
                Fault::Config,
                "invalid_region",
                format!("region {:?} cannot be the name of a region", printable(self.region)),
            )
            .with_remedy("give its code, such as eu-west-1"));
        }
        Ok(())
    }
}

/// Host and base path of an endpoint.
fn split_endpoint(endpoint: &str) -> Result<(&str, &str)> {
    let invalid = |why: &str| {
        Error::new(Fault::Config, "invalid_endpoint", format!("the S3 endpoint {:?}: {why}", printable(endpoint)))
            .with_remedy("write it as https://host, https://host:port or https://host/base")
    };
    let rest = match endpoint.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => rest,
        Some(_) => return Err(invalid("it must be https://")),
        None => endpoint,
    };
    let (host, base) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let base = base.trim_end_matches('/');
    let host_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    if host.is_empty() || !host.bytes().all(host_byte) {
        return Err(invalid("its host makes no sense"));
    }
    if !base.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'"' | b'<' | b'>')) {
        return Err(invalid("its path has a query, or characters that must be percent-encoded"));
    }
    // 443 is left out by those who compute the Host header for https, and the signature covers it.
    Ok((host.strip_suffix(":443").unwrap_or(host), base))
}

/// An address, or a name that has no subdomains.
fn is_address(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(_) => return true,
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok()
}

/// The domain of a region's partition (AWS General Reference, "Service endpoints").
fn dns_suffix(region: &str) -> &'static str {
    match region.split_once('-').map(|(partition, _)| partition) {
        Some("cn") => "amazonaws.com.cn",
        Some("eusc") => "amazonaws.eu",
        _ => GLOBAL_SUFFIX,
    }
}

const GLOBAL_SUFFIX: &str = "amazonaws.com";

#[cfg(test)]
mod tests {
    use super::*;

    const BUCKET: Bucket<'_> = Bucket { name: "my-bucket", region: "eu-west-1", endpoint: None, path_style: false };

    fn place(bucket: Bucket<'_>) -> (String, String) {
        bucket.place().unwrap()
    }

    #[test]
    fn aws_addresses_by_host_name() {
        assert_eq!(place(BUCKET), ("my-bucket.s3.eu-west-1.amazonaws.com".into(), String::new()));
        assert_eq!(
            place(Bucket { path_style: true, ..BUCKET }),
            ("s3.eu-west-1.amazonaws.com".into(), "/my-bucket".into())
        );
        assert_eq!(
            place(Bucket { name: "my.bucket", ..BUCKET }),
            ("s3.eu-west-1.amazonaws.com".into(), "/my.bucket".into())
        );
        assert_eq!(place(Bucket { name: "My_Bucket", ..BUCKET }).0, "s3.eu-west-1.amazonaws.com");
        assert_eq!(place(Bucket { region: "cn-north-1", ..BUCKET }).0, "my-bucket.s3.cn-north-1.amazonaws.com.cn");
        assert_eq!(place(Bucket { region: "us-gov-west-1", ..BUCKET }).0, "my-bucket.s3.us-gov-west-1.amazonaws.com");
    }

    #[test]
    fn custom_endpoints_keep_port_and_base() {
        let at = |endpoint| place(Bucket { endpoint: Some(endpoint), ..BUCKET });
        assert_eq!(at("https://store.example:9000/"), ("my-bucket.store.example:9000".into(), String::new()));
        assert_eq!(at("store.example/storage/v1/s3"), ("my-bucket.store.example".into(), "/storage/v1/s3".into()));
        assert_eq!(at("https://localhost:9000"), ("localhost:9000".into(), "/my-bucket".into()));
        assert_eq!(at("https://127.0.0.1:9000"), ("127.0.0.1:9000".into(), "/my-bucket".into()));
        assert_eq!(at("https://[::1]:9000/s3"), ("[::1]:9000".into(), "/s3/my-bucket".into()));
        assert_eq!(at("https://store.example:443").0, "my-bucket.store.example");
        let path_style = Bucket { endpoint: Some("https://store.example"), path_style: true, ..BUCKET };
        assert_eq!(place(path_style), ("store.example".into(), "/my-bucket".into()));
    }

    #[test]
    fn what_cannot_be_a_place_is_a_configuration_error() {
        for bucket in [
            Bucket { name: "", ..BUCKET },
            Bucket { name: "a/b", ..BUCKET },
            Bucket { name: "arn:aws:s3:::a", ..BUCKET },
            Bucket { name: "..", ..BUCKET },
            Bucket { region: "", ..BUCKET },
            Bucket { region: "eu-west-1.evil.example/", ..BUCKET },
            Bucket { endpoint: Some("http://store.example"), ..BUCKET },
            Bucket { endpoint: Some("https://user@store.example"), ..BUCKET },
            Bucket { endpoint: Some("https:///x"), ..BUCKET },
            Bucket { endpoint: Some("https://store.example/?x"), ..BUCKET },
        ] {
            assert_eq!(bucket.authority().unwrap_err().fault(), Fault::Config, "{bucket:?}");
        }
    }

    #[test]
    fn object_urls_are_the_ones_consumers_parse() {
        let url = |bucket: Bucket<'_>| bucket.object_url("a b/写.jpg").unwrap();
        assert_eq!(url(BUCKET), "https://my-bucket.s3.amazonaws.com/a%20b/%E5%86%99.jpg");
        assert_eq!(
            url(Bucket { name: "my.bucket", path_style: true, ..BUCKET }),
            "https://my.bucket.s3.amazonaws.com/a%20b/%E5%86%99.jpg"
        );
        assert_eq!(
            url(Bucket { region: "cn-north-1", ..BUCKET }),
            "https://my-bucket.s3.cn-north-1.amazonaws.com.cn/a%20b/%E5%86%99.jpg"
        );
        assert_eq!(
            url(Bucket { endpoint: Some("localhost:9000"), ..BUCKET }),
            "https://localhost:9000/my-bucket/a%20b/%E5%86%99.jpg"
        );
    }
}
