//! Reference: `docs/cli.md` says what the help says. `SIGNALPOST_BLESS=1 cargo test -p signalpost reference` writes the
//! page anew.

use std::fmt::Write;
use std::path::PathBuf;

use clap::{Arg, Command, CommandFactory};

use super::Cli;

const HEAD: &str = "# Command line\n\n\
<!-- Generated from the program's own help by a test: SIGNALPOST_BLESS=1 cargo test -p signalpost reference -->\n\n\
`signalpost COMMAND --help` says the same. `source <(signalpost completions bash)` completes commands and flags; zsh, fish,\n\
elvish and PowerShell are known too.\n\n\
## Asking a server\n\n\
Commands under *Server* below talk to the control API (`admin.listen`, port 4654). Where it is and who asks:\n\n\
```sh\n\
export SIGNALPOST_SERVER=https://signalpost.example:4654 SIGNALPOST_ADMIN_TOKEN_FILE=~/.signalpost-token\n\
signalpost queue --troubled\n\
```\n\n\
What stands on the command line wins over variables, a token over a file. A token is `viewer` (reads), `operator` (also works\n\
on the queue) or `admin` (everything): `signalpost tokens create`. Secrets are never given on the command line: where one is\n\
needed, `env:NAME`, `file:PATH` or `-` (standard input) says where it is.\n\n\
A name is `source`, `source/destination` or `source/destination/mapping`; where several mappings may be meant, the first two\n\
stand for all below.\n\n\
## Output\n\n\
Tables on a terminal, aligned text in a pipe; colours only on a terminal, and not with `NO_COLOR`. With `--json`, one document:\n\
a list is `{\"lanes\": […], \"is_complete\": true}`, where `is_complete` is false when `--limit` cut it; a stream\n\
(`attempts --follow`, `receive`) is an object a line. In JSON, times are RFC 3339, durations are seconds in keys that end in `_seconds`,\n\
positions are strings (few readers keep so large numbers exactly), and what is not there is null. What is said besides (hints, progress) goes to standard error,\n\
mistakes too, in words. Where `--json` can mean nothing (`serve` and the other processes, `dev`, `completions`) it is refused.\n\n\
## Exit status\n\n\
| status | means |\n| --- | --- |\n\
| 0 | done |\n\
| 1 | failed: not found, refused by the state of things, a test that did not deliver, a problem found by `doctor` |\n\
| 64 | wrong usage or settings |\n\
| 65 | wrong input: a destinations file, a mapping, an event |\n\
| 69 | a server or the database did not answer, or is something else |\n\
| 77 | the token is not accepted, or its role may not do this |\n";

#[test]
fn the_page_of_commands_is_fresh() {
    let mut command = Cli::command();
    command.build();
    let mut page = HEAD.to_owned();
    page.push_str("\n## For every command\n");
    flags(&mut page, command.get_arguments().filter(|arg| arg.is_global_set()));
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        write_command(&mut page, sub, &format!("signalpost {}", sub.get_name()), 2);
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    if std::env::var_os("SIGNALPOST_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "docs/cli.md is stale: SIGNALPOST_BLESS=1 cargo test -p signalpost reference");
}

fn write_command(page: &mut String, command: &Command, name: &str, level: usize) {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let end = if about.ends_with('?') { "" } else { "." };
    let _ = writeln!(page, "\n{} {name}\n\n{about}{end}", "#".repeat(level));
    let ours: Vec<&Arg> = command.get_arguments().filter(|arg| !arg.is_global_set()).collect();
    let is_asking = command.get_arguments().any(|arg| arg.get_id() == "server");
    if is_asking && level == 2 {
        let _ = writeln!(
            page,
            "\nAsks a server: `--server`, `--token-file`, `--ca-file`, `--client-cert-file`, `--client-key-file`."
        );
    }
    if !is_asking && command.get_arguments().any(|arg| arg.get_id() == "ca_file") {
        let _ = writeln!(page, "\nOver TLS: `--ca-file`, `--client-cert-file`, `--client-key-file`.");
    }
    flags(page, ours.into_iter());
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        write_command(page, sub, &format!("{name} {}", sub.get_name()), level + 1);
    }
}

fn flags<'a>(page: &mut String, args: impl Iterator<Item = &'a Arg>) {
    let rows: Vec<String> = args
        .filter(|arg| !matches!(arg.get_long(), Some("help" | "version")) && !arg.is_hide_set())
        .map(row)
        .collect();
    if !rows.is_empty() {
        let _ = writeln!(page, "\n| | |\n| --- | --- |\n{}", rows.join("\n"));
    }
}

fn row(arg: &Arg) -> String {
    let values: Vec<String> =
        arg.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect();
    let takes_value = arg.get_action().takes_values();
    let name = match (arg.get_long(), takes_value) {
        (Some(long), true) => {
            let short = arg.get_short().map(|short| format!("-{short}, ")).unwrap_or_default();
            format!("{short}--{long} {}", values.join(" "))
        }
        (Some(long), false) => format!("--{long}"),
        (None, _) => values.join(" "),
    };
    let mut help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let choices: Vec<String> =
        arg.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    if takes_value && !choices.is_empty() {
        let _ = write!(help, " ({})", choices.join(", "));
    }
    if let Some(variable) = arg.get_env() {
        let _ = write!(help, "; `{}` in the environment", variable.to_string_lossy());
    }
    let defaults = arg.get_default_values();
    if takes_value && !defaults.is_empty() && !arg.is_hide_default_value_set() {
        let default: Vec<_> = defaults.iter().map(|value| value.to_string_lossy()).collect();
        let _ = write!(help, "; default `{}`", default.join(" "));
    }
    format!("| `{name}` | {} |", help.replace('|', "\\|"))
}
