//! What is on the wire: TLS's hello, the framing of uploads, and MQTT's first packets.

use homing_sandbox::Service;
use rustls::ProtocolVersion;
use rustls::version::{TLS12, TLS13};

use crate::aws_names::{Aws, BUCKET_HOST, CREDENTIAL_ENDPOINT, DATA_ENDPOINT};
use crate::chunks::{Chunks, Request};
use crate::recorder::Recorder;
use crate::support::{Run, bytes, file, sandbox};

#[test]
fn uploads_have_an_exact_length_and_chunks_as_s3_wants_them() {
    let sandbox = sandbox();
    let recorder = Recorder::start(&sandbox, Service::S3, &[&TLS13], &[]);
    for (payload, checksum, signed) in
        [("signed", "none", true), ("signed-trailer", "crc32c", true), ("unsigned-trailer", "sha256", false)]
    {
        for (size, chunk_size) in
            [(0, 65_536), (1, 8192), (8192, 8192), (8193, 8192), (65_536, 65_536), (300_000, 65_536), (300_000, 8192)]
        {
            let seen = recorder.conversations().len();
            let path = file(&sandbox, "wire.bin", size);
            let run = Run::new(&sandbox, "put").arg(path).arg("s3://sandbox-bucket/wire.bin");
            let run = run.args(["--payload", payload, "--checksum", checksum]);
            through(run.args(["--chunk-size", &chunk_size.to_string()]), &recorder).succeed();

            let conversations = recorder.conversations();
            assert_eq!(conversations.len(), seen + 1);
            let (request, rest) = Request::take(&conversations[seen].sent);
            assert_eq!(rest, b"", "one request, and its body as long as content-length says");
            assert_eq!(request.line, "PUT /sandbox-bucket/wire.bin HTTP/1.1");
            assert_eq!(request.header("transfer-encoding"), None);
            assert_eq!(request.header("expect"), None);
            let port = recorder.port();
            assert_eq!(request.header("host"), Some(&*format!("localhost:{port}")));
            if size == 0 && payload == "signed" {
                // Nothing to sign in chunks: a plain, empty request, which every store understands.
                assert_eq!((request.header("content-length"), request.body), (Some("0"), &b""[..]));
                assert_eq!(request.header("content-encoding"), None);
                continue;
            }
            assert_eq!(request.header("content-encoding"), Some("aws-chunked"));
            assert_eq!(request.header("x-amz-decoded-content-length"), Some(&*size.to_string()));
            let trailer = (checksum != "none").then(|| format!("x-amz-checksum-{checksum}"));
            assert_eq!(request.header("x-amz-trailer"), trailer.as_deref());

            let chunks = Chunks::read(request.body, trailer.is_some());
            assert_eq!(chunks.data, bytes(size));
            let (last, others) = chunks.lengths.split_last().unwrap_or((&0, &[]));
            assert!(others.iter().all(|length| *length == chunk_size) && *last <= chunk_size, "{:?}", chunks.lengths);
            assert_eq!(chunks.signatures, if signed { chunks.lengths.len() + 1 } else { 0 });
            let names: Vec<&str> = chunks.trailers.iter().map(|(name, _)| name.as_str()).collect();
            let expected: Vec<&str> = trailer
                .as_deref()
                .into_iter()
                .chain((payload == "signed-trailer").then_some("x-amz-trailer-signature"))
                .collect();
            assert_eq!(names, expected);
        }
    }
    assert_eq!(sandbox.objects().len(), 21);
}

#[test]
fn a_key_is_a_name_and_no_path_to_be_tidied() {
    let sandbox = sandbox();
    let recorder = Recorder::start(&sandbox, Service::S3, &[&TLS13], &[]);
    let run = Run::new(&sandbox, "put").arg(file(&sandbox, "a", 1)).arg("s3://sandbox-bucket//a/./b/../c//d%2e/");
    // Whether this store can keep it does not matter here; it may refuse before it has seen the body.
    let run = run.env("HOMING_MAX_ATTEMPTS", "1");
    through(run, &recorder).finish();
    let sent = recorder.conversation().sent;
    assert_eq!(Request::head(&sent).0.line, "PUT /sandbox-bucket//a/./b/../c//d%252e/a HTTP/1.1");
}

#[test]
fn no_smaller_chunk_can_be_asked_for() {
    let sandbox = sandbox();
    let path = file(&sandbox, "a", 100_000);
    let run = Run::new(&sandbox, "send").args(["--chunk-size", "8191"]).arg(path).finish();
    assert!(matches!(run.code, Some(64 | 78)), "{run:?}");
    assert!(run.stderr.contains("8192"), "{run:?}");
}

