//! The device's clock, by itself and against the servers'.

use super::Visit;
use super::details::Details;
use super::report::Report;
use crate::aws::s3_head_bucket::HeadBucket;
use crate::error::{Error, Fault};
use crate::job::place::Place;
use crate::net::http::Body;
use crate::net::stream::unix_time;
use crate::protocol::reply::Reply;
use crate::protocol::time::{BothClocks, clock_before_build, iso8601, parse_http_date};

/// Tells of a clock that must be wrong, and gives whether it did.
pub(super) fn look_at_own(report: &mut Report) -> bool {
    let Some(clock) = clock_before_build(unix_time(), crate::BUILD_TIME) else { return false };
    let error = Error::new(Fault::Config, "clock_before_build", clock.to_string()).with_remedy(REMEDY);
    report.failed("clock", "", Details::default(), &error);
    true
}

/// Asks S3 what time it is, where no server has said so: a certificate that has expired, or is not valid yet, often is a
/// wrong clock. A request without a signature is refused, with a date as well.
pub(super) fn ask(visit: &mut Visit<'_>, place: &Place) {
    let (Ok(client), Ok(request)) = (visit.network.public_client(), HeadBucket { bucket: place.bucket() }.request())
    else {
        return;
    };
    if let Ok(answer) = client.send(&request, Body::Empty, &mut []) {
        compare(visit, &answer.reply(), answer.midpoint);
    }
}

/// Compares the device's clock, in the middle of the exchange, with the server's: the first that says.
pub(super) fn compare(visit: &mut Visit<'_>, reply: &Reply<'_>, midpoint: i64) {
    // With an Age the date is that of a cached reply.
    let date = reply.header("date").filter(|_| reply.header("age").is_none());
    let Some(server) = date.and_then(|date| parse_http_date(date, crate::BUILD_TIME)) else { return };
    if std::mem::replace(&mut visit.clock_is_told, true) {
        return;
    }
    let clocks = BothClocks { device: midpoint, server };
    let difference = midpoint.abs_diff(server);
    let mut details = Details::default();
    details.number("seconds_off", difference);
    let result = match difference {
        WRONG.. => Err(Error::new(Fault::Config, "clock_wrong", clocks.to_string()).with_remedy(REMEDY)),
        DRIFTING.. => {
            details.note(&format_args!("it drifts: {clocks}; AWS refuses signatures that are 5 minutes off"));
            Ok(())
        }
        _ => Ok(()),
    };
    visit.report.ended("clock", "", details, &result);
}

/// Says what can be said where no server has told the time.
pub(super) fn conclude(visit: &mut Visit<'_>) {
    // One server may have an old certificate; all of them have not.
    if visit.out_of_date < 2 || visit.is_tls_ok {
        return visit.report.skipped("clock", "", "no server has said what time it is");
    }
    let message = format!("by this device's clock ({}) no server's certificate is valid", iso8601(unix_time()));
    let error = Error::new(Fault::Config, "clock_wrong", message).with_remedy(REMEDY);
    visit.report.failed("clock", "", Details::default(), &error);
}

const REMEDY: &str = "set the device's clock (a Raspberry Pi has none that survives power-off): start an NTP client, and \
                      wait for it before homing runs";
/// Seconds. Most services refuse a signature of another time than within 5 minutes, S3 within 15.
const WRONG: u64 = 300;
/// Seconds that no network delay explains, and that a clock which is kept right is not off.
const DRIFTING: u64 = 10;
