//! The trigger language, rule by rule (§3.2–3.5). The conformance vectors are run by the crate's integration tests.

use super::*;
use crate::json::Limits;

const EVENT: &str = r#"{
    "type": "track", "event": "Order Completed", "userId": "u-1", "name": null,
    "properties": {
        "total": 42, "price": 9.99, "zero": 0, "qty": "3", "gift": true, "hidden": false, "nil": null, "empty": "",
        "tags": ["x", "y"], "nest": {"deep": {"k": "v"}}, "with space": "sp", "properties": "self",
        "wide": "a😀b", "escaped": "\u0041\n", "a": "a", "n": "n", "0": "zero"
    },
    "traits": {"age": 41},
    "context": {"ip": "203.0.113.4"}
}"#;

fn event(json: &str) -> Event {
    Event::parse(json, &Limits::new(1 << 20)).unwrap()
}

fn verdict(query: &str) -> Result<bool, EvaluateError> {
    Trigger::parse(query).unwrap_or_else(|error| panic!("{query}: {error}")).matches(&event(EVENT))
}

fn assert_verdicts(cases: &[(&str, bool)]) {
    for (query, expected) in cases {
        assert_eq!(verdict(query), Ok(*expected), "{query}");
    }
}

fn fault(query: &str) -> Fault {
    match Trigger::parse(query) {
        Err(error) => error.fault,
        Ok(trigger) => panic!("{query} means {}", trigger.clause),
    }
}

#[test]
fn text_is_compared_by_its_characters() {
    assert_verdicts(&[
        ("type = \"track\"", true),
        ("type=\"track\"", true),
        ("type\n=\t\"track\"", true),
        ("type = \"Track\"", false),
        ("type != \"page\"", true),
        ("event = Order", false),
        ("type = track", true),
        ("properties.escaped = \"A\n\"", true),
        ("properties.total != \"42\"", true),
        ("properties.nope != \"x\"", true),
    ]);
}

