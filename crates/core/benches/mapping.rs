//! What mapping costs: the text of a realistic track event of about 1 KB in, the text of its payload out.
//!
//! Run with `cargo bench -p signalpost-core --bench mapping`.

use divan::{Bencher, black_box, counter::ItemsCount};
use serde_json::{Value, json};
use signalpost_core::json::{Document, Limits, Numbers};
use signalpost_core::payload::Recipe;

const EVENT: &str = include_str!("events/track.json");
const LIMITS: Limits = Limits::new(32 * 1024);

fn main() {
    divan::main();
}

fn recipe(data: &Value) -> Recipe {
    let fields = json!({ "url": "https://receiver.example/hook", "method": "POST", "data": data });
    Recipe::compile(&fields, Numbers::Ecmascript).expect("a good mapping")
}

/// Twelve fields as a team would write them.
fn twelve_fields() -> Value {
    json!({
        "id": { "@path": "$.messageId" },
        "user": { "@path": "$.userId" },
        "event": { "@path": "$.event" },
        "at": { "@path": "$.timestamp" },
        "order": { "@path": "$.properties.order_id" },
        "total": { "@path": "$.properties.total" },
        "currency": { "@case": { "operator": "lower", "value": { "@path": "$.properties.currency" } } },
        "products": { "@arrayPath": ["$.properties.products", {
            "sku": { "@path": "$.sku" },
            "price": { "@path": "$.price" },
        }] },
        "title": { "@template": "{{event}} by {{userId}}" },
        "coupon": { "@if": {
            "exists": { "@path": "$.properties.coupon" },
            "then": { "@path": "$.properties.coupon" },
            "else": "none",
        } },
        "page": { "@path": "$.context.page.url" },
        "source": "signalpost",
    })
}

fn payloads(bencher: Bencher<'_, '_>, recipe: &Recipe) {
    bencher.counter(ItemsCount::new(1_usize)).bench(|| {
        let event = Document::parse(black_box(EVENT).to_owned(), &LIMITS).expect("good JSON");
        let mut out = String::with_capacity(1024);
        recipe.write_payload(&event, &mut out).expect("a good event");
        out
    });
}

/// `{"@path": "$."}`
#[divan::bench]
fn whole_event(bencher: Bencher<'_, '_>) {
    payloads(bencher, &recipe(&json!({ "@path": "$." })));
}

#[divan::bench]
fn twelve_field_mapping(bencher: Bencher<'_, '_>) {
    payloads(bencher, &recipe(&twelve_fields()));
}

/// The mapping alone, on an event that is parsed already.
#[divan::bench]
fn twelve_field_mapping_parsed(bencher: Bencher<'_, '_>) {
    let recipe = recipe(&twelve_fields());
    let event = Document::parse(EVENT.to_owned(), &LIMITS).expect("good JSON");
    bencher.counter(ItemsCount::new(1_usize)).bench(|| {
        let mut out = String::with_capacity(1024);
        recipe.write_payload(black_box(&event), &mut out).expect("a good event");
        out
    });
}

/// A Liquid template with a condition and three filters.
#[divan::bench]
fn liquid_template_parsed(bencher: Bencher<'_, '_>) {
    let template = "{% if properties.total > 20 %}{{ event | upcase }} {{ properties.total | plus: 1 | round }}{% endif %}";
    let recipe = recipe(&json!({ "text": { "@liquid": template } }));
    let event = Document::parse(EVENT.to_owned(), &LIMITS).expect("good JSON");
    bencher.counter(ItemsCount::new(1_usize)).bench(|| {
        let mut out = String::with_capacity(64);
        recipe.write_payload(black_box(&event), &mut out).expect("a good event");
        out
    });
}
