//! Folder: what a server keeps: its database, its log, and what it and its supervisor say of themselves.
//!
//! Invariants: a database is either whole or not there; it is only given to a server of the version that made it.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::account::Account;
use crate::binaries::Binaries;
use crate::{StartError, step};

/// What a server says about itself in its folder; a killed one cannot take it back.
pub(crate) struct Postmaster {
    pub(crate) pid: u32,
    /// Process and start time: what tells this run from one before.
    pub(crate) run: (u32, String),
    pub(crate) port: u16,
    status: String,
}

impl Postmaster {
    pub(crate) fn read(folder: &Path) -> Option<Postmaster> {
        let text = fs::read_to_string(data(folder).join("postmaster.pid")).ok()?;
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let line = |index: usize| lines.get(index).copied().unwrap_or_default();
        let pid = line(0).parse().ok()?;
        let run = (pid, line(2).to_owned());
        Some(Postmaster { pid, run, port: line(3).parse().unwrap_or(0), status: line(7).to_owned() })
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.status == "ready"
    }
}

pub(crate) fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

pub(crate) fn log(folder: &Path) -> PathBuf {
    folder.join("log")
}

/// Holds the process id of the supervisor, while there is one.
pub(crate) fn mark(folder: &Path) -> PathBuf {
    folder.join("supervisor.pid")
}

/// A temporary folder that the account can reach, wherever `TMPDIR` points.
pub(crate) fn temporary(account: Account) -> Result<TempDir, StartError> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("signalpost-postgres-");
    let usual = std::env::temp_dir();
    let parent = if account.reaches(&usual.join("x")) { usual } else { PathBuf::from("/tmp") };
    builder.tempdir_in(&parent).map_err(step(format!("making a temporary folder in {}", parent.display())))
}

/// Makes the database, with the first installation that can; says which installation fits the database.
pub(crate) fn initialise(
    account: Account,
    installations: &[Binaries],
    folder: &Path,
    more: &[&str],
) -> Result<Binaries, StartError> {
    if let Ok(version) = fs::read_to_string(data(folder).join("PG_VERSION")) {
        let fits = installations.iter().find(|found| found.version().to_string() == version.trim());
        return fits.cloned().ok_or_else(|| StartError::Initdb {
            folder: folder.to_owned(),
            said: format!(
                "it was made by Postgres {}, which is not installed any more; install it or move the folder away",
                version.trim()
            ),
        });
    }
    let mut said = "no installation was found".to_owned();
    for binaries in installations {
        match initdb(account, binaries, folder, more)? {
            Ok(()) => return Ok(binaries.clone()),
            Err(why) => said = why,
        }
    }
    Err(StartError::Initdb { folder: folder.to_owned(), said })
}

/// In a folder beside, then renamed: a database that is half made is never taken for one.
fn initdb(
    account: Account,
    binaries: &Binaries,
    folder: &Path,
    more: &[&str],
) -> Result<Result<(), String>, StartError> {
    let fresh = folder.join("data.new");
    let _ = fs::remove_dir_all(&fresh);
    let output = account
        .command(binaries.program("initdb"))
        .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"])
        .args(more)
        .arg("-D")
        .arg(&fresh)
        .output()
        .map_err(step(format!("running {}", binaries.program("initdb").display())))?;
    if !output.status.success() {
        return Ok(Err(last_lines(&String::from_utf8_lossy(&output.stderr))));
    }
    fs::rename(&fresh, data(folder)).map_err(step(format!("naming the database in {}", folder.display())))?;
    Ok(Ok(()))
}

/// What a program said last.
pub(crate) fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(6)..].join("\n")
}
