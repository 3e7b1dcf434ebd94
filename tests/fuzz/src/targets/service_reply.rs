//! Replies of Secrets Manager, CodeArtifact, ECR, DynamoDB and the data endpoint: what is got out of them can go where
//! it goes (headers, URLs, lines of files), what is sent again is JSON, and errors about a 200 repeat nothing of it.

use crate::reply::{assert_presentable, assert_without, with_reply};
use homing::aws::codeartifact_endpoint::GetRepositoryEndpoint;
use homing::aws::codeartifact_token::GetAuthorizationToken;
use homing::aws::dynamodb_batch_write_item::BatchWriteItem;
use homing::aws::dynamodb_put_item::PutItem;
use homing::aws::ecr;
use homing::aws::ecr_public::GetPublicAuthorizationToken;
use homing::aws::iot_publish::Publish;
use homing::aws::secrets_manager::{GetSecretValue, SecretValue};
use homing::error::Error;
use homing::protocol::reply::Reply;

pub fn run(data: &[u8]) {
    with_reply(data, |reply| {
        let authority = "api.example.com";
        let secret = GetSecretValue { authority, id: "door", version_stage: None, version_id: None };
        match secret.parse(reply, NOW) {
            Ok(SecretValue::Text(text)) => assert!(text.len() <= reply.body.len()),
            Ok(SecretValue::Binary(bytes)) => assert!(bytes.len() <= reply.body.len()),
            Err(error) => judge(reply, &error),
        }
        let token = GetAuthorizationToken { authority, domain: "d", domain_owner: None, duration: None, now: NOW };
        match token.parse(reply) {
            Ok(token) => assert!(!token.token.is_empty() && token.token.bytes().all(|byte| byte.is_ascii_graphic())),
            Err(error) => judge(reply, &error),
        }
        let endpoint = GetRepositoryEndpoint {
            authority,
            domain: "d",
            domain_owner: None,
            repository: "r",
            format: "pypi",
            dual_stack: false,
            now: NOW,
        };
        match endpoint.parse(reply) {
            Ok(endpoint) => {
                let url = endpoint.with_token("TOKEN", "simple/");
                assert!(url.starts_with("https://aws:TOKEN@") && url.bytes().all(|byte| byte.is_ascii_graphic()));
                assert!(!endpoint.host().contains(['/', '@', '"', '\\']), "{}", endpoint.url());
            }
            Err(error) => judge(reply, &error),
        }
        for login in [
            ecr::GetAuthorizationToken { authority, now: NOW }.parse(reply),
            GetPublicAuthorizationToken { authority, now: NOW }.parse(reply),
        ] {
            match login {
                Ok(login) => {
                    assert!(!login.password().is_empty() && !login.user().contains(':'));
                    assert_eq!(
                        format!("{login:?}").contains(login.password()),
                        login.registry.contains(login.password())
                    );
                }
                Err(error) => judge(reply, &error),
            }
        }
        if let Err(error) = (PutItem { authority, table: "t", condition: None, now: NOW }).parse(reply) {
            judge(reply, &error);
        }
        match (BatchWriteItem { authority, table: "t", now: NOW }).parse(reply) {
            Ok(Some(again)) => {
                assert!(again.items > 0);
                let body: serde_json::Value = serde_json::from_slice(&again.body).expect("it is sent as JSON");
                assert_eq!(body["RequestItems"]["t"].as_array().map(Vec::len), Some(again.items));
            }
            Ok(None) => {}
            Err(error) => judge(reply, &error),
        }
        if let Err(error) = (Publish { endpoint: authority, topic: "t", at_least_once: true }).parse(reply) {
            judge(reply, &error);
        }
    });
}

fn judge(reply: &Reply<'_>, error: &Error) {
    assert_presentable(error);
    if reply.status == 200 {
        assert_without(error, String::from_utf8_lossy(reply.body).split('"'));
    }
}

const NOW: i64 = 1_795_305_600;
