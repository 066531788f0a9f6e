//! `doctor`: looks at everything a Signalpost rests on, and says of each part how it is and what to do.
//!
//! Invariants: it changes nothing; one part that cannot be looked at does not keep the others from it; the exit status is
//! 1 if anything is a problem.

mod check;
mod configured;
mod database;
mod reach;

use serde_json::json;
use signalpost_storage::Storage;

use crate::cli::Doctor;
use crate::config::Settings;
use crate::exit::{Failure, Status};
use crate::output;
use crate::process::{self, Role};
use check::{Check, Verdict};

pub(crate) async fn run(settings: &Settings, args: &Doctor, is_json: bool) -> anyhow::Result<()> {
    let mut checks = vec![Check::good("settings", "they can be read")];
    match process::storage(settings, Role::Both) {
        Err(error) => {
            let advice = "give the address of a database";
            checks.push(Check::problem("database", format!("{error:#}"), advice));
        }
        Ok(storage) => look_at_database(&storage, settings, &mut checks).await,
    }
    checks.extend(reach::processes(settings).await);
    checks.push(reach::control(&args.connection).await);
    show(&checks, is_json);
    let is_bad = checks.iter().any(|check| check.verdict == Verdict::Problem);
    if is_bad { Err(Failure::shown(Status::Failed)) } else { Ok(()) }
}

async fn look_at_database(storage: &Storage, settings: &Settings, checks: &mut Vec<Check>) {
    if let Err(error) = storage.reach().await {
        checks.push(database::unreachable(error));
        return;
    }
    checks.push(Check::good("database", "it answers, with the schema of this build"));
    checks.extend(database::look(storage).await);
    checks.extend(configured::look(storage, settings).await);
}

fn show(checks: &[Check], is_json: bool) {
    if is_json {
        let checks: Vec<_> = checks.iter().map(Check::as_json).collect();
        output::document(&json!({ "checks": checks }));
        return;
    }
    for check in checks {
        output::line(check.as_text());
    }
}
