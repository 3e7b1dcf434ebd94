//! `homing serve`: credentials for other programs on this machine, in the form of ECS's container credentials and of
//! Greengrass's token exchange service, which every AWS SDK can fetch.

mod refresher;
mod rotation;
mod token;

use super::child::{CannotRun, ChildEnvironment};
use super::exec::add_region;
use super::screen;
use super::supervise::{ENDING, Signals, Supervised};
use crate::aws::container_credentials::plain_http_allowed;
use crate::cli::Serve;
use crate::config::Config;
use crate::error::{Error, Fault, Result};
use crate::net::http_server::{RequestHead, Response, Server, Service, Status, Turn};
use crate::net::stream::unix_time;
use refresher::Refresher;
use rotation::{Issued, Now, Rotation};
use std::io::{PipeReader, PipeWriter, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::Command;
use std::rc::Rc;
use std::time::Instant;
use token::Token;
use zeroize::Zeroizing;

/// Serves until a signal comes, or the command has ended, whose exit code it gives then.
///
/// # Errors
/// It cannot listen; the token's file is of no use; there are no credentials to be had, and there is nothing to be
/// gained by trying again.
pub fn run(config: &Config, command: &Serve) -> Result<u8> {
    let program = command.command.split_first();
    if let Some((program, _)) = program
        && let Err(why) = CannotRun::check(program, std::env::var_os("PATH").as_deref())
    {
        return Ok(screen::cannot_run(&why));
    }
    check_address(command.listen.ip(), command.expose)?;
    let token = match &command.token_file {
        Some(file) => Token::from_file(file, config.strict)?,
        None => Token::random()?,
    };
    let server = CredentialServer::start(config, command.listen, token)?;
    if command.print_env {
        let mut text = Zeroizing::new(String::with_capacity(PRINTED_CAPACITY));
        for (name, value) in server.variables(config) {
            text.extend([name, "=", value.as_str(), "\n"]);
        }
        screen::print(|out| out.write_all(text.as_bytes()))?;
    }
    let Some((program, arguments)) = program else { return server.serve(config) };
    let mut environment = ChildEnvironment::new();
    server.add_to(&mut environment, "homing serve", config)?;
    server.serve_command(config, environment.command(program, arguments))
}

/// A server that listens, and has credentials or a passing reason why not.
pub struct CredentialServer {
    server: Server,
    token: Token,
    rotation: Rotation,
    wake: (PipeReader, PipeWriter),
}

impl CredentialServer {
    /// For a single command on this machine: on loopback, with a token of its own.
    ///
    /// # Errors
    /// As [`run`].
    pub fn for_command(config: &Config) -> Result<Self> {
        Self::start(config, SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0), Token::random()?)
    }

    fn start(config: &Config, address: SocketAddr, token: Token) -> Result<Self> {
        let server = Server::listen(address)?;
        let wake = std::io::pipe()
            .map_err(|error| Error::new(Fault::Io, "no_pipe", format!("the system gives no pipe: {error}")))?;
        // Here and now, so that a wrong configuration is told to the one who made it and not to a client.
        let mut rotation = Rotation::new(early(config));
        let outcome = match refresher::fetch(config) {
            Err(error) if !error.retryable() => return Err(error),
            Err(error) => {
                log::warn!("serving without credentials for now: {error}");
                Err(error)
            }
            Ok(fetched) => Ok(fetched),
        };
        rotation.fetched(rendered(outcome), now());
        log::info!("serving at {}", uri(server.address()));
        Ok(Self { server, token, rotation, wake })
    }

    /// Gives a command what it needs to fetch credentials here, and takes away what would come before them.
    ///
    /// # Errors
    /// As [`ChildEnvironment::set`].
    pub fn add_to(&self, environment: &mut ChildEnvironment, source: &str, config: &Config) -> Result<()> {
        let variables = self.variables(config).into_iter().filter(|(name, _)| *name != REGION);
        variables.into_iter().try_for_each(|(name, value)| environment.set(source, name, value))?;
        environment.remove(WEB_IDENTITY);
        add_region(environment, source, config)
    }

    /// Serves until SIGTERM, SIGINT or SIGHUP.
    ///
    /// # Errors
    /// The system has no thread, no pipe or no signals left.
    pub fn serve(self, config: &Config) -> Result<u8> {
        let owner = Owner::Signals(Signals::watch(ENDING, &self.wake.1)?);
        self.serve_until(config, owner)
    }

    /// Starts the command, and serves until it ends. Gives its exit code; 127 or 126 when it cannot be started.
    ///
    /// # Errors
    /// As [`Self::serve`].
    pub fn serve_command(self, config: &Config, command: Command) -> Result<u8> {
        match Supervised::start(command, &self.wake.1)? {
            Ok(supervised) => self.serve_until(config, Owner::Command(supervised)),
            Err(why) => Ok(screen::cannot_run(&why)),
        }
    }

    fn serve_until(self, config: &Config, owner: Owner) -> Result<u8> {
        let (reader, writer) = self.wake;
        let refresher = Refresher::start(config.clone(), writer)?;
        let mut service = CredentialService { token: self.token, rotation: self.rotation, refresher, owner, code: 0 };
        self.server.run(&mut service, &reader)?;
        Ok(service.code)
    }

    /// What the clients' environment has to have.
    fn variables(&self, config: &Config) -> Vec<(&'static str, Zeroizing<String>)> {
        let mut variables = vec![
            (FULL_URI, Zeroizing::new(uri(self.server.address()))),
            (TOKEN, Zeroizing::new(self.token.expose().to_owned())),
        ];
        let configured = [(REGION, &config.region), (THING_NAME, &config.thing_name)];
        variables
            .extend(configured.into_iter().filter_map(|(name, value)| Some((name, Zeroizing::new(value.clone()?)))));
        variables
    }
}

