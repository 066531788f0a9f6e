//! Formats: TOML, JSON and YAML, all read into the same tree.
//!
//! Invariant: a file is what its name says; a name that says nothing is JSON when it begins with a brace, else TOML.

use std::ops::Range;
use std::path::Path;

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use serde_json::Number;
use signalpost_core::json::{self, Document, Limits, Node};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Problem;
use super::tree::{Kind, Member, Place, Tree};

/// Far above any configuration.
const BYTES_MAX: usize = 64 << 20;

/// Reads a whole file.
pub(crate) fn parse(path: &Path, file: usize, text: &str) -> Result<Tree, Problem> {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("json") => parse_json(file, text, 0..text.len()),
        Some("yaml" | "yml") => parse_yaml(file, text),
        Some("toml") => parse_toml(file, text),
        _ if text.trim_start().starts_with('{') => parse_json(file, text, 0..text.len()),
        _ => parse_toml(file, text),
    }
}

fn parse_toml(file: usize, text: &str) -> Result<Tree, Problem> {
    let table = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        Problem::error(Place { file, span }, error.message().trim_end())
    })?;
    Ok(Tree { place: Place { file, span: 0..0 }, kind: Kind::Object(toml_members(file, table.get_ref())?) })
}

fn toml_members(file: usize, table: &DeTable<'_>) -> Result<Vec<Member>, Problem> {
    let member = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let key_text: &std::borrow::Cow<'_, str> = key.get_ref();
        Ok(Member {
            key: key_text.to_string(),
            key_place: Place { file, span: key.span() },
            value: toml_value(file, value)?,
        })
    };
    table.iter().map(member).collect()
}

