//! What the tables say, as the manual page and completions want it.

use homing::cli::commands::{COMMANDS, CommandHelp};
use homing::options::{Id, Kind, OPTIONS, Opt};

/// The flags that a command's help text shows.
pub fn options_of(command: &CommandHelp) -> impl Iterator<Item = &'static Opt> {
    let commands = command.commands;
    OPTIONS.iter().filter(move |option| !option.flag.is_empty() && option.commands.intersects(commands))
}

/// What an option is for a command.
pub fn help_of(command: &CommandHelp, option: &Opt) -> &'static str {
    let own = command.options.iter().find(|(id, _)| *id == option.id);
    own.map_or_else(|| option.id.option().help, |(_, help)| help)
}

/// The words of which a command wants one first: `list`, `status`, `retry`, `remove`.
pub fn actions_of(command: &CommandHelp) -> Vec<&'static str> {
    let before_options = command.arguments.split('[').next().unwrap_or_default();
    let first_words = before_options.split('|').filter_map(|part| part.split_whitespace().next());
    let is_action =
        |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') && !word.starts_with('-');
    first_words.filter(is_action).collect()
}

/// Whether a command runs another, whose own completions count behind `--`.
pub fn runs_another(command: &CommandHelp) -> bool {
    command.arguments.contains("-- COMMAND")
}

/// What is offered for an option's value.
pub enum Value {
    None,
    Words(&'static [&'static str]),
    File,
    Directory,
    Other,
}

pub fn value_of(option: &Opt) -> Value {
    match option.kind {
        _ if option.is_switch() => Value::None,
        Kind::Choice(words) => Value::Words(words),
        Kind::Path if option.id == Id::Watch => Value::Directory,
        Kind::Path => Value::File,
        _ => Value::Other,
    }
}

/// The names of all commands, and `help`.
pub fn command_names() -> Vec<&'static str> {
    COMMANDS.iter().map(|command| command.name).chain(["help"]).collect()
}

/// Every flag that takes a value, as it is written.
pub fn flags_with_value() -> Vec<String> {
    flags(|option| !option.is_switch())
}

/// Every flag whose value is of this kind.
pub fn flags(wanted: impl Fn(&Opt) -> bool) -> Vec<String> {
    let options = OPTIONS.iter().filter(|option| !option.flag.is_empty() && wanted(option));
    options
        .flat_map(|option| {
            option.short.map(|letter| format!("-{letter}")).into_iter().chain([format!("--{}", option.flag)])
        })
        .collect()
}

#[test]
fn actions_are_those_that_the_commands_know() {
    let of = |name: &str| actions_of(homing::cli::commands::find(name.as_ref()).unwrap());
    assert_eq!(of("queue"), ["list", "status", "retry", "remove"]);
    assert_eq!(of("docker-credential"), ["get", "list", "store", "erase", "version"]);
    assert_eq!(of("ecr"), ["password"]);
    assert_eq!(of("dynamodb"), ["put-item"]);
    assert_eq!(of("secret"), ["get"]);
    for name in ["send", "put", "get", "exec", "serve", "publish", "presign", "init", "csr", "status"] {
        assert_eq!(of(name), [""; 0], "{name}");
    }
}
