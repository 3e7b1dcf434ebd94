//! Endpoints: a host with an optional port, and what AWS's own names give away.

use std::fmt;

/// Where to connect. Always TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// A host name in lower case, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    /// The port, where one was given.
    pub port: Option<u16>,
}

impl Endpoint {
    /// Reads `host`, `host:port`, `[v6]`, `[v6]:port`, each also after `https://` and with one slash at the end.
    ///
    /// # Errors
    /// What is wrong with it, to be read after the quoted value.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let rest = match text.split_once("://") {
            None => text,
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => rest,
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("http") => {
                return Err(
                    "is refused: over plain http:// anybody on the way could read the credentials; homing speaks TLS only, so give https:// or the bare host name",
                );
            }
            Some(_) => return Err("has an unknown scheme: give https:// or the bare host name"),
        };
        if rest.contains('@') {
            return Err("contains a user name or password: give the host name only");
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#']) {
            return Err("has a path: give the host name and port only");
        }
        let (host, port) = if let Some(bracketed) = rest.strip_prefix('[') {
            let (host, behind) = bracketed.split_once(']').ok_or("lacks the closing bracket of its IPv6 address")?;
            if host.parse::<std::net::Ipv6Addr>().is_err() {
                return Err("has no IPv6 address between its brackets");
            }
            match behind.strip_prefix(':') {
                _ if behind.is_empty() => (host, None),
                Some(port) => (host, Some(port)),
                None => return Err("has more text after the brackets than :PORT"),
            }
        } else if rest.parse::<std::net::Ipv6Addr>().is_ok() {
            return Err("is an IPv6 address: write it in brackets, like [::1] or [::1]:8883");
        } else {
            match rest.split_once(':') {
                None => (rest, None),
                Some((host, port)) => (host, Some(port)),
            }
        };
        let is_address = rest.starts_with('[');
        if !is_address && !is_host_name(host) {
            return Err("is no host name: expected HOST, HOST:PORT or https://HOST[:PORT]");
        }
        let port = match port {
            None => None,
            Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => match digits.parse::<u16>() {
                Ok(port) if port > 0 => Some(port),
                _ => return Err("has a port outside 1 to 65535"),
            },
            Some(_) => return Err("has a port that is no number"),
        };
        Ok(Self { host: host.to_ascii_lowercase(), port })
    }

    /// Whether AWS itself runs it, judged by the name.
    pub fn is_aws(&self) -> bool {
        [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].iter().any(|suffix| self.host.ends_with(suffix))
    }

    /// The kind of AWS IoT endpoint that the name shows; `None` where it is not on amazonaws.com.
    pub fn iot_kind(&self) -> Option<IotKind> {
        let name = self.host.strip_suffix(".cn").unwrap_or(&self.host).strip_suffix(".amazonaws.com")?;
        // A VPC endpoint's own name (vpce-….iot.REGION.vpce.amazonaws.com) says nothing about its kind.
        let labels: Vec<&str> = name.split('.').filter(|_| !name.ends_with(".vpce")).collect();
        let iot = labels.iter().position(|label| *label == "iot" || label.starts_with("iot-fips"))?;
        let before = labels[..iot].last().copied().unwrap_or_default();
        Some(match before {
            "credentials" => IotKind::CredentialProvider,
            // Without a name in front it is the one of the control plane, which the AWS CLI talks to.
            "jobs" | "" => IotKind::Other,
            "data" | "ats" => IotKind::Data,
            _ if before.ends_with("-ats") => IotKind::Data,
            _ => IotKind::LegacyData,
        })
    }

    /// The AWS region in the name of an AWS IoT endpoint.
    pub fn iot_region(&self) -> Option<&str> {
        self.iot_kind()?;
        let name = self.host.strip_suffix(".cn").unwrap_or(&self.host).strip_suffix(".amazonaws.com")?;
        name.rsplit('.').next().filter(|label| label.contains('-') && !label.starts_with("iot-"))
    }
}

