//! Items written to moto's DynamoDB with its authentication on, and read back with boto3.
//!
//! moto always writes whole batches, and sends what it wrote undamaged. Where DynamoDB would do otherwise, a server of
//! the test's own stands before moto and answers in its place, with boto3 as the one that writes what it says is written.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

use serde_json::{Value, json};
use support::boto::Keys;
use support::directory::Directory;
use support::homing::{Homing, MAX_ATTEMPTS, homing};
use support::http::{self, Request};
use support::moto::{self, Moto};
use support::nginx::{Builder, Nginx};
use support::pki::Authority;
use support::{REGION, THING, packages};

#[test]
fn a_plain_item_arrives_with_every_digit() {
    let Some(table) = table("plain") else { return };
    let item = r#"{"id":"a","price":1.10,"large":12345678901234567890123456789012345678,"small":-1E-130,
        "text":"é\u00e9\ud83d\ude00 \"x\"\n","yes":true,"nothing":null,"list":[1.50,["x"],{}],"map":{"a":{"b":[]}}}"#;

    let outcome = table.put(&["--plain", "--item", item]).run();

    outcome.expect_code(0);
    assert_eq!((&*outcome.stdout, &*outcome.stderr), ("", ""));
    let expected = json!({
        "id": { "S": "a" },
        "price": { "N": "1.10" },
        "large": { "N": "12345678901234567890123456789012345678" },
        "small": { "N": "-1E-130" },
        "text": { "S": "éé😀 \"x\"\n" },
        "yes": { "BOOL": true },
        "nothing": { "NULL": true },
        "list": { "L": [{ "N": "1.50" }, { "L": [{ "S": "x" }] }, { "M": {} }] },
        "map": { "M": { "a": { "M": { "b": { "L": [] } } } } },
    });
    assert_eq!(table.item("a"), expected);
}

#[test]
fn dynamodbs_own_json_arrives_from_a_file_and_from_standard_input() {
    let Some(table) = table("typed") else { return };
    let item = |id: &str| {
        json!({
            "id": { "S": id }, "n": { "N": "007.50" }, "tags": { "SS": ["a", "b"] }, "codes": { "NS": ["1", "2"] },
            "list": { "L": [{ "S": "" }] }, "map": { "M": { "S": { "N": "1" } } },
        })
    };
    let directory = Directory::new("item");
    let file = directory.write("item.json", serde_json::to_string_pretty(&item("file")).unwrap());

    let from_file = table.put(&["-f", file.to_str().unwrap(), "--json"]).run();
    let from_stdin = table.put(&["-v"]).stdin(item("stdin").to_string()).run();

    from_file.expect_code(0);
    let expected = json!({ "table": table.name, "result": "written", "items": 1 });
    assert_eq!(from_file.json_lines(), [expected]);
    from_stdin.expect_code(0);
    assert_eq!(from_stdin.stdout, format!("{}: item written\n", table.name));
    for id in ["file", "stdin"] {
        assert_eq!(sorted(table.item(id)), sorted(item(id)));
    }
}

