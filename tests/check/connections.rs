//! Names, TCP, proxies, TLS and ALPN: each failure is that endpoint's, and the others are looked at all the same.

use crate::support::{Scene, servers};
use crate::visit::Visit;
use homing_sandbox::{ConnectProxy, Fault, Service, Silence};
use serde_json::json;

#[test]
fn a_name_that_does_not_exist_is_told() {
    let mut scene = Scene::new();
    scene.set("credential_endpoint", "absent.invalid");
    let visit = Visit::of(&scene);
    visit.failed("name", "credential_endpoint", "name_not_resolved", &["absent.invalid", "name server"]);
    visit.skipped("role_alias", "credential_endpoint", "cannot be reached").skipped("identity", "", "no credentials");
    visit.skipped("s3", "endpoints.s3", "no credentials").ends_with(69);
    visit.ok("mqtt", "data_endpoint");
    visit.ok("tls", "endpoints.s3");
}

#[test]
fn a_device_without_a_network_is_told_so_once() {
    let alone = || {
        let mut command = std::process::Command::new("unshare");
        command.arg("-n");
        command
    };
    if !alone().arg("true").output().is_ok_and(|output| output.status.success()) {
        eprintln!("\n*** SKIPPED: this user may not make a network of his own (unshare -n) ***\n");
        return;
    }
    let mut scene = Scene::new();
    scene.set("credential_endpoint", "192.0.2.7").set("data_endpoint", "absent.invalid");
    let command = scene.command(&["check", "--json"]);
    let mut alone = alone();
    alone.arg(command.get_program()).args(command.get_args()).env_clear();
    alone.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let visit = Visit::by(&mut alone);
    let words = ["this device has no route to any network", "ip route"];
    visit.failed("tcp", "credential_endpoint", "connect_failed", &words).ends_with(69);
    visit.skipped("name", "data_endpoint", "no network: see above");
}

#[test]
fn a_port_where_nobody_listens_is_told_with_each_address() {
    let mut scene = Scene::new();
    let closed = servers::closed_port();
    scene.set("data_endpoint", format!("localhost:{}", closed.port));
    let visit = Visit::of(&scene);
    visit.failed("tcp", "data_endpoint", "connection_refused", &["127.0.0.1 cannot be reached", "firewall"]);
    visit.skipped("mqtt", "data_endpoint", "cannot be reached").ends_with(69);
    visit.ok("identity", "");
}

#[test]
fn a_port_where_packets_vanish_is_told() {
    let mut scene = Scene::new();
    let hole = servers::black_hole();
    scene.set("connect_timeout", 1).set("data_endpoint", format!("127.0.0.1:{}", hole.port));
    Visit::of(&scene).failed(
        "tcp",
        "data_endpoint",
        "connect_timeout",
        &["no answer from 127.0.0.1", "set mqtt_port to 443"],
    );
}

#[test]
fn what_timeout_leaves_no_time_for_is_not_called_unreachable() {
    let mut scene = Scene::new();
    let hole = servers::black_hole();
    scene.set("credential_endpoint", format!("127.0.0.1:{}", hole.port));
    let visit = Visit::with(&scene, &["--timeout", "1"]);
    visit.failed("tcp", "credential_endpoint", "connect_timeout", &["no answer from 127.0.0.1"]);
    visit.skipped("name", "data_endpoint", "timeout was over").skipped("name", "endpoints.s3", "timeout was over");
    assert_eq!(visit.count("failed"), 1, "{visit:#?}");
}

#[test]
fn a_server_that_says_nothing_in_tls_is_told() {
    let mut scene = Scene::new();
    scene.set("connect_timeout", 1);
    scene.sandbox.set_fault(Service::S3, Fault::new().silence(Silence::Connection));
    let visit = Visit::of(&scene);
    visit.failed("tls", "endpoints.s3", "tls_timeout", &["handshake"]).skipped(
        "s3",
        "endpoints.s3",
        "cannot be reached",
    );
}

#[test]
fn a_server_of_an_unknown_authority_is_told_with_who_signed_it() {
    let mut scene = Scene::new();
    let rogue = scene.sandbox.certificates().rogue_ca.clone();
    scene.set("ca_file", rogue.to_str().unwrap());
    let visit = Visit::of(&scene);
    for setting in ["credential_endpoint", "data_endpoint", "endpoints.s3"] {
        visit.failed("tls", setting, "unknown_issuer", &["CN=homing sandbox CA", "--ca-file", "CN=localhost"]);
        // The authority that is trusted here has the same name.
        visit.failed("tls", setting, "unknown_issuer", &["\"root\":\"none that is trusted here\""]);
    }
    scene.set("ca_replace", true);
    Visit::of(&scene).failed("tls", "data_endpoint", "unknown_issuer", &["ca_replace is set"]);
    scene.unset("ca_replace");
    // STS is needed by nothing else.
    visit.skipped("identity", "", "no credentials").ends_with(69);
    scene.unset("ca_file");
    let visit = Visit::of(&scene);
    visit.failed("tls", "data_endpoint", "unknown_issuer", &["\"root\":\"none that is trusted here\""]);
}

#[test]
fn a_server_of_another_name_is_told() {
    let mut scene = Scene::new();
    let port = servers::gate_at(std::net::Ipv4Addr::new(127, 0, 0, 2), scene.sandbox.port(Service::Mqtt), || {});
    scene.set("data_endpoint", format!("127.0.0.2:{port}"));
    Visit::of(&scene).failed("tls", "data_endpoint", "wrong_host_name", &["127.0.0.2", "\"sni\":\"none\""]);
}

