//! Any Liquid template and any `@template` on any event: no panic, no stack overflow, no long stall.

#![no_main]

use libfuzzer_sys::fuzz_target;
use signalpost_core::json::{Document, Limits};
use signalpost_core::mapping::Mapping;

fuzz_target!(|input: (&str, &str)| {
    let (template, json) = input;
    let Ok(event) = Document::parse(json.to_owned(), &Limits::new(1 << 16)) else { return };
    for directive in ["@liquid", "@template"] {
        let mapping = serde_json::json!({ directive: template });
        let mapping = Mapping::compile(&mapping).expect("a template is a string");
        let mut out = String::new();
        if mapping.write(&event, &mut out).is_err() {
            assert_eq!(out, "");
        }
    }
});
