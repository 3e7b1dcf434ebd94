//! Whether an endpoint of AWS IoT is the right one, as far as its name tells.

use super::Visit;
use super::details::Details;
use crate::config::{Endpoint, IotKind};
use crate::error::{Error, Fault};
use crate::options::Id;

/// Tells of the kind and the region in the name; of names that are not AWS's nothing is known.
pub(super) fn look(visit: &mut Visit<'_>, id: Id, endpoint: &Endpoint) {
    let (config, setting) = (visit.config, id.option().key);
    let Some(kind) = endpoint.iot_kind() else {
        return visit.report.skipped("endpoint_kind", setting, "its name is not one of AWS IoT's");
    };
    let mut details = Details::default();
    let name = match kind {
        IotKind::CredentialProvider => "iot:CredentialProvider",
        IotKind::Data => "iot:Data-ATS",
        IotKind::LegacyData => "iot:Data (legacy)",
        IotKind::Other => "another",
    };
    details.text("kind", &name);
    let region = endpoint.iot_region();
    if let Some(region) = region {
        details.text("region", &region);
        let other = config.credential_endpoint.as_ref().filter(|_| id == Id::DataEndpoint);
        if let Some(other) = other.and_then(Endpoint::iot_region).filter(|other| *other != region) {
            details.note(&format_args!(
                "credential_endpoint is in region {other}: a certificate is registered in one region, unless somebody \
                 registered it in both"
            ));
        }
        if let Some(own) = config.region.as_deref().filter(|own| *own != region) {
            details.note(&format_args!("region is {own}: right for a bucket that is there, else a mistake"));
        }
    }
    let result = match kind {
        IotKind::LegacyData if config.ca_file.is_none() => Err(Error::new(
            Fault::Config,
            "legacy_endpoint",
            format!(
                "{setting}: {endpoint} is the legacy data endpoint (iot:Data), whose certificate is signed by an \
                 authority that is no longer trusted"
            ),
        )
        .with_remedy("set it to what `aws iot describe-endpoint --endpoint-type iot:Data-ATS` prints")),
        _ => Ok(()),
    };
    visit.report.ended("endpoint_kind", setting, details, &result);
}
