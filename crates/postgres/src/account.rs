//! Account: who runs Postgres, which refuses to run as root.
//!
//! Invariant: an unprivileged process changes nothing about users; root always steps down.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{StartError, step};

/// Where root keeps what must be reachable for an unprivileged user.
const SHARED: &str = "/var/lib/signalpost";

/// Variables that would change what Postgres' own programs do.
const FOREIGN: [&str; 8] =
    ["PGDATA", "PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGOPTIONS", "PGTZ"];

/// Ourselves, or the user that root steps down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    Ourselves,
    Other { uid: u32, gid: u32 },
}

impl Account {
    pub(crate) fn choose() -> Result<Account, StartError> {
        if !is_root()? {
            return Ok(Account::Ourselves);
        }
        let passwd = fs::read_to_string("/etc/passwd").map_err(step("reading /etc/passwd".to_owned()))?;
        ["postgres", "_postgres", "nobody"]
            .iter()
            .find_map(|name| entry(&passwd, name))
            .ok_or(StartError::NoAccount)
    }

    /// A command that runs as this account, from a folder that it may enter.
    pub(crate) fn command(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").env("LC_ALL", "C");
        for name in FOREIGN {
            command.env_remove(name);
        }
        if let Account::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// A folder that this account can reach and write: the wanted one, or one that stands for it.
    pub(crate) fn folder(self, wanted: &Path) -> Result<PathBuf, StartError> {
        let make = |folder: &Path| {
            fs::create_dir_all(folder).map_err(step(format!("making the folder {}", folder.display())))
        };
        make(wanted)?;
        let wanted =
            wanted.canonicalize().map_err(step(format!("finding the folder {}", wanted.display())))?;
        let Account::Other { uid, gid } = self else { return Ok(wanted) };
        let folder = if self.reaches(&wanted) { wanted } else { stand_in(&wanted) };
        make(&folder)?;
        chown(&folder, Some(uid), Some(gid))
            .map_err(step(format!("giving the folder {} to the user of Postgres", folder.display())))?;
        Ok(folder)
    }

    /// Whether every folder above `path` lets this account through.
    pub(crate) fn reaches(self, path: &Path) -> bool {
        let Account::Other { uid, gid } = self else { return true };
        path.ancestors()
            .skip(1)
            .all(|folder| fs::metadata(folder).is_ok_and(|found| may_enter(&found, uid, gid)))
    }
}

fn may_enter(folder: &Metadata, uid: u32, gid: u32) -> bool {
    let bit = match () {
        () if folder.uid() == uid => 0o100,
        () if folder.gid() == gid => 0o010,
        () => 0o001,
    };
    folder.mode() & bit != 0
}

/// `/srv/shop/.signalpost/postgres` is kept in `/var/lib/signalpost/srv-shop-.signalpost-postgres`.
fn stand_in(wanted: &Path) -> PathBuf {
    let name = wanted.to_string_lossy().trim_matches('/').replace('/', "-");
    Path::new(SHARED).join(name)
}

/// A file that we make belongs to whom we are: so it goes on every Unix, without a system call of our own.
fn is_root() -> Result<bool, StartError> {
    let probe = tempfile::tempfile().map_err(step("making a temporary file".to_owned()))?;
    let found = probe.metadata().map_err(step("reading a temporary file".to_owned()))?;
    Ok(found.uid() == 0)
}

fn entry(passwd: &str, name: &str) -> Option<Account> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    let (uid, gid) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(Account::Other { uid, gid })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_user_is_found_by_the_whole_name() {
        let passwd =
            "postgresql:x:7:7::/:/bin/sh\npostgres:x:101:104:admin,,,:/var/lib/postgresql:/bin/bash\n";
        assert_eq!(entry(passwd, "postgres"), Some(Account::Other { uid: 101, gid: 104 }));
        assert_eq!(entry(passwd, "nobody"), None);
    }

    #[test]
    fn a_folder_that_others_may_not_enter_is_not_reached() {
        let closed = tempfile::tempdir().unwrap();
        fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let stranger = Account::Other { uid: 61_234, gid: 61_234 };
        assert!(!stranger.reaches(&closed.path().join("data")));
        assert!(stranger.reaches(Path::new("/usr/bin")));
    }
}
