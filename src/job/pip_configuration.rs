//! Where pip has its settings (pip's documentation, "Configuration", "Location" and "Configuration file format").

use super::configparser::Document;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// pip's configuration files, of which a later one counts before an earlier one; not all need exist. Those of a virtual
/// environment, which only its own pip knows, are not among them. `variable` is homing's environment.
pub fn files(variable: impl Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let named = variable(FILE);
    if named.as_deref() == Some("/dev/null") {
        return Vec::new();
    }
    let folders = variable("XDG_CONFIG_DIRS").unwrap_or_else(|| "/etc/xdg".to_owned());
    let mut files: Vec<PathBuf> =
        folders.split(':').filter(|folder| !folder.is_empty()).map(|folder| PathBuf::from(folder).join(NAME)).collect();
    files.push("/etc/pip.conf".into());
    let home = variable("HOME").map(PathBuf::from);
    files.extend(home.as_ref().map(|home| home.join(".pip/pip.conf")));
    let own = variable("XDG_CONFIG_HOME").map(PathBuf::from).or_else(|| home.map(|home| home.join(".config")));
    files.extend(own.map(|folder| folder.join(NAME)));
    files.extend(named.map(PathBuf::from));
    files
}

/// The value that pip would take of an option, in one of these sections: the first section that has it, in the last
/// file that has it there. With the file.
pub fn find(files: &[PathBuf], sections: &[&str], option: &str) -> Option<(Zeroizing<String>, PathBuf)> {
    let in_file = |file: &PathBuf, section: &str| {
        let text = Zeroizing::new(std::fs::read_to_string(file).ok()?);
        let value = Document::parse(&text).value(section, option);
        Some((value.filter(|value| !value.trim().is_empty())?, file.clone()))
    };
    sections.iter().find_map(|section| files.iter().rev().find_map(|file| in_file(file, section)))
}

/// The variable that names a file.
const FILE: &str = "PIP_CONFIG_FILE";
const NAME: &str = "pip/pip.conf";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_pip_s_in_its_order() {
        let with = |variables: &[(&str, &str)]| {
            let found =
                files(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()));
            found.iter().map(|file| file.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(
            with(&[("HOME", "/h"), ("PIP_CONFIG_FILE", "/n")]),
            ["/etc/xdg/pip/pip.conf", "/etc/pip.conf", "/h/.pip/pip.conf", "/h/.config/pip/pip.conf", "/n"]
        );
        assert_eq!(
            with(&[("XDG_CONFIG_HOME", "/x"), ("XDG_CONFIG_DIRS", "/a:/b")]),
            ["/a/pip/pip.conf", "/b/pip/pip.conf", "/etc/pip.conf", "/x/pip/pip.conf"]
        );
        assert_eq!(with(&[("HOME", "/h"), ("PIP_CONFIG_FILE", "/dev/null")]), [""; 0]);
    }

    #[test]
    fn the_section_of_the_command_counts_before_the_global_one() {
        let folder = std::env::temp_dir().join(format!("homing-pip-configuration-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let files = ["a", "b", "absent"].map(|name| folder.join(name));
        let value = |files: &[PathBuf]| {
            find(files, &["install", "global"], "extra-index-url").map(|(value, _)| value.as_str().to_owned())
        };
        std::fs::write(&files[0], "[install]\nextra_index_url = https://a/\n[global]\nextra-index-url =\n").unwrap();
        std::fs::write(&files[1], "[global]\nExtra-Index-URL = https://b/\n  https://c/\n").unwrap();
        assert_eq!(value(&files).as_deref(), Some("https://a/"));
        assert_eq!(value(&files[1..]).as_deref(), Some("https://b/\nhttps://c/"));
        assert_eq!(value(&files[2..]), None);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
