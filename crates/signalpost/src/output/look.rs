//! Look: the few styles that output has, each with a meaning.

use anstyle::{AnsiColor, Style};
use comfy_table::Color;

/// What a piece of text means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Look {
    /// Nothing special.
    #[default]
    Plain,
    /// Well.
    Good,
    /// Worth a look.
    Odd,
    /// Someone must act.
    Bad,
    /// Beside the point.
    Faint,
    /// The name of what the rest is about.
    Strong,
}

impl Look {
    fn style(self) -> Style {
        match self {
            Look::Plain => Style::new(),
            Look::Good => AnsiColor::Green.on_default(),
            Look::Odd => AnsiColor::Yellow.on_default(),
            Look::Bad => AnsiColor::Red.on_default(),
            Look::Faint => Style::new().dimmed(),
            Look::Strong => Style::new().bold(),
        }
    }

    /// The colour of a table's cell.
    pub(super) fn colour(self) -> Option<Color> {
        match self {
            Look::Plain | Look::Strong => None,
            Look::Good => Some(Color::DarkGreen),
            Look::Odd => Some(Color::DarkYellow),
            Look::Bad => Some(Color::DarkRed),
            Look::Faint => Some(Color::DarkGrey),
        }
    }

    /// The text in this style; what is printed without colours is the text alone.
    pub(crate) fn paint(self, text: impl std::fmt::Display) -> String {
        let style = self.style();
        format!("{style}{text}{style:#}")
    }
}
