//! The installer puts the files where man and the shells look, and takes them away again.

use crate::share;
use crate::support::directory::Directory;
use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn the_installer_puts_them_in_place_and_takes_them_away() {
    for (prefix, zsh) in [("/usr/local", "site-functions"), ("/usr", "vendor-completions")] {
        let root = Directory::new("share");
        let binary = root.write("homing-of-a-board", "");
        let install = |arguments: &[&str]| {
            let output = Command::new("sh")
                .arg(share().parent().unwrap().join("install.sh"))
                .args(["--no-cron", "--prefix", prefix, "--root"])
                .arg(root.path())
                .args(arguments)
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        let places = [
            ("homing.1", "man/man1/homing.1".to_owned()),
            ("homing.bash", "bash-completion/completions/homing".to_owned()),
            ("_homing", format!("zsh/{zsh}/_homing")),
            ("homing.fish", "fish/vendor_completions.d/homing.fish".to_owned()),
        ];
        let at = |place: &str| root.path().join(&prefix[1..]).join("share").join(Path::new(place));
        // Twice: the second run replaces them.
        install(&["--binary", binary.to_str().unwrap()]);
        install(&["--binary", binary.to_str().unwrap()]);
        for (name, place) in &places {
            assert_eq!(fs::read(at(place)).unwrap(), fs::read(share().join(name)).unwrap(), "{place}");
        }
        install(&["--uninstall"]);
        assert!(places.iter().all(|(_, place)| !at(place).exists()));
    }
}
