//! S3's multipart uploads: s3s has verified signatures and chunks by the time a part is here; this verifies the rest
//! (checksums, ETags, order, sizes) as S3 does, which s3s-fs does not, and keeps the bytes on disk, holes as holes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use futures::StreamExt;
use ring::digest::{self, SHA256};
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result, TrailingHeaders};

use crate::http_server::header_list;
use crate::records::{Object, PendingUpload};
use crate::s3::hex;
use crate::sessions::{UPPER_CASE_AND_DIGITS, random_text};

/// The uploads that have begun and not ended.
#[derive(Clone)]
pub(crate) struct Uploads {
    folder: PathBuf,
    /// Parts or uploads that are listed at a time at most.
    page: usize,
    begun: Arc<Mutex<BTreeMap<String, Begun>>>,
}

struct Begun {
    object: Object,
    initiated: SystemTime,
    algorithm: Option<String>,
    kind: Option<String>,
    parts: BTreeMap<i32, Part>,
}

struct Part {
    size: u64,
    md5: [u8; 16],
    /// In base64; empty without an algorithm.
    checksum: String,
}

impl Uploads {
    /// Keeps parts below `folder`.
    pub(crate) fn new(folder: PathBuf, page: usize) -> Self {
        Self { folder, page, begun: Arc::default() }
    }

    pub(crate) fn pending(&self) -> Vec<PendingUpload> {
        let pending = |(id, begun): (&String, &Begun)| PendingUpload {
            bucket: begun.object.bucket.clone(),
            key: begun.object.key.clone(),
            upload_id: id.clone(),
            parts: begun.parts.keys().map(|number| *number as u16).collect(),
        };
        self.lock().iter().map(pending).collect()
    }

    /// As a lifecycle rule does.
    pub(crate) fn forget_all(&self) {
        for (id, begun) in std::mem::take(&mut *self.lock()) {
            begun.parts.keys().for_each(|number| drop(fs::remove_file(self.part_path(&id, *number))));
        }
    }

    /// Loses one part of every upload.
    pub(crate) fn lose_part(&self, number: u16) {
        self.lock().values_mut().for_each(|begun| drop(begun.parts.remove(&i32::from(number))));
    }

    /// Lets them have begun earlier.
    pub(crate) fn age(&self, by: Duration) {
        self.lock().values_mut().for_each(|begun| begun.initiated -= by);
    }

    /// `object` has everything that is said of the object before its bytes come.
    pub(crate) fn create(
        &self,
        object: Object,
        input: &CreateMultipartUploadInput,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let algorithm = input.checksum_algorithm.as_ref().map(|algorithm| algorithm.as_str().to_owned());
        let kind = input.checksum_type.as_ref().map(|kind| kind.as_str().to_owned());
        match (algorithm.as_deref(), kind.as_deref()) {
            (Some("CRC64NVME"), Some("COMPOSITE"))
            | (Some("SHA256" | "SHA1"), Some("FULL_OBJECT"))
            | (None, Some(_)) => {
                return Err(invalid_request("The checksum type cannot be used with the checksum algorithm"));
            }
            _ => {}
        }
        // What S3's own contain: characters that must be encoded in a query.
        let id = format!("{}+/=.~", random_text(100, UPPER_CASE_AND_DIGITS).map_err(S3Error::internal_error)?);
        let output = CreateMultipartUploadOutput {
            bucket: Some(object.bucket.clone()),
            key: Some(object.key.clone()),
            upload_id: Some(id.clone()),
            checksum_algorithm: input.checksum_algorithm.clone(),
            checksum_type: input.checksum_type.clone(),
            ..Default::default()
        };
        let begun = Begun { object, initiated: SystemTime::now(), algorithm, kind, parts: BTreeMap::new() };
        self.lock().insert(id, begun);
        Ok(S3Response::new(output))
    }

