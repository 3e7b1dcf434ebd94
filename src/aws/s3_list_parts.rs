//! S3 ListParts: what S3 has of an upload, page by page.
//!
//! Amazon S3 API Reference, "ListParts".

use super::s3_error::{self, Operation};
use super::s3_multipart::{
    MultipartUpload, UploadedPart, checksum, checksum_element, document, element, etag, is_truncated, number,
    unexpected,
};
use crate::error::Result;
use crate::protocol::checksum::ChecksumAlgorithm;
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;
use crate::protocol::xml::{elements, root_name};

/// One page of ListParts.
#[derive(Debug, Clone, Copy)]
pub struct ListParts<'a> {
    /// The upload.
    pub upload: MultipartUpload<'a>,
    /// The parts with greater numbers are wanted.
    pub after: u16,
}

/// A part as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPart {
    /// Its number.
    pub number: u16,
    /// Its length in bytes.
    pub size: u64,
    /// What S3 says of it.
    pub part: UploadedPart,
}

/// The page that was asked for, as S3 sent it.
pub struct PartsPage<'a> {
    document: &'a str,
    algorithm: Option<ChecksumAlgorithm>,
    is_last: bool,
}

impl ListParts<'_> {
    /// Builds the request; it is still to be signed.
    ///
    /// # Errors
    /// A configuration or data error for what S3 cannot take.
    pub fn request(&self) -> Result<Request> {
        self.upload.request("GET", &format!("max-parts={PAGE_LENGTH}&part-number-marker={}&", self.after))
    }

    /// Reads the reply. `algorithm` is that of the parts' checksums. `now` is the clock by which the request was
    /// signed.
    ///
    /// # Errors
    /// Whatever S3 refused.
    pub fn parse<'a>(
        &self,
        algorithm: Option<ChecksumAlgorithm>,
        reply: &Reply<'a>,
        now: i64,
    ) -> Result<PartsPage<'a>> {
        let target = self.upload.target();
        if reply.status != 200 || s3_error::is_error(reply) {
            return Err(s3_error::error(Operation::ListParts, &target, &self.upload.bucket, reply, now));
        }
        let document = document(reply);
        if root_name(document) != Some("ListPartsResult") {
            return Err(unexpected(&target, "is no list of parts"));
        }
        Ok(PartsPage { document, algorithm, is_last: !is_truncated(reply) })
    }
}

impl PartsPage<'_> {
    /// The parts on it, in the order of their numbers. One that makes no sense is left out.
    pub fn parts(&self) -> impl Iterator<Item = ListedPart> {
        elements(self.document, "Part").filter_map(|part| {
            let text = self.algorithm.map(|algorithm| element::<128>(part, checksum_element(algorithm)));
            Some(ListedPart {
                number: number(part, "PartNumber")?,
                size: number(part, "Size")?,
                part: UploadedPart {
                    etag: etag(&element::<128>(part, "ETag"))?,
                    checksum: text.as_deref().map(checksum).unwrap_or_default(),
                },
            })
        })
    }

    /// Whether no page follows.
    pub fn is_last(&self) -> bool {
        self.is_last
    }
}

