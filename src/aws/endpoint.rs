//! Where AWS's services are: host names by service, region, partition and variant.
//!
//! AWS General Reference, "Service endpoints and quotas"; AWS SDKs and Tools Reference Guide, "Dual-stack and FIPS
//! endpoints". The names are those that botocore's endpoint rules give; a test holds them side by side.

use super::printable;
use crate::error::{Error, Fault, Result};

/// A service that homing calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Amazon S3.
    S3,
    /// AWS Secrets Manager.
    SecretsManager,
    /// Amazon DynamoDB.
    DynamoDb,
    /// Amazon Elastic Container Registry, private registries.
    Ecr,
    /// The public registry, which has one region: `us-east-1`.
    EcrPublic,
    /// AWS CodeArtifact.
    CodeArtifact,
    /// AWS Security Token Service.
    Sts,
}

/// Which of a service's endpoints is meant: `AWS_USE_FIPS_ENDPOINT` and `AWS_USE_DUALSTACK_ENDPOINT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variant {
    /// The endpoint whose cryptography is validated by FIPS 140.
    pub fips: bool,
    /// The endpoint that answers over IPv6, too.
    pub dual_stack: bool,
}

impl Variant {
    /// Neither of the two.
    pub const ORDINARY: Self = Self { fips: false, dual_stack: false };
}

impl Service {
    /// Its name in the credential scope of a signature.
    pub const fn signing_name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::SecretsManager => "secretsmanager",
            Self::DynamoDb => "dynamodb",
            Self::Ecr => "ecr",
            Self::EcrPublic => "ecr-public",
            Self::CodeArtifact => "codeartifact",
            Self::Sts => "sts",
        }
    }

    /// What people call it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::S3 => "S3",
            Self::SecretsManager => "Secrets Manager",
            Self::DynamoDb => "DynamoDB",
            Self::Ecr => "ECR",
            Self::EcrPublic => "ECR Public",
            Self::CodeArtifact => "CodeArtifact",
            Self::Sts => "STS",
        }
    }

    /// The host name of the service's endpoint in `region`; for S3, without a bucket.
    ///
    /// # Errors
    /// A configuration error: `region` cannot be a region, or its partition has no FIPS endpoints (China).
    pub fn host(self, region: &str, variant: Variant) -> Result<String> {
        let partition = Partition::of(region)?;
        if variant.fips && !partition.has_fips {
            return Err(Error::new(
                Fault::Config,
                "no_fips_endpoint",
                format!("there are no FIPS endpoints in region {region}, but use_fips_endpoint is on"),
            )
            .with_remedy("turn it off: --use-fips-endpoint=false, or AWS_USE_FIPS_ENDPOINT=false"));
        }
        // GovCloud's ordinary endpoints of these two are the validated ones; the name with -fips is dual-stack only.
        let same_in_govcloud =
            matches!(self, Self::DynamoDb | Self::Sts) && region.starts_with("us-gov-") && !variant.dual_stack;
        let fips = if variant.fips && !same_in_govcloud { "-fips" } else { "" };
        let name = self.signing_name();
        if self == Self::S3 {
            let dual_stack = if variant.dual_stack { ".dualstack" } else { "" };
            return Ok(format!("{name}{fips}{dual_stack}.{region}.{}", partition.suffix));
        }
        // Secrets Manager answers over IPv6 under its ordinary name in the partitions that are called aws.
        let ordinary_is_dual_stack = self == Self::SecretsManager && !partition.is_separate;
        if variant.dual_stack && !ordinary_is_dual_stack {
            return Ok(format!("{name}{fips}.{region}.{}", partition.dual_stack_suffix));
        }
        let api = if matches!(self, Self::Ecr | Self::EcrPublic) { "api." } else { "" };
        Ok(format!("{api}{name}{fips}.{region}.{}", partition.suffix))
    }
}

/// The domain of a region's partition: `amazonaws.com` but for those that are kept apart.
///
/// # Errors
/// A configuration error: `region` cannot be a region.
pub fn dns_suffix(region: &str) -> Result<&'static str> {
    Partition::of(region).map(|partition| partition.suffix)
}

