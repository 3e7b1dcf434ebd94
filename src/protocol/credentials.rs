//! Temporary AWS credentials, as every source of them hands them over.

use super::secret::Secret;

/// An access key, its secret and the session token that goes with them.
#[derive(Debug)]
pub struct Credentials {
    /// The access key id. Not a secret: it is in every request in clear.
    pub access_key_id: heapless::String<ACCESS_KEY_ID_CAPACITY>,
    /// The key that signs.
    pub secret_access_key: Secret<SECRET_ACCESS_KEY_CAPACITY>,
    /// Sent with every request; empty for long-term credentials (only ever from the environment).
    pub session_token: Secret<SESSION_TOKEN_CAPACITY>,
    /// When they expire, in seconds since the Unix epoch; `None` where the source does not say.
    pub expiration: Option<i64>,
}

/// IAM allows 16 to 128 characters (IAM API, AccessKey data type).
pub const ACCESS_KEY_ID_CAPACITY: usize = 128;
/// Today 40 characters; room for what S3-compatible stores use.
pub const SECRET_ACCESS_KEY_CAPACITY: usize = 128;
/// AWS sets no maximum; 4 KiB is what its own documentation suggests to plan for.
pub const SESSION_TOKEN_CAPACITY: usize = 4096;
