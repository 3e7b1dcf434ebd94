//! The lines that are printed, one a step, and what they come to.

use super::details::Details;
use crate::error::{Error, Result};
use crate::job::queue::shown;
use crate::job::screen::{json_line, print};
use std::io::{IsTerminal, Write};

/// What has been told so far.
#[derive(Debug)]
pub(super) struct Report {
    json: bool,
    on_terminal: bool,
    /// How many steps were ok, have failed, were skipped.
    counts: [u64; 3],
    exit_code: u8,
    /// The configuration has mistakes.
    is_misconfigured: bool,
    /// Standard output cannot be written: nothing more is told.
    unwritable: Option<Error>,
}

impl Report {
    /// Nothing has been told.
    pub(super) fn new(json: bool) -> Self {
        let on_terminal = std::io::stdout().is_terminal();
        Self { json, on_terminal, counts: [0; 3], exit_code: 0, is_misconfigured: false, unwritable: None }
    }

    /// A step that went well. `setting` is the one that it is about; empty for none.
    pub(super) fn ok(&mut self, step: &str, setting: &str, details: Details) {
        self.tell(OK, step, setting, &details, None);
    }

    /// From here on, what is not set may be so because of the mistakes that have been told.
    pub(super) fn expect_unset(&mut self) {
        self.is_misconfigured = true;
    }

    /// A step that failed for want of a setting. Where that comes of the configuration's mistakes it was skipped: it is
    /// no second thing to change.
    pub(super) fn unset(&mut self, step: &str, setting: &str, details: Details, error: &Error) {
        if self.is_misconfigured {
            self.skipped_with(step, setting, details, &format!("{}: see configuration", error.message()));
        } else {
            self.told_failed(step, setting, &details, error);
        }
    }

    /// A step that failed.
    pub(super) fn failed(&mut self, step: &str, setting: &str, details: Details, error: &Error) {
        match error.code() {
            "missing_setting" | "invalid_template" => self.unset(step, setting, details, error),
            _ => self.told_failed(step, setting, &details, error),
        }
    }

    /// A step that failed, where nothing has: otherwise that comes first, and it was skipped.
    pub(super) fn failed_unless_others(&mut self, step: &str, setting: &str, error: &Error) {
        if self.exit_code == 0 {
            self.failed(step, setting, Details::default(), error);
        } else {
            self.skipped(step, setting, error.message());
        }
    }

    fn told_failed(&mut self, step: &str, setting: &str, details: &Details, error: &Error) {
        if self.exit_code == 0 {
            self.exit_code = error.exit_code();
        }
        self.tell(FAILED, step, setting, details, Some(error));
    }

    /// A step that went well or failed.
    pub(super) fn ended(&mut self, step: &str, setting: &str, details: Details, result: &Result<()>) {
        match result {
            Ok(()) => self.ok(step, setting, details),
            Err(error) => self.failed(step, setting, details, error),
        }
    }

    /// A step that means nothing, because of `why`.
    pub(super) fn skipped(&mut self, step: &str, setting: &str, why: &str) {
        self.skipped_with(step, setting, Details::default(), why);
    }

    /// The same with what had been found out.
    pub(super) fn skipped_with(&mut self, step: &str, setting: &str, mut details: Details, why: &str) {
        details.note(&format_args!("skipped because {why}"));
        self.tell(SKIPPED, step, setting, &details, None);
    }

    /// Tells what it comes to, and gives the exit code: that of the first step that failed.
    ///
    /// # Errors
    /// Standard output could not be written.
    pub(super) fn finish(mut self) -> Result<u8> {
        let ([ok, failed, skipped], code) = (self.counts, self.exit_code);
        if self.json {
            let line = json_line(&|writer| {
                writer.text("check", "summary").text("result", if code == 0 { "ok" } else { "failed" });
                writer.number("exit_code", code.into());
                writer.number("ok", ok).number("failed", failed).number("skipped", skipped);
            });
            self.print(&line);
        } else {
            self.print(format!("{ok} ok, {failed} failed, {skipped} skipped\n").as_bytes());
        }
        self.unwritable.map_or(Ok(code), Err)
    }

