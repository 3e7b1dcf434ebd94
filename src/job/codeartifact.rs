//! `homing codeartifact`, and what `homing exec --codeartifact` gives a command: tokens for package repositories.

use super::child::ChildEnvironment;
use super::network::Network;
use super::service::ServiceClient;
use super::signer::Signer;
use super::{Screen, netrc, pip_configuration, screen, tool_login};
use crate::aws::codeartifact_endpoint::{GetRepositoryEndpoint, RepositoryEndpoint, USER};
use crate::aws::codeartifact_token::{AuthorizationToken, GetAuthorizationToken, TOKEN_CAPACITY};
use crate::aws::endpoint::Service;
use crate::cli::codeartifact::{Codeartifact, DEFAULT_FORMAT, Domain, Packages, Repository, Tool};
use crate::config::Config;
use crate::error::{Error, Fault, Result};
use crate::protocol::json::ObjectWriter;
use crate::protocol::reply::Reply;
use crate::protocol::time::iso8601;
use std::io::Write;
use zeroize::Zeroizing;

/// Does what the command says; a token or an endpoint goes to standard output. Taking a login back needs no
/// configuration, not even a right one.
///
/// # Errors
/// No credentials, a refusal, no connection; a configuration file that cannot be changed; standard output.
pub fn run(config: impl FnOnce() -> Result<Box<Config>>, command: &Codeartifact, screen: &Screen) -> Result<u8> {
    match command {
        Codeartifact::Logout(tool) => log_out(*tool, screen)?,
        Codeartifact::Token(domain) => with_service(&*config()?, |service, signer| {
            let token = service.token(signer, domain)?;
            let fields = |line: &mut ObjectWriter<'_>| {
                line.text("authorizationToken", &token.token)
                    .optional_text("expiration", token.expiration.map(iso8601).as_deref());
            };
            print_line(&token.token, fields, screen)
        })?,
        Codeartifact::Endpoint(repository, format) => with_service(&*config()?, |service, signer| {
            let endpoint = service.endpoint(signer, repository, format)?;
            print_line(endpoint.url(), |line| _ = line.text("repositoryEndpoint", endpoint.url()), screen)
        })?,
        Codeartifact::Login(repository, tool) => with_service(&*config()?, |service, signer| {
            let endpoint = service.endpoint(signer, repository, DEFAULT_FORMAT)?;
            let token = service.token(signer, &repository.domain)?;
            log_in(*tool, repository, &endpoint, &token, screen)
        })?,
    }
    Ok(0)
}

/// Gives a command the environment with which it finds the repository: for `pypi` that of pip, twine and uv, for `npm`
/// that of npm, and for every other format the token alone, in the variable that AWS's documentation uses in the
/// configuration of the tools. The names are not all such as a shell could set.
///
/// # Errors
/// A refusal, no connection; an endpoint that cannot be used; a variable that another flag gives, too.
pub fn add(
    environment: &mut ChildEnvironment,
    config: &Config,
    network: &Network<'_>,
    signer: &Signer,
    packages: &Packages,
) -> Result<()> {
    let service = Codeartifacts::open(config, network)?;
    let repository = &packages.repository;
    let endpoint = match packages.format {
        "pypi" | "npm" => Some(service.endpoint(signer, repository, packages.format)?),
        _ => None,
    };
    let token = service.token(signer, &repository.domain)?;
    let existing = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let variables = match endpoint {
        Some(endpoint) if packages.format == "npm" => npm_variables(&endpoint, token.token),
        Some(endpoint) => {
            let content = netrc::with(&netrc::existing(), endpoint.host(), USER, &token.token);
            environment.set_file(FLAG, netrc::VARIABLE, &content)?;
            // pip's variable takes the place of what its files have.
            let configured = || {
                let files = pip_configuration::files(|name| std::env::var(name).ok());
                let (urls, _) = pip_configuration::find(&files, &["install", "global"], "extra-index-url")?;
                Some(urls.split_whitespace().collect::<Vec<_>>().join(" "))
            };
            let existing = |name: &str| existing(name).or_else(|| (name == EXTRA_INDEX).then(configured)?);
            python_variables(&endpoint, token.token, packages.extra, existing)
        }
        None => vec![(TOKEN_VARIABLE.to_owned(), token.token)],
    };
    variables.into_iter().try_for_each(|(name, value)| environment.set_any(FLAG, &name, value))
}