/// A group of regions with domains of its own.
struct Partition {
    /// The beginning of its regions' names; empty for the one that all others are in.
    prefix: &'static str,
    suffix: &'static str,
    dual_stack_suffix: &'static str,
    has_fips: bool,
    /// Whether it is kept apart from the commercial regions, beyond China's.
    is_separate: bool,
}

impl Partition {
    fn of(region: &str) -> Result<&'static Self> {
        let region_byte = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if region.is_empty() || region.len() > REGION_MAXIMUM || !region.bytes().all(region_byte) {
            return Err(Error::new(
                Fault::Config,
                "invalid_region",
                format!("region {:?} cannot be the name of a region", printable(region)),
            )
            .with_remedy("give its code, such as eu-west-1"));
        }
        let found = PARTITIONS.iter().find(|partition| region.starts_with(partition.prefix));
        // The last one's prefix is empty, so that one is always found.
        Ok(found.unwrap_or(&PARTITIONS[PARTITIONS.len() - 1]))
    }
}

/// By prefix; the last is for all other regions, AWS GovCloud's among them.
const PARTITIONS: [Partition; 7] = [
    Partition {
        prefix: "cn-",
        suffix: "amazonaws.com.cn",
        dual_stack_suffix: "api.amazonwebservices.com.cn",
        has_fips: false,
        is_separate: false,
    },
    Partition {
        prefix: "us-iso-",
        suffix: "c2s.ic.gov",
        dual_stack_suffix: "api.aws.ic.gov",
        has_fips: true,
        is_separate: true,
    },
    Partition {
        prefix: "us-isob-",
        suffix: "sc2s.sgov.gov",
        dual_stack_suffix: "api.aws.scloud",
        has_fips: true,
        is_separate: true,
    },
    Partition {
        prefix: "eu-isoe-",
        suffix: "cloud.adc-e.uk",
        dual_stack_suffix: "api.cloud-aws.adc-e.uk",
        has_fips: true,
        is_separate: true,
    },
    Partition {
        prefix: "us-isof-",
        suffix: "csp.hci.ic.gov",
        dual_stack_suffix: "api.aws.hci.ic.gov",
        has_fips: true,
        is_separate: true,
    },
    Partition {
        prefix: "eusc-",
        suffix: "amazonaws.eu",
        dual_stack_suffix: "api.amazonwebservices.eu",
        has_fips: true,
        is_separate: true,
    },
    Partition { prefix: "", suffix: "amazonaws.com", dual_stack_suffix: "api.aws", has_fips: true, is_separate: false },
];
/// A DNS label.
const REGION_MAXIMUM: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Variant = Variant { fips: false, dual_stack: false };
    const DUAL: Variant = Variant { fips: false, dual_stack: true };
    const FIPS: Variant = Variant { fips: true, dual_stack: false };
    const BOTH: Variant = Variant { fips: true, dual_stack: true };

    #[test]
    fn hosts_are_botocores() {
        use Service::{CodeArtifact, DynamoDb, Ecr, EcrPublic, S3, SecretsManager};
        for (service, region, hosts) in [
            (
                S3,
                "eu-west-1",
                [
                    "s3.eu-west-1.amazonaws.com",
                    "s3.dualstack.eu-west-1.amazonaws.com",
                    "s3-fips.eu-west-1.amazonaws.com",
                    "s3-fips.dualstack.eu-west-1.amazonaws.com",
                ],
            ),
            (
                SecretsManager,
                "us-gov-west-1",
                [
                    "secretsmanager.us-gov-west-1.amazonaws.com",
                    "secretsmanager.us-gov-west-1.amazonaws.com",
                    "secretsmanager-fips.us-gov-west-1.amazonaws.com",
                    "secretsmanager-fips.us-gov-west-1.amazonaws.com",
                ],
            ),
            (
                SecretsManager,
                "eusc-de-east-1",
                [
                    "secretsmanager.eusc-de-east-1.amazonaws.eu",
                    "secretsmanager.eusc-de-east-1.api.amazonwebservices.eu",
                    "secretsmanager-fips.eusc-de-east-1.amazonaws.eu",
                    "secretsmanager-fips.eusc-de-east-1.api.amazonwebservices.eu",
                ],
            ),
            (
                DynamoDb,
                "us-east-1",
                [
                    "dynamodb.us-east-1.amazonaws.com",
                    "dynamodb.us-east-1.api.aws",
                    "dynamodb-fips.us-east-1.amazonaws.com",
                    "dynamodb-fips.us-east-1.api.aws",
                ],
            ),
            (
                DynamoDb,
                "us-gov-west-1",
                [
                    "dynamodb.us-gov-west-1.amazonaws.com",
                    "dynamodb.us-gov-west-1.api.aws",
                    "dynamodb.us-gov-west-1.amazonaws.com",
                    "dynamodb-fips.us-gov-west-1.api.aws",
                ],
            ),
            (
                Ecr,
                "eu-west-1",
                [
                    "api.ecr.eu-west-1.amazonaws.com",
                    "ecr.eu-west-1.api.aws",
                    "api.ecr-fips.eu-west-1.amazonaws.com",
                    "ecr-fips.eu-west-1.api.aws",
                ],
            ),
            (
                CodeArtifact,
                "us-isob-east-1",
                [
                    "codeartifact.us-isob-east-1.sc2s.sgov.gov",
                    "codeartifact.us-isob-east-1.api.aws.scloud",
                    "codeartifact-fips.us-isob-east-1.sc2s.sgov.gov",
                    "codeartifact-fips.us-isob-east-1.api.aws.scloud",
                ],
            ),
            (
                SecretsManager,
                "eu-isoe-west-1",
                [
                    "secretsmanager.eu-isoe-west-1.cloud.adc-e.uk",
                    "secretsmanager.eu-isoe-west-1.api.cloud-aws.adc-e.uk",
                    "secretsmanager-fips.eu-isoe-west-1.cloud.adc-e.uk",
                    "secretsmanager-fips.eu-isoe-west-1.api.cloud-aws.adc-e.uk",
                ],
            ),
            (
                S3,
                "us-isof-south-1",
                [
                    "s3.us-isof-south-1.csp.hci.ic.gov",
                    "s3.dualstack.us-isof-south-1.csp.hci.ic.gov",
                    "s3-fips.us-isof-south-1.csp.hci.ic.gov",
                    "s3-fips.dualstack.us-isof-south-1.csp.hci.ic.gov",
                ],
            ),
        ] {
            for (variant, host) in [PLAIN, DUAL, FIPS, BOTH].into_iter().zip(hosts) {
                assert_eq!(service.host(region, variant).unwrap(), host);
            }
        }
        assert_eq!(EcrPublic.host("us-east-1", PLAIN).unwrap(), "api.ecr-public.us-east-1.amazonaws.com");
        assert_eq!(EcrPublic.host("us-east-1", DUAL).unwrap(), "ecr-public.us-east-1.api.aws");
        for (region, variant, host) in [
            ("eu-west-1", PLAIN, "sts.eu-west-1.amazonaws.com"),
            ("us-west-2", FIPS, "sts-fips.us-west-2.amazonaws.com"),
            ("us-gov-west-1", FIPS, "sts.us-gov-west-1.amazonaws.com"),
            ("eu-west-1", DUAL, "sts.eu-west-1.api.aws"),
        ] {
            assert_eq!(Service::Sts.host(region, variant).unwrap(), host);
        }
        assert_eq!(DynamoDb.host("cn-north-1", DUAL).unwrap(), "dynamodb.cn-north-1.api.amazonwebservices.com.cn");
        assert_eq!(Ecr.host("us-iso-east-1", PLAIN).unwrap(), "api.ecr.us-iso-east-1.c2s.ic.gov");
    }

    #[test]
    fn what_there_is_not_is_a_configuration_error() {
        let error = Service::S3.host("cn-north-1", FIPS).unwrap_err();
        assert_eq!((error.fault(), error.code()), (Fault::Config, "no_fips_endpoint"));
        for region in ["", "eu-west-1.evil.example/", "EU-WEST-1", "a b"] {
            assert_eq!(Service::S3.host(region, PLAIN).unwrap_err().code(), "invalid_region");
        }
    }
}
