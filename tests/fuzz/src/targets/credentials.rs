//! Replies of the credential provider and of container endpoints: credentials that are written and read again are the
//! same, they fit into headers, and no error about a 200 repeats anything of it.

use crate::reply::{assert_presentable, assert_without, with_reply};
use homing::aws::container_credentials::{ContainerEndpoint, locate};
use homing::aws::iot_credentials::RoleAliasCredentials;
use homing::error::Error;
use homing::protocol::credentials::{Credentials, JSON_CAPACITY};
use homing::protocol::json::ObjectWriter;
use homing::protocol::reply::Reply;

pub fn run(data: &[u8]) {
    let call = RoleAliasCredentials { endpoint: "c2.example.com", role_alias: "alias", thing_name: Some("camera-1") };
    let endpoint = locate(None, Some("http://127.0.0.1:1/")).expect("valid").expect("set");
    with_reply(data, |reply| {
        judge(&endpoint, reply, call.parse(reply));
        judge(&endpoint, reply, endpoint.parse(reply));
    });
}

fn judge(endpoint: &ContainerEndpoint<'_>, reply: &Reply<'_>, result: Result<Credentials, Error>) {
    match result {
        Ok(credentials) => {
            let texts = texts(&credentials);
            assert!(texts.iter().all(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())));
            // As it is kept, and as container endpoints answer: once more through the other parser.
            let mut buffer = vec![0; JSON_CAPACITY];
            let mut writer = ObjectWriter::new(&mut buffer);
            writer.text("AccessKeyId", texts[0]).text("SecretAccessKey", texts[1]).text("Token", texts[2]);
            let time = credentials.expiration.expect("these replies have one");
            if !(YEAR_0..YEAR_10000).contains(&time) {
                return;
            }
            writer.text("Expiration", &homing::protocol::time::iso8601(time));
            let length = writer.finish().expect("the capacity is enough for any credentials");
            let reply = Reply { body: &buffer[..length], ..*reply };
            let again = endpoint.parse(&Reply { status: 200, ..reply }).expect("what was written reads");
            assert_eq!((self::texts(&again), again.expiration), (texts, credentials.expiration));
        }
        Err(error) => {
            assert_presentable(&error);
            if reply.status == 200 {
                assert_without(&error, String::from_utf8_lossy(reply.body).split('"'));
            }
        }
    }
}

fn texts(credentials: &Credentials) -> [&str; 3] {
    [
        &credentials.access_key_id,
        credentials.secret_access_key.expose(),
        credentials.session_token().unwrap_or_default(),
    ]
}

const YEAR_0: i64 = -62_167_219_200;
const YEAR_10000: i64 = 253_402_300_800;