#[test]
fn single_quotes_are_part_of_the_value() {
    assert_verdicts(&[("type = 'track'", false), ("type != 'track'", true)]);
    let quoted = event(r#"{"type":"'track'"}"#);
    let trigger = Trigger::parse("type = 'track'").unwrap();
    assert_eq!(trigger.matches(&quoted), Ok(true));
}

#[test]
fn numbers_are_compared_with_numbers_only() {
    assert_verdicts(&[
        ("properties.total = 42", true),
        ("properties.total = 42.0", true),
        ("properties.total != 42", false),
        ("properties.qty = 3", false),
        ("properties.qty != 4", false),
        ("properties.nope != 5", false),
        ("properties.price > 9", true),
        ("properties.price >= 9.99", true),
        ("properties.total < 42", false),
        ("properties.total <= 42", true),
        ("properties.total > true", true),
        ("properties.total > \" 0x10 \"", true),
        ("properties.total < \"Infinity\"", true),
        ("properties.total < \"inf\"", false),
        ("properties.total > \"\"", true),
        ("properties.total > -", false),
        ("properties.total != -", true),
    ]);
}

#[test]
fn an_operator_stuck_to_its_value_is_cut_in_two() {
    assert_verdicts(&[
        ("properties.total <=50", false),
        ("properties.total <50", true),
        ("type == \"track\"", false),
    ]);
}

#[test]
fn null_true_and_false_ask_for_kinds() {
    assert_verdicts(&[
        ("properties.nil = null", true),
        ("properties.nope = null", true),
        ("properties.zero != null", true),
        ("name = null", true),
        ("event = null", false),
        ("type != null", true),
        ("properties.gift = true", true),
        ("properties.gift != true", true),
        ("properties.hidden = false", true),
        ("userId = true", false),
        ("name != true", true),
    ]);
}

#[test]
fn a_path_ends_at_the_first_falsy_value() {
    assert_verdicts(&[
        ("properties.nest.deep.k = \"v\"", true),
        ("properties.zero.x = 0", true),
        ("properties.zero.x = null", false),
        ("properties.empty.x = \"\"", true),
        ("properties.hidden.x = false", true),
        ("properties.gift.x = null", true),
        ("traits.nope.deeper = null", true),
    ]);
}

#[test]
fn paths_reach_items_lengths_and_characters() {
    assert_verdicts(&[
        ("properties.tags.length = 2", true),
        ("properties.tags.\\0 = \"x\"", true),
        ("properties.tags\\[1\\] = \"y\"", true),
        ("properties.tags.\\00 = null", true),
        ("properties.wide.length = 4", true),
        ("properties.wide.\\3 = \"b\"", true),
        ("properties.wide.\\3.\\0.length = 1", true),
        ("properties.wide.\\9 = null", true),
        ("properties.total.length = null", true),
        ("properties.with\\ space = \"sp\"", true),
        ("properties.\\0 = \"zero\"", true),
    ]);
}

#[test]
fn a_field_goes_by_its_first_part() {
    assert_verdicts(&[
        ("event.x = \"Order Completed\"", true),
        ("event . x = \"Order Completed\"", true),
        ("event\\.x = \"Order Completed\"", true),
        ("properties = \"self\"", true),
        ("properties.properties = \"self\"", true),
        ("\\type = \"track\"", true),
    ]);
}

#[test]
fn the_last_joining_word_counts_for_the_whole_list() {
    assert_verdicts(&[
        ("type = \"page\" and event = \"x\" or userId = \"u-1\"", true),
        ("type = \"track\" or event = \"x\" and userId = \"u-1\"", false),
        ("type = \"track\", event = \"x\"", false),
        ("type = \"track\" OR event = \"x\"", false),
        ("type = \"page\" and event = \"x\" or", false),
        ("type = \"track\" and event = \"x\" or", true),
    ]);
}

#[test]
fn parentheses_end_at_the_first_closing_one() {
    assert_verdicts(&[
        ("(type = \"page\" or userId = \"u-1\") and event != \"x\"", true),
        ("(contains(event, \"zz\") and type = \"x\") or userId = \"u-1\"", true),
        ("!(type = \"track\")", true),
    ]);
    let nested = "(type = \"track\" and (event = \"x\" or name = null))";
    assert_eq!(fault(nested), Fault::NestedGroup);
    assert_eq!(fault("(type = \"track\""), Fault::OpenGroup);
}

#[test]
fn functions_take_their_arguments_by_place() {
    assert_verdicts(&[
        ("contains(event, \"Comp\")", true),
        ("contains x event x \"Comp\"", true),
        ("contains(event, Comp)", true),
        ("!contains(event, \"Comp\")", false),
        ("!contains(properties.nope, \"x\")", false),
        ("contains(event, \"Comp\"", true),
        ("contains(propertiesx, \"a\")", false),
        ("match(event, \"Order*\")", true),
        ("match(event, \"*Completed\")", true),
        ("match(event, \"xCompleted\")", true),
        ("match(event, \"*\")", true),
        ("match(name, \"*\")", false),
        ("match(event, 5)", true),
        ("!match(event, \"x*\")", true),
        ("event contains \"Comp\"", true),
        ("properties.total number_not_equals \"41\"", true),
        ("properties.nope not_exists x", true),
        ("event likes \"Order\"", false),
    ]);
}

#[test]
fn a_match_that_cuts_a_pair_of_surrogates_compares_what_is_left() {
    let smile = event(r#"{"event":"a😀b"}"#);
    let with_same_half = event("{\"event\":\"a\u{1fa00}b\"}");
    let trigger = Trigger::parse("match(event, \"😀b\")").unwrap();
    assert_eq!(trigger.matches(&smile), Ok(true));
    assert_eq!(trigger.matches(&with_same_half), Ok(true));
    assert_eq!(trigger.matches(&event(r#"{"event":"b"}"#)), Ok(false));
}

#[test]
fn a_query_that_ends_while_a_keyword_is_tried_loses_its_rest() {
    assert_verdicts(&[
        ("properties.a = ab", true),
        ("properties.n = nul", true),
        ("properties.n = nulx", false),
    ]);
    assert_eq!(fault("properties.n=9"), Fault::MissingValue);
}

#[test]
fn a_closing_quote_that_nothing_ends_is_read_again() {
    assert_verdicts(&[("type = \"track\"; event = \"x\"", true), ("type = \"tr\"ack\"", false)]);
    assert_eq!(fault("type = \"track\";"), Fault::GluedString);
}

#[test]
fn what_the_lexer_refuses_says_why() {
    for (query, expected) in [
        ("properties.n !=\"x\"", Fault::TightNotEqual),
        ("properties.total>5", Fault::AfterName('>')),
        ("properties.tags[0] = \"x\"", Fault::AfterName('[')),
        ("traits.naïve = 1", Fault::AfterName('ï')),
        ("type =\r\"x\"", Fault::Character('\r')),
        ("type = \"a\" && 1", Fault::Character('&')),
        ("! type = \"x\"", Fault::LoneNot),
        ("properties.x = 1.2.3", Fault::SecondPoint),
        ("properties.x = 1.", Fault::LastPoint),
        ("type = 'x", Fault::OpenString('\'')),
        ("type\\", Fault::LastBackslash),
        ("traits.\\😀 = 1", Fault::WideEscape('😀')),
    ] {
        assert_eq!(fault(query), expected, "{query}");
    }
    let long = format!("type = \"{}\"", "x".repeat(100_000));
    assert_eq!(fault(&long), Fault::LongToken);
}

#[test]
fn errors_of_the_parser_have_the_texts_of_segment() {
    for (query, text) in [
        ("", "Failed to validate subscription"),
        ("type", "Value token is missing"),
        ("contains", "contains() is missing a 1st argument"),
        ("contains(", "contains() is missing a 2nd argument"),
        ("!match", "match() is missing a 1st argument"),
        ("match(", "match() is missing a 2nd argument"),
    ] {
        assert_eq!(Trigger::parse(query).unwrap_err().to_string(), text);
    }
}

#[test]
fn a_trigger_without_a_condition_is_refused() {
    for query in [" ", "()", "(foo)", "contains(type, \"x\")", "anonymousId = \"a\"", "true"] {
        assert_eq!(fault(query), Fault::NoClause, "{query}");
    }
}

#[test]
fn what_cannot_be_evaluated_fails_when_it_is_reached() {
    let empty = Err(EvaluateError::EmptyGroup);
    assert_eq!(verdict("() and type = \"track\""), empty);
    assert_eq!(verdict("type = \"track\" and (foo)"), empty);
    assert_eq!(verdict("type = \"page\" and ()"), Ok(false));
    assert_eq!(verdict("type = \"track\" or ()"), Ok(true));
    let broken = Err(EvaluateError::BrokenPath);
    assert_eq!(verdict("properties.\\[ = null"), broken);
}

#[test]
fn a_duplicate_member_is_read_by_its_last_value() {
    let twice = event(r#"{"type":"page","type":"track"}"#);
    let trigger = Trigger::parse("type = \"track\"").unwrap();
    assert_eq!(trigger.matches(&twice), Ok(true));
}

#[test]
fn a_trigger_of_any_size_is_read_without_recursion() {
    let many = vec!["type = \"track\""; 20_000].join(" and ");
    assert_eq!(verdict(&many), Ok(true));
    assert_eq!(fault(&"(".repeat(100_000)), Fault::OpenGroup);
    let groups = "() ".repeat(50_000);
    assert_eq!(verdict(&groups), Err(EvaluateError::EmptyGroup));
}

#[test]
fn an_explanation_shows_what_each_comparison_found() {
    let query = "type = \"track\" and (properties.tags.length > 2 or name = null) and ()";
    let trigger = Trigger::parse(query).unwrap();
    let explanation = explain(&trigger, &event(EVENT));
    assert!(!explanation.matches);
    assert!(explanation.error.is_some_and(|error| error.contains("parentheses")));
    let Step::Group { joining: Joining::And, held: None, steps } = explanation.step else {
        panic!("three conditions are a group");
    };
    let [Step::Test(kind), Step::Group { held: Some(true), steps: inner, .. }, Step::Empty] = &steps[..]
    else {
        panic!("{steps:?}");
    };
    assert_eq!(&query[kind.span.clone()], "type = \"track\"");
    assert_eq!(kind.actual.as_deref(), Some("\"track\""));
    assert_eq!((kind.expected.as_deref(), kind.held), (Some("\"track\""), Some(true)));
    let Step::Test(length) = &inner[0] else { panic!("{inner:?}") };
    assert_eq!((length.field.as_str(), length.operator), ("properties.tags.length", ">"));
    assert_eq!((length.actual.as_deref(), length.held), (Some("2"), Some(false)));
}
