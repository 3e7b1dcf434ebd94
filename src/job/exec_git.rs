//! A password for git in a command's environment: git is told there to ask homing, which answers from there.

use super::child::ChildEnvironment;
use super::git_credential;
use crate::cli::GitHost;
use crate::error::{Error, Fault, Result};
use std::path::Path;
use zeroize::Zeroizing;

/// Gives git in the command the passwords for these hosts. `variable` is homing's own environment; `program` is homing
/// itself, by its full path.
///
/// # Errors
/// [`Fault::Config`]: homing's path is not UTF-8. [`Fault::Usage`]: a variable that another flag gives, too.
pub fn add(
    environment: &mut ChildEnvironment,
    hosts: Vec<(&GitHost, Zeroizing<String>)>,
    program: &Path,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<()> {
    let mut settings = Vec::new();
    for (host, password) in hosts {
        let name = free_name(environment, &variable);
        let section = format!("credential.https://{}", host.host);
        let place = match &host.user {
            Some(user) => format!("{user}@{}", host.host),
            None => host.host.clone(),
        };
        let helper =
            format!("!{} git-credential --git-variable {}", quoted(text(program)?), quoted(&format!("{place}={name}")));
        // An empty helper takes away all that were set before: nobody else is asked.
        settings.push((format!("{section}.helper"), String::new()));
        settings.push((format!("{section}.helper"), helper));
        if let Some(user) = &host.user {
            settings.push((format!("{section}.username"), user.clone()));
        }
        environment.set(FLAG, &name, password)?;
    }
    let before = variable(PARAMETERS).filter(|before| !before.trim().is_empty());
    let ours = settings.iter().map(|(key, value)| quoted(&format!("{key}={value}")));
    let parameters: Vec<String> = before.into_iter().chain(ours).collect();
    environment.set(FLAG, PARAMETERS, Zeroizing::new(parameters.join(" ")))?;
    environment.set(FLAG, "GIT_TERMINAL_PROMPT", Zeroizing::new("0".to_owned()))
}

/// A name that neither this command nor one that homing was run by uses.
fn free_name(environment: &ChildEnvironment, variable: impl Fn(&str) -> Option<String>) -> String {
    let mut number = 0;
    loop {
        let name = format!("{}{number}", git_credential::VARIABLE_PREFIX);
        if !environment.has(&name) && variable(&name).is_none() {
            return name;
        }
        number += 1;
    }
}

fn text(program: &Path) -> Result<&str> {
    program.to_str().ok_or_else(|| {
        Error::new(Fault::Config, "path_not_utf8", format!("the path of homing itself, {program:?}, is not UTF-8"))
            .with_remedy("put homing into another folder")
    })
}

/// As the shell takes it by which git runs its helpers, and git itself (its `sq_quote_buf`, which is wary of `!`, too).
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''").replace('!', r"'\!'"))
}

const FLAG: &str = "--git";
/// What `git -c` itself hands on to the git that it runs: `'key=value'`, each, with spaces between. `GIT_CONFIG_COUNT`,
/// which is documented, is read from git 2.31 on only, and before this one.
const PARAMETERS: &str = "GIT_CONFIG_PARAMETERS";

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn host(user: Option<&str>, host: &str) -> GitHost {
        GitHost { user: user.map(str::to_owned), host: host.to_owned() }
    }

    fn variables(hosts: &[GitHost], before: &[(&str, &str)]) -> Result<BTreeMap<String, String>> {
        let mut environment = ChildEnvironment::new();
        let hosts = hosts.iter().map(|host| (host, Zeroizing::new("canary".to_owned()))).collect();
        let variable =
            |name: &str| before.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        add(&mut environment, hosts, "/opt/it's/homing".as_ref(), variable)?;
        let command = environment.command("true".as_ref(), &[]);
        let text = |text: &std::ffi::OsStr| text.to_str().unwrap().to_owned();
        Ok(command.get_envs().filter_map(|(name, value)| Some((text(name), text(value?)))).collect())
    }

    #[test]
    fn git_is_told_to_ask_homing_and_nobody_else() {
        let found = variables(&[host(None, "github.com")], &[]).unwrap();
        let setting = r"'credential.https://github.com.helper=";
        let helper = r"'\!''\''/opt/it'\''\'\'''\''s/homing'\'' git-credential --git-variable '\''github.com=HOMING_GIT_CREDENTIAL_0'\'''";
        let expected = [
            ("GIT_CONFIG_PARAMETERS", format!("{setting}' {setting}{helper}")),
            ("GIT_TERMINAL_PROMPT", "0".to_owned()),
            ("HOMING_GIT_CREDENTIAL_0", "canary".to_owned()),
        ];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value)).into());
    }

    #[test]
    fn what_is_there_already_stays() {
        let before = [("GIT_CONFIG_PARAMETERS", "'a.b=c d'"), ("HOMING_GIT_CREDENTIAL_0", "outer")];
        let found = variables(&[host(Some("me"), "a.example:8443"), host(None, "b.example")], &before).unwrap();
        let parameters = &found["GIT_CONFIG_PARAMETERS"];
        assert!(parameters.starts_with("'a.b=c d' 'credential.https://a.example:8443.helper=' '"), "{parameters}");
        assert!(parameters.contains(" 'credential.https://a.example:8443.username=me' "), "{parameters}");
        assert!(parameters.contains(r"'\''me@a.example:8443=HOMING_GIT_CREDENTIAL_1'\'''"), "{parameters}");
        assert!(!found.contains_key("HOMING_GIT_CREDENTIAL_0") && found.contains_key("HOMING_GIT_CREDENTIAL_2"));
        assert!(!found.contains_key("GIT_CONFIG_COUNT"));
    }
}
