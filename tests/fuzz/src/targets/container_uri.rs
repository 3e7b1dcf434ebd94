//! `AWS_CONTAINER_CREDENTIALS_FULL_URI` and its token: what is found can be asked without a header or a path that
//! anybody else put in, and no error repeats the token. The first line is the URI, the second the token.

use crate::reply::{assert_presentable, assert_without};
use homing::aws::container_credentials::locate;

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (uri, token) = text.split_once('\n').unwrap_or((text, ""));
    for (relative, full) in [(None, Some(uri)), (Some(uri), None)] {
        match locate(relative, full) {
            Ok(None) => assert!(uri.is_empty()),
            Ok(Some(endpoint)) => {
                assert!(!endpoint.host.is_empty() && endpoint.port > 0);
                match endpoint.request(Some(token), "AWS_CONTAINER_AUTHORIZATION_TOKEN") {
                    Ok(request) => {
                        assert!(
                            request.path.starts_with('/') && request.path.bytes().all(|byte| byte.is_ascii_graphic())
                        );
                        assert!(request.query.bytes().all(|byte| byte.is_ascii_graphic()));
                        let value = request.header_value("authorization").unwrap_or_default();
                        assert!(value == token && !value.contains(['\r', '\n']));
                    }
                    Err(error) => {
                        if !uri.contains(token) {
                            assert_without(&error, [token.trim()]);
                        }
                    }
                }
            }
            Err(error) => assert_presentable(&error),
        }
    }
}
