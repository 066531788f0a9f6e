//! Help of the program as a whole: its commands, by what they are for.
//!
//! Invariant: every command stands in one group, with the words of its own help; a test says so.

use std::ffi::OsString;
use std::fmt::Write;
use std::io::IsTerminal;

use clap::{Command, CommandFactory, Error, FromArgMatches};

use super::{Cli, STYLES};

/// Commands by purpose.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Run", &["serve", "ingest", "dispatcher", "admin", "migrate", "config", "health"]),
    ("Configure", &["apply", "export", "sources", "destinations", "mappings", "keys", "tokens"]),
    ("Look", &["queue", "top", "attempts", "explain", "dead", "rejected", "audit", "doctor"]),
    ("Operate", &["redrive", "pause", "resume", "retry", "purge", "test"]),
    ("Develop", &["dev", "preview", "send", "receive", "completions", "help"]),
];
/// As wide as the rest of the help.
const WIDTH_MAX: usize = 100;
/// What clap writes, with our commands in the middle.
const BEGIN: &str = "{about-with-newline}\n{usage-heading} signalpost [OPTIONS] <COMMAND>\n";
const END: &str = "\n\n{all-args}{after-help}";

/// The command line as it was given.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Cli, Error> {
    let mut command = grouped(Cli::command());
    let matches = command.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// The same command whose help tells its subcommands by group. They are hidden from the one list that clap would make.
fn grouped(command: Command) -> Command {
    let terminal = std::io::stdout().is_terminal().then(crossterm::terminal::size);
    let width = terminal.and_then(Result::ok).map_or(WIDTH_MAX, |(columns, _)| usize::from(columns));
    let mut built = command.clone();
    built.build();
    let list = list(&built, width.clamp(40, WIDTH_MAX));
    command
        .help_template(format!("{BEGIN}{list}{END}"))
        .override_usage("signalpost [OPTIONS] <COMMAND>")
        .mut_subcommands(|command| command.hide(true))
}

fn list(command: &Command, width: usize) -> String {
    let (header, literal) = (STYLES.get_header(), STYLES.get_literal());
    let longest = command.get_subcommands().map(|one| one.get_name().len()).max().unwrap_or_default();
    let mut list = String::new();
    for (group, names) in GROUPS {
        let _ = write!(list, "\n{header}{group}:{header:#}");
        for one in names.iter().filter_map(|name| command.find_subcommand(name)) {
            let name = one.get_name();
            let about = one.get_about().map(ToString::to_string).unwrap_or_default();
            let indent = longest + 4;
            let gap = " ".repeat(longest - name.len() + 2);
            let about = wrapped(&about, width - indent).join(&format!("\n{:indent$}", ""));
            let _ = write!(list, "\n  {literal}{name}{literal:#}{gap}{about}");
        }
        list.push('\n');
    }
    list.truncate(list.trim_end().len());
    list
}

/// Lines of at most so many characters, broken between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is one");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_stands_in_one_group() {
        let mut command = Cli::command();
        command.build();
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        let mut real: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
        grouped.sort_unstable();
        real.sort_unstable();
        assert_eq!(grouped, real);
    }

    #[test]
    fn a_long_line_is_broken_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("immeasurable", 3), ["immeasurable"]);
    }
}
