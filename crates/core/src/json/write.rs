//! Writing a value: what is canonical is copied, the rest is walked. No recursion.

use super::node::{Items, MemberNodes};
use super::{Kind, Node, Numbers, write_number, write_string};

/// A container being written: what is left of it.
enum Open<'a> {
    Array(Items<'a>),
    Object(MemberNodes<'a>),
}

pub(super) fn write(root: Node<'_>, numbers: Numbers, out: &mut String) {
    let mut open = Vec::new();
    open.extend(begin(root, numbers, out));
    let mut is_first = true;
    while let Some(innermost) = open.last_mut() {
        let (key, value) = match innermost {
            Open::Array(items) => (None, items.next()),
            Open::Object(members) => members.next().unzip(),
        };
        let Some(value) = value else {
            out.push(match innermost {
                Open::Array(_) => ']',
                Open::Object(_) => '}',
            });
            open.pop();
            is_first = false;
            continue;
        };
        if !is_first {
            out.push(',');
        }
        if let Some(key) = key {
            write_text(key, out);
            out.push(':');
        }
        let inner = begin(value, numbers, out);
        is_first = inner.is_some();
        open.extend(inner);
    }
}

/// Writes a value whole, or the opening bracket of what has to be walked.
fn begin<'a>(node: Node<'a>, numbers: Numbers, out: &mut String) -> Option<Open<'a>> {
    if node.is_fixpoint(numbers) {
        out.push_str(node.raw());
        return None;
    }
    match node.kind() {
        Kind::Array => {
            out.push('[');
            return Some(Open::Array(node.items()));
        }
        Kind::Object => {
            out.push('{');
            return Some(Open::Object(node.nodes()));
        }
        Kind::String => write_text(node, out),
        Kind::Number => write_number(node.as_f64().expect("a number has a value"), out),
        Kind::Null | Kind::Bool => unreachable!("these have one text each"),
    }
    None
}

fn write_text(node: Node<'_>, out: &mut String) {
    if node.is_canonical() {
        out.push_str(node.raw());
    } else {
        write_string(&node.as_str().expect("keys are strings"), out);
    }
}
