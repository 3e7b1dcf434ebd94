//! `homing secret get`, and how secrets are named on the command line: `ID[:KEY]`.

use super::{Command, Given, usage};
use crate::config::values;
use crate::error::Result;
use crate::options::Id;
use std::ffi::OsStr;

/// Print a secret.
#[derive(Debug, PartialEq, Eq)]
pub struct GetSecret {
    /// Which, and which key of it.
    pub secret: SecretReference,
    /// Which version, by its label.
    pub version_stage: Option<String>,
    /// Which version, by its id.
    pub version_id: Option<String>,
}

/// A secret, or the value of one key in one that is a JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretReference {
    /// Its name or ARN, checked.
    pub id: String,
    /// The key.
    pub key: Option<String>,
}

/// A secret for a variable of a command's environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretVariable {
    /// The variable's name, checked.
    pub name: String,
    /// What is to be its value.
    pub secret: SecretReference,
}

impl Given {
    pub(super) fn secret(&self, positionals: &[std::ffi::OsString]) -> Result<Command> {
        let id = match positionals {
            [get, id] if get == "get" => id,
            [get, ..] if get == "get" => return Err(usage("wrong_arguments", "homing secret get needs one ID")),
            [] => return Err(usage("missing_argument", "homing secret needs to be told what to do: get")),
            [other, ..] => {
                return Err(usage("unknown_command", format!("homing secret cannot do {other:?}, only get")));
            }
        };
        let id = id.to_str().ok_or_else(|| usage("not_utf8", "ID is not UTF-8"))?;
        values::secret_id(id).map_err(|what| usage("invalid_secret", format!("ID {id:?} {what}")))?;
        let text = |option: Id| self.text(option).map(|text| text.map(str::to_owned));
        if self.text(Id::Field)?.is_some_and(str::is_empty) {
            return Err(usage("empty", "--field: the key is empty"));
        }
        Ok(Command::GetSecret(GetSecret {
            secret: SecretReference { id: id.to_owned(), key: text(Id::Field)? },
            version_stage: text(Id::VersionStage)?,
            version_id: text(Id::VersionId)?,
        }))
    }

    /// `--secret VARIABLE=ID[:KEY]`, each.
    pub(super) fn secret_variables(&self) -> Result<Vec<SecretVariable>> {
        let mut found: Vec<SecretVariable> = Vec::new();
        for text in self.all(Id::Secret) {
            let (name, secret) = pair(Id::Secret, text)?;
            let flag = format!("--secret {name:?}");
            values::variable_name(name).map_err(|what| usage("invalid_variable", format!("{flag} {what}")))?;
            if found.iter().any(|other| other.name == name) {
                return Err(usage("conflict", format!("{flag} is given twice")));
            }
            let secret = SecretReference::parse(secret)
                .map_err(|what| usage("invalid_secret", format!("{flag}: {secret:?} {what}")))?;
            found.push(SecretVariable { name: name.to_owned(), secret });
        }
        Ok(found)
    }
}

impl SecretReference {
    /// Splits `ID[:KEY]`. A name has no colon, and an ARN has six, so that the colon behind these begins the key, which
    /// itself may have any character.
    pub(super) fn parse(text: &str) -> std::result::Result<Self, String> {
        let colons = if text.starts_with("arn:") { ARN_COLONS } else { 0 };
        let (id, key) = match text.match_indices(':').nth(colons) {
            Some((colon, _)) => (&text[..colon], Some(&text[colon + 1..])),
            None => (text, None),
        };
        values::secret_id(id)?;
        if key.is_some_and(str::is_empty) {
            return Err("names no key behind its colon".to_owned());
        }
        Ok(Self { id: id.to_owned(), key: key.map(str::to_owned) })
    }
}

/// Splits `NAME=REST` at the first `=`: secrets' names may have more of them.
pub(super) fn pair(option: Id, text: &OsStr) -> Result<(&str, &str)> {
    let flag = option.option().flag;
    let text = text.to_str().ok_or_else(|| usage("not_utf8", format!("--{flag}: the value is not UTF-8")))?;
    text.split_once('=').ok_or_else(|| {
        usage("invalid_value", format!("--{flag}: {text:?} has no =: expected {}", option.option().placeholder()))
    })
}

/// `arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME`.
const ARN_COLONS: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_stands_behind_the_ids_own_colons() {
        let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:a/b-AbCdEf";
        for (text, id, key) in [
            ("GithubToken", "GithubToken", None),
            ("GithubToken:mypat", "GithubToken", Some("mypat")),
            ("a=b:c:d=e f", "a=b", Some("c:d=e f")),
            (arn, arn, None),
            (&*format!("{arn}:mypat"), arn, Some("mypat")),
            (&*format!("{arn}:my:pat"), arn, Some("my:pat")),
        ] {
            let found = SecretReference::parse(text).unwrap();
            assert_eq!((&*found.id, found.key.as_deref()), (id, key), "{text}");
        }
        for text in ["", ":key", "id:", "arn:aws:s3:::bucket", &*format!("{arn}:")] {
            assert!(SecretReference::parse(text).is_err(), "{text}");
        }
    }
}
