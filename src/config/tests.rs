use std::ffi::OsString;
use std::path::Path;

use super::limits::INLINE_LIMIT_MAXIMUM;
use super::*;

/// Settings from flags, variables and the JSON text; no file.
fn load_from(flags: &[(Id, &str)], variables: &[(&str, &str)], json: &str) -> Result<Config> {
    let mut flags: Vec<(Id, OsString)> = flags.iter().map(|(id, value)| (*id, (*value).into())).collect();
    if !json.is_empty() {
        flags.push((Id::ConfigJson, json.into()));
    }
    let environment = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
    Config::from_sources(&Sources { flags: &flags, environment: &environment, default_file: Path::new("/nonexistent") })
}

fn load(json: &str) -> Result<Config> {
    load_from(&[], &[], json)
}

/// The error of one flag's value.
fn refused(id: Id, value: &str) -> Error {
    let error = load_from(&[(id, value)], &[], "").unwrap_err();
    assert_eq!(error.fault(), Fault::Config);
    assert!(error.message().starts_with(&format!("--{}: ", id.option().flag)), "{error}");
    error
}

#[test]
fn the_documented_configuration_is_taken_whole() {
    let config = load(DOCUMENTED).unwrap();
    assert_eq!(config.region().unwrap(), "ap-northeast-1");
    assert_eq!(config.certificate().unwrap(), Path::new("/etc/homing/device.pem.crt"));
    assert_eq!(config.client_id().unwrap(), "example-thing-homing");
    assert_eq!(config.endpoint_url.as_ref().unwrap().host, "s3.example.com");
    assert_eq!((config.mqtt_port(), config.https_port()), (8883, 8443));
    assert_eq!((config.inline_limit, config.chunk_size, config.payload), (51_200, 65_536, PayloadMode::Signed));
    assert!(config.warnings.is_empty());
}

#[test]
fn nothing_set_means_the_defaults() {
    let config = load("").unwrap();
    assert_eq!((config.key.as_str(), config.topic.as_str()), ("{thing}/{name}", "file/upload"));
    assert_eq!((config.via, config.qos, config.path_style), (Via::Mqtt, Qos::AtLeastOnce, false));
    assert_eq!((config.timeout, config.connect_timeout), (None, Duration::from_secs(30)));
    assert_eq!(*config.origin(Id::Topic), Origin::Default);
}

#[test]
fn flag_before_variable_before_aws_variable_before_file() {
    let json = r#"{"region":"json-1"}"#;
    let all = [("HOMING_REGION", "homing-1"), ("AWS_REGION", "aws-1"), ("AWS_DEFAULT_REGION", "aws-2")];
    let flag = [(Id::Region, "flag-0"), (Id::Region, "flag-1")];
    for (flags, variables, region, origin) in [
        (&flag[..], &all[..], "flag-1", "--region"),
        (&[], &all[..], "homing-1", "variable HOMING_REGION"),
        (&[], &all[1..], "aws-1", "variable AWS_REGION"),
        (&[], &all[2..], "aws-2", "variable AWS_DEFAULT_REGION"),
        (&[], &[("AWS_REGION", "")], "json-1", "--config-json, line 1, key \"region\""),
    ] {
        let config = load_from(flags, variables, json).unwrap();
        assert_eq!(config.region().unwrap(), region);
        assert_eq!(config.origin(Id::Region).to_string(), origin);
    }
}

#[test]
fn aws_variables_are_honoured() {
    let variables = [("AWS_IOT_THING_NAME", "t"), ("AWS_ENDPOINT_URL", "https://a"), ("AWS_CA_BUNDLE", "/ca.pem")];
    let config = load_from(&[], &variables, "").unwrap();
    assert_eq!(config.thing_name().unwrap(), "t");
    assert_eq!(config.endpoint_url.unwrap().host, "a");
    assert_eq!(config.ca_file.unwrap(), Path::new("/ca.pem"));
    let config = load_from(&[], &variables, r#"{"ca_file":"/own.pem"}"#).unwrap();
    assert_eq!(config.ca_file.as_deref(), Some("/own.pem".as_ref()), "AWS_CA_BUNDLE is for what names none");
    let variables = [("AWS_ENDPOINT_URL", "https://a"), ("AWS_ENDPOINT_URL_S3", "https://b")];
    assert_eq!(load_from(&[], &variables, "").unwrap().endpoint_url.unwrap().host, "b");
    let variables = [("AWS_ENDPOINT_URL", "https://a"), ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "TRUE")];
    assert_eq!(load_from(&[], &variables, "").unwrap().endpoint_url, None);
}

