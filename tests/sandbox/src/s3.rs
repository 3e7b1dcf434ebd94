//! S3 over TLS: s3s verifies signatures, chunks and trailers, s3s-fs stores; around them this checks the session token, the
//! region and the clock, and records what was stored.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::CONTENT_LENGTH;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use ring::digest::{self, SHA256};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::dto::*;
use s3s::host::{S3Host, VirtualHost};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::stream::{ByteStream, RemainingLength};
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, TrailingHeaders};
use s3s_fs::FileSystem;
use time::PrimitiveDateTime;
use time::macros::format_description;

use crate::answers::Answer;
use crate::builder::SandboxBuilder;
use crate::faults::FaultSwitch;
use crate::http_server::{BoxError, Handler, ReplyBody, header_list};
use crate::records::{Arrival, Object, Records};
use crate::s3_multipart::Uploads;
use crate::sessions::{SessionError, Sessions, UPPER_CASE_AND_DIGITS, random_text};

/// The S3 service.
pub(crate) struct S3Handler {
    service: S3Service,
    switch: Arc<FaultSwitch>,
    region: String,
}

impl S3Handler {
    /// Stores below `root`, where every folder is a bucket.
    pub(crate) fn new(
        root: PathBuf,
        settings: &SandboxBuilder,
        uploads: Uploads,
        sessions: Sessions,
        records: Records,
        switch: Arc<FaultSwitch>,
    ) -> std::io::Result<Self> {
        let files = FileSystem::new(&root).map_err(|error| std::io::Error::other(format!("S3's folder: {error:?}")))?;
        let (versioned, keeps_objects) = (settings.versioned, settings.keeps_objects);
        let mut builder =
            S3ServiceBuilder::new(RecordingS3 { files, root, versioned, keeps_objects, uploads, records });
        builder.set_auth(SessionAuth(sessions.clone()));
        builder.set_access(TokenCheck(sessions));
        builder.set_host(LocalHost);
        let mut config = S3Config::default();
        // The clock is checked here, against a clock that a test may have moved.
        config.presigned_url_max_skew_time_secs = u32::MAX;
        builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
        Ok(Self { service: builder.build(), switch, region: settings.region.clone() })
    }

    fn refusal(&self, headers: &HeaderMap) -> Option<Answer> {
        let date = headers.get("x-amz-date").and_then(|date| date.to_str().ok());
        if let Some(date) = date
            && let Ok(time) =
                PrimitiveDateTime::parse(date, format_description!("[year][month][day]T[hour][minute][second]Z"))
        {
            let now = self.switch.now();
            if (now - time.assume_utc()).abs() > MAX_SKEW {
                return Some(Answer::request_time_too_skewed(date, now));
            }
        }
        let region = headers.get("authorization").and_then(|value| value.to_str().ok()).and_then(scope_region)?;
        (region != self.region).then(|| {
            let message = format!(
                "The authorization header is malformed; the region '{region}' is wrong; expecting '{}'",
                self.region
            );
            Answer::s3_error_with(400, "AuthorizationHeaderMalformed", &message, &[("Region", &self.region)])
        })
    }
}

#[async_trait::async_trait]
impl Handler for S3Handler {
    async fn handle(&self, request: Request<Incoming>, _: Option<&str>) -> Response<ReplyBody> {
        if let Some(answer) = self.refusal(request.headers()) {
            return answer.before_body().into_response();
        }
        let is_head = request.method() == Method::HEAD;
        let Ok(response) = self.service.call(request.map(s3s::Body::from)).await else {
            return Answer::s3_error(500, "InternalError", "We encountered an internal error. Please try again.")
                .into_response();
        };
        let mut response = with_request_id(response.map(|body| body.map_err(BoxError::from).boxed_unsync())).await;
        // S3 says where a bucket is that it is asked for, whether the asker may look into it or not.
        if is_head
            && response.status() != StatusCode::NOT_FOUND
            && let Ok(region) = self.region.as_str().try_into()
        {
            response.headers_mut().insert("x-amz-bucket-region", region);
        }
        response
    }
}

