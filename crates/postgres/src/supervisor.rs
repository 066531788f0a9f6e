//! Supervisor: a shell that runs the server and outlives us just long enough to end it.
//!
//! Invariant: the pipe's writing end is held by this process alone (it is closed on exec), so that the shell sees the
//! end of its input exactly when this process has ended, also by SIGKILL.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::account::Account;

/// The words of `supervise.sh`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Word {
    Start,
    Stop,
    Kill,
}

impl Word {
    fn text(self) -> &'static str {
        match self {
            Word::Start => "start",
            Word::Stop => "stop",
            Word::Kill => "kill",
        }
    }
}

/// Files that the shell needs to know.
pub(crate) struct Places<'a> {
    pub(crate) log: &'a Path,
    pub(crate) mark: &'a Path,
    /// Removed at the end.
    pub(crate) remove: Option<&'a Path>,
}

#[derive(Debug)]
pub(crate) struct Supervisor {
    child: Child,
    /// Taken when it is closed.
    words: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Supervisor {
    /// A shell that will run `server`; nothing is started yet.
    pub(crate) fn spawn(account: Account, places: &Places<'_>, server: &Command) -> io::Result<Supervisor> {
        let mut shell = account.command("/bin/sh");
        shell
            .args(["-c", include_str!("supervise.sh"), "signalpost-postgres"])
            .arg(places.log)
            .arg(places.mark)
            .arg(places.remove.unwrap_or(Path::new("")))
            .arg(server.get_program())
            .args(server.get_args())
            .process_group(0) // Ctrl-C at a terminal is for us, not for the server
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = shell.spawn()?;
        let words = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("standard output is piped"));
        Ok(Supervisor { child, words, answers })
    }

    /// Says a word and waits until it is done. Answers the server's process id, while one runs.
    pub(crate) fn say(&mut self, word: Word) -> io::Result<Option<u32>> {
        let words = self.words.as_mut().expect("open until the end");
        writeln!(words, "{}", word.text())?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        let ended = || io::Error::other("the supervisor of Postgres ended");
        let pid = answer.trim().strip_prefix("done").ok_or_else(ended)?;
        Ok(pid.trim().parse().ok())
    }

    /// Ends the server and waits for it.
    pub(crate) fn end(&mut self) {
        drop(self.words.take());
        let _ = self.child.wait();
    }
}
