//! Every surprise of §3.7 has its remark, and what is well written has none.

use super::*;

/// The remarks that are no notes.
fn warnings(query: &str) -> Vec<Lint> {
    let mut lints = lint(query);
    lints.retain(|lint| lint.severity > Severity::Note);
    lints
}

#[track_caller]
fn assert_warns(query: &str, at: &str, message: &str, help: &str) {
    let lints = warnings(query);
    let found = lints.iter().any(|lint| {
        &query[lint.span.clone()] == at
            && lint.message.contains(message)
            && lint.help.as_deref().unwrap_or_default().contains(help)
    });
    assert!(found, "{query}: {lints:#?}");
}

#[track_caller]
fn assert_notes(query: &str, message: &str) {
    assert_eq!(warnings(query), [], "{query}");
    let lints = lint(query);
    assert!(lints.iter().any(|lint| lint.message.contains(message)), "{query}: {lints:#?}");
}

#[test]
fn what_segments_editor_writes_needs_no_remark() {
    for query in [
        "type = \"track\"",
        "type = \"track\" and event = \"Order Completed\"",
        "type = \"track\" or type = \"identify\" or type = \"page\"",
        "(type = \"track\" or type = \"page\") and properties.total >= 5",
        "contains(event, \"Order\") and match(properties.sku, \"AB*\") and match(traits.email, \"*.org\")",
        "userId = null or name != null or userId = true",
        "properties.tags.length > 1",
        "properties.tags.\\0 = \"x\" and properties.with\\ space != \"y\"",
        "context.active = false and properties.n = -5",
    ] {
        assert_eq!(lint(query), [], "{query}");
    }
}

#[test]
fn values_that_are_not_what_they_seem() {
    assert_warns("type = 'track'", "'track'", "single quotes are part", "\"track\"");
    assert_warns("type == \"track\"", "type ==", "compares with the text `=`", "type = ");
    assert_warns("type =", "type =", "text `eos`", "type = ");
    assert_warns("type = track", "track", "the text `track`", "\"track\"");
    assert_warns("userId = 5", "userId = 5", "with the text `5`", "\"5\"");
    assert_warns("event = null", "event = null", "only when `event` is the text", "");
    assert_warns("type != null", "type != null", "always holds", "");
    assert_warns(
        "properties.flag != true",
        "properties.flag != true",
        "also for the boolean true",
        "= false",
    );
    assert_warns("properties.t = ab", "ab", "read as `a`", "double quotes");
    assert_warns("type > 5", "type > 5", "never holds", "");
    assert_warns("properties.n > \"5\"", "properties.n > \"5\"", "number 5", "> 5");
    assert_warns("properties.n > abc", "abc", "text `abc`", "");
    assert_warns("properties.n > -", "-", "no number", "");
    assert_notes("properties.n != 5", "missing or no number");
    assert_notes("properties.n != \"5\"", "also for the number 5");
    assert_notes("properties.n = \"5\"", "never for the number 5");
    assert_notes("properties.a.b = null", "also when `properties.a` is 0");
}

#[test]
fn operators_stuck_to_their_values() {
    assert_warns("properties.n <=10", "properties.n <=", "never holds", "a blank after `<=`");
    assert_warns("properties.n !=\"x\"", "!=\"", "followed by a blank", "blank after `!=`");
    assert_warns("properties.count>5", "count>", "cannot stand right after", "blank");
    assert_warns("properties.tags[0] = \"x\"", "tags[", "cannot stand", ".\\0");
}

#[test]
fn lists_that_are_joined_otherwise() {
    let mixed = "type = \"a\" and event = \"b\" or name = \"c\"";
    assert_warns(mixed, "or", "joined by `or`", "a and (b or c)");
    assert!(
        lint(mixed)
            .iter()
            .any(|lint| lint.message.ends_with("read as: type = \"a\" or event = \"b\" or name = \"c\""))
    );
    assert_warns("type = \"a\" AND event = \"x\"", "AND", "`AND` is no joining word", "`and`");
    assert_warns("type = \"a\" OR event = \"x\"", "OR", "joined by", "`or`");
    assert_warns("type = \"a\", event = \"x\"", ",", "skipped", "`and` or `or`");
    assert_warns("type = \"a\" event = \"x\"", "event", "type = \"a\" and event = \"x\"", "");
    assert_warns("type = \"a\" and", "", "read as: type = \"a\"", "");
    assert_warns("type = \"track\";", "\";", "read again", "remove what follows");
    assert_warns("type = \"track\"; event = \"x\"", "\"track\"", "read again", "blank");
}

