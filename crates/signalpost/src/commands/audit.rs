//! `audit`: who changed what, newest first.

use signalpost_proto::v1::{AuditEntry, ListAuditRequest};

use crate::cli::Audit;
use crate::control::{Control, all};
use crate::json;
use crate::listing::Listing;
use crate::output::look::Look;
use crate::output::measure;
use crate::output::table::Cell;

const AUDIT: Listing<AuditEntry> = Listing {
    name: "entries",
    item: json::audit_entry,
    titles: &["done (UTC)", "actor", "action", "subject", "detail"],
    row,
    none: "nothing was done there",
};

pub(crate) async fn run(args: &Audit, is_json: bool) -> anyhow::Result<()> {
    let control = Control::connect(&args.connection).await?;
    let listed = all(args.lately.limit, async |page_size, page_token| {
        let request = ListAuditRequest {
            parent: args.parent.parent.clone().unwrap_or_default(),
            since: args.lately.since.map(measure::timestamp),
            page_size,
            page_token,
        };
        let page = control.answer(control.client().list_audit(request).await).await?;
        Ok((page.entries, page.next_page_token))
    });
    AUDIT.show(&listed.await?, is_json);
    Ok(())
}

fn row(entry: &AuditEntry) -> Vec<Cell> {
    let detail = if entry.detail_json == "{}" { "" } else { &entry.detail_json };
    vec![
        Cell::new(measure::at(entry.done_at)),
        Cell::new(&entry.actor).look(Look::Strong),
        Cell::new(&entry.action),
        Cell::new(&entry.subject),
        Cell::new(detail).look(Look::Faint),
    ]
}
