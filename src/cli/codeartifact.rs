//! `homing codeartifact`: tokens and endpoints of package repositories, and the tools that use them.

use super::{Command, Given, usage};
use crate::error::Result;
use crate::options::{Id, Kind};
use std::ffi::OsString;

/// What to do about a CodeArtifact domain or repository.
#[derive(Debug, PartialEq, Eq)]
pub enum Codeartifact {
    /// Print a token.
    Token(Domain),
    /// Print a repository's URL for one format.
    Endpoint(Repository, &'static str),
    /// Write repository and token into the tool's configuration.
    Login(Repository, Tool),
    /// Take that back.
    Logout(Tool),
}

/// A domain, and the token for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    /// Its name.
    pub name: String,
    /// The account that owns it, 12 digits; `None`: the credentials' own.
    pub owner: Option<String>,
    /// How long the token is good, in seconds: 900 to 43,200, or 0 for as long as the credentials are; `None`: the
    /// service's own default.
    pub duration: Option<u32>,
}

/// A repository in a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// The domain.
    pub domain: Domain,
    /// Its name.
    pub name: String,
}

/// A repository for the command that `homing exec` runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packages {
    /// The repository.
    pub repository: Repository,
    /// The format whose tools are told of it.
    pub format: &'static str,
    /// Whether it is an index beside the tool's own, not in its place.
    pub extra: bool,
}

/// A tool whose configuration can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// Installs Python packages.
    Pip,
    /// Uploads Python packages.
    Twine,
}

impl Tool {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pip => "pip",
            Self::Twine => "twine",
        }
    }
}

/// The formats of packages (AWS CodeArtifact API Reference, "GetRepositoryEndpoint").
pub const FORMATS: &[&str] = &["pypi", "npm", "maven", "nuget", "generic", "ruby", "swift", "cargo"];
/// The format when none is named: homing's devices run Python.
pub const DEFAULT_FORMAT: &str = "pypi";

impl Given {
    pub(super) fn codeartifact(&self, positionals: &[OsString]) -> Result<Command> {
        let Some((action, rest)) = positionals.split_first() else {
            return Err(usage("missing_argument", format!("homing codeartifact needs one of {}", ACTIONS.join(", "))));
        };
        let action = action.to_str().unwrap_or_default();
        let flags: &[Id] = match action {
            "token" => &[Id::Domain, Id::DomainOwner, Id::Duration],
            "endpoint" => &[Id::Domain, Id::DomainOwner, Id::Repository, Id::Format],
            "login" => &[Id::Domain, Id::DomainOwner, Id::Duration, Id::Repository, Id::Tool],
            "logout" => &[Id::Tool],
            _ => {
                let message = format!("homing codeartifact has no {action:?}, only {}", ACTIONS.join(", "));
                return Err(usage("unknown_command", message));
            }
        };
        let foreign = OWN_FLAGS.iter().find(|id| !flags.contains(id) && self.last(**id).is_some());
        if let Some(id) = foreign {
            let message = format!("--{} is no flag of homing codeartifact {action}", id.option().flag);
            return Err(usage("unknown_flag", message));
        }
        let shorthand = match rest {
            [] => None,
            [one] => Some(one.to_str().ok_or_else(|| usage("not_utf8", "an argument is not UTF-8"))?),
            [_, second, ..] => {
                return Err(usage("wrong_arguments", format!("one argument too many: {second:?}")));
            }
        };
        Ok(Command::Codeartifact(match action {
            "token" => Codeartifact::Token(self.domain(self.named(Id::Domain, shorthand, "DOMAIN")?)?),
            "endpoint" => Codeartifact::Endpoint(self.repository(shorthand)?, self.package_format()?),
            "login" => Codeartifact::Login(self.repository(shorthand)?, self.tool()?),
            _ if shorthand.is_some() => {
                return Err(usage("wrong_arguments", "homing codeartifact logout takes no argument, only --tool"));
            }
            _ => Codeartifact::Logout(self.tool()?),
        }))
    }

    /// What `--codeartifact` and the flags beside it ask for.
    pub(super) fn packages(&self) -> Result<Option<Packages>> {
        let Some(text) = self.text(Id::Codeartifact)? else {
            let beside = [Id::DomainOwner, Id::Duration, Id::Format, Id::Extra];
            return match beside.iter().find(|id| self.last(**id).is_some()) {
                None => Ok(None),
                Some(id) => {
                    let message =
                        format!("--{} says something of --codeartifact, which is not there", id.option().flag);
                    Err(usage("conflict", message).with_remedy("give --codeartifact DOMAIN/REPOSITORY, too"))
                }
            };
        };
        let Some((domain, repository)) = text.split_once('/') else {
            return Err(usage("invalid_value", format!("--codeartifact: {text:?} is not DOMAIN/REPOSITORY")));
        };
        let repository = Repository { domain: self.domain(domain)?, name: repository_name(repository)? };
        let (format, extra) = (self.package_format()?, self.has(Id::Extra));
        if extra && format != "pypi" {
            return Err(usage("conflict", format!("--extra: the tools for {format} have one registry only")));
        }
        Ok(Some(Packages { repository, format, extra }))
    }