/// Parts that are asked for at a time: some 300 bytes each.
pub const PAGE_LENGTH: u16 = 200;
/// Bytes that a page has, and a half more. Of a store that gives more parts than were asked for, the rest is asked for.
pub const PAGE_CAPACITY: usize = 96 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::tests::{BUCKET, torture, with_reply};
    use crate::error::Fault;

    const CALL: ListParts<'_> = ListParts {
        upload: MultipartUpload {
            bucket: BUCKET,
            key: "example-object",
            upload_id: "XXBsb2FkIElEIGZvciBlbHZpbmcncyVcdS1tb3ZpZS5tMnRzEEEwbG9hZA",
        },
        after: 1,
    };
    /// The API Reference's sample response.
    const DOCUMENTED: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListPartsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Bucket>example-bucket</Bucket>
  <Key>example-object</Key>
  <UploadId>XXBsb2FkIElEIGZvciBlbHZpbmcncyVcdS1tb3ZpZS5tMnRzEEEwbG9hZA</UploadId>
  <Initiator>
      <ID>arn:aws:iam::111122223333:user/some-user-11116a31-17b5-4fb7-9df5-b288870f11xx</ID>
      <DisplayName>umat-user-11116a31-17b5-4fb7-9df5-b288870f11xx</DisplayName>
  </Initiator>
  <Owner>
    <ID>75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a</ID>
    <DisplayName>someName</DisplayName>
  </Owner>
  <StorageClass>STANDARD</StorageClass>
  <PartNumberMarker>1</PartNumberMarker>
  <NextPartNumberMarker>3</NextPartNumberMarker>
  <MaxParts>2</MaxParts>
  <IsTruncated>true</IsTruncated>
  <Part>
    <PartNumber>2</PartNumber>
    <LastModified>2010-11-10T20:48:34.000Z</LastModified>
    <ETag>"7778aef83f66abc1fa1e8477f296d394"</ETag>
    <Size>10485760</Size>
  </Part>
  <Part>
    <PartNumber>3</PartNumber>
    <LastModified>2010-11-10T20:48:33.000Z</LastModified>
    <ETag>"aaaa18db4cc2f85cedef654fccc4a4x8"</ETag>
    <Size>10485760</Size>
  </Part>
</ListPartsResult>"#;

    #[test]
    fn the_documented_request() {
        let request = CALL.request().unwrap();
        assert_eq!((request.method, &*request.path), ("GET", "/example-object"));
        assert_eq!(
            &*request.query,
            "max-parts=200&part-number-marker=1&uploadId=XXBsb2FkIElEIGZvciBlbHZpbmcncyVcdS1tb3ZpZS5tMnRzEEEwbG9hZA"
        );
    }

    #[test]
    fn the_documented_reply() {
        let (parts, is_last) = with_reply(200, DOCUMENTED.as_bytes(), |reply| {
            let page = CALL.parse(None, reply, 0).unwrap();
            (page.parts().collect::<Vec<_>>(), page.is_last())
        });
        assert!(!is_last);
        assert_eq!(
            parts.iter().map(|part| (part.number, part.size)).collect::<Vec<_>>(),
            [(2, 10_485_760), (3, 10_485_760)]
        );
        assert_eq!(parts[1].part.etag, "aaaa18db4cc2f85cedef654fccc4a4x8");
        let body =
            DOCUMENTED.replace("<Size>", "<ChecksumCRC32>AAAAAA==</ChecksumCRC32><Size>").replace(">true<", ">false<");
        with_reply(200, body.as_bytes(), |reply| {
            let page = CALL.parse(Some(ChecksumAlgorithm::Crc32), reply, 0).unwrap();
            assert!(page.is_last() && page.parts().all(|part| part.part.checksum == "AAAAAA=="));
        });
    }

    #[test]
    fn a_page_that_does_not_fit_is_not_the_last() {
        let body = DOCUMENTED.replace(">true<", ">false<");
        let reply = Reply {
            status: 200,
            headers: &http::HeaderMap::new(),
            body: &body.as_bytes()[..body.len() - 60],
            complete: false,
        };
        let page = CALL.parse(None, &reply, 0).unwrap();
        assert_eq!((page.is_last(), page.parts().count()), (false, 1));
    }

    #[test]
    fn refusals_say_what_is_missing() {
        let error = with_reply(403, b"<Error><Code>AccessDenied</Code></Error>", |reply| {
            CALL.parse(None, reply, 0).err().unwrap()
        });
        assert_eq!(error.fault(), Fault::Refused);
        assert!(error.remedy().unwrap().contains("s3:ListMultipartUploadParts"));
        assert_eq!(
            with_reply(200, b"<a/>", |reply| CALL.parse(None, reply, 0).err().unwrap()).code(),
            "unexpected_reply"
        );
    }

    #[test]
    fn any_reply_can_be_read() {
        torture(DOCUMENTED.as_bytes(), &[200, 404], |reply| {
            if let Ok(page) = CALL.parse(Some(ChecksumAlgorithm::Sha256), reply, 0) {
                page.parts().for_each(drop);
            }
        });
    }
}