#[test]
fn a_port_that_does_not_speak_tls_is_told() {
    let mut scene = Scene::new();
    let port = servers::tcp(|mut stream| servers::write(&mut stream, b"220 smtp.example.com ESMTP ready\r\n"));
    scene.set("endpoints", json!({ "s3": format!("https://localhost:{port}") }));
    let visit = Visit::of(&scene);
    visit.failed("tls", "endpoints.s3", "not_tls", &["does not speak TLS"]);
    visit.skipped("identity", "", "STS's endpoint is not known");
}

#[test]
fn a_server_with_old_tls_only_is_told() {
    let mut scene = Scene::new();
    // A fatal alert, protocol_version.
    let port = servers::tcp(|mut stream| servers::write(&mut stream, &[0x15, 3, 1, 0, 2, 2, 70]));
    scene.set("data_endpoint", format!("localhost:{port}"));
    let visit = Visit::of(&scene);
    visit.failed("tls", "data_endpoint", "tls_alert", &["neither TLS 1.2 nor TLS 1.3", "something else answers"]);
}

#[test]
fn a_server_whose_certificate_is_over_may_have_that_renewed() {
    let mut scene = Scene::new();
    let mut certificates = scene.sandbox.certificates().clone();
    certificates.server_certificate = certificates.expired_certificate.clone();
    certificates.server_key = certificates.device_key.clone();
    let port = servers::tls(&certificates, |mut stream| drop(servers::read_head(&mut stream)));
    scene.set("credential_endpoint", format!("localhost:{port}"));
    let visit = Visit::of(&scene);
    let words = ["set the device's clock", "where the step clock is ok, have the server's certificate renewed"];
    visit.failed("tls", "credential_endpoint", "server_certificate_expired", &words);
    visit.ok("clock", "");
}

#[test]
fn sts_out_of_reach_is_no_failure() {
    let mut scene = Scene::new();
    let closed = servers::closed_port();
    scene.config["endpoints"]["sts"] = format!("https://localhost:{}", closed.port).into();
    let visit = Visit::of(&scene);
    visit.skipped("tcp", "endpoints.sts", "no delivery needs it").skipped("identity", "", "STS cannot be reached");
    visit.ends_with(0);
}

#[test]
fn a_proxy_is_told_and_what_it_refuses() {
    let mut scene = Scene::new();
    let proxy = ConnectProxy::start().unwrap();
    scene.variable("HTTPS_PROXY", format!("http://{}", proxy.address()));
    let visit = Visit::of(&scene);
    visit.ends_with(0);
    assert_eq!(visit.ok("proxy", "endpoints.s3")["from"], "HTTPS_PROXY");
    visit.ok("tls", "endpoints.s3");

    let proxy = ConnectProxy::start_with_authentication("user", "password").unwrap();
    scene.variable("HTTPS_PROXY", format!("http://{}", proxy.address()));
    let visit = Visit::of(&scene);
    visit.failed("proxy", "data_endpoint", "proxy_refused", &["407", "user name and password"]).ends_with(77);
    // One that lets nothing but HTTPS through.
    let port = servers::tcp(|mut stream| {
        if servers::read_head(&mut stream).is_ok() {
            servers::write(&mut stream, &servers::http_reply("403 Forbidden", ""));
        }
    });
    scene.variable("HTTPS_PROXY", format!("http://127.0.0.1:{port}"));
    let visit = Visit::of(&scene);
    visit.failed("proxy", "data_endpoint", "proxy_refused", &["403", "let the proxy allow", "set mqtt_port to 443"]);
    // One that is not there.
    let closed = servers::closed_port();
    scene.variable("HTTPS_PROXY", format!("http://127.0.0.1:{}", closed.port));
    let visit = Visit::of(&scene);
    visit.failed("proxy", "credential_endpoint", "connection_refused", &["HTTPS_PROXY names", "NO_PROXY"]);
    visit.skipped("proxy", "data_endpoint", "see above").skipped("proxy", "endpoints.s3", "see above");
    assert_eq!(visit.count("failed"), 1, "{visit:#?}");
    scene.variable("NO_PROXY", "localhost");
    Visit::of(&scene).ends_with(0).ok("name", "data_endpoint");

    scene.variable("NO_PROXY", "").variable("HTTPS_PROXY", "socks5://localhost:1");
    let visit = Visit::of(&scene);
    visit.failed("proxy", "", "bad_proxy", &["HTTPS_PROXY"]).skipped("network", "", "proxy").ends_with(78);
}

#[test]
fn the_device_certificate_is_refused_by_a_server_that_does_not_know_it() {
    let mut scene = Scene::new();
    let certificates = scene.sandbox.certificates();
    let (certificate, key) = (certificates.rogue_certificate.clone(), certificates.rogue_key.clone());
    scene.set("certificate", certificate.to_str().unwrap()).set("private_key", key.to_str().unwrap());
    let visit = Visit::of(&scene);
    visit.failed("mqtt", "data_endpoint", "certificate_refused", &["registered and ACTIVE"]).ends_with(77);
    visit.failed(
        "role_alias",
        "credential_endpoint",
        "certificate_not_active",
        &["INACTIVE or REVOKED", "aws iot describe-certificate", "not registered in this account"],
    );
    // A credential provider that answers as to a policy: the data endpoint knows better.
    let port = servers::tls(scene.sandbox.certificates(), |mut stream| {
        if servers::read_head(&mut stream).is_ok() {
            servers::write(&mut stream, &servers::http_reply("403 Forbidden", "{\"message\":\"Access Denied\"}"));
        }
    });
    scene.set("credential_endpoint", format!("localhost:{port}"));
    let words = ["1. the certificate is INACTIVE or REVOKED", "3. no policy attached"];
    Visit::of(&scene).failed("role_alias", "credential_endpoint", "assume_role_not_allowed", &words);
}