#[test]
fn a_condition_decides_whether_an_item_is_replaced() {
    let Some(table) = table("condition") else { return };
    let put = |version: &str, condition: &[&str]| {
        let item = format!(r#"{{"id":"a","version":{version}}}"#);
        table.put(&[&["--plain", "--json", "--item", &item][..], condition].concat()).run()
    };
    let newer = ["--condition", "#v < :new", "--names", r##"{"#v":"version"}"##, "--values"];
    put("1.0", &["--condition", "attribute_not_exists(id)"]).expect_code(0);

    let again = put("2", &["--condition", "attribute_not_exists(id)"]);
    again.expect_code(77).expect_error("nothing was written").expect_error("attribute_not_exists(id)");
    let lines = again.json_lines();
    assert_eq!(lines[0]["error"]["code"], "ConditionalCheckFailedException");
    assert_eq!((&lines[0]["result"], &lines[0]["items"]), (&json!("failed"), &json!(0)));
    assert_eq!(table.item("a")["version"], json!({ "N": "1.0" }));

    put("3.50", &[&newer[..], &[r#"{":new":3.50}"#]].concat()).expect_code(0);
    put("2", &[&newer[..], &[r#"{":new":2}"#]].concat()).expect_code(77);
    assert_eq!(table.item("a")["version"], json!({ "N": "3.50" }));
}

#[test]
fn what_dynamodb_refuses_is_explained() {
    let Some(table) = table("refused") else { return };
    let item = ["--plain", "--item", r#"{"id":"a"}"#];
    let absent = Table { name: "device-absent".to_owned(), ..table };
    let outcome = absent.put(&item).run();
    outcome.expect_code(77).expect_error("table \"device-absent\"").expect_error("ResourceNotFoundException");
    outcome.expect_error("check the table's name");

    let powerless = table.service.powerless_session();
    for (words, action) in [(&item[..], "dynamodb:PutItem"), (&["--plain", "--lines"], "dynamodb:BatchWriteItem")] {
        let outcome = table.put_with(&powerless, words).stdin("{\"id\":\"a\"}\n").run();
        outcome.expect_code(77).expect_error(&format!("allow {action} on the table"));
    }

    let mut keys = table.service.session();
    keys.secret_access_key.push('x');
    let outcome = table.put_with(&keys, &item).run();
    outcome.expect_code(77).expect_nowhere(&keys.secret_access_key);
    let outcome = table.put(&["--plain", "--item", r#"{"other":"a"}"#]).run();
    outcome.expect_code(77).expect_error("ValidationException");
    assert_eq!(table.ids(), BTreeSet::new());
}

/// Told before anything is sent, with the place of the mistake.
#[test]
fn items_that_cannot_be_written_are_not_sent() {
    let Some(table) = table("mistakes") else { return };
    let large = format!(r#"{{"id":"{}"}}"#, "x".repeat(410_000));
    for (item, why) in [
        ("{\"id\":\"a\",}", "the item, column 11: malformed JSON: a comma stands before the closing brace"),
        ("{\n\"id\": 'a'}", "the item, line 2, column 7: malformed JSON"),
        ("", "malformed JSON: it ends too early"),
        ("[{\"id\":\"a\"}]", "the item is no object"),
        ("{\"id\":\"a\",\"id\":\"b\"}", "id is there twice"),
        (
            "{\"id\":\"a\",\"m\":{\"n\":[1,123456789012345678901234567890123456789]}}",
            "m.n[1] has more than the 38 significant digits",
        ),
        ("{\"id\":\"a\",\"n\":1e126}", "n is beyond DynamoDB's largest number"),
        (&large, "400 KB"),
    ] {
        let outcome = table.put(&["--plain", "--json"]).stdin(item).run();
        outcome.expect_code(65).expect_error(why);
        assert_eq!(outcome.json_lines()[0]["result"], "failed");
    }
    let outcome = table.put(&["--item", r#"{"id":"a"}"#]).run();
    outcome.expect_code(65).expect_error("id does not name its type").expect_error("--plain");
    table.put(&["--plain"]).stdin(*b"{\"id\":\"\xff\"}").run().expect_code(65).expect_error("not UTF-8, from byte 8");
    table.put(&["-f", "/nowhere/item.json"]).run().expect_code(66).expect_error("/nowhere/item.json");
    let condition = ["--plain", "--item", r#"{"id":"a"}"#, "--condition", "x = :x", "--values"];
    table.put(&[&condition[..], &["{\":x\":1e999}"]].concat()).run().expect_code(65).expect_error("--values: :x is");
    assert_eq!(table.ids(), BTreeSet::new());
}

#[test]
fn lines_are_written_in_batches() {
    let Some(table) = table("lines") else { return };
    // Two more lines than items, and an end of line as Windows writes it.
    let lines: String = (1..=60).map(|id| format!("{{\"id\":\"{id}\",\"n\":{id}.0}}\r\n")).collect();
    let lines = lines.replacen("{\"id\":\"11\"", "\n  \n{\"id\":\"11\"", 1);

    let outcome = table.put(&["--plain", "--lines", "--json"]).stdin(lines).run();

    outcome.expect_code(0);
    let batch = |first: u64, last: u64, items: u64| json!({ "table": table.name, "result": "written", "first_line": first, "last_line": last, "items": items });
    assert_eq!(outcome.json_lines(), [batch(1, 27, 25), batch(28, 52, 25), batch(53, 62, 10)]);
    assert_eq!(table.ids(), (1..=60).map(|id| id.to_string()).collect());
    assert_eq!(table.item("60")["n"], json!({ "N": "60.0" }));
}

#[test]
fn a_bad_line_stops_and_loses_nothing_before_it() {
    let Some(table) = table("bad-line") else { return };
    let mut written = BTreeSet::new();
    for (name, bad, why) in [
        ("a", r#"{"id":"x","n":1e999}"#, "n is beyond"),
        ("b", r#"{"id":"x""#, "column 10: malformed JSON"),
        ("c", "not JSON", "malformed JSON"),
    ] {
        let mut lines: Vec<String> = (1..=40).map(|number| format!("{{\"id\":\"{name}{number}\"}}")).collect();
        lines[29] = bad.to_owned();
        written.extend((1..=29).map(|number| format!("{name}{number}")));

        let outcome = table.put(&["--plain", "--lines", "--json"]).stdin(lines.join("\n")).run();

        outcome.expect_code(65).expect_error("line 30 (the 29 items before are written)").expect_error(why);
        let told = outcome.json_lines();
        let results: Vec<&Value> = told.iter().map(|line| &line["result"]).collect();
        assert_eq!(results, ["written", "written", "failed"]);
        assert_eq!((&told[1]["first_line"], &told[1]["last_line"]), (&json!(26), &json!(29)));
        assert_eq!((&told[2]["first_line"], &told[2]["last_line"]), (&json!(30), &json!(30)));
    }
    assert_eq!(table.ids(), written);
}

#[test]
fn two_lines_of_one_key_are_explained() {
    let Some(table) = table("twice") else { return };
    let outcome = table.put(&["--plain", "--lines"]).stdin("{\"id\":\"a\"}\n{\"id\":\"a\"}\n").run();
    outcome.expect_code(77).expect_error("lines 1 to 2 (the 0 items before are written)").expect_error("same key");
}

/// The first batch is written by half, the second not at all for want of capacity; then everything is.
#[test]
fn what_dynamodb_leaves_unwritten_is_sent_again() {
    let Some(table) = table("unprocessed") else { return };
    let (service, name) = (table.service, table.name.clone());
    let front = Front::start(service, move |number, request| match number {
        0 => {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            let puts = body["RequestItems"][&name].as_array().unwrap().clone();
            assert_eq!(puts.len(), 25);
            let (now, later) = puts.split_at(12);
            service.owner().call("dynamodb", "batch_write_item", json!({ "RequestItems": { &name: now } }));
            Some(replied("200 OK", &json!({ "UnprocessedItems": { &name: later } })))
        }
        2 => Some(replied(
            "400 Bad Request",
            &json!({ "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", "message": "slow down" }),
        )),
        _ => None,
    });
    let lines: String = (1..=30).map(|id| format!("{{\"id\":\"{id}\",\"n\":{id}.50,\"t\":\"é\\u0001\"}}\n")).collect();

    let outcome = front.put(&table, &["--plain", "--lines", "-v"]).env(MAX_ATTEMPTS, "2").stdin(lines).run();

    outcome.expect_code(0).expect_error("lines 1 to 25: 13 items left unwritten: next in");
    outcome.expect_error("ProvisionedThroughputExceededException").expect_error("attempt 2 of 2 in");
    assert_eq!(table.ids(), (1..=30).map(|id| id.to_string()).collect());
    assert_eq!(table.item("25"), json!({ "id": { "S": "25" }, "n": { "N": "25.50" }, "t": { "S": "é\u{1}" } }));
    let bodies = front.bodies();
    assert_eq!(bodies.len(), 4);
    // What was left, and nothing else.
    let first = bodies[0]["RequestItems"][&table.name].as_array().unwrap();
    assert_eq!(bodies[1]["RequestItems"][&table.name].as_array().unwrap(), &first[12..]);
    assert_eq!(bodies[3], bodies[2]);
}

#[test]
fn items_that_are_never_written_end_the_attempts_and_are_told() {
    let Some(table) = table("never") else { return };
    let name = table.name.clone();
    let front = Front::start(table.service, move |number, request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        (number > 0).then(|| replied("200 OK", &json!({ "UnprocessedItems": { &name: body["RequestItems"][&name] } })))
    });
    let lines: String = (1..=60).map(|id| format!("{{\"id\":\"{id}\"}}\n")).collect();

    let outcome = front.put(&table, &["--plain", "--lines", "--json"]).stdin(lines).run();

    outcome.expect_code(75).expect_error("lines 26 to 50 (the 25 items before are written)");
    outcome.expect_error("left 25 of these items unwritten").expect_error("from the first of these lines on");
    let told = outcome.json_lines();
    assert_eq!(told.len(), 2);
    assert_eq!((&told[1]["first_line"], &told[1]["unprocessed"]), (&json!(26), &json!(25)));
    assert_eq!(told[1]["error"]["retryable"], true);
    assert_eq!(front.bodies().len(), 1 + 8);
    assert_eq!(table.ids(), (1..=25).map(|id| id.to_string()).collect());
}

#[test]
fn a_damaged_reply_is_noticed_by_its_checksum() {
    let Some(table) = table("damaged") else { return };
    let front = Front::start(table.service, |_, _| {
        Some(http::reply("200 OK", &[("x-amz-crc32", "2745614146"), ("x-amzn-requestid", "1")], "{}"))
    });
    for words in [&["--plain", "--item", r#"{"id":"a"}"#][..], &["--plain", "--lines"]] {
        let outcome = front.put(&table, words).env(MAX_ATTEMPTS, "2").stdin("{\"id\":\"a\"}").run();
        outcome.expect_code(69).expect_error("damaged on its way").expect_error("try again later");
    }
    assert_eq!(front.bodies().len(), 2 + 2);
}

#[test]
fn what_passes_by_itself_does_not_end_a_long_run() {
    let Some(table) = table("passing") else { return };
    let front = Front::start(table.service, |number, _| match number {
        1 => Some(http::reply("200 OK", &[("x-amz-crc32", "1")], "{}")),
        2 => Some(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{".to_vec()),
        3 => Some(replied(
            "500 Internal Server Error",
            &json!({ "__type": "com.amazonaws.dynamodb.v20120810#InternalServerError", "message": "sorry" }),
        )),
        _ => None,
    });
    let lines: String = (1..=60).map(|id| format!("{{\"id\":\"{id}\"}}\n")).collect();

    let outcome = front.put(&table, &["--plain", "--lines", "-v"]).env(MAX_ATTEMPTS, "4").stdin(lines).run();

    outcome.expect_code(0).expect_error("InternalServerError").expect_error("attempt 4 of 4 in");
    assert_eq!(table.ids(), (1..=60).map(|id| id.to_string()).collect());
    let bodies = front.bodies();
    assert_eq!(bodies.len(), 3 + 3);
    assert!(bodies[2..5].iter().all(|body| *body == bodies[1]));
}

#[test]
fn nothing_that_is_said_has_a_secret_in_it() {
    let Some(table) = table("secrets") else { return };
    let keys = table.service.session();
    for words in [&["-vvv", "--plain", "--item", r#"{"id":"a"}"#][..], &["-vvv", "--plain", "--lines"]] {
        let outcome = table.put_with(&keys, words).stdin("{\"id\":\"a\"}").run();
        outcome.expect_code(0).expect_nowhere(&keys.secret_access_key);
        outcome.expect_nowhere(keys.session_token.as_deref().unwrap()).expect_error("of DynamoDB");
    }
}

/// What the recipe gives in place of the Python container: credentials from Greengrass's token exchange service, the
/// thing's name from its variable.
#[test]
fn a_component_writes_with_the_token_exchange_services_credentials() {
    let Some(service) = service() else { return };
    let table = Table { service, name: "device-readings".to_owned() };
    table.create(&[("device_name", "S", "HASH"), ("timestamp", "N", "RANGE")]);
    let keys = service.session();
    let reply = json!({
        "AccessKeyId": keys.access_key_id, "SecretAccessKey": keys.secret_access_key,
        "Token": keys.session_token, "Expiration": "2099-01-01T00:00:00Z",
    });
    let port = http::serve(move |request| match request.header("authorization") {
        Some("the component's token") => http::reply("200 OK", &[], &reply.to_string()),
        _ => http::reply("403 Forbidden", &[], "{}"),
    });
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/boards/RECIPES.md")).unwrap();
    let line = page.lines().find(|line| line.starts_with("homing dynamodb put-item")).unwrap();

    let output = Command::new("sh")
        .args(["-ec", line])
        .env_clear()
        .env("PATH", format!("{}:{}", folder_of_homing(), std::env::var("PATH").unwrap()))
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("http://localhost:{port}/2016-11-01/credentialprovider/"))
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "the component's token")
        .env("AWS_REGION", REGION)
        .env("AWS_IOT_THING_NAME", THING)
        .env("AWS_ENDPOINT_URL_DYNAMODB", service.endpoint())
        .env("HOMING_CA_FILE", &service.ca_file)
        .output()
        .unwrap();

    assert!(output.status.success(), "{line}: {output:?}");
    let found = service.owner().call("dynamodb", "scan", json!({ "TableName": table.name }));
    assert_eq!(found["Items"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(found["Items"][0]["device_name"], json!({ "S": THING }));
    let timestamp: u64 = found["Items"][0]["timestamp"]["N"].as_str().unwrap().parse().unwrap();
    assert!(timestamp > 1_700_000_000, "{found}");
}

/// A table of one test.
struct Table {
    service: &'static Moto,
    name: String,
}

impl Table {
    fn create(&self, keys: &[(&str, &str, &str)]) {
        let attributes: Vec<Value> =
            keys.iter().map(|(name, kind, _)| json!({ "AttributeName": name, "AttributeType": kind })).collect();
        let schema: Vec<Value> =
            keys.iter().map(|(name, _, role)| json!({ "AttributeName": name, "KeyType": role })).collect();
        let parameters = json!({
            "TableName": self.name, "BillingMode": "PAY_PER_REQUEST", "AttributeDefinitions": attributes, "KeySchema": schema,
        });
        self.service.owner().call("dynamodb", "create_table", parameters);
    }

    /// `homing dynamodb put-item` with the device's session.
    fn put(&self, words: &[&str]) -> Homing {
        self.put_with(session(self.service), words)
    }

    fn put_with(&self, keys: &Keys, words: &[&str]) -> Homing {
        self.put_to(&self.service.endpoint(), keys, words).env("HOMING_CA_FILE", &self.service.ca_file)
    }

    fn put_to(&self, endpoint: &str, keys: &Keys, words: &[&str]) -> Homing {
        let arguments = ["--credentials", "environment", "--region", REGION, "--endpoint-url", endpoint];
        homing(arguments.iter().chain(&["dynamodb", "put-item", &self.name]).chain(words)).keys(keys)
    }

    fn item(&self, id: &str) -> Value {
        let parameters = json!({ "TableName": self.name, "Key": { "id": { "S": id } } });
        self.service.owner().call("dynamodb", "get_item", parameters)["Item"].clone()
    }

    fn ids(&self) -> BTreeSet<String> {
        let found = self.service.owner().call("dynamodb", "scan", json!({ "TableName": self.name }));
        found["Items"].as_array().unwrap().iter().map(|item| item["id"]["S"].as_str().unwrap().to_owned()).collect()
    }
}

/// A server before moto that may answer in its place.
struct Front {
    service: &'static Moto,
    port: u16,
    seen: Arc<Mutex<Vec<Request>>>,
    authority: Authority,
    directory: Directory,
    _tls: Nginx,
}

impl Front {
    /// `answer` gets the number of the request, from 0; where it has none, moto answers.
    fn start(
        service: &'static Moto,
        answer: impl Fn(usize, &Request) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let requests = Arc::clone(&seen);
        let plain = http::serve(move |request| {
            let number = {
                let mut requests = requests.lock().unwrap();
                requests.push(request.clone());
                requests.len() - 1
            };
            answer(number, request).unwrap_or_else(|| request.forward(service.plain_port))
        });
        let (directory, authority) = (Directory::new("front"), Authority::new("front authority"));
        let mut builder = Builder::new();
        let port = builder.tls_front(&authority.server(&directory, "front", &["localhost"]), plain);
        Self { service, port, seen, authority, directory, _tls: builder.start() }
    }

    fn put(&self, table: &Table, words: &[&str]) -> Homing {
        let endpoint = format!("https://localhost:{}", self.port);
        table
            .put_to(&endpoint, session(self.service), words)
            .env("HOMING_CA_FILE", self.authority.write(&self.directory, "ca.pem"))
    }

    fn bodies(&self) -> Vec<Value> {
        self.seen.lock().unwrap().iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect()
    }
}

/// A reply as DynamoDB sends it, with its checksum.
fn replied(status: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let checksum = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(body.as_bytes()).to_string();
    http::reply(status, &[("x-amz-crc32", &checksum), ("Content-Type", "application/x-amz-json-1.0")], &body)
}

/// Sets come back in another order.
fn sorted(mut item: Value) -> Value {
    for set in ["SS", "NS"] {
        for value in item.as_object_mut().unwrap().values_mut() {
            if let Some(Value::Array(values)) = value.get_mut(set) {
                values.sort_by_key(Value::to_string);
            }
        }
    }
    item
}

fn folder_of_homing() -> &'static str {
    env!("CARGO_BIN_EXE_homing").rsplit_once('/').unwrap().0
}

/// The device's session, one for all tests.
fn session(service: &Moto) -> &'static Keys {
    static SESSION: OnceLock<Keys> = OnceLock::new();
    SESSION.get_or_init(|| service.session())
}

/// A table with the key `id`, for one test.
fn table(name: &str) -> Option<Table> {
    let table = Table { service: service()?, name: format!("device-{name}") };
    table.create(&[("id", "S", "HASH")]);
    Some(table)
}

/// One service for all tests, whose role may write items.
fn service() -> Option<&'static Moto> {
    static SERVICE: LazyLock<Option<Moto>> = LazyLock::new(|| {
        packages::available("dynamodb", moto::PROGRAMS).then(|| {
            let service = Moto::start();
            // moto does not look at which table it is.
            service.allow("items", &["dynamodb:PutItem", "dynamodb:BatchWriteItem"], "*");
            service
        })
    });
    SERVICE.as_ref()
}
