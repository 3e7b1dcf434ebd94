//! `--token-file`: made when it is not there, for its owner only, and checked when it is.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::serving::{Serving, fixed_keys};
use crate::support::directory::Directory;

const TOKEN: &str = "a-token-of-the-user's-own";

#[test]
fn a_token_is_made_once_for_its_owner_only() {
    let directory = Directory::new("token");
    let file = directory.join("token");
    let serving = Serving::with_fixed_keys(&["--token-file", file.to_str().unwrap()]);
    let token = serving.token().to_owned();
    assert_eq!(fs::read_to_string(&file).unwrap(), token, "SDKs send the file as it is: no line's end");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(serving.fetch().status, 200);
    drop(serving);
    assert_eq!(Serving::with_fixed_keys(&["--token-file", file.to_str().unwrap()]).token(), token);
}

#[test]
fn a_token_of_the_users_own_counts() {
    let directory = Directory::new("token");
    let file = directory.write_private("token", format!("{TOKEN}\n"));
    let serving = Serving::with_fixed_keys(&["--token-file", file.to_str().unwrap(), "-v"]);
    assert_eq!(serving.token(), TOKEN);
    assert_eq!(serving.fetch().status, 200);
    assert!(!serving.log().contains("read by others"), "{}", serving.log());
}

#[test]
fn a_token_that_others_can_read_is_warned_about_or_refused() {
    let directory = Directory::new("token");
    let file = directory.write_private("token", TOKEN);
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    let file = file.to_str().unwrap();

    let serving = Serving::with_fixed_keys(&["--token-file", file, "-v"]);
    assert!(serving.log().contains("can be read by others (mode 0640)"), "{}", serving.log());

    let output = fixed_keys().args(["serve", "--strict", "--token-file", file]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("can be read by others") && said.contains("chmod 600"), "{said}");
    assert!(!said.contains(TOKEN), "{said}");
}

#[test]
fn what_is_no_token_is_refused_and_not_shown() {
    let directory = Directory::new("token");
    let long = "x".repeat(2000);
    for content in ["", "\n", "short", "two words in a token", "two\nlines-in-the-token", "token-with-an-é", &long] {
        let file = directory.write_private("token", content);
        let output = fixed_keys().args(["serve", "--token-file"]).arg(&file).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(78), "{content:?}: {said}");
        assert!(said.contains("holds no token") && said.contains("--token-file"), "{said}");
        assert!(content.trim().is_empty() || !said.contains(content.trim()), "{said}");
    }
    let nowhere = directory.join("nowhere/token");
    let output = fixed_keys().args(["serve", "--token-file"]).arg(nowhere).output().unwrap();
    assert_eq!(output.status.code(), Some(73), "{output:?}");
    let output = fixed_keys().args(["serve", "--token-file"]).arg(directory.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(78), "{output:?}");
}
