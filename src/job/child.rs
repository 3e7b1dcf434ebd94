//! The environment of a command that homing starts, or becomes: what it is given, and what is kept from it.

use crate::config::values;
use crate::error::{Error, Fault, Result};
use rustix::fs::{MemfdFlags, memfd_create};
use std::ffi::{OsStr, OsString};
use std::io::{ErrorKind, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use zeroize::Zeroizing;

/// What a command finds in its environment besides what homing itself was started with. Values are wiped on drop.
///
/// What homing authenticates with ([`OWN_CREDENTIALS`]) is never inherited: a command that is given one secret must
/// not get at the credentials that can read them all.
#[derive(Default)]
pub struct ChildEnvironment {
    variables: Vec<Variable>,
    removed: Vec<&'static str>,
    files: Vec<AnonymousFile>,
}

/// One without a name, which the command inherits.
struct AnonymousFile {
    variable: &'static str,
    descriptor: OwnedFd,
}

struct Variable {
    name: String,
    value: Zeroizing<String>,
    source: String,
}

impl ChildEnvironment {
    /// One that adds nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the command a variable. `source` is the flag that asks for it, such as `--aws`, for errors.
    ///
    /// # Errors
    /// [`Fault::Usage`]: two flags give the same variable, or its name cannot be one. [`Fault::Data`]: the value has a
    /// NUL, which no variable can hold.
    pub fn set(&mut self, source: &str, name: &str, value: Zeroizing<String>) -> Result<()> {
        values::variable_name(name)
            .map_err(|what| Error::new(Fault::Usage, "invalid_variable", format!("{source}: {name:?} {what}")))?;
        self.set_any(source, name, value)
    }

    /// The same for a name that no shell could set, but the command reads, as npm does `npm_config_//host/:_authToken`.
    ///
    /// # Errors
    /// As [`ChildEnvironment::set`], but for the name.
    pub fn set_any(&mut self, source: &str, name: &str, value: Zeroizing<String>) -> Result<()> {
        if let Some(other) = self.variables.iter().find(|variable| variable.name == name) {
            return Err(Error::new(
                Fault::Usage,
                "conflict",
                match other.source == source {
                    true => format!("{source} gives the variable {name} twice"),
                    false => format!("{} and {source} both give the variable {name}", other.source),
                },
            )
            .with_remedy("leave one of them away"));
        }
        if value.contains('\0') {
            return Err(Error::new(
                Fault::Data,
                "nul_in_value",
                format!("{source}: the value for the variable {name} has a NUL in it, which ends every variable"),
            )
            .with_remedy("store the value encoded, for example in base64, and let the command decode it"));
        }
        self.variables.push(Variable { name: name.to_owned(), value, source: source.to_owned() });
        Ok(())
    }

    /// Gives the command a file that is in no folder, for it and for what it runs as the same user, and its path in a
    /// variable. The file is there as long as the command is.
    ///
    /// # Errors
    /// As [`ChildEnvironment::set`]. [`Fault::Config`]: the kernel has no such files, or `/proc` is not mounted.
    pub fn set_file(&mut self, source: &str, name: &'static str, content: &[u8]) -> Result<()> {
        let failed = |error: &std::io::Error| {
            Error::new(Fault::Config, "no_anonymous_file", format!("{source}: cannot make a file in memory: {error}"))
                .with_remedy("check that /proc is mounted; the kernel must be Linux 3.17 or later")
        };
        let made = memfd_create(name, MemfdFlags::NOEXEC_SEAL)
            // Before Linux 6.3.
            .or_else(|_| memfd_create(name, MemfdFlags::empty()))
            .map_err(|error| failed(&error.into()))?;
        let mut file = std::fs::File::from(made);
        let path = path_of(&std::process::id().to_string(), file.as_fd());
        // Of the right /proc, too.
        let is_there = |found: std::fs::Metadata| found.len() == content.len() as u64;
        file.write_all(content)
            .and_then(|()| std::fs::metadata(&path))
            .and_then(|found| is_there(found).then_some(()).ok_or_else(|| ErrorKind::NotFound.into()))
            .map_err(|error| failed(&error))?;
        self.set(source, name, Zeroizing::new(path))?;
        self.files.push(AnonymousFile { variable: name, descriptor: file.into() });
        Ok(())
    }

    /// Whether a variable has been given.
    pub fn has(&self, name: &str) -> bool {
        self.variables.iter().any(|variable| variable.name == name)
    }

    /// Keeps a variable of homing's own environment from the command.
    pub fn remove(&mut self, name: &'static str) {
        self.removed.push(name);
    }

    /// The command, ready to be started, with standard input and output as they are.
    pub fn command(&self, program: &OsStr, arguments: &[OsString]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments);
        for name in OWN_CREDENTIALS.iter().chain(&self.removed) {
            command.env_remove(name);
        }
        for variable in &self.variables {
            command.env(&variable.name, variable.value.as_str());
        }
        command
    }

    /// The same for a command that homing stays beside. It finds its files in its own process: those in homing's are
    /// closed to it, as homing's memory is.
    pub fn command_beside(&self, program: &OsStr, arguments: &[OsString]) -> Command {
        if self.files.is_empty() {
            return self.command(program, arguments);
        }
        let exports = self.files.iter().map(|file| {
            let path = path_of("$$", file.descriptor.as_fd());
            format!("export {}={path}; ", file.variable)
        });
        let script = exports.collect::<String>() + "exec \"$0\" \"$@\"";
        let before = ["-c".into(), script.into(), program.to_owned()];
        self.command(OsStr::new(SHELL), &[&before, arguments].concat())
    }

    /// Becomes the command: same process id, so that signals and the exit code are the command's own. Returns only
    /// when that fails, with an exit code as [`CannotRun::exit_code`] says.
    ///
    /// `std` gives the command the signals as homing found them: SIGPIPE, which Rust ignores, is reset.
    pub fn become_command(&self, program: &OsStr, arguments: &[OsString]) -> CannotRun {
        CannotRun::new(program, &self.command(program, arguments).exec())
    }
}

