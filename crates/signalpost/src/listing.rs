//! Listing: a list as a table for people, or as JSON for programs.

use serde_json::Value;

use crate::control::Listed;
use crate::json;
use crate::output::table::{self, Cell};
use crate::output::{self, measure};

/// How a kind of thing is listed.
pub(crate) struct Listing<T> {
    /// Its name in JSON.
    pub(crate) name: &'static str,
    pub(crate) item: fn(&T) -> Value,
    pub(crate) titles: &'static [&'static str],
    pub(crate) row: fn(&T) -> Vec<Cell>,
    /// What is said when there are none.
    pub(crate) none: &'static str,
}

impl<T> Listing<T> {
    pub(crate) fn show(&self, listed: &Listed<T>, is_json: bool) {
        if is_json {
            output::document(&json::list(self.name, listed, self.item));
            return;
        }
        if listed.items.is_empty() {
            output::aside(self.none);
            return;
        }
        output::line(table::render(self.titles, listed.items.iter().map(self.row).collect()));
        if !listed.is_complete {
            let shown = measure::count(i64::try_from(listed.items.len()).unwrap_or(i64::MAX));
            output::aside(format_args!("… these are the first {shown}; --limit shows more"));
        }
    }
}

/// What there is to know of one thing: names and values, without those that are empty. Values may be painted; what a
/// stranger wrote has to be clean already.
pub(crate) fn facts(facts: &[(&str, String)]) -> String {
    let shown = facts.iter().filter(|(_, value)| !value.is_empty());
    let width = facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let lines = shown.map(|(name, value)| {
        let indented = value.replace('\n', &format!("\n{:width$}  ", ""));
        format!(
            "{}{}  {indented}",
            output::look::Look::Faint.paint(name),
            " ".repeat(width - name.chars().count())
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_stand_under_each_other_and_keep_their_colours() {
        let painted = output::look::Look::Strong.paint("shop");
        let shown = facts(&[("source", painted), ("none", String::new()), ("of", "a\nb".to_owned())]);
        assert!(!shown.contains('\u{fffd}'), "{shown:?}");
        let plain = anstream::adapter::strip_str(&shown).to_string();
        assert_eq!(plain, "source  shop\nof      a\n        b");
    }
}