impl fmt::Display for Endpoint {
    /// `host`, `host:port`, with brackets around an IPv6 address.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]", self.host)?;
        } else {
            formatter.write_str(&self.host)?;
        }
        self.port.map_or(Ok(()), |port| write!(formatter, ":{port}"))
    }
}

/// The endpoints of AWS IoT that `aws iot describe-endpoint` gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IotKind {
    /// `iot:CredentialProvider`.
    CredentialProvider,
    /// `iot:Data-ATS`.
    Data,
    /// `iot:Data`, whose certificate is signed by an authority that is no longer trusted.
    LegacyData,
    /// Another one, such as `iot:Jobs`.
    Other,
}

/// RFC 1123 with underscores, which container networks use.
fn is_host_name(host: &str) -> bool {
    let label_is_valid = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    host.len() <= 253 && host.split('.').all(label_is_valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_hosts_and_ports() {
        for (text, host, port) in [
            ("example.com", "example.com", None),
            ("Example.COM:8443", "example.com", Some(8443)),
            ("https://example.com", "example.com", None),
            ("HTTPS://example.com:9000/", "example.com", Some(9000)),
            ("127.0.0.1:1", "127.0.0.1", Some(1)),
            ("[::1]", "::1", None),
            ("https://[fd00:ec2::23]:443", "fd00:ec2::23", Some(443)),
            ("localhost", "localhost", None),
            ("minio_1:9000", "minio_1", Some(9000)),
        ] {
            assert_eq!(Endpoint::parse(text), Ok(Endpoint { host: host.to_owned(), port }), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_endpoint_and_says_why() {
        for (text, why) in [
            ("http://example.com", "TLS only"),
            ("mqtts://example.com", "unknown scheme"),
            ("https://user:pass@example.com", "password"),
            ("https://example.com/path", "path"),
            ("::1", "brackets"),
            ("[::1", "closing bracket"),
            ("[::x]", "IPv6"),
            ("[::1]8883", ":PORT"),
            ("example.com:0", "1 to 65535"),
            ("example.com:70000", "1 to 65535"),
            ("example.com:", "1 to 65535"),
            ("example.com:https", "no number"),
            ("exa mple.com", "host name"),
            ("-x.com", "host name"),
            ("a..b", "host name"),
            ("https://", "host name"),
        ] {
            assert!(Endpoint::parse(text).unwrap_err().contains(why), "{text}: {:?}", Endpoint::parse(text));
        }
    }

    #[test]
    fn prints_what_it_read() {
        for text in ["example.com", "example.com:8443", "[::1]", "[::1]:8883"] {
            assert_eq!(Endpoint::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn aws_iot_endpoints_are_told_apart_by_name() {
        for (host, kind, region) in [
            ("c2x.credentials.iot.ap-northeast-1.amazonaws.com", IotKind::CredentialProvider, "ap-northeast-1"),
            ("c2x.credentials.iot.cn-north-1.amazonaws.com.cn", IotKind::CredentialProvider, "cn-north-1"),
            ("a2x-ats.iot.eu-west-1.amazonaws.com", IotKind::Data, "eu-west-1"),
            ("a2x.ats.iot.cn-north-1.amazonaws.com.cn", IotKind::Data, "cn-north-1"),
            ("a2x.iot.us-east-1.amazonaws.com", IotKind::LegacyData, "us-east-1"),
            ("a2x.jobs.iot.us-east-1.amazonaws.com", IotKind::Other, "us-east-1"),
            ("iot.eu-west-1.amazonaws.com", IotKind::Other, "eu-west-1"),
            ("iot-fips.us-east-2.amazonaws.com", IotKind::Other, "us-east-2"),
        ] {
            let endpoint = Endpoint::parse(host).unwrap();
            assert_eq!(endpoint.iot_kind(), Some(kind), "{host}");
            assert_eq!(endpoint.iot_region(), Some(region), "{host}");
        }
        for host in [
            "localhost",
            "iot.example.com",
            "s3.eu-west-1.amazonaws.com",
            "vpce-1.data.iot.us-east-1.vpce.amazonaws.com",
        ] {
            assert_eq!(Endpoint::parse(host).unwrap().iot_kind(), None, "{host}");
        }
    }
}
