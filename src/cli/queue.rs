//! `homing queue`.

use super::{Command, Given, usage};
use crate::error::Result;
use std::ffi::OsString;

/// Look at the queue, or change it.
#[derive(Debug, PartialEq, Eq)]
pub enum QueueAction {
    /// Every entry, those that wait and those that failed.
    List,
    /// How many there are.
    Status,
    /// Failed ones are to be delivered after all.
    Retry(Selection),
    /// Entries are not wanted any more, and are deleted with their files.
    Remove(Selection),
}

/// Which entries.
#[derive(Debug, PartialEq, Eq)]
pub enum Selection {
    /// Those of these ids.
    Ids(Vec<String>),
    /// Every one that has failed.
    Failed,
}

impl Given {
    pub(super) fn queue(&self, positionals: &[OsString]) -> Result<Command> {
        let mut words = Vec::with_capacity(positionals.len());
        for word in positionals {
            words.push(word.to_str().ok_or_else(|| usage("not_utf8", "an argument is not UTF-8"))?);
        }
        let Some((action, ids)) = words.split_first() else {
            return Err(usage("missing_argument", "homing queue needs one of list, status, retry, remove"));
        };
        let action = match *action {
            "list" | "status" if !ids.is_empty() => {
                return Err(usage("unexpected_argument", format!("homing queue {action} takes no entry")));
            }
            "list" => QueueAction::List,
            "status" => QueueAction::Status,
            "retry" => QueueAction::Retry(selection(action, ids)?),
            "remove" => QueueAction::Remove(selection(action, ids)?),
            other => {
                return Err(usage("unknown_action", format!("there is no homing queue {other:?}"))
                    .with_remedy("one of list, status, retry, remove"));
            }
        };
        Ok(Command::Queue(action))
    }
}

fn selection(action: &str, ids: &[&str]) -> Result<Selection> {
    match ids {
        [] => Err(usage(
            "missing_argument",
            format!("homing queue {action} needs an ENTRY, as homing queue list names it"),
        )
        .with_remedy(format!("homing queue {action} failed: every one that has failed"))),
        [FAILED] => Ok(Selection::Failed),
        ids => Ok(Selection::Ids(ids.iter().map(|id| (*id).to_owned()).collect())),
    }
}

/// In place of ids: they are times, and none is a word.
const FAILED: &str = "failed";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::parse;

    fn parsed(words: &[&str]) -> Result<Command> {
        parse(["homing", "queue"].iter().chain(words)).map(|arguments| arguments.command)
    }

    #[test]
    fn entries_are_named_or_all_that_failed() {
        assert_eq!(parsed(&["list"]), Ok(Command::Queue(QueueAction::List)));
        assert_eq!(parsed(&["status", "--json"]), Ok(Command::Queue(QueueAction::Status)));
        let ids = Selection::Ids(vec!["a".into(), "b".into()]);
        assert_eq!(parsed(&["remove", "a", "b"]), Ok(Command::Queue(QueueAction::Remove(ids))));
        assert_eq!(parsed(&["retry", "failed"]), Ok(Command::Queue(QueueAction::Retry(Selection::Failed))));
    }

    #[test]
    fn what_cannot_be_meant_is_a_mistake() {
        for words in [&[][..], &["lst"], &["list", "a"], &["status", "a"], &["retry"], &["remove"]] {
            assert_eq!(parsed(words).unwrap_err().exit_code(), 64, "{words:?}");
        }
    }
}
