//! The registries of Amazon ECR by their host names, as image names and Docker's credential helpers carry them.
//!
//! Amazon ECR User Guide, "Amazon ECR private registry" and "Making requests over IPv6"; the names are those that
//! amazon-ecr-credential-helper answers for, in the partitions that homing knows.

use super::endpoint::dns_suffix;

/// A registry that ECR gives a password for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registry<'a> {
    /// An account's own registry in one region.
    Private {
        /// Its region.
        region: &'a str,
        /// Whether its name is the one whose cryptography is validated by FIPS 140.
        fips: bool,
        /// Whether its name is the one that answers over IPv6, too.
        dual_stack: bool,
    },
    /// `public.ecr.aws`, whose passwords come from `us-east-1`.
    Public,
}

impl<'a> Registry<'a> {
    /// The registry of a server as Docker names it: a host name, or a URL with `https://`; port and path do not count.
    /// `None` when it is none of ECR's.
    pub fn of_server(server: &'a str) -> Option<Self> {
        let server = server.strip_prefix("https://").unwrap_or(server);
        let host = server.split(['/', ':']).next().unwrap_or_default();
        if host == PUBLIC {
            return Some(Self::Public);
        }
        let (account, rest) = host.split_once(".dkr")?;
        if account.len() != ACCOUNT_LENGTH || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (dual_stack, rest) = match rest.strip_prefix('.') {
            Some(rest) => (false, rest),
            None => (true, rest.strip_prefix('-')?),
        };
        let (service, rest) = rest.split_once('.')?;
        let fips = match service {
            "ecr" => false,
            "ecr-fips" => true,
            _ => return None,
        };
        let (region, suffix) = rest.split_once('.')?;
        let expected = if dual_stack { dual_stack_suffix(region)? } else { dns_suffix(region).ok()? };
        (suffix == expected).then_some(Self::Private { region, fips, dual_stack })
    }
}

/// Of registries' names; those of the services' own are others. `None` where none is documented.
fn dual_stack_suffix(region: &str) -> Option<&'static str> {
    match dns_suffix(region) {
        Ok("amazonaws.com") => Some("on.aws"),
        Ok("amazonaws.com.cn") => Some("on.amazonwebservices.com.cn"),
        _ => None,
    }
}

const PUBLIC: &str = "public.ecr.aws";
const ACCOUNT_LENGTH: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_of_every_kind_are_known() {
        for (server, region, fips, dual_stack) in [
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "eu-west-1", false, false),
            ("https://123456789012.dkr.ecr.us-gov-west-1.amazonaws.com", "us-gov-west-1", false, false),
            ("https://123456789012.dkr.ecr.eu-west-1.amazonaws.com/v2/", "eu-west-1", false, false),
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com:443/camera/app", "eu-west-1", false, false),
            ("123456789012.dkr.ecr-fips.us-east-2.amazonaws.com", "us-east-2", true, false),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1", false, false),
            ("123456789012.dkr-ecr.eu-west-1.on.aws", "eu-west-1", false, true),
            ("123456789012.dkr-ecr-fips.us-east-1.on.aws", "us-east-1", true, true),
            ("123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn", "cn-north-1", false, true),
            ("123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov", "us-iso-east-1", false, false),
            ("123456789012.dkr.ecr.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1", false, false),
            ("123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", false, false),
        ] {
            assert_eq!(Registry::of_server(server), Some(Registry::Private { region, fips, dual_stack }), "{server}");
        }
        for server in ["public.ecr.aws", "https://public.ecr.aws", "public.ecr.aws/docker/library"] {
            assert_eq!(Registry::of_server(server), Some(Registry::Public), "{server}");
        }
    }

    /// A password goes to no server that is not ECR.
    #[test]
    fn other_servers_are_not_taken_for_ecr() {
        for server in [
            "",
            "https://index.docker.io/v1/",
            "ghcr.io",
            "localhost:5000",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example",
            "evil.example/123456789012.dkr.ecr.eu-west-1.amazonaws.com",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com@evil.example",
            "https://user@123456789012.dkr.ecr.eu-west-1.amazonaws.com",
            "http://123456789012.dkr.ecr.eu-west-1.amazonaws.com",
            "x.123456789012.dkr.ecr.eu-west-1.amazonaws.com",
            "12345678901.dkr.ecr.eu-west-1.amazonaws.com",
            "12345678901x.dkr.ecr.eu-west-1.amazonaws.com",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com.cn",
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com",
            "123456789012.dkr-ecr.eu-west-1.amazonaws.com",
            "123456789012.dkr.ecr.eu-west-1.on.aws",
            "123456789012.dkr.ecr.a.b.amazonaws.com",
            "123456789012.dkr.ecr.amazonaws.com",
            "123456789012.dkr.s3.eu-west-1.amazonaws.com",
            "123456789012.dkrecr.eu-west-1.amazonaws.com",
            "123456789012.dkr-ecr.us-iso-east-1.",
            "public.ecr.aws.evil.example",
            "my.public.ecr.aws",
        ] {
            assert_eq!(Registry::of_server(server), None, "{server}");
        }
    }
}
