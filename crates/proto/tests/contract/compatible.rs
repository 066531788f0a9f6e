//! What was once promised stays: the contract is compared with its recorded form.
//!
//! Invariant: a line of `recorded.txt` is never changed or removed by recording anew while it differs from the contract
//! for any other reason than an addition; whoever breaks a promise must edit the file by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{FieldDescriptorProto, MethodDescriptorProto};

use crate::element::{Element, What, elements};

const HOW: &str = "SIGNALPOST_BLESS=1 cargo test -p signalpost-proto";

/// An element's name, and what others rely on of it.
type Promises = BTreeMap<String, String>;

/// What differs between what was promised and what is.
#[derive(Debug, Default, PartialEq, Eq)]
struct Difference {
    /// Removed, renamed, renumbered or of another type.
    broken: Vec<String>,
    /// New.
    added: BTreeSet<String>,
}

fn promises() -> Promises {
    elements().iter().map(|element| (element.name.clone(), promise(element))).collect()
}

fn promise(element: &Element) -> String {
    match &element.what {
        What::Message => "message".to_owned(),
        What::Field { field, oneof } => {
            let oneof = oneof.as_ref().map_or(String::new(), |oneof| format!(", one of {oneof}"));
            format!("field {}: {}{oneof}", field.number(), kind(field))
        }
        What::Oneof => "oneof".to_owned(),
        What::Enum => "enum".to_owned(),
        What::Value { number, .. } => format!("value {number}"),
        What::Service => "service".to_owned(),
        What::Rpc(rpc) => format!("rpc ({}) returns ({})", side(rpc, true), side(rpc, false)),
    }
}

fn kind(field: &FieldDescriptorProto) -> String {
    let kind = match field.r#type() {
        Type::Message | Type::Enum => field.type_name().trim_start_matches('.').to_owned(),
        scalar => scalar.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
    };
    match field.label() {
        Label::Repeated => format!("repeated {kind}"),
        _ if field.proto3_optional() => format!("optional {kind}"),
        _ => kind,
    }
}

fn side(rpc: &MethodDescriptorProto, is_request: bool) -> String {
    let (message, streams) = if is_request {
        (rpc.input_type(), rpc.client_streaming())
    } else {
        (rpc.output_type(), rpc.server_streaming())
    };
    format!("{}{}", if streams { "stream " } else { "" }, message.trim_start_matches('.'))
}

fn compare(recorded: &Promises, current: &Promises) -> Difference {
    let mut difference = Difference::default();
    for (name, promised) in recorded {
        match current.get(name) {
            None => difference.broken.push(format!("{name}: was {promised}, is gone")),
            Some(now) if now != promised => {
                difference.broken.push(format!("{name}: was {promised}, is {now}"));
            }
            Some(_) => {}
        }
    }
    difference.added = current.keys().filter(|name| !recorded.contains_key(*name)).cloned().collect();
    difference
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/contract/recorded.txt")
}

fn read(text: &str) -> Promises {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' ')).map(|(name, is)| (name.to_owned(), is.to_owned())).collect()
}

fn write(promises: &Promises) -> String {
    let head =
        "# What clients rely on: docs/compatibility.md. Lines are added by a test, and never changed:\n";
    let lines: String = promises.iter().map(|(name, promised)| format!("{name} {promised}\n")).collect();
    format!("{head}# {HOW}\n{lines}")
}

#[test]
fn nothing_that_was_promised_is_removed_renumbered_or_retyped() {
    let current = promises();
    let recorded = read(&fs::read_to_string(path()).expect("the recorded contract"));
    assert!(!recorded.is_empty(), "{} holds nothing", path().display());
    let difference = compare(&recorded, &current);
    assert!(
        difference.broken.is_empty(),
        "this breaks clients (docs/compatibility.md); keep the old beside the new: {:#?}",
        difference.broken
    );
    #[expect(clippy::disallowed_methods, reason = "how a person asks for a recording")]
    if std::env::var("SIGNALPOST_BLESS").is_ok() {
        fs::write(path(), write(&current)).unwrap();
    } else if !difference.added.is_empty() {
        println!("new since the last recording; before a release, {HOW}: {:#?}", difference.added);
    }
}

#[test]
fn a_broken_promise_is_told_and_an_addition_is_not_one() {
    let promises = |lines: &str| read(lines);
    let before = promises("a.M message\na.M.x field 1: string\na.M.y field 2: bytes\na.E.E_A value 1\n");
    let after = promises(
        "a.M message\na.M.x field 3: string\na.M.z field 2: bytes\na.E.E_A value 1\na.E.E_B value 2\n",
    );
    let difference = compare(&before, &after);
    assert_eq!(
        difference.broken,
        ["a.M.x: was field 1: string, is field 3: string", "a.M.y: was field 2: bytes, is gone"]
    );
    assert_eq!(difference.added, ["a.E.E_B", "a.M.z"].map(str::to_owned).into());
    assert_eq!(compare(&before, &before), Difference::default());
}

#[test]
fn a_recording_reads_back_as_it_was() {
    let current = promises();
    assert_eq!(read(&write(&current)), current);
}
