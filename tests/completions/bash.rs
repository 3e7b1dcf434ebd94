//! Bash's completions.

use crate::about::{Value, actions_of, command_names, flags, flags_with_value, options_of, runs_another, value_of};
use homing::cli::commands::COMMANDS;

/// A function and its registration; bash-completion finds the file by the program's name, and is not needed.
pub fn script() -> String {
    let mut words: Vec<(Vec<String>, &[&str])> = Vec::new();
    for option in homing::options::OPTIONS {
        if let Value::Words(list) = value_of(option) {
            words.push((flags(|other| other.id == option.id), list));
        }
    }
    let mut text = String::from(HEAD);
    text.push_str(&format!("    local with_value=' {} '\n", flags_with_value().join(" ")));
    text.push_str(WALK);
    text.push_str("    case $prev in\n");
    for (flags, list) in words {
        let (flags, list) = (flags.join(" | "), list.join(" "));
        text.push_str(&format!("        {flags}) COMPREPLY=($(compgen -W '{list}' -- \"$cur\")) && return ;;\n"));
    }
    let files = flags(|option| matches!(value_of(option), Value::File)).join(" | ");
    let directories = flags(|option| matches!(value_of(option), Value::Directory)).join(" | ");
    text.push_str(&format!(
        "        {files}) _homing_files -f && return ;;\n        {directories}) _homing_files -d && return ;;\n"
    ));
    text.push_str("    esac\n    [[ $with_value == *\" $prev \"* ]] && return\n\n    case $command in\n");
    for command in COMMANDS {
        let flags: Vec<String> = options_of(command)
            .flat_map(|option| {
                option.short.map(|letter| format!("-{letter}")).into_iter().chain([format!("--{}", option.flag)])
            })
            .collect();
        text.push_str(&format!("        {})\n            flags='{}'\n", command.name, flags.join(" ")));
        let actions = actions_of(command);
        if !actions.is_empty() {
            text.push_str(&format!("            actions='{}'\n", actions.join(" ")));
        }
        text.push_str("            ;;\n");
    }
    let names = command_names().join(" ");
    text.push_str(&format!(
        "        help) actions='{names}' ;;\n        *) flags='--help --version' actions='{names}' ;;\n    esac\n"
    ));
    text.push_str(TAIL);
    let running: Vec<&str> =
        COMMANDS.iter().filter(|command| runs_another(command)).map(|command| command.name).collect();
    text.replace("@RUNNING@", &running.join(" | "))
}

const HEAD: &str = r#"# Bash's completions of homing, made from its tables of options and commands by tests/completions. Not to be edited.

_homing_files() {
    local IFS=$'\n'
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen "$1" -- "$cur"))
    return 0
}

_homing() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev='' command='' action='' flags='' actions='' word i
    COMPREPLY=()
"#;
/// Finds the command, and whether the word to be completed is a flag's value. Bash makes three words of --flag=value.
const WALK: &str = r#"    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
            --)
                case $command in
                    @RUNNING@)
                        if declare -F _command_offset >/dev/null; then
                            _command_offset $((i + 1))
                        elif ((i + 1 == COMP_CWORD)); then
                            COMPREPLY=($(compgen -c -- "$cur"))
                        else
                            _homing_files -f
                        fi
                        return
                        ;;
                esac
                ;;
            =) ;;
            -*)
                if [[ $with_value == *" $word "* ]]; then
                    [[ ${COMP_WORDS[i + 1]} == = ]] && ((i++))
                    ((i++))
                    ((i >= COMP_CWORD)) && prev=$word
                fi
                ;;
            *) if [[ -z $command ]]; then command=$word; else action=$word; fi ;;
        esac
    done
    [[ $cur == = ]] && cur=''
"#;
const TAIL: &str = r#"    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$flags" -- "$cur"))
    elif [[ -n $actions && -z $action ]]; then
        COMPREPLY=($(compgen -W "$actions" -- "$cur"))
    elif [[ -n $command && $command != help ]]; then
        _homing_files -f
    fi
}

complete -F _homing homing
"#;