/// Why a command cannot be run.
#[derive(Debug)]
pub struct CannotRun {
    not_found: bool,
    message: String,
    remedy: &'static str,
}

impl CannotRun {
    /// Looks for the command before anything is fetched for it in vain. `path` is the variable `PATH`.
    ///
    /// # Errors
    /// There is no such command, or nothing in its place can be executed.
    pub fn check(program: &OsStr, path: Option<&OsStr>) -> std::result::Result<(), Self> {
        let mut found = Err(std::io::Error::from(ErrorKind::NotFound));
        for candidate in candidates(program, path) {
            match executable(&candidate) {
                Ok(()) => return Ok(()),
                // As execvp(3): go on, and say at the end that there was something.
                Err(error) if error.kind() == ErrorKind::PermissionDenied => found = Err(error),
                Err(_) => {}
            }
        }
        found.map_err(|error| Self::new(program, &error))
    }

    /// What the system says about it.
    pub fn new(program: &OsStr, error: &std::io::Error) -> Self {
        let program = program.display();
        let (message, remedy) = match error.kind() {
            ErrorKind::NotFound => (format!("command not found: '{program}'"), "check its name, and PATH"),
            ErrorKind::PermissionDenied => (
                format!("command '{program}' cannot be executed: it is no program, or this user may not execute it"),
                "check its path and mode",
            ),
            ErrorKind::ArgumentListTooLong => (
                format!("command '{program}' cannot be executed: its arguments and environment are too long together"),
                "give it less: the kernel takes at most 131,072 bytes in one variable",
            ),
            _ => (format!("command '{program}' cannot be executed: {error}"), "check that it is for this machine"),
        };
        Self { not_found: error.kind() == ErrorKind::NotFound, message, remedy }
    }

    /// 127 when there is no such command, 126 when it cannot be executed, as env(1) and sh(1) have it.
    pub fn exit_code(&self) -> u8 {
        if self.not_found { 127 } else { 126 }
    }

    /// The same for people.
    pub fn error(&self) -> Error {
        let code = if self.not_found { "command_not_found" } else { "command_not_executable" };
        Error::new(Fault::NoInput, code, &*self.message).with_remedy(self.remedy)
    }
}

