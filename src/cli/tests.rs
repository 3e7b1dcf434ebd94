use super::*;

fn parse_words(words: &[&str]) -> Result<Arguments> {
    parse(std::iter::once("homing").chain(words.iter().copied()))
}

fn command(words: &[&str]) -> Command {
    parse_words(words).unwrap().command
}

fn send(words: &[&str]) -> Send {
    match command(words) {
        Command::Send(send) => send,
        other => panic!("{other:?}"),
    }
}

fn refused(words: &[&str]) -> Error {
    let error = parse_words(words).unwrap_err();
    assert_eq!(error.exit_code(), 64, "{error}");
    error
}

#[test]
fn flags_stand_before_and_behind_the_arguments() {
    let words = ["-v", "--region=x-1", "send", "--json", "a", "--dry-run", "b", "-vv", "--bucket", "c", "--path-style"];
    let arguments = parse_words(&words).unwrap();
    assert_eq!((arguments.json, arguments.verbosity), (true, 3));
    let settings = [(Id::Region, "x-1"), (Id::Bucket, "c"), (Id::PathStyle, "true")];
    assert_eq!(arguments.settings, settings.map(|(id, value)| (id, value.into())));
    let expected = Send {
        files: vec!["a".into(), "b".into()],
        dry_run: true,
        object: ObjectHeaders::default(),
        presign: None,
        queue: None,
    };
    assert_eq!(arguments.command, Command::Send(expected));
}

#[test]
fn two_dashes_end_the_flags() {
    assert_eq!(send(&["send", "--", "--dry-run", "-v"]).files, ["--dry-run", "-v"].map(PathBuf::from));
}

#[test]
fn switches_can_be_turned_off_again() {
    assert!(!send(&["send", "-n", "--dry-run=false", "a"]).dry_run);
    assert_eq!(parse_words(&["send", "a", "--path-style=false"]).unwrap().settings, [(Id::PathStyle, "false".into())]);
    refused(&["send", "a", "--dry-run=maybe"]);
}

#[cfg(unix)]
#[test]
fn file_names_need_not_be_utf8() {
    use std::os::unix::ffi::OsStringExt;
    let odd = OsString::from_vec(b"\xff.jpg".to_vec());
    let Command::Send(send) = parse(["homing".into(), "send".into(), odd.clone()]).unwrap().command else { panic!() };
    assert_eq!(send.files[0].as_os_str(), odd);
    let words: [OsString; 4] = ["homing".into(), "put".into(), odd, "s3://bucket/".into()];
    assert!(parse(words).unwrap_err().message().contains("give the whole key"));
}

#[test]
fn send_needs_files_and_no_standard_input() {
    assert_eq!(refused(&["send"]).code(), "missing_argument");
    assert!(refused(&["send", "-"]).remedy().unwrap().contains("./-"));
    refused(&["send", ""]);
}

#[test]
fn put_completes_the_key_with_the_files_name() {
    for (url, bucket, key) in [
        ("s3://my-bucket/a/b", "my-bucket", "a/b"),
        ("s3://my-bucket", "my-bucket", "f.bin"),
        ("s3://my-bucket/", "my-bucket", "f.bin"),
        ("s3://my-bucket/ä ö/", "my-bucket", "ä ö/f.bin"),
    ] {
        let Command::Put(put) = command(&["put", "dir/f.bin", url]) else { panic!() };
        assert_eq!((put.bucket.as_str(), put.key.as_str()), (bucket, key));
    }
    for words in [
        &["put"][..],
        &["put", "f"],
        &["put", "f", "s3://b/k", "x"],
        &["put", "f", "b/k"],
        &["put", "f", "s3:///k"],
        &["put", "-", "s3://b/k/"],
    ] {
        refused(words);
    }
    assert!(refused(&["put", "f", &format!("s3://b/{}", "k".repeat(1025))]).message().contains("1,024"));
}

#[test]
fn publish_takes_one_source() {
    for (words, message, lines) in [
        (&["publish", "t"][..], Message::Stdin, false),
        (&["publish", "t", "-"], Message::Stdin, false),
        (&["publish", "t", "-f", "-", "-l"], Message::Stdin, true),
        (&["publish", "t", "-m", "-5"], Message::Text(b"-5".to_vec()), false),
        (&["publish", "-m", "", "t"], Message::Text(Vec::new()), false),
        (&["publish", "t", "--file=x", "--lines"], Message::File("x".into()), true),
    ] {
        let expected = Publish { topic: "t".to_owned(), message, lines };
        assert_eq!(command(words), Command::Publish(expected), "{words:?}");
    }
    for words in [
        &["publish"][..],
        &["publish", "t", "u"],
        &["publish", "t", "-m", "x", "-f", "y"],
        &["publish", "t", "-m", "x", "-"],
        &["publish", "t", "-l", "-m", "x"],
        &["publish", "a/+"],
        &["publish", "t", "-f", ""],
    ] {
        refused(words);
    }
    assert_eq!(parse_words(&["publish", "t", "-q", "0"]).unwrap().settings, [(Id::Qos, "0".into())]);
}

