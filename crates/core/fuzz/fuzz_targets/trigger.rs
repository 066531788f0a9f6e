//! Any trigger on any event: no panic, no long stall; whoever is refused or leaves the grammar is told.

#![no_main]

use libfuzzer_sys::fuzz_target;
use signalpost_core::event::Event;
use signalpost_core::json::Limits;
use signalpost_core::trigger::{Severity, Trigger, explain, lint};

fuzz_target!(|input: (&str, &str)| {
    let (query, json) = input;
    let lints = lint(query);
    for lint in &lints {
        assert!(query.get(lint.span.clone()).is_some(), "{lint:?}");
    }
    let is_refused = lints.iter().any(|lint| lint.severity == Severity::Error);
    let Ok(trigger) = Trigger::parse(query) else {
        assert!(is_refused);
        return;
    };
    assert!(!is_refused);
    let Ok(event) = Event::parse(json, &Limits::new(1 << 20)) else {
        return;
    };
    let verdict = trigger.matches(&event);
    let explanation = explain(&trigger, &event);
    assert_eq!(explanation.matches, verdict == Ok(true));
    assert_eq!(explanation.error.is_some(), verdict.is_err());
});
