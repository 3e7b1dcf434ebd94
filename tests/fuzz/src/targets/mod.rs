//! The fuzz targets by name. A new one is a file here, a line in [`ALL`] and a folder of seeds.

mod certificates;
mod chunk_framer;
mod configparser;
mod configuration;
mod container_uri;
mod credentials;
mod dates;
mod docker_protocol;
mod dynamodb_json;
mod git_protocol;
mod http_request;
mod json;
mod mqtt;
mod multipart_state;
mod queue_metadata;
mod s3_reply;
mod secret_field;
mod service_reply;
mod template;
mod xml;
mod yaml;

/// Every target; its seeds are in `seeds/NAME`, its dictionary, where it has one, is `dictionaries/NAME`.
pub const ALL: &[(&str, fn(&[u8]))] = &[
    ("certificates", certificates::run),
    ("chunk_framer", chunk_framer::run),
    ("configparser", configparser::run),
    ("configuration", configuration::run),
    ("container_uri", container_uri::run),
    ("credentials", credentials::run),
    ("dates", dates::run),
    ("docker_protocol", docker_protocol::run),
    ("dynamodb_json", dynamodb_json::run),
    ("git_protocol", git_protocol::run),
    ("http_request", http_request::run),
    ("json", json::run),
    ("mqtt", mqtt::run),
    ("multipart_state", multipart_state::run),
    ("queue_metadata", queue_metadata::run),
    ("s3_reply", s3_reply::run),
    ("secret_field", secret_field::run),
    ("service_reply", service_reply::run),
    ("template", template::run),
    ("xml", xml::run),
    ("yaml", yaml::run),
];
