//! Any mapping on any event: no panic, no stack overflow, no long stall; writing and resolving agree.

#![no_main]

use libfuzzer_sys::fuzz_target;
use signalpost_core::json::{Document, Limits, Numbers};
use signalpost_core::mapping::Mapping;
use signalpost_core::payload::Recipe;

fuzz_target!(|input: (&str, &str, bool)| {
    let (mapping, json, is_exact) = input;
    let numbers = if is_exact { Numbers::Exact } else { Numbers::Ecmascript };
    let Ok(fields) = serde_json::from_str::<serde_json::Value>(mapping) else { return };
    let Ok(event) = Document::parse(json.to_owned(), &Limits::new(1 << 20)) else { return };
    if let Ok(mapping) = Mapping::with_numbers(&fields, numbers) {
        let mut written = String::new();
        let is_written = mapping.write(&event, &mut written);
        // Cleaning costs something too: only what both can afford has to agree.
        if let (Ok(value), Ok(is_there)) = (mapping.resolve(&event), is_written) {
            assert_eq!(value.to_json(numbers), is_there.then_some(written));
        }
    }
    if let Ok(recipe) = Recipe::compile(&Recipe::with_defaults(fields), numbers) {
        let mut out = String::from("before");
        match recipe.write_payload(&event, &mut out) {
            Ok(_) => assert!(Document::parse(out["before".len()..].to_owned(), &Limits::new(1 << 26)).is_ok()),
            Err(_) => assert_eq!(out, "before"),
        }
    }
});
