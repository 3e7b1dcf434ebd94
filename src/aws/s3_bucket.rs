//! Where a bucket is: host names, paths and URLs.
//!
//! Amazon S3 User Guide, "Virtual hosting of general purpose buckets".

use super::endpoint::{Service, Variant, dns_suffix};
use super::{printable, too_large};
use crate::error::{Error, Fault, Result};
use crate::protocol::request::Request;
use crate::protocol::template::KEY_CAPACITY;
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
    /// Which of AWS's endpoints; means nothing where `endpoint` is set.
    pub variant: Variant,
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
        Ok(match dns_suffix(self.region)? {
            GLOBAL_SUFFIX => format!("https://{}.s3.{GLOBAL_SUFFIX}/{key}", self.name),
            suffix => format!("https://{}.s3.{}.{suffix}/{key}", self.name, self.region),
        })
    }

    /// Begins a request for an object; `query` is already encoded. `key` is not: 1 to 1,024 bytes of UTF-8.
    ///
    /// # Errors
    /// A configuration or data error for what S3 cannot take.
    pub(super) fn object_request(&self, method: &'static str, key: &str, query: &str) -> Result<Request> {
        if key.is_empty() || key.len() > KEY_CAPACITY {
            let length = key.len();
            return Err(Error::new(
                Fault::Data,
                "invalid_key",
                format!("the key has {length} bytes: S3 takes 1 to 1,024"),
            ));
        }
        let (authority, base) = self.place()?;
        Request::new(method, &authority, &format!("{base}/{}", encode_key(key)), query).map_err(too_large)
    }

    /// Begins a request for the bucket itself; `query` is already encoded.
    ///
    /// # Errors
    /// A configuration error for a place that cannot be one.
    pub(super) fn bucket_request(&self, method: &'static str, query: &str) -> Result<Request> {
        let (authority, base) = self.place()?;
        Request::new(method, &authority, &format!("{base}/"), query).map_err(too_large)
    }

    /// `s3://bucket/key`, for errors. A key can come from a file's name, and that may have control characters.
    pub(super) fn target(&self, key: &str) -> String {
        format!("s3://{}/{}", self.name, printable(key))
    }

    /// The authority, and what comes before `/<key>` in the path.
    pub(super) fn place(&self) -> Result<(String, String)> {
        self.check()?;
        let (host, base) = match self.endpoint {
            None => (Service::S3.host(self.region, self.variant)?, ""),
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
        // Where there is an endpoint, too: signatures name the region.
        dns_suffix(self.region)?;
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

const GLOBAL_SUFFIX: &str = "amazonaws.com";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::tests::BUCKET;

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
    fn variants_and_partitions_are_those_of_the_endpoint_rules() {
        let fips = Variant { fips: true, ..Variant::ORDINARY };
        let dual_stack = Variant { dual_stack: true, ..Variant::ORDINARY };
        for (bucket, host) in [
            (Bucket { variant: fips, ..BUCKET }, "my-bucket.s3-fips.eu-west-1.amazonaws.com"),
            (Bucket { variant: dual_stack, ..BUCKET }, "my-bucket.s3.dualstack.eu-west-1.amazonaws.com"),
            (
                Bucket { variant: Variant { fips: true, dual_stack: true }, path_style: true, ..BUCKET },
                "s3-fips.dualstack.eu-west-1.amazonaws.com",
            ),
            (
                Bucket { variant: dual_stack, region: "cn-north-1", ..BUCKET },
                "my-bucket.s3.dualstack.cn-north-1.amazonaws.com.cn",
            ),
            (Bucket { region: "eusc-de-east-1", ..BUCKET }, "my-bucket.s3.eusc-de-east-1.amazonaws.eu"),
            (Bucket { region: "us-iso-east-1", ..BUCKET }, "my-bucket.s3.us-iso-east-1.c2s.ic.gov"),
            // A store of one's own has no variants.
            (Bucket { variant: fips, endpoint: Some("store.example"), ..BUCKET }, "my-bucket.store.example"),
        ] {
            assert_eq!(place(bucket).0, host);
        }
        let error = Bucket { variant: fips, region: "cn-north-1", ..BUCKET }.authority().unwrap_err();
        assert_eq!((error.fault(), error.code()), (Fault::Config, "no_fips_endpoint"));
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
