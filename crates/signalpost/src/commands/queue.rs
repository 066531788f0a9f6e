//! `queue`: the lanes, how much waits in each, since when, in what state and why.

use signalpost_proto::v1::{Lane, ListLanesRequest};

use crate::cli::Queue;
use crate::control::{Control, Listed, all};
use crate::json;
use crate::listing::Listing;
use crate::output::look::Look;
use crate::output::measure::{self, NOTHING};
use crate::output::table::Cell;

/// What the columns are called.
pub(crate) const TITLES: &[&str] =
    &["mapping", "state", "events", "oldest", "rate", "in flight", "next attempt", "dead", "why"];

const LANES: Listing<Lane> = Listing {
    name: "lanes",
    item: json::lane,
    titles: TITLES,
    row,
    none: "no such lanes: nothing is configured there, or with --troubled, all is well",
};

pub(crate) async fn run(args: &Queue, is_json: bool) -> anyhow::Result<()> {
    let control = Control::connect(&args.connection).await?;
    let parent = args.parent.parent.clone().unwrap_or_default();
    let listed = lanes(&control, &parent, args.troubled, args.limit).await?;
    LANES.show(&listed, is_json);
    Ok(())
}

/// The lanes below a name, by name.
pub(crate) async fn lanes(
    control: &Control,
    parent: &str,
    only_troubled: bool,
    limit: usize,
) -> anyhow::Result<Listed<Lane>> {
    all(limit, async |page_size, page_token| {
        let parent = parent.to_owned();
        let request = ListLanesRequest { parent, only_troubled, page_size, page_token };
        let page = control.answer(control.client().list_lanes(request).await).await?;
        Ok((page.lanes, page.next_page_token))
    })
    .await
}

/// How a lane's state looks.
pub(crate) fn state_look(state: &str) -> Look {
    match state {
        "empty" => Look::Faint,
        "delivering" => Look::Good,
        "open" | "full" | "no dispatcher" => Look::Bad,
        _ => Look::Odd,
    }
}

/// `about 12,000` when it was counted a moment ago.
pub(crate) fn events(lane: &Lane) -> String {
    let about = if lane.is_estimate && lane.events > 0 { "~" } else { "" };
    format!("{about}{}", measure::count(lane.events))
}

/// Why it is not well, else why its last attempt failed.
pub(crate) fn why(lane: &Lane) -> &str {
    if lane.why.is_empty() { &lane.last_error } else { &lane.why }
}

/// A lane as a row under the titles.
pub(crate) fn row(lane: &Lane) -> Vec<Cell> {
    let oldest = measure::duration(lane.oldest_age).map_or_else(|| NOTHING.to_owned(), measure::age);
    let state = if lane.enabled { lane.state.clone() } else { format!("{}, disabled", lane.state) };
    let dead_look = if lane.dead_events > 0 { Look::Bad } else { Look::Faint };
    let under_way =
        if lane.in_flight == 0 { "0".to_owned() } else { format!("{} of {}", lane.in_flight, lane.window) };
    vec![
        Cell::new(&lane.mapping).look(Look::Strong),
        Cell::new(state).look(state_look(&lane.state)),
        Cell::number(events(lane)),
        Cell::number(oldest),
        Cell::number(measure::rate(lane.delivered_per_second)),
        Cell::number(under_way),
        Cell::number(measure::from_now(lane.next_attempt_at)),
        Cell::number(measure::count(lane.dead_events)).look(dead_look),
        Cell::new(why(lane)),
    ]
}
