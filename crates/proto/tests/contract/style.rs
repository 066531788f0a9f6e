//! What buf's standard and comment rules ask for, of every element; each test names all that break its rule.

use std::collections::BTreeMap;

use crate::element::{Element, What, comment, elements, files};

/// Where a file keeps its first comment: at its `syntax`.
const SYNTAX: [i32; 1] = [12];

/// The names for which `is_wrong` holds must be none.
fn none(rule: &str, is_wrong: impl Fn(&Element) -> bool) {
    let elements = elements();
    assert!(!elements.is_empty(), "no elements were found");
    let wrong: Vec<&str> =
        elements.iter().filter(|element| is_wrong(element)).map(|element| element.name.as_str()).collect();
    assert!(wrong.is_empty(), "{rule}; not so: {wrong:#?}");
}

fn is_pascal(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric())
        && !name.as_bytes().windows(3).any(|three| three.iter().all(u8::is_ascii_uppercase))
}

fn is_snake(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
        && !name.ends_with('_')
        && !name.contains("__")
}

/// `SignatureMode` as `SIGNATURE_MODE`.
fn screaming(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_uppercase());
    }
    out
}

#[test]
fn everything_is_explained_by_a_sentence() {
    none(
        "every file, service, rpc, message, field, enum and value has a comment that ends a sentence",
        |element| !element.comment.trim_end().ends_with(['.', '?', '!', '…']),
    );
    for file in files() {
        assert!(!comment(&file, &SYNTAX).is_empty(), "{} begins with a comment", file.name());
    }
}

#[test]
fn names_are_written_as_protobuf_writes_them() {
    none(
        "messages, enums, services and rpcs are PascalCase, fields lower_snake_case, values UPPER_SNAKE_CASE",
        |element| {
            let name = element.own_name();
            !match &element.what {
                What::Message | What::Enum | What::Service | What::Rpc(_) => is_pascal(name),
                What::Field { .. } | What::Oneof => is_snake(name),
                What::Value { .. } => {
                    is_snake(&name.to_ascii_lowercase()) && name == name.to_ascii_uppercase()
                }
            }
        },
    );
    none("a service's name ends in Service", |element| {
        matches!(element.what, What::Service) && !element.name.ends_with("Service")
    });
}

#[test]
fn an_enums_values_carry_its_name_and_its_zero_says_nothing() {
    none("a value begins with its enum's name, and the zero is …_UNSPECIFIED", |element| {
        match &element.what {
            What::Value { of, number } => {
                let prefix = screaming(of);
                let name = element.own_name();
                !name.starts_with(&format!("{prefix}_"))
                    || (*number == 0) != (name == format!("{prefix}_UNSPECIFIED"))
            }
            _ => false,
        }
    });
}

#[test]
fn every_rpc_has_messages_of_its_own() {
    none("Publish takes PublishRequest and gives PublishResponse", |element| match &element.what {
        What::Rpc(rpc) => {
            !rpc.input_type().ends_with(&format!(".{}Request", rpc.name()))
                || !rpc.output_type().ends_with(&format!(".{}Response", rpc.name()))
        }
        _ => false,
    });
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for element in elements() {
        if let What::Rpc(rpc) = &element.what {
            for message in [rpc.input_type(), rpc.output_type()] {
                users.entry(message.to_owned()).or_default().push(element.name.clone());
            }
        }
    }
    users.retain(|_, users| users.len() > 1);
    assert!(users.is_empty(), "messages that several rpcs share: {users:#?}");
}

#[test]
fn a_package_is_its_folder() {
    for file in files() {
        let (folder, own) = file.name().rsplit_once('/').expect("a file in a folder");
        assert_eq!(file.package(), folder.replace('/', "."), "{}", file.name());
        assert!(own.strip_suffix(".proto").is_some_and(is_snake), "{own} is lower_snake_case.proto");
        assert_eq!(file.syntax(), "proto3", "{}", file.name());
    }
}

#[test]
fn lists_are_paged_alike() {
    let names: Vec<String> = elements().into_iter().map(|element| element.name).collect();
    for list in names.iter().filter(|name| name.rsplit('.').next().is_some_and(|own| own.starts_with("List")))
    {
        let wanted = match list {
            request if request.ends_with("Request") => ["page_size", "page_token"].as_slice(),
            response if response.ends_with("Response") => ["next_page_token"].as_slice(),
            _ => continue,
        };
        for field in wanted {
            assert!(names.contains(&format!("{list}.{field}")), "{list} has no {field}");
        }
    }
}
