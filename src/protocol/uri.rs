//! Percent-encoding as SigV4 demands it: unreserved characters (RFC 3986, section 2.3) stay, everything
//! else becomes `%XX` in upper case. What these give goes on the wire and into the canonical request alike.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

/// An S3 object key as a path, without the leading `/`: encoded once, `/` kept. Empty, `.` and `..`
/// segments stay as they are: to S3 they are part of the name (Amazon S3 User Guide, "Naming objects").
pub fn encode_key(key: &str) -> PercentEncode<'_> {
    utf8_percent_encode(key, KEY)
}

/// One path segment or query value: `/` is encoded too.
pub fn encode_component(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, COMPONENT)
}

/// An MQTT topic as the one path segment that follows `/topics/` (AWS IoT Core, "Publishing messages with
/// HTTPS": the URL-encoded topic name). `/` becomes `%2F`, as AWS's own SDKs send it.
pub fn encode_topic(topic: &str) -> PercentEncode<'_> {
    encode_component(topic)
}

/// A role alias as a path segment: AWS allows `[\w=,@-]` in it, all of which a path segment may carry as it is.
pub fn encode_role_alias(alias: &str) -> PercentEncode<'_> {
    utf8_percent_encode(alias, ROLE_ALIAS)
}

const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const KEY: &AsciiSet = &COMPONENT.remove(b'/');
const ROLE_ALIAS: &AsciiSet = &COMPONENT.remove(b'=').remove(b',').remove(b'@');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreserved_characters_and_slashes_of_a_key_stay() {
        let key = "ABCxyz019-._~/a//b/./../";
        assert_eq!(encode_key(key).to_string(), key);
    }

    #[test]
    fn everything_else_is_upper_case_hexadecimal() {
        assert_eq!(
            encode_key("a b+c&d=e%2F?#:@!$'()*,;[]").to_string(),
            "a%20b%2Bc%26d%3De%252F%3F%23%3A%40%21%24%27%28%29%2A%2C%3B%5B%5D"
        );
        assert_eq!(encode_key("写真/é\u{7f}\n").to_string(), "%E5%86%99%E7%9C%9F/%C3%A9%7F%0A");
    }

    #[test]
    fn a_topic_is_one_segment() {
        assert_eq!(encode_topic("file/upload a").to_string(), "file%2Fupload%20a");
    }

    #[test]
    fn a_role_alias_keeps_what_aws_allows_in_it() {
        assert_eq!(encode_role_alias("a=b,c@d-e_f/../g").to_string(), "a=b,c@d-e_f%2F..%2Fg");
    }
}
