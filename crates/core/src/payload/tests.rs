//! Payloads: defaults, coercions, checks and their messages.

use serde_json::{Value as Json, json};

use super::*;
use crate::json::Limits;

fn compile(fields: &Json) -> Recipe {
    Recipe::compile(fields, Numbers::Ecmascript).unwrap()
}

fn problems(fields: &Json) -> Vec<String> {
    let problems = Recipe::compile(fields, Numbers::Ecmascript).unwrap_err();
    problems.into_iter().map(|problem| problem.message).collect()
}

fn document(event: &Json) -> Document {
    Document::parse(event.to_string(), &Limits::new(usize::MAX)).unwrap()
}

/// The payload of a mapping whose url comes from the event, so that it is checked for the event.
fn payload(fields: &Json, event: &Json) -> Result<Payload, String> {
    compile(fields).payload(&document(event)).map_err(|rejection| rejection.reason)
}

fn with(more: &Json) -> Json {
    let mut fields = json!({ "url": "https://a.example/", "method": "POST" });
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fields
}

#[test]
fn a_target_without_directives_is_static() {
    let recipe = compile(&with(&json!({ "headers": { "X-A": 1, "x-a": null }, "data": { "@path": "$." } })));
    let target = recipe.static_target().unwrap();
    assert_eq!(
        target.to_json(),
        r#"{"url":"https://a.example/","method":"POST","headers":{"X-A":"1, null"}}"#
    );
    let payload = recipe.payload(&document(&json!({ "n": 1.0 }))).unwrap();
    assert_eq!(payload, Payload { data: Some(r#"{"n":1}"#.to_owned()), target: None });
}

#[test]
fn a_target_with_a_directive_is_resolved_for_each_event() {
    let fields = with(&json!({ "url": { "@template": "https://a.example/{{userId}}" }, "data": {} }));
    let payload = payload(&fields, &json!({ "userId": "u1" })).unwrap();
    assert_eq!(payload.target.unwrap().url, "https://a.example/u1");
    assert_eq!(payload.data.unwrap(), "{}");
}

#[test]
fn defaults_are_copied_into_what_does_not_say() {
    let fields = Recipe::with_defaults(json!({ "url": "https://a.example/", "data": null }));
    assert_eq!(fields, json!({ "url": "https://a.example/", "data": null, "method": "POST" }));
}

#[test]
fn without_data_there_is_none() {
    for data in
        [json!({}), json!({ "data": null }), json!({ "data": "" }), json!({ "data": { "@path": "$.no" } })]
    {
        assert_eq!(payload(&with(&data), &json!({})).unwrap().data, None, "{data}");
    }
}

#[test]
fn what_is_wrong_without_an_event_is_said_when_the_mapping_is_saved() {
    assert_eq!(
        problems(&json!({ "url": "nope", "headers": [], "data": 5, "batch_size": "x" })),
        [
            "The root value is missing the required field 'method'.",
            "URL must be a valid URI string but it was not.",
            "Batch Size must be a number but it was a string.",
            "Headers must be an object but it was an array.",
            "Data must be an object but it was a number.",
        ]
    );
    assert_eq!(
        problems(&with(&json!({ "method": {} }))),
        [
            "Method must be a string but it was an object.",
            "Method must be one of: \"POST\", \"PUT\", or \"PATCH\"."
        ]
    );
    let names = json!({ "batch_keys": ["url", "method", "headers", "data"] });
    assert_eq!(problems(&with(&names)), ["Batch Keys may name at most 3 fields but it names 4."]);
    let names = json!({ "batch_keys": "batch_keys" });
    assert_eq!(
        problems(&with(&names)),
        ["Batch Keys may name url, method, batch_size, headers, data but it names \"batch_keys\"."]
    );
}

#[test]
fn mistakes_of_fields_are_told_beside_those_of_directives() {
    let fields =
        with(&json!({ "batch_size": 5000, "enable_batching": true, "data": { "x": { "@pth": "$.a" } } }));
    let told = problems(&fields);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0], "/data/x has an invalid directive: @pth.");
    assert!(told[1].contains("4000"), "{told:?}");
}

#[test]
fn a_field_whose_directive_is_at_fault_is_told_once() {
    let told = problems(&json!({ "url": { "@pth": "$.a" }, "method": "GET" }));
    assert_eq!(
        told,
        ["/url has an invalid directive: @pth.", "Method must be one of: \"POST\", \"PUT\", or \"PATCH\"."]
    );
}

#[test]
fn what_is_wrong_with_one_event_is_told_in_one_text() {
    let fields = json!({
        "url": { "@path": "$.url" }, "method": { "@path": "$.method" }, "headers": { "@path": "$.headers" },
        "data": { "@path": "$.data" },
    });
    let reason = payload(&fields, &json!({ "url": ["a", "b"], "headers": 1, "data": [] })).unwrap_err();
    assert_eq!(
        reason,
        "The root value is missing the required field 'method'. URL must be a string but it was an array. \
         Headers must be an object but it was a number. Data must be an object but it was an array."
    );
}

#[test]
fn an_array_of_one_stands_for_its_item() {
    let fields = json!({ "url": { "@path": "$.u" }, "method": ["PUT"] });
    let target = payload(&fields, &json!({ "u": ["http://a/"] })).unwrap().target.unwrap();
    assert_eq!((target.url.as_str(), target.method), ("http://a/", Method::Put));
}

#[test]
fn an_empty_url_is_missing_alone_and_bad_in_a_batch() {
    let fields = |is_batched: bool| with(&json!({ "url": "", "enable_batching": is_batched }));
    assert_eq!(problems(&fields(false)), ["The root value is missing the required field 'url'."]);
    assert_eq!(problems(&fields(true)), ["URL must be a valid URI string but it was not."]);
}

#[test]
fn a_batch_has_a_size_between_one_and_the_limit() {
    let size = |size: Json| {
        let fields = with(&json!({ "enable_batching": true, "batch_size": size }));
        Recipe::compile(&fields, Numbers::Ecmascript).map(|recipe| recipe.batching().unwrap().size)
    };
    for (written, expected) in [(json!(0), 1000), (json!(null), 1000), (json!("0x10"), 16), (json!([5]), 5)] {
        assert_eq!(size(written.clone()).unwrap(), expected, "{written}");
    }
    for refused in [json!(4001), json!(-1), json!(1.5)] {
        assert!(size(refused).unwrap_err()[0].message.contains("at most 4000"));
    }
    assert_eq!(compile(&with(&json!({ "batch_size": 10 }))).batching(), None);
}

#[test]
fn payloads_grouped_by_data_share_a_request_only_when_it_is_equal() {
    let fields = with(&json!({ "batch_keys": ["data"], "data": { "@path": "$.d" } }));
    let target = |event: &Json| payload(&fields, event).unwrap().target.unwrap();
    assert_eq!(target(&json!({ "d": { "a": 1 }, "x": 1 })), target(&json!({ "d": { "a": 1.0 }, "x": 2 })));
    assert_ne!(target(&json!({ "d": { "a": 1 } })), target(&json!({ "d": { "a": 2 } })));
}

#[test]
fn a_mapping_that_is_one_directive_gives_all_fields() {
    let fields = json!({
        "__segment_internal_directive": { "@transform": { "apply": { "id": { "@path": "$.userId" } } } },
        "url": { "@template": "https://a.example/{{id}}" }, "method": "PUT", "data": { "id": { "@path": "$.id" } },
    });
    let payload = payload(&fields, &json!({ "userId": "u1" })).unwrap();
    assert_eq!(payload.data.unwrap(), r#"{"id":"u1"}"#);
    assert_eq!(payload.target.unwrap().url, "https://a.example/u1");
}

#[test]
fn a_failure_names_its_place_and_leaves_the_text_as_it_was() {
    let recipe = compile(&with(&json!({ "data": { "a": 1, "b": { "@path": { "@path": "$.no" } } } })));
    let mut out = "before".to_owned();
    let rejection = recipe.write_payload(&document(&json!({})), &mut out).unwrap_err();
    assert_eq!(rejection.path, "/data/b/@path");
    assert_eq!(rejection.reason, "@path: expected string, got undefined");
    assert_eq!(out, "before");
}

#[test]
fn a_directive_in_an_unknown_field_can_still_fail() {
    let rejection =
        payload(&with(&json!({ "more": { "@path": { "@path": "$.no" } } })), &json!({})).unwrap_err();
    assert_eq!(rejection, "@path: expected string, got undefined");
}

#[test]
fn exact_numbers_keep_their_text() {
    let fields = with(&json!({ "data": { "a": { "@path": "$.n" }, "b": 9_007_199_254_740_993_u64 } }));
    let recipe = Recipe::compile(&fields, Numbers::Exact).unwrap();
    let event = Document::parse(r#"{"n":9007199254740993.0}"#.to_owned(), &Limits::new(100)).unwrap();
    let data = recipe.payload(&event).unwrap().data.unwrap();
    assert_eq!(data, r#"{"a":9007199254740993.0,"b":9007199254740993}"#);
}
