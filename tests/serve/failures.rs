//! When there are no credentials to be had: what clients are told, and how often AWS is asked.

use std::process::Command;
use std::thread;

use crate::serving::{Device, Serving, fixed_keys, reply, until};
use crate::support::nginx;
use crate::support::packages;
use crate::support::process::free_port;

#[test]
fn while_the_old_credentials_live_they_are_served() {
    let Some(device) = device(&reply("ASIAOLD", 250)) else { return };
    let serving = device.serve(&[]);
    assert_eq!(serving.fetch().access_key(), "ASIAOLD");
    device.set_reply(None);
    // The attempts begin at once and fail, and nobody notices.
    let before = device.requests();
    until("an attempt has failed", || {
        assert_eq!(serving.fetch().access_key(), "ASIAOLD");
        (device.requests() > before).then_some(())
    });
    for _ in 0..10 {
        assert_eq!(serving.fetch().access_key(), "ASIAOLD");
    }
    device.set_reply(Some(&reply("ASIANEW", 3600)));
    until("new credentials are served", || (serving.fetch().access_key() == "ASIANEW").then_some(()));
}

#[test]
fn what_is_due_is_renewed_by_one_request_for_all_clients() {
    let Some(device) = device(&reply("ASIAOLD", 250)) else { return };
    let serving = device.serve(&[]);
    assert_eq!(device.requests(), 1, "the credentials are there before the first client");
    device.set_reply(Some(&reply("ASIANEW", 3600)));

    let keys = thread::scope(|scope| {
        let clients: Vec<_> = (0..50)
            .map(|_| {
                scope.spawn(|| {
                    until("new credentials are served", || {
                        let key = serving.fetch().access_key();
                        (key == "ASIANEW").then_some(key)
                    })
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect::<Vec<_>>()
    });

    assert_eq!(keys.len(), 50);
    assert_eq!(device.requests(), 2);
}

#[test]
fn without_credentials_clients_are_told_why_and_aws_is_left_alone() {
    let Some(device) = device(&reply("ASIASHORT", 2)) else { return };
    // They are gone as good as at once.
    let serving = device.serve(&[]);
    device.set_reply(None);

    let response = until("the attempt has failed", || Some(serving.fetch()).filter(|response| response.status == 502));
    let before = device.requests();
    for _ in 0..100 {
        let response = serving.fetch();
        assert_eq!(response.status, 502, "{response:?}");
    }

    let json = response.json();
    assert!(json["code"].is_string(), "{response:?}");
    assert!(json["message"].as_str().unwrap().contains("role-alias"), "{response:?}");
    assert!(device.requests() <= before + 1, "{} requests", device.requests() - before);
    device.set_reply(Some(&reply("ASIANEW", 3600)));
    until("there are credentials", || (serving.fetch().status == 200).then_some(()));
}

#[test]
fn credentials_that_are_over_as_they_come_are_told_and_not_fetched_again_and_again() {
    let Some(device) = device(&reply("ASIAEXPIRED", -10)) else { return };
    let serving = device.serve(&["-v"]);
    for _ in 0..100 {
        let response = serving.fetch();
        assert_eq!((response.status, &response.json()["code"]), (503, &"credentials_expired".into()), "{response:?}");
        assert!(response.json()["message"].as_str().unwrap().contains("this device's clock"), "{response:?}");
    }
    assert!(device.requests() <= 2, "{} requests", device.requests());
    assert!(serving.log().contains("set this device's clock"), "{}", serving.log());
    device.set_reply(Some(&reply("ASIANEW", 3600)));
    until("there are credentials", || (serving.fetch().status == 200).then_some(()));
}

#[test]
fn a_network_that_is_not_there_yet_is_waited_for() {
    let Some(device) = device(&reply("ASIAKEY", 3600)) else { return };
    let nowhere = format!("localhost:{}", free_port());
    let serving =
        Serving::start(device.homing().args(["--credential-endpoint", &nowhere, "serve", "--print-env", "-v"]));
    let response = serving.fetch();
    assert_eq!(response.status, 503, "{response:?}");
    assert!(response.head.contains("retry-after: "), "{response:?}");
    assert!(response.json()["message"].as_str().unwrap().contains("refused the connection"), "{response:?}");
    assert!(serving.log().contains("without credentials for now"), "{}", serving.log());
}

#[test]
fn a_clock_that_is_not_set_yet_is_waited_for() {
    let Some(device) = device(&reply("ASIAKEY", 3600)) else { return };
    if !packages::available("serve", &["faketime"]) {
        return;
    }
    let homing = device.homing();
    let mut command = Command::new("faketime");
    command.args(["-m", "--exclude-monotonic", "-f", "@1970-01-01 00:00:10"]).arg(homing.get_program());
    command.args(homing.get_args()).args(["serve", "--print-env", "-v"]).env_clear().env("TZ", "UTC");
    command.envs(homing.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let serving = Serving::start(&mut command);
    let response = serving.fetch();
    assert_eq!(response.status, 503, "{response:?}");
    let json = response.json();
    assert_eq!(json["code"], "certificate_not_yet_valid");
    assert!(json["message"].as_str().unwrap().contains("clock says 1970-01-01"), "{response:?}");
    assert!(serving.log().contains("without credentials for now"), "{}", serving.log());
    assert_eq!(device.requests(), 0);
}

#[test]
fn a_wrong_configuration_is_told_before_anything_runs() {
    let Some(device) = device(&reply("ASIAKEY", 3600)) else { return };
    for way in [&["serve", "--"][..], &["exec", "--aws", "--refresh", "--"]] {
        let run = |flags: &[&str]| {
            let output = device.homing().args(flags).args(way).args(["echo", "it has run"]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
            (output.status.code(), String::from_utf8(output.stderr).unwrap())
        };
        let (code, said) = run(&["--role-alias", "another-alias"]);
        assert_eq!(code, Some(77), "{said}");
        let (code, said) = run(&["--private-key", "/nowhere/key.pem"]);
        assert_eq!(code, Some(78), "{said}");
    }
}

#[test]
fn addresses_and_ports_that_cannot_be_are_told_with_what_to_do() {
    let run = |arguments: &[&str]| {
        let output = fixed_keys().args(["serve", "--print-env"]).args(arguments).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = run(&["--listen", "0.0.0.0:0"]);
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("169.254.170.2") && said.contains("--expose"), "{said}");
    for wrong in ["localhost:1", "127.0.0.1", ":80", "127.0.0.1:65536", ""] {
        let (code, said) = run(&["--listen", wrong]);
        assert_eq!(code, Some(64), "{said}");
        assert!(said.contains("--listen"), "{said}");
    }
    // The network interface of nobody here (RFC 5737 would do, but SDKs accept only a few).
    let (code, said) = run(&["--listen", "169.254.170.23:0"]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("ip address add"), "{said}");
    let serving = Serving::with_fixed_keys(&[]);
    let (code, said) = run(&["--listen", serving.authority()]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("another program listens there"), "{said}");

    let output = fixed_keys().arg("serve").output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--print-env"));
}

#[test]
fn an_address_that_sdks_do_not_accept_can_be_insisted_on() {
    let serving = Serving::with_fixed_keys(&["--listen", "0.0.0.0:0", "--expose", "-v"]);
    assert_eq!(serving.fetch().status, 200);
    assert!(serving.log().contains("unencrypted"), "{}", serving.log());
}

fn device(reply: &str) -> Option<Device> {
    packages::available("serve", nginx::PROGRAMS).then(|| Device::start(reply))
}
