//! The queue is on a disk: nothing secret goes there.

use crate::scene::{Scene, offline};
use homing_sandbox::{Answer, Fault, MqttFault, Service};
use serde_json::json;

const SECRET_KEY: &str = "secret-access-key-canary-7Jq2";
const TOKEN: &str = "session-token-canary-Zx81+/==";

#[test]
fn neither_credentials_nor_presigned_urls_are_in_the_queue_or_in_any_output() {
    let scene = Scene::new();
    let credentials = json!({ "credentials": {
        "accessKeyId": "ASIACANARYCANARY0000", "secretAccessKey": SECRET_KEY, "sessionToken": TOKEN,
        "expiration": "2099-01-01T00:00:00Z",
    }});
    let answer = Answer::new(200, "application/json", credentials.to_string());
    let mut runs = Vec::new();
    let send = |name: &str| scene.send(&[&scene.large(name)]).args(["--presign", "-vvv"]);
    // Stored, with a presigned URL made, and not announced.
    scene.sandbox.set_fault(Service::Mqtt, Fault::new().mqtt(MqttFault::Close));
    runs.push(send("1.bin").finish());
    // Credentials that S3 does not know and repeats.
    scene.sandbox.set_fault(Service::Credentials, Fault::new().answer(answer));
    runs.push(send("2.bin").finish());
    let echo = format!(
        "<Error><Code>InvalidToken</Code><Message>The provided token is malformed</Message><Token-0>{TOKEN}</Token-0></Error>"
    );
    scene.sandbox.set_fault(Service::S3, Fault::new().answer(Answer::new(400, "application/xml", echo)));
    runs.push(scene.drain().arg("-vvv").finish());
    runs.push(offline(scene.drain()).arg("-vvv").finish());
    runs.push(scene.run("queue").args(["list", "-vvv"]).finish());
    runs.push(scene.run("queue").args(["list", "--json"]).finish());

    let mut secrets = vec![SECRET_KEY.to_owned(), TOKEN.to_owned(), "X-Amz-Signature".to_owned()];
    let exchanges = scene.sandbox.exchanges();
    let headers = exchanges.iter().flat_map(|exchange| &exchange.headers);
    secrets.extend(headers.filter(|(name, _)| name == "x-amz-security-token").map(|(_, value)| value.clone()));
    assert!(secrets.len() > 4 && secrets.iter().any(|secret| secret.len() > 500), "tokens were sent");
    let kept = scene.everything_in_the_queue();
    assert!(find(&kept, "sandbox-thing/1.bin"), "the queue was looked at");
    for secret in &secrets {
        assert!(!find(&kept, secret), "{secret} is in the queue");
        for run in &runs {
            assert!(!run.stdout.contains(secret) && !run.stderr.contains(secret), "{secret}: {run:?}");
        }
    }
}

fn find(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