/// Adds the request identifier that S3 gives in every reply's header and in every error's XML, and s3s in neither.
async fn with_request_id(response: Response<ReplyBody>) -> Response<ReplyBody> {
    let request_id = random_text(16, UPPER_CASE_AND_DIGITS).unwrap_or_default();
    let (mut head, mut body) = response.into_parts();
    if head.status.is_client_error() || head.status.is_server_error() {
        // An error that cannot be read on becomes an empty body, as a reply to HEAD has it anyway.
        let xml = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let xml =
            String::from_utf8_lossy(&xml).replace("</Error>", &format!("<RequestId>{request_id}</RequestId></Error>"));
        head.headers.remove(CONTENT_LENGTH);
        body = Full::new(Bytes::from(xml)).map_err(|never| match never {}).boxed_unsync();
    }
    if let Ok(value) = request_id.try_into() {
        head.headers.insert("x-amz-request-id", value);
    }
    Response::from_parts(head, body)
}

/// The region in `Credential=<key>/<date>/<region>/s3/aws4_request`.
fn scope_region(authorization: &str) -> Option<&str> {
    let (_, credential) = authorization.split_once("Credential=")?;
    credential.split([',', ' ']).next()?.split('/').nth(2)
}

struct SessionAuth(Sessions);

#[async_trait::async_trait]
impl S3Auth for SessionAuth {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        self.0.secret(access_key).map(SecretKey::from).ok_or_else(|| refused(SessionError::UnknownAccessKey))
    }
}

struct TokenCheck(Sessions);

#[async_trait::async_trait]
impl S3Access for TokenCheck {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let Some(credentials) = context.credentials() else {
            return Err(S3Error::with_message(S3ErrorCode::AccessDenied, "Access Denied"));
        };
        let presigned = context.uri().query().and_then(|query| {
            let (_, value) =
                query.split('&').filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == QUERY_TOKEN)?;
            percent_encoding::percent_decode_str(value).decode_utf8().ok()
        });
        let header = context.headers().get("x-amz-security-token").and_then(|value| value.to_str().ok());
        self.0.check(&credentials.access_key, header.or(presigned.as_deref())).map_err(refused)
    }
}

fn refused(error: SessionError) -> S3Error {
    match error {
        // S3 does not know a temporary access key that comes without its token.
        SessionError::UnknownAccessKey | SessionError::MissingToken => S3Error::with_message(
            S3ErrorCode::InvalidAccessKeyId,
            "The AWS Access Key Id you provided does not exist in our records.",
        ),
        SessionError::WrongToken => {
            S3Error::with_message(S3ErrorCode::InvalidToken, "The provided token is malformed or otherwise invalid.")
        }
        SessionError::Expired => S3Error::with_message(S3ErrorCode::ExpiredToken, "The provided token has expired."),
    }
}

/// Path style on `localhost`, an address or `s3.REGION.amazonaws.com`; virtual-hosted style on names in front of them.
struct LocalHost;

impl S3Host for LocalHost {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        if name.parse::<std::net::IpAddr>().is_ok() || name.starts_with('[') {
            return Ok(VirtualHost::new(host));
        }
        Ok(match bucket_of(name) {
            Some(bucket) => VirtualHost::new(&host[bucket.len() + 1..]).with_bucket(bucket),
            None => VirtualHost::new(host),
        })
    }
}

fn bucket_of(name: &str) -> Option<&str> {
    if let Some(bucket) = name.strip_suffix(".localhost") {
        return Some(bucket);
    }
    let front = name.strip_suffix(".amazonaws.com")?;
    front.find(".s3.").or_else(|| front.strip_suffix(".s3").map(str::len)).map(|end| &front[..end])
}

/// s3s-fs, with a record of everything that was stored.
struct RecordingS3 {
    files: FileSystem,
    root: PathBuf,
    versioned: bool,
    keeps_objects: bool,
    uploads: Uploads,
    records: Records,
}

