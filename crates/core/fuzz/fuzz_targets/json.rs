//! Any text: taken exactly when `serde_json` takes it, and what is written is a fixpoint that means the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use signalpost_core::json::{Document, Limits, Numbers, elements};

/// Deeper than `serde_json` goes, so that only it refuses for depth.
const LIMITS: Limits = Limits { bytes_max: 1 << 20, depth_max: 1_000 };

fn written(document: &Document, numbers: Numbers) -> String {
    let mut out = String::new();
    document.root().write(numbers, &mut out);
    out
}

fuzz_target!(|text: &str| {
    let ours = Document::parse(text.to_owned(), &LIMITS);
    let theirs = serde_json::from_str::<serde_json::Value>(text);
    let Ok(document) = ours else {
        assert!(theirs.is_err(), "refused what serde_json takes");
        return;
    };
    let canonical = written(&document, Numbers::Ecmascript);
    let again = Document::parse(canonical.clone(), &LIMITS).expect("what is written is JSON");
    assert!(again.is_canonical(), "{canonical}");
    assert_eq!(written(&again, Numbers::Ecmascript), canonical);
    assert_eq!(document.is_canonical(), canonical == text);
    let exact = written(&document, Numbers::Exact);
    let exact_again = Document::parse(exact.clone(), &LIMITS).expect("what is written is JSON");
    assert_eq!(written(&exact_again, Numbers::Exact), exact);
    assert_eq!(written(&exact_again, Numbers::Ecmascript), canonical);
    if let Ok(theirs) = theirs {
        let exact: serde_json::Value = serde_json::from_str(&exact).expect("the same numbers");
        assert_eq!(exact, theirs);
    }
    if canonical.starts_with('[') {
        let joined = elements(&canonical).collect::<Vec<_>>().join(",");
        assert_eq!(format!("[{joined}]"), canonical);
        assert_eq!(elements(&canonical).count(), again.root().len());
    }
    // Whatever the text: the parts of it that this gives must end.
    let _ = elements(text).map(str::len).sum::<usize>();
});