#[test]
fn a_missing_value_names_every_way_to_set_it() {
    let error = load("").unwrap().role_alias().unwrap_err();
    assert_eq!((error.fault(), error.code()), (Fault::Config, "missing_setting"));
    assert_eq!(
        error.remedy().unwrap(),
        "set it with --role-alias, HOMING_ROLE_ALIAS, or the key \"role_alias\" in /nonexistent"
    );
}

#[test]
fn all_missing_values_are_named_at_once() {
    let config = load(r#"{"bucket":"my-bucket"}"#).unwrap();
    let error = config.require(&[Id::Region, Id::Bucket, Id::Topic, Id::RoleAlias]).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("2 mistakes") && text.contains("region is not set") && text.contains("role_alias is not set"),
        "{text}"
    );
    assert!(config.require(&[Id::Bucket, Id::Topic]).is_ok());
    assert_eq!(config.require(&[Id::Region]).unwrap_err().code(), "missing_setting");
}

#[test]
fn all_mistakes_are_reported_at_once_each_with_its_origin() {
    let json = "{\n\"bukcet\":\"x\",\n\"chunk_size\":1,\n\"path_style\":7}";
    let error = load_from(&[(Id::Via, "post")], &[("HOMING_QOS", "2")], json).unwrap_err();
    let text = error.to_string();
    for part in [
        "5 mistakes in the configuration:",
        "--config-json, line 2, key \"bukcet\": there is no such setting\n    try: did you mean \"bucket\"?",
        "--config-json, line 3, key \"chunk_size\": \"1\" is out of range: 8192 to 1048576 bytes",
        "--config-json, line 4, key \"path_style\": expected true or false, found a number",
        "--via: \"post\" is none of mqtt, https",
        "variable HOMING_QOS: \"2\" is out of range: 0 to 1",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn inline_limit_is_refused_where_the_message_could_be_too_large() {
    assert_eq!(load_from(&[(Id::InlineLimit, "0")], &[], "").unwrap().inline_limit, 0);
    let most = INLINE_LIMIT_MAXIMUM.to_string();
    assert_eq!(load_from(&[(Id::InlineLimit, &most)], &[], "").unwrap().inline_limit, INLINE_LIMIT_MAXIMUM);
    let error = refused(Id::InlineLimit, &(INLINE_LIMIT_MAXIMUM + 1).to_string());
    assert!(error.message().contains("131072"), "{error}");
    refused(Id::InlineLimit, "-1");
    refused(Id::InlineLimit, "+1");
    refused(Id::InlineLimit, "50K");
}

#[test]
fn numbers_keep_to_their_range() {
    for (id, value) in [
        (Id::ChunkSize, "8191"),
        (Id::ChunkSize, "1048577"),
        (Id::MqttPort, "0"),
        (Id::HttpsPort, "65536"),
        (Id::KeepAlive, "1201"),
        (Id::ConnectTimeout, "0"),
        (Id::Qos, "2"),
        (Id::Timeout, "99999999999999999999"),
    ] {
        refused(id, value);
    }
}

#[test]
fn the_wrong_iot_endpoint_is_recognised_by_its_name() {
    let error = refused(Id::CredentialEndpoint, "a2x-ats.iot.eu-west-1.amazonaws.com");
    assert!(error.message().contains("looks like the data endpoint"), "{error}");
    assert!(error.remedy().unwrap().contains("aws iot describe-endpoint --endpoint-type iot:CredentialProvider"));
    refused(Id::CredentialEndpoint, "a2x.ats.iot.cn-north-1.amazonaws.com.cn");
    let error = refused(Id::DataEndpoint, "c2x.credentials.iot.eu-west-1.amazonaws.com");
    assert!(error.remedy().unwrap().ends_with("iot:Data-ATS"));
    assert!(load_from(&[(Id::CredentialEndpoint, "provider.example.com:8443")], &[], "").is_ok());
}

#[test]
fn the_legacy_data_endpoint_is_a_warning_and_with_strict_an_error() {
    let legacy = (Id::DataEndpoint, "a2x.iot.eu-west-1.amazonaws.com");
    let config = load_from(&[legacy], &[], "").unwrap();
    assert!(config.warnings[0].contains("legacy") && config.warnings[0].starts_with("--data-endpoint"));
    assert_eq!(load_from(&[legacy, (Id::Strict, "true")], &[], "").unwrap_err().code(), "strict");
}

#[test]
fn the_region_is_read_from_an_iot_endpoint_when_nothing_sets_it() {
    let endpoint = (Id::CredentialEndpoint, "c2x.credentials.iot.eu-west-1.amazonaws.com");
    let config = load_from(&[endpoint], &[], "").unwrap();
    assert_eq!(config.region().unwrap(), "eu-west-1");
    assert_eq!(config.origin(Id::Region).to_string(), "taken from credential_endpoint");
    assert!(config.require(&[Id::Region]).is_ok());
    let config = load_from(&[endpoint, (Id::Region, "us-east-1")], &[], "").unwrap();
    assert_eq!(config.region().unwrap(), "us-east-1");
}

#[test]
fn plain_http_is_refused_and_passwords_are_not_repeated() {
    assert!(refused(Id::EndpointUrl, "http://minio:9000").message().contains("TLS only"));
    let error = refused(Id::EndpointUrl, "https://user:hush@minio");
    assert!(!error.to_string().contains("hush"), "{error}");
}

#[test]
fn the_client_id_is_not_the_bare_thing_name() {
    let thing = |length: usize| "t".repeat(length);
    let config = load_from(&[(Id::ThingName, &thing(57))], &[], "").unwrap();
    assert_eq!(config.client_id().unwrap(), thing(57) + "-homing");
    let error = load_from(&[(Id::ThingName, &thing(58))], &[], "").unwrap().client_id().unwrap_err();
    assert!(error.message().contains("65 bytes") && error.remedy().unwrap().contains("--client-id"), "{error}");
    assert!(load("").unwrap().client_id().unwrap_err().message().starts_with("thing_name is not set"));
    assert!(refused(Id::ClientId, &thing(65)).message().contains("holds 64"));
}

#[test]
fn a_checksum_asks_for_a_trailer_and_a_trailer_for_a_checksum() {
    for (payload, checksum, expected) in [
        ("signed", "none", PayloadMode::Signed),
        ("signed", "sha256", PayloadMode::SignedTrailer(ChecksumAlgorithm::Sha256)),
        ("signed-trailer", "none", PayloadMode::SignedTrailer(ChecksumAlgorithm::Crc32)),
        ("unsigned-trailer", "none", PayloadMode::UnsignedTrailer(ChecksumAlgorithm::Crc32)),
        ("unsigned-trailer", "crc64nvme", PayloadMode::UnsignedTrailer(ChecksumAlgorithm::Crc64Nvme)),
    ] {
        let config = load_from(&[(Id::Payload, payload), (Id::Checksum, checksum)], &[], "").unwrap();
        assert_eq!(config.payload, expected);
    }
    refused(Id::Checksum, "md5");
}

#[test]
fn credentials_are_kept_unless_somebody_says_otherwise() {
    assert!(load("{}").unwrap().credential_cache);
    assert!(!load(r#"{"credential_cache":false}"#).unwrap().credential_cache);
    assert!(
        load_from(&[(Id::CredentialCache, "true")], &[("HOMING_CREDENTIAL_CACHE", "0")], "{}")
            .unwrap()
            .credential_cache
    );
    assert_eq!(load("{}").unwrap().min_ttl, None);
    assert_eq!(load(r#"{"min_ttl":43200}"#).unwrap().min_ttl, Some(43_200));
    refused(Id::MinTtl, "43201");
    refused(Id::CredentialCache, "perhaps");
}

#[test]
fn ports_come_from_the_setting_then_the_endpoint() {
    let endpoint = (Id::DataEndpoint, "localhost:443");
    let config = load_from(&[endpoint], &[], "").unwrap();
    assert_eq!((config.mqtt_port(), config.https_port()), (443, 443));
    let config = load_from(&[endpoint, (Id::MqttPort, "1883")], &[], "").unwrap();
    assert_eq!((config.mqtt_port(), config.https_port()), (1883, 443));
}

#[test]
fn ca_replace_needs_a_ca_file() {
    let error = load_from(&[], &[("HOMING_CA_REPLACE", "true")], "").unwrap_err();
    assert!(error.message().starts_with("variable HOMING_CA_REPLACE") && error.remedy().unwrap().contains("--ca-file"));
    assert!(load(r#"{"ca_replace":true,"ca_file":"x"}"#).unwrap().ca_replace);
}

#[test]
fn bucket_rules_depend_on_the_store() {
    refused(Id::Bucket, "My_Bucket");
    let other_store = [(Id::Bucket, "My_Bucket"), (Id::EndpointUrl, "https://minio:9000")];
    assert!(load_from(&other_store, &[], "").is_ok());
}

#[test]
fn empty_and_odd_values_are_refused_readably() {
    assert_eq!(refused(Id::Bucket, "").code(), "empty");
    assert_eq!(refused(Id::Certificate, "").code(), "empty");
    assert!(refused(Id::ThingName, "a\x1b[2J").message().contains("\\u{1b}"));
    assert!(refused(Id::Region, &"x".repeat(5000)).message().len() < 200);
}

#[cfg(unix)]
#[test]
fn file_names_need_not_be_utf8_but_other_values_must() {
    use std::os::unix::ffi::OsStringExt;
    let odd = OsString::from_vec(b"/\xff.pem".to_vec());
    let environment = |_: &str| None;
    let load = |id| {
        let flags = [(id, odd.clone())];
        Config::from_sources(&Sources {
            flags: &flags,
            environment: &environment,
            default_file: Path::new("/nonexistent"),
        })
    };
    assert_eq!(load(Id::Certificate).unwrap().certificate.unwrap().as_os_str(), odd);
    assert_eq!(load(Id::Topic).unwrap_err().code(), "not_utf8");
}

#[test]
fn files_are_read_and_their_faults_named() {
    let folder = std::env::temp_dir().join(format!("homing-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("config.json");
    let load = |default: &Path, named: Option<&Path>| {
        let flags: Vec<(Id, OsString)> = named.iter().map(|path| (Id::Config, path.as_os_str().into())).collect();
        Config::from_sources(&Sources { flags: &flags, environment: &|_| None, default_file: default })
    };
    std::fs::write(&file, "\u{feff}{\"thing_name\":\"x\"}").unwrap();
    assert_eq!(load(&file, None).unwrap().thing_name().unwrap(), "x");
    assert_eq!(load(Path::new("/nonexistent"), Some(&file)).unwrap().thing_name().unwrap(), "x");
    for (bytes, code) in [
        (&b"{\"thing_name\":\"\xff\"}"[..], "not_utf8"),
        (&[b' '; 70_000], "config_too_large"),
        (b"", "malformed_json"),
    ] {
        std::fs::write(&file, bytes).unwrap();
        let error = load(&file, None).unwrap_err();
        assert_eq!(error.code(), code);
        assert!(error.message().starts_with(&file.display().to_string()), "{error}");
    }
    std::fs::remove_file(&file).unwrap();
    assert!(load(&file, None).is_ok());
    let error = load(&file, Some(&file)).unwrap_err();
    assert!(error.code() == "config_unreadable" && error.message().contains("(--config)"), "{error}");
    assert_eq!(load(&folder, None).unwrap_err().code(), "config_unreadable");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn one_document_only_and_a_flag_before_a_variable() {
    let both = [(Id::Config, "/nonexistent"), (Id::ConfigJson, "{}")];
    assert_eq!(load_from(&both, &[], "").unwrap_err().code(), "conflict");
    assert!(load_from(&[], &[("HOMING_CONFIG", "/nonexistent")], "{}").is_ok());
    assert_eq!(load_from(&[], &[("HOMING_CONFIG", "/nonexistent")], "").unwrap_err().code(), "config_unreadable");
    let config = load_from(&[], &[("HOMING_CONFIG_JSON", r#"{"region":"x-1"}"#)], "").unwrap();
    assert_eq!(config.origin(Id::Region).to_string(), "variable HOMING_CONFIG_JSON, line 1, key \"region\"");
}

/// DESIGN.md's example with real endpoints in it.
const DOCUMENTED: &str = r#"{
  "region": "ap-northeast-1",
  "thing_name": "example-thing",
  "certificate": "/etc/homing/device.pem.crt",
  "private_key": "/etc/homing/private.pem.key",
  "ca_file": "/etc/homing/extra-ca.pem",
  "credential_endpoint": "c2xxxx.credentials.iot.ap-northeast-1.amazonaws.com",
  "data_endpoint": "a2xxxx-ats.iot.ap-northeast-1.amazonaws.com",
  "role_alias": "device-iot-role-alias",
  "bucket": "my-bucket",
  "key": "{thing}/{name}",
  "topic": "file/upload",
  "inline_limit": 51200,
  "via": "mqtt",
  "client_id": "example-thing-homing",
  "payload": "signed",
  "checksum": "none",
  "chunk_size": 65536,
  "path_style": false,
  "endpoints": { "s3": "https://s3.example.com", "secretsmanager": "https://s.example.com", "dynamodb": "https://d.example.com", "ecr": "https://e.example.com", "codeartifact": "https://c.example.com" },
  "queue": { "dir": "/var/lib/homing/queue", "max_bytes": 1073741824, "max_age": 604800 }
}"#;
