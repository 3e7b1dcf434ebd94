//! An HTTP reply as the parsers of `aws/` see it: already read, into a buffer of the caller's.

/// Status, headers and as much of the body as fits the caller's buffer.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    /// The status code, 100 to 599.
    pub status: u16,
    /// The headers.
    pub headers: &'a http::HeaderMap,
    /// The body, at most as long as the buffer it was read into.
    pub body: &'a [u8],
    /// Whether `body` is the whole body. `false`: it was longer than the buffer.
    pub complete: bool,
}

impl<'a> Reply<'a> {
    /// The value of a header, where it is there once or more and is text.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok()
    }
}
