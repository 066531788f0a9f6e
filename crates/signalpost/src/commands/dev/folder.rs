//! Folder: what `dev` keeps between runs.
//!
//! Invariant: files that a person may have edited are never overwritten.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use signalpost_core::secret::Secret;
use signalpost_storage::SealingKeys;

use crate::config::Settings;

const DESTINATIONS: &str = include_str!("../../../../../deploy/destinations.example.toml");

const ADMIN_TOKEN: &str = "admin-token";

pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn open(path: &Path) -> anyhow::Result<Folder> {
        fs::create_dir_all(path).with_context(|| format!("making the folder {}", path.display()))?;
        let path = path.canonicalize().with_context(|| format!("finding {}", path.display()))?;
        let folder = Folder(path);
        folder.write_new(".gitignore", "*\n")?;
        folder.write_new("destinations.toml", DESTINATIONS)?;
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn postgres(&self) -> PathBuf {
        self.0.join("postgres")
    }

    pub(super) fn destinations(&self) -> PathBuf {
        self.0.join("destinations.toml")
    }

    /// The key that seals shared secrets in the database; made the first time.
    pub(super) fn sealing_key(&self) -> anyhow::Result<Secret> {
        self.write_new("sealing-key", &SealingKeys::generate("dev"))?;
        let path = self.0.join("sealing-key");
        let key = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        Ok(Secret::new(key.trim()))
    }

    /// The token of the control API; made the first time.
    pub(super) fn admin_token(&self) -> anyhow::Result<Secret> {
        let made = format!("sp_{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
        self.write_new(ADMIN_TOKEN, &made)?;
        let path = self.admin_token_file();
        let token = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        Ok(Secret::new(token.trim()))
    }

    pub(super) fn admin_token_file(&self) -> PathBuf {
        self.0.join(ADMIN_TOKEN)
    }

    /// Settings with which other commands reach what runs here; made anew each time, since ports may differ.
    pub(super) fn write_settings(&self, settings: &Settings) -> anyhow::Result<()> {
        let text = format!(
            "# Written by `signalpost dev` at every start: `signalpost --config THIS_FILE …` reaches what runs.\n\
             [database]\nurl = {url:?}\n[grpc]\nlisten = \"{grpc}\"\n[http]\nlisten = \"{http}\"\n\
             [admin]\nlisten = \"{admin}\"\ntoken = {token:?}\n[secrets]\nsealing_keys = {keys:?}\n",
            admin = settings.admin.listen,
            token = settings.admin.token.as_ref().map_or("", Secret::expose),
            url = settings.database_url()?,
            grpc = settings.grpc.listen,
            http = settings.http.listen,
            keys = settings.secrets.sealing_keys.as_ref().map_or("", Secret::expose),
        );
        let path = self.0.join("signalpost.toml");
        let mut file = private().create(true).truncate(true).open(&path);
        let written = file.as_mut().map_err(|error| std::io::Error::from(error.kind()));
        written
            .and_then(|file| file.write_all(text.as_bytes()))
            .with_context(|| format!("writing {}", path.display()))
    }

    fn write_new(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let path = self.0.join(name);
        match private().create_new(true).open(&path) {
            Ok(mut file) => file.write_all(text.as_bytes()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
        .with_context(|| format!("writing {}", path.display()))
    }
}

/// For nobody else's eyes: the files hold keys.
fn private() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.write(true).mode(0o600);
    options
}
