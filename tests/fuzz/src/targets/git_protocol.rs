//! What git hands to `homing git-credential`: an answer only for the host that was meant, over TLS only, and the answer
//! is one line.

use homing::cli::GitHost;
use homing::job::git_credential::Wanted;

pub fn run(data: &[u8]) {
    let Ok(input) = std::str::from_utf8(data) else { return };
    let wanted = Wanted::read(input);
    for user in [None, Some("octocat".to_owned())] {
        let host = GitHost { user, host: "git.example.com:8443".to_owned() };
        let Some(answered) = wanted.user(&host) else { continue };
        assert!(!answered.contains('\n'));
        let lines = || input.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
        assert!(lines().any(|line| line == "protocol=https"), "{input:?}");
        assert!(lines().any(|line| line.eq_ignore_ascii_case("host=git.example.com:8443")), "{input:?}");
        if host.user.is_some() {
            assert_eq!(answered, "octocat");
        }
    }
}
