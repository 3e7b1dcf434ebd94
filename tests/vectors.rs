//! The signing core against published vectors, byte for byte: AWS's SigV4 test suite, and the two chunked uploads of
//! the S3 API Reference.
//!
//! The SigV4 cases are another project's data and are not in this repository. They are read from `$HOMING_VECTORS`, by
//! default `../shared/vectors`; where they are absent, the test says so on the terminal and passes, except in CI
//! (`CI` is set) or where `HOMING_VECTORS` is set, where it fails.

use homing::protocol::checksum::ChecksumAlgorithm;
use homing::protocol::chunked::{ChunkSize, Framer, PayloadMode, buffer_length, encoded_length};
use homing::protocol::credentials::Credentials;
use homing::protocol::request::Request;
use homing::protocol::secret::Secret;
use homing::protocol::sigv4::{CanonicalRules, ChunkSigner, Payload, Signature, Signer, sign};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use ring::{digest, hmac};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Every case, signed in the headers and in the query.
#[test]
fn sigv4_test_suite_or_a_loud_line_that_it_is_absent() {
    let Some(directory) = vectors() else { return };
    let mut cases: Vec<PathBuf> = fs::read_dir(directory.join("sigv4"))
        .expect("the vectors have a folder sigv4")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.is_dir())
        .collect();
    cases.sort();
    assert!(cases.len() >= CASES, "{} cases in {}, {CASES} expected", cases.len(), directory.display());
    for case in &cases {
        let case = Case::read(case);
        case.check_header_signature();
        case.check_query_signature();
    }
}

/// S3 API Reference, "Transferring Payload in Multiple Chunks", example PUT Object: 66,560 bytes in chunks of 64 KiB.
#[test]
fn published_chunked_upload() {
    let length = encoded_length(PayloadMode::Signed, PUBLISHED_LENGTH, ChunkSize::DEFAULT);
    assert_eq!(length, 66_824);
    let mut request = published_request(PayloadMode::Signed);
    request.header("content-length", length).expect("fits");
    let payload = Payload::Streaming(PayloadMode::Signed);
    let seed =
        sign(&mut request, &published_credentials(), "us-east-1", "s3", PUBLISHED_TIME, payload).expect("signed");
    assert_eq!(text(&seed), "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9");
    assert_eq!(request.header_value("x-amz-content-sha256"), Some("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"));

    let framer = Framer::new(PayloadMode::Signed, PUBLISHED_LENGTH, ChunkSize::DEFAULT, published_signer(seed));
    let mut expected = Vec::new();
    expected.extend_from_slice(
        b"10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n",
    );
    expected.extend_from_slice(&[b'a'; 65_536]);
    expected.extend_from_slice(
        b"\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n",
    );
    expected.extend_from_slice(&[b'a'; 1024]);
    expected.extend_from_slice(
        b"\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n",
    );
    assert_eq!(expected.len() as u64, length);
    assert_same(&frame_letters_a(framer), &expected);
}

/// A trailer of three headers after the last chunk of that upload, as AWS's C implementation tests it.
#[test]
fn published_trailer_of_several_headers() {
    let last_chunk = *b"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9";
    let signature = published_signer(last_chunk).sign_trailer(&sha256(b"first:1st\nsecond:2nd\nthird:3rd\n"));
    assert_eq!(text(&signature), "df5735bd9f3295cd9386572292562fefc93ba94e80a0a1ddcbd652c4e0a75e6c");
}

/// S3 API Reference, "Including Trailing Headers", example PUT Object: the same upload with a CRC32C after it.
#[test]
fn published_chunked_upload_with_a_trailing_checksum() {
    let mode = PayloadMode::SignedTrailer(ChecksumAlgorithm::Crc32c);
    let mut request = published_request(mode);
    let payload = Payload::Streaming(mode);
    let seed =
        sign(&mut request, &published_credentials(), "us-east-1", "s3", PUBLISHED_TIME, payload).expect("signed");
    assert_eq!(text(&seed), "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e");

    let framer = Framer::new(mode, PUBLISHED_LENGTH, ChunkSize::DEFAULT, published_signer(seed));
    let mut expected = Vec::new();
    expected.extend_from_slice(
        b"10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n",
    );
    expected.extend_from_slice(&[b'a'; 65_536]);
    expected.extend_from_slice(
        b"\r\n400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n",
    );
    expected.extend_from_slice(&[b'a'; 1024]);
    expected.extend_from_slice(
        b"\r\n0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n",
    );
    expected.extend_from_slice(b"x-amz-checksum-crc32c:sOO8/Q==\r\n");
    expected.extend_from_slice(
        b"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n",
    );
    assert_eq!(expected.len() as u64, encoded_length(mode, PUBLISHED_LENGTH, ChunkSize::DEFAULT));
    assert_same(&frame_letters_a(framer), &expected);
}

