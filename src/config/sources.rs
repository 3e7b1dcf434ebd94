//! Gathers every setting's text from flags, environment and JSON document, with its origin.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::limits::CONFIG_TEXT_MAXIMUM;
use super::origin::{Origin, Problem};
use super::{DEFAULT_FILE, json};
use crate::options::{Id, OPTIONS, Opt};

/// Where settings may come from.
pub struct Sources<'a> {
    /// Flags in the order given; of several for one setting, the last counts.
    pub flags: &'a [(Id, OsString)],
    /// An environment variable's value.
    pub environment: &'a dyn Fn(&str) -> Option<OsString>,
    /// The file that is read when none is named, and that need not exist.
    pub default_file: &'a Path,
}

impl<'a> Sources<'a> {
    /// These flags, this process's environment, and the file that is read by default.
    pub fn of_process(flags: &'a [(Id, OsString)]) -> Self {
        Self { flags, environment: &|name| std::env::var_os(name), default_file: DEFAULT_FILE.as_ref() }
    }
}

/// A setting as it was found.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) value: OsString,
    pub(super) origin: Origin,
}

/// All settings that anything sets.
#[derive(Debug)]
pub(super) struct Settings {
    found: Vec<Option<Setting>>,
    /// What the document is called in messages.
    pub(super) document: String,
}

impl Settings {
    /// Gathers them; what is wrong with the document goes to `problems`.
    pub(super) fn gather(sources: &Sources<'_>, problems: &mut Vec<Problem>) -> Self {
        let mut settings = Self { found: vec![None; OPTIONS.len()], document: String::new() };
        settings.read_document(sources, problems);
        for option in OPTIONS.iter().filter(|option| option.is_configuration()) {
            let found = &mut settings.found[option.id as usize];
            if let Some(setting) = from_flag_or_variable(option, sources) {
                *found = Some(setting);
            } else if found.is_none() {
                *found = from_variable(option, sources, |name| LAST_RESORTS.contains(&name));
            }
        }
        settings
    }

    pub(super) fn get(&self, id: Id) -> Option<&Setting> {
        self.found[id as usize].as_ref()
    }

    pub(super) fn origin(&self, id: Id) -> &Origin {
        self.get(id).map_or(&Origin::Default, |setting| &setting.origin)
    }

    /// Every setting that something sets, in the order of the options.
    pub(super) fn values(&self) -> Vec<(Id, OsString)> {
        let found = OPTIONS.iter().zip(&self.found);
        found.filter_map(|(option, setting)| Some((option.id, setting.as_ref()?.value.clone()))).collect()
    }

    pub(super) fn origins(&self) -> Vec<Origin> {
        self.found
            .iter()
            .map(|setting| setting.as_ref().map_or(Origin::Default, |setting| setting.origin.clone()))
            .collect()
    }

    fn read_document(&mut self, sources: &Sources<'_>, problems: &mut Vec<Problem>) {
        let file = from_flag_or_variable(Id::Config.option(), sources);
        let text = from_flag_or_variable(Id::ConfigJson.option(), sources);
        let flag_given = |setting: &Option<Setting>| {
            setting.as_ref().is_some_and(|setting| matches!(setting.origin, Origin::Flag(_)))
        };
        let text_counts = match (flag_given(&text), flag_given(&file)) {
            (true, false) => true,
            (false, true) => false,
            _ if text.is_some() && file.is_some() => {
                problems.push(
                    Problem::new("conflict", "--config and --config-json (or their variables) are both set")
                        .remedy("give one of them"),
                );
                return;
            }
            _ => text.is_some(),
        };
        if let (true, Some(text)) = (text_counts, text) {
            self.document = text.origin.to_string();
            self.read_text(text.value.as_encoded_bytes(), problems);
            return;
        }
        let (path, must_exist) = match &file {
            Some(file) => (Path::new(&file.value), true),
            None => (sources.default_file, false),
        };
        self.document = path.display().to_string();
        let named_by = file.as_ref().map_or(String::new(), |file| format!(" ({})", file.origin));
        match read_bounded(path) {
            Ok(bytes) => self.read_text(&bytes, problems),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => {}
            Err(error) => problems.push(
                Problem::new("config_unreadable", format!("{}{named_by}: cannot be read: {error}", self.document))
                    .remedy("check the file's name and permissions"),
            ),
        }
    }

    fn read_text(&mut self, bytes: &[u8], problems: &mut Vec<Problem>) {
        let document = &self.document;
        if bytes.len() > CONFIG_TEXT_MAXIMUM {
            problems.push(Problem::new(
                "config_too_large",
                format!("{document}: longer than {CONFIG_TEXT_MAXIMUM} bytes, which no configuration is: probably another file"),
            ));
            return;
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                for json::Entry { option, value, origin } in json::read(text, document, problems) {
                    self.found[option.id as usize] = Some(Setting { value: value.into(), origin });
                }
            }
            Err(error) => problems.push(
                Problem::new("not_utf8", format!("{document}: not UTF-8, from byte {} on", error.valid_up_to() + 1))
                    .remedy("save the file as UTF-8 text"),
            ),
        }
    }
}

fn from_flag_or_variable(option: &'static Opt, sources: &Sources<'_>) -> Option<Setting> {
    let flag = sources.flags.iter().rev().find(|(id, _)| *id == option.id);
    if let Some((_, value)) = flag {
        // Only `--endpoint-url` sets options without a flag of their own: the endpoint of the command's service.
        let name = if option.flag.is_empty() { Id::EndpointUrl.option().flag } else { option.flag };
        return Some(Setting { value: value.clone(), origin: Origin::Flag(name) });
    }
    // AWS SDKs and tools: "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS".
    let ignored = |name: &str| {
        name.starts_with("AWS_ENDPOINT_URL")
            && (sources.environment)("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
                .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    };
    from_variable(option, sources, |name| !ignored(name) && !LAST_RESORTS.contains(&name))
}

fn from_variable(option: &'static Opt, sources: &Sources<'_>, counts: impl Fn(&str) -> bool) -> Option<Setting> {
    option.variables.iter().filter(|name| counts(name)).find_map(|name| {
        let value = (sources.environment)(name).filter(|value| value != OsStr::new(""))?;
        Some(Setting { value, origin: Origin::Variable(name) })
    })
}

/// At most one byte more than is allowed, so that a device file or a large one costs nothing.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(CONFIG_TEXT_MAXIMUM as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Variables that count only where nothing else sets the option. Machines set AWS_CA_BUNDLE for all programs, to a
/// bundle of public authorities; it must not take the place of the one that homing's own configuration names.
const LAST_RESORTS: [&str; 1] = ["AWS_CA_BUNDLE"];