    fn tell(&mut self, kind: usize, step: &str, setting: &str, details: &Details, error: Option<&Error>) {
        self.counts[kind] += 1;
        let line = if self.json {
            json_line(&|writer| {
                writer.text("check", step);
                writer.optional_text("setting", Some(setting).filter(|setting| !setting.is_empty()));
                writer.text("result", WORDS[kind]);
                details.write_json(writer, error);
            })
        } else {
            let mark = if self.on_terminal { MARKS[kind] } else { WORDS[kind] };
            text(mark, step, setting, details, error).into_bytes()
        };
        self.print(&line);
    }

    fn print(&mut self, line: &[u8]) {
        if self.unwritable.is_none() {
            self.unwritable = print(|out| out.write_all(line)).err();
        }
    }
}

/// The step's line for people, and the lines under it.
fn text(mark: &str, step: &str, setting: &str, details: &Details, error: Option<&Error>) -> String {
    let (found, note) = details.as_text((step == "configuration").then_some(INDENT));
    let space = if setting.is_empty() { "" } else { " " };
    let mut line = format!("{mark} {setting}{space}{step}");
    // Names of files may have anything in them: a terminal obeys nothing of it, and no line of it is taken for a step's.
    let told = |text: &str| text.split('\n').map(shown).collect::<Vec<_>>().join(INDENT);
    let message = error.map_or_else(String::new, |error| told(error.message()));
    // The first of them is the line's own.
    let first = [&*message, &found, note];
    let mut separator = ": ";
    for (text, label) in first.into_iter().zip(["", "", "note: "]).filter(|(text, _)| !text.is_empty()) {
        line.push_str(separator);
        if separator == INDENT {
            line.push_str(label);
        }
        line.push_str(text);
        separator = INDENT;
    }
    if let Some(remedy) = error.and_then(Error::remedy) {
        line.push_str(INDENT);
        line.push_str("try: ");
        line.push_str(&told(remedy));
    }
    line.push('\n');
    line
}

const INDENT: &str = "\n    ";
const OK: usize = 0;
const FAILED: usize = 1;
const SKIPPED: usize = 2;
const MARKS: [&str; 3] = ["✓", "✗", "-"];
const WORDS: [&str; 3] = ["ok", "failed", "skipped"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Fault;

    #[test]
    fn a_step_is_a_line_with_cause_and_remedy_under_it() {
        let mut details = Details::default();
        details.text("valid_until", &"2049-12-31").number("days_left", 27).note(&"soon");
        assert_eq!(
            text("✓", "certificate", "", &details, None),
            "✓ certificate: valid until 2049-12-31, days left 27\n    note: soon\n"
        );
        assert_eq!(
            text("ok", "configuration", "", &details, None),
            "ok configuration: 2 set\n    valid_until 2049-12-31\n    days_left 27\n    note: soon\n"
        );
        let error = Error::new(Fault::Config, "a", "it is wrong").with_remedy("one\ntwo");
        assert_eq!(
            text("failed", "tls", "data_endpoint", &Details::default(), Some(&error)),
            "failed data_endpoint tls: it is wrong\n    try: one\n    two\n"
        );
        let hostile = Error::new(Fault::Config, "a", "no '/x\u{1b}[2J\nok tls'").with_remedy("a\u{7}");
        assert_eq!(
            text("failed", "file", "ca_file", &Details::default(), Some(&hostile)),
            "failed ca_file file: no '/x?[2J\n    ok tls'\n    try: a?\n"
        );
        let mut skipped = Details::default();
        skipped.note(&"skipped because of x");
        assert_eq!(text("-", "s3", "", &skipped, None), "- s3: skipped because of x\n");
    }
}