    pub(crate) async fn upload_part(
        &self,
        mut request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let headers = header_list(&request.headers);
        let header = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let number = request.input.part_number;
        if !(1..=10_000).contains(&number) {
            return Err(S3Error::with_message(S3ErrorCode::InvalidArgument, "Part number must be 1 to 10000"));
        }
        let algorithm = {
            let uploads = self.lock();
            let begun = uploads
                .get(&request.input.upload_id)
                .filter(|begun| begun.object.bucket == request.input.bucket && begun.object.key == request.input.key);
            begun.ok_or_else(no_such_upload)?.algorithm.clone()
        };
        let mut body = request.input.body.take().ok_or_else(|| S3Error::new(S3ErrorCode::IncompleteBody))?;
        let path = self.part_path(&request.input.upload_id, number);
        fs::create_dir_all(&self.folder).map_err(S3Error::internal_error)?;
        let draft = path.with_extension(format!("draft-{}", random_text(8, UPPER_CASE_AND_DIGITS).unwrap_or_default()));
        let mut file = SparseFile::create(&draft).map_err(S3Error::internal_error)?;
        let mut md5 = Md5::new();
        let mut checksum = hasher(algorithm.as_deref());
        while let Some(bytes) = body.next().await {
            let bytes = bytes.map_err(|error| {
                let _ = fs::remove_file(&draft);
                S3Error::with_message(S3ErrorCode::IncompleteBody, error.to_string())
            })?;
            file.write(&bytes).map_err(S3Error::internal_error)?;
            md5.update(&bytes);
            if let Some(checksum) = &mut checksum {
                checksum.update(&bytes);
            }
        }
        let size = file.finish().map_err(S3Error::internal_error)?;
        let refuse = |code, message: &'static str| {
            let _ = fs::remove_file(&draft);
            S3Error::with_message(code, message)
        };
        if header("x-amz-decoded-content-length")
            .and_then(|length| length.parse().ok())
            .is_some_and(|length: u64| length != size)
        {
            return Err(refuse(S3ErrorCode::IncompleteBody, "You did not provide the number of bytes specified"));
        }
        if size > 5 << 30 {
            return Err(refuse(S3ErrorCode::EntityTooLarge, "Your proposed upload exceeds the maximum allowed size"));
        }
        let computed = checksum.map(text_of).unwrap_or_default();
        if let Some(algorithm) = &algorithm {
            let name = format!("x-amz-checksum-{}", algorithm.to_ascii_lowercase());
            let trailers =
                request.trailing_headers.as_ref().and_then(|trailers: &TrailingHeaders| trailers.read(header_list));
            let trailers = trailers.unwrap_or_default();
            let sent = trailers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
            match sent.or(header(&name)) {
                None => {
                    return Err(refuse(
                        S3ErrorCode::InvalidRequest,
                        "The part has no checksum of the upload's algorithm",
                    ));
                }
                Some(sent) if sent != computed => {
                    return Err(refuse(
                        S3ErrorCode::BadDigest,
                        "The checksum you specified did not match what we received",
                    ));
                }
                Some(_) => {}
            }
        }
        let md5: [u8; 16] = md5.finalize().as_ref().try_into().map_err(|_| S3Error::new(S3ErrorCode::InternalError))?;
        let mut uploads = self.lock();
        let begun = uploads
            .get_mut(&request.input.upload_id)
            .ok_or_else(|| refuse(S3ErrorCode::NoSuchUpload, NO_SUCH_UPLOAD))?;
        fs::rename(&draft, &path).map_err(S3Error::internal_error)?;
        begun.parts.insert(number, Part { size, md5, checksum: computed.clone() });
        let mut output = UploadPartOutput { e_tag: Some(ETag::Strong(hex(&md5))), ..Default::default() };
        match algorithm.as_deref() {
            Some("CRC32") => output.checksum_crc32 = Some(computed),
            Some("CRC32C") => output.checksum_crc32c = Some(computed),
            Some("CRC64NVME") => output.checksum_crc64nvme = Some(computed),
            Some("SHA256") => output.checksum_sha256 = Some(computed),
            _ => {}
        }
        Ok(S3Response::new(output))
    }

    pub(crate) fn list_parts(&self, input: &ListPartsInput) -> S3Result<S3Response<ListPartsOutput>> {
        let uploads = self.lock();
        let begun = uploads.get(&input.upload_id).ok_or_else(no_such_upload)?;
        let after = input.part_number_marker.unwrap_or(0);
        let most = self.page.min(usize::try_from(input.max_parts.unwrap_or(1000)).unwrap_or(0));
        let mut rest = begun.parts.range(after + 1..);
        let listed: Vec<s3s::dto::Part> = rest
            .by_ref()
            .take(most)
            .map(|(number, part)| {
                let mut listed = s3s::dto::Part {
                    part_number: Some(*number),
                    size: Some(part.size as i64),
                    e_tag: Some(ETag::Strong(hex(&part.md5))),
                    last_modified: Some(begun.initiated.into()),
                    ..Default::default()
                };
                let checksum = Some(part.checksum.clone());
                match begun.algorithm.as_deref() {
                    Some("CRC32") => listed.checksum_crc32 = checksum,
                    Some("CRC32C") => listed.checksum_crc32c = checksum,
                    Some("CRC64NVME") => listed.checksum_crc64nvme = checksum,
                    Some("SHA256") => listed.checksum_sha256 = checksum,
                    _ => {}
                }
                listed
            })
            .collect();
        let next = listed.last().and_then(|part| part.part_number);
        Ok(S3Response::new(ListPartsOutput {
            bucket: Some(input.bucket.clone()),
            key: Some(input.key.clone()),
            upload_id: Some(input.upload_id.clone()),
            is_truncated: Some(rest.next().is_some()),
            max_parts: input.max_parts,
            next_part_number_marker: next,
            part_number_marker: Some(after),
            parts: Some(listed),
            ..Default::default()
        }))
    }

    pub(crate) fn list_uploads(
        &self,
        input: &ListMultipartUploadsInput,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let uploads = self.lock();
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let after =
            (input.key_marker.as_deref().unwrap_or_default(), input.upload_id_marker.as_deref().unwrap_or_default());
        let mut found: Vec<(&str, &str, SystemTime)> = uploads
            .iter()
            .map(|(id, begun)| (begun.object.key.as_str(), id.as_str(), begun.initiated))
            .filter(|(key, id, _)| key.starts_with(prefix) && (*key > after.0 || (*key == after.0 && *id > after.1)))
            .collect();
        found.sort_unstable();
        let most = self.page.min(usize::try_from(input.max_uploads.unwrap_or(1000)).unwrap_or(0));
        let is_truncated = found.len() > most;
        found.truncate(most);
        let next = found.last().filter(|_| is_truncated);
        Ok(S3Response::new(ListMultipartUploadsOutput {
            bucket: Some(input.bucket.clone()),
            is_truncated: Some(is_truncated),
            next_key_marker: next.map(|(key, ..)| (*key).to_owned()),
            next_upload_id_marker: next.map(|(_, id, _)| (*id).to_owned()),
            uploads: Some(
                found
                    .iter()
                    .map(|(key, id, initiated)| MultipartUpload {
                        key: Some((*key).to_owned()),
                        upload_id: Some((*id).to_owned()),
                        initiated: Some((*initiated).into()),
                        ..Default::default()
                    })
                    .collect(),
            ),
            ..Default::default()
        }))
    }

    pub(crate) fn abort(&self, input: &AbortMultipartUploadInput) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let begun = self.lock().remove(&input.upload_id).ok_or_else(no_such_upload)?;
        for number in begun.parts.keys() {
            let _ = fs::remove_file(self.part_path(&input.upload_id, *number));
        }
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    /// Verifies the list and puts the parts together at `target`.
    pub(crate) fn complete(
        &self,
        input: &CompleteMultipartUploadInput,
        target: &Path,
    ) -> S3Result<(Object, CompleteMultipartUploadOutput)> {
        let mut uploads = self.lock();
        let begun = uploads.get(&input.upload_id).ok_or_else(no_such_upload)?;
        let listed = input.multipart_upload.as_ref().and_then(|list| list.parts.as_deref()).unwrap_or_default();
        if listed.is_empty() {
            return Err(S3Error::with_message(S3ErrorCode::MalformedXML, "You must specify at least one part"));
        }
        if input.if_none_match.as_ref().is_some_and(ETagCondition::is_any) && target.exists() {
            return Err(S3Error::with_message(
                S3ErrorCode::PreconditionFailed,
                "At least one of the pre-conditions you specified did not hold",
            ));
        }
        let mut before = 0;
        let mut parts = Vec::with_capacity(listed.len());
        for (index, entry) in listed.iter().enumerate() {
            let number = entry.part_number.unwrap_or(0);
            if number <= before {
                return Err(S3Error::with_message(
                    S3ErrorCode::InvalidPartOrder,
                    "The list of parts was not in ascending order.",
                ));
            }
            before = number;
            let invalid = || {
                S3Error::with_message(
                    S3ErrorCode::InvalidPart,
                    "One or more of the specified parts could not be found.",
                )
            };
            let part = begun.parts.get(&number).ok_or_else(invalid)?;
            if entry.e_tag.as_ref().is_none_or(|etag| etag.value() != hex(&part.md5)) {
                return Err(invalid());
            }
            let checksum = match begun.algorithm.as_deref() {
                Some("CRC32") => &entry.checksum_crc32,
                Some("CRC32C") => &entry.checksum_crc32c,
                Some("CRC64NVME") => &entry.checksum_crc64nvme,
                Some("SHA256") => &entry.checksum_sha256,
                _ => &None,
            };
            match checksum {
                Some(checksum) if *checksum != part.checksum => return Err(invalid()),
                None if begun.kind.as_deref() == Some("COMPOSITE") => {
                    return Err(invalid_request(
                        "The upload was created using a checksum. The complete request must include the checksum for each part",
                    ));
                }
                _ => {}
            }
            if index + 1 < listed.len() && part.size < 5 << 20 {
                return Err(S3Error::with_message(
                    S3ErrorCode::EntityTooSmall,
                    "Your proposed upload is smaller than the minimum allowed size",
                ));
            }
            parts.push((number, part));
        }
        if input.checksum_type.as_ref().map(|kind| kind.as_str()) != begun.kind.as_deref()
            && input.checksum_type.is_some()
        {
            return Err(invalid_request("The upload was created with another checksum type"));
        }
        let mut object = begun.object.clone();
        object.parts = parts.iter().map(|(_, part)| part.size).collect();
        let draft =
            self.folder.join(format!("{}.whole", hex(digest::digest(&SHA256, input.upload_id.as_bytes()).as_ref())));
        let mut whole_checksum = hasher(begun.algorithm.as_deref());
        let paths = parts.iter().map(|(number, _)| self.part_path(&input.upload_id, *number));
        (object.bytes, object.sha256) =
            join(paths, &draft, whole_checksum.as_mut()).map_err(S3Error::internal_error)?;
        if input.mpu_object_size.is_some_and(|size| size as u64 != object.bytes) {
            return Err(invalid_request("The object's size is not the one that was specified"));
        }
        let checksum = match begun.kind.as_deref() {
            Some("FULL_OBJECT") => whole_checksum.map(text_of),
            Some(_) => {
                let mut of_parts = hasher(begun.algorithm.as_deref());
                for (_, part) in &parts {
                    let bytes = base64::engine::general_purpose::STANDARD.decode(&part.checksum).unwrap_or_default();
                    of_parts.iter_mut().for_each(|hasher| hasher.update(&bytes));
                }
                of_parts.map(|hasher| format!("{}-{}", text_of(hasher), parts.len()))
            }
            None => None,
        };
        let sent = [&input.checksum_crc32, &input.checksum_crc32c, &input.checksum_crc64nvme, &input.checksum_sha256];
        for sent in sent.into_iter().flatten() {
            if checksum.as_ref() != Some(sent) {
                return Err(S3Error::with_message(
                    S3ErrorCode::BadDigest,
                    "The checksum you specified did not match the calculated checksum.",
                ));
            }
        }
        object.checksum.clone_from(&checksum);
        let of_parts: Vec<u8> = parts.iter().flat_map(|(_, part)| part.md5).collect();
        let mut md5 = Md5::new();
        md5.update(&of_parts);
        let etag = format!("{}-{}", hex(md5.finalize().as_ref()), parts.len());
        let mut output = CompleteMultipartUploadOutput {
            bucket: Some(input.bucket.clone()),
            key: Some(input.key.clone()),
            e_tag: Some(ETag::Strong(etag)),
            ..Default::default()
        };
        match begun.algorithm.as_deref() {
            Some("CRC32") => output.checksum_crc32 = checksum,
            Some("CRC32C") => output.checksum_crc32c = checksum,
            Some("CRC64NVME") => output.checksum_crc64nvme = checksum,
            Some("SHA256") => output.checksum_sha256 = checksum,
            _ => {}
        }
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).map_err(S3Error::internal_error)?;
        }
        fs::rename(&draft, target).map_err(S3Error::internal_error)?;
        for number in begun.parts.keys() {
            let _ = fs::remove_file(self.part_path(&input.upload_id, *number));
        }
        uploads.remove(&input.upload_id);
        Ok((object, output))
    }

    fn part_path(&self, upload_id: &str, number: i32) -> PathBuf {
        let name = hex(&digest::digest(&SHA256, upload_id.as_bytes()).as_ref()[..16]);
        self.folder.join(format!("{name}-{number}"))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Begun>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file in which zeros take no room.
struct SparseFile {
    file: File,
    length: u64,
}

impl SparseFile {
    fn create(path: &Path) -> std::io::Result<Self> {
        Ok(Self { file: File::create(path)?, length: 0 })
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.length += bytes.len() as u64;
        if bytes.iter().all(|byte| *byte == 0) {
            self.file.seek(SeekFrom::Start(self.length)).map(drop)
        } else {
            self.file.write_all(bytes)
        }
    }

    fn finish(self) -> std::io::Result<u64> {
        self.file.set_len(self.length)?;
        Ok(self.length)
    }
}

/// The parts' bytes one after the other in `target`: how many there are, and their SHA-256.
fn join(
    parts: impl Iterator<Item = PathBuf>,
    target: &Path,
    mut checksum: Option<&mut ChecksumHasher>,
) -> std::io::Result<(u64, String)> {
    let mut whole = SparseFile::create(target)?;
    let mut hash = digest::Context::new(&SHA256);
    let mut buffer = vec![0; 256 * 1024];
    for path in parts {
        let mut part = File::open(path)?;
        loop {
            let count = part.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            whole.write(&buffer[..count])?;
            hash.update(&buffer[..count]);
            checksum.iter_mut().for_each(|checksum| checksum.update(&buffer[..count]));
        }
    }
    Ok((whole.finish()?, hex(hash.finish().as_ref())))
}

fn hasher(algorithm: Option<&str>) -> Option<ChecksumHasher> {
    let mut hasher = ChecksumHasher::default();
    match algorithm? {
        "CRC32" => hasher.crc32 = Some(s3s::crypto::Crc32::new()),
        "CRC32C" => hasher.crc32c = Some(s3s::crypto::Crc32c::new()),
        "CRC64NVME" => hasher.crc64nvme = Some(s3s::crypto::Crc64Nvme::new()),
        "SHA256" => hasher.sha256 = Some(s3s::crypto::Sha256::new()),
        _ => return None,
    }
    Some(hasher)
}

fn text_of(hasher: ChecksumHasher) -> String {
    let checksum = hasher.finalize();
    let texts =
        [checksum.checksum_crc32, checksum.checksum_crc32c, checksum.checksum_crc64nvme, checksum.checksum_sha256];
    texts.into_iter().flatten().next().unwrap_or_default()
}

fn no_such_upload() -> S3Error {
    S3Error::with_message(S3ErrorCode::NoSuchUpload, NO_SUCH_UPLOAD)
}

fn invalid_request(message: &'static str) -> S3Error {
    S3Error::with_message(S3ErrorCode::InvalidRequest, message)
}

const NO_SUCH_UPLOAD: &str = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.";
