//! Fish's completions.

use crate::about::{Value, actions_of, command_names, help_of, options_of, runs_another, value_of};
use homing::cli::commands::COMMANDS;
use homing::options::OPTIONS;

/// One `complete` for each option, with the commands that have it and what it is for them.
pub fn script() -> String {
    let mut text = String::from(HEAD);
    for command in COMMANDS {
        text.push_str(&line("__fish_use_subcommand", &format!("-a {}", command.name), command.summary));
    }
    text.push_str(&line("__fish_use_subcommand", "-a help", "all about a command"));
    text.push_str(&format!(
        "complete -c homing -n '__fish_seen_subcommand_from help' -a '{}'\n",
        command_names().join(" ")
    ));
    for command in COMMANDS {
        let seen = format!("__fish_seen_subcommand_from {}", command.name);
        let actions = actions_of(command).join(" ");
        let offered = match &*actions {
            _ if runs_another(command) => "-x -a '(__fish_complete_subcommand --fcs-skip=2)'".to_owned(),
            "" => "-F".to_owned(),
            actions => {
                text.push_str(&format!(
                    "complete -c homing -n '{seen}; and not __fish_seen_subcommand_from {actions}' -a '{actions}'\n"
                ));
                text.push_str(&format!(
                    "complete -c homing -n '{seen}; and __fish_seen_subcommand_from {actions}' -F\n"
                ));
                continue;
            }
        };
        text.push_str(&format!("complete -c homing -n '{seen}' {offered}\n"));
    }
    for option in OPTIONS.iter().filter(|option| !option.flag.is_empty()) {
        let mut helps: Vec<(&str, Vec<&str>)> = Vec::new();
        for command in COMMANDS.iter().filter(|command| options_of(command).any(|other| other.id == option.id)) {
            let help = help_of(command, option);
            match helps.iter_mut().find(|(other, _)| *other == help) {
                Some((_, names)) => names.push(command.name),
                None => helps.push((help, vec![command.name])),
            }
        }
        let mut flag = option.short.map(|letter| format!("-s {letter} ")).unwrap_or_default() + "-l " + option.flag;
        match value_of(option) {
            Value::None => {}
            Value::Words(words) => flag.push_str(&format!(" -x -a '{}'", words.join(" "))),
            Value::File => flag.push_str(" -r -F"),
            Value::Directory => flag.push_str(" -x -a '(__fish_complete_directories)'"),
            Value::Other => flag.push_str(" -x"),
        }
        for (help, names) in helps {
            text.push_str(&line(&format!("__fish_seen_subcommand_from {}", names.join(" ")), &flag, help));
        }
    }
    text
}

fn line(condition: &str, what: &str, help: &str) -> String {
    let help = help.replace('\\', "\\\\").replace('\'', "\\'");
    format!("complete -c homing -n '{condition}' {what} -d '{help}'\n")
}

const HEAD: &str = "# Fish's completions of homing, made from its tables of options and commands by tests/completions. Not to be edited.\n\ncomplete -c homing -f\n";
