//! One endpoint, from its name to a TLS connection.

use super::details::Details;
use super::{DATA_ENDPOINT, HTTPS_PORT, Visit};
use crate::config::Via;
use crate::error::{Error, Fault, Result};
use crate::net::connect::{self, Target};
use crate::net::probe::{Agreed, Attempt, Reached, TlsProbe, reach};
use crate::net::proxy::Proxy;
use crate::options::Id;
use crate::protocol::time::iso8601;
use crate::protocol::x509::{self, Name};
use std::time::{Duration, Instant};

/// Whether an endpoint can be talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probed {
    /// It can.
    Well,
    /// It cannot, which has been told.
    Failed,
    /// There is none.
    Unset,
}

/// The step that failed, with what it had found out.
struct Failure {
    step: &'static str,
    details: Details,
    error: Error,
}

impl Failure {
    fn of(step: &'static str, details: Details, error: Error) -> Box<Self> {
        Box::new(Self { step, details, error })
    }
}

impl Visit<'_> {
    /// Tells of each step to `target` in a line, and gives whether all of them went well. What is not `needed` for a
    /// delivery is skipped where it fails.
    pub(super) fn probe(
        &mut self,
        setting: &'static str,
        target: &Target,
        as_device: bool,
        alpn: &[&[u8]],
        needed: bool,
    ) -> Probed {
        if self.network.deadline().is_some_and(|end| end <= Instant::now()) {
            // What fails for want of time says nothing of the endpoint.
            let error = Error::new(Fault::Unavailable, "timeout", "timeout was over before this was looked at")
                .with_remedy("give more time with --timeout");
            self.report.failed_unless_others("name", setting, &error);
            return Probed::Failed;
        }
        match self.steps(setting, target, as_device, alpn) {
            Ok(()) => Probed::Well,
            Err(failure) => {
                let Failure { step, details, error } = *failure;
                let error = self.advised(setting, target, step, error);
                if error.code() == TOLD {
                    self.report.skipped(step, setting, error.message());
                } else if needed {
                    self.report.failed(step, setting, details, &error);
                } else {
                    let why = format!("it failed, and no delivery needs it: {}", error.message());
                    self.report.skipped(step, setting, &why);
                }
                Probed::Failed
            }
        }
    }

    /// The error with what the device itself, or what is in between, may have to do with it.
    fn advised(&mut self, setting: &str, target: &Target, step: &str, error: Error) -> Error {
        let is_networks = matches!(error.code(), "name_not_resolved" | "resolve_timeout" | "connect_failed");
        if is_networks && std::mem::replace(&mut self.is_offline, connect::is_offline()) {
            return Error::new(Fault::Unavailable, TOLD, "the device has no network: see above");
        }
        if is_networks && self.is_offline {
            return error.note("this device has no route to any network").with_remedy(
                "connect it first: `ip address` and `ip route` show its address and gateway, /etc/resolv.conf its name server",
            );
        }
        if setting == DATA_ENDPOINT && target.port != HTTPS_PORT && matches!(step, "tcp" | "proxy") {
            let port = if self.config.via == Via::Mqtt { Id::MqttPort } else { Id::HttpsPort }.option().key;
            let remedy = error.remedy().unwrap_or_default();
            let remedy = format!("{remedy}; where only port 443 is let through, set {port} to 443");
            return error.with_remedy(remedy);
        }
        error
    }

    fn steps(
        &mut self,
        setting: &'static str,
        target: &Target,
        as_device: bool,
        alpn: &[&[u8]],
    ) -> std::result::Result<(), Box<Failure>> {
        let network = self.network;
        let reached = match network.proxy_for(&target.host) {
            Some(proxy) => {
                let mut details = Details::default();
                details.text("proxy", &proxy.target()).text("from", &proxy.origin()).text("tunnel_to", &target);
                if self.proxy_is_out_of_reach {
                    let error = Error::new(Fault::Unavailable, TOLD, "the proxy cannot be reached: see above");
                    return Err(Failure::of("proxy", details, error));
                }
                match self.tunnel(proxy, target) {
                    Ok(reached) => {
                        self.report.ok("proxy", setting, details);
                        reached
                    }
                    Err(error) => return Err(Failure::of("proxy", details, error)),
                }
            }
            None => self.direct(setting, target)?,
        };
        let mut details = Details::default();
        let deadline = network.connect_deadline();
        let probe = network.tls_probe(as_device, alpn).map_err(|_| {
            let error = Error::new(Fault::Config, TOLD, "ca_file cannot be used: see its file");
            Failure::of("tls", Details::default(), error)
        })?;
        let agreed = reached.handshake(&target.host, &probe, deadline);
        // One of the same name may be trusted, and not have signed it.
        let is_trusted = !agreed.as_ref().is_err_and(|error| error.code() == "unknown_issuer");
        let shown = describe(&probe, target, is_trusted, &mut details);
        let Agreed { version, cipher, protocol, took } = match agreed {
            Ok(agreed) => agreed,
            Err(error) => {
                if matches!(error.code(), "server_certificate_expired" | "server_certificate_not_yet_valid") {
                    self.out_of_date += 1;
                }
                // The server ends the handshake, and TLS is as it should be.
                let step = if error.code() == "no_application_protocol" { "alpn" } else { "tls" };
                return Err(Failure::of(step, details, explained(error, target, shown, self.config.ca_replace)));
            }
        };
        details.text("version", &version).text("cipher", &cipher).number("milliseconds", milliseconds(took));
        self.report.ok("tls", setting, details);
        self.is_tls_ok = true;
        if let Some(wanted) = alpn.first() {
            let wanted = String::from_utf8_lossy(wanted);
            let mut details = Details::default();
            details.text("protocol", &wanted);
            if protocol.as_deref() != Some(&*wanted) {
                let message = format!("{target} has not agreed to the protocol {wanted}");
                let error = Error::new(Fault::Unavailable, "no_application_protocol", message).with_remedy(
                    "use another port (mqtt_port 8883, https_port 8443), or look for what stands in between",
                );
                return Err(Failure::of("alpn", details, error));
            }
            self.report.ok("alpn", setting, details);
        }
        Ok(())
    }

    fn direct(&mut self, setting: &'static str, target: &Target) -> std::result::Result<Reached, Box<Failure>> {
        let mut details = Details::default();
        details.text("host", &target.host);
        let addresses = connect::resolve(target, self.network.connect_deadline());
        let addresses = addresses.map_err(|error| Failure::of("name", Details::default(), error))?;
        for (name, wants_ipv6) in [("ipv4", false), ("ipv6", true)] {
            let of_family = addresses.iter().filter(|address| address.is_ipv6() == wants_ipv6);
            let list: Vec<String> = of_family.map(|address| address.ip().to_string()).collect();
            details.text(name, &if list.is_empty() { "none".to_owned() } else { list.join(" ") });
        }
        self.report.ok("name", setting, details);
        let (attempts, reached) = reach(target, &addresses, self.network.connect_deadline());
        let mut details = Details::default();
        details.number("port", target.port.into());
        for Attempt { address, outcome } in &attempts {
            match outcome {
                Ok(took) => {
                    details.text("connected", &address.ip()).number("milliseconds", milliseconds(*took));
                }
                Err(error) => details.note(&format_args!("{} cannot be reached: {error}", address.ip())),
            }
        }
        match reached {
            Ok(reached) => {
                self.report.ok("tcp", setting, details);
                Ok(reached)
            }
            Err(error) => Err(Failure::of("tcp", details, error)),
        }
    }

    fn tunnel(&mut self, proxy: &Proxy, target: &Target) -> Result<Reached> {
        let way = proxy.target();
        let deadline = self.network.connect_deadline();
        let in_context = |error: Error| {
            error.context(format_args!("proxy {way} (from {})", proxy.origin())).with_remedy(proxy.remedy())
        };
        let reached = connect::resolve(&way, deadline).and_then(|addresses| reach(&way, &addresses, deadline).1);
        self.proxy_is_out_of_reach = reached.is_err();
        reached.map_err(in_context)?.tunnel(proxy, target, deadline)
    }
}

