//! Clocks that are wrong: the device's, as S3 sees it, and one that is still in 1970.

use crate::support::{Run, Scene};
use homing_sandbox::Service;

#[path = "../support/faketime.rs"]
mod faketime;
use faketime::{faketime, under};

#[test]
fn a_clock_that_s3_finds_too_far_off_is_told_with_both_clocks() {
    for (offset, direction) in [(86_400, "behind"), (-86_400, "ahead")] {
        let mut scene = Scene::new();
        let file = scene.large();
        scene.sandbox.set_clock_offset(Service::S3, offset);
        let failure = scene.send(&file).failed(77, "RequestTimeTooSkewed");
        failure.names(&[
            "s3://sandbox-bucket/",
            "RequestTimeTooSkewed",
            "this device's clock says 20",
            "the server's 20",
        ]);
        failure.names(&[direction]).advises("set this device's clock").may_pass(true);
    }
}

#[test]
fn an_expired_token_is_blamed_on_the_clock_where_the_clocks_differ() {
    let mut scene = Scene::with(homing_sandbox::Sandbox::builder().credential_lifetime(std::time::Duration::ZERO));
    let file = scene.large();
    // Within what S3 lets pass.
    scene.sandbox.set_clock_offset(Service::S3, 800);
    let failure = scene.send(&file).failed(77, "ExpiredToken");
    failure.names(&["this device's clock says", "the server's"]).advises("set this device's clock");
}

#[test]
fn a_clock_in_1970_is_named_as_the_cause() {
    let Some(faketime) = faketime() else { return };
    for (large, via) in [(false, "mqtt"), (false, "https"), (true, "mqtt")] {
        let mut scene = Scene::new();
        let file = if large { scene.large() } else { scene.small() };
        scene.set("via", via);
        let failure = faked(&scene, &faketime, "1970-01-01 00:00:10", &file).failed(78, "certificate_not_yet_valid");
        failure.names(&["device.pem.crt", "clock says 1970-01-01T00:00:10Z"]).advises("clock").may_pass(false);
        assert_eq!(scene.connections(), 0);
    }
}

#[test]
fn a_clock_before_this_program_was_built_is_named_when_a_servers_certificate_is_not_yet_valid() {
    let Some(faketime) = faketime() else { return };
    let mut scene = Scene::new();
    let file = scene.large();
    // No device certificate is needed to talk to S3 alone, so it is the server's that is judged.
    let issued = scene.sandbox.issue_credentials(std::time::Duration::from_secs(600)).unwrap();
    scene
        .variable("AWS_ACCESS_KEY_ID", issued.access_key_id)
        .variable("AWS_SECRET_ACCESS_KEY", issued.secret_access_key);
    scene.variable("AWS_SESSION_TOKEN", issued.session_token);
    for (time, exit_code) in [("1970-01-01 00:00:10", 69), ("2020-05-05 05:05:05", 69)] {
        let mut command = scene.command(&["put", "--json", "--credentials", "environment"]);
        command.arg(&file).arg("s3://sandbox-bucket/key");
        let run = Run::of(&mut under(&faketime, &absolute(time), &command));
        scene.check(&run);
        scene.assert_nothing_arrived(&run);
        let failure = run.failed(exit_code, "server_certificate_not_yet_valid");
        failure
            .names(&[&time[..10], "localhost", "not yet valid", "this program was built on"])
            .advises("clock")
            .may_pass(false);
    }
}

#[test]
fn a_clock_in_the_future_is_told_with_the_certificates_end() {
    let Some(faketime) = faketime() else { return };
    let mut scene = Scene::new();
    let file = scene.small();
    let failure = faked(&scene, &faketime, "2060-01-01 00:00:00", &file).failed(78, "certificate_expired");
    failure.names(&["device.pem.crt", "clock says 2060-01-01"]).advises("clock");
}

#[test]
fn a_signature_made_by_a_clock_of_last_year_is_told_with_both_clocks() {
    let Some(faketime) = faketime() else { return };
    let mut scene = Scene::new();
    let file = scene.large();
    // Certificates are valid from an hour ago: a clock of half an hour ago passes TLS, and S3 refuses.
    let run = faked(&scene, &faketime, "-30m", &file);
    let failure = run.failed(77, "RequestTimeTooSkewed");
    failure.names(&["this device's clock says", "the server's", "behind"]).advises("set this device's clock");
}

fn faked(scene: &Scene, faketime: &str, time: &str, file: &std::path::Path) -> Run {
    let mut command = scene.command(&["send", "--json"]);
    command.arg(file);
    let run = Run::of(&mut under(faketime, &absolute(time), &command));
    scene.check(&run);
    scene.assert_nothing_arrived(&run);
    run
}

/// faketime's `@` makes a clock that starts there and runs.
fn absolute(time: &str) -> String {
    if time.starts_with('-') { time.to_owned() } else { format!("@{time}") }
}
