//! The sandbox under AWS's own names, to which a proxy leads: endpoints' kinds and regions, ALPN.

use crate::support::Scene;
use crate::visit::Visit;
use homing_sandbox::{ConnectProxy, Sandbox, Service};
use std::net::SocketAddr;

const CREDENTIALS: &str = "c2example.credentials.iot.eu-west-1.amazonaws.com";
const DATA: &str = "a2example-ats.iot.eu-west-1.amazonaws.com";
const LEGACY: &str = "a2example.iot.eu-west-1.amazonaws.com";
const ELSEWHERE: &str = "a2example-ats.iot.us-east-1.amazonaws.com";
const BUCKET: &str = "sandbox-bucket.s3.eu-west-1.amazonaws.com";
const STS: &str = "sts.eu-west-1.amazonaws.com";

fn scene() -> (Scene, ConnectProxy) {
    let names = [CREDENTIALS, DATA, LEGACY, ELSEWHERE, BUCKET, STS];
    let mut scene = Scene::with(names.into_iter().fold(Sandbox::builder(), |builder, name| builder.server_name(name)));
    let proxy = ConnectProxy::start().unwrap();
    for (name, port, service) in [
        (CREDENTIALS, 443, Service::Credentials),
        (DATA, 8883, Service::Mqtt),
        (DATA, 443, Service::Mqtt),
        (LEGACY, 8883, Service::Mqtt),
        (ELSEWHERE, 8883, Service::Mqtt),
        (BUCKET, 443, Service::S3),
        (STS, 443, Service::Sts),
    ] {
        proxy.route(&format!("{name}:{port}"), SocketAddr::from(([127, 0, 0, 1], scene.sandbox.port(service))));
    }
    scene.set("credential_endpoint", CREDENTIALS).set("data_endpoint", DATA);
    scene.unset("endpoints").unset("path_style").unset("https_port").unset("region");
    scene.variable("HTTPS_PROXY", format!("http://{}", proxy.address()));
    (scene, proxy)
}

#[test]
fn kind_and_region_are_in_the_names() {
    let (scene, _proxy) = scene();
    let visit = Visit::with(&scene, &["--write"]);
    visit.ends_with(0);
    assert_eq!(visit.ok("endpoint_kind", "credential_endpoint")["kind"], "iot:CredentialProvider");
    assert_eq!(visit.ok("endpoint_kind", "data_endpoint")["region"], "eu-west-1");
    assert_eq!(visit.ok("configuration", "")["region"], "eu-west-1 (taken from credential_endpoint)");
    assert_eq!(visit.ok("tls", "credential_endpoint")["sni"], CREDENTIALS);
    visit.ok("identity", "");
    visit.ok("s3_write", "endpoints.s3");
}

#[test]
fn alpn_is_looked_at_where_it_is_needed() {
    let (mut scene, _proxy) = scene();
    scene.set("mqtt_port", 443);
    let visit = Visit::of(&scene);
    assert_eq!(visit.ok("alpn", "data_endpoint")["protocol"], "x-amzn-mqtt-ca");
    visit.ends_with(0);
    let (mut scene, proxy) = self::scene();
    // A server that knows nothing of it: S3's, which offers http/1.1 only.
    proxy.route(&format!("{DATA}:443"), SocketAddr::from(([127, 0, 0, 1], scene.sandbox.port(Service::S3))));
    scene.set("mqtt_port", 443);
    let visit = Visit::of(&scene);
    visit.failed("alpn", "data_endpoint", "no_application_protocol", &["ALPN", "8883"]).ends_with(77);
    // And one that ignores it.
    proxy.route(&format!("{DATA}:443"), SocketAddr::from(([127, 0, 0, 1], scene.sandbox.port(Service::Credentials))));
    let visit = Visit::of(&scene);
    visit.failed("alpn", "data_endpoint", "no_application_protocol", &["x-amzn-mqtt-ca", "8883"]).ends_with(69);
}

#[test]
fn the_endpoints_in_each_others_place() {
    let (mut scene, _proxy) = scene();
    scene.set("credential_endpoint", DATA).set("data_endpoint", CREDENTIALS);
    let visit = Visit::of(&scene);
    let words = ["looks like the data endpoint", "looks like the credential provider's endpoint", "iot:Data-ATS"];
    visit.failed("configuration", "", "bad_configuration", &words).ends_with(78);
    scene.set("data_endpoint", DATA);
    Visit::of(&scene).failed("configuration", "", "wrong_endpoint", &["iot:CredentialProvider"]);
}

#[test]
fn the_legacy_data_endpoint() {
    let (mut scene, _proxy) = scene();
    scene.set("data_endpoint", LEGACY);
    // The sandbox's authority stands for one that somebody has named for it.
    Visit::of(&scene).ends_with(0).ok("endpoint_kind", "data_endpoint");
    let (mut scene, _proxy) = self::scene();
    scene.set("data_endpoint", LEGACY).unset("ca_file");
    let visit = Visit::of(&scene);
    visit.failed("endpoint_kind", "data_endpoint", "legacy_endpoint", &["iot:Data-ATS"]);
    visit.failed("tls", "data_endpoint", "unknown_issuer", &["CN=homing sandbox CA, not by Amazon", "legacy endpoint"]);
}

#[test]
fn endpoints_in_two_regions() {
    let (mut scene, _proxy) = scene();
    scene.set("data_endpoint", ELSEWHERE).set("region", "eu-west-1");
    let visit = Visit::of(&scene);
    visit.noted("endpoint_kind", "data_endpoint", "credential_endpoint is in region eu-west-1");
    visit.noted("endpoint_kind", "data_endpoint", "region is eu-west-1");
}

#[test]
fn a_bucket_in_another_region_answers_where_it_is() {
    let (mut scene, proxy) = scene();
    let host = "sandbox-bucket.s3.us-west-2.amazonaws.com";
    // A server whose certificate has that name, too.
    drop(proxy);
    let builder =
        Sandbox::builder().server_name(host).server_name(CREDENTIALS).server_name("sts.us-west-2.amazonaws.com");
    let other = Scene::with(builder);
    let proxy = ConnectProxy::start().unwrap();
    proxy.route(&format!("{host}:443"), SocketAddr::from(([127, 0, 0, 1], other.sandbox.port(Service::S3))));
    proxy.route(
        &format!("{CREDENTIALS}:443"),
        SocketAddr::from(([127, 0, 0, 1], other.sandbox.port(Service::Credentials))),
    );
    let answer = homing_sandbox::Answer::new(200, "text/plain", "").header("x-amz-bucket-region", "eu-west-1");
    other.answer(Service::S3, answer);
    scene.config = other.config.clone();
    scene.set("credential_endpoint", CREDENTIALS).set("region", "us-west-2").unset("data_endpoint");
    scene.unset("endpoints").unset("path_style");
    scene.variable("HTTPS_PROXY", format!("http://{}", proxy.address()));
    let visit = Visit::of(&scene);
    visit
        .failed("s3", "endpoints.s3", "wrong_region", &["is in region eu-west-1", "set region to eu-west-1"])
        .ends_with(78);
    visit.noted("endpoint_kind", "credential_endpoint", "region is us-west-2");
}