#[test]
fn parentheses_and_negations() {
    assert_warns("!(type = \"a\")", "!", "ignored", "`!=`");
    assert_warns("!type = \"a\"", "!", "ignored", "`!=`");
    assert_warns("not type = \"a\"", "not", "not negated", "`!=`");
    assert_warns("(type = \"a\" and (event = \"b\" or name = \"c\"))", "(", "inside another", "one level");
    let cut = "(contains(event, \"x\") and type = \"a\") or name = \"b\"";
    assert_warns(cut, "(contains(event, \"x\")", "ends the parentheses", "outside of parentheses");
    assert_warns("() and type = \"a\"", "()", "not delivered", "remove");
    assert_notes("!contains(properties.s, \"x\")", "does not hold when");
}

#[test]
fn functions_and_their_arguments() {
    assert_warns("match(event, \"abc\")", "\"abc\"", "ends with `bc`", "event = \"abc\"");
    assert_warns("match(event, \"*abc*\")", "\"*abc*\"", "starts with `*abc`", "contains(event, \"abc\")");
    assert_warns("match(event, \"a*b*\")", "\"a*b*\"", "starts with `a*b`", "contains");
    assert_notes("match(event, \"*\")", "every text");
    assert_warns("contains(type, \"x\")", "contains(type, \"x\")", "no condition", "type = \"track\"");
    assert_warns("contains(event, 'x')", "'x'", "single quotes", "\"x\"");
    assert_warns("contains(event, x)", "x", "without quotes", "\"x\"");
    assert_warns("contains(propertiesx, \"x\")", "propertiesx", "of `properties`", "properties.");
    assert_warns(
        "event contains \"x\"",
        "event contains \"x\"",
        "only by its text",
        "contains(event, \"x\")",
    );
    assert_warns("event starts_with \"x\"", "event starts_with \"x\"", "only by its text", "\"x*\"");
    assert_warns("event likes \"x\"", "event likes \"x\"", "never holds", "contains and match");
    assert_warns("length(event) > 3 and type = \"a\"", "length", "skipped", "contains and match");
}

#[test]
fn fields_that_are_read_otherwise_or_not_at_all() {
    assert_warns("event.x = \"a\"", "event.x", "reads `event`", "`event`");
    assert_warns("properties = \"x\"", "properties", "`properties.properties`", "properties.total");
    assert_warns("properties.a\\.b = \"x\"", "properties.a\\.b", "separates", "");
    assert_warns("anonymousId = \"a\"", "anonymousId = \"a\"", "cannot read", "type, event");
    assert_warns("anonymousId = \"a\"", "anonymousId = \"a\"", "no condition", "write a condition");
}

#[test]
fn an_empty_trigger_is_an_error() {
    assert_eq!(lint("")[0].severity, Severity::Error);
    assert_eq!(lint(" ")[0].severity, Severity::Error);
}

/// Texts made of what triggers are made of.
fn any_query() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let part = prop::sample::select(vec![
        "type",
        "event",
        "name",
        "userId",
        "properties.a",
        "traits.b\\.c",
        "context",
        "anonymousId",
        "contains(",
        "match(",
        "!contains(",
        "!",
        "(",
        ")",
        ",",
        "=",
        "!=",
        "<",
        ">=",
        "==",
        "and",
        "or",
        "AND",
        "null",
        "true",
        "\"x\"",
        "\"*x*\"",
        "'y'",
        "\"",
        "5",
        "-",
        "1.",
        "[0]",
        ".",
        ";",
        "\r",
        "é",
        "\\😀",
        "an",
        "contains",
        "exists",
    ]);
    let blank = prop::sample::select(vec!["", " ", " ", "\n"]);
    prop::collection::vec((part, blank), 0..14)
        .prop_map(|parts| parts.into_iter().flat_map(|(part, blank)| [part, blank]).collect())
}

proptest::proptest! {
    #[test]
    fn whoever_leaves_the_strict_grammar_is_told(query in any_query()) {
        let lints = lint(&query);
        for lint in &lints {
            proptest::prop_assert!(query.get(lint.span.clone()).is_some(), "{:?}", lint);
        }
        let is_refused = crate::trigger::Trigger::parse(&query).is_err();
        let is_strict = tokens(&query).is_ok_and(|tokens| strict::departure(&tokens).is_none());
        proptest::prop_assert!(!(is_refused && is_strict));
        let worst = lints.iter().map(|lint| lint.severity).max();
        proptest::prop_assert_eq!(worst == Some(Severity::Error), is_refused);
        if !is_refused && !is_strict {
            proptest::prop_assert_eq!(worst, Some(Severity::Warning));
        }
    }
}