impl RecordingS3 {
    fn record(&self, object: Object) {
        self.records.arrived(Arrival::Object(object));
    }

    fn version(&self) -> Option<String> {
        self.versioned.then(|| random_text(32, UPPER_CASE_AND_DIGITS).unwrap_or_default())
    }
}

macro_rules! pass_on {
    ($($name:ident: $input:ident => $output:ident,)*) => {
        #[async_trait::async_trait]
        impl S3 for RecordingS3 {
            $(async fn $name(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                self.files.$name(request).await
            })*

            async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
                self.put(request).await
            }

            async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
                self.get(request).await
            }

            async fn head_object(
                &self,
                request: S3Request<HeadObjectInput>,
            ) -> S3Result<S3Response<HeadObjectOutput>> {
                self.head(request).await
            }

            async fn create_multipart_upload(
                &self,
                request: S3Request<CreateMultipartUploadInput>,
            ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
                self.begin(request)
            }

            async fn upload_part(
                &self,
                request: S3Request<UploadPartInput>,
            ) -> S3Result<S3Response<UploadPartOutput>> {
                self.uploads.upload_part(request).await
            }

            async fn list_parts(&self, request: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
                self.uploads.list_parts(&request.input)
            }

            async fn list_multipart_uploads(
                &self,
                request: S3Request<ListMultipartUploadsInput>,
            ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
                self.uploads.list_uploads(&request.input)
            }

            async fn abort_multipart_upload(
                &self,
                request: S3Request<AbortMultipartUploadInput>,
            ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
                self.uploads.abort(&request.input)
            }

            async fn complete_multipart_upload(
                &self,
                request: S3Request<CompleteMultipartUploadInput>,
            ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
                self.complete(request).await
            }
        }
    };
}

pass_on! {
    copy_object: CopyObjectInput => CopyObjectOutput,
    create_bucket: CreateBucketInput => CreateBucketOutput,
    delete_bucket: DeleteBucketInput => DeleteBucketOutput,
    delete_object: DeleteObjectInput => DeleteObjectOutput,
    delete_objects: DeleteObjectsInput => DeleteObjectsOutput,
    get_bucket_location: GetBucketLocationInput => GetBucketLocationOutput,
    head_bucket: HeadBucketInput => HeadBucketOutput,
    list_buckets: ListBucketsInput => ListBucketsOutput,
    list_objects: ListObjectsInput => ListObjectsOutput,
    list_objects_v2: ListObjectsV2Input => ListObjectsV2Output,
    upload_part_copy: UploadPartCopyInput => UploadPartCopyOutput,
}