/// pip: "Environment Variables" of its user guide. It hands its index on to the pip that it builds with as an argument,
/// so that the token is not in there, but in the netrc. twine: "Environment Variables". uv: "Environment variables" of its
/// reference, since its version 0.4.23.
fn python_variables(
    endpoint: &RepositoryEndpoint,
    token: Zeroizing<String>,
    extra: bool,
    existing: impl Fn(&str) -> Option<String>,
) -> Vec<(String, Zeroizing<String>)> {
    let public = Zeroizing::new(format!("{}simple/", endpoint.url()));
    let index = endpoint.with_token(&token, "simple/");
    let indexes: [(&str, Zeroizing<String>); 2] = if extra {
        // Lists, with spaces between; what the user has in them stays.
        [(EXTRA_INDEX, public), ("UV_INDEX", index)].map(|(name, index)| {
            let others = existing(name).map(Zeroizing::new);
            let parts = others.as_deref().map(String::as_str).into_iter().chain([index.as_str()]);
            (name, Zeroizing::new(parts.collect::<Vec<_>>().join(" ")))
        })
    } else {
        [("PIP_INDEX_URL", public), ("UV_DEFAULT_INDEX", index)]
    };
    let plain = |text: &str| Zeroizing::new(text.to_owned());
    let uploads = [
        ("TWINE_REPOSITORY_URL", plain(endpoint.url())),
        ("TWINE_USERNAME", plain(USER)),
        ("TWINE_PASSWORD", token.clone()),
        ("UV_PUBLISH_URL", plain(endpoint.url())),
        ("UV_PUBLISH_USERNAME", plain(USER)),
        ("UV_PUBLISH_PASSWORD", token),
    ];
    indexes.into_iter().chain(uploads).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// npm, "config", "Environment Variables"; "npmrc", "Auth related configuration": the token belongs to a URL, which is
/// in the variable's name. npm takes it from 8.15 on.
fn npm_variables(endpoint: &RepositoryEndpoint, token: Zeroizing<String>) -> Vec<(String, Zeroizing<String>)> {
    vec![
        ("npm_config_registry".to_owned(), Zeroizing::new(endpoint.url().to_owned())),
        (format!("npm_config_{}:_authToken", endpoint.without_scheme()), token),
    ]
}

fn with_service(config: &Config, then: impl FnOnce(&Codeartifacts<'_>, &Signer) -> Result<()>) -> Result<()> {
    let network = Network::new(config)?;
    let service = Codeartifacts::open(config, &network)?;
    let signer = Signer::obtain(config, &network)?;
    then(&service, &signer)
}

/// The service, with what the configuration says about it.
struct Codeartifacts<'c> {
    config: &'c Config,
    network: &'c Network<'c>,
    client: ServiceClient,
}

impl<'c> Codeartifacts<'c> {
    fn open(config: &'c Config, network: &'c Network<'c>) -> Result<Self> {
        Ok(Self { config, network, client: ServiceClient::open(config, network, Service::CodeArtifact)? })
    }

    fn token(&self, signer: &Signer, domain: &Domain) -> Result<AuthorizationToken> {
        let call = GetAuthorizationToken {
            authority: self.client.authority(),
            domain: &domain.name,
            domain_owner: domain.owner.as_deref(),
            duration: domain.duration,
            now: signer.time(),
        };
        let mut buffer = Zeroizing::new(vec![0; REPLY_CAPACITY]);
        self.client.call(
            self.network,
            signer,
            || call.request(),
            b"",
            &mut buffer[..],
            |reply, now| GetAuthorizationToken { now, ..call }.parse(reply),
        )
    }

    fn endpoint(&self, signer: &Signer, repository: &Repository, format: &str) -> Result<RepositoryEndpoint> {
        let (domain, name) = (&repository.domain, &repository.name);
        let replacement = self.config.repository_endpoint_url.as_ref().map(ToString::to_string);
        let behind =
            |authority: &str, owner: &str| RepositoryEndpoint::behind(authority, format, &domain.name, owner, name);
        if let (Some(authority), Some(owner)) = (&replacement, &domain.owner) {
            return Ok(behind(authority, owner));
        }
        let call = GetRepositoryEndpoint {
            authority: self.client.authority(),
            domain: &domain.name,
            domain_owner: domain.owner.as_deref(),
            repository: name,
            format,
            dual_stack: self.config.use_dualstack_endpoint,
            now: signer.time(),
        };
        let mut buffer = vec![0; REPLY_CAPACITY];
        let parse = |reply: &Reply<'_>, now| GetRepositoryEndpoint { now, ..call }.parse(reply);
        let endpoint = self.client.call(self.network, signer, || call.request(), b"", &mut buffer, parse)?;
        match &replacement {
            None => Ok(endpoint),
            Some(authority) => match endpoint.domain_owner(&domain.name) {
                Some(owner) => Ok(behind(authority, owner)),
                None => Err(Error::new(
                    Fault::Usage,
                    "owner_unknown",
                    format!(
                        "repository_endpoint_url is set, but {} does not say who owns domain {}",
                        endpoint.url(),
                        domain.name
                    ),
                )
                .with_remedy("give --domain-owner")),
            },
        }
    }
}

/// The text, or with `--json` the fields, as one line.
fn print_line(text: &str, fields: impl FnOnce(&mut ObjectWriter<'_>), screen: &Screen) -> Result<()> {
    if !screen.json {
        return screen::print(|out| out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")));
    }
    let mut line = Zeroizing::new(vec![0; LINE_CAPACITY]);
    let mut writer = ObjectWriter::new(&mut line[..]);
    fields(&mut writer);
    let length = writer
        .finish()
        .map_err(|_| Error::new(Fault::Data, "reply_too_long", "the reply is too long to be printed"))?;
    screen::print(|out| out.write_all(&line[..length]).and_then(|()| out.write_all(b"\n")))
}

fn log_in(
    tool: Tool,
    repository: &Repository,
    endpoint: &RepositoryEndpoint,
    token: &AuthorizationToken,
    screen: &Screen,
) -> Result<()> {
    let path = tool_login::log_in(tool, endpoint, &token.token)?;
    if let (Tool::Pip, Some(_)) = (tool, std::env::var_os("PIP_INDEX_URL").filter(|url| !url.is_empty())) {
        log::warn!("the variable PIP_INDEX_URL is set, and counts before {}", path.display());
    }
    if tool == Tool::Pip {
        let files = pip_configuration::files(|name| std::env::var(name).ok());
        for section in ["install", "download", "wheel"] {
            if let Some((_, file)) = pip_configuration::find(&files, &[section], "index-url") {
                log::warn!(
                    "index-url in [{section}] of {} counts before {} for pip {section}",
                    file.display(),
                    path.display()
                );
            }
        }
    }
    if !screen.talkative {
        return Ok(());
    }
    let (tool, path, domain, name) = (tool.name(), path.display(), &repository.domain.name, &repository.name);
    let until = token.expiration.map(|time| format!(" until {}", iso8601(time))).unwrap_or_default();
    screen::print(|out| {
        writeln!(out, "{tool} uses {domain}/{name}{until}: {path}")?;
        writeln!(out, "to take it back: homing codeartifact logout --tool {tool}")
    })
}

fn log_out(tool: Tool, screen: &Screen) -> Result<()> {
    let path = tool_login::log_out(tool)?;
    if !screen.talkative {
        return Ok(());
    }
    let tool = tool.name();
    screen::print(|out| match path {
        Some(path) => writeln!(out, "{tool} has no token any more: {}", path.display()),
        None => writeln!(out, "{tool} had no token"),
    })
}

const FLAG: &str = "--codeartifact";
const EXTRA_INDEX: &str = "PIP_EXTRA_INDEX_URL";
/// AWS CodeArtifact User Guide, "Pass an auth token using an environment variable".
const TOKEN_VARIABLE: &str = "CODEARTIFACT_AUTH_TOKEN";
/// A token whose every byte might be escaped, in theory to six; in practice none is. Room for the rest of the reply.
const REPLY_CAPACITY: usize = TOKEN_CAPACITY + 4096;
/// A token whose every byte is escaped to two, and the rest of the line.
const LINE_CAPACITY: usize = 2 * TOKEN_CAPACITY + 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(format: &str) -> RepositoryEndpoint {
        RepositoryEndpoint::behind("host:8443", format, "dom", "111122223333", "repo")
    }

    fn pairs(variables: &[(String, Zeroizing<String>)]) -> Vec<(&str, &str)> {
        variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    #[test]
    fn pip_twine_and_uv_find_the_repository() {
        let variables = python_variables(&endpoint("pypi"), Zeroizing::new("tok/en".to_owned()), false, |_| None);
        let url = "https://host:8443/pypi/d/dom-111122223333/repo/";
        let index = "https://aws:tok%2Fen@host:8443/pypi/d/dom-111122223333/repo/simple/";
        assert_eq!(
            pairs(&variables),
            [
                ("PIP_INDEX_URL", "https://host:8443/pypi/d/dom-111122223333/repo/simple/"),
                ("UV_DEFAULT_INDEX", index),
                ("TWINE_REPOSITORY_URL", url),
                ("TWINE_USERNAME", "aws"),
                ("TWINE_PASSWORD", "tok/en"),
                ("UV_PUBLISH_URL", url),
                ("UV_PUBLISH_USERNAME", "aws"),
                ("UV_PUBLISH_PASSWORD", "tok/en"),
            ]
        );
    }

    #[test]
    fn an_extra_index_stands_beside_those_that_are_there() {
        let existing = |name: &str| (name == "PIP_EXTRA_INDEX_URL").then(|| "https://a/ https://b/".to_owned());
        let variables = python_variables(&endpoint("pypi"), Zeroizing::new("token".to_owned()), true, existing);
        let index = "https://aws:token@host:8443/pypi/d/dom-111122223333/repo/simple/";
        let both = "https://a/ https://b/ https://host:8443/pypi/d/dom-111122223333/repo/simple/";
        assert_eq!(pairs(&variables)[..2], [("PIP_EXTRA_INDEX_URL", both), ("UV_INDEX", index)]);
    }

    #[test]
    fn npm_has_the_token_under_the_registry_s_url() {
        let variables = npm_variables(&endpoint("npm"), Zeroizing::new("token".to_owned()));
        assert_eq!(
            pairs(&variables),
            [
                ("npm_config_registry", "https://host:8443/npm/d/dom-111122223333/repo/"),
                ("npm_config_//host:8443/npm/d/dom-111122223333/repo/:_authToken", "token"),
            ]
        );
    }
}
