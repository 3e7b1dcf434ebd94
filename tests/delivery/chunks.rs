//! Takes recorded HTTP requests and aws-chunked bodies apart, strictly.

/// One HTTP/1.1 request as it was sent.
#[derive(Debug)]
pub struct Request<'a> {
    /// Method, path and version.
    pub line: &'a str,
    /// Names in lower case, in order.
    pub headers: Vec<(String, &'a str)>,
    pub body: &'a [u8],
}

/// An aws-chunked body.
#[derive(Debug, Default)]
pub struct Chunks {
    /// The lengths of the data chunks, the empty one at the end not among them.
    pub lengths: Vec<usize>,
    /// How many chunks carry a signature, the empty one among them.
    pub signatures: usize,
    /// The data.
    pub data: Vec<u8>,
    /// What follows the empty chunk.
    pub trailers: Vec<(String, String)>,
}

impl<'a> Request<'a> {
    /// Takes the head of the first request off `bytes`, and gives the rest.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    pub fn head(bytes: &'a [u8]) -> (Self, &'a [u8]) {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a request's head");
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let line = lines.next().unwrap();
        let headers: Vec<(String, &str)> = lines
            .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("no header: {line}")))
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
        (Self { line, headers, body: &[] }, &bytes[end + 4..])
    }

    /// Takes the first request off `bytes`, and gives the rest.
    ///
    /// # Panics
    /// When it is none, or its body is not as long as `content-length` says.
    #[track_caller]
    pub fn take(bytes: &'a [u8]) -> (Self, &'a [u8]) {
        let (mut request, rest) = Self::head(bytes);
        let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
        assert!(rest.len() >= length, "{} bytes of a body of {length}", rest.len());
        let (body, rest) = rest.split_at(length);
        request.body = body;
        (request, rest)
    }

    /// The value of a header that is there once; `None` when it is not there.
    ///
    /// # Panics
    /// When it is there more than once.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| *value);
        let value = values.next();
        assert_eq!(values.next(), None, "{name} is there twice");
        value
    }
}

impl Chunks {
    /// Reads a whole body; with `trailer` it ends with a trailer part.
    ///
    /// # Panics
    /// When it is malformed or does not end where it should.
    #[track_caller]
    pub fn read(body: &[u8], trailer: bool) -> Self {
        let mut chunks = Self::default();
        let mut rest = body;
        loop {
            let line = take_line(&mut rest);
            let (length, extension) = line.split_once(';').unwrap_or((line, ""));
            let length = usize::from_str_radix(length, 16).unwrap_or_else(|_| panic!("no chunk length: {line}"));
            if !extension.is_empty() {
                let signature = extension.strip_prefix("chunk-signature=").expect(line);
                assert!(signature.len() == 64 && signature.bytes().all(|byte| byte.is_ascii_hexdigit()), "{line}");
                chunks.signatures += 1;
            }
            if length == 0 {
                break;
            }
            chunks.lengths.push(length);
            chunks.data.extend_from_slice(&rest[..length]);
            rest = &rest[length..];
            assert_eq!(take_line(&mut rest), "", "behind a chunk's data");
        }
        loop {
            let line = take_line(&mut rest);
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no trailer: {line}"));
            chunks.trailers.push((name.to_owned(), value.to_owned()));
        }
        assert_eq!(rest, b"", "something follows the last chunk");
        assert_eq!(!chunks.trailers.is_empty(), trailer);
        chunks
    }
}

#[track_caller]
fn take_line<'a>(rest: &mut &'a [u8]) -> &'a str {
    let end = rest.windows(2).position(|window| window == b"\r\n").expect("a line's end");
    let line = std::str::from_utf8(&rest[..end]).unwrap();
    *rest = &rest[end + 2..];
    line
}
