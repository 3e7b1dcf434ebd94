//! Zsh's completions.

use crate::about::{Value, actions_of, help_of, options_of, runs_another, value_of};
use homing::cli::commands::{COMMANDS, CommandHelp};
use homing::options::Opt;

/// A function for a folder of `fpath`.
pub fn script() -> String {
    let mut text = String::from(HEAD);
    for command in COMMANDS {
        text.push_str(&format!("                {}\n", quoted(&format!("{}:{}", command.name, command.summary))));
    }
    text.push_str(BETWEEN);
    for command in COMMANDS {
        text.push_str(&format!("                {})\n                    _arguments -s -S", command.name));
        for option in options_of(command) {
            text.push_str(&format!(" \\\n                        {}", specification(command, option)));
        }
        let actions = actions_of(command);
        if !actions.is_empty() {
            text.push_str(&format!(" \\\n                        '1:action:({})'", actions.join(" ")));
        }
        let rest = if runs_another(command) { "'*::command:_normal'" } else { "'*:file:_files'" };
        text.push_str(&format!(" \\\n                        {rest}\n                    ;;\n"));
    }
    text.push_str(TAIL);
    text
}

/// `'(-q --qos)'{-q,--qos=}'[what it is]:NUMBER: '`
fn specification(command: &CommandHelp, option: &Opt) -> String {
    let flag = option.flag;
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]").replace(':', "\\:");
    let help = format!("[{}]", escaped(help_of(command, option)));
    let placeholder = escaped(&option.placeholder());
    let (equals, value) = match value_of(option) {
        Value::None => ("", String::new()),
        Value::Words(words) => {
            ("=", format!(":{placeholder}:({})", words.iter().map(|word| escaped(word)).collect::<Vec<_>>().join(" ")))
        }
        Value::File => ("=", format!(":{placeholder}:_files")),
        Value::Directory => ("=", format!(":{placeholder}:_files -/")),
        Value::Other => ("=", format!(":{placeholder}: ")),
    };
    let behind = quoted(&format!("{help}{value}"));
    match (option.short, option.is_repeatable()) {
        (None, false) => quoted(&format!("--{flag}{equals}{help}{value}")),
        (None, true) => quoted(&format!("*--{flag}{equals}{help}{value}")),
        (Some(letter), false) => {
            let plus = if equals.is_empty() { "" } else { "+" };
            format!("'(-{letter} --{flag})'{{-{letter}{plus},--{flag}{equals}}}{behind}")
        }
        (Some(letter), true) => format!("'*'{{-{letter},--{flag}{equals}}}{behind}"),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

const HEAD: &str = r#"#compdef homing
# Zsh's completions of homing, made from its tables of options and commands by tests/completions. Not to be edited.

_homing() {
    local curcontext=$curcontext state line ret=1
    local -a commands
    typeset -A opt_args
    _arguments -C -A '-*' '(- *)--help[print this text]' '(- *)--version[print the version]' '1: :->command' '*:: :->argument' && ret=0
    case $state in
        command | argument)
            commands=(
"#;
const BETWEEN: &str = r#"                'help:all about a command'
            )
            ;|
        command) _describe -t commands command commands && ret=0 ;;
        argument)
            curcontext=${curcontext%:*:*}:homing-$words[1]:
            case $words[1] in
                help) _describe -t commands command commands ;;
"#;
const TAIL: &str = r#"            esac && ret=0
            ;;
    esac
    return ret
}

_homing "$@"
"#;
