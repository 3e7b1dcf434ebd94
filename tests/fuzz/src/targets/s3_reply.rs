//! S3's replies to PutObject and GetObject: an error document is never a success, a range is the one that was asked
//! for, and what is said of an error is short and printable.

use crate::reply::{assert_presentable, with_reply};
use homing::aws::endpoint::Variant;
use homing::aws::s3_get::{GetObject, GetObjectOutcome, Wanted};
use homing::aws::s3_put::{Bucket, PutObject};
use homing::protocol::xml::root_name;

pub fn run(data: &[u8]) {
    let bucket =
        Bucket { name: "my-bucket", region: "eu-west-1", endpoint: None, variant: Variant::ORDINARY, path_style: false };
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
    });
}

const NOW: i64 = 1_795_305_600;
