//! The rules for single values. Each function says what is wrong, to be read after the quoted value.

use super::limits::{CLIENT_ID_MAXIMUM, KEY_MAXIMUM, THING_NAME_MAXIMUM, TOPIC_MAXIMUM, TOPIC_SLASHES_MAXIMUM};
use crate::protocol::template;

/// A rule's verdict.
pub type Verdict = Result<(), String>;

/// An AWS region's name, as it goes into signatures and host names.
pub fn region(text: &str) -> Verdict {
    let valid = (1..=32).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if valid { Ok(()) } else { fail("is no region: expected a name like eu-central-1") }
}

/// AWS IoT API, ThingName: `[a-zA-Z0-9:_-]+`, 1 to 128.
pub fn thing_name(text: &str) -> Verdict {
    let valid = text.len() as u64 <= THING_NAME_MAXIMUM
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'-'));
    if valid { Ok(()) } else { fail("is no thing name: only letters, digits, colon, underscore and dash, at most 128") }
}

/// AWS IoT API, RoleAlias: `[\w=,@-]+`, 1 to 128.
pub fn role_alias(text: &str) -> Verdict {
    if text.starts_with("arn:") {
        return fail(
            "is an ARN: give the role alias's name alone, the part behind rolealias/ (or, for a role, the alias made for it)",
        );
    }
    let valid = text.len() <= 128
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'=' | b',' | b'@' | b'-'));
    if valid { Ok(()) } else { fail("is no role alias: only letters, digits and _ = , @ -, at most 128") }
}

/// "Bucket naming rules" of the S3 user guide; on other stores only what a host name or path can carry.
pub fn bucket(text: &str, is_aws: bool) -> Verdict {
    if text.starts_with("s3:") || text.contains('/') {
        return fail("is no bucket name: give the name alone, without s3:// and without a key");
    }
    if text.starts_with("arn:") {
        return fail("is an ARN: give the bucket's name, or an access point's alias");
    }
    if !is_aws {
        let valid = (1..=255).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
        return if valid { Ok(()) } else { fail("is no bucket name: only letters, digits, dot, dash and underscore") };
    }
    if !(3..=63).contains(&text.len()) {
        return fail("is no bucket name: it has 3 to 63 characters");
    }
    if !text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-')) {
        return fail("is no bucket name: only lower-case letters, digits, dot and dash");
    }
    let ends_are_valid = !text.starts_with(['.', '-']) && !text.ends_with(['.', '-']);
    if !ends_are_valid || text.contains("..") {
        return fail("is no bucket name: it begins and ends with a letter or digit, and has no two dots together");
    }
    if text.parse::<std::net::Ipv4Addr>().is_ok() {
        return fail("is no bucket name: it must not look like an IP address");
    }
    Ok(())
}

/// An S3 key template: not empty, at most 1,024 bytes, known placeholders.
pub fn key_template(text: &str) -> Verdict {
    placeholders(text)?;
    if text.starts_with('/') {
        return fail("begins with a slash, which S3 would keep as an empty first folder: leave it out");
    }
    if without_placeholders(text).len() > KEY_MAXIMUM {
        return fail("is too long: an S3 key has at most 1,024 bytes");
    }
    Ok(())
}

/// An MQTT topic template: the rules of [`topic`] for what is fixed in it, and known placeholders.
pub fn topic_template(text: &str) -> Verdict {
    placeholders(text)?;
    let fixed = without_placeholders(text);
    if fixed.is_empty() { Ok(()) } else { topic(&fixed) }
}

