//! Temporary AWS credentials, as every source of them hands them over.

use super::json::ObjectWriter;
use super::secret::Secret;
use super::time::iso8601;

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

impl Credentials {
    /// The session token, where there is one.
    pub fn session_token(&self) -> Option<&str> {
        Some(self.session_token.expose()).filter(|token| !token.is_empty())
    }

    /// How many seconds they are good for from `now` on, negative when that is over; `None` where nobody says.
    pub fn life(&self, now: i64) -> Option<i64> {
        self.expiration.map(|expiration| expiration.saturating_sub(now))
    }

    /// Adds the object `credentials` in the form of AWS IoT Core's credential provider. The buffer behind `writer`
    /// then holds secrets.
    pub fn write_json(&self, writer: &mut ObjectWriter<'_>) {
        writer.object("credentials", |writer| {
            writer
                .text("accessKeyId", &self.access_key_id)
                .text("secretAccessKey", self.secret_access_key.expose())
                .optional_text("sessionToken", self.session_token())
                .optional_text("expiration", self.expiration.map(iso8601).as_deref());
        });
    }
}

/// IAM allows 16 to 128 characters (IAM API, AccessKey data type).
pub const ACCESS_KEY_ID_CAPACITY: usize = 128;
/// Today 40 characters; room for what S3-compatible stores use.
pub const SECRET_ACCESS_KEY_CAPACITY: usize = 128;
/// AWS sets no maximum; 4 KiB is what its own documentation suggests to plan for.
pub const SESSION_TOKEN_CAPACITY: usize = 4096;
/// The longest text of [`Credentials::write_json`]: each value's every byte escaped to two at worst, and names and
/// time around them.
pub const JSON_CAPACITY: usize =
    2 * (ACCESS_KEY_ID_CAPACITY + SECRET_ACCESS_KEY_CAPACITY + SESSION_TOKEN_CAPACITY) + 256;