#[test]
fn credentials_have_a_format() {
    for (words, format) in [
        (&["credentials"][..], CredentialsFormat::Process),
        (&["credentials", "--format", "env"], CredentialsFormat::Env),
        (&["credentials", "--format=json"], CredentialsFormat::Json),
    ] {
        assert_eq!(command(words), Command::Credentials(format));
    }
    assert!(refused(&["credentials", "--format", "xml"]).message().contains("process, env, json"));
    refused(&["credentials", "x"]);
    let settings = parse_words(&["credentials", "--credentials", "container"]).unwrap().settings;
    assert_eq!(settings, [(Id::Credentials, "container".into())]);
}

#[test]
fn no_cache_is_the_setting_by_another_name_and_comes_last() {
    let settings = |words: &[&str]| parse_words(words).unwrap().settings;
    assert_eq!(settings(&["credentials", "--no-cache"]), [(Id::CredentialCache, "false".into())]);
    assert_eq!(settings(&["send", "a", "--no-cache=false"]), []);
    let both = settings(&["put", "a", "s3://bucket/", "--no-cache", "--credential-cache"]);
    assert_eq!(both.last(), Some(&(Id::CredentialCache, "false".into())));
    refused(&["publish", "t", "--no-cache"]);
    refused(&["credentials", "--no-cache=maybe"]);
}

#[test]
fn an_unknown_flag_or_command_is_answered_with_the_nearest_one_and_the_usage() {
    let error = refused(&["send", "a", "--dry-rnu"]);
    assert_eq!(error.message(), "there is no flag --dry-rnu");
    let remedy = error.remedy().unwrap();
    assert!(remedy.contains("did you mean --dry-run?") && remedy.contains("homing send FILE"), "{remedy}");
    assert!(refused(&["sned", "a"]).remedy().unwrap().contains("homing send"));
    assert_eq!(refused(&["jobs"]).remedy(), Some("homing help"));
    assert!(refused(&["help", "pubish"]).remedy().unwrap().contains("homing publish"));
    assert!(refused(&["send", "-x", "a"]).message().contains("no flag -x"));
    assert!(refused(&["send", "a", "--bucket"]).message().contains("--bucket needs a value: NAME"));
    assert!(refused(&["send", "a", "--verbose=yes"]).message().contains("--verbose"));
}

#[test]
fn a_flag_of_another_command_is_refused_but_settings_are_for_all() {
    assert!(refused(&["credentials", "--dry-run"]).message().contains("--dry-run is no flag of homing credentials"));
    refused(&["publish", "t", "--tag", "a=b"]);
    refused(&["send", "a", "-m", "x"]);
    assert!(parse_words(&["credentials", "--bucket", "b"]).is_ok());
}

#[test]
fn secrets_are_never_accepted_nor_repeated() {
    for words in [
        &["send", "a", "--secret-access-key=hush"][..],
        &["send", "a", "--session-token", "hush"],
        &["--password=hush"],
    ] {
        let error = refused(words);
        assert!(error.remedy().unwrap().contains("never taken as arguments"), "{error}");
        assert!(!error.to_string().contains("hush"), "{error}");
    }
    assert!(refused(&["send", "a", "--no-verify-ssl"]).remedy().unwrap().contains("cannot be turned off"));
    assert!(refused(&["send", "-k", "a"]).remedy().unwrap().contains("cannot be turned off"));
}

#[test]
fn object_headers_are_checked() {
    let words = [
        "send",
        "a",
        "--content-type",
        "text/plain; charset=utf-8",
        "--metadata",
        "Camera-Id=7 a",
        "--metadata=x==",
        "--storage-class",
        "STANDARD_IA",
        "--tag",
        "kind=ä b",
        "--tag",
        "empty=",
        "--sse",
        "aws:kms",
        "--sse-kms-key-id",
        "alias/x",
        "--if-none-match",
    ];
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let expected = ObjectHeaders {
        content_type: Some("text/plain; charset=utf-8".to_owned()),
        metadata: vec![pair("camera-id", "7 a"), pair("x", "=")],
        storage_class: Some("STANDARD_IA"),
        tags: vec![pair("kind", "ä b"), pair("empty", "")],
        sse: Some("aws:kms"),
        sse_kms_key_id: Some("alias/x".to_owned()),
        if_none_match: true,
    };
    assert_eq!(send(&words).object, expected);
}

