//! S3's replies to PutObject, GetObject and the calls of a multipart upload: an error document is never a success, a
//! range is the one that was asked for, what is sent back to S3 fits its place, and what is said of an error is short and
//! printable.

use crate::reply::{assert_presentable, with_reply};
use homing::aws::endpoint::Variant;
use homing::aws::s3_abort_multipart_upload::AbortMultipartUpload;
use homing::aws::s3_complete_multipart_upload::{CompleteMultipartUpload, PART_CAPACITY};
use homing::aws::s3_create_multipart_upload::CreateMultipartUpload;
use homing::aws::s3_get::{GetObject, GetObjectOutcome, Wanted};
use homing::aws::s3_list_multipart_uploads::ListMultipartUploads;
use homing::aws::s3_list_parts::ListParts;
use homing::aws::s3_multipart::{MultipartUpload, UPLOAD_ID_MAXIMUM, UploadedPart};
use homing::aws::s3_put::{Bucket, PutObject};
use homing::aws::s3_upload_part::UploadPart;
use homing::error::Error;
use homing::protocol::checksum::ChecksumAlgorithm;
use homing::protocol::reply::Reply;
use homing::protocol::xml::root_name;

pub fn run(data: &[u8]) {
    let bucket = Bucket {
        name: "my-bucket",
        region: "eu-west-1",
        endpoint: None,
        variant: Variant::ORDINARY,
        path_style: false,
    };
    with_reply(data, |reply| {
        let is_error = std::str::from_utf8(reply.body).is_ok_and(|body| root_name(body) == Some("Error"));
        match (PutObject { bucket, key: "a" }).parse(reply, NOW) {
            Ok(outcome) => assert!(reply.status == 200 && !is_error && !outcome.etag.contains(['\r', '\n'])),
            Err(error) => assert_presentable(&error),
        }
        let get = GetObject { bucket, key: "a", version_id: None };
        for first_byte in [0, 5, u64::MAX] {
            for if_match in [None, Some("\"e\"")] {
                let wanted = Wanted { first_byte, if_match, if_none_match: if_match, checksum_mode: true };
                match get.parse(&wanted, reply, NOW) {
                    Ok(GetObjectOutcome::Object(head)) => {
                        assert!(head.first_byte == 0 || head.first_byte == first_byte);
                        assert!(head.first_byte <= head.size && matches!(reply.status, 200 | 206));
                    }
                    Ok(_) => assert_ne!(reply.status, 403),
                    Err(error) => assert_presentable(&error),
                }
            }
        }
        multipart(bucket, reply, is_error);
    });
}

fn multipart(bucket: Bucket<'_>, reply: &Reply<'_>, is_error: bool) {
    let upload = MultipartUpload { bucket, key: "a", upload_id: "VXBsb2Fk" };
    let done = |error: Option<Error>| match error {
        None => assert!(!is_error && matches!(reply.status, 200 | 204)),
        Some(error) => assert_presentable(&error),
    };
    let created = (CreateMultipartUpload { bucket, key: "a" }).parse(reply, NOW);
    if let Ok(id) = &created {
        assert!((1..=UPLOAD_ID_MAXIMUM).contains(&id.len()) && id.bytes().all(|byte| matches!(byte, b' '..=b'~')));
        let request = AbortMultipartUpload { upload: MultipartUpload { upload_id: id, ..upload } }.request();
        assert!(request.is_ok(), "an id that cannot be sent back");
    }
    done(created.err());
    // One that is gone already is a success of giving it up.
    if let Err(error) = (AbortMultipartUpload { upload }).parse(reply, NOW) {
        assert_presentable(&error);
    }
    for algorithm in [None, Some(ChecksumAlgorithm::Crc64Nvme)] {
        let complete =
            CompleteMultipartUpload { upload, algorithm, checksum: None, object_size: 1, if_none_match: false };
        let fits = |part: &UploadedPart| {
            let mut text = String::new();
            assert!(complete.write_part(&mut text, 10_000, part).is_ok() && text.len() <= PART_CAPACITY);
            assert_eq!(text.matches('<').count() % 2, 0, "{text}");
        };
        done(complete.parse(reply, NOW).err());
        let part = (UploadPart { upload, number: 1 }).parse(algorithm, reply, NOW);
        part.iter().for_each(fits);
        done(part.err());
        let page = (ListParts { upload, after: 0 }).parse(algorithm, reply, NOW);
        if let Ok(page) = &page {
            page.parts().for_each(|listed| fits(&listed.part));
            let _ = page.is_last();
        }
        done(page.err());
    }
    let page = (ListMultipartUploads { bucket, prefix: "", after: ("", "") }).parse(reply, NOW);
    if let Ok(page) = &page {
        for listed in page.uploads() {
            assert!((1..=1024).contains(&listed.key.len()));
            let upload = MultipartUpload { bucket, key: &listed.key, upload_id: &listed.upload_id };
            let _ = AbortMultipartUpload { upload }.request();
        }
    }
    done(page.err());
}

const NOW: i64 = 1_795_305_600;