    fn repository(&self, shorthand: Option<&str>) -> Result<Repository> {
        let (domain, name) = match shorthand {
            None => (
                self.named(Id::Domain, None, "DOMAIN/REPOSITORY")?,
                self.named(Id::Repository, None, "DOMAIN/REPOSITORY")?,
            ),
            Some(text) => match text.split_once('/') {
                Some((domain, name)) => {
                    (self.named(Id::Domain, Some(domain), "")?, self.named(Id::Repository, Some(name), "")?)
                }
                None => return Err(usage("invalid_value", format!("{text:?} is not DOMAIN/REPOSITORY"))),
            },
        };
        Ok(Repository { domain: self.domain(domain)?, name: repository_name(name)? })
    }

    /// What the flag or the argument says, but not both.
    fn named<'a>(&'a self, id: Id, argument: Option<&'a str>, shorthand: &str) -> Result<&'a str> {
        let flag = id.option().flag;
        match (self.text(id)?, argument) {
            (Some(_), Some(_)) => Err(usage("conflict", format!("--{flag} and the argument both name the {flag}"))),
            (None, None) => Err(usage("missing_argument", format!("no {flag} is named: give {shorthand} or --{flag}"))),
            (Some(name), None) | (None, Some(name)) => Ok(name),
        }
    }

    fn domain(&self, name: &str) -> Result<Domain> {
        let bytes = name.as_bytes();
        let is_lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let valid = (2..=50).contains(&bytes.len())
            && bytes[0].is_ascii_lowercase()
            && bytes.iter().all(|byte| is_lower(*byte) || *byte == b'-')
            && name.ends_with(|last: char| last != '-');
        if !valid {
            return Err(usage(
                "invalid_value",
                format!("{name:?} is no name of a CodeArtifact domain: 2 to 50 lower-case letters, digits and dashes"),
            ));
        }
        let owner = self.text(Id::DomainOwner)?;
        if let Some(owner) = owner.filter(|owner| owner.len() != 12 || !owner.bytes().all(|byte| byte.is_ascii_digit()))
        {
            let message = format!("--domain-owner: {owner:?} is no account number: 12 digits, without dashes");
            return Err(usage("invalid_value", message));
        }
        Ok(Domain { name: name.to_owned(), owner: owner.map(str::to_owned), duration: self.duration()? })
    }

    fn duration(&self) -> Result<Option<u32>> {
        let (Some(text), Kind::Integer { maximum, .. }) = (self.text(Id::Duration)?, Id::Duration.option().kind) else {
            return Ok(None);
        };
        let seconds = text.parse::<u32>().ok().filter(|seconds| {
            text.bytes().all(|byte| byte.is_ascii_digit()) && {
                *seconds == 0 || (DURATION_MINIMUM..=maximum).contains(&u64::from(*seconds))
            }
        });
        seconds.map(Some).ok_or_else(|| {
            let message = format!("--duration: {text:?} is neither 0 nor {DURATION_MINIMUM} to {maximum} seconds");
            usage("invalid_value", message).with_remedy("0 ends the token with the credentials")
        })
    }

    fn package_format(&self) -> Result<&'static str> {
        Ok(self.word(Id::Format, FORMATS)?.unwrap_or(DEFAULT_FORMAT))
    }

    fn tool(&self) -> Result<Tool> {
        match self.choice(Id::Tool)? {
            Some("twine") => Ok(Tool::Twine),
            Some(_) => Ok(Tool::Pip),
            None => Err(usage("missing_argument", "which tool is meant? --tool pip or --tool twine")),
        }
    }
}

/// `[A-Za-z0-9][A-Za-z0-9._-]{1,99}`, as the service has it.
fn repository_name(name: &str) -> Result<String> {
    let valid = (2..=100).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        && name.starts_with(|first: char| first.is_ascii_alphanumeric());
    if valid {
        return Ok(name.to_owned());
    }
    let what = "is no name of a CodeArtifact repository: 2 to 100 letters, digits, dots, dashes and underscores";
    Err(usage("invalid_value", format!("{name:?} {what}")))
}

