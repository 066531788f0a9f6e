//! `rejected`: events that a mapping wanted and could not map.

use signalpost_proto::v1::{ListRejectedEventsRequest, RejectedEvent};

use crate::cli::Rejected;
use crate::control::{Control, all};
use crate::json;
use crate::listing::Listing;
use crate::output::look::Look;
use crate::output::measure;
use crate::output::table::Cell;

const REJECTED: Listing<RejectedEvent> = Listing {
    name: "rejected_events",
    item: json::rejected_event,
    titles: &["rejected (UTC)", "mapping", "message id", "at", "reason"],
    row,
    none: "no such events",
};

const WITH_EVENTS: Listing<RejectedEvent> = Listing {
    titles: &["rejected (UTC)", "mapping", "message id", "at", "reason", "event"],
    row: row_with_event,
    ..REJECTED
};

pub(crate) async fn run(args: &Rejected, is_json: bool) -> anyhow::Result<()> {
    let control = Control::connect(&args.connection).await?;
    let listed = all(args.lately.limit, async |page_size, page_token| {
        let request = ListRejectedEventsRequest {
            parent: args.parent.parent.clone().unwrap_or_default(),
            since: args.lately.since.map(measure::timestamp),
            page_size,
            page_token,
        };
        let page = control.answer(control.client().list_rejected_events(request).await).await?;
        Ok((page.rejected_events, page.next_page_token))
    });
    let listing = if args.events { &WITH_EVENTS } else { &REJECTED };
    listing.show(&listed.await?, is_json);
    Ok(())
}

fn row(event: &RejectedEvent) -> Vec<Cell> {
    vec![
        Cell::new(measure::at(event.rejected_at)),
        Cell::new(&event.mapping).look(Look::Strong),
        Cell::new(&event.message_id),
        Cell::new(&event.path),
        Cell::new(&event.reason),
    ]
}

fn row_with_event(event: &RejectedEvent) -> Vec<Cell> {
    let mut cells = row(event);
    cells.push(Cell::new(&event.event_json));
    cells
}
