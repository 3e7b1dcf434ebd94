//! `homing serve`: where it listens, who may ask, and for whom.

use super::{Command, Given, usage};
use crate::error::Result;
use crate::options::Id;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Serve credentials to other programs.
#[derive(Debug, PartialEq, Eq)]
pub struct Serve {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Whether it may be an address that other machines reach.
    pub expose: bool,
    /// The file of the bearer token; `None`: a random one.
    pub token_file: Option<PathBuf>,
    /// Whether the clients' variables are printed.
    pub print_env: bool,
    /// The command to serve, and its arguments; empty: whoever has the token.
    pub command: Vec<OsString>,
}

impl Given {
    pub(super) fn serve(&self, positionals: &[OsString]) -> Result<Command> {
        let listen = self.text(Id::Listen)?.unwrap_or(Id::Listen.option().default);
        let listen = listen.parse().map_err(|_| {
            usage("invalid_value", format!("--listen: \"{listen}\" is no address with a port, such as 127.0.0.1:0"))
                .with_remedy(
                    "an IPv4 address, or an IPv6 address in brackets, then a colon and the port; 0 is a free one",
                )
        })?;
        let token_file = self.last(Id::TokenFile).map(PathBuf::from);
        if token_file.as_ref().is_some_and(|file| file.as_os_str().is_empty()) {
            return Err(usage("empty", "--token-file: the file name is empty"));
        }
        let serve = Serve {
            listen,
            expose: self.has(Id::Expose),
            token_file,
            print_env: self.has(Id::PrintEnv),
            command: positionals.to_vec(),
        };
        if serve.command.is_empty() && serve.token_file.is_none() && !serve.print_env {
            return Err(usage("token_unknown", "nobody would know the token that a client has to show").with_remedy(
                "give a command to serve (homing serve -- COMMAND), or --token-file FILE, or --print-env",
            ));
        }
        Ok(Command::Serve(serve))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::parse;

    fn serve(words: &[&str]) -> Serve {
        match parse(["homing", "serve"].iter().chain(words)).unwrap().command {
            Command::Serve(serve) => serve,
            other => panic!("{other:?}"),
        }
    }

    fn code(words: &[&str]) -> String {
        parse(["homing", "serve"].iter().chain(words)).unwrap_err().code().to_owned()
    }

    #[test]
    fn what_stands_behind_the_command_is_the_commands() {
        let plain = Serve {
            listen: "127.0.0.1:0".parse().unwrap(),
            expose: false,
            token_file: None,
            print_env: false,
            command: vec!["docker".into(), "run".into(), "-e".into(), "--listen".into()],
        };
        assert_eq!(serve(&["--", "docker", "run", "-e", "--listen"]), plain);
        assert_eq!(serve(&["docker", "run", "-e", "--listen"]), plain);
        let given = serve(&["--listen", "[::1]:80", "--expose", "--token-file", "f", "--print-env"]);
        assert_eq!(given.listen, "[::1]:80".parse().unwrap());
        assert!(given.expose && given.print_env && given.command.is_empty());
        assert_eq!(given.token_file, Some("f".into()));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert_eq!(code(&[]), "token_unknown");
        assert_eq!(code(&["--token-file", ""]), "empty");
        for address in ["localhost:80", "127.0.0.1", "80", "::1:80", "127.0.0.1:65536"] {
            assert_eq!(code(&["--print-env", "--listen", address]), "invalid_value", "{address}");
        }
    }
}
