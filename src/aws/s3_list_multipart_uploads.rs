//! S3 ListMultipartUploads: the uploads of a bucket that have begun and not ended, page by page.
//!
//! Amazon S3 API Reference, "ListMultipartUploads".

use super::s3_bucket::Bucket;
use super::s3_error::{self, Operation};
use super::s3_multipart::{UPLOAD_ID_MAXIMUM, document, element, is_truncated, unexpected};
use crate::error::Result;
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;
use crate::protocol::template::KEY_CAPACITY;
use crate::protocol::time::parse_iso8601;
use crate::protocol::uri::encode_component;
use crate::protocol::xml::{elements, root_name};

/// One page of ListMultipartUploads.
#[derive(Debug, Clone, Copy)]
pub struct ListMultipartUploads<'a> {
    /// The bucket.
    pub bucket: Bucket<'a>,
    /// What the keys begin with; empty for all.
    pub prefix: &'a str,
    /// Key and upload id behind which the page begins; empty for the first.
    pub after: (&'a str, &'a str),
}

/// An upload as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedUpload {
    /// The key of the object that it was to become.
    pub key: String,
    /// Its id.
    pub upload_id: String,
    /// When it began, in seconds since the Unix epoch.
    pub initiated: i64,
}

/// The page that was asked for, as S3 sent it.
pub struct UploadsPage<'a> {
    document: &'a str,
    is_last: bool,
    is_whole: bool,
}

impl ListMultipartUploads<'_> {
    /// Builds the request; it is still to be signed.
    ///
    /// # Errors
    /// A configuration or data error for what S3 cannot take.
    pub fn request(&self) -> Result<Request> {
        let (key, upload_id) = self.after;
        let mut query = String::new();
        if !key.is_empty() {
            query = format!("key-marker={}&", encode_component(key));
        }
        query.push_str(&format!("max-uploads={PAGE_LENGTH}&prefix={}", encode_component(self.prefix)));
        if !upload_id.is_empty() {
            query.push_str(&format!("&upload-id-marker={}", encode_component(upload_id)));
        }
        query.push_str("&uploads=");
        self.bucket.bucket_request("GET", &query)
    }

    /// Reads the reply. `now` is the clock by which the request was signed.
    ///
    /// # Errors
    /// Whatever S3 refused.
    pub fn parse<'a>(&self, reply: &Reply<'a>, now: i64) -> Result<UploadsPage<'a>> {
        let target = format!("s3://{}", self.bucket.name);
        if reply.status != 200 || s3_error::is_error(reply) {
            return Err(s3_error::error(Operation::ListUploads, &target, &self.bucket, reply, now));
        }
        let document = document(reply);
        if root_name(document) != Some("ListMultipartUploadsResult") {
            return Err(unexpected(&target, "is no list of uploads"));
        }
        Ok(UploadsPage { document, is_last: !is_truncated(reply), is_whole: reply.complete })
    }
}

impl UploadsPage<'_> {
    /// The uploads on it, by key, then by age. One that makes no sense is left out.
    pub fn uploads(&self) -> impl Iterator<Item = ListedUpload> {
        elements(self.document, "Upload").filter_map(|upload| {
            let listed = ListedUpload {
                key: element::<{ KEY_CAPACITY + 1 }>(upload, "Key").as_str().to_owned(),
                upload_id: element::<{ UPLOAD_ID_MAXIMUM + 1 }>(upload, "UploadId").trim().to_owned(),
                initiated: parse_iso8601(element::<32>(upload, "Initiated").trim())?,
            };
            let fits = (1..=KEY_CAPACITY).contains(&listed.key.len())
                && (1..=UPLOAD_ID_MAXIMUM).contains(&listed.upload_id.len());
            fits.then_some(listed)
        })
    }

    /// Behind which key and upload id the next page begins; `None`: there is none.
    pub fn next(&self) -> Option<(String, String)> {
        if self.is_last {
            return None;
        }
        let key = element::<{ KEY_CAPACITY + 1 }>(self.document, "NextKeyMarker");
        if key.is_empty() || !self.is_whole {
            // The store does not say, or what it says is of a page that was too long.
            return self.uploads().last().map(|last| (last.key, last.upload_id));
        }
        let id = element::<{ UPLOAD_ID_MAXIMUM + 1 }>(self.document, "NextUploadIdMarker");
        Some((key.as_str().to_owned(), id.as_str().to_owned()))
    }
}

