//! `homing credentials`: print temporary credentials for another program.

use super::network::Network;
use super::{credentials, screen};
use crate::cli::CredentialsFormat;
use crate::config::Config;
use crate::error::{Error, Fault, Result};
use crate::protocol::credentials::Credentials;
use crate::protocol::json::ObjectWriter;
use crate::protocol::time::iso8601;
use std::io::Write;
use zeroize::Zeroizing;

/// Fetches credentials and prints them to standard output.
///
/// # Errors
/// There are none to be had, or standard output cannot be written.
pub fn run(config: &Config, format: CredentialsFormat) -> Result<u8> {
    let network = Network::new(config)?;
    let credentials = credentials::obtain(config, &network)?;
    let mut text = Zeroizing::new(vec![0; TEXT_CAPACITY]);
    let length = match format {
        CredentialsFormat::Process => process(&credentials, &mut text[..]),
        CredentialsFormat::Json => json(&credentials, &mut text[..]),
        CredentialsFormat::Env => environment(&credentials, &mut text[..]),
    }?;
    screen::print(|out| out.write_all(&text[..length]))?;
    Ok(0)
}

/// AWS SDKs and Tools Reference Guide, "Process credential provider".
fn process(credentials: &Credentials, out: &mut [u8]) -> Result<usize> {
    let mut writer = ObjectWriter::new(out);
    writer
        .number("Version", 1)
        .text("AccessKeyId", &credentials.access_key_id)
        .text("SecretAccessKey", credentials.secret_access_key.expose())
        .optional_text("SessionToken", credentials.session_token())
        .optional_text("Expiration", credentials.expiration.map(iso8601).as_deref());
    line(writer)
}

/// The credential provider's own form.
fn json(credentials: &Credentials, out: &mut [u8]) -> Result<usize> {
    let mut writer = ObjectWriter::new(out);
    credentials.write_json(&mut writer);
    line(writer)
}

/// For `eval "$(homing credentials --format env)"` in any POSIX shell.
fn environment(credentials: &Credentials, out: &mut [u8]) -> Result<usize> {
    let capacity = out.len();
    let mut rest = out;
    let mut export = |name: &str, value: &str| -> std::io::Result<()> {
        write!(rest, "export {name}='")?;
        // A quote within single quotes: end them, an escaped quote, begin again.
        for (index, part) in value.split('\'').enumerate() {
            rest.write_all(if index == 0 { b"" } else { b"'\\''" })?;
            rest.write_all(part.as_bytes())?;
        }
        rest.write_all(b"'\n")
    };
    let expiration = credentials.expiration.map(iso8601);
    export("AWS_ACCESS_KEY_ID", &credentials.access_key_id)
        .and_then(|()| export("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key.expose()))
        .and_then(|()| credentials.session_token().map_or(Ok(()), |token| export("AWS_SESSION_TOKEN", token)))
        .and_then(|()| expiration.as_deref().map_or(Ok(()), |time| export("AWS_CREDENTIAL_EXPIRATION", time)))
        .map_err(|_| too_long())?;
    Ok(capacity - rest.len())
}

fn line(writer: ObjectWriter<'_>) -> Result<usize> {
    writer.finish().map_err(|_| too_long())
}

fn too_long() -> Error {
    Error::new(Fault::Data, "credentials_too_long", "the credentials are too long to be printed")
}

/// A session token of 4,096 bytes whose every byte is escaped to two, and the rest.
const TEXT_CAPACITY: usize = 10 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::secret::Secret;

    fn example() -> Credentials {
        Credentials {
            access_key_id: "AKIDEXAMPLE".try_into().unwrap(),
            secret_access_key: Secret::new("wJalr'XUt\"n").unwrap(),
            session_token: Secret::new("token").unwrap(),
            expiration: Some(1_440_938_160),
        }
    }

    fn text(write: impl Fn(&Credentials, &mut [u8]) -> Result<usize>) -> String {
        let mut out = [0; TEXT_CAPACITY];
        let length = write(&example(), &mut out).unwrap();
        String::from_utf8(out[..length].to_vec()).unwrap()
    }

    #[test]
    fn each_format_is_what_its_reader_expects() {
        assert_eq!(
            text(process),
            r#"{"Version":1,"AccessKeyId":"AKIDEXAMPLE","SecretAccessKey":"wJalr'XUt\"n","SessionToken":"token","Expiration":"2015-08-30T12:36:00Z"}"#
        );
        assert_eq!(
            text(json),
            r#"{"credentials":{"accessKeyId":"AKIDEXAMPLE","secretAccessKey":"wJalr'XUt\"n","sessionToken":"token","expiration":"2015-08-30T12:36:00Z"}}"#
        );
        assert_eq!(
            text(environment),
            "export AWS_ACCESS_KEY_ID='AKIDEXAMPLE'\nexport AWS_SECRET_ACCESS_KEY='wJalr'\\''XUt\"n'\n\
             export AWS_SESSION_TOKEN='token'\nexport AWS_CREDENTIAL_EXPIRATION='2015-08-30T12:36:00Z'\n"
        );
    }
}