#[test]
fn wrong_object_headers_are_refused_with_the_reason() {
    let long = format!("k={}", "v".repeat(2048));
    for (flag, value, why) in [
        ("--content-type", "jpeg", "media type"),
        ("--content-type", "a/b\r\nx: y", "media type"),
        ("--metadata", "novalue", "KEY=VALUE"),
        ("--metadata", "a b=c", "metadata name"),
        ("--metadata", "=c", "metadata name"),
        ("--metadata", "a=ü", "printable ASCII"),
        ("--metadata", &long, "2048"),
        ("--storage-class", "COLD", "GLACIER_IR"),
        ("--tag", "novalue", "KEY=VALUE"),
        ("--tag", "=v", "1 to 128"),
        ("--tag", "aws:x=v", "reserved"),
        ("--tag", "a=b;c", "cannot have"),
        ("--sse", "aes256", "AES256, aws:kms"),
        ("--sse-kms-key-id", "alias/x", "needs --sse"),
    ] {
        let error = refused(&["send", "a", flag, value]);
        assert!(error.message().contains(why), "{flag} {value}: {error}");
    }
    assert!(refused(&["send", "a", "--metadata", "A=1", "--metadata", "a=2"]).message().contains("twice"));
    let mut words = vec!["send".to_owned(), "a".to_owned()];
    words.extend((0..11).map(|number| format!("--tag=k{number}=v")));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    assert!(refused(&words).message().contains("11 tags"));
    assert_eq!(send(&words[..12]).object.tags.len(), 10);
}

#[test]
fn help_and_version_are_given_wherever_they_are_asked_for() {
    let overview = Command::Help(help::overview());
    for words in [&[][..], &["help"], &["--help"], &["-h"], &["-v"]] {
        assert_eq!(command(words), overview, "{words:?}");
    }
    for words in [&["help", "send"][..], &["send", "--help"], &["--help", "send"], &["send", "-h", "a", "--tag", "x"]] {
        let Command::Help(text) = command(words) else { panic!() };
        assert!(text.starts_with("homing send: "), "{words:?}");
    }
    assert_eq!(command(&["--version"]), Command::Version);
    assert_eq!(command(&["-V"]), Command::Version);
}

#[test]
fn help_texts_fit_80_columns_and_name_every_option_of_the_command() {
    for line in help::overview().lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    for about in commands::COMMANDS {
        let text = help::command(about);
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        for option in OPTIONS.iter().filter(|option| !option.flag.is_empty()) {
            let is_listed =
                text.contains(&format!("--{}\n", option.flag)) || text.contains(&format!("--{} ", option.flag));
            if option.commands.intersects(about.commands) {
                assert!(is_listed, "{} lacks --{}", about.name, option.flag);
            }
        }
        for (id, help) in about.options {
            assert!(id.option().commands.intersects(about.commands), "{} has no {id:?}", about.name);
            assert!(!help.contains('\n') && !help.ends_with('.') && *help != id.option().help, "{help}");
        }
    }
}

#[test]
fn every_example_of_the_help_texts_is_understood() {
    for example in commands::COMMANDS.iter().flat_map(|about| about.examples) {
        // Alone, or the first or last of a pipe.
        let Some(line) = example.split(" | ").find_map(|part| part.split("homing ").nth(1)) else { continue };
        let line = line.trim_end_matches(")\"").replace(['\'', '"'], "");
        // git adds the operation itself.
        let line = if line.starts_with("git-credential ") { line + " get" } else { line };
        parse_words(&line.split(' ').collect::<Vec<_>>()).unwrap_or_else(|error| panic!("{example}: {error}"));
    }
}

#[test]
fn commands_that_do_not_exist_are_not_listed() {
    let overview = help::overview();
    for name in ["jobs", "shadow"] {
        assert!(!overview.contains(&format!("\n  {name}")), "{name}");
    }
}