fn toml_value(file: usize, value: &Spanned<DeValue<'_>>) -> Result<Tree, Problem> {
    let place = Place { file, span: value.span() };
    let number =
        |text: &str| number(text).ok_or_else(|| Problem::error(place.clone(), "JSON knows no such number"));
    let kind = match value.get_ref() {
        DeValue::String(text) => Kind::String(text.to_string()),
        DeValue::Integer(digits) => {
            let whole = i64::from_str_radix(digits.as_str(), digits.radix())
                .map_err(|_| Problem::error(place.clone(), "this number is too large"))?;
            Kind::Number(whole.into())
        }
        DeValue::Float(digits) => Kind::Number(number(digits.as_str())?),
        DeValue::Boolean(truth) => Kind::Bool(*truth),
        DeValue::Datetime(_) => {
            return Err(Problem::error(place, "JSON knows no dates").help("write it as a text, in quotes"));
        }
        DeValue::Array(items) => {
            Kind::Array(items.iter().map(|item| toml_value(file, item)).collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => Kind::Object(toml_members(file, table)?),
    };
    Ok(Tree { place, kind })
}

/// Reads the JSON that stands at `within` in a file: all of it, or a literal in another format.
pub(crate) fn parse_json(file: usize, text: &str, within: Range<usize>) -> Result<Tree, Problem> {
    let start = within.start;
    let document = Document::parse(text[within].to_owned(), &Limits::new(BYTES_MAX)).map_err(|error| {
        let at = start + error.offset;
        Problem::error(Place { file, span: at..at }, &error.mistake.to_string())
    })?;
    json_value(file, start, &document, document.root())
}

fn json_value(file: usize, start: usize, document: &Document, node: Node<'_>) -> Result<Tree, Problem> {
    let place = |node: Node<'_>| {
        let from = start + node.raw().as_ptr().addr() - document.text().as_ptr().addr();
        Place { file, span: from..from + node.raw().len() }
    };
    let here = place(node);
    let kind = match node.kind() {
        json::Kind::Null => Kind::Null,
        json::Kind::Bool => Kind::Bool(node.as_bool().unwrap_or_default()),
        json::Kind::Number => Kind::Number(
            number(node.raw()).ok_or_else(|| Problem::error(here.clone(), "this number is too large"))?,
        ),
        json::Kind::String => Kind::String(node.as_str().unwrap_or_default().into_owned()),
        json::Kind::Array => Kind::Array(
            node.items().map(|item| json_value(file, start, document, item)).collect::<Result<_, _>>()?,
        ),
        json::Kind::Object => {
            let member = |(key, value): (std::borrow::Cow<'_, str>, Node<'_>)| {
                let value = json_value(file, start, document, value)?;
                let key_place = key_place(document.text(), start, &key, &value.place);
                Ok(Member { key: key.into_owned(), key_place, value })
            };
            Kind::Object(node.members().map(member).collect::<Result<_, _>>()?)
        }
    };
    Ok(Tree { place: here, kind })
}

/// The key's literal before a value, when it is spelled without escapes; else the value itself.
fn key_place(text: &str, start: usize, key: &str, value: &Place) -> Place {
    let before = text[..value.span.start - start].trim_end();
    let literal = before.strip_suffix(':').map(str::trim_end);
    let quoted = format!("\"{key}\"");
    match literal.filter(|literal| literal.ends_with(&quoted)) {
        Some(literal) => {
            let end = start + literal.len();
            Place { file: value.file, span: end - quoted.len()..end }
        }
        None => value.clone(),
    }
}

fn parse_yaml(file: usize, text: &str) -> Result<Tree, Problem> {
    let bytes = Characters::new(text);
    let documents = MarkedYaml::load_from_str(text).map_err(|error| {
        let at = bytes.offset(error.marker().index());
        Problem::error(Place { file, span: at..at }, error.info())
    })?;
    match &documents[..] {
        [document] => yaml_value(file, &bytes, document),
        [] => Ok(Tree { place: Place { file, span: 0..0 }, kind: Kind::Object(Vec::new()) }),
        [_, second, ..] => {
            Err(Problem::error(bytes.place(file, second), "one document is expected, here begins a second"))
        }
    }
}

fn yaml_value(file: usize, bytes: &Characters<'_>, node: &MarkedYaml<'_>) -> Result<Tree, Problem> {
    let place = bytes.place(file, node);
    let refuse = |text: &str| Err(Problem::error(place.clone(), text));
    let kind = match &node.data {
        YamlData::Value(Scalar::Null) => Kind::Null,
        YamlData::Value(Scalar::Boolean(truth)) => Kind::Bool(*truth),
        YamlData::Value(Scalar::Integer(number)) => Kind::Number((*number).into()),
        YamlData::Value(Scalar::FloatingPoint(number)) => match Number::from_f64(number.into_inner()) {
            Some(number) => Kind::Number(number),
            None => return refuse("JSON knows no such number"),
        },
        YamlData::Value(Scalar::String(text)) => Kind::String(text.to_string()),
        YamlData::Sequence(items) => {
            Kind::Array(items.iter().map(|item| yaml_value(file, bytes, item)).collect::<Result<_, _>>()?)
        }
        YamlData::Mapping(members) => {
            let member = |(key, value): (&MarkedYaml<'_>, &MarkedYaml<'_>)| {
                let key_place = bytes.place(file, key);
                let YamlData::Value(Scalar::String(name)) = &key.data else {
                    return Err(Problem::error(key_place, "a key must be a text").help("write it in quotes"));
                };
                Ok(Member { key: name.to_string(), key_place, value: yaml_value(file, bytes, value)? })
            };
            Kind::Object(members.iter().map(member).collect::<Result<_, _>>()?)
        }
        _ => return refuse("tags and aliases are not understood here"),
    };
    Ok(Tree { place, kind })
}

/// Where each character begins: YAML's places count characters.
struct Characters<'a> {
    text: &'a str,
    offsets: Vec<usize>,
}

impl<'a> Characters<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, offsets: text.char_indices().map(|(offset, _)| offset).collect() }
    }

    fn offset(&self, index: usize) -> usize {
        self.offsets.get(index).copied().unwrap_or(self.text.len())
    }

    fn place(&self, file: usize, node: &MarkedYaml<'_>) -> Place {
        let start = self.offset(node.span.start.index());
        let end = self.offset(node.span.end.index()).max(start);
        let end = start + self.text[start..end].trim_end().len();
        Place { file, span: start..end }
    }
}

fn number(text: &str) -> Option<Number> {
    serde_json::from_str(&text.replace('_', "")).ok().or_else(|| Number::from_f64(text.parse().ok()?))
}
