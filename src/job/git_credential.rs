//! `homing git-credential`: git's credential helper protocol (git-credential(1), "Input/output format";
//! gitcredentials(7), "Custom helpers").

use super::network::Network;
use super::screen;
use super::secret::{Secrets, keys};
use super::signer::Signer;
use crate::cli::{GitCredential, GitHost, GitOperation, GitPassword, SecretReference};
use crate::config::Config;
use crate::error::{Error, Fault, Result};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use zeroize::Zeroizing;

/// Answers git. The configuration is read only where something is to be fetched.
///
/// # Errors
/// The password is not to be had. For what nobody asked homing for there is no answer, and no error.
pub fn run(config: impl FnOnce() -> Result<Box<Config>>, command: &GitCredential) -> Result<u8> {
    let input = read_input()?;
    if command.operation != GitOperation::Get {
        return Ok(0);
    }
    let wanted = Wanted::read(&input);
    let answer = command.hosts.iter().find_map(|(host, password)| Some((wanted.user(host)?, password)));
    let Some((user, password)) = answer else {
        log::info!("git asks for {}://{}, which is not for homing to answer", wanted.protocol, wanted.host);
        return Ok(0);
    };
    let password = match password {
        GitPassword::Secret(secret) => from_secret(&*config()?, secret)?,
        GitPassword::Variable(name) => from_variable(name)?,
    };
    screen::print(|out| {
        out.write_all(b"username=")?;
        out.write_all(user.as_bytes())?;
        out.write_all(b"\npassword=")?;
        out.write_all(password.as_bytes())?;
        out.write_all(b"\n")
    })?;
    Ok(0)
}

/// A secret as git can take it as a password: without newlines behind it.
///
/// # Errors
/// It is not to be had, or is no password: several lines, or a whole JSON object.
pub fn password(secrets: &mut Secrets<'_>, signer: &Signer, secret: &SecretReference) -> Result<Zeroizing<String>> {
    let id = &secret.id;
    let text = secrets.text(signer, secret)?;
    // Nobody's password is a JSON object; the console makes one of every secret.
    if secret.key.is_none()
        && let Some(keys) = keys(&text)
    {
        return Err(Error::new(Fault::Data, "no_password", format!("secret {id:?} is a JSON object, no password"))
            .with_remedy(format!("name one of its keys behind a colon, {id}:KEY; it has {keys}")));
    }
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() || password.contains(['\n', '\0']) {
        return Err(Error::new(
            Fault::Data,
            "no_password",
            format!("secret {id:?} cannot be git's password: it is empty, or has more than one line"),
        )
        .with_remedy("store the token alone"));
    }
    Ok(Zeroizing::new(password.to_owned()))
}

/// What git asks for.
#[derive(Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// `https`, `http`, `ssh`, …
    pub protocol: &'a str,
    /// The host, and `:port` where the URL has one.
    pub host: &'a str,
    /// The user, where the URL has one.
    pub username: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    /// Reads `key=value` lines up to an empty one; the last of a key counts, and unknown keys do not.
    pub fn read(input: &'a str) -> Self {
        let mut wanted = Self { protocol: "", host: "", username: None };
        for line in input.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)) {
            match line.split_once('=') {
                Some(("protocol", value)) => wanted.protocol = value,
                Some(("host", value)) => wanted.host = value,
                Some(("username", value)) => wanted.username = Some(value),
                _ if line.is_empty() => break,
                _ => {}
            }
        }
        wanted
    }

    /// The username to answer with, where the password of `host` is what git wants. A password goes over TLS only.
    pub fn user(&self, host: &'a GitHost) -> Option<&'a str> {
        let place = GitHost::without_default_port(self.host);
        let is_wanted = self.protocol == "https" && place.eq_ignore_ascii_case(&host.host);
        match (self.username, host.user.as_deref()) {
            _ if !is_wanted => None,
            (Some(wanted), Some(user)) => (wanted == user).then_some(user),
            (wanted, user) => wanted.or(user).or(Some(DEFAULT_USER)),
        }
    }
}