#[test]
fn a_command_to_run_has_its_own_flags() {
    for words in [
        &["exec", "--aws", "--secret", "A=id:key", "--git", "me@GitHub.com=id", "--", "pip3", "-U", "--", "--aws"][..],
        &["exec", "--aws", "--secret=A=id:key", "--git", "me@github.com=id", "pip3", "-U", "--", "--aws"],
    ] {
        let Command::Exec(exec) = command(words) else { panic!() };
        assert_eq!((exec.program, exec.arguments), ("pip3".into(), ["-U", "--", "--aws"].map(OsString::from).to_vec()));
        assert!(exec.aws && exec.secrets.len() == 1);
        let [GitSecret { host, secret }] = &exec.git[..] else { panic!() };
        assert_eq!((host.user.as_deref(), &*host.host, &*secret.id), (Some("me"), "github.com", "id"));
    }
    for (words, code) in [
        (&["exec", "true"][..], "nothing_to_give"),
        (&["exec", "--aws"], "missing_argument"),
        (&["exec", "--secret", "A", "true"], "invalid_value"),
        (&["exec", "--secret", "1A=id", "true"], "invalid_variable"),
        (&["exec", "--secret", "A=i d", "true"], "invalid_secret"),
        (&["exec", "--secret", "A=a", "--secret", "A=b", "true"], "conflict"),
        (&["exec", "--git", "https://github.com=id", "true"], "invalid_value"),
        (&["exec", "--git", "a=id", "--git", "me@A=id", "true"], "conflict"),
        (&["git-credential", "get"], "missing_argument"),
        (&["git-credential", "--git", "a=b", "--git-variable", "a=B", "get"], "conflict"),
        (&["git-credential", "--git", "a=b"], "wrong_arguments"),
        (&["secret"], "missing_argument"),
        (&["secret", "GithubToken"], "unknown_command"),
        (&["secret", "get", "a:b"], "invalid_secret"),
    ] {
        assert_eq!(refused(words).code(), code, "{words:?}");
    }
}

#[test]
fn the_endpoint_url_is_that_of_the_service_that_is_called() {
    for words in [&["secret", "get", "a"][..], &["exec", "--aws", "--secret", "A=a", "true"]] {
        let words = [&["--endpoint-url", "vpce.example"], words].concat();
        assert_eq!(parse_words(&words).unwrap().settings[0].0, Id::EndpointSecretsmanager);
    }
}

#[test]
fn the_name_of_the_program_may_be_the_command() {
    for name in ["docker-credential-homing", "/usr/local/bin/docker-credential-homing", "./docker-credential-homing"] {
        for (word, action) in [
            ("get", DockerAction::Get),
            ("list", DockerAction::List),
            ("store", DockerAction::Store),
            ("erase", DockerAction::Erase),
            ("version", DockerAction::Version),
        ] {
            let expected = Command::DockerCredential(action);
            assert_eq!(parse([name, word]).unwrap().command, expected);
            assert_eq!(command(&["docker-credential", word]), expected);
        }
        assert_eq!(parse([name, "forget"]).unwrap_err().code(), "unknown_action");
        assert_eq!(parse([name]).unwrap_err().code(), "wrong_arguments");
    }
    assert_eq!(parse(["docker-credential-homing.old", "erase"]).unwrap_err().code(), "unknown_command");
    assert_eq!(command(&["ecr", "password"]), Command::EcrPassword { public: false });
    assert_eq!(command(&["ecr", "password", "--public"]), Command::EcrPassword { public: true });
    refused(&["ecr"]);
    refused(&["ecr", "login"]);
}

#[test]
fn an_item_comes_from_one_place() {
    use crate::protocol::dynamodb_json::Form;
    let item = |words: &[&str]| match command(&[&["dynamodb", "put-item", "readings"], words].concat()) {
        Command::PutItem(command) => command,
        other => panic!("{other:?}"),
    };
    assert_eq!(item(&[]).item, Message::Stdin);
    assert_eq!(item(&["-"]).item, Message::Stdin);
    assert_eq!(item(&["-f", "-"]).item, Message::Stdin);
    assert_eq!(item(&["-f", "a"]).item, Message::File("a".into()));
    let given = item(&["--plain", "--item", "{}", "--condition", "a = :a", "--values", "{\":a\":1}"]);
    assert_eq!((given.item, given.form, given.lines), (Message::Text(b"{}".to_vec()), Form::Plain, false));
    let condition = Condition { expression: "a = :a".into(), names: None, values: Some("{\":a\":1}".into()) };
    assert_eq!(given.condition, Some(condition));
    assert_eq!((item(&["--lines"]).lines, item(&["--lines"]).form), (true, Form::Typed));
    for words in [
        &["dynamodb"][..],
        &["dynamodb", "put-item"],
        &["dynamodb", "get-item", "a"],
        &["dynamodb", "put-item", "a", "b"],
        &["dynamodb", "put-item", "a\"b"],
        &["dynamodb", "put-item", ""],
        &["dynamodb", "put-item", "a", "--item", "{}", "-f", "b"],
        &["dynamodb", "put-item", "a", "--item", "{}", "-"],
        &["dynamodb", "put-item", "a", "--item", "{}", "--lines"],
        &["dynamodb", "put-item", "a", "--lines", "--condition", "x"],
        &["dynamodb", "put-item", "a", "--values", "{}"],
        &["dynamodb", "put-item", "a", "--condition", " "],
        &["dynamodb", "put-item", "a", "-f", ""],
    ] {
        refused(words);
    }
}
