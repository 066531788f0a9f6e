//! Names: `shop`, `shop/warehouse`, `shop/warehouse/orders`, and what a part of one may be.

use signalpost_storage::Scope;
use tonic::Status;

use crate::status;

const CHARACTERS_MAX: usize = 100;
const PART: &str = "a name is 1 to 100 characters without `/` and without control characters";

/// Why a text is no part of a name.
pub(crate) fn mistake(part: &str) -> Option<&'static str> {
    let is_good = !part.trim().is_empty()
        && part.chars().count() <= CHARACTERS_MAX
        && !part.contains('/')
        && !part.chars().any(char::is_control);
    (!is_good).then_some(PART)
}

/// A source's name.
pub(crate) fn source(field: &str, name: &str) -> Result<String, Status> {
    let [source] = parts(field, name, "a source is named like `shop`")?;
    Ok(source)
}

/// A destination's source and name.
pub(crate) fn destination(field: &str, name: &str) -> Result<[String; 2], Status> {
    parts(field, name, "a destination is named like `shop/warehouse`")
}

/// A mapping's source, destination and name.
pub(crate) fn mapping(field: &str, name: &str) -> Result<[String; 3], Status> {
    parts(field, name, "a mapping is named like `shop/warehouse/orders`")
}

/// A source, destination or mapping; all when empty.
pub(crate) fn parent(field: &str, name: &str) -> Result<Scope, Status> {
    if name.is_empty() {
        return Ok(Scope::default());
    }
    let parts: Vec<&str> = name.split('/').collect();
    if parts.len() > 3 || parts.iter().any(|part| mistake(part).is_some()) {
        return Err(status::invalid(
            field,
            "it is a source, destination or mapping, named like `shop/warehouse`",
        ));
    }
    let part = |index: usize| parts.get(index).map(|part| (*part).to_owned());
    Ok(Scope { source: part(0), destination: part(1), mapping: part(2) })
}

fn parts<const N: usize>(field: &str, name: &str, like: &str) -> Result<[String; N], Status> {
    let parts: Vec<String> = name.split('/').map(str::to_owned).collect();
    match <[String; N]>::try_from(parts) {
        Err(_) => Err(status::invalid(field, like)),
        Ok(parts) => match parts.iter().find_map(|part| mistake(part)) {
            Some(mistake) => Err(status::invalid(field, mistake)),
            None => Ok(parts),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_as_many_parts_as_its_kind() {
        assert_eq!(
            mapping("name", "shop/warehouse/orders").expect("three parts"),
            ["shop", "warehouse", "orders"]
        );
        assert_eq!(source("name", "Bücher & Co").expect("one part"), "Bücher & Co");
        for wrong in ["", "shop", "shop/", "/warehouse", "shop/a\u{7}", "shop/a/b"] {
            assert!(destination("name", wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(parent("parent", "").expect("all there is"), Scope::default());
        assert_eq!(
            parent("parent", "shop/warehouse").expect("two parts").destination.as_deref(),
            Some("warehouse")
        );
        assert!(parent("parent", "a/b/c/d").is_err());
    }
}
