//! The content type of a file, by its extension: what devices send, not everything there is.

/// The content type for a file of that name; `application/octet-stream` when the extension says nothing.
/// Upper and lower case are the same. A name that is all extension (`.csv`) has none.
pub fn content_type(file_name: &str) -> &'static str {
    let Some(extension) = extension(file_name) else { return DEFAULT };
    TYPES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(extension))
        .map_or(DEFAULT, |(_, content_type)| content_type)
}

/// The extension of a file name, without its dot and as it is written; `None` for `name`, `name.` and `.name`.
pub fn extension(file_name: &str) -> Option<&str> {
    let base_name = file_name.rsplit('/').next().unwrap_or(file_name);
    let (stem, extension) = base_name.rsplit_once('.')?;
    (!stem.is_empty() && !extension.is_empty()).then_some(extension)
}

/// What the extension says nothing about (RFC 2046, section 4.5.1).
pub const DEFAULT: &str = "application/octet-stream";

/// Names from IANA's media types registry, where it has one.
const TYPES: &[(&str, &str)] = &[
    ("3gp", "video/3gpp"),
    ("aac", "audio/aac"),
    ("avi", "video/x-msvideo"),
    ("avif", "image/avif"),
    ("avro", "application/avro"),
    ("bin", DEFAULT),
    ("bmp", "image/bmp"),
    ("bz2", "application/x-bzip2"),
    ("cbor", "application/cbor"),
    ("css", "text/css"),
    ("csv", "text/csv"),
    ("flac", "audio/flac"),
    ("geojson", "application/geo+json"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("h264", "video/h264"),
    ("heic", "image/heic"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript"),
    ("json", "application/json"),
    ("jsonl", "application/x-ndjson"),
    ("log", "text/plain"),
    ("m4a", "audio/mp4"),
    ("md", "text/markdown"),
    ("mjpeg", "video/x-motion-jpeg"),
    ("mkv", "video/x-matroska"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("ndjson", "application/x-ndjson"),
    ("ogg", "audio/ogg"),
    ("opus", "audio/ogg"),
    ("parquet", "application/vnd.apache.parquet"),
    ("pcap", "application/vnd.tcpdump.pcap"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("sqlite", "application/vnd.sqlite3"),
    ("sqlite3", "application/vnd.sqlite3"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("tgz", "application/gzip"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("ts", "video/mp2t"),
    ("tsv", "text/tab-separated-values"),
    ("txt", "text/plain"),
    ("wav", "audio/wav"),
    ("webm", "video/webm"),
    ("webp", "image/webp"),
    ("xml", "application/xml"),
    ("xz", "application/x-xz"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("zip", "application/zip"),
    ("zst", "application/zstd"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_extension_decides() {
        assert_eq!(content_type("latest.jpg"), "image/jpeg");
        assert_eq!(content_type("LATEST.JPG"), "image/jpeg");
        assert_eq!(content_type("a.csv.gz"), "application/gzip");
        assert_eq!(content_type("dir.png/a.zst"), "application/zstd");
    }

    #[test]
    fn no_known_extension_is_octet_stream() {
        for name in ["", "name", "name.", ".csv", "a.unheard", "dir.png/name", "写真"] {
            assert_eq!(content_type(name), DEFAULT, "{name}");
        }
    }

    #[test]
    fn the_table_is_sorted_and_lower_case() {
        assert!(TYPES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(TYPES.iter().all(|(extension, _)| !extension.bytes().any(|byte| byte.is_ascii_uppercase())));
    }
}