#[test]
fn every_service_is_greeted_by_its_name_in_either_version_of_tls() {
    for (version, expected) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let aws = Aws::start();
        let record = |service, target: String| {
            let recorder = Recorder::start(&aws.sandbox, service, &[version], &[]);
            aws.route(&target, recorder.port());
            recorder
        };
        let credentials = record(Service::Credentials, format!("{CREDENTIAL_ENDPOINT}:443"));
        let s3 = record(Service::S3, format!("{BUCKET_HOST}:443"));
        let mqtt = record(Service::Mqtt, format!("{DATA_ENDPOINT}:8883"));
        let publish = record(Service::Publish, format!("{DATA_ENDPOINT}:8443"));

        let path = file(&aws.sandbox, "a.bin", 200_000);
        aws.run("send").arg(&path).succeed();
        aws.run("send").args(["--via", "https"]).arg(&path).succeed();
        assert_eq!((aws.sandbox.objects().len(), aws.sandbox.messages().len()), (2, 2));

        for (recorder, name, connections) in [
            (&credentials, CREDENTIAL_ENDPOINT, 2),
            (&s3, BUCKET_HOST, 2),
            (&mqtt, DATA_ENDPOINT, 1),
            (&publish, DATA_ENDPOINT, 1),
        ] {
            let conversations = recorder.conversations();
            assert_eq!(conversations.len(), connections, "{name}");
            for conversation in conversations {
                assert_eq!(conversation.server_name.as_deref(), Some(name));
                assert_eq!(conversation.version, Some(expected), "{name}");
                assert_eq!(conversation.client_certificate, name != BUCKET_HOST, "{name}");
                assert_eq!(conversation.offered, [""; 0], "{name}: ALPN is for port 443");
            }
        }
        let asked = credentials.conversations().remove(0).sent;
        let (request, _) = Request::take(&asked);
        assert_eq!(request.line, "GET /role-aliases/sandbox-role-alias/credentials HTTP/1.1");
        assert_eq!(request.header("x-amzn-iot-thingname"), Some("sandbox-thing"));
        assert_eq!(request.header("host"), Some(CREDENTIAL_ENDPOINT));
        let posted = publish.conversation().sent;
        let (request, rest) = Request::take(&posted);
        assert_eq!((request.line, rest), ("POST /topics/file%2Fupload?qos=1 HTTP/1.1", &b""[..]));
        assert_eq!(request.header("transfer-encoding"), None);
    }
}

#[test]
fn on_port_443_alpn_says_which_service_is_meant() {
    let aws = Aws::start();
    let path = file(&aws.sandbox, "a.bin", 20);
    for (service, via, port_flag, protocol) in [
        (Service::Mqtt, "mqtt", "--mqtt-port", "x-amzn-mqtt-ca"),
        (Service::Publish, "https", "--https-port", "x-amzn-http-ca"),
    ] {
        let with_port = format!("{DATA_ENDPOINT}:443");
        for flags in [[port_flag, "443"], ["--data-endpoint", &with_port]] {
            let recorder = Recorder::start(&aws.sandbox, service, &[&TLS13, &TLS12], &[protocol]);
            aws.route(&format!("{DATA_ENDPOINT}:443"), recorder.port());
            aws.run("send").args(["--via", via]).args(flags).arg(&path).succeed();
            let conversation = recorder.conversation();
            assert_eq!(conversation.offered, [protocol]);
            assert_eq!(conversation.protocol.as_deref(), Some(protocol));
            assert_eq!(conversation.server_name.as_deref(), Some(DATA_ENDPOINT));
        }
    }
    assert_eq!(aws.sandbox.messages().len(), 4);
}

#[test]
fn mqtt_is_version_5_with_a_clean_start_and_ends_with_disconnect() {
    let sandbox = sandbox();
    let recorder = Recorder::start(&sandbox, Service::Mqtt, &[&TLS13], &[]);
    let endpoint = format!("localhost:{}", recorder.port());
    Run::new(&sandbox, "publish")
        .args([
            "some/topic",
            "-m",
            "hello",
            "--data-endpoint",
            &endpoint,
            "--client-id",
            "someone",
            "--keep-alive",
            "77",
        ])
        .succeed();
    let sent = recorder.conversation().sent;
    // MQTT 5, section 3.1: fixed header, "MQTT", level 5, flags (clean start alone), keep-alive.
    assert_eq!(sent[0], 0x10);
    assert_eq!(&sent[2..12], [0, 4, b'M', b'Q', b'T', b'T', 5, 0b10, 0, 77]);
    let connect_end = 2 + usize::from(sent[1]);
    assert!(sent[..connect_end].ends_with(b"\x00\x07someone"), "{:?}", &sent[..connect_end]);
    // Section 3.3: PUBLISH, QoS 1, neither a duplicate nor retained.
    assert_eq!(sent[connect_end], 0x32);
    assert!(sent[connect_end..].windows(5).any(|window| window == b"hello"));
    // Section 3.14: DISCONNECT, normally.
    assert_eq!(sent[sent.len() - 2] & 0xf0, 0xe0, "{sent:?}");
    assert_eq!(sent[sent.len() - 1], 0, "{sent:?}");
}

#[test]
fn secrets_stay_inside_tls() {
    let sandbox = sandbox();
    let path = file(&sandbox, "a.bin", 60_000);
    let run = Run::new(&sandbox, "send").args(["-vvv"]).arg(path).succeed();
    let asked = sandbox.exchanges();
    let put = asked.iter().find(|exchange| exchange.service == Service::S3).unwrap();
    let (_, token) = put.headers.iter().find(|(name, _)| name == "x-amz-security-token").unwrap();
    assert!(token.len() > 500);
    assert!(!run.stderr.contains(token.as_str()) && !run.stdout.contains(token.as_str()));
}

fn through(run: Run, s3: &Recorder) -> Run {
    run.args(["--endpoint-url", &format!("https://localhost:{}", s3.port())])
}
