//! Check: one thing that was looked at.

use serde_json::{Value, json};

use crate::output::clean;
use crate::output::look::Look;

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Ok,
    /// It works, and may not for long.
    Warning,
    /// Someone must act.
    Problem,
    /// It could not be looked at.
    Unknown,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) verdict: Verdict,
    /// What was found.
    pub(super) found: String,
    /// What to do; empty when nothing needs doing.
    pub(super) advice: String,
}

impl Check {
    fn new(
        name: &'static str,
        verdict: Verdict,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Check {
        Check { name, verdict, found: found.into(), advice: advice.into() }
    }

    pub(super) fn good(name: &'static str, found: impl Into<String>) -> Check {
        Check::new(name, Verdict::Ok, found, "")
    }

    pub(super) fn warning(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Check {
        Check::new(name, Verdict::Warning, found, advice)
    }

    pub(super) fn problem(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Check {
        Check::new(name, Verdict::Problem, found, advice)
    }

    pub(super) fn unknown(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Check {
        Check::new(name, Verdict::Unknown, found, advice)
    }

    pub(super) fn as_json(&self) -> Value {
        let verdict = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Problem => "problem",
            Verdict::Unknown => "unknown",
        };
        let advice = (!self.advice.is_empty()).then_some(&self.advice);
        json!({ "check": self.name, "verdict": verdict, "found": self.found, "advice": advice })
    }

    pub(super) fn as_text(&self) -> String {
        let (word, look) = match self.verdict {
            Verdict::Ok => ("ok", Look::Good),
            Verdict::Warning => ("warning", Look::Odd),
            Verdict::Problem => ("problem", Look::Bad),
            Verdict::Unknown => ("unknown", Look::Faint),
        };
        let word = look.paint(format_args!("{word:<8}"));
        let first = format!("{word} {:<13} {}", self.name, clean(&self.found).replace('\n', "\n           "));
        if self.advice.is_empty() {
            first
        } else {
            format!("{first}\n{:8} {:13} → {}", "", "", clean(&self.advice))
        }
    }
}
