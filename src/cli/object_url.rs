//! `s3://BUCKET/KEY` on the command line.

use std::ffi::OsStr;
use std::path::Path;

use super::usage;
use crate::config::{limits, values};
use crate::error::Result;

/// Bucket and key; a key that is left out or ends with a slash gets the file's name.
pub(super) fn completed(url: &OsStr, file: &Path) -> Result<(String, String)> {
    let (bucket, mut key) = split(url)?;
    if key.is_empty() || key.ends_with('/') {
        let name = file.file_name().and_then(OsStr::to_str);
        let what = "names no key, and the file's name cannot be one: give the whole key";
        key.push_str(name.ok_or_else(|| usage("invalid_url", format!("{url:?} {what}")))?);
    }
    checked(url, bucket, key)
}

/// Bucket and key of an object that is there already, or that is named in full.
pub(super) fn whole(url: &OsStr) -> Result<(String, String)> {
    let (bucket, key) = split(url)?;
    if key.is_empty() {
        return Err(usage("invalid_url", format!("{url:?} names no object: expected s3://BUCKET/KEY")));
    }
    checked(url, bucket, key)
}

/// Bucket, and what keys begin with: perhaps nothing.
pub(super) fn prefix(url: &OsStr) -> Result<(String, String)> {
    let (bucket, prefix) = split(url)?;
    checked(url, bucket, prefix)
}

fn split(url: &OsStr) -> Result<(String, String)> {
    let invalid = |what: &str| usage("invalid_url", format!("{url:?} {what}"));
    let text = url.to_str().ok_or_else(|| invalid("is not UTF-8"))?;
    let rest = text.strip_prefix("s3://").ok_or_else(|| invalid("is no object's name: expected s3://BUCKET/KEY"))?;
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    // Whether the store is AWS, with its stricter rules, is known with the configuration only.
    values::bucket(bucket, false).map_err(|what| usage("invalid_url", format!("{url:?}: \"{bucket}\" {what}")))?;
    Ok((bucket.to_owned(), key.to_owned()))
}

fn checked(url: &OsStr, bucket: String, key: String) -> Result<(String, String)> {
    if key.len() > limits::KEY_MAXIMUM {
        return Err(usage("invalid_url", format!("{url:?} has too long a key: S3 takes at most 1,024 bytes")));
    }
    Ok((bucket, key))
}