/// All services but S3 sign the path encoded twice; S3 signs it as it is. The canonical requests are written out here.
#[test]
fn an_encoded_path_is_encoded_again_for_all_services_but_s3() {
    let signature = |service| {
        let mut request = Request::new("GET", "example.com", "/a%20b//c", "").expect("fits");
        sign(&mut request, &published_credentials(), "us-east-1", service, PUBLISHED_TIME, Payload::Bytes(b""))
            .expect("signed")
    };
    let expected = |service, canonical_request: String| {
        let scope = format!("20130524/us-east-1/{service}/aws4_request");
        let hash = hexadecimal(&sha256(canonical_request.as_bytes()));
        hmac_signature(PUBLISHED_SECRET, &scope, &format!("AWS4-HMAC-SHA256\n20130524T000000Z\n{scope}\n{hash}"))
    };
    let empty = hexadecimal(&sha256(b""));
    assert_eq!(
        text(&signature("execute-api")),
        expected(
            "execute-api",
            format!("GET\n/a%2520b/c\n\nhost:example.com\nx-amz-date:20130524T000000Z\n\nhost;x-amz-date\n{empty}")
        )
    );
    assert_eq!(
        text(&signature("s3")),
        expected(
            "s3",
            format!(
                "GET\n/a%20b//c\n\nhost:example.com\nx-amz-content-sha256:{empty}\nx-amz-date:20130524T000000Z\n\n\
                 host;x-amz-content-sha256;x-amz-date\n{empty}"
            )
        )
    );
}

/// One folder of the suite.
struct Case {
    directory: PathBuf,
    name: String,
    credentials: Credentials,
    secret: String,
    expires_in: u32,
    region: String,
    service: String,
    time: i64,
    rules: CanonicalRules,
    message: Message,
}

impl Case {
    fn read(directory: &Path) -> Self {
        let context: Context = {
            let json = fs::read(directory.join("context.json")).expect("context.json");
            serde_json::from_slice(&json).expect("context.json is the suite's")
        };
        let message = Message::parse(&fs::read_to_string(directory.join("request.txt")).expect("request.txt"));
        let rules = CanonicalRules {
            // The suite's paths are what is meant, not what is sent: encoded once, below, they are the canonical path.
            double_encoding: false,
            path_normalization: context.normalize,
            content_sha256_header: context.sign_body,
            session_token_signed: !context.omit_session_token,
        };
        let keys = context.credentials;
        Self {
            directory: directory.to_owned(),
            name: directory.file_name().expect("a folder").to_string_lossy().into_owned(),
            credentials: credentials(&keys.access_key_id, &keys.secret_access_key, keys.token.as_deref().unwrap_or("")),
            secret: keys.secret_access_key,
            expires_in: context.expiration_in_seconds,
            region: context.region,
            service: context.service,
            time: seconds(&context.timestamp),
            rules,
            message,
        }
    }

    fn check_header_signature(&self) {
        let mut request = self.message.request();
        let given = request.headers().count();
        let signature =
            self.signer(self.rules).sign(&mut request, Payload::Bytes(self.message.body.as_bytes())).expect(&self.name);
        self.check_chain("header");
        assert_eq!(text(&signature), self.file("header-signature.txt"), "{}", self.name);

        // All headers that the suite expects in the signed request and no others, but `host`.
        let expected = Message::parse(&self.file("header-signed-request.txt"));
        let added: BTreeSet<(&str, &str)> = request.headers().skip(given).collect();
        let expected_added: BTreeSet<(&str, &str)> =
            expected.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let given: BTreeSet<(&str, &str)> =
            self.message.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(added, expected_added.difference(&given).copied().collect(), "{}", self.name);

        // A path that needs no encoding, or is raw UTF-8, gives the same with the double encoding of other services.
        if !self.message.path.contains(' ') {
            let mut request = self.message.request_with_path(&self.message.path);
            let rules = CanonicalRules { double_encoding: true, ..self.rules };
            let payload = Payload::Bytes(self.message.body.as_bytes());
            assert_eq!(self.signer(rules).sign(&mut request, payload), Ok(signature), "{}", self.name);
        }
    }

