//! boto3 as the other side's client: it prepares buckets and roles, and reads back what homing wrote.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::directory::Directory;
use super::{REGION, packages};

/// Access keys, and a session token for temporary ones.
#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: Option<String>,
}

/// Where to call, and with whose keys. Without keys boto3 looks for them itself, as any AWS SDK does.
pub(crate) struct Client {
    pub(crate) endpoint: String,
    pub(crate) ca_file: PathBuf,
    pub(crate) keys: Option<Keys>,
    /// Environment for boto3: `AWS_CONFIG_FILE` and the like.
    pub(crate) environment: Vec<(String, String)>,
}

impl Client {
    /// Makes one call, and fails unless it succeeds.
    pub(crate) fn call(&self, service: &str, operation: &str, parameters: Value) -> Value {
        let reply = self.attempt(service, operation, parameters, None);
        assert!(reply.get("error").is_none(), "{service} {operation} at {}: {reply}", self.endpoint);
        reply
    }

    /// Makes one call that may be refused; a refusal is `{"error": {"Code": …}, "status": …}`.
    pub(crate) fn attempt(&self, service: &str, operation: &str, parameters: Value, body: Option<&Path>) -> Value {
        let call = json!({
            "service": service,
            "operation": operation,
            "parameters": parameters,
            "endpoint": self.endpoint,
            "ca_file": self.ca_file,
            "region": REGION,
            "body_file": body,
            "credentials": self.keys.as_ref().map(|keys| json!({
                "access_key_id": keys.access_key_id,
                "secret_access_key": keys.secret_access_key,
                "session_token": keys.session_token,
            })),
        });
        let mut python = Command::new(packages::find(packages::BOTO).unwrap())
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/boto.py"))
            .env_clear()
            .envs(self.environment.iter().cloned())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        python.stdin.take().unwrap().write_all(call.to_string().as_bytes()).unwrap();
        let output = python.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "boto3, {service} {operation} at {}: {}",
            self.endpoint,
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The bytes of an object; fails when it is not there.
    pub(crate) fn get_object(&self, bucket: &str, key: &str) -> Vec<u8> {
        let directory = Directory::new("download");
        let file = directory.join("object");
        let reply = self.attempt("s3", "get_object", json!({ "Bucket": bucket, "Key": key }), Some(&file));
        assert!(reply.get("error").is_none(), "s3://{bucket}/{key} cannot be read back: {reply}");
        std::fs::read(file).unwrap()
    }

    /// The keys in a bucket.
    pub(crate) fn list_keys(&self, bucket: &str) -> Vec<String> {
        let reply = self.call("s3", "list_objects_v2", json!({ "Bucket": bucket }));
        let objects = reply.get("Contents").and_then(Value::as_array).cloned().unwrap_or_default();
        objects.iter().map(|object| object["Key"].as_str().unwrap().to_owned()).collect()
    }

    /// Temporary keys of a role from the service's STS.
    pub(crate) fn assume_role(&self, role_arn: &str, seconds: u32) -> Keys {
        let parameters =
            json!({ "RoleArn": role_arn, "RoleSessionName": "device-session", "DurationSeconds": seconds });
        let reply = self.call("sts", "assume_role", parameters);
        let text = |name: &str| reply["Credentials"][name].as_str().unwrap().to_owned();
        Keys {
            access_key_id: text("AccessKeyId"),
            secret_access_key: text("SecretAccessKey"),
            session_token: Some(text("SessionToken")),
        }
    }
}

impl Keys {
    /// The reply of the AWS IoT credential provider for these keys.
    pub(crate) fn provider_reply(&self) -> String {
        self.provider_reply_until("2049-12-31T23:59:59Z")
    }

    /// The same with another time at which they expire, whatever STS has said.
    pub(crate) fn provider_reply_until(&self, expiration: &str) -> String {
        json!({ "credentials": {
            "accessKeyId": self.access_key_id,
            "secretAccessKey": self.secret_access_key,
            "sessionToken": self.session_token.as_deref().unwrap_or_default(),
            "expiration": expiration,
        }})
        .to_string()
    }
}
