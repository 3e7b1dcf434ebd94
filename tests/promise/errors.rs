//! Services that repeat what they were sent, and those that answer garbage.

use crate::cases::{CASES, Case};
use crate::front::{Behaviour, has_secret_reply};
use crate::scene::{Ended, Place, Scene};

#[test]
fn errors_do_not_repeat_what_was_sent() {
    let scene = Scene::new();
    for case in CASES.iter().filter(|case| case.target != "MQTT") {
        for behaviour in [
            Behaviour::Repeats("403 Forbidden"),
            Behaviour::Repeats("500 Internal Server Error"),
            Behaviour::RepeatsHead("403 Forbidden"),
        ] {
            // Not even where it prints other secrets by purpose.
            let ended = run(&scene, case, behaviour, &[]);
            let goes_on = case.words.contains(&"--refresh");
            assert!(goes_on || !ended.status.success(), "{case:?} {behaviour:?}: {ended}");
        }
    }
}

#[test]
fn errors_do_not_repeat_what_was_received() {
    let scene = Scene::new();
    for case in CASES.iter().filter(|case| has_secret_reply(case.target)) {
        for behaviour in [
            Behaviour::Truncated,
            Behaviour::Broken,
            Behaviour::WrongTypes,
            Behaviour::WrongEscapes,
            Behaviour::ControlCharacters,
            Behaviour::NoHttp,
        ] {
            // A secret may have any characters.
            let is_good = behaviour == Behaviour::ControlCharacters && case.target == "GetSecretValue";
            // Its command begins without credentials where they may yet come.
            let goes_on = case.words.contains(&"--refresh");
            let ended = run(&scene, case, behaviour, if is_good { case.prints } else { &[] });
            assert!(is_good || goes_on || !ended.status.success(), "{case:?} {behaviour:?}: {ended}");
        }
    }
}

fn run(scene: &Scene, case: &Case, behaviour: Behaviour, prints: &[&str]) -> Ended {
    let place = Place::new();
    scene.front.behave(case.target, behaviour);
    let child = scene.start(&place, &[], case);
    let ended = scene.finish(&place, child, case, prints);
    assert!(scene.front.met() > 0, "{case:?} asks for nothing: {ended}");
    ended
}
