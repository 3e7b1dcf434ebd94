//! Arguments that cannot be understood: exit code 64, and the nearest right one.

use crate::support::Scene;

#[test]
fn an_unknown_command_suggests_the_nearest() {
    let scene = Scene::new();
    let failure = scene.homing(&["sned", "file"]).failed_without_outcome(64);
    failure.names(&["no command", "sned"]).advises("did you mean homing send?");
    scene.homing(&["frobnicate"]).failed_without_outcome(64).names(&["frobnicate"]).advises("homing help");
}

#[test]
fn an_unknown_flag_suggests_the_nearest_and_shows_the_usage() {
    let scene = Scene::new();
    let failure = scene.homing(&["send", "--buckte", "x", "file"]).failed_without_outcome(64);
    failure.names(&["--buckte"]).advises("--bucket");
    failure.advises("homing send");
    let failure = scene.homing(&["send", "-Z", "file"]).failed_without_outcome(64);
    failure.names(&["-Z"]).advises("homing help send");
}

#[test]
fn what_is_missing_is_named() {
    let scene = Scene::new();
    scene.homing(&["send"]).failed_without_outcome(64).names(&["FILE"]).advises("homing send");
    scene.homing(&["put", "file"]).failed_without_outcome(64).names(&["s3://BUCKET/KEY"]).advises("homing put");
    scene.homing(&["publish"]).failed_without_outcome(64).names(&["TOPIC"]).advises("homing publish");
    let run = scene.finish(&mut scene.bare_command(&["send", "file", "--bucket"]));
    run.failed_without_outcome(64).names(&["--bucket", "value"]).advises("homing send");
}

#[test]
fn a_flag_of_another_command_is_refused() {
    let scene = Scene::new();
    let failure = scene.homing(&["publish", "topic", "--dry-run"]).failed_without_outcome(64);
    failure.names(&["--dry-run", "homing publish"]).advises("homing help publish");
}

#[test]
fn what_is_no_object_url_is_shown_as_given() {
    let mut scene = Scene::new();
    let file = scene.small();
    for (url, why) in [("bucket/key", "s3://"), ("s3:///key", "bucket"), ("s3://my_bucket?/key", "bucket")] {
        let run = scene.finish(scene.command(&["put", "--json"]).arg(&file).arg(url));
        run.failed_without_outcome(64).names(&[url, why]).advises("homing put");
    }
}

#[test]
fn secrets_are_not_taken_as_arguments() {
    let mut scene = Scene::new();
    scene.keep_secret("wJalrXUtnFEMI");
    for arguments in [
        ["credentials", "--secret-access-key=wJalrXUtnFEMI"],
        ["credentials", "--session-token=wJalrXUtnFEMI"],
        ["credentials", "--password=wJalrXUtnFEMI"],
    ] {
        let failure = scene.homing(&arguments).failed_without_outcome(64);
        failure.advises("never taken as arguments");
    }
}

#[test]
fn verification_cannot_be_turned_off() {
    let mut scene = Scene::new();
    let file = scene.small();
    for flag in ["--insecure", "--no-verify-ssl", "-k"] {
        let run = scene.finish(scene.command(&["send", flag]).arg(&file));
        run.failed_without_outcome(64).names(&[flag]).advises("--ca-file");
        scene.assert_nothing_arrived(&run);
    }
}

#[test]
fn a_topic_that_cannot_be_published_to_is_refused() {
    let scene = Scene::new();
    for (topic, why) in [("a/+/b", "wildcard"), ("a/#", "wildcard"), ("$SYS/x", "reserved"), ("", "empty")] {
        let run = scene.homing(&["publish", topic, "-m", "x"]);
        run.failed_without_outcome(64).names(&["TOPIC", topic, why]).advises("homing publish");
        scene.assert_nothing_arrived(&run);
    }
}
