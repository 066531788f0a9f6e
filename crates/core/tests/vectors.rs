//! The public conformance vectors, run through the code of the example program `conformance`.

#[path = "../examples/conformance/vectors.rs"]
mod vectors;

use std::collections::BTreeMap;
use std::path::Path;

/// Vectors that fail for a reason that is known: id and reason. One that passes does not belong here.
const KNOWN: &[(&str, &str)] = &[];

/// How many cases of each kind there are: a file that is cut short would pass too easily.
const COUNTS: [(&str, usize); 5] =
    [("fql", 2537), ("liquid", 252), ("mapping", 2149), ("signature", 23), ("validate", 807)];

#[test]
fn all_vectors_pass_but_those_that_are_known() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut tallies = BTreeMap::new();
    for (kind, _) in COUNTS {
        vectors::run_file(&folder.join(format!("{kind}.ndjson")), &mut tallies).unwrap();
    }
    for (kind, count) in COUNTS {
        let tally = &tallies[kind];
        assert_eq!(tally.passed + tally.failures.len(), count, "{kind}");
    }
    let failures: Vec<_> = tallies.values().flat_map(|tally| &tally.failures).collect();
    for failure in &failures {
        let is_known = KNOWN.iter().any(|(id, _)| *id == failure.id);
        assert!(is_known, "{}: expected {}, got {}", failure.id, failure.expected, failure.actual);
    }
    for (id, reason) in KNOWN {
        assert!(failures.iter().any(|failure| failure.id == *id), "{id} passes: {reason} no longer holds");
    }
}
