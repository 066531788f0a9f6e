//! What the parser takes and refuses, what is canonical, and what is written.

mod node;

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<Document, ParseError> {
    Document::parse(text.to_owned(), &Limits::new(1 << 24))
}

fn read(text: &str) -> Document {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn written(text: &str) -> String {
    let mut out = String::new();
    read(text).root().write(Numbers::Ecmascript, &mut out);
    out
}

fn written_exactly(text: &str) -> String {
    let mut out = String::new();
    read(text).root().write(Numbers::Exact, &mut out);
    out
}

/// These texts are what JavaScript writes.
const CANONICAL: &[&str] = &[
    "null",
    "true",
    "0",
    "-1",
    "12.5",
    "0.1",
    "-0.000001",
    "1e+21",
    "1e-7",
    "1.5e-8",
    "123456789012345680000",
    "9007199254740991",
    "0.30000000000000004",
    "5e-324",
    "1.7976931348623157e+308",
    "\"\"",
    "\"a/b\u{7f}\u{2028}é😀\"",
    r#""\"\\\b\f\n\r\t\u0000\u001f\u000b""#,
    "[]",
    "{}",
    "[[],{},[1,2]]",
    r#"{"0":1,"2":2,"10":3,"b":4,"a":5,"01":6,"-1":7,"":8}"#,
    r#"{"4294967294":1,"4294967295":2,"x":3}"#,
];

/// These are not: what is read, and what JavaScript writes.
const REWRITTEN: &[(&str, &str)] = &[
    (" 1", "1"),
    ("1 ", "1"),
    ("[1, 2]", "[1,2]"),
    ("[ ]", "[]"),
    ("{ }", "{}"),
    ("{\"a\" :1}", "{\"a\":1}"),
    ("{\"a\":\n1\t}", "{\"a\":1}"),
    ("1.0", "1"),
    ("-0", "0"),
    ("-0.0", "0"),
    ("1.50", "1.5"),
    ("1e21", "1e+21"),
    ("1E5", "100000"),
    ("0.0000001", "1e-7"),
    ("1e400", "null"),
    ("-1e400", "null"),
    ("9007199254740993", "9007199254740992"),
    ("12345678901234567890123", "1.2345678901234568e+22"),
    ("52.5200065999999971", "52.520006599999995"),
    (r#""\/""#, "\"/\""),
    (r#""\u00e9""#, "\"é\""),
    (r#""\u000a\u001F""#, r#""\n\u001f""#),
    (r#""\ud83d\ude00""#, "\"😀\""),
    (r#""\ud800""#, "\"\u{fffd}\""),
    (r#""\ud800\u0041""#, "\"\u{fffd}A\""),
    (r#""\ude00\ud83d""#, "\"\u{fffd}\u{fffd}\""),
    (r#""\ud83d\n""#, "\"\u{fffd}\\n\""),
    (r#"{"b":1,"0":2}"#, r#"{"0":2,"b":1}"#),
    (r#"{"10":1,"9":2}"#, r#"{"9":2,"10":1}"#),
    (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
    (r#"{"a":1,"\u0061":3}"#, r#"{"a":3}"#),
    (r#"{"1":1,"1":3}"#, r#"{"1":3}"#),
    (r#"{"4294967295":1,"4294967294":2}"#, r#"{"4294967294":2,"4294967295":1}"#),
    (r#"[{"x":{"b":1,"0":[1.0,{"z":"\u0041"}]}},2]"#, r#"[{"x":{"0":[1,{"z":"A"}],"b":1}},2]"#),
];

const REFUSED: &[&str] = &[
    "",
    " ",
    "nul",
    "nulll",
    "True",
    "1 2",
    "01",
    "-",
    "-01",
    "+1",
    ".5",
    "1.",
    "1.e5",
    "1e",
    "1e+",
    "0x10",
    "NaN",
    "[",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "]",
    "{",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,",
    "{\"a\":1,}",
    "{,}",
    "{a:1}",
    "{\"a\" 1}",
    "{1:1}",
    "]",
    "[}",
    "{\"a\":1]",
    "\"",
    "\"abc",
    "\"\\",
    "\"\\\"",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\n\"",
    "\"abcdefgh\u{1}\"",
    "'a'",
    "\u{feff}1",
    "1\u{0}",
    "[1]\u{a0}",
    "/**/1",
];

#[test]
fn a_canonical_text_is_recognised_and_copied() {
    for text in CANONICAL {
        assert!(read(text).is_canonical(), "{text}");
        assert_eq!(written(text), *text);
        assert_eq!(written_exactly(text), *text);
    }
}

#[test]
fn any_other_text_is_rewritten_as_javascript_does() {
    for (text, expected) in REWRITTEN {
        assert!(!read(text).is_canonical(), "{text}");
        assert_eq!(written(text), *expected, "{text}");
        assert!(read(expected).is_canonical(), "{expected}");
    }
}

#[test]
fn what_is_no_json_is_refused() {
    for text in REFUSED {
        assert!(parse(text).is_err(), "{text}");
        assert!(parse(&format!("[0,{text}")).is_err(), "[0,{text}");
    }
}

#[test]
fn an_error_tells_line_and_column_in_characters() {
    let error = parse("{\n  \"é\": \"ä\" x\n}").unwrap_err();
    assert_eq!((error.line, error.column, error.offset), (2, 12, 15));
    assert_eq!(error.to_string(), "expected `,` or `}` at line 2, column 12");
    let error = parse("[1,").unwrap_err();
    assert_eq!(error.to_string(), "unexpected end of the text, expected a value at line 1, column 4");
}

#[test]
fn exact_numbers_keep_their_text_and_all_else_is_canonical() {
    let text = r#"{"b": 1.0, "0": [12345678901234567890, -0], "a": 1e400, "a": 1E2}"#;
    let exact = r#"{"0":[12345678901234567890,-0],"b":1.0,"a":1E2}"#;
    assert_eq!(written_exactly(text), exact);
    assert!(read(exact).root().is_fixpoint(Numbers::Exact));
    assert!(!read(exact).root().is_fixpoint(Numbers::Ecmascript));
}

#[test]
fn members_are_read_by_key_and_walked_in_order() {
    let document = read(r#"{"b":1,"0":{"x":[1,"\u0032"]},"b":true,"c":null}"#);
    let root = document.root();
    assert_eq!(root.len(), 3);
    let keys: Vec<_> = root.members().map(|(key, _)| key.into_owned()).collect();
    assert_eq!(keys, ["0", "b", "c"]);
    assert_eq!(root.get("b").and_then(Node::as_bool), Some(true));
    assert_eq!(root.get("c").map(Node::kind), Some(Kind::Null));
    assert!(root.get("d").is_none());
    let items = root.get("0").and_then(|zero| zero.get("x")).unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!(items.item(0).and_then(Node::as_f64), Some(1.0));
    assert_eq!(items.item(1).and_then(Node::as_str).as_deref(), Some("2"));
    assert!(items.item(2).is_none());
    assert!(items.get("0").is_none());
    assert!(root.items().next().is_none());
}

#[test]
fn a_part_that_is_canonical_is_known_as_such() {
    let document = read(r#"{"a": {"x":1}, "b":[ 1]}"#);
    let root = document.root();
    assert!(!root.is_canonical());
    assert!(root.get("a").unwrap().is_canonical());
    assert_eq!(root.get("a").unwrap().raw(), r#"{"x":1}"#);
    assert!(!root.get("b").unwrap().is_canonical());
}

#[test]
fn a_document_of_a_hundred_thousand_keys_is_read_in_linear_time() {
    let members: Vec<_> = (0..100_000).map(|n| format!("\"k{n}\":{n}")).collect();
    let text = format!("{{{}}}", members.join(","));
    assert!(read(&text).is_canonical());
    let twice = format!("{{{},\"k7\":0}}", members.join(","));
    assert!(!read(&twice).is_canonical());
    assert_eq!(read(&twice).root().len(), 100_000);
}

#[test]
fn a_key_that_comes_twice_is_found_whatever_the_number_of_members() {
    for count in 1..80 {
        for repeated in [0, count / 2, count - 1] {
            let keys = (0..count).chain([repeated]);
            let members: Vec<_> = keys.map(|n| format!("\"key{n}\":1")).collect();
            let text = format!("{{{}}}", members.join(","));
            assert!(!read(&text).is_canonical(), "{text}");
            assert_eq!(read(&text).root().len(), count);
        }
    }
}

#[test]
fn nesting_is_bounded_and_uses_no_stack() {
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(&deep(128)).is_ok());
    let error = parse(&deep(10_000)).unwrap_err();
    assert_eq!(error.mistake, Mistake::TooDeep { depth_max: 128 });
    let limits = Limits { bytes_max: 1 << 22, depth_max: u32::MAX };
    let text = deep(1_000_000).replacen("[]", "[ ]", 1);
    let document = Document::parse(text, &limits).unwrap();
    let mut out = String::new();
    document.root().write(Numbers::Ecmascript, &mut out);
    assert_eq!(out, deep(1_000_000));
}

#[test]
fn a_text_over_the_limit_is_refused_and_a_long_string_is_not() {
    let limits = Limits::new(4);
    assert!(Document::parse("1234".into(), &limits).is_ok());
    let error = Document::parse("12345".into(), &limits).unwrap_err();
    assert!(error.is_too_large());
    let long = format!("\"{}\"", "x".repeat(1 << 20));
    assert!(read(&long).is_canonical());
}

#[test]
fn a_whole_number_key_is_an_index() {
    let yes = [("0", 0), ("7", 7), ("4294967294", u32::MAX - 1)];
    for (key, index) in yes {
        assert_eq!(array_index(key), Some(index));
    }
    for key in ["", "00", "01", "-1", "1.5", "4294967295", "99999999999", "1a", "é"] {
        assert_eq!(array_index(key), None, "{key}");
    }
}

#[test]
fn number_text_is_ecmascripts() {
    let texts = [
        (0.0, "0"),
        (-0.0, "0"),
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (1e-7, "1e-7"),
        (f64::NAN, "NaN"),
        (f64::NEG_INFINITY, "-Infinity"),
        (-1.234_567_890_123_456_7e-6, "-0.0000012345678901234567"),
    ];
    for (value, text) in texts {
        assert_eq!(number_text(value).as_ref(), text);
        assert_eq!(number_text(value).to_string(), text);
    }
    let mut out = String::new();
    write_number(f64::NAN, &mut out);
    assert_eq!(out, "null");
}

#[test]
fn a_canonical_array_is_split_into_its_elements() {
    let split = |text| elements(text).collect::<Vec<_>>();
    assert_eq!(split("[]"), [""; 0]);
    assert_eq!(split("[1]"), ["1"]);
    assert_eq!(
        split(r#"[{"a":[1,2],"b":"],\"}"},null,"x,y","\\",[[],{}]]"#),
        [r#"{"a":[1,2],"b":"],\"}"}"#, "null", r#""x,y""#, r#""\\""#, "[[],{}]"]
    );
    assert_eq!(split(r#"["a"#), [""; 0]);
    assert_eq!(split("[\"a\\]"), ["\"a\\"]);
    assert_eq!(split("[1,]"), ["1", ""]);
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-1000_i32..1000).prop_map(|n| Value::from(f64::from(n) / 8.0)),
        ".{0,24}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 8, |inner| {
        let key = prop_oneof!["[0-9]{1,3}", "[a-c]{0,2}", ".{0,12}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_canonical_and_means_the_same(value in any_json()) {
        let text = serde_json::to_string_pretty(&value).unwrap();
        let out = written(&text);
        prop_assert!(read(&out).is_canonical());
        prop_assert_eq!(written(&out), out.clone());
        let exact: serde_json::Value = serde_json::from_str(&written_exactly(&text)).unwrap();
        prop_assert_eq!(exact, value);
    }

    #[test]
    fn the_parser_takes_what_serde_json_takes(text in "[\\[\\]{}:,\"\\\\u0-9eE+.truefalsn a-]{0,24}") {
        let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text);
        prop_assert_eq!(parse(&text).is_ok(), theirs.is_ok(), "{}", text);
    }

    #[test]
    fn elements_join_to_the_array(values in prop::collection::vec(any_json(), 0..6)) {
        let text = written(&serde_json::Value::from(values).to_string());
        let joined = elements(&text).collect::<Vec<_>>().join(",");
        prop_assert_eq!(format!("[{}]", joined), text.clone());
        prop_assert_eq!(elements(&text).count(), read(&text).root().len());
        for element in elements(&text) {
            prop_assert!(read(element).is_canonical());
        }
    }
}
