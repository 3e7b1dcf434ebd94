//! What Docker hands to `docker-credential-homing`: a registry is taken for ECR's only if it is under AWS's domains,
//! because its password goes there.

use homing::aws::ecr_registry::Registry;

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let server = text.trim();
    let Some(registry) = Registry::of_server(server) else { return };
    let host = server.strip_prefix("https://").unwrap_or(server).split(['/', ':']).next().unwrap_or_default();
    assert!(!host.contains(['@', '?', '#']) || matches!(registry, Registry::Private { .. }));
    match registry {
        Registry::Public => assert_eq!(host, "public.ecr.aws"),
        Registry::Private { region, .. } => {
            assert!(SUFFIXES.iter().any(|suffix| host.ends_with(suffix)), "{host}");
            assert!(host.contains(region) && !region.is_empty());
            assert!(region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'));
        }
    }
}

/// The domains of AWS's partitions.
const SUFFIXES: &[&str] = &[
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
    ".on.aws",
    ".on.amazonwebservices.com.cn",
    ".c2s.ic.gov",
    ".sc2s.sgov.gov",
    ".cloud.adc-e.uk",
    ".csp.hci.ic.gov",
];
