//! Mappings compiled and resolved: what the vectors do not reach, and the bounds.

use serde_json::{Value as Json, json};

use super::*;
use crate::json::Limits;

fn document(event: &Json) -> Document {
    Document::parse(event.to_string(), &Limits::new(usize::MAX)).unwrap()
}

fn written(mapping: &Json, event: &Json) -> Result<String, String> {
    let mapping = Mapping::compile(mapping).unwrap();
    let mut out = String::new();
    match mapping.write(&document(event), &mut out) {
        Ok(_) => Ok(out),
        Err(error) => Err(error.to_string()),
    }
}

fn liquid(template: &str) -> Result<String, String> {
    let text = written(&json!({ "v": { "@liquid": template } }), &json!({ "x": 1, "s": "text" }))?;
    Ok(serde_json::from_str::<Json>(&text).unwrap()["v"].as_str().unwrap().to_owned())
}

#[test]
fn whole_number_keys_come_first_in_what_is_written() {
    let mapping = json!({ "b": 1, "10": { "@path": "$.x" }, "2": true, "01": null });
    assert_eq!(written(&mapping, &json!({ "x": "y" })).unwrap(), r#"{"2":true,"10":"y","b":1,"01":null}"#);
}

#[test]
fn a_mapping_that_is_too_deep_is_refused() {
    let mut deep = json!(1);
    for _ in 0..=DEPTH_MAX {
        deep = json!({ "a": deep });
    }
    let problems = Mapping::compile(&deep).unwrap_err();
    assert!(problems[0].message.contains("deeper than 64"), "{problems:?}");
}

#[test]
fn a_mapping_of_ten_thousand_directives_resolves() {
    let members = (0..10_000).map(|index| (format!("k{index}"), json!({ "@template": "{{x}}" })));
    let text = written(&Json::Object(members.collect()), &json!({ "x": 1 })).unwrap();
    assert_eq!(text.matches(":\"1\"").count(), 10_000);
}

#[test]
fn templates_that_double_their_own_text_end_with_an_error() {
    let mut mapping = json!({ "x": { "@template": "{{x}}{{x}}" } });
    for _ in 0..40 / 2 {
        mapping = json!({ "@transform": { "apply": { "x": { "@template": "{{x}}{{x}}{{x}}{{x}}" } }, "mapping": mapping } });
    }
    let error = written(&mapping, &json!({ "x": "0123456789" })).unwrap_err();
    assert!(error.contains("too much of this event"), "{error}");
}

#[test]
fn shared_values_that_multiply_end_with_an_error() {
    let mut mapping = json!({ "@path": "$." });
    for _ in 0..28 {
        let both = json!({ "a": { "@path": "$." }, "b": { "@path": "$." } });
        mapping = json!({ "@transform": { "apply": both, "mapping": mapping } });
    }
    let error = written(&mapping, &json!({ "x": 1 })).unwrap_err();
    assert!(error.contains("too much of this event"), "{error}");
}

#[test]
fn a_liquid_template_that_grows_ends_with_an_error() {
    let doubling = "{% assign s = s | append: s %}".repeat(30);
    assert!(liquid(&doubling).unwrap_err().contains("too much of this event"));
    assert!(liquid("{{ (1..100000000) | join }}").unwrap_err().contains("too much of this event"));
    assert!(liquid("{{ x | date: \"%99999999999d\" }}").unwrap_err().contains("too much of this event"));
}

#[test]
fn a_failure_names_the_place_of_the_directive() {
    let mapping =
        Mapping::compile(&json!({ "a": { "b": { "@case": { "operator": "title", "value": "x" } } } }))
            .unwrap();
    let error = mapping.resolve(&document(&json!({}))).unwrap_err();
    assert_eq!(error.path(), "/a/b/@case");
}

#[test]
fn a_clock_in_liquid_is_when_the_event_was_received() {
    let mapping = json!({ "@liquid": "{{ 'now' | date: '%s' }}" });
    let event = json!({ "receivedAt": "2024-03-05T10:11:12Z" });
    assert_eq!(written(&mapping, &event).unwrap(), r#""1709633472""#);
}

#[test]
fn unknown_filters_pass_and_disabled_ones_fail_when_they_run() {
    assert_eq!(liquid("{{ s | nonsense: 1 }}").unwrap(), "text");
    assert_eq!(liquid("{% if false %}{{ s | map: 'x' }}{% endif %}ok").unwrap(), "ok");
    assert_eq!(liquid("{{ s | map: 'x' }}").unwrap_err(), "filter \"map\" is disabled");
    assert_eq!(
        liquid("{% if false %}{% for i in s %}{% endfor %}{% endif %}").unwrap_err(),
        "tag \"for\" is disabled"
    );
}

#[test]
fn deep_nesting_inside_a_template_is_no_trouble() {
    assert!(liquid(&"[".repeat(900)).is_ok());
    assert!(liquid(&format!("{{{{ {} }}}}", "[".repeat(900))).is_err());
    assert!(liquid(&format!("{{{{ {} }}}}", "(".repeat(900))).is_err());
    let nested = format!("{}x{}", "{%if x%}".repeat(50), "{%endif%}".repeat(50));
    assert_eq!(liquid(&nested).unwrap(), "x");
}
