//! Binaries: which installation of Postgres is used.
//!
//! Invariant: a folder counts only if both programs answer there to the user that will run them, with a version that
//! the schema needs; scripts that stand for them come last, since distributions' wrappers refuse to start a server.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::{StartError, install};

/// The oldest version whose features the schema uses (lz4 for large values).
const OLDEST: u32 = 14;

/// Where distributions put versions beside each other: the parent, what the version's folder is called, what follows.
const VERSIONED: [(&str, &str, &str); 6] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"), // the prefix that Homebrew documents for Linux
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// A folder that holds a usable `initdb` and `postgres`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    folder: PathBuf,
    version: u32,
}

impl Binaries {
    /// Every usable installation, the best first; installs one if there is none, and says what it does.
    pub(crate) fn find_or_install(
        account: Account,
        say: &mut dyn FnMut(&str),
    ) -> Result<Vec<Binaries>, StartError> {
        let found = Binaries::find(account);
        if !found.is_empty() {
            return Ok(found);
        }
        install::install(account, say)
    }

    /// Every usable installation, the best first.
    pub(crate) fn find(account: Account) -> Vec<Binaries> {
        let mut found: Vec<(bool, Binaries)> = Vec::new();
        for folder in candidates() {
            if found.iter().any(|(_, known)| known.folder == folder) {
                continue;
            }
            if let Some(binaries) = Binaries::probe(&folder, account) {
                found.push((is_script(&binaries.program("initdb")), binaries));
            }
        }
        found.sort_by_key(|(script, _)| *script);
        found.into_iter().map(|(_, binaries)| binaries).collect()
    }

    pub(crate) fn probe(folder: &Path, account: Account) -> Option<Binaries> {
        if !account.reaches(&folder.join("postgres")) {
            return None;
        }
        version(&folder.join("initdb"), account)?;
        let version = version(&folder.join("postgres"), account)?;
        (version >= OLDEST).then(|| Binaries { folder: folder.to_owned(), version })
    }

    /// The path of one of its programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The major version.
    pub fn version(&self) -> u32 {
        self.version
    }
}

/// Folders that may hold Postgres' programs: those on the path first, then newer versions before older ones.
fn candidates() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).filter_map(|folder| home(&folder)).collect();
    for (parent, prefix, rest) in VERSIONED {
        let mut versions: Vec<PathBuf> = fs::read_dir(parent)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix)))
            .collect();
        versions.sort_by_key(|path| std::cmp::Reverse(number(&path.to_string_lossy())));
        folders.extend(versions.into_iter().filter_map(|version| home(&version.join(rest))));
    }
    folders.extend(install::wheel_folders());
    folders
}

/// The folder where `initdb` really is: links on the path are followed, since it looks for `postgres` beside itself.
fn home(folder: &Path) -> Option<PathBuf> {
    let initdb = folder.join("initdb").canonicalize().ok()?;
    Some(initdb.parent()?.to_owned())
}

fn is_script(program: &Path) -> bool {
    let mut start = [0; 2];
    fs::File::open(program).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *b"#!"
}

fn version(program: &Path, account: Account) -> Option<u32> {
    let output = account.command(program).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (_, version) = text.split_once("(PostgreSQL)")?;
    output.status.success().then(|| number(version))
}

/// The first whole number in a text; 0 when it has none.
fn number(text: &str) -> u32 {
    let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_first_number() {
        assert_eq!(number(" 15.18 (Debian 15.18-0+deb12u1)"), 15);
        assert_eq!(number(" 18beta1"), 18);
        assert_eq!(number("none"), 0);
    }
}
