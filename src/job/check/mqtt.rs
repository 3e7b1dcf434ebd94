//! The way of messages: the broker lets the device in, and with `--write` takes a message.

use super::details::Details;
use super::endpoint::Probed;
use super::s3::{unrendered, values};
use super::{DATA_ENDPOINT, Visit};
use crate::aws::iot_publish::check_topic;
use crate::config::{Config, Via};
use crate::error::{Error, Fault, Result};
use crate::job::messenger::{self, Messenger};
use crate::net::stream::unix_time;
use crate::options::Id;
use crate::protocol::json::ObjectWriter;
use crate::protocol::template::{self, TOPIC_CAPACITY};
use crate::protocol::time::iso8601;

/// Connects as the configured client, and with `write` publishes a message.
pub(super) fn look(visit: &mut Visit<'_>, data: Probed, write: bool) {
    let why = match data {
        Probed::Unset if visit.is_set(Id::DataEndpoint) => "data_endpoint cannot be used: see configuration",
        Probed::Unset => "data_endpoint is not set",
        Probed::Failed => "data_endpoint cannot be reached",
        Probed::Well => match visit.no_certificate {
            Some(why) => why,
            None => return ask(visit, write),
        },
    };
    visit.report.skipped("mqtt", DATA_ENDPOINT, why);
}

fn ask(visit: &mut Visit<'_>, write: bool) {
    if visit.config.via == Via::Mqtt {
        let mut details = Details::default();
        if let Ok(id) = visit.config.client_id() {
            details.text("client_id", &id);
        }
        let result = messenger::greet(visit.config, visit.network);
        visit.is_active = result.is_ok();
        visit.is_refused = result.as_ref().is_err_and(|error| error.code() == "certificate_refused");
        visit.report.ended("mqtt", DATA_ENDPOINT, details, &result);
        if result.is_err() {
            return visit.report.skipped("publish", DATA_ENDPOINT, "MQTT does not connect");
        }
    }
    let mut details = Details::default();
    // A template that gives no topic is a mistake without a broker, too.
    let topic = topic(visit.config, &mut details);
    if !write && topic.is_ok() {
        return visit.report.skipped("publish", DATA_ENDPOINT, "nothing is published without --write");
    }
    let result = topic.and_then(|topic| publish(visit, &topic));
    visit.is_active |= result.is_ok();
    visit.report.ended("publish", DATA_ENDPOINT, details, &result);
}

fn topic(config: &Config, details: &mut Details) -> Result<heapless::String<TOPIC_CAPACITY>> {
    let topic = template::render(&config.topic, &values(config.thing_name.as_deref()))
        .map_err(|error| unrendered(config.described(Id::Topic), &error))?;
    details.text("topic", &topic);
    check_topic(&topic)?;
    Ok(topic)
}

fn publish(visit: &Visit<'_>, topic: &str) -> Result<()> {
    let config = visit.config;
    let mut messenger = Messenger::open(config, visit.network, MESSAGE_CAPACITY)?;
    let (thing, time) = (config.thing_name.clone(), iso8601(unix_time()));
    let published = messenger.publish(topic, move |buffer| {
        let mut writer = ObjectWriter::new(buffer);
        writer.text("type", "check").optional_text("thing", thing.as_deref()).text("time", &time);
        writer.finish().map_err(|_| Error::new(Fault::Data, "too_long", "the message does not fit"))
    });
    messenger.close();
    published
}

/// A thing name of 128 bytes, each escaped to six at worst, and the rest.
const MESSAGE_CAPACITY: usize = 1024;
