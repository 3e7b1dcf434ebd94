//! The settings, asked for one by one.

use super::source::{Found, at_home};
use super::{Settings, WANTED, absolute, checked};
use crate::error::{Error, Fault, Result};
use crate::job::screen::complain;
use crate::options::Kind;
use std::io::Write;

/// Asks on standard error and reads standard input. No answer leaves a setting out, a wrong one is asked for again.
///
/// # Errors
/// [`Fault::Io`]: the answers ended. [`Fault::Usage`]: there were none.
pub(super) fn ask() -> Result<Found> {
    let mut settings = Settings::new();
    for (id, how) in WANTED {
        loop {
            // Where even this fails nobody sees the question, nor the error that would say so.
            let _ =
                write!(std::io::stderr(), "{}, or nothing (find it: {how})\n{}: ", id.option().help, id.option().key);
            let mut answer = String::new();
            if !matches!(std::io::stdin().read_line(&mut answer), Ok(1..)) {
                return Err(Error::new(Fault::Io, "no_answer", "the answers ended: nothing was written"));
            }
            let answer = answer.trim();
            if answer.is_empty() {
                break;
            }
            let answer = if id.option().kind == Kind::Path { at_home(answer).into_os_string() } else { answer.into() };
            let setting = absolute(&(*id, answer));
            match checked(std::slice::from_ref(&setting)) {
                Ok(_) => {
                    settings.push(setting);
                    break;
                }
                Err(error) => complain(&error),
            }
        }
    }
    if settings.is_empty() {
        return Err(Error::new(Fault::Usage, "nothing_given", "no question was answered: nothing was written"));
    }
    Ok(Found { settings, ..Found::default() })
}
