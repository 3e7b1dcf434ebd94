//! Another wall clock for a run of homing, by Debian's faketime; in CI it has to be there.

use std::process::Command;

/// The program, or a loud line and `None` where it is not installed.
pub fn faketime() -> Option<String> {
    let found = Command::new("faketime").arg("--version").output().is_ok_and(|output| output.status.success());
    if found {
        return Some("faketime".to_owned());
    }
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(!in_ci, "faketime is not installed: tests/setup installs it");
    eprintln!("\n*** SKIPPED: faketime is not installed (tests/setup installs it): wrong clocks are not tested ***\n");
    None
}

/// `command` with another wall clock, as faketime takes it; its monotonic clock, and so its deadlines, stay as they are.
pub fn under(faketime: &str, time: &str, command: &Command) -> Command {
    let mut faked = Command::new(faketime);
    faked.args(["-m", "--exclude-monotonic", "-f", time]).arg(command.get_program()).args(command.get_args());
    faked.env_clear().env("TZ", "UTC");
    faked.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    faked
}
