//! Credentials from the environment variables that every AWS tool reads (AWS SDKs and Tools Reference Guide,
//! "AWS access keys").

use crate::error::{Error, Fault, Result};
use crate::protocol::credentials::{
    ACCESS_KEY_ID_CAPACITY, Credentials, SECRET_ACCESS_KEY_CAPACITY, SESSION_TOKEN_CAPACITY,
};
use crate::protocol::secret::Secret;

/// Makes credentials from the values of `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
/// An empty value counts as none. `Ok(None)`: not set at all.
///
/// # Errors
/// A configuration error that names the variable: only half of them set, or a value that cannot be one.
pub fn credentials(
    access_key_id: Option<&str>,
    secret_access_key: Option<&str>,
    session_token: Option<&str>,
) -> Result<Option<Credentials>> {
    let session_token = session_token.unwrap_or_default();
    let (access_key_id, secret_access_key) = match (set(access_key_id), set(secret_access_key)) {
        (Some(access_key_id), Some(secret_access_key)) => (access_key_id, secret_access_key),
        (None, None) if session_token.is_empty() => return Ok(None),
        (Some(_), None) => return Err(half_set(SECRET_ACCESS_KEY)),
        (None, _) => return Err(half_set(ACCESS_KEY_ID)),
    };
    for (variable, value, capacity) in [
        (ACCESS_KEY_ID, access_key_id, ACCESS_KEY_ID_CAPACITY),
        (SECRET_ACCESS_KEY, secret_access_key, SECRET_ACCESS_KEY_CAPACITY),
        (SESSION_TOKEN, session_token, SESSION_TOKEN_CAPACITY),
    ] {
        if value.len() > capacity {
            return Err(invalid(variable, format_args!("has {} bytes; {capacity} is the most", value.len())));
        }
        if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(invalid(
                variable,
                format_args!("has characters that it cannot have (a space or a line break?)"),
            ));
        }
    }
    let checked = |_| invalid("AWS_*", format_args!("is too long"));
    Ok(Some(Credentials {
        access_key_id: access_key_id.try_into().map_err(|_| checked(()))?,
        secret_access_key: Secret::new(secret_access_key).map_err(|_| checked(()))?,
        session_token: Secret::new(session_token).map_err(|_| checked(()))?,
        expiration: None,
    }))
}

fn set(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !value.is_empty())
}

fn half_set(missing: &'static str) -> Error {
    Error::new(
        Fault::Config,
        "environment_credentials_incomplete",
        format!("the environment has AWS credentials, but {missing} is not set"),
    )
    .with_remedy(
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN for temporary ones), or none of them",
    )
}

fn invalid(variable: &str, what: std::fmt::Arguments<'_>) -> Error {
    Error::new(Fault::Config, "environment_credentials_invalid", format!("the environment variable {variable} {what}"))
        .with_remedy("set the variable again, to exactly what AWS gave")
}

const ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_term_and_temporary_credentials() {
        let found = credentials(Some("AKIAIOSFODNN7EXAMPLE"), Some("wJalrXUtnFEMI"), None).unwrap().unwrap();
        assert_eq!(
            (found.access_key_id.as_str(), found.secret_access_key.expose()),
            ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI")
        );
        assert!(found.session_token.is_empty() && found.expiration.is_none());
        let found = credentials(Some("ASIA"), Some("secret"), Some("token")).unwrap().unwrap();
        assert_eq!(found.session_token.expose(), "token");
    }

    #[test]
    fn none_or_empty_is_none() {
        assert!(credentials(None, None, None).unwrap().is_none());
        assert!(credentials(Some(""), None, Some("")).unwrap().is_none());
    }

    #[test]
    fn half_set_names_the_missing_half() {
        for (values, missing) in [
            ((Some("ASIA"), None, None), "AWS_SECRET_ACCESS_KEY"),
            ((Some("ASIA"), Some(""), None), "AWS_SECRET_ACCESS_KEY"),
            ((None, Some("s"), None), "AWS_ACCESS_KEY_ID"),
            ((None, None, Some("t")), "AWS_ACCESS_KEY_ID"),
        ] {
            let error = credentials(values.0, values.1, values.2).unwrap_err();
            assert_eq!(error.fault(), Fault::Config);
            assert!(error.message().contains(missing), "{error}");
        }
    }

    #[test]
    fn a_value_that_cannot_be_one_is_named_but_not_shown() {
        for (values, variable) in [
            (("A SIA", "sekrit", ""), "AWS_ACCESS_KEY_ID"),
            (("ASIA", "sekrit\n", ""), "AWS_SECRET_ACCESS_KEY"),
            (("ASIA", "sekrit", &*"t".repeat(4097)), "AWS_SESSION_TOKEN"),
        ] {
            let error = credentials(Some(values.0), Some(values.1), Some(values.2)).unwrap_err();
            assert!(error.message().contains(variable) && !error.to_string().contains("sekrit"), "{error}");
        }
    }
}
