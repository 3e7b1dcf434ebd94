//! `homing publish`.

use homing_sandbox::{Message, Sandbox, Via};

use crate::support::{Run, bytes, file, sandbox, write};

#[test]
fn a_message_from_an_argument_a_file_or_standard_input() {
    let sandbox = sandbox();
    let binary = bytes(1000);
    let path = write(sandbox.folder(), "message.bin", &binary);
    publish(&sandbox, &["-m", "Grüße \"x\"\n"]).succeed();
    publish(&sandbox, &["-m", ""]).succeed();
    publish(&sandbox, &["-f"]).arg(path).succeed();
    publish(&sandbox, &["-"]).input(binary.clone()).succeed();
    publish(&sandbox, &[]).input("no flag\n").succeed();
    publish(&sandbox, &["-"]).succeed();
    let payloads: Vec<Vec<u8>> = sandbox.messages().into_iter().map(|message| message.payload).collect();
    let expected: [&[u8]; 6] = ["Grüße \"x\"\n".as_bytes(), b"", &binary, &binary, b"no flag\n", b""];
    assert_eq!(payloads, expected);
    assert!(
        sandbox
            .messages()
            .iter()
            .all(|message| { (message.topic.as_str(), message.qos, message.via) == ("sensors/größe", 1, Via::Mqtt) })
    );
}

#[test]
fn one_message_for_each_line_over_one_connection() {
    let input = "one\r\ntwo\n\n four \nno end";
    for via in ["mqtt", "https"] {
        let sandbox = sandbox();
        publish(&sandbox, &["--lines", "--via", via]).input(input).succeed();
        publish(&sandbox, &["-l", "--via", via, "-f"]).arg(write(sandbox.folder(), "l", input.as_bytes())).succeed();
        publish(&sandbox, &["-l", "--via", via, "-"]).input(input).succeed();
        let payloads: Vec<Vec<u8>> = sandbox.messages().into_iter().map(|message| message.payload).collect();
        let expected: Vec<&[u8]> = [&b"one"[..], b"two", b"", b" four ", b"no end"].repeat(3);
        assert_eq!(payloads, expected, "{via}");
        let service = if via == "mqtt" { homing_sandbox::Service::Mqtt } else { homing_sandbox::Service::Publish };
        assert_eq!(sandbox.counts(service).connections, 3);
    }
}

#[test]
fn the_largest_message_passes_and_one_byte_more_does_not() {
    let largest = bytes(131_072);
    let mut too_large = largest.clone();
    too_large.push(0);
    for via in ["mqtt", "https"] {
        let sandbox = sandbox();
        let (fits, not) = (write(sandbox.folder(), "fits", &largest), write(sandbox.folder(), "not", &too_large));
        publish(&sandbox, &["--via", via, "-f"]).arg(fits).succeed();
        publish(&sandbox, &["--via", via]).input(largest.clone()).succeed();
        assert_eq!(sandbox.messages().iter().map(|message| message.payload == largest).collect::<Vec<_>>(), [true; 2]);
        for run in [
            publish(&sandbox, &["--via", via, "-f"]).arg(not).finish(),
            publish(&sandbox, &["--via", via]).input(too_large.clone()).finish(),
        ] {
            assert_eq!(run.code, Some(65), "{run:?}");
            assert!(run.stderr.contains("131072") || run.stderr.contains("131,072"), "{run:?}");
        }
        assert_eq!(sandbox.messages().len(), 2);
    }
}

#[test]
fn a_line_that_is_too_long_stops_there_and_says_how_far_it_came() {
    let sandbox = sandbox();
    let letters = |count| "x".repeat(count);
    let input = format!("first\n{}\n{}\nnever", letters(131_072), letters(131_073));
    let run = publish(&sandbox, &["--lines"]).input(input).finish();
    assert_eq!(run.code, Some(65), "{run:?}");
    assert!(run.stderr.contains("line 3") && run.stderr.contains("2 published"), "{run:?}");
    let lengths: Vec<usize> = sandbox.messages().iter().map(|message| message.payload.len()).collect();
    assert_eq!(lengths, [5, 131_072]);
}

#[test]
fn quality_of_service_is_a_choice() {
    for via in ["mqtt", "https"] {
        let sandbox = sandbox();
        publish(&sandbox, &["--via", via, "-q", "0", "-m", "zero"]).succeed();
        publish(&sandbox, &["--via", via, "-q", "1", "-m", "one"]).succeed();
        sandbox.wait_for_arrivals(2, std::time::Duration::from_secs(10));
        let mut seen: Vec<(u8, Vec<u8>)> =
            sandbox.messages().into_iter().map(|Message { qos, payload, .. }| (qos, payload)).collect();
        seen.sort();
        assert_eq!(seen, [(0, b"zero".to_vec()), (1, b"one".to_vec())], "{via}");
    }
}

#[test]
fn a_file_in_pieces_from_a_slow_pipe_is_one_message() {
    let sandbox = sandbox();
    let path = file(&sandbox, "piece", 40_000);
    let mut command = std::process::Command::new("sh");
    let homing = publish(&sandbox, &["-"]).into_command();
    let arguments: Vec<_> = std::iter::once(homing.get_program()).chain(homing.get_args()).collect();
    command
        .args(["-c", r#"file=$1; shift; (cat "$file"; sleep 0.1; cat "$file") | "$@""#, "sh"])
        .arg(&path)
        .args(arguments);
    for (name, value) in homing.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    assert!(command.status().unwrap().success());
    assert_eq!(sandbox.messages()[0].payload, bytes(40_000).repeat(2));
}

fn publish(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    Run::new(sandbox, "publish").arg("sensors/größe").args(arguments)
}