fn from_secret(config: &Config, secret: &SecretReference) -> Result<Zeroizing<String>> {
    let network = Network::new(config)?;
    let mut secrets = Secrets::new(config, &network);
    secrets.expect(secret)?;
    let signer = Signer::obtain(config, &network)?;
    password(&mut secrets, &signer, secret)
}

fn from_variable(name: &str) -> Result<Zeroizing<String>> {
    let value = std::env::var(name).map(Zeroizing::new).ok().filter(|value| !value.is_empty());
    value.ok_or_else(|| {
        Error::new(Fault::Config, "variable_not_set", format!("the environment variable {name} is not set, or no text"))
            .with_remedy("run git by homing exec --git, which sets it")
    })
}

/// All that git says: for `store` and `erase` the password is in it.
fn read_input() -> Result<Zeroizing<String>> {
    let failed = |error: &dyn std::fmt::Display| {
        Error::new(Fault::Io, "stdin_failed", format!("cannot read what git asks: {error}"))
    };
    // Not through the standard library's own buffer, which is not wiped.
    let stdin = std::io::stdin().as_fd().try_clone_to_owned().map_err(|error| failed(&error))?;
    let mut input = Zeroizing::new(Vec::with_capacity(INPUT_MAXIMUM));
    File::from(stdin).take(INPUT_MAXIMUM as u64).read_to_end(&mut input).map_err(|error| failed(&error))?;
    let text = std::str::from_utf8(&input).map_err(|error| failed(&error))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Before the number of a variable that holds a password for git.
pub const VARIABLE_PREFIX: &str = "HOMING_GIT_CREDENTIAL_";
/// GitHub Docs, "Authenticating as a GitHub App installation": for its tokens; with personal access tokens GitHub
/// takes any username.
const DEFAULT_USER: &str = "x-access-token";
/// git's own limit is 64 KiB for a line; what it asks with has a few short ones.
const INPUT_MAXIMUM: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn host(user: Option<&str>) -> GitHost {
        GitHost { user: user.map(str::to_owned), host: "git.example:8443".to_owned() }
    }

    fn user<'a>(input: &'a str, host: &'a GitHost) -> Option<&'a str> {
        Wanted::read(input).user(host)
    }

    #[test]
    fn the_documented_input_is_read() {
        let input = "capability[]=authtype\nprotocol=https\r\nhost=git.example:8443\nwwwauth[]=Basic realm=\"x\"\nx\n\nhost=other\n";
        assert_eq!(Wanted::read(input), Wanted { protocol: "https", host: "git.example:8443", username: None });
    }

    #[test]
    fn only_the_named_host_over_https_is_answered() {
        let anyone = host(None);
        assert_eq!(user("protocol=https\nhost=GIT.example:8443\n", &anyone), Some("x-access-token"));
        for input in [
            "",
            "protocol=http\nhost=git.example:8443\n",
            "protocol=https\nhost=git.example\n",
            "protocol=https\nhost=git.example:8443:443\n",
            "protocol=https\nhost=git.example:8443.evil.example\n",
            "protocol=https\n\nhost=git.example:8443\n",
        ] {
            assert_eq!(user(input, &anyone), None, "{input}");
        }
    }

    #[test]
    fn the_port_of_https_is_the_same_with_and_without_saying_it() {
        let host = GitHost { user: None, host: "git.example".to_owned() };
        for asked in ["git.example", "git.example:443"] {
            assert_eq!(user(&format!("protocol=https\nhost={asked}\n"), &host), Some("x-access-token"), "{asked}");
        }
        assert_eq!(user("protocol=https\nhost=git.example:8443\n", &host), None);
        assert_eq!(user("protocol=http\nhost=git.example:443\n", &host), None);
    }

    #[test]
    fn the_username_is_gits_or_the_one_given() {
        let asked = "protocol=https\nhost=git.example:8443\nusername=alice\n";
        assert_eq!(user(asked, &host(None)), Some("alice"));
        assert_eq!(user(asked, &host(Some("alice"))), Some("alice"));
        assert_eq!(user(asked, &host(Some("bob"))), None);
        assert_eq!(user("protocol=https\nhost=git.example:8443\n", &host(Some("bob"))), Some("bob"));
    }
}
