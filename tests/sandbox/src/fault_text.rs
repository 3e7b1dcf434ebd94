//! Faults as text, for the command line: `s3:answer=slow-down,times=2`.

use std::str::FromStr;
use std::time::Duration;

use time::OffsetDateTime;

use crate::answers::Answer;
use crate::faults::{Fault, MqttFault, Silence};
use crate::records::Service;

impl FromStr for Service {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|service| service.name() == text).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|service| service.name()).collect();
            format!("unknown service '{text}' (known: {})", known.join(", "))
        })
    }
}

/// Reads `SERVICE:FAULT[,FAULT…]`; the faults are those of the command's help.
///
/// # Errors
/// A sentence that names the part that is not understood.
pub fn parse_fault(text: &str) -> Result<(Service, Fault), String> {
    let (service, faults) = text.split_once(':').ok_or_else(|| format!("fault '{text}': SERVICE:FAULT is expected"))?;
    let fault = faults.split(',').try_fold(Fault::new(), add)?;
    Ok((service.parse()?, fault))
}

fn add(fault: Fault, text: &str) -> Result<Fault, String> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    Ok(match name {
        "delay" => {
            let seconds = number::<f64>(text, value)?;
            fault.delay(Duration::try_from_secs_f64(seconds).map_err(|error| format!("fault '{text}': {error}"))?)
        }
        "reset-request" => fault.reset_after_request(number(text, value)?),
        "reset-reply" => fault.reset_after_reply(number(text, value)?),
        "silent-connection" => fault.silence(Silence::Connection),
        "silent-reply" => fault.silence(Silence::Reply),
        "connack" => fault.mqtt(MqttFault::Connack(reason(text, value)?)),
        "puback" => fault.mqtt(MqttFault::Puback(reason(text, value)?)),
        "disconnect" => fault.mqtt(MqttFault::Disconnect(reason(text, value)?)),
        "close" => fault.mqtt(MqttFault::Close),
        "no-puback" => fault.mqtt(MqttFault::NoPuback),
        "times" => fault.times(number(text, value)?),
        "skip" => fault.skip(number(text, value)?),
        "answer" => fault.answer(answer(text, value)?),
        _ => return Err(format!("unknown fault '{text}'")),
    })
}

fn answer(text: &str, name: &str) -> Result<Answer, String> {
    Ok(match name {
        "malformed-json" => Answer::malformed_json(),
        "oversized" => Answer::oversized_credentials(OVERSIZED),
        "truncated" => Answer::truncated_credentials(),
        "not-found" => Answer::not_found(),
        "captive-portal" => Answer::captive_portal(),
        "slow-down" => Answer::slow_down(),
        "ok-with-error" => Answer::ok_with_s3_error(),
        "early-403" => Answer::early_access_denied(),
        "redirect-301" => Answer::permanent_redirect("sandbox-bucket", "ap-northeast-1"),
        "time-skewed" => Answer::request_time_too_skewed("20200101T000000Z", OffsetDateTime::now_utc()),
        status => Answer::s3_error(number(text, status)?, "InjectedFault", "A fault that was asked for."),
    })
}

fn number<T: FromStr>(text: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("fault '{text}': '{value}' is no number in range"))
}

fn reason(text: &str, value: &str) -> Result<u8, String> {
    let parsed = value.strip_prefix("0x").map_or_else(|| value.parse(), |hex| u8::from_str_radix(hex, 16));
    parsed.map_err(|_| format!("fault '{text}': '{value}' is no reason code such as 0x87"))
}

/// Well above homing's limit for session tokens.
const OVERSIZED: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_or_refused_with_the_part_that_is_wrong() {
        let (service, fault) = parse_fault("mqtt:puback=0x97,times=2,delay=0.5").unwrap();
        assert_eq!(service, Service::Mqtt);
        assert_eq!(fault.mqtt, Some(MqttFault::Puback(0x97)));
        assert_eq!((fault.times, fault.delay), (Some(2), Duration::from_millis(500)));
        assert!(parse_fault("s3:answer=nonsense").unwrap_err().contains("nonsense"));
        assert!(parse_fault("s4:close").unwrap_err().contains("s4"));
    }
}
