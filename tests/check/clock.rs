//! Clocks that are wrong.

use crate::support::Scene;
use crate::visit::Visit;
use homing_sandbox::Service;
use std::process::Command;

#[test]
fn a_clock_that_drifts_is_noted_and_one_that_is_wrong_fails() {
    for (offset, words) in [(3600, "behind"), (-86_400, "ahead")] {
        let scene = Scene::new();
        for service in Service::ALL {
            scene.sandbox.set_clock_offset(service, offset);
        }
        let visit = Visit::of(&scene);
        visit.failed("clock", "", "clock_wrong", &["this device's clock says", "the server's", words, "NTP"]);
    }
    let scene = Scene::new();
    scene.sandbox.set_clock_offset(Service::Credentials, 60);
    Visit::of(&scene).ends_with(0).noted("clock", "", "it drifts");
}

#[test]
fn a_certificate_that_seems_to_have_expired_is_told_with_the_servers_time() {
    // The clock is right, and the certificate's fault it is.
    let mut scene = Scene::new();
    let expired = scene.sandbox.certificates().expired_certificate.clone();
    scene.set("certificate", expired.to_str().unwrap());
    let visit = Visit::of(&scene);
    visit.failed("certificate", "", "certificate_expired", &["correct the clock"]).skipped("s3", "endpoints.s3", "no");
    assert!(visit.ok("clock", "")["seconds_off"].as_u64().unwrap() < 10);
    // The clock is wrong.
    scene.sandbox.set_clock_offset(Service::S3, -86_400);
    Visit::of(&scene).failed("clock", "", "clock_wrong", &["the device is 24 h ahead"]);
}

#[test]
fn a_clock_before_this_program_was_built_is_told_first() {
    let Some(visit) = at("@1970-01-01 00:00:10") else { return };
    visit.failed("clock", "", "clock_before_build", &["1970-01-01T00:00:10Z", "NTP"]).ends_with(78);
    visit.failed("certificate", "", "certificate_not_yet_valid", &["1970"]);
    visit.failed("tls", "endpoints.s3", "server_certificate_not_yet_valid", &["clock", "\"valid_until\":\"2049"]);
}

#[test]
fn a_clock_by_which_no_server_is_valid_is_told() {
    let Some(visit) = at("@2055-01-01 00:00:10") else { return };
    visit.failed("tls", "endpoints.s3", "server_certificate_expired", &["2055", "NTP"]);
    visit.failed("clock", "", "clock_wrong", &["2055-01-01T00:00:10Z", "no server's certificate is valid", "NTP"]);
}

/// `homing check` with this for its clock; `None`: faketime is not installed.
fn at(time: &str) -> Option<Visit> {
    let found = Command::new("faketime").arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
        assert!(!in_ci, "faketime is not installed: tests/setup installs it");
        eprintln!("\n*** SKIPPED: faketime is not installed (tests/setup installs it) ***\n");
        return None;
    }
    let scene = Scene::new();
    let command = scene.command(&["check", "--json"]);
    let mut faked = Command::new("faketime");
    faked.args(["-m", "--exclude-monotonic", "-f", time]);
    faked.arg(command.get_program()).args(command.get_args()).env_clear().env("TZ", "UTC");
    faked.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Some(Visit::by(&mut faked))
}