/// A topic name that AWS IoT Core takes: MQTT 5 section 4.7, and the quotas on its length and slashes.
pub fn topic(text: &str) -> Verdict {
    if text.is_empty() {
        return fail("is empty");
    }
    if text.contains(['+', '#']) {
        return fail("contains the wildcard + or #, which is for subscriptions: publish to one topic");
    }
    if text.contains('\0') {
        return fail("contains a NUL character, which MQTT forbids");
    }
    let mut counted = text;
    if text.starts_with('$') {
        // Basic Ingest: the quotas count from behind the rule's name.
        let rule = text.strip_prefix("$aws/rules/").filter(|rest| !rest.is_empty() && !rest.starts_with('/'));
        let Some(rule) = rule else {
            return fail("begins with $, which is reserved; only Basic Ingest, $aws/rules/RULE/…, can be published to");
        };
        counted = rule.split_once('/').map_or("", |(_, rest)| rest);
    }
    if counted.len() > TOPIC_MAXIMUM {
        return Err(format!("is too long: {} bytes, and AWS IoT Core takes {TOPIC_MAXIMUM}", counted.len()));
    }
    let slashes = counted.matches('/').count();
    if slashes > TOPIC_SLASHES_MAXIMUM {
        return Err(format!("has {slashes} slashes, and AWS IoT Core takes {TOPIC_SLASHES_MAXIMUM}"));
    }
    Ok(())
}

/// An MQTT client id that AWS IoT Core takes and our client can hold.
pub fn client_id(text: &str) -> Verdict {
    if text.len() > CLIENT_ID_MAXIMUM {
        return Err(format!("is too long: {} bytes, and homing's MQTT client holds {CLIENT_ID_MAXIMUM}", text.len()));
    }
    if text.starts_with('$') || text.contains(char::is_control) {
        return fail("is no client id: it must not begin with $ (reserved by AWS) nor contain control characters");
    }
    Ok(())
}

/// The name of an environment variable that a shell could set (POSIX, XBD 3.216, "Name").
pub fn variable_name(text: &str) -> Verdict {
    let valid = !text.is_empty()
        && !text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if valid {
        Ok(())
    } else {
        fail("is no variable's name: only letters, digits and underscores, and no digit at the beginning")
    }
}

/// What GetSecretValue takes as SecretId: a secret's name (letters, digits and `/_+=.@-`), or its ARN.
pub fn secret_id(text: &str) -> Verdict {
    if text.is_empty() {
        return fail("is empty");
    }
    if text.len() > SECRET_ID_MAXIMUM {
        return fail("is too long: a secret's name has at most 512 characters, an ARN 2,048");
    }
    if text.starts_with("arn:") {
        let fields: Vec<&str> = text.splitn(7, ':').collect();
        let [_, _, "secretsmanager", region, _, "secret", name] = fields[..] else {
            return fail("is no secret's ARN: expected arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME");
        };
        self::region(region)?;
        return secret_name(name);
    }
    secret_name(text)
}

/// The host of a git remote as git gives it to a credential helper: a name or address, and `:port` where the URL has
/// one.
pub fn git_host(text: &str) -> Verdict {
    if text.contains("://") || text.contains('/') {
        return fail("is no host: give the host of the URL alone, such as github.com or git.example.com:8443");
    }
    let of_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    if !text.is_empty() && text.bytes().all(of_host) { Ok(()) } else { fail("is no host") }
}

fn secret_name(text: &str) -> Verdict {
    let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-!".contains(&byte);
    if !text.is_empty() && text.bytes().all(of_name) {
        Ok(())
    } else {
        fail("is no secret's name or ARN: only letters, digits and / _ + = . @ -")
    }
}

fn fail(what: &str) -> Verdict {
    Err(what.to_owned())
}

fn placeholders(text: &str) -> Verdict {
    template::check(text).map_err(|error| format!("is no template: {error}"))
}

fn without_placeholders(text: &str) -> String {
    let names = ["{thing}", "{name}", "{date}", "{time}", "{sha256}", "{ext}"];
    names.iter().fold(text.to_owned(), |text, name| text.replace(name, ""))
}

