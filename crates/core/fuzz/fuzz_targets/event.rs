//! Any bytes as an event: what normalising edits is what parsing the edited text gives.

#![no_main]

use chrono::DateTime;
use libfuzzer_sys::fuzz_target;
use signalpost_core::event::{Event, Stamp};
use signalpost_core::json::{Limits, Numbers};

const LIMITS: Limits = Limits::new(1 << 20);

fuzz_target!(|bytes: &[u8]| {
    let mut new_message_id = || "made".to_owned();
    let mut stamp = Stamp { received_at: DateTime::UNIX_EPOCH, new_message_id: &mut new_message_id };
    let Ok(event) = Event::normalise(bytes, &LIMITS, &mut stamp) else {
        return;
    };
    let again = Event::parse(event.document().text(), &LIMITS).expect("an event stays JSON");
    assert_eq!(event.document().is_canonical(), again.document().is_canonical());
    assert_eq!(event.message_id(), again.message_id());
    assert_eq!(event.kind(), again.kind());
    let write = |event: &Event| {
        let mut out = String::new();
        event.root().write(Numbers::Ecmascript, &mut out);
        out
    };
    assert_eq!(write(&event), write(&again));
});
