//! Table: rows under titles, fitted to a terminal; as plain, aligned text for everybody else.
//!
//! Invariant: a row is one line unless a terminal is too narrow for it.

use std::io::{self, IsTerminal};

use comfy_table::{Attribute, CellAlignment, ContentArrangement, Table, TableComponent, presets};

use super::look::Look;
use super::{one_line, takes_colours};

const NARROWEST: u16 = 20;
const USUAL: u16 = 100;

/// One cell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    text: String,
    look: Look,
    is_number: bool,
}

impl Cell {
    pub(crate) fn new(text: impl AsRef<str>) -> Cell {
        Cell { text: one_line(text.as_ref()), ..Cell::default() }
    }

    /// Right-aligned.
    pub(crate) fn number(text: impl AsRef<str>) -> Cell {
        Cell { is_number: true, ..Cell::new(text) }
    }

    #[must_use]
    pub(crate) fn look(mut self, look: Look) -> Cell {
        self.look = look;
        self
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Cell {
        Cell::new(text)
    }
}

/// Whom a table is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Surface {
    /// Of a terminal; none: a pipe or a file.
    width: Option<u16>,
    takes_colours: bool,
}

/// The rows under their titles, as text without a line end.
pub(crate) fn render(titles: &[&str], rows: Vec<Vec<Cell>>) -> String {
    let is_terminal = io::stdout().is_terminal();
    // Some say that they have no columns at all.
    let width = Table::new().width().filter(|width| *width >= NARROWEST).unwrap_or(USUAL);
    let width = is_terminal.then_some(width);
    render_on(Surface { width, takes_colours: is_terminal && takes_colours() }, titles, rows)
}

fn render_on(surface: Surface, titles: &[&str], rows: Vec<Vec<Cell>>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    if surface.takes_colours {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    match surface.width {
        None => table.set_content_arrangement(ContentArrangement::Disabled),
        Some(width) => table
            .set_style(TableComponent::HeaderLines, '─')
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width),
    };
    let are_numbers: Vec<bool> = (0..titles.len())
        .map(|column| rows.iter().any(|row| row.get(column).is_some_and(|cell| cell.is_number)))
        .collect();
    table.set_header(titles.iter().zip(&are_numbers).map(|(title, is_number)| {
        let title = comfy_table::Cell::new(title).add_attribute(Attribute::Bold);
        title.set_alignment(alignment(*is_number))
    }));
    for row in rows {
        table.add_row(row.iter().map(cell));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

fn alignment(is_number: bool) -> CellAlignment {
    if is_number { CellAlignment::Right } else { CellAlignment::Left }
}

fn cell(cell: &Cell) -> comfy_table::Cell {
    let shown = comfy_table::Cell::new(&cell.text).set_alignment(alignment(cell.is_number));
    let shown = match cell.look.colour() {
        Some(colour) => shown.fg(colour),
        None => shown,
    };
    if cell.look == Look::Strong { shown.add_attribute(Attribute::Bold) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<Cell>> {
        vec![
            vec!["shop/warehouse/orders".into(), Cell::number("12,000"), Cell::new("open").look(Look::Bad)],
            vec![
                "shop/warehouse/refunds".into(),
                Cell::number("0"),
                Cell::new("two\nlines, and many words more"),
            ],
        ]
    }

    #[test]
    fn a_pipe_gets_aligned_lines_without_colours() {
        let text =
            render_on(Surface { width: None, takes_colours: false }, &["mapping", "events", "state"], rows());
        let wanted = "mapping                 events  state\n\
                      shop/warehouse/orders   12,000  open\n\
                      shop/warehouse/refunds       0  two lines, and many words more";
        assert_eq!(text, wanted);
    }

    #[test]
    fn a_narrow_terminal_gets_colours_and_wrapped_cells() {
        let text = render_on(
            Surface { width: Some(50), takes_colours: true },
            &["mapping", "events", "state"],
            rows(),
        );
        assert!(text.contains("\u{1b}[38;5;1mopen") || text.contains("\u{1b}["), "{text:?}");
        assert!(text.lines().count() > 4, "{text}");
    }
}
