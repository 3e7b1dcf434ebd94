//! `homing dynamodb put-item TABLE`

use super::{Command, Given, Message, usage};
use crate::error::Result;
use crate::options::Id;
use crate::protocol::dynamodb_json::Form;
use std::ffi::OsString;

/// Write an item, or one for each line.
#[derive(Debug, PartialEq, Eq)]
pub struct PutItem {
    /// The table's name or ARN; of bytes that need no escaping in JSON.
    pub table: String,
    /// Where the item comes from.
    pub item: Message,
    /// How it is written.
    pub form: Form,
    /// Whether each line is an item.
    pub lines: bool,
    /// What must hold for the item that is there.
    pub condition: Option<Condition>,
}

/// A condition and what it speaks of.
#[derive(Debug, PartialEq, Eq)]
pub struct Condition {
    /// DynamoDB's condition expression.
    pub expression: String,
    /// JSON of the names in it that begin with `#`; not checked.
    pub names: Option<String>,
    /// JSON of the names in it that begin with `:`; not checked.
    pub values: Option<String>,
}

impl Given {
    pub(super) fn dynamodb(&self, positionals: &[OsString]) -> Result<Command> {
        let (table, is_dash) = match positionals {
            [what, table] if what == "put-item" => (table, false),
            [what, table, dash] if what == "put-item" && dash == "-" => (table, true),
            [what] if what == "put-item" => {
                return Err(usage("missing_argument", "homing dynamodb put-item needs a TABLE"));
            }
            [what, _, _, ..] if what == "put-item" => {
                return Err(usage("wrong_arguments", "homing dynamodb put-item takes one TABLE")
                    .with_remedy("give the item with --item JSON, -f FILE, or on standard input"));
            }
            [] => return Err(usage("missing_argument", "homing dynamodb needs to know what: put-item TABLE")),
            [what, ..] => {
                return Err(usage("wrong_arguments", format!("homing dynamodb knows put-item only, not {what:?}")));
            }
        };
        let table = table.to_str().filter(|name| is_table(name)).ok_or_else(|| {
            usage("invalid_table", format!("TABLE {table:?} can be neither the name of a table nor its ARN"))
        })?;
        let lines = self.has(Id::Lines);
        self.text(Id::Item)?;
        let item = self.message(Id::Item, is_dash)?;
        let condition = self.condition()?;
        if lines && condition.is_some() {
            return Err(usage(
                "conflict",
                "--condition does not go with --lines: DynamoDB's batches have no conditions",
            ));
        }
        let form = if self.has(Id::Plain) { Form::Plain } else { Form::Typed };
        Ok(Command::PutItem(PutItem { table: table.to_owned(), item, form, lines, condition }))
    }

    fn condition(&self) -> Result<Option<Condition>> {
        let owned = |id| self.text(id).map(|text| text.map(str::to_owned));
        let (expression, names, values) = (owned(Id::Condition)?, owned(Id::Names)?, owned(Id::Values)?);
        match expression {
            Some(expression) if expression.trim().is_empty() => {
                Err(usage("empty", "--condition: the expression is empty"))
            }
            Some(expression) => Ok(Some(Condition { expression, names, values })),
            None if names.is_some() || values.is_some() => {
                Err(usage("conflict", "--names and --values say what a --condition speaks of, and there is none"))
            }
            None => Ok(None),
        }
    }
}

/// API Reference, "TableArn": 1 to 1,024 characters, of these.
fn is_table(name: &str) -> bool {
    (1..=1024).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-:/".contains(&byte))
}
