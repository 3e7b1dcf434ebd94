//! Where a value came from, for every message about it.

use std::fmt;

/// The source of one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A command line flag, without its dashes.
    Flag(&'static str),
    /// An environment variable.
    Variable(&'static str),
    /// A key in a JSON document.
    Json {
        /// The document: a file's name, or `--config-json`.
        document: String,
        /// The key, dotted where nested.
        key: String,
        /// The line it stands on, from 1.
        line: usize,
    },
    /// Nothing set it.
    Default,
    /// Read from another setting's value.
    Derived(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(formatter, "--{name}"),
            Self::Variable(name) => write!(formatter, "variable {name}"),
            Self::Json { document, key, line } => write!(formatter, "{document}, line {line}, key \"{key}\""),
            Self::Default => formatter.write_str("default"),
            Self::Derived(key) => write!(formatter, "taken from {key}"),
        }
    }
}

/// One mistake in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// Stable, for programs: `unknown_key`, `wrong_type`, `out_of_range` …
    pub(super) code: &'static str,
    /// What is wrong and where, for people.
    pub(super) message: String,
    /// What to do about it; may be empty.
    pub(super) remedy: String,
}

impl Problem {
    /// A mistake without a remedy of its own.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), remedy: String::new() }
    }

    /// Says what to do about it.
    #[must_use]
    pub(super) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }
}
