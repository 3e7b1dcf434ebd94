//! Whose the credentials are, as STS says.

use super::details::Details;
use super::endpoint::Probed;
use super::{STS_ENDPOINT, Visit, clock};
use crate::aws::endpoint::Service;
use crate::aws::sts_get_caller_identity::{BODY, CallerIdentity, GetCallerIdentity};
use crate::error::Result;
use crate::job::service::ServiceClient;
use crate::job::signer::Signer;

/// Asks STS, which nothing but this step needs.
pub(super) fn look(visit: &mut Visit<'_>, signer: Option<&Signer>) {
    let why = match (visit.sts(), signer) {
        (_, None) => "there are no credentials",
        (None, _) => "STS's endpoint is not known (region, or endpoints.sts, for a store that is not AWS's)",
        (Some(target), Some(signer)) => match visit.probe(STS_ENDPOINT, &target, false, &[], false) {
            Probed::Well => return ask(visit, signer),
            _ => "STS cannot be reached",
        },
    };
    visit.report.skipped("identity", "", why);
}

fn ask(visit: &mut Visit<'_>, signer: &Signer) {
    let mut details = Details::default();
    let result = caller(visit, signer).map(|CallerIdentity { account, arn }| {
        details.text("account", &account).text("arn", &arn);
    });
    visit.report.ended("identity", "", details, &result);
}

fn caller(visit: &mut Visit<'_>, signer: &Signer) -> Result<CallerIdentity> {
    let client = ServiceClient::open(visit.config, visit.network, Service::Sts)?;
    let call = GetCallerIdentity { authority: client.authority() };
    let mut buffer = [0; REPLY_CAPACITY];
    let network = visit.network;
    let visit = std::cell::RefCell::new(visit);
    client.call(
        network,
        signer,
        || call.request(),
        BODY,
        &mut buffer,
        |reply, now| {
            clock::compare(&mut visit.borrow_mut(), reply, now);
            call.parse(reply, now)
        },
    )
}

/// Account, ARN and user id, each of at most 2 KiB by the API Reference, and far shorter.
const REPLY_CAPACITY: usize = 8 * 1024;
