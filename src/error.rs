//! One error type for the whole program, sorted by who is at fault.
//!
//! The fault decides the exit code (sysexits, so that a cron script can decide what to do) and whether
//! trying again can help. Every error says what failed, on which input and where that input came from,
//! and, in its remedy, what to do next. A secret never goes into a message.

use crate::protocol::retry;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// Who is at fault, and therefore which exit code the process ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The command line cannot be understood. Exit code 64.
    Usage,
    /// A setting is missing or wrong, or a certificate or key file is. Exit code 78.
    Config,
    /// The data handed to us cannot be sent as it is (a directory, too large for its way). Exit code 65.
    Data,
    /// The file to send, or the object to fetch, does not exist or cannot be opened. Exit code 66.
    NoInput,
    /// An output file cannot be created. Exit code 73.
    CannotCreate,
    /// Reading or writing a local file failed half way. Exit code 74.
    Io,
    /// The other side understood the request and refused it. Exit code 77.
    Refused,
    /// The other side cannot be reached, cannot be trusted, or answers nonsense. Exit code 69.
    Unavailable,
    /// The same attempt may succeed later: throttling, a broker that is busy, a server's own fault.
    /// Exit code 75.
    Temporary,
}

impl Fault {
    /// The sysexits code of this fault.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 64,
            Self::Data => 65,
            Self::NoInput => 66,
            Self::Unavailable => 69,
            Self::CannotCreate => 73,
            Self::Io => 74,
            Self::Temporary => 75,
            Self::Refused => 77,
            Self::Config => 78,
        }
    }
}

/// What went wrong, whose fault it is, and what to do about it.
///
/// One pointer: a result is moved at every `?`, and what it takes of code grows with its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<Fields>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Fields {
    fault: Fault,
    code: Cow<'static, str>,
    message: String,
    remedy: Option<Cow<'static, str>>,
    retryable: bool,
    hint: Option<Hint>,
}

/// What is known of how another attempt may succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// Not sooner than after this time: the server says so.
    Wait(Duration),
    /// At once, over another connection: the one that was used had been open for a while, and was dead.
    FreshConnection,
    /// Not within this command: what was sent may have arrived, and must not arrive twice.
    Final,
    /// With the time of signing this many seconds later (earlier, where negative): that is how far the server's clock
    /// is ahead of the one that signed.
    ClockDifference(i64),
}

/// The result of anything that can fail in homing.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Makes an error. `code` is stable and meant for programs (AWS's own error code where there is one,
    /// otherwise lower_snake_case); `message` is for people and names the input and its origin. Trying again may help
    /// where the fault is [`Fault::Temporary`], or [`retry::is_passing_transport_error`] says so of the code.
    pub fn new(fault: Fault, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        match code.into() {
            Cow::Borrowed(code) => Self::with_known_code(fault, code, message.into()),
            code => Self::with_code(fault, code, message.into()),
        }
    }

    /// Errors are made in hundreds of places: each is a call with what fits into registers.
    #[cold]
    #[inline(never)]
    fn with_known_code(fault: Fault, code: &'static str, message: String) -> Self {
        Self::with_code(fault, code.into(), message)
    }

    fn with_code(fault: Fault, code: Cow<'static, str>, message: String) -> Self {
        let retryable = match fault {
            Fault::Temporary => true,
            Fault::Unavailable => retry::is_passing_transport_error(&code),
            _ => false,
        };
        Self(Box::new(Fields { fault, code, message, remedy: None, retryable, hint: None }))
    }

    /// Says what to do next.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<Cow<'static, str>>) -> Self {
        self.set_remedy(remedy.into());
        self
    }

    #[cold]
    #[inline(never)]
    fn set_remedy(&mut self, remedy: Cow<'static, str>) {
        self.0.remedy = Some(remedy);
    }

    /// Says whether the same attempt may succeed later without anybody changing anything.
    #[must_use]
    pub fn with_retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }

    /// Says how another attempt may succeed.
    #[must_use]
    pub fn with_hint(mut self, hint: Option<Hint>) -> Self {
        self.0.hint = hint;
        self
    }

    /// Adds something to the end of the message: `message; note`.
    #[must_use]
    pub fn note(mut self, note: impl fmt::Display) -> Self {
        self.0.message = format!("{}; {note}", self.0.message);
        self
    }

    /// Puts what was being attempted in front of the message: `context: message`.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }

    /// Who is at fault.
    pub fn fault(&self) -> Fault {
        self.0.fault
    }

    /// The stable code for programs, such as `AccessDenied` or `key_mismatch`.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The text for people, without the remedy.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do next, where we know.
    pub fn remedy(&self) -> Option<&str> {
        self.0.remedy.as_deref().or(self.0.retryable.then_some(RETRY_REMEDY))
    }

    /// Whether trying again may help.
    pub fn retryable(&self) -> bool {
        self.0.retryable
    }

    /// How another attempt may succeed, where something is known of it.
    pub fn hint(&self) -> Option<Hint> {
        self.0.hint
    }

    /// The process exit code.
    pub fn exit_code(&self) -> u8 {
        self.0.fault.exit_code()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.message)?;
        if let Some(remedy) = self.remedy() {
            write!(formatter, "\n  try: {remedy}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// What to do about an error that may pass by itself, where nothing better is known.
const RETRY_REMEDY: &str = "try again later";
