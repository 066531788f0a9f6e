//! Frame: what the screen shows: a line about all lanes, the lanes, the last failures.

use signalpost_proto::v1::{Attempt, Lane};

use crate::commands::{attempts, queue};
use crate::output::look::Look;
use crate::output::table;
use crate::output::{measure, one_line};

/// Troubled lanes first.
pub(super) fn rank(lane: &Lane) -> u8 {
    match lane.state.as_str() {
        "open" | "full" | "no dispatcher" => 0,
        "retrying" => 1,
        "paused" => 2,
        _ if lane.dead_events > 0 => 3,
        "delivering" => 4,
        _ => 5,
    }
}

/// The lines of a screen of this height.
pub(super) fn lines(
    lanes: &[Lane],
    failures: &[Attempt],
    trouble: Option<&str>,
    height: usize,
) -> Vec<String> {
    let mut out = vec![headline(lanes), String::new()];
    if let Some(trouble) = trouble {
        out.push(Look::Bad.paint(one_line(trouble)));
    }
    let below = failures.len().min(height / 3);
    let lanes_max = height.saturating_sub(out.len() + if below > 0 { below + 2 } else { 0 });
    let rows = lanes.iter().take(lanes_max).map(queue::row).collect();
    out.extend(table::render(queue::TITLES, rows).lines().take(lanes_max).map(str::to_owned));
    if below > 0 {
        out.push(String::new());
        out.push(Look::Strong.paint("last failures (UTC)"));
        out.extend(failures.iter().take(below).map(attempts::as_line));
    }
    out.truncate(height);
    out
}

fn headline(lanes: &[Lane]) -> String {
    let troubled = lanes.iter().filter(|lane| rank(lane) < 4).count();
    let events: i64 = lanes.iter().map(|lane| lane.events).sum();
    let dead: i64 = lanes.iter().map(|lane| lane.dead_events).sum();
    let rate: f64 = lanes.iter().map(|lane| lane.delivered_per_second).sum();
    let look = if troubled > 0 { Look::Bad } else { Look::Good };
    format!(
        "{} lanes, {}; {} events wait, {} delivered, {} dead   (q ends)",
        lanes.len(),
        look.paint(format_args!("{troubled} troubled")),
        measure::count(events),
        measure::rate(rate),
        measure::count(dead),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(state: &str, dead_events: i64) -> Lane {
        Lane {
            mapping: format!("a/b/{state}"),
            state: state.into(),
            enabled: true,
            dead_events,
            ..Lane::default()
        }
    }

    #[test]
    fn trouble_comes_first_and_everything_fits() {
        let mut lanes = vec![
            lane("empty", 0),
            lane("delivering", 0),
            lane("retrying", 0),
            lane("open", 0),
            lane("empty", 3),
        ];
        lanes.sort_by_key(rank);
        let states: Vec<(&str, i64)> =
            lanes.iter().map(|lane| (lane.state.as_str(), lane.dead_events)).collect();
        assert_eq!(states, [("open", 0), ("retrying", 0), ("empty", 3), ("delivering", 0), ("empty", 0)]);
        let failures = vec![Attempt::default(); 10];
        for height in [1, 5, 12, 40] {
            assert!(lines(&lanes, &failures, Some("no server"), height).len() <= height);
        }
        let shown = lines(&lanes, &[], None, 40).join("\n");
        let shown = anstream::adapter::strip_str(&shown).to_string();
        assert!(shown.starts_with("5 lanes, 3 troubled; 0 events wait"), "{shown}");
    }
}
