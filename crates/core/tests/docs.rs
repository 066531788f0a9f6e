//! Every JSON block of `docs/mapping.md`, run.

#![expect(clippy::unwrap_used, reason = "helpers of a test fail as the test does")]

use serde_json::Value;
use signalpost_core::event::Event;
use signalpost_core::json::{Document, Limits, Numbers};
use signalpost_core::mapping::{Mapping, Problem};
use signalpost_core::payload::Recipe;
use signalpost_core::trigger::Trigger;

const PAGE: &str = include_str!("../../../docs/mapping.md");
const LIMITS: Limits = Limits::new(1 << 20);

fn blocks() -> Vec<Value> {
    let parts = PAGE.split("```json\n").skip(1);
    parts.map(|part| serde_json::from_str(part.split("```").next().unwrap()).expect(part)).collect()
}

#[test]
fn the_examples_of_the_page_on_mapping_hold() {
    let mut event = Value::Null;
    let mut run = 0;
    for block in blocks() {
        match &block {
            _ if block.get("fields").is_some() => check_fields(&block, &event),
            _ if block.get("mapping").is_some() => check_mapping(&block, &event),
            _ if block.get("trigger").is_some() => check_trigger(&block, &event),
            other => {
                event = other["event"].clone();
                continue;
            }
        }
        run += 1;
    }
    assert!(run > 25, "only {run} examples were found");
}

fn messages(problems: Vec<Problem>) -> Vec<String> {
    problems.into_iter().map(|problem| problem.message).collect()
}

fn expected(block: &Value, key: &str) -> Vec<String> {
    serde_json::from_value(block[key].clone()).unwrap()
}

fn check_mapping(block: &Value, event: &Value) {
    let mapping = match Mapping::compile(&block["mapping"]) {
        Ok(mapping) => mapping,
        Err(problems) => return assert_eq!(messages(problems), expected(block, "problems"), "{block}"),
    };
    let event = Document::parse(event.to_string(), &LIMITS).unwrap();
    let mut text = String::new();
    assert!(mapping.write(&event, &mut text).unwrap(), "{block}");
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), block["result"], "{block}");
}

fn check_fields(block: &Value, event: &Value) {
    let recipe = match Recipe::compile(&block["fields"], Numbers::Ecmascript) {
        Ok(recipe) => recipe,
        Err(problems) => return assert_eq!(messages(problems), expected(block, "problems"), "{block}"),
    };
    let event = Document::parse(event.to_string(), &LIMITS).unwrap();
    match recipe.payload(&event) {
        Ok(payload) => {
            let data: Value = serde_json::from_str(&payload.data.unwrap()).unwrap();
            assert_eq!(data, block["data"], "{block}");
            let target = payload.target.as_ref().or(recipe.static_target()).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&target.to_json()).unwrap(), block["target"], "{block}");
        }
        Err(rejection) => assert_eq!(Some(rejection.reason.as_str()), block["rejected"].as_str(), "{block}"),
    }
}

fn check_trigger(block: &Value, event: &Value) {
    match Trigger::parse(block["trigger"].as_str().unwrap()) {
        Ok(trigger) => {
            let event = Event::parse(&event.to_string(), &LIMITS).unwrap();
            assert_eq!(trigger.matches(&event).ok(), block["matches"].as_bool(), "{block}");
        }
        Err(error) => assert_eq!(block["refused"], true, "{error}: {block}"),
    }
}