fn path_of(process: &str, descriptor: BorrowedFd<'_>) -> String {
    format!("/proc/{process}/fd/{}", descriptor.as_raw_fd())
}

/// Where execvp(3) looks.
fn candidates(program: &OsStr, path: Option<&OsStr>) -> Vec<PathBuf> {
    if program.is_empty() {
        return Vec::new();
    }
    if program.as_encoded_bytes().contains(&b'/') {
        return vec![program.into()];
    }
    let path = path.unwrap_or(OsStr::new(DEFAULT_PATH));
    std::env::split_paths(path)
        .map(|folder| if folder.as_os_str().is_empty() { Path::new(".").join(program) } else { folder.join(program) })
        .collect()
}

fn executable(path: &Path) -> std::io::Result<()> {
    let metadata = std::fs::metadata(path)?;
    let can_be = metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
    if can_be { Ok(()) } else { Err(ErrorKind::PermissionDenied.into()) }
}

/// What homing itself takes credentials from, and what goes with them: half of a set would only confuse an SDK.
pub const OWN_CREDENTIALS: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
];
const SHELL: &str = "/bin/sh";
/// Where musl looks without PATH.
const DEFAULT_PATH: &str = "/usr/local/bin:/bin:/usr/bin";

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    #[test]
    fn two_flags_cannot_give_one_variable() {
        let mut environment = ChildEnvironment::new();
        environment.set("--aws", "A", value("1")).unwrap();
        environment.set("--aws", "B", value("1")).unwrap();
        let error = environment.set("--secret", "A", value("2")).unwrap_err();
        assert_eq!((error.fault(), error.code()), (Fault::Usage, "conflict"));
        assert!(error.message().contains("--aws and --secret both give the variable A"), "{error}");
    }

    #[test]
    fn names_are_those_that_a_shell_takes() {
        for name in ["A", "_", "a_1", "HOMING_GIT_CREDENTIAL_0"] {
            ChildEnvironment::new().set("--secret", name, value("x")).unwrap();
        }
        for name in ["", "1A", "A-B", "A=B", "Ä", "A B", "A\0", "A.B"] {
            let error = ChildEnvironment::new().set("--secret", name, value("x")).unwrap_err();
            assert_eq!(error.code(), "invalid_variable", "{name}");
        }
    }

    #[test]
    fn a_value_with_a_nul_is_named_but_not_shown() {
        let error = ChildEnvironment::new().set("--secret", "A", value("canary\0x")).unwrap_err();
        assert_eq!(error.fault(), Fault::Data);
        assert!(error.message().contains(" A ") && !error.to_string().contains("canary"), "{error}");
    }

    #[test]
    fn what_is_asked_for_counts_before_what_is_kept_back() {
        let mut environment = ChildEnvironment::new();
        environment.remove("AWS_PROFILE");
        environment.set("--aws", "AWS_SESSION_TOKEN", value("narrow")).unwrap();
        let command = environment.command("true".as_ref(), &[]);
        let variable = |name: &str| command.get_envs().find(|(key, _)| *key == name).unwrap().1;
        assert_eq!(variable("AWS_SESSION_TOKEN"), Some("narrow".as_ref()));
        for name in ["AWS_SECRET_ACCESS_KEY", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_PROFILE"] {
            assert_eq!(variable(name), None, "{name}");
        }
    }

    #[test]
    fn commands_are_looked_for_as_execvp_does() {
        let check = |program: &str, path: Option<&str>| {
            CannotRun::check(program.as_ref(), path.map(OsStr::new)).map_err(|error| error.exit_code())
        };
        assert_eq!(check("sh", None), Ok(()));
        assert_eq!(check("sh", Some("/nowhere:/bin")), Ok(()));
        assert_eq!(check("/bin/sh", Some("/nowhere")), Ok(()));
        assert_eq!(check("sh", Some("/nowhere")), Err(127));
        assert_eq!(check("", Some("/bin")), Err(127));
        assert_eq!(check("/bin", None), Err(126));
        assert_eq!(check("/etc/passwd", None), Err(126));
        assert_eq!(check("passwd", Some("/nowhere:/etc")), Err(126));
    }
}
