//! The report: a table of figures, each beside its goal.

use comfy_table::{Table, presets::ASCII_MARKDOWN};

/// One measured figure.
pub(crate) struct Figure {
    pub(crate) what: String,
    pub(crate) value: String,
    pub(crate) goal: String,
}

/// Figures in the order they were measured.
#[derive(Default)]
pub(crate) struct Report {
    figures: Vec<Figure>,
}

impl Report {
    /// Notes a figure, and prints it at once.
    pub(crate) fn note(
        &mut self,
        what: impl Into<String>,
        value: impl Into<String>,
        goal: impl Into<String>,
    ) {
        let figure = Figure { what: what.into(), value: value.into(), goal: goal.into() };
        let goal = if figure.goal.is_empty() { String::new() } else { format!(" (goal {})", figure.goal) };
        eprintln!("{}: {}{goal}", figure.what, figure.value);
        self.figures.push(figure);
    }

    /// The whole as a Markdown table.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_preset(ASCII_MARKDOWN).set_header(["figure", "measured", "goal"]);
        for figure in &self.figures {
            table.add_row([&figure.what, &figure.value, &figure.goal]);
        }
        table.to_string()
    }
}

/// `123456.7` as `123 k`.
pub(crate) fn thousands(value: f64) -> String {
    if value >= 10_000.0 { format!("{:.0} k", value / 1000.0) } else { format!("{value:.0}") }
}

/// What machine this is, for the head of a report.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("unknown processor", |(_, name)| name.trim());
    format!("{cores} cores, {model}")
}

/// Microseconds as milliseconds.
pub(crate) fn milliseconds(microseconds: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let microseconds = microseconds as f64;
    microseconds / 1000.0
}
