//! `purge`: deletes events for good, after saying how many and being told the mapping's name again.

use serde_json::json;
use signalpost_proto::v1::{PurgeRequest, PurgeWhat};

use crate::cli::{Purge, PurgeChoice};
use crate::confirm::confirm;
use crate::control::Control;
use crate::output::{self, measure};

pub(crate) async fn run(args: &Purge, is_json: bool) -> anyhow::Result<()> {
    let control = Control::connect(&args.connection).await?;
    let (what, name) = match args.what {
        PurgeChoice::Queued => (PurgeWhat::Queued, "queued"),
        PurgeChoice::Dead => (PurgeWhat::Dead, "dead"),
        PurgeChoice::Rejected => (PurgeWhat::Rejected, "rejected"),
    };
    let mut request = PurgeRequest {
        mapping: args.mapping.clone(),
        what: what.into(),
        confirm: String::new(),
        dry_run: true,
    };
    let counted = control.answer(control.client().purge(request.clone()).await).await?.events;
    let of =
        |count: i64| format!("{} of {}", measure::counted(count, &format!("{name} event")), args.mapping);
    let events = of(counted);
    if !args.dry_run {
        confirm(&args.confirm, &args.mapping, &format!("this deletes {events}"))?;
        request.confirm.clone_from(&args.mapping);
        request.dry_run = false;
        let deleted = control.answer(control.client().purge(request).await).await?.events;
        if is_json {
            output::document(
                &json!({ "mapping": args.mapping, "what": name, "events": deleted, "dry_run": false }),
            );
        } else {
            let are = if deleted == 1 { "is" } else { "are" };
            output::line(format_args!("{} {are} gone", of(deleted)));
        }
        return Ok(());
    }
    if is_json {
        output::document(
            &json!({ "mapping": args.mapping, "what": name, "events": counted, "dry_run": true }),
        );
    } else {
        output::line(format_args!("this would delete {events}; nothing was deleted (--dry-run)"));
    }
    Ok(())
}
