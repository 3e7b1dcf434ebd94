//! An S3 request that somebody else will make, with a URL that is signed here: GetObject or PutObject.
//!
//! Amazon S3 User Guide, "Download and upload objects with presigned URLs".

use super::s3_bucket::Bucket;
use super::s3_get::version_query;
use crate::error::Result;
use crate::protocol::request::Request;

/// One object, and what the URL lets its holder do.
#[derive(Debug, Clone, Copy)]
pub struct PresignedObject<'a> {
    /// Where it is.
    pub bucket: Bucket<'a>,
    /// The key, not encoded: 1 to 1,024 bytes of UTF-8.
    pub key: &'a str,
    /// What may be done.
    pub access: Access<'a>,
}

/// What a presigned URL lets its holder do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access<'a> {
    /// Fetch the object, or this version of it.
    Get {
        /// The version; `None` is the current one.
        version_id: Option<&'a str>,
    },
    /// Store it.
    Put,
}

impl PresignedObject<'_> {
    /// Builds the request, whose query is still to be signed. It has no headers: whoever uses the URL would have to
    /// send the very same.
    ///
    /// # Errors
    /// A configuration or data error for what S3 cannot take.
    pub fn request(&self) -> Result<Request> {
        match self.access {
            Access::Get { version_id } => self.bucket.object_request("GET", self.key, &version_query(version_id)),
            Access::Put => self.bucket.object_request("PUT", self.key, ""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::tests;
    use crate::protocol::credentials::Credentials;
    use crate::protocol::secret::Secret;
    use crate::protocol::sigv4;

    const BUCKET: Bucket<'_> = Bucket {
        name: "examplebucket",
        region: "us-east-1",
        endpoint: Some("https://s3.amazonaws.com"),
        ..tests::BUCKET
    };

    /// S3 API Reference, "Authenticating Requests: Using Query Parameters", example.
    #[test]
    fn the_published_example() {
        let credentials = Credentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".try_into().expect("fits"),
            secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY").expect("fits"),
            session_token: Secret::new("").expect("fits"),
            expiration: None,
        };
        let access = Access::Get { version_id: None };
        let mut request = PresignedObject { bucket: BUCKET, key: "test.txt", access }.request().expect("fits");
        sigv4::presign(&mut request, &credentials, "us-east-1", "s3", 1_369_353_600, 86_400).expect("can be signed");
        assert_eq!(
            format!("https://{}{}?{}", request.authority, request.path, request.query),
            "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
             &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
             &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        );
    }

    #[test]
    fn versions_are_named_and_puts_are_puts() {
        let get = Access::Get { version_id: Some("a b") };
        let request = |access| PresignedObject { bucket: BUCKET, key: "k", access }.request().expect("fits");
        assert_eq!((request(get).method, &*request(get).query), ("GET", "versionId=a%20b"));
        assert_eq!((request(Access::Put).method, &*request(Access::Put).query), ("PUT", ""));
        assert_eq!(request(Access::Put).headers().count(), 0);
    }
}
