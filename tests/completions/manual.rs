//! The manual page, in man(7)'s macros.

use crate::about::{help_of, options_of};
use homing::cli::commands::{COMMANDS, CommandHelp};
use homing::cli::help::GROUPS;
use homing::options::{Group, Kind, OPTIONS, Opt};
use std::fmt::Write;

pub fn page() -> String {
    let mut page = String::from(
        ".\\\" Made from homing's tables of options and commands by tests/completions. Not to be edited.\n",
    );
    // The day of the release, so that the page changes with the program only.
    let day = homing::protocol::time::iso8601(homing::BUILD_TIME)[..10].to_owned();
    let version = env!("CARGO_PKG_VERSION");
    writeln!(page, ".TH HOMING 1 {day} \"homing {version}\" \"User Commands\"").unwrap();
    page.push_str(".SH NAME\nhoming \\- AWS for devices that hold nothing but an X.509 certificate\n.SH SYNOPSIS\n");
    for command in COMMANDS {
        writeln!(page, ".B homing {}\n{}\n.br", escaped(command.name), escaped(command.arguments)).unwrap();
    }
    page.push_str(".B homing help\nCOMMAND\n");
    page.push_str(".SH DESCRIPTION\n");
    paragraph(
        &mut page,
        "homing trades a device's certificate for temporary AWS credentials over mutual TLS. With them it delivers files by S3 and MQTT, and gives other programs credentials, secrets and tokens.",
    );
    page.push_str(".SH COMMANDS\n");
    COMMANDS.iter().for_each(|command| section(&mut page, command));
    page.push_str(".SH OPTIONS\n");
    paragraph(&mut page, "Each names the commands that have it. A setting's flag may be given to every command.");
    for (group, title) in GROUPS {
        // A command's own help calls these its options; here they are of all commands.
        let title = if *group == Group::Command { "Of the commands" } else { title };
        writeln!(page, ".SS {title}").unwrap();
        for option in OPTIONS.iter().filter(|option| option.group == *group && !option.flag.is_empty()) {
            one(&mut page, option);
        }
    }
    page.push_str(".SH ENVIRONMENT\n");
    paragraph(
        &mut page,
        "Every setting is also a variable: --role-alias is HOMING_ROLE_ALIAS. These variables of AWS's are read if homing's own is not set:",
    );
    let mut told = Vec::new();
    for option in OPTIONS.iter().filter(|option| option.is_configuration()) {
        for name in option.variables.iter().filter(|name| !name.starts_with("HOMING_")) {
            if told.contains(name) {
                continue;
            }
            told.push(name);
            writeln!(page, ".TP\n.B {}\n{}", escaped(name), escaped(option.help)).unwrap();
        }
    }
    page.push_str(
        ".TP\n.BR HTTPS_PROXY , \" NO_PROXY\"\nthe proxy that connections go through, and where they do not\n",
    );
    page.push_str(".SH FILES\n.TP\n.I /etc/homing/config.json\nthe settings, as JSON: \\-\\-role\\-alias is \"role_alias\", \\-\\-queue\\-dir is \"queue\": {\"dir\": ...}\n");
    page.push_str(".TP\n.I /var/lib/homing/queue\nfiles that wait for their delivery\n.TP\n.I /run/homing\ncredentials that are kept for the next run, in memory\n");
    page.push_str(".SH EXIT STATUS\n");
    for (code, what) in EXIT_CODES {
        writeln!(page, ".TP\n.B {code}\n{what}").unwrap();
    }
    page
}

fn section(page: &mut String, command: &CommandHelp) {
    writeln!(page, ".SS homing {} {}", escaped(command.name), escaped(command.arguments)).unwrap();
    let mut summary = command.summary.to_owned();
    summary[..1].make_ascii_uppercase();
    paragraph(page, &format!("{summary}."));
    for text in command.description {
        page.push_str(".PP\n");
        paragraph(page, text);
    }
    page.push_str(".PP\n.nf\n.RS\n");
    for example in command.examples {
        writeln!(page, "{}", escaped(example)).unwrap();
    }
    page.push_str(".RE\n.fi\n");
}

fn one(page: &mut String, option: &Opt) {
    page.push_str(".TP\n");
    let mut names = option.short.map(|letter| format!("\\fB\\-{letter}\\fR, ")).unwrap_or_default();
    names.push_str(&format!("\\fB\\-\\-{}\\fR", escaped(option.flag)));
    if !option.placeholder().is_empty() {
        names.push_str(&format!(" \\fI{}\\fR", escaped(&option.placeholder())));
    }
    writeln!(page, "{names}").unwrap();
    let having: Vec<&CommandHelp> =
        COMMANDS.iter().filter(|command| options_of(command).any(|other| other.id == option.id)).collect();
    let mut notes = Vec::new();
    if let Kind::Integer { minimum, maximum, .. } = option.kind {
        notes.push(format!("{minimum} to {maximum}"));
    }
    if !option.default.is_empty() && !option.is_switch() {
        notes.push(format!("default {}", option.default));
    }
    let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join("; ")) };
    paragraph(page, &format!("{}{notes}.", option.help));
    for command in having.iter().filter(|command| help_of(command, option) != option.help) {
        page.push_str(".br\n");
        paragraph(page, &format!("{}: {}.", command.name, help_of(command, option)));
    }
    if having.len() < COMMANDS.len() {
        let names: Vec<&str> = having.iter().map(|command| command.name).collect();
        page.push_str(".br\n");
        paragraph(page, &format!("[{}]", names.join(", ")));
    }
}

/// Text in lines of its own: a line of source that begins with a dot or a quote would be a request.
fn paragraph(page: &mut String, text: &str) {
    let mut column = 0;
    for word in text.split_ascii_whitespace().map(escaped) {
        if column > 0 && column + 1 + word.len() > WIDTH {
            page.push('\n');
            column = 0;
        }
        if column > 0 {
            page.push(' ');
        } else if word.starts_with(['.', '\'']) {
            page.push_str("\\&");
        }
        page.push_str(&word);
        column += 1 + word.len();
    }
    page.push('\n');
}

/// Backslashes, and hyphens that are to be copied as they are; nothing that is not ASCII.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '\\' => escaped.push_str("\\e"),
            '-' => escaped.push_str("\\-"),
            '…' => escaped.push_str("..."),
            '^' => escaped.push_str("\\(ha"),
            '~' => escaped.push_str("\\(ti"),
            '`' => escaped.push_str("\\(ga"),
            '\'' => escaped.push_str("\\(aq"),
            letter if letter.is_ascii() => escaped.push(letter),
            letter => escaped.push_str(&format!("\\[u{:04X}]", u32::from(letter))),
        }
    }
    escaped
}

const EXIT_CODES: &[(u8, &str)] = &[
    (0, "done"),
    (64, "the command line cannot be understood"),
    (65, "the data cannot be sent as they are"),
    (66, "no such file or object"),
    (69, "a server cannot be reached or trusted"),
    (73, "a file cannot be created, or the queue is full"),
    (74, "reading or writing a file failed"),
    (75, "temporary: try again; or queued"),
    (77, "refused by AWS or by the broker"),
    (78, "the configuration, the certificate or the key is wrong"),
];
/// Source lines stay short enough for a terminal.
const WIDTH: usize = 78;