    fn check_query_signature(&self) {
        let mut request = self.message.request();
        let payload = Payload::Bytes(self.message.body.as_bytes());
        let signature = self.signer(self.rules).presign(&mut request, payload, self.expires_in).expect(&self.name);
        self.check_chain("query");
        assert_eq!(text(&signature), self.file("query-signature.txt"), "{}", self.name);

        let expected = Message::parse(&self.file("query-signed-request.txt"));
        assert_eq!(parameters(&request.query), parameters(&expected.query), "{}", self.name);
    }

    fn signer(&self, rules: CanonicalRules) -> Signer<'_> {
        Signer { rules, ..Signer::new(&self.credentials, &self.region, &self.service, self.time) }
    }

    /// The crate shows no canonical request and no string to sign. So take the suite's own and show that each leads to
    /// the next: then our signature can only be equal if our canonical request and string to sign are, too.
    fn check_chain(&self, kind: &str) {
        let canonical_request = self.file(&format!("{kind}-canonical-request.txt"));
        let string_to_sign = self.file(&format!("{kind}-string-to-sign.txt"));
        let signature = self.file(&format!("{kind}-signature.txt"));
        let lines: Vec<&str> = string_to_sign.lines().collect();
        let [algorithm, _, scope, hash] = lines[..] else { panic!("{}: four lines in {string_to_sign}", self.name) };
        assert_eq!(algorithm, "AWS4-HMAC-SHA256", "{}", self.name);
        assert_eq!(hash, hexadecimal(&sha256(canonical_request.as_bytes())), "{}", self.name);
        assert_eq!(signature, hmac_signature(&self.secret, scope, &string_to_sign), "{}", self.name);
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.directory.join(name)).unwrap_or_else(|error| panic!("{}/{name}: {error}", self.name))
    }
}

/// An HTTP request as the suite's files write it down: `\n` for line ends, names in any case, raw path.
struct Message {
    method: &'static str,
    host: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Message {
    fn parse(file: &str) -> Self {
        let (head, body) = file.split_once("\n\n").unwrap_or((file, ""));
        let mut lines = head.lines();
        let line = lines.next().expect("a request line");
        let (method, rest) = line.split_once(' ').expect("a method");
        let target = rest.strip_suffix(" HTTP/1.1").expect("a version");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(':').expect("a header"))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let host = headers.iter().position(|(name, _)| name == "host").expect("a host");
        Self {
            method: if method == "GET" { "GET" } else { "POST" },
            host: headers.remove(host).1,
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            body: body.to_owned(),
        }
    }

    fn request(&self) -> Request {
        self.request_with_path(&utf8_percent_encode(&self.path, RESERVED_IN_PATHS).to_string())
    }

    fn request_with_path(&self, path: &str) -> Request {
        let mut request = Request::new(self.method, &self.host, path, &self.query).expect("fits");
        for (name, value) in &self.headers {
            request.header(name, value).expect("fits");
        }
        request
    }
}

#[derive(serde::Deserialize)]
struct Context {
    credentials: Keys,
    expiration_in_seconds: u32,
    normalize: bool,
    region: String,
    service: String,
    sign_body: bool,
    timestamp: String,
    #[serde(default)]
    omit_session_token: bool,
}

#[derive(serde::Deserialize)]
struct Keys {
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
}

