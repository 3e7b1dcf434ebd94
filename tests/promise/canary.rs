//! The secrets of these tests, and the search for them in every form in which they could get out.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Searches for secrets.
pub(crate) struct Search {
    canaries: Vec<(String, Vec<String>)>,
}

impl Search {
    /// For the secrets below and these further ones.
    pub(crate) fn new(further: &[(&str, &str)]) -> Self {
        let named = CANARIES.iter().chain(further);
        Self { canaries: named.map(|(name, value)| ((*name).to_owned(), forms(value))).collect() }
    }

    /// The names of those that are in these bytes in any form.
    pub(crate) fn found_in(&self, bytes: &[u8]) -> Vec<&str> {
        // All forms are ASCII, which this leaves as it is; str's search is fast even in a test build.
        let text = String::from_utf8_lossy(bytes);
        let found = self.canaries.iter().filter(|(_, forms)| forms.iter().any(|form| text.contains(form)));
        found.map(|(name, _)| name.as_str()).collect()
    }
}

/// The value of the canary of this name.
pub(crate) fn value(name: &str) -> &'static str {
    CANARIES.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no canary {name}")).1
}

/// As it is, each half of it, percent-encoded, in hex, in JSON with escaped slashes, and in base64 wherever it stands
/// in what was encoded.
fn forms(value: &str) -> Vec<String> {
    let bytes = value.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let percent = |upper: bool| -> String {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
        let encoded = |byte: &u8| if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") };
        bytes.iter().map(|byte| if plain(byte) { char::from(*byte).to_string() } else { encoded(byte) }).collect()
    };
    let (first, second) = value.split_at(value.len() / 2);
    let mut forms = vec![
        first.to_owned(),
        second.to_owned(),
        percent(true),
        percent(false),
        hex.to_uppercase(),
        hex,
        value.replace('/', "\\/"),
        value.to_owned(),
    ];
    for before in 0..3 {
        let mut shifted = vec![0; before];
        shifted.extend_from_slice(bytes);
        for text in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            // The outermost characters carry bits of the neighbours, too.
            forms.push(text[(before * 8).div_ceil(6)..text.len() - 1].to_owned());
        }
    }
    forms
}

pub(crate) const SECRET_KEY: &str = "secret access key";
pub(crate) const SESSION_TOKEN: &str = "session token";
pub(crate) const SECRET_VALUE: &str = "secret value";
pub(crate) const BINARY_VALUE: &str = "binary secret value";
pub(crate) const PACKAGE_TOKEN: &str = "CodeArtifact token";
pub(crate) const REGISTRY_PASSWORD: &str = "ECR password";
pub(crate) const PUBLIC_PASSWORD: &str = "ECR Public password";
pub(crate) const BEARER_TOKEN: &str = "bearer token";
pub(crate) const GIT_PASSWORD: &str = "git password";

/// Name and value. No two have eight characters in common, and the halves are still too long to be there by chance.
const CANARIES: &[(&str, &str)] = &[
    (SECRET_KEY, "kQ7Jq2vTz9/LmW4+RxB8nYc3DpFh6GsA1EuKoXwZ"),
    (SESSION_TOKEN, "IQoC4n4ry/8Zx81+mPq4LrT7vWs2NdYb5KfHgJ0tUeQi6MaVcS3oRlBwXyPz1Fk9Gh=="),
    (SECRET_VALUE, "s3cr3tValu3+Hq8/Wm5Kd2Vx7Nc4"),
    (BINARY_VALUE, "b1naryValu3/Tz6+Rp3Jw9Lg5Ys1"),
    (PACKAGE_TOKEN, "eyJ2Z.Pk6Xf3Mv8Bq1_Ct5-Zn7Rw4Hs2Jd9Ly"),
    (REGISTRY_PASSWORD, "ecrPa55w0rd/Gv4+Qb9Fm2Xk7Td6Zc3=="),
    (PUBLIC_PASSWORD, "publ1cPa55/Nj8+Ws5Hy1Vp4Kr7Bd2=="),
    (BEARER_TOKEN, "B34rerT0ken/Yf7+Zq3Mx9Dl5Ck8Gw2="),
    (GIT_PASSWORD, "ghp_Uc6Vs1Xn9Rt4Jh7Bk2Pm5Ld8Fq3"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;

    /// Without this the other tests could not fail.
    #[test]
    fn every_canary_is_found_in_every_form_and_nothing_else_is() {
        let search = Search::new(&[("another", "Another0fAn0therT3st+/")]);
        for (name, value) in CANARIES.iter().chain(&[("another", "Another0fAn0therT3st+/")]) {
            let mut texts = vec![(*value).to_owned(), value.replace('/', "\\/"), value[..value.len() - 3].to_owned()];
            texts.push(value.bytes().map(|byte| format!("{byte:02x}")).collect());
            texts.push(value.bytes().map(|byte| format!("{byte:02X}")).collect());
            texts.push(homing::protocol::uri::encode_component(value).to_string());
            for before in ["", "A", "AW", "AWS:"] {
                for after in ["", "x", "xyz"] {
                    texts.push(STANDARD.encode(format!("{before}{value}{after}")));
                    texts.push(URL_SAFE_NO_PAD.encode(format!("{before}{value}{after}")));
                }
            }
            for text in texts {
                let around = format!("homing: before {text} after");
                assert_eq!(search.found_in(around.as_bytes()), [*name], "{text}");
            }
        }
        assert!(search.found_in(b"homing: asking the credential provider of example-thing").is_empty());
    }
}
