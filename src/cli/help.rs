//! Help texts, made from the option table: 80 columns wide, plain text.

use super::commands::{COMMANDS, CommandHelp};
use crate::options::{Group, Id, Kind, OPTIONS, Opt};

/// The line with the program's name and version.
pub fn version() -> &'static str {
    concat!("homing ", env!("CARGO_PKG_VERSION"), "\n")
}

/// What `homing` alone prints.
pub fn overview() -> String {
    let mut text = String::from(
        "homing: AWS for devices that hold nothing but an X.509 certificate.\n\nUsage: homing COMMAND …\n\n",
    );
    for command in COMMANDS {
        text.push_str("  ");
        push_padded(&mut text, command.name, 18);
        text.push_str(command.summary);
        text.push('\n');
    }
    text.push_str(
        "\nFirst steps: homing init, homing check, homing send FILE\nAll about a command: homing help COMMAND\n\n",
    );
    push_wrapped(
        &mut text,
        "",
        "Settings come from --flag, then the variable HOMING_FLAG or AWS's own, then the JSON file \
         /etc/homing/config.json (or --config FILE, --config-json TEXT), where --role-alias is \"role_alias\".",
    );
    text
}

/// What `homing help COMMAND` prints.
pub fn command(command: &CommandHelp) -> String {
    let mut text = format!(
        "homing {}: {}\n\nUsage: homing {} {}\n",
        command.name, command.summary, command.name, command.arguments
    );
    for paragraph in command.description {
        text.push('\n');
        push_wrapped(&mut text, "", paragraph);
    }
    text.push_str("\nExamples:\n");
    for example in command.examples {
        text.push_str("  ");
        text.push_str(example);
        text.push('\n');
    }
    for (group, title) in GROUPS {
        let mut options =
            OPTIONS.iter().filter(|option| option.group == *group && is_shown(option, command)).peekable();
        if options.peek().is_some() {
            text.push('\n');
            text.push_str(title);
            text.push_str(":\n");
            options.for_each(|option| push_option(&mut text, option, command));
        }
    }
    text.push('\n');
    push_wrapped(&mut text, "", &about_settings(command));
    text.push('\n');
    push_wrapped(
        &mut text,
        "",
        "Exit codes: 0 done; 64 usage; 65 bad data; 66 no input; 69 service unavailable; 73 cannot create a file; \
         74 input or output failed; 75 temporary failure, try again; 77 refused by AWS; 78 configuration.",
    );
    text
}

fn about_settings(command: &CommandHelp) -> String {
    let mut text = String::from(
        "Every setting under Identity, Delivery, Queue and Connections is also the variable HOMING_NAME \
         (--role-alias: HOMING_ROLE_ALIAS) and a key of the JSON file (\"role_alias\"; --queue-dir: \"queue\": \
         {\"dir\": …}). The flag counts before the variable, and the variable before the file.",
    );
    if is_shown(Id::EndpointUrl.option(), command) {
        let service = command.endpoint.option().key.trim_start_matches("endpoints.");
        text.push_str(&format!(" --endpoint-url is \"endpoints\": {{\"{service}\": …}} in the file"));
        let is_of_homing = command.endpoint == Id::EndpointUrl;
        text.push_str(if is_of_homing { "." } else { ", and AWS's variables only." });
    }
    text
}

fn is_shown(option: &Opt, command: &CommandHelp) -> bool {
    !option.flag.is_empty() && option.commands.intersects(command.commands)
}

fn push_option(text: &mut String, option: &Opt, command: &CommandHelp) {
    text.push_str("  ");
    if let Some(letter) = option.short {
        text.push('-');
        text.push(letter);
        text.push_str(", ");
    }
    text.push_str("--");
    text.push_str(option.flag);
    let placeholder = option.placeholder();
    if !placeholder.is_empty() {
        text.push(' ');
        text.push_str(&placeholder);
    }
    text.push('\n');
    let own = command.options.iter().find(|(id, _)| *id == option.id);
    let mut help = own.map_or(option.help, |(_, help)| help).to_owned();
    let mut notes: Vec<String> = Vec::new();
    if let Kind::Integer { minimum, maximum, .. } = option.kind {
        notes.push(format!("{minimum} to {maximum}"));
    }
    if !option.default.is_empty() && !option.is_switch() {
        notes.push(format!("default {}", option.default));
    }
    let setting = if option.id == Id::EndpointUrl { command.endpoint.option() } else { option };
    let is_told_below = |name: &str| option.is_configuration() && name.starts_with("HOMING_");
    let further: Vec<&str> = setting.variables.iter().copied().filter(|name| !is_told_below(name)).collect();
    if !further.is_empty() {
        notes.push(format!("also {}", further.join(", ")));
    }
    if !notes.is_empty() {
        help.push_str(" (");
        help.push_str(&notes.join("; "));
        help.push(')');
    }
    push_wrapped(text, "      ", &help);
}

fn push_padded(text: &mut String, word: &str, width: usize) {
    text.push_str(word);
    text.extend(std::iter::repeat_n(' ', width.saturating_sub(word.len())));
}

/// Adds a paragraph, wrapped at spaces; a word that is longer than a line stands alone.
fn push_wrapped(text: &mut String, indent: &str, paragraph: &str) {
    let mut column = 0;
    for word in paragraph.split_ascii_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > WIDTH {
            text.push('\n');
            column = 0;
        }
        let before = if column == 0 { indent } else { " " };
        text.push_str(before);
        text.push_str(word);
        column += before.len() + length;
    }
    text.push('\n');
}

/// The groups of options in the order in which they are told of, and how each is titled.
pub const GROUPS: &[(Group, &str)] = &[
    (Group::Command, "Options"),
    (Group::Object, "S3 object"),
    (Group::Identity, "Identity"),
    (Group::Delivery, "Delivery"),
    (Group::Queue, "Queue"),
    (Group::Connection, "Connections"),
    (Group::General, "General"),
];
/// A terminal's usual width.
const WIDTH: usize = 80;