impl RecordingS3 {
    async fn put(&self, mut request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let input = &mut request.input;
        let path = self.root.join(&input.bucket).join(&input.key);
        if !self.root.join(&input.bucket).is_dir() {
            return Err(S3Error::with_message(S3ErrorCode::NoSuchBucket, "The specified bucket does not exist"));
        }
        // s3s-fs knows two storage classes only; S3 knows these.
        let storage_class = input.storage_class.take().map(|class| class.as_str().to_owned());
        if storage_class.as_deref().is_some_and(|class| !STORAGE_CLASSES.contains(&class)) {
            return Err(S3Error::with_message(
                S3ErrorCode::InvalidStorageClass,
                "The storage class you specified is not valid",
            ));
        }
        let mut object = Object {
            bucket: input.bucket.clone(),
            key: input.key.clone(),
            content_type: input.content_type.clone(),
            metadata: input.metadata.clone().unwrap_or_default().into_iter().collect(),
            storage_class,
            tagging: input.tagging.clone(),
            server_side_encryption: input.server_side_encryption.as_ref().map(|kind| kind.as_str().to_owned()),
            sse_kms_key_id: input.ssekms_key_id.clone(),
            virtual_hosted: virtual_hosted(&request.headers),
            headers: header_list(&request.headers),
            ..Object::default()
        };
        let observed: Arc<Mutex<Observed>> = Arc::default();
        input.body = input.body.take().map(|inner| {
            let trailers = request.trailing_headers.clone();
            StreamingBlob::new(HashingStream { inner, trailers, observed: Arc::clone(&observed) })
        });
        let decoded_length =
            object.header("x-amz-decoded-content-length").and_then(|length| length.parse::<u64>().ok());
        let existed = path.exists();
        let mut stored = match self.keeps_objects {
            true => self.files.put_object(request).await,
            false => discard(request).await,
        };

        {
            let mut observed = observed.lock().unwrap_or_else(PoisonError::into_inner);
            object.bytes = observed.bytes;
            object.sha256 = hex(observed.hash.clone().finish().as_ref());
            object.trailers = std::mem::take(&mut observed.trailers);
        }
        if stored.is_ok() && decoded_length.is_some_and(|length| length != object.bytes) {
            stored = Err(S3Error::with_message(
                S3ErrorCode::IncompleteBody,
                "You did not provide the number of bytes specified by the x-amz-decoded-content-length HTTP header",
            ));
        }
        match stored {
            Ok(mut response) => {
                response.output.version_id = self.version();
                // Of what is not kept, a name that changes with the content, as S3's is with SSE-KMS.
                response.output.e_tag.get_or_insert_with(|| ETag::Strong(object.sha256[..32].to_owned()));
                self.record(object);
                Ok(response)
            }
            Err(error) => {
                // After a checksum that does not fit, s3s-fs leaves the new file in its place.
                if !existed && error.code() != &S3ErrorCode::PreconditionFailed {
                    let _ = std::fs::remove_file(path);
                }
                Err(error)
            }
        }
    }

    /// s3s-fs leaves the conditions of RFC 9110, section 13, out, and looks at the range first.
    async fn get(&self, mut request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let (if_match, if_none_match) = (request.input.if_match.take(), request.input.if_none_match.take());
        let is_conditional = if_match.is_some() || if_none_match.is_some();
        if is_conditional {
            let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
            let input = HeadObjectInput::builder().bucket(bucket).key(key).build().map_err(S3Error::internal_error)?;
            let head = S3Request {
                input,
                method: Method::HEAD,
                uri: request.uri.clone(),
                headers: HeaderMap::new(),
                extensions: hyper::http::Extensions::new(),
                credentials: None,
                region: None,
                service: None,
                trailing_headers: None,
            };
            let etag = self.files.head_object(head).await?.output.e_tag;
            let is_one_of = |condition: &ETagCondition| match condition {
                ETagCondition::Any => true,
                ETagCondition::ETag(wanted) => etag.as_ref().is_some_and(|etag| etag.strong_cmp(wanted)),
            };
            if if_match.is_some_and(|condition| !is_one_of(&condition)) {
                return Err(S3Error::with_message(
                    S3ErrorCode::PreconditionFailed,
                    "At least one of the pre-conditions you specified did not hold",
                ));
            }
            if if_none_match.is_some_and(|condition| is_one_of(&condition)) {
                return Err(S3Error::new(S3ErrorCode::NotModified));
            }
        }
        self.files.get_object(request).await
    }

    /// s3s-fs does not know what was stored with an object that was put together of parts.
    async fn head(&self, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        let mut response = self.files.head_object(request).await?;
        let arrivals = self.records.arrivals();
        let object = arrivals.iter().rev().find_map(|arrival| match arrival {
            Arrival::Object(object) if object.bucket == bucket && object.key == key => Some(object),
            _ => None,
        });
        if let Some(object) = object {
            response.output.metadata = Some(object.metadata.clone().into_iter().collect());
        }
        Ok(response)
    }

    fn begin(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = &request.input;
        if !self.root.join(&input.bucket).is_dir() {
            return Err(S3Error::with_message(S3ErrorCode::NoSuchBucket, "The specified bucket does not exist"));
        }
        let object = Object {
            bucket: input.bucket.clone(),
            key: input.key.clone(),
            content_type: input.content_type.clone(),
            metadata: input.metadata.clone().unwrap_or_default().into_iter().collect(),
            storage_class: input.storage_class.as_ref().map(|class| class.as_str().to_owned()),
            tagging: input.tagging.clone(),
            server_side_encryption: input.server_side_encryption.as_ref().map(|kind| kind.as_str().to_owned()),
            sse_kms_key_id: input.ssekms_key_id.clone(),
            virtual_hosted: virtual_hosted(&request.headers),
            headers: header_list(&request.headers),
            ..Object::default()
        };
        self.uploads.create(object, input)
    }

