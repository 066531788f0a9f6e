//! The fixpoint property against a real ECMAScript engine, where there is one: what we write is what
//! `JSON.stringify(JSON.parse(text))` gives, byte for byte.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::written;

/// A line of JSON text in a JSON string in, a line of JSON text out.
const PROGRAM: &str = "require('readline').createInterface({ input: process.stdin }).on('line', (line) => \
     process.stdout.write(JSON.stringify(JSON.parse(JSON.parse(line))) + '\\n'))";

const CASES: usize = 500;

/// Texts of a pattern that is compiled once.
fn regex(pattern: &str) -> impl Strategy<Value = String> + use<> {
    proptest::string::string_regex(pattern).unwrap()
}

/// Numbers in every way to write them.
fn any_number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<f64>()
            .prop_filter("JSON has no others", |value| value.is_finite())
            .prop_map(|value| format!("{value:e}")),
        any::<f32>()
            .prop_filter("JSON has no others", |value| value.is_finite())
            .prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        regex("-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,24})?([eE][+-]?[0-9]{1,3})?"),
        regex("-?0\\.0{0,8}[0-9]{1,4}"),
    ]
}

/// Strings of every way to write a character; lone surrogates are left out, we replace them.
fn any_string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        regex("[ -!#-\\[\\]-~]{1,9}"),
        prop::sample::select(vec![
            "é",
            "😀",
            "\u{7f}",
            "\u{2028}",
            "\u{ffff}",
            "/",
            "\\/",
            "\\\"",
            "\\\\",
            "\\b",
            "\\f",
            "\\n",
            "\\r",
            "\\t",
            "\\u0000",
            "\\u0008",
            "\\u001f",
            "\\u001F",
            "\\u0041",
            "\\u00e9",
            "\\uFFFF",
            "\\ud83d\\ude00",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn any_key() -> impl Strategy<Value = String> {
    prop_oneof![
        regex("\"[0-9]{1,3}\""),
        regex("\"(429496729[3-7]|00|-1|1\\.5)\""),
        regex("\"[ab]{0,2}\""),
        Just("\"__proto__\"".to_owned()),
        Just("\"\\u0061\"".to_owned()),
        any_string(),
    ]
}

fn any_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["null", "true", "false"]).prop_map(str::to_owned),
        any_number(),
        any_string(),
    ];
    leaf.prop_recursive(5, 64, 9, |inner| {
        let blank = || prop::sample::select(vec!["", "", "", " ", "\n\t\r"]);
        let item =
            (blank(), inner, blank()).prop_map(|(before, item, after)| format!("{before}{item}{after}"));
        let member = (blank(), any_key(), blank(), item.clone())
            .prop_map(|(before, key, after, value)| format!("{before}{key}{after}:{value}"));
        prop_oneof![
            prop::collection::vec(item, 0..9).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(member, 0..40).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

fn start_node() -> Option<Child> {
    Command::new("node").args(["-e", PROGRAM]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()
}

#[test]
fn what_is_written_is_what_javascript_writes() {
    let Some(mut node) = start_node() else {
        println!("skipped: node is not installed");
        return;
    };
    let mut runner = TestRunner::deterministic();
    let strategy = any_text();
    let texts: Vec<String> = (0..CASES).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect();
    let lines: Vec<String> = texts.iter().map(|text| serde_json::to_string(text).unwrap() + "\n").collect();
    let mut stdin = node.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || stdin.write_all(lines.concat().as_bytes()));
    let output = node.wait_with_output().unwrap();
    feeder.join().unwrap().unwrap();
    let answers = String::from_utf8(output.stdout).unwrap();
    assert_eq!(answers.lines().count(), CASES);
    for (text, expected) in texts.iter().zip(answers.lines()) {
        assert_eq!(written(text), expected, "{text}");
        assert!(super::read(expected).is_canonical(), "{expected}");
        assert_eq!(super::read(text).is_canonical(), text == expected, "{text}");
    }
}
