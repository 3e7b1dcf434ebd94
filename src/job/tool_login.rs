//! How pip and twine are told where packages are, in their own configuration files, and how that is taken back.

use super::configparser::{Before, Document, Malformed};
use super::private_file::{PRIVATE, PrivateFile};
use crate::aws::codeartifact_endpoint::{RepositoryEndpoint, USER};
use crate::cli::codeartifact::Tool;
use crate::error::{Error, Fault, Result};
use std::path::{Path, PathBuf};

/// Writes the repository and the token into the tool's configuration file, which is then private to its owner. Gives
/// the file.
///
/// # Errors
/// [`Fault::Config`]: there is no such file for this user, it belongs to another, or the tool itself could not read
/// it. [`Fault::Io`], [`Fault::CannotCreate`]. The file is as it was.
pub fn log_in(tool: Tool, endpoint: &RepositoryEndpoint, token: &str) -> Result<PathBuf> {
    let file = PrivateFile::open(&configuration_file(tool)?)?;
    let mut document = Document::parse(file.text().unwrap_or_default());
    document.check().map_err(|mistake| malformed(tool, file.path(), mistake))?;
    forget_others(tool, &mut document);
    document.note(file.mode().map_or(Before::Absent, Before::Mode));
    match tool {
        Tool::Pip => document.set("global", "index-url", &endpoint.with_token(token, "simple/")),
        Tool::Twine => {
            if document.value("distutils", "index-servers").is_none() {
                // What twine and others take for the list when there is none.
                document.set("distutils", "index-servers", "pypi");
            }
            document.add_word("distutils", "index-servers", SERVER);
            for (option, value) in [("repository", endpoint.url()), ("username", USER), ("password", token)] {
                document.set(SERVER, option, value);
            }
        }
    }
    let path = file.path().to_owned();
    file.replace(&document.text(), PRIVATE)?;
    Ok(path)
}

/// Takes back what [`log_in`] has done, and every other token of CodeArtifact in the same place. Gives the file;
/// `None`: there was nothing to take back.
///
/// # Errors
/// As [`log_in`], but for a file that the tool could not read.
pub fn log_out(tool: Tool) -> Result<Option<PathBuf>> {
    let path = configuration_file(tool)?;
    if path.parent().is_some_and(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        return Ok(None);
    }
    let file = PrivateFile::open(&path)?;
    let (Some(text), Some(mode)) = (file.text(), file.mode()) else { return Ok(None) };
    let mut document = Document::parse(text);
    let before = document.take_back();
    let others = forget_others(tool, &mut document);
    let path = file.path().to_owned();
    match before {
        None if !others => return Ok(None),
        Some(Before::Absent) if document.is_empty() => file.delete()?,
        // What was added meanwhile may be meant for its owner alone.
        Some(Before::Mode(before)) if document.has_password() => file.replace(&document.text(), before & mode)?,
        Some(Before::Mode(before)) => file.replace(&document.text(), before)?,
        Some(Before::Absent) | None => file.replace(&document.text(), mode)?,
    }
    Ok(Some(path))
}

/// Removes the logins of other programs, such as AWS's CLI: a token that has been replaced is not to come back. Also
/// finds homing's own where a program that drops comments has rewritten the file.
fn forget_others(tool: Tool, document: &mut Document) -> bool {
    match tool {
        Tool::Pip => {
            let is_login = |document: &Document| {
                let value = document.value("global", "index-url");
                !document.is_set("global", "index-url")
                    && value.is_some_and(|value| value.contains("://aws:") && value.contains("/pypi/"))
            };
            let found = is_login(document);
            if found {
                document.remove_option("global", "index-url");
            }
            found
        }
        Tool::Twine => {
            let is_login = !document.is_set(SERVER, "password")
                && document.value(SERVER, "username").is_some_and(|name| *name == USER)
                && document.value(SERVER, "password").is_some();
            if is_login {
                ["repository", "username", "password"].iter().for_each(|name| document.remove_option(SERVER, name));
            }
            is_login
        }
    }
}

/// The file that the tool reads and, for pip, that `pip config --user` writes.
fn configuration_file(tool: Tool) -> Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let home = || {
        variable("HOME").map(PathBuf::from).ok_or_else(|| {
            Error::new(Fault::Config, "no_home", "HOME is not set: it is not known whose configuration is meant")
                .with_remedy("set HOME to the home folder of the user who runs the tool")
        })
    };
    match tool {
        Tool::Twine => Ok(home()?.join(".pypirc")),
        Tool::Pip => match (variable("PIP_CONFIG_FILE"), variable("XDG_CONFIG_HOME")) {
            (Some(file), _) if file == "/dev/null" => {
                Err(Error::new(Fault::Config, "pip_unconfigured", "PIP_CONFIG_FILE is /dev/null: pip reads no files")
                    .with_remedy("unset PIP_CONFIG_FILE, or use homing exec --codeartifact, which needs no file"))
            }
            (Some(file), _) => Ok(file.into()),
            (None, Some(folder)) => Ok(Path::new(&folder).join("pip/pip.conf")),
            // ~/.pip/pip.conf, the older place, is read too, but this one counts.
            (None, None) => Ok(home()?.join(".config/pip/pip.conf")),
        },
    }
}

fn malformed(tool: Tool, path: &Path, Malformed(line): Malformed) -> Error {
    let (path, tool) = (path.display(), tool.name());
    Error::new(
        Fault::Config,
        "malformed_configuration",
        format!("'{path}', line {line}: {tool} cannot read this line, and the file is left as it is"),
    )
    .with_remedy("correct or remove the line; a section or an option may be there only once")
}

/// What AWS's documentation and its CLI call the server in ~/.pypirc: `twine upload --repository codeartifact`.
const SERVER: &str = "codeartifact";
