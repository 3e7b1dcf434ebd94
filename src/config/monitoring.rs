//! What is to be known before everything else is understood, so that a wrong setting can be reported, too.

use super::sources::{Settings, Sources};
use crate::options::Id;
use std::ffi::OsString;
use std::path::PathBuf;

/// Who is told what becomes of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Monitoring {
    /// The file that is replaced after every run.
    pub status_file: Option<PathBuf>,
    /// Whether the system's logger is told.
    pub syslog: bool,
    /// The queue that the status file tells of.
    pub queue: Option<PathBuf>,
}

impl Monitoring {
    /// Reads the same sources as [`super::Config::load`]; what is wrong there is that one's to report.
    pub fn load(flags: &[(Id, OsString)]) -> Self {
        Self::from_sources(&Sources::of_process(flags))
    }

    fn from_sources(sources: &Sources<'_>) -> Self {
        let settings = Settings::gather(sources, &mut Vec::new());
        let value = |id| settings.get(id).map(|setting| setting.value.clone()).filter(|value| !value.is_empty());
        let default = Id::QueueDir.option().default;
        Self {
            status_file: value(Id::StatusFile).map(PathBuf::from),
            syslog: value(Id::Syslog).is_some_and(|value| value == "true" || value == "1"),
            queue: value(Id::QueueDir).map(PathBuf::from).or((!default.is_empty()).then(|| default.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_whatever_else_is_wrong() {
        let flags = [
            (Id::ConfigJson, r#"{"status_file": "/run/a.json", "syslog": true, "bucket": 7, "nonsense": {}}"#.into()),
            (Id::InlineLimit, "lots".into()),
        ];
        let environment = |name: &str| (name == "HOMING_STATUS_FILE").then(|| "/run/b.json".into());
        let of = |flags: &[(Id, OsString)]| {
            Monitoring::from_sources(&Sources { flags, environment: &environment, default_file: "/nowhere".as_ref() })
        };
        let found = of(&flags);
        assert_eq!((found.status_file, found.syslog), (Some("/run/b.json".into()), true));
        assert!(!of(&flags[1..]).syslog);
        let found = of(&[(Id::StatusFile, "/run/c.json".into()), (Id::Syslog, "false".into()), flags[0].clone()]);
        assert_eq!((found.status_file, found.syslog), (Some("/run/c.json".into()), false));
    }
}
