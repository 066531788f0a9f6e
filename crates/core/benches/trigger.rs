//! What a trigger costs on a parsed event.
//!
//! Run with `cargo bench -p signalpost-core --bench trigger`.

use divan::{Bencher, black_box, counter::ItemsCount};
use signalpost_core::event::Event;
use signalpost_core::json::Limits;
use signalpost_core::trigger::Trigger;

const EVENT: &str = include_str!("events/track.json");

const TRIGGERS: &[&str] = &[
    "type = \"track\" and event = \"Order Completed\"",
    "type = \"identify\" or type = \"page\"",
    "properties.total > 20 and properties.currency = \"USD\"",
    "contains(event, \"Completed\") and !match(context.page.path, \"/admin*\")",
];

fn main() {
    divan::main();
}

#[divan::bench(args = TRIGGERS)]
fn matches(bencher: Bencher<'_, '_>, query: &str) {
    let event = Event::parse(EVENT, &Limits::new(32 * 1024)).expect("a good event");
    let trigger = Trigger::parse(query).expect("a good trigger");
    bencher.counter(ItemsCount::new(1_usize)).bench(|| black_box(&trigger).matches(black_box(&event)));
}

#[divan::bench(args = TRIGGERS)]
fn parse(query: &str) -> Trigger {
    Trigger::parse(black_box(query)).expect("a good trigger")
}