/// GetSecretValue's longest SecretId.
const SECRET_ID_MAXIMUM: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_aws_rules() {
        assert!(region("ap-northeast-1").is_ok() && region("us-iso-east-1").is_ok());
        assert!(region("Tokyo").is_err() && region("eu_west_1").is_err());
        assert!(thing_name("a:b_c-9").is_ok() && thing_name(&"x".repeat(128)).is_ok());
        assert!(thing_name("a b").is_err() && thing_name("a/b").is_err() && thing_name(&"x".repeat(129)).is_err());
        assert!(role_alias("a=b,c@d-e_f").is_ok());
        assert!(role_alias("a.b").is_err() && role_alias(&"x".repeat(129)).is_err());
        assert!(role_alias("arn:aws:iot:eu-west-1:1:rolealias/x").unwrap_err().contains("ARN"));
        assert!(client_id(&"x".repeat(64)).is_ok());
        assert!(client_id(&"x".repeat(65)).unwrap_err().contains("65 bytes"));
        assert!(client_id("$aws").is_err());
    }

    #[test]
    fn bucket_names_are_strict_on_aws_only() {
        for name in ["my-bucket", "a.b.c", "123", "alias-abc-s3alias"] {
            assert!(bucket(name, true).is_ok(), "{name}");
        }
        for name in
            ["ab", "My-bucket", "a_b", "-abc", "abc-", "a..b", "192.168.0.1", "s3://abc", "abc/def", "arn:aws:s3:::x"]
        {
            assert!(bucket(name, true).is_err(), "{name}");
        }
        assert!(bucket("My_bucket", false).is_ok());
        assert!(bucket("a/b", false).is_err() && bucket("a b", false).is_err());
    }

    #[test]
    fn topics_keep_to_iot_cores_limits() {
        assert!(topic("file/upload").is_ok());
        assert!(topic("a/b/c/d/e/f/g/h").is_ok());
        assert!(topic("a/b/c/d/e/f/g/h/i").unwrap_err().contains("8 slashes"));
        assert!(topic("$aws/rules/rule/a/b/c/d/e/f/g/h").is_ok());
        assert!(topic("$aws/rules/").is_err() && topic("$aws/things/x/shadow").is_err() && topic("$share/x").is_err());
        assert!(topic("a/+/b").is_err() && topic("a/#").is_err() && topic("").is_err());
        assert!(topic(&"x".repeat(256)).is_ok() && topic(&"x".repeat(257)).is_err());
    }

    #[test]
    fn templates_know_their_placeholders() {
        assert!(key_template("{thing}/{date}/{time}-{name}.{sha256}.{ext}").is_ok());
        assert!(topic_template("{thing}/up").is_ok() && topic_template("{thing}").is_ok());
        let unknown = key_template("{thing}/{nmae}").unwrap_err();
        assert!(unknown.contains("{nmae}") && unknown.contains("{thing} {name} {date} {time} {sha256} {ext}"));
        assert!(
            key_template("{thing").is_err()
                && key_template("thing}").is_err()
                && key_template("{{a}}/{name}").is_ok()
                && key_template("/x").is_err()
        );
        assert!(topic_template("{thing}/+").is_err());
    }

    #[test]
    fn secrets_are_named_by_name_or_arn() {
        for id in ["a", "door/pin", "db=x@y+z_1.2-!", "arn:aws:secretsmanager:us-east-1:123456789012:secret:a/b-AbCdEf"]
        {
            assert_eq!(secret_id(id), Ok(()), "{id}");
        }
        for id in [
            "",
            "a b",
            "a:b",
            "a\n",
            "arn:aws:s3:::bucket",
            "arn:aws:secretsmanager:us-east-1:1:secret",
            "arn:aws:secretsmanager:us-east-1:1:secret:",
            "arn:aws:secretsmanager::1:secret:a",
            "arn:aws:secretsmanager:us-east-1:1:secret:a:b",
        ] {
            assert!(secret_id(id).is_err(), "{id}");
        }
        assert!(secret_id(&"a".repeat(2049)).is_err());
    }

    #[test]
    fn a_git_host_is_no_url() {
        assert!(git_host("github.com").is_ok() && git_host("localhost:8443").is_ok() && git_host("[::1]:1").is_ok());
        for text in ["", "https://github.com", "github.com/owner", "a b", "a\"b", "a@b"] {
            assert!(git_host(text).is_err(), "{text}");
        }
    }
}
