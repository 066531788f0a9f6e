//! What JSON costs: the text of a realistic track event of about 1 KB in, the text of its payload out.
//!
//! Run with `cargo bench -p signalpost-core --bench json`.

use divan::{Bencher, black_box, counter::ItemsCount};
use signalpost_core::event::{Event, Stamp};
use signalpost_core::json::{Document, Limits, Numbers, elements};

const CANONICAL: &str = include_str!("events/track.json");
const LIMITS: Limits = Limits::new(32 * 1024);

fn main() {
    divan::main();
}

/// The same event as Python's `json.dumps` writes it: a blank after each `,` and `:`, nothing beyond ASCII.
fn spaced() -> String {
    let mut out = String::new();
    let mut in_string = false;
    for character in CANONICAL.replace("Monopoly", "Mon\\u00f6poly").chars() {
        in_string ^= character == '"';
        out.push(character);
        if !in_string && matches!(character, ',' | ':') {
            out.push(' ');
        }
    }
    out
}

fn written(document: &Document) -> String {
    let mut out = String::with_capacity(document.text().len());
    document.root().write(Numbers::Ecmascript, &mut out);
    out
}

/// Parse, find out that it is canonical, copy.
#[divan::bench(sample_size = 100, sample_count = 300)]
fn canonical_event(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(1_usize)).bench(|| {
        let text = black_box(CANONICAL).to_owned();
        written(&Document::parse(text, &LIMITS).expect("good JSON"))
    });
}

/// Parse, walk and write anew.
#[divan::bench(sample_size = 100, sample_count = 300)]
fn spaced_event(bencher: Bencher<'_, '_>) {
    let spaced = spaced();
    bencher.counter(ItemsCount::new(1_usize)).bench(|| {
        let text = black_box(&spaced).clone();
        written(&Document::parse(text, &LIMITS).expect("good JSON"))
    });
}

/// Parse alone.
#[divan::bench(sample_size = 100, sample_count = 300)]
fn parse(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(1_usize)).bench(|| {
        let text = black_box(CANONICAL).to_owned();
        let document = Document::parse(text, &LIMITS).expect("good JSON");
        // Dropped here: a result that divan keeps would be paid for with fresh memory.
        document.root().kind()
    });
}

/// What ingest does to each event: check the bytes, parse, check and fill in the common fields, write.
#[divan::bench(sample_size = 100, sample_count = 300)]
fn normalise_and_write(bencher: Bencher<'_, '_>) {
    let received_at = "2026-04-26T12:00:02.000Z".parse().expect("a time");
    bencher.counter(ItemsCount::new(1_usize)).bench(|| {
        let mut new_message_id = String::new;
        let mut stamp = Stamp { received_at, new_message_id: &mut new_message_id };
        let bytes = black_box(CANONICAL).as_bytes();
        let event = Event::normalise(bytes, &LIMITS, &mut stamp).expect("a good event");
        written(event.document())
    });
}

/// The yardstick: `serde_json` reading a value and writing it.
#[divan::bench(sample_size = 100, sample_count = 300)]
fn serde_json_value(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(1_usize)).bench(|| {
        let value: serde_json::Value = serde_json::from_str(black_box(CANONICAL)).expect("good JSON");
        serde_json::to_string(&value).expect("a value has a text")
    });
}

/// Splitting a queued row of 100 events.
#[divan::bench(sample_size = 100, sample_count = 300)]
fn split_100_elements(bencher: Bencher<'_, '_>) {
    let row = format!("[{}]", [CANONICAL; 100].join(","));
    bencher
        .counter(ItemsCount::new(100_usize))
        .bench(|| elements(black_box(&row)).map(str::len).sum::<usize>());
}