    async fn complete(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let (input, uploads) = (request.input, self.uploads.clone());
        let path = self.root.join(&input.bucket).join(&input.key);
        let completed = tokio::task::spawn_blocking(move || uploads.complete(&input, &path)).await;
        let (object, mut output) = completed.map_err(S3Error::internal_error)??;
        output.version_id = self.version();
        self.record(object);
        Ok(S3Response::new(output))
    }
}

/// Reads what is put to its end, and keeps none of it.
async fn discard(request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
    if let Some(mut body) = request.input.body {
        while let Some(part) = body.next().await {
            part.map_err(|error| S3Error::with_message(S3ErrorCode::InternalError, error.to_string()))?;
        }
    }
    Ok(S3Response::new(PutObjectOutput::default()))
}

fn virtual_hosted(headers: &HeaderMap) -> bool {
    let host = headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    LocalHost.parse_host_header(host).is_ok_and(|host| host.bucket().is_some())
}

/// A request's body on its way to the file, hashed as it passes.
struct HashingStream {
    inner: StreamingBlob,
    trailers: Option<TrailingHeaders>,
    observed: Arc<Mutex<Observed>>,
}

struct Observed {
    hash: digest::Context,
    bytes: u64,
    trailers: Vec<(String, String)>,
}

impl Default for Observed {
    fn default() -> Self {
        Self { hash: digest::Context::new(&SHA256), bytes: 0, trailers: Vec::new() }
    }
}

impl Stream for HashingStream {
    type Item = Result<Bytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(Pin::new(&mut self.inner).poll_next(context));
        let mut observed = self.observed.lock().unwrap_or_else(PoisonError::into_inner);
        match &item {
            Some(Ok(bytes)) => {
                observed.hash.update(bytes);
                observed.bytes += bytes.len() as u64;
            }
            Some(Err(_)) => {}
            // The trailers are complete with the end of the body; s3s-fs takes them away later.
            None => {
                let trailers = self.trailers.as_ref().and_then(|trailers| trailers.read(header_list));
                observed.trailers = trailers.unwrap_or_default();
            }
        }
        drop(observed);
        Poll::Ready(item)
    }
}

impl ByteStream for HashingStream {
    fn remaining_length(&self) -> RemainingLength {
        self.inner.remaining_length()
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// S3 refuses requests whose time differs by more than 15 minutes.
const MAX_SKEW: time::Duration = time::Duration::minutes(15);
/// The session token of a presigned request.
const QUERY_TOKEN: &str = "X-Amz-Security-Token";
/// As in S3's PutObject.
const STORAGE_CLASSES: [&str; 8] = [
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "DEEP_ARCHIVE",
    "GLACIER_IR",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bucket_is_found_in_the_host() {
        assert_eq!(bucket_of("localhost"), None);
        assert_eq!(bucket_of("my-bucket.localhost"), Some("my-bucket"));
        assert_eq!(bucket_of("my.bucket.s3.eu-west-1.amazonaws.com"), Some("my.bucket"));
        assert_eq!(bucket_of("my-bucket.s3.amazonaws.com"), Some("my-bucket"));
        assert_eq!(bucket_of("s3.eu-west-1.amazonaws.com"), None);
        let host = LocalHost.parse_host_header("127.0.0.1:8080").unwrap();
        assert_eq!(host.bucket(), None);
    }

    #[test]
    fn the_region_is_found_in_the_credential_scope() {
        let header =
            "AWS4-HMAC-SHA256 Credential=ASIA/20261122/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=0";
        assert_eq!(scope_region(header), Some("eu-west-1"));
    }
}
