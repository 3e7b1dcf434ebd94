//! What the two hellos of a TLS handshake say in the clear (RFC 8446, section 4.1; RFC 5246, section 7.4.1).

/// What a server's hello says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerHello {
    /// `TLS 1.3` or `TLS 1.2`.
    pub version: &'static str,
    /// The cipher suite's name, or its number in hexadecimal.
    pub cipher: String,
    /// Whether an earlier session is resumed: known of TLS 1.3 alone.
    pub resumed: bool,
}

/// Whether a connection's first bytes are a client's hello.
pub fn is_client_hello(bytes: &[u8]) -> bool {
    hello(bytes, CLIENT_HELLO).is_some()
}

/// Reads a connection's first bytes from the server; `None` where they are no hello, or not all of one.
pub fn server_hello(bytes: &[u8]) -> Option<ServerHello> {
    let body = hello(bytes, SERVER_HELLO)?;
    // Version (2), random (32), then the session identifier with its length.
    let rest = body.get(34..)?;
    let rest = rest.get(1 + usize::from(*rest.first()?)..)?;
    let cipher = u16::from_be_bytes(rest.get(..2)?.try_into().ok()?);
    let mut extensions = rest.get(5..).unwrap_or_default();
    let mut found = ServerHello { version: "TLS 1.2", cipher: cipher_name(cipher), resumed: false };
    while let Some((&[a, b, c, d], _)) = extensions.split_first_chunk::<4>() {
        let length = usize::from(u16::from_be_bytes([c, d]));
        let value = extensions.get(4..4 + length)?;
        match u16::from_be_bytes([a, b]) {
            SUPPORTED_VERSIONS if value == [3, 4] => found.version = "TLS 1.3",
            PRE_SHARED_KEY => found.resumed = true,
            _ => {}
        }
        extensions = &extensions[4 + length..];
    }
    Some(found)
}

/// The body of a handshake message of this kind in the first record.
fn hello(bytes: &[u8], kind: u8) -> Option<&[u8]> {
    let [HANDSHAKE, 3, _, _, _, found, a, b, c, ..] = *bytes else { return None };
    let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
    if found != kind {
        return None;
    }
    // A client's hello may be longer than what was kept of it.
    Some(&bytes[9..bytes.len().min(9 + length)])
}

fn cipher_name(number: u16) -> String {
    match number {
        0x1301 => "TLS_AES_128_GCM_SHA256".to_owned(),
        0x1302 => "TLS_AES_256_GCM_SHA384".to_owned(),
        0x1303 => "TLS_CHACHA20_POLY1305_SHA256".to_owned(),
        other => format!("{other:#06x}"),
    }
}

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const SUPPORTED_VERSIONS: u16 = 43;
const PRE_SHARED_KEY: u16 = 41;

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, extensions: &[u8]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([9; 32]);
        body.extend([2, 0xAA, 0xBB]);
        body.extend([0x13, 0x01, 0]);
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend(extensions);
        let length = u8::try_from(body.len()).unwrap();
        let mut record = vec![22, 3, 3, 0, length + 4, kind, 0, 0, length];
        record.extend(body);
        record
    }

    #[test]
    fn a_servers_hello_says_version_cipher_and_resumption() {
        let full = record(2, &[0, 43, 0, 2, 3, 4, 0, 51, 0, 1, 0]);
        let expected = ServerHello { version: "TLS 1.3", cipher: "TLS_AES_128_GCM_SHA256".to_owned(), resumed: false };
        assert_eq!(server_hello(&full), Some(expected.clone()));
        let resumed = record(2, &[0, 41, 0, 2, 0, 0, 0, 43, 0, 2, 3, 4]);
        assert_eq!(server_hello(&resumed), Some(ServerHello { resumed: true, ..expected.clone() }));
        let older = record(2, &[]);
        assert_eq!(server_hello(&older), Some(ServerHello { version: "TLS 1.2", ..expected }));
    }

    #[test]
    fn anything_else_is_no_hello() {
        assert!(is_client_hello(&record(1, &[])) && !is_client_hello(&record(2, &[])));
        assert_eq!(server_hello(&record(1, &[])), None);
        assert_eq!(server_hello(b"HTTP/1.1 400 Bad Request"), None);
        assert_eq!(server_hello(&[]), None);
        let full = record(2, &[0, 43, 0, 2, 3, 4]);
        for length in 0..full.len() {
            let _ = server_hello(&full[..length]);
        }
    }
}