/// What the server has shown.
fn describe(probe: &TlsProbe, target: &Target, is_trusted: bool, details: &mut Details) -> Option<String> {
    let is_address = target.host.parse::<std::net::IpAddr>().is_ok();
    details.text("sni", if is_address { &"none" } else { &target.host });
    let chain = probe.chain();
    let leaf = chain.first().and_then(|leaf| x509::read(leaf))?;
    let (subject, issuer) = (Name(leaf.subject), Name(leaf.issuer));
    let until = iso8601(leaf.validity.not_after);
    details.text("server", &subject).text("issuer", &issuer).text("valid_until", &until);
    match probe.root().filter(|_| is_trusted) {
        Some(root) => details.text("root", &root),
        None => details.text("root", &"none that is trusted here"),
    };
    Some(issuer.to_string())
}

/// Says what an unknown authority in front of AWS means, and that a certificate may be over by any clock.
fn explained(error: Error, target: &Target, issuer: Option<String>, ca_replace: bool) -> Error {
    let is_amazons = target.host.ends_with(".amazonaws.com") || target.host.ends_with(".amazonaws.com.cn");
    match (error.code(), issuer) {
        ("unknown_issuer", _) if ca_replace => {
            error.note("ca_replace is set, so that ca_file alone is trusted, and none of Amazon's authorities")
        }
        ("unknown_issuer", Some(issuer)) if is_amazons && !issuer.contains("Amazon") => error.note(format_args!(
            "it is signed by {issuer}, not by Amazon: a proxy or firewall in between opens TLS, or this is a legacy endpoint"
        )),
        ("server_certificate_expired", _) => {
            let remedy = error.remedy().unwrap_or_default();
            let remedy = format!("{remedy}; where the step clock is ok, have the server's certificate renewed");
            error.with_remedy(remedy)
        }
        _ => error,
    }
}

/// The code of what has been told at its file or at another endpoint.
const TOLD: &str = "told";

fn milliseconds(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