/// Uploads that are asked for at a time.
const PAGE_LENGTH: u16 = 50;
/// Bytes of a page: an upload has some 600 with a usual key, and 8 KiB with the longest; of a page that does not fit,
/// what does is taken, and the rest asked for.
pub const PAGE_CAPACITY: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::tests::{BUCKET, torture, with_reply};

    const CALL: ListMultipartUploads<'_> = ListMultipartUploads { bucket: BUCKET, prefix: "", after: ("", "") };
    /// The API Reference's sample response, shortened by what it says of owners.
    const DOCUMENTED: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Bucket>bucket</Bucket>
  <KeyMarker></KeyMarker>
  <UploadIdMarker></UploadIdMarker>
  <NextKeyMarker>my-movie.m2ts</NextKeyMarker>
  <NextUploadIdMarker>YW55IGlkZWEgd2h5IGVsdmluZydzIHVwbG9hZCBmYWlsZWQ</NextUploadIdMarker>
  <MaxUploads>3</MaxUploads>
  <IsTruncated>true</IsTruncated>
  <Upload>
    <Key>my-divisor</Key>
    <UploadId>XMgbGlrZSBlbHZpbmcncyBub3QgaGF2aW5nIG11Y2ggbHVjaw</UploadId>
    <Initiator><ID>arn:aws:iam::111122223333:user/user1-11111a31-17b5-4fb7-9df5-b111111f13de</ID></Initiator>
    <StorageClass>STANDARD</StorageClass>
    <Initiated>2010-11-10T20:48:33.000Z</Initiated>
  </Upload>
  <Upload>
    <Key>my-movie.m2ts</Key>
    <UploadId>VXBsb2FkIElEIGZvciBlbHZpbmcncyBteS1tb3ZpZS5tMnRzIHVwbG9hZA</UploadId>
    <StorageClass>STANDARD</StorageClass>
    <Initiated>2010-11-10T20:48:33.000Z</Initiated>
  </Upload>
  <Upload>
    <Key>my-movie.m2ts</Key>
    <UploadId>YW55IGlkZWEgd2h5IGVsdmluZydzIHVwbG9hZCBmYWlsZWQ</UploadId>
    <StorageClass>STANDARD</StorageClass>
    <Initiated>2010-11-10T20:49:33.000Z</Initiated>
  </Upload>
</ListMultipartUploadsResult>"#;

    #[test]
    fn the_documented_request() {
        let request = CALL.request().unwrap();
        assert_eq!((request.method, &*request.path), ("GET", "/"));
        assert_eq!(&*request.query, "max-uploads=50&prefix=&uploads=");
        let next = ListMultipartUploads { prefix: "a b/", after: ("a b/c", "i+d"), ..CALL };
        assert_eq!(
            &*next.request().unwrap().query,
            "key-marker=a%20b%2Fc&max-uploads=50&prefix=a%20b%2F&upload-id-marker=i%2Bd&uploads="
        );
        let path_style = Bucket { path_style: true, ..BUCKET };
        assert_eq!(&*ListMultipartUploads { bucket: path_style, ..CALL }.request().unwrap().path, "/my-bucket/");
    }

    #[test]
    fn the_documented_reply() {
        with_reply(200, DOCUMENTED.as_bytes(), |reply| {
            let page = CALL.parse(reply, 0).unwrap();
            let uploads: Vec<_> = page.uploads().collect();
            assert_eq!(uploads.len(), 3);
            assert_eq!(
                uploads[2],
                ListedUpload {
                    key: "my-movie.m2ts".into(),
                    upload_id: "YW55IGlkZWEgd2h5IGVsdmluZydzIHVwbG9hZCBmYWlsZWQ".into(),
                    initiated: 1_289_422_173,
                }
            );
            let last = "YW55IGlkZWEgd2h5IGVsdmluZydzIHVwbG9hZCBmYWlsZWQ";
            assert_eq!(page.next(), Some(("my-movie.m2ts".into(), last.into())));
        });
        let error = with_reply(403, b"<Error><Code>AccessDenied</Code></Error>", |reply| CALL.parse(reply, 0).err());
        assert!(error.unwrap().remedy().unwrap().contains("s3:ListBucketMultipartUploads"));
    }

    #[test]
    fn of_a_page_that_does_not_fit_the_rest_is_asked_for() {
        let end = DOCUMENTED.find("<Key>my-movie").unwrap();
        let headers = http::HeaderMap::new();
        let reply = Reply { status: 200, headers: &headers, body: &DOCUMENTED.as_bytes()[..end], complete: false };
        let id = "XMgbGlrZSBlbHZpbmcncyBub3QgaGF2aW5nIG11Y2ggbHVjaw";
        assert_eq!(CALL.parse(&reply, 0).unwrap().next(), Some(("my-divisor".into(), id.into())));
    }

    #[test]
    fn any_reply_can_be_read() {
        torture(DOCUMENTED.as_bytes(), &[200, 404], |reply| {
            if let Ok(page) = CALL.parse(reply, 0) {
                page.uploads().for_each(drop);
            }
        });
    }
}
