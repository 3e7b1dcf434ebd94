//! The credentials: from the role alias, its refusal taken apart, or from elsewhere.

use super::details::Details;
use super::endpoint::Probed;
use super::refusal::Refusal;
use super::{CREDENTIAL_ENDPOINT, Visit, clock};
use crate::aws::JsonServiceError;
use crate::aws::iot_credentials::RoleAliasCredentials;
use crate::config::{Config, CredentialSource};
use crate::error::{Error, Fault, Result};
use crate::job::credentials::{self, Wanted};
use crate::job::role_alias;
use crate::net::stream::unix_time;
use crate::options::Id;
use crate::protocol::credentials::Credentials;
use crate::protocol::hexadecimal;
use crate::protocol::time::iso8601;

/// Gets them anew, and tells how that went.
pub(super) fn obtain(
    visit: &mut Visit<'_>,
    source: Result<CredentialSource>,
    provider: Probed,
) -> Option<Box<Credentials>> {
    let mut details = Details::default();
    let source = match source {
        Ok(source) => source,
        // Such a device has messages for everything it sends.
        Err(_) if visit.config.data_endpoint.is_some() && !visit.is_set(Id::Bucket) && !visit.is_set(Id::RoleAlias) => {
            visit.report.skipped("credentials", "", "neither bucket nor role_alias is set: only messages can be sent");
            return None;
        }
        Err(error) => {
            visit.report.unset("credentials", "", details, &error);
            return None;
        }
    };
    details.text("source", &credentials::name(source));
    let (step, setting, obtained) = if source == CredentialSource::RoleAlias {
        let why = match provider {
            Probed::Failed => Some("credential_endpoint cannot be reached"),
            Probed::Well => visit.no_certificate,
            Probed::Unset if visit.is_set(Id::CredentialEndpoint) => {
                Some("credential_endpoint cannot be used: see configuration")
            }
            // What is missing is told.
            Probed::Unset => None,
        };
        if let Some(why) = why {
            visit.report.skipped("role_alias", CREDENTIAL_ENDPOINT, why);
            return None;
        }
        ("role_alias", CREDENTIAL_ENDPOINT, from_role_alias(visit, &mut details))
    } else {
        let wanted = Wanted { min_ttl: 0, min_ttl_is_required: false, use_cache: false };
        ("credentials", "", credentials::obtain_with(visit.config, visit.network, &wanted))
    };
    match obtained {
        Ok(credentials) => {
            visit.report.ok(step, setting, details);
            Some(credentials)
        }
        Err(error) => {
            visit.report.failed(step, setting, details, &error);
            None
        }
    }
}

/// Tells how long they are good: `None` for no credentials, `Some(None)` for those that do not say.
pub(super) fn look_at_life(visit: &mut Visit<'_>, expiration: Option<Option<i64>>) {
    let why = match expiration {
        None => "there are no credentials",
        Some(None) => "nothing says when they end",
        Some(Some(expiration)) => return life(visit, expiration),
    };
    visit.report.skipped("credentials_life", "", why);
}

fn life(visit: &mut Visit<'_>, expiration: i64) {
    let left = u64::try_from(expiration.saturating_sub(unix_time())).unwrap_or(0);
    let mut details = Details::default();
    details.number("seconds_left", left).text("until", &iso8601(expiration));
    let wanted = visit.config.min_ttl.unwrap_or(1);
    let result = if left < wanted {
        let message = format!("new credentials live {left} s by this device's clock, and {wanted} s are wanted");
        Err(Error::new(Fault::Config, "min_ttl_not_met", message)
            .with_remedy("check the device's clock, min_ttl, and the role alias's credentialDurationSeconds"))
    } else {
        Ok(())
    };
    visit.report.ended("credentials_life", "", details, &result);
}

fn from_role_alias(visit: &mut Visit<'_>, details: &mut Details) -> Result<Box<Credentials>> {
    let (config, network) = (visit.config, visit.network);
    let endpoint = role_alias::required_endpoint(config)?;
    let call = role_alias::configured(config, &endpoint)?;
    details.text("role_alias", &call.role_alias).text("thing_name", &call.thing_name.unwrap_or("none"));
    let certificate: String = hexadecimal::digits(&network.certificate_fingerprint()?).collect();
    let mut refusal = Refusal {
        role_alias: call.role_alias,
        thing_name: call.thing_name,
        region: region(config),
        certificate: &certificate,
        is_active: visit.is_active,
        is_refused: visit.is_refused,
        status: 0,
        message: String::new(),
    };
    let client = network.device_client(&[])?;
    let asked = call.request().and_then(|request| {
        credentials::ask(&client, &request, |reply, midpoint| {
            clock::compare(visit, reply, midpoint);
            refusal.status = reply.status;
            if reply.status != 200 {
                refusal.message = JsonServiceError::read(reply).message;
            }
            call.parse(reply)
        })
    });
    let error = match asked {
        Ok(credentials) => return Ok(credentials),
        Err(error) => refusal.explain(error),
    };
    if error.code() == super::refusal::THING_NOT_ATTACHED {
        // Whether there is more to change than the thing.
        let nameless = RoleAliasCredentials { thing_name: None, ..call };
        let request = nameless.request();
        let without = request.and_then(|request| credentials::ask(&client, &request, |reply, _| nameless.parse(reply)));
        let found = match &without {
            Ok(_) => "credentials are given without the thing name: nothing else is wrong".to_owned(),
            Err(error) => format!("without the thing name: {}", error.message()),
        };
        details.note(&found);
    }
    Err(error)
}

fn region(config: &Config) -> &str {
    let of_endpoint = config.credential_endpoint.as_ref().and_then(|endpoint| endpoint.iot_region());
    of_endpoint.or(config.region.as_deref()).unwrap_or("REGION")
}
