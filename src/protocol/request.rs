//! An HTTP request before it is sent: method, host, path, query and headers in fixed-capacity storage.
//!
//! What stands here is exactly what is signed and exactly what goes on the wire: path and query are
//! already percent-encoded. A request that does not fit is refused, never cut.

use core::fmt;
use core::ops::{Deref, DerefMut};
use zeroize::Zeroize;

/// A request line and headers, without a body. Headers and query are wiped on drop: a session token may be in either.
///
/// Its [`Parts`] are on the heap: in a function's frame, their 20 KB would make all that is behind them costly to reach.
pub struct Request(Box<Parts>);

/// What a request is made of.
pub struct Parts {
    /// `GET`, `PUT`, `POST`, `HEAD` or `DELETE`.
    pub method: &'static str,
    /// Host and, where it is not the scheme's own, `:port`, as the `Host` header carries them.
    pub authority: heapless::String<AUTHORITY_CAPACITY>,
    /// Percent-encoded absolute path.
    pub path: heapless::String<PATH_CAPACITY>,
    /// Percent-encoded query without its `?`; empty for none.
    pub query: heapless::String<QUERY_CAPACITY>,
    header_text: heapless::String<HEADER_TEXT_CAPACITY>,
    headers: heapless::Vec<HeaderPlace, HEADER_COUNT_CAPACITY>,
}

/// Some part of the request exceeds its fixed capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestTooLarge {
    /// The host name: DNS allows 253 bytes.
    Authority,
    /// The encoded path: an S3 key has at most 1,024 bytes before encoding.
    Path,
    /// The encoded query.
    Query,
    /// All headers together, or their number.
    Headers,
}

impl Request {
    /// Starts a request. `authority`, `path` and `query` are taken as they are.
    ///
    /// # Errors
    /// [`RequestTooLarge`] names the part that does not fit.
    pub fn new(method: &'static str, authority: &str, path: &str, query: &str) -> Result<Self, RequestTooLarge> {
        Ok(Self(Box::new(Parts {
            method,
            authority: authority.try_into().map_err(|_| RequestTooLarge::Authority)?,
            path: path.try_into().map_err(|_| RequestTooLarge::Path)?,
            query: query.try_into().map_err(|_| RequestTooLarge::Query)?,
            header_text: heapless::String::new(),
            headers: heapless::Vec::new(),
        })))
    }

    /// Adds a header. `name` is lower case; `value` is what goes on the wire.
    ///
    /// # Errors
    /// [`RequestTooLarge::Headers`].
    pub fn header(&mut self, name: &str, value: impl fmt::Display) -> Result<(), RequestTooLarge> {
        self.displayed_header(name, &value)
    }

    fn displayed_header(&mut self, name: &str, value: &dyn fmt::Display) -> Result<(), RequestTooLarge> {
        use fmt::Write as _;
        let start = self.header_text.len();
        let place = (|| {
            self.header_text.push_str(name).ok()?;
            let name_end = self.header_text.len();
            write!(self.header_text, "{value}").ok()?;
            Some(HeaderPlace { start, name_end, end: self.header_text.len() })
        })();
        match place.map(|place| self.headers.push(place)) {
            Some(Ok(())) => Ok(()),
            _ => {
                self.header_text.truncate(start);
                Err(RequestTooLarge::Headers)
            }
        }
    }

    /// The headers as `(name, value)`, in the order in which they were added.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.headers
            .iter()
            .map(|place| (&self.header_text[place.start..place.name_end], &self.header_text[place.name_end..place.end]))
    }

    /// The value of the first header of that (lower case) name.
    pub fn header_value(&self, name: &str) -> Option<&str> {
        self.headers().find(|(candidate, _)| *candidate == name).map(|(_, value)| value)
    }
}

impl Deref for Request {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl DerefMut for Request {
    fn deref_mut(&mut self) -> &mut Parts {
        &mut self.0
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.header_text.zeroize();
        self.query.zeroize();
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}{} ({} headers)", self.method, self.authority, self.path, self.headers.len())
    }
}

#[derive(Clone, Copy)]
struct HeaderPlace {
    start: usize,
    name_end: usize,
    end: usize,
}

/// 253 bytes of DNS name, `:` and a port.
const AUTHORITY_CAPACITY: usize = 260;
/// An S3 key of 1,024 bytes, each percent-encoded (3 bytes), after `/BUCKET/` in path style (63 + 2), is the
/// longest path there is.
const PATH_CAPACITY: usize = 1024 * 3 + 65;
/// A presigned query: a session token of 4,096 bytes whose `+/=` are encoded, and about 400 bytes of the rest.
pub const QUERY_CAPACITY: usize = 6144;
/// A session token (4,096), user metadata (2,048, S3's limit), tags (10 of 128 + 256 characters, encoded,
/// in practice under 2,048), and about 1 KiB of the rest.
const HEADER_TEXT_CAPACITY: usize = 10_240;
/// 20 of ours and S3's headers, 40 of the user's metadata.
const HEADER_COUNT_CAPACITY: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back_in_order() {
        let mut request = Request::new("GET", "example.com", "/", "").expect("fits");
        request.header("a", 1).expect("fits");
        request.header("b", "x y").expect("fits");
        assert!(request.headers().eq([("a", "1"), ("b", "x y")]));
        assert_eq!(request.header_value("b"), Some("x y"));
    }

    #[test]
    fn a_header_that_does_not_fit_leaves_the_request_as_it_was() {
        let mut request = Request::new("GET", "example.com", "/", "").expect("fits");
        request.header("a", 1).expect("fits");
        let long = "x".repeat(HEADER_TEXT_CAPACITY);
        assert_eq!(request.header("b", long), Err(RequestTooLarge::Headers));
        assert!(request.headers().eq([("a", "1")]));
    }
}