/// Who decides when the server ends.
enum Owner {
    Signals(Signals),
    Command(Supervised),
}

struct CredentialService {
    token: Token,
    rotation: Rotation,
    refresher: Refresher,
    owner: Owner,
    /// The exit code.
    code: u8,
}

impl Service for CredentialService {
    fn respond(&mut self, request: &RequestHead<'_>) -> Option<Rc<Response>> {
        let refusal = if request.path != PATH {
            Response::error(Status::NotFound, "NotFound", "credentials are at /credentials")
        } else if request.method != "GET" {
            Response::error(Status::MethodNotAllowed, "MethodNotAllowed", "credentials are fetched with GET")
        } else {
            match request.authorization {
                Some(token) if self.token.is(token) => return self.rotation.ask(now()),
                Some(_) => Response::error(
                    Status::Forbidden,
                    "AccessDenied",
                    "Authorization is not the token that this server was started with",
                ),
                None => Response::error(
                    Status::Unauthorized,
                    "MissingAuthenticationToken",
                    "there is no Authorization: set AWS_CONTAINER_AUTHORIZATION_TOKEN",
                ),
            }
        };
        Some(Rc::new(refusal))
    }

    fn turn(&mut self) -> Turn {
        let end = match &mut self.owner {
            Owner::Signals(signals) => signals.take().next().map(|_| 0),
            Owner::Command(command) => command.turn(),
        };
        if let Some(code) = end {
            self.code = code;
            return Turn::End;
        }
        if let Some(result) = self.refresher.result() {
            if let Err(error) = &result {
                log::warn!("the credentials could not be renewed: {error}");
            }
            self.rotation.fetched(rendered(result), now());
        }
        let now = now();
        if self.rotation.begins_to_fetch(now) {
            self.refresher.begin();
        }
        Turn::Continue { answer: self.rotation.settle(now), until: self.rotation.until(now) }
    }
}

fn rendered(result: Result<refresher::Fetched>) -> std::result::Result<Issued, Rc<Response>> {
    result.map(refresher::Fetched::issue).map_err(|error| Rc::new(refresher::refusal(&error)))
}

/// How long before they expire credentials are renewed, seconds: where they must live longer, longer before.
fn early(config: &Config) -> i64 {
    config.min_ttl.and_then(|seconds| i64::try_from(seconds).ok()).map_or(EARLY, |seconds| seconds.max(EARLY))
}

fn now() -> Now {
    Now { clock: unix_time(), instant: Instant::now() }
}

/// Where clients find a server that listens at `address`.
fn uri(address: SocketAddr) -> String {
    let host = match address.ip() {
        IpAddr::V4(host) if host.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(host) if host.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        host => host,
    };
    format!("http://{}{PATH}", SocketAddr::new(host, address.port()))
}

/// SDKs fetch credentials without TLS from loopback and from the addresses of ECS and EKS only, with good reason.
fn check_address(address: IpAddr, expose: bool) -> Result<()> {
    if plain_http_allowed(address) {
        return Ok(());
    }
    let message = format!(
        "--listen: credentials would travel unencrypted to {address}, and AWS SDKs do not fetch them from there: they \
         accept 127.0.0.1, [::1], 169.254.170.2, 169.254.170.23 and [fd00:ec2::23]"
    );
    if expose {
        log::warn!("{message}");
        return Ok(());
    }
    Err(Error::new(Fault::Usage, "address_not_allowed", message).with_remedy(
        "for a container, give it the host's network, or add 169.254.170.2 to the bridge (ip address add \
         169.254.170.2/32 dev docker0) and listen there; --expose listens all the same",
    ))
}

const PATH: &str = "/credentials";
const FULL_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
/// SDKs look there before they look here.
const WEB_IDENTITY: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
const REGION: &str = "AWS_REGION";
/// As Greengrass calls it for its components.
const THING_NAME: &str = "AWS_IOT_THING_NAME";
/// A token of 1,024 bytes and the rest; were it more, a copy would stay in memory.
const PRINTED_CAPACITY: usize = 2048;
/// Five minutes: from then on the AWS SDK for JavaScript asks for new ones. Role aliases give at least 900 seconds.
const EARLY: i64 = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_sdks_do_not_accept_need_a_word() {
        for address in ["127.0.0.1", "127.1.2.3", "::1", "169.254.170.2", "169.254.170.23", "fd00:ec2::23"] {
            assert_eq!(check_address(address.parse().unwrap(), false), Ok(()), "{address}");
        }
        for address in ["0.0.0.0", "::", "172.17.0.1", "192.168.1.5", "169.254.169.254"] {
            let error = check_address(address.parse().unwrap(), false).unwrap_err();
            assert_eq!((error.fault(), error.code()), (Fault::Usage, "address_not_allowed"));
            assert_eq!(check_address(address.parse().unwrap(), true), Ok(()));
        }
    }

    #[test]
    fn the_uri_is_one_that_can_be_connected_to() {
        let uri = |address: &str| uri(address.parse().unwrap());
        assert_eq!(uri("127.0.0.1:80"), "http://127.0.0.1:80/credentials");
        assert_eq!(uri("[::1]:4000"), "http://[::1]:4000/credentials");
        assert_eq!(uri("0.0.0.0:4000"), "http://127.0.0.1:4000/credentials");
    }
}
