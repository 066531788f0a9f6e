//! Show: a preview as people read it.

use std::fmt::Write;

use signalpost_core::trigger::{Explanation, Step, Tested};

use super::{Previewed, Shown};

pub(super) fn text(events: &[Previewed], requests: &[Shown], trigger: Option<&str>) -> String {
    let mut out = String::new();
    for event in events {
        show_event(&mut out, event, trigger);
    }
    if requests.is_empty() {
        out.push_str("\nno request would be made\n");
    }
    for request in requests {
        show_request(&mut out, request);
    }
    out.truncate(out.trim_end().len());
    out
}

fn show_event(out: &mut String, event: &Previewed, trigger: Option<&str>) {
    let _ = writeln!(out, "event {} {}", event.number, event.message_id);
    if let Some(why) = &event.refused {
        let _ = writeln!(out, "  refused: {why}");
    }
    if let (Some(explanation), Some(trigger)) = (&event.trigger, trigger) {
        show_trigger(out, explanation, trigger);
    }
    if let Some(why) = &event.failed {
        let _ = writeln!(out, "  the mapping fails: {why}");
    }
}

fn show_trigger(out: &mut String, explanation: &Explanation, trigger: &str) {
    let verdict = if explanation.matches { "wanted" } else { "not wanted" };
    let _ = writeln!(out, "  {verdict}: {trigger}");
    if let Some(error) = &explanation.error {
        let _ = writeln!(out, "    the trigger fails: {error}");
    }
    show_step(out, &explanation.step, 4);
}

fn show_step(out: &mut String, step: &Step, indent: usize) {
    match step {
        Step::Empty => {
            let _ = writeln!(out, "{:indent$}✗ parentheses without a condition", "");
        }
        Step::Test(tested) => show_test(out, tested, indent),
        Step::Group { joining, held, steps } => {
            let joining = serde_json::to_value(joining).unwrap_or_default();
            let _ = writeln!(out, "{:indent$}{} {}", "", mark(*held), joining.as_str().unwrap_or_default());
            for step in steps {
                show_step(out, step, indent + 2);
            }
        }
    }
}

fn show_test(out: &mut String, tested: &Tested, indent: usize) {
    let expected = tested.expected.as_deref().map(|expected| format!(" {expected}")).unwrap_or_default();
    let actual = tested.actual.as_deref().unwrap_or("nothing");
    let Tested { field, operator, held, .. } = tested;
    let _ = writeln!(out, "{:indent$}{} {field} {operator}{expected}   (it is {actual})", "", mark(*held));
}

fn mark(held: Option<bool>) -> &'static str {
    match held {
        Some(true) => "✓",
        Some(false) => "✗",
        None => "!",
    }
}

fn show_request(out: &mut String, request: &Shown) {
    let numbers: Vec<String> = request.events.iter().map(ToString::to_string).collect();
    let _ = writeln!(out, "\nrequest with event {}\n{} {}", numbers.join(", "), request.method, request.url);
    for (name, value) in &request.headers {
        let _ = writeln!(out, "{name}: {value}");
    }
    if let Some(body) = &request.body {
        let _ = writeln!(out, "\n{body}");
    }
}