/// The folder with the vectors, or `None` after saying that there is none.
fn vectors() -> Option<PathBuf> {
    let given = std::env::var_os("HOMING_VECTORS");
    let directory = match &given {
        Some(directory) => PathBuf::from(directory),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors"),
    };
    if directory.join("sigv4").is_dir() {
        return Some(directory);
    }
    let message =
        format!("no SigV4 vectors in {}: set HOMING_VECTORS to the folder that holds sigv4/", directory.display());
    assert!(given.is_none() && std::env::var_os("CI").is_none(), "{message}");
    // Not with eprintln!, which the test harness swallows when a test passes.
    let _ = writeln!(std::io::stderr(), "\n*** SKIPPED, NOTHING WAS CHECKED: {message} ***\n");
    None
}

fn published_request(mode: PayloadMode) -> Request {
    let mut request = Request::new("PUT", "s3.amazonaws.com", "/examplebucket/chunkObject.txt", "").expect("fits");
    request.header("x-amz-storage-class", "REDUCED_REDUNDANCY").expect("fits");
    request.header("content-encoding", "aws-chunked").expect("fits");
    request.header("x-amz-decoded-content-length", PUBLISHED_LENGTH).expect("fits");
    if let Some(algorithm) = mode.trailer() {
        request.header("x-amz-trailer", algorithm.header_name()).expect("fits");
    }
    request
}

fn published_credentials() -> Credentials {
    credentials("AKIAIOSFODNN7EXAMPLE", PUBLISHED_SECRET, "")
}

fn published_signer(seed: Signature) -> ChunkSigner {
    ChunkSigner::new(&published_credentials(), "us-east-1", "s3", PUBLISHED_TIME, seed).expect("valid")
}

fn credentials(access_key_id: &str, secret_access_key: &str, session_token: &str) -> Credentials {
    Credentials {
        access_key_id: access_key_id.try_into().expect("fits"),
        secret_access_key: Secret::new(secret_access_key).expect("fits"),
        session_token: Secret::new(session_token).expect("fits"),
        expiration: None,
    }
}

/// Everything the framer gives for a file of nothing but `a`.
fn frame_letters_a(mut framer: Framer) -> Vec<u8> {
    let mut buffer = vec![0; buffer_length(framer.mode(), ChunkSize::DEFAULT)];
    let mut encoded = Vec::new();
    while let Some(mut chunk) = framer.next_chunk(&mut buffer) {
        chunk.data().fill(b'a');
        let range = chunk.seal();
        encoded.extend_from_slice(&buffer[range]);
    }
    assert!(framer.is_finished());
    encoded
}

/// Equality whose failure does not print 66,560 numbers.
fn assert_same(actual: &[u8], expected: &[u8]) {
    let difference = actual.iter().zip(expected).position(|(left, right)| left != right);
    assert!(
        difference.is_none() && actual.len() == expected.len(),
        "{} bytes instead of {}; first difference at {difference:?}",
        actual.len(),
        expected.len()
    );
}

/// SigV4 step 3 with nothing of ours: the signature of a string to sign.
fn hmac_signature(secret: &str, scope: &str, string_to_sign: &str) -> String {
    let key =
        scope.split('/').fold(format!("AWS4{secret}").into_bytes(), |key, part| hmac_sha256(&key, part.as_bytes()));
    hexadecimal(&hmac_sha256(&key, string_to_sign.as_bytes()))
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref().to_vec()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, bytes).as_ref().try_into().expect("32 bytes")
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(signature: &Signature) -> &str {
    std::str::from_utf8(signature).expect("hexadecimal")
}

/// A query's parameters, decoded and in order of their names.
fn parameters(query: &str) -> BTreeSet<(String, String)> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8().expect("UTF-8").into_owned();
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(name, value)| (decode(name), decode(value))).collect()
}

/// Seconds since the Unix epoch of `2015-08-30T12:36:00Z`, the one time the suite uses.
fn seconds(timestamp: &str) -> i64 {
    assert_eq!(timestamp, "2015-08-30T12:36:00Z");
    1_440_938_160
}

/// How many cases the suite had when this test was written.
const CASES: usize = 28;
/// All but unreserved characters and the slash.
const RESERVED_IN_PATHS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PUBLISHED_SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
/// 2013-05-24T00:00:00Z.
const PUBLISHED_TIME: i64 = 1_369_353_600;
const PUBLISHED_LENGTH: u64 = 66_560;