const ACTIONS: &[&str] = &["token", "endpoint", "login", "logout"];
/// The flags that not every action has.
const OWN_FLAGS: &[Id] = &[Id::Domain, Id::DomainOwner, Id::Duration, Id::Repository, Id::Format, Id::Tool];
/// AWS CodeArtifact API Reference, "GetAuthorizationToken": 0, or 15 minutes and more.
const DURATION_MINIMUM: u64 = 900;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Fault};

    fn parse(words: &[&str]) -> Result<Command> {
        super::super::parse(["homing"].iter().chain(words)).map(|arguments| arguments.command)
    }

    fn refused(words: &[&str]) -> Error {
        let error = parse(words).expect_err(&words.join(" "));
        assert_eq!(error.fault(), Fault::Usage, "{error}");
        error
    }

    fn domain() -> Domain {
        Domain { name: "dom".to_owned(), owner: None, duration: None }
    }

    #[test]
    fn flags_and_the_shorthand_say_the_same() {
        let repository = || Repository { domain: domain(), name: "Repo_1".to_owned() };
        let endpoint = |format| Command::Codeartifact(Codeartifact::Endpoint(repository(), format));
        for words in [&["dom/Repo_1"][..], &["--domain", "dom", "--repository", "Repo_1"]] {
            let mut all = vec!["codeartifact", "endpoint", "--format", "npm"];
            all.extend(words);
            assert_eq!(parse(&all).unwrap(), endpoint("npm"));
        }
        assert_eq!(parse(&["codeartifact", "endpoint", "dom/Repo_1"]).unwrap(), endpoint("pypi"));
        assert_eq!(
            parse(&["codeartifact", "login", "dom/Repo_1", "--tool", "twine"]).unwrap(),
            Command::Codeartifact(Codeartifact::Login(repository(), Tool::Twine))
        );
        assert_eq!(
            parse(&["codeartifact", "logout", "--tool=pip"]).unwrap(),
            Command::Codeartifact(Codeartifact::Logout(Tool::Pip))
        );
        let owned = Domain { owner: Some("012345678901".to_owned()), duration: Some(0), ..domain() };
        assert_eq!(
            parse(&["codeartifact", "token", "dom", "--domain-owner", "012345678901", "--duration", "0"]).unwrap(),
            Command::Codeartifact(Codeartifact::Token(owned))
        );
    }

    #[test]
    fn bad_input_is_named() {
        for (words, part) in [
            (&[][..], "token, endpoint, login, logout"),
            (&["tokn"], "tokn"),
            (&["token"], "give DOMAIN or --domain"),
            (&["token", "dom/repo"], "dom/repo"),
            (&["token", "Dom"], "lower-case"),
            (&["token", "d-"], "2 to 50"),
            (&["token", "dom", "extra"], "extra"),
            (&["token", "dom", "--domain", "dom"], "both"),
            (&["token", "dom", "--repository", "repo"], "--repository is no flag of homing codeartifact token"),
            (&["token", "dom", "--domain-owner", "1234-5678-9012"], "12 digits"),
            (&["token", "dom", "--duration", "899"], "neither 0 nor 900 to 43200"),
            (&["token", "dom", "--duration", "43201"], "43200"),
            (&["token", "dom", "--duration", "+900"], "+900"),
            (&["endpoint", "dom"], "DOMAIN/REPOSITORY"),
            (&["endpoint", "dom/r"], "2 to 100"),
            (&["endpoint", "dom/a/b"], "a/b"),
            (&["endpoint", "--domain", "dom"], "no repository is named"),
            (&["endpoint", "dom/repo", "--format", "conda"], "pypi, npm, maven, nuget, generic, ruby, swift, cargo"),
            (&["endpoint", "dom/repo", "--duration", "900"], "no flag"),
            (&["login", "dom/repo"], "--tool pip or --tool twine"),
            (&["login", "dom/repo", "--tool", "npm"], "pip, twine"),
            (&["logout", "dom/repo", "--tool", "pip"], "no argument"),
        ] {
            let mut all = vec!["codeartifact"];
            all.extend(words);
            let error = refused(&all);
            assert!(error.message().contains(part), "{words:?}: {error}");
            assert!(error.remedy().unwrap_or_default().contains("homing codeartifact"), "{error}");
        }
    }

    #[test]
    fn exec_takes_a_repository_with_what_belongs_to_it() {
        let words = ["exec", "--codeartifact", "dom/repo", "--extra", "--duration", "900", "--", "pip3"];
        let Command::Exec(exec) = parse(&words).unwrap() else { panic!() };
        let packages = exec.packages.unwrap();
        assert_eq!((packages.format, packages.extra, packages.repository.domain.duration), ("pypi", true, Some(900)));
        for (words, part) in [
            (&["--codeartifact", "dom", "--", "pip3"][..], "DOMAIN/REPOSITORY"),
            (&["--aws", "--extra", "--", "pip3"], "--codeartifact"),
            (&["--codeartifact", "dom/repo", "--extra", "--format", "npm", "--", "npm"], "one registry"),
            (&["--codeartifact", "dom/repo", "--secret", "A=b", "--endpoint-url", "h", "--", "npm"], "two are"),
        ] {
            let mut all = vec!["exec"];
            all.extend(words);
            assert!(refused(&all).message().contains(part), "{words:?}");
        }
    }
}
