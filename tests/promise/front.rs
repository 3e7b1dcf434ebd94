//! One TLS server that is every service, with the canaries in its replies; it can stop in the middle of a reply, repeat in
//! an error what it was sent, and answer garbage.

use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homing::protocol::time::iso8601;
use homing_sandbox::Certificates;
use serde_json::json;

use crate::canary::{self, value};
use crate::servers;
use crate::support::http::{self, Request};

/// The server.
pub(crate) struct Front {
    pub(crate) port: u16,
    script: Arc<Mutex<Script>>,
}

/// What becomes of the requests that have `target` in their head; all others are answered well.
#[derive(Default)]
struct Script {
    target: &'static str,
    behaviour: Behaviour,
    hold: Option<(Sender<()>, Receiver<()>)>,
    /// How many requests have been for the target.
    met: usize,
}

/// How a request is answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// As the service does.
    #[default]
    Good,
    /// With this status, in a document of the service's form, whose texts and headers repeat the request's secrets.
    Repeats(&'static str),
    /// With this status, and the request's head as plain text.
    RepeatsHead(&'static str),
    /// The good reply's body without its end.
    Truncated,
    /// The same, and the connection ends before the length that was promised.
    Broken,
    /// Every text value of the good reply in a list of its own.
    WrongTypes,
    /// An escape that JSON does not have in front of every text value.
    WrongEscapes,
    /// A control character in every text value.
    ControlCharacters,
    /// The good reply's body in the place of a status line.
    NoHttp,
}

/// A request that is being held: all but the last byte of its reply has been sent.
pub(crate) struct Held {
    arrived: Receiver<()>,
    release: Sender<()>,
}

impl Held {
    /// The test's side, and the server's.
    pub(crate) fn new() -> (Self, (Sender<()>, Receiver<()>)) {
        let (arriving, arrived) = channel();
        let (release, released) = channel();
        (Self { arrived, release }, (arriving, released))
    }

    /// Waits until it is there; `false`: it did not come.
    pub(crate) fn arrived(&self) -> bool {
        self.arrived.recv_timeout(PATIENCE).is_ok()
    }

    /// Lets it go on.
    pub(crate) fn release(self) {
        let _ = self.release.send(());
    }
}

impl Front {
    pub(crate) fn start(certificates: &Certificates) -> Self {
        let script = Arc::new(Mutex::new(Script::default()));
        let shared = Arc::clone(&script);
        let port = servers::tls(certificates, move |mut stream| {
            let Ok(request) = http::read(&mut stream) else { return };
            answer(&shared, &request, &mut stream);
            stream.conn.send_close_notify();
            let _ = stream.flush();
        });
        Self { port, script }
    }

    /// The same in plain HTTP, as container endpoints are.
    pub(crate) fn plain_port(&self) -> u16 {
        let shared = Arc::clone(&self.script);
        servers::tcp(move |mut stream| {
            let Ok(request) = http::read(&mut stream) else { return };
            answer(&shared, &request, &mut stream);
        })
    }

    /// Answers requests for `target` so from now on.
    pub(crate) fn behave(&self, target: &'static str, behaviour: Behaviour) {
        *self.script.lock().unwrap() = Script { target, behaviour, hold: None, met: 0 };
    }

    /// Holds the next request for `target`.
    pub(crate) fn hold(&self, target: &'static str, hold: (Sender<()>, Receiver<()>)) {
        *self.script.lock().unwrap() = Script { target, behaviour: Behaviour::Good, hold: Some(hold), met: 0 };
    }

    /// How many requests the target has had.
    pub(crate) fn met(&self) -> usize {
        self.script.lock().unwrap().met
    }
}

fn answer(script: &Mutex<Script>, request: &Request, stream: &mut (impl Read + Write)) {
    let (behaviour, hold) = {
        let mut script = script.lock().unwrap();
        if script.target.is_empty() || !request.head.contains(script.target) {
            (Behaviour::Good, None)
        } else {
            script.met += 1;
            (script.behaviour, script.hold.take())
        }
    };
    let reply = behaviour.reply(request);
    let Some((arriving, released)) = hold else { return servers::write(stream, &reply) };
    let (last, others) = reply.split_last().unwrap();
    servers::write(stream, others);
    let _ = arriving.send(());
    let _ = released.recv_timeout(PATIENCE);
    servers::write(stream, &[*last]);
}

impl Behaviour {
    fn reply(self, request: &Request) -> Vec<u8> {
        let (headers, body) = good(request);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        match self {
            Self::Good => http::reply("200 OK", &headers, &body),
            Self::Repeats(status) => {
                let sent = sent_secrets(request);
                let headers = [("x-amzn-requestid", sent.as_str()), ("x-amz-request-id", &sent)];
                let said = format!("the token {sent} is not welcome");
                let document = match is_s3(request) {
                    true => format!("<Error><Code>InvalidRequest</Code><Message>{said}</Message></Error>"),
                    false => json!({ "__type": "ValidationException", "message": said }).to_string(),
                };
                http::reply(status, &headers, &document)
            }
            Self::RepeatsHead(status) => {
                let document = match is_s3(request) {
                    true => {
                        format!("<Error><Code>SignatureDoesNotMatch</Code><Message>{}</Message></Error>", request.head)
                    }
                    false => secret_lines(request),
                };
                http::reply(status, &[], &document)
            }
            Self::Truncated => http::reply("200 OK", &headers, body.trim_end_matches(['}', ']', '"'])),
            Self::Broken => {
                let reply = http::reply("200 OK", &headers, &body);
                reply[..reply.len() - 3].to_vec()
            }
            Self::WrongTypes => http::reply("200 OK", &headers, &body.replace(":\"", ":[\"").replace("\",", "\"],")),
            Self::WrongEscapes => http::reply("200 OK", &headers, &body.replace(":\"", ":\"\\q")),
            Self::ControlCharacters => http::reply("200 OK", &headers, &body.replace(":\"", ":\"\\u0001")),
            Self::NoHttp => format!("{body}\r\n\r\n").into_bytes(),
        }
    }
}

/// Whether the service's good reply to such a request is worth being garbled: whether there is a secret in it.
pub(crate) fn has_secret_reply(target: &str) -> bool {
    const WITH_SECRETS: &[&str] =
        &["/role-aliases/", "/container", "GetSecretValue", "GetAuthorizationToken", "/v1/authorization-token"];
    WITH_SECRETS.contains(&target)
}

/// Headers and body of the reply that the service documents.
fn good(request: &Request) -> (Vec<(&'static str, String)>, String) {
    let line = request.head.lines().next().unwrap();
    let target = request.header("x-amz-target").unwrap_or_default();
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    let expiration = iso8601(now + 3600);
    let json = |value: serde_json::Value| (vec![("Content-Type", "application/json".to_owned())], value.to_string());
    let registry = |name: &str| STANDARD.encode(format!("AWS:{}", value(name)));
    if line.contains("/role-aliases/") {
        json(json!({ "credentials": {
            "accessKeyId": ACCESS_KEY_ID, "secretAccessKey": value(canary::SECRET_KEY),
            "sessionToken": value(canary::SESSION_TOKEN), "expiration": &*expiration,
        }}))
    } else if line.contains("/container") {
        json(json!({
            "AccessKeyId": ACCESS_KEY_ID, "SecretAccessKey": value(canary::SECRET_KEY),
            "Token": value(canary::SESSION_TOKEN), "Expiration": &*expiration,
        }))
    } else if target.ends_with("GetSecretValue") {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let text = json!({ "password": value(canary::SECRET_VALUE), "mypat": value(canary::GIT_PASSWORD) }).to_string();
        match body.contains("binary") {
            true => json(json!({ "Name": "binary", "SecretBinary": STANDARD.encode(value(canary::BINARY_VALUE)) })),
            false => json(json!({ "Name": "text", "SecretString": text })),
        }
    } else if target.starts_with("SpencerFrontendService") {
        let token = registry(canary::PUBLIC_PASSWORD);
        json(json!({ "authorizationData": { "authorizationToken": token, "expiresAt": now + 3600 }}))
    } else if target.starts_with("AmazonEC2ContainerRegistry") {
        json(json!({ "authorizationData": [{
            "authorizationToken": registry(canary::REGISTRY_PASSWORD), "expiresAt": now + 3600,
            "proxyEndpoint": format!("https://{REGISTRY}"),
        }]}))
    } else if line.contains("/v1/authorization-token") {
        json(json!({ "authorizationToken": value(canary::PACKAGE_TOKEN), "expiration": now + 3600 }))
    } else if line.contains("/v1/repository/endpoint") {
        json(
            json!({ "repositoryEndpoint": "https://my-domain-111122223333.d.codeartifact.us-east-1.amazonaws.com/pypi/my-repo/" }),
        )
    } else if target.starts_with("DynamoDB") {
        json(json!({ "UnprocessedItems": {} }))
    } else if line.starts_with("GET /device-uploads") {
        (vec![("ETag", "\"0123456789abcdef0123456789abcdef\"".to_owned())], OBJECT.to_owned())
    } else if line.starts_with("PUT /device-uploads") {
        (vec![("ETag", "\"0123456789abcdef0123456789abcdef\"".to_owned())], String::new())
    } else if line.contains("/topics/") {
        json(json!({ "message": "OK", "traceId": "0" }))
    } else {
        panic!("nothing here answers {}", request.head)
    }
}

fn is_s3(request: &Request) -> bool {
    request.head.contains(" /device-uploads")
}

/// The values of the headers that carry secrets, in one line.
fn sent_secrets(request: &Request) -> String {
    let values = SECRET_HEADERS.iter().filter_map(|name| request.header(name));
    values.collect::<Vec<_>>().join(" ")
}

/// As AWS repeats the canonical request where a signature does not match, the secrets first: errors are cut.
fn secret_lines(request: &Request) -> String {
    let values = SECRET_HEADERS.iter().filter_map(|name| Some(format!("{name}:{}\n", request.header(name)?)));
    values.collect()
}

/// The session token stands first: a long text is cut in errors.
const SECRET_HEADERS: [&str; 2] = ["x-amz-security-token", "authorization"];
const ACCESS_KEY_ID: &str = "ASIAIOSFODNN7EXAMPLE";
/// The private registry of the account.
pub(crate) const REGISTRY: &str = "111122223333.dkr.ecr.us-east-1.amazonaws.com";
/// What is in the bucket.
pub(crate) const OBJECT: &str = "an object that is no secret";
/// Longest wait for the other side: only a hang meets it.
const PATIENCE: Duration = Duration::from_secs(120);
