//! moto: AWS's APIs in Python, with its authentication switched on, so that STS says who a caller is. TLS by nginx.

use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::json;

use super::boto::{Client, Keys};
use super::directory::Directory;
use super::nginx::{self, Nginx};
use super::packages;
use super::pki::Authority;
use super::process::{Server, free_port};
use super::{BUCKET, ROLE_ALIAS};

/// The programs that a suite with moto needs.
pub(crate) const PROGRAMS: &[&str] = &["moto_server", "nginx", packages::BOTO];

/// A running moto with a role that may put objects into [`BUCKET`] and nothing else.
pub(crate) struct Moto {
    /// Its TLS port.
    pub(crate) port: u16,
    pub(crate) ca_file: PathBuf,
    /// Its port without TLS, for a server that stands between.
    pub(crate) plain_port: u16,
    owner: Keys,
    powerless: OnceLock<()>,
    _front: Nginx,
    server: Server,
    _directory: Directory,
}

impl Moto {
    /// Starts it and makes the user, the role and the bucket; every later call needs a signature.
    pub(crate) fn start() -> Self {
        let directory = Directory::new("moto");
        let authority = Authority::new("moto authority");
        let ca_file = authority.write(&directory, "ca.pem");
        let identity = authority.server(&directory, "server", &["localhost", "127.0.0.1"]);
        let plain = free_port();
        let mut server = Server::start(
            directory.path(),
            "moto",
            "moto_server",
            ["-H", "127.0.0.1", "-p", &plain.to_string()],
            &[("INITIAL_NO_AUTH_ACTION_COUNT", SETUP_CALLS)],
        );
        server.wait_for_port("127.0.0.1", plain);
        let mut front = nginx::Builder::new();
        let port = front.tls_front(&identity, plain);
        let front = front.start();

        let anyone =
            Keys { access_key_id: "anyone".to_owned(), secret_access_key: "anything".to_owned(), session_token: None };
        let mut moto = Self {
            port,
            ca_file,
            plain_port: plain,
            owner: anyone,
            powerless: OnceLock::new(),
            _front: front,
            server,
            _directory: directory,
        };
        moto.set_up();
        moto
    }

    /// Exactly [`SETUP_CALLS`] calls: moto takes so many without looking at their signatures.
    fn set_up(&mut self) {
        let client = self.owner();
        client.call("iam", "create_user", json!({ "UserName": "owner" }));
        let policy = policy(&["*"], "*");
        let parameters = json!({ "UserName": "owner", "PolicyName": "everything", "PolicyDocument": policy });
        client.call("iam", "put_user_policy", parameters);
        let parameters = json!({ "RoleName": ROLE_ALIAS, "AssumeRolePolicyDocument": owners_trust() });
        client.call("iam", "create_role", parameters);
        let policy = self::policy(&["s3:PutObject"], &format!("arn:aws:s3:::{BUCKET}/*"));
        let parameters = json!({ "RoleName": ROLE_ALIAS, "PolicyName": "put", "PolicyDocument": policy });
        client.call("iam", "put_role_policy", parameters);
        client.call("s3", "create_bucket", json!({ "Bucket": BUCKET }));
        let key = client.call("iam", "create_access_key", json!({ "UserName": "owner" }));
        let text = |name: &str| key["AccessKey"][name].as_str().unwrap().to_owned();
        self.owner = Keys {
            access_key_id: text("AccessKeyId"),
            secret_access_key: text("SecretAccessKey"),
            session_token: None,
        };
    }

    /// Lets the device's role do more, by a policy of its own; with a signed call.
    pub(crate) fn allow(&self, policy_name: &str, actions: &[&str], resource: &str) {
        let document = policy(actions, resource);
        let parameters = json!({ "RoleName": ROLE_ALIAS, "PolicyName": policy_name, "PolicyDocument": document });
        self.owner().call("iam", "put_role_policy", parameters);
    }

    /// Its endpoint, by name.
    pub(crate) fn endpoint(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// boto3 with the keys of the user who owns everything.
    pub(crate) fn owner(&self) -> Client {
        self.client(Some(self.owner.clone()))
    }

    /// boto3 with these keys, or with those that it finds itself.
    pub(crate) fn client(&self, keys: Option<Keys>) -> Client {
        Client { endpoint: self.endpoint(), ca_file: self.ca_file.clone(), keys, environment: Vec::new() }
    }

    /// Temporary keys of the device's role.
    pub(crate) fn session(&self) -> Keys {
        self.owner().assume_role(&format!("arn:aws:iam::{ACCOUNT}:role/{ROLE_ALIAS}"), 900)
    }

    /// Temporary keys of a role that may do nothing at all.
    pub(crate) fn powerless_session(&self) -> Keys {
        let role = format!("arn:aws:iam::{ACCOUNT}:role/powerless");
        self.powerless.get_or_init(|| {
            let parameters = json!({ "RoleName": "powerless", "AssumeRolePolicyDocument": owners_trust() });
            self.owner().call("iam", "create_role", parameters);
        });
        self.owner().assume_role(&role, 900)
    }

    /// What moto has logged: one line a request.
    pub(crate) fn log(&self) -> String {
        self.server.log()
    }
}

/// The user who owns everything may take the role.
fn owners_trust() -> String {
    json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:user/owner") }, "Action": "sts:AssumeRole" },
    ]})
    .to_string()
}

fn policy(actions: &[&str], resource: &str) -> String {
    let statement = json!([{ "Effect": "Allow", "Action": actions, "Resource": resource }]);
    json!({ "Version": "2012-10-17", "Statement": statement }).to_string()
}

/// How many calls [`Moto::set_up`] makes.
const SETUP_CALLS: &str = "6";
/// The account number that moto gives everybody.
const ACCOUNT: &str = "123456789012";
