//! Latency: whether a receiver answers later because more is asked of it at a time.
//!
//! Answers are compared with a baseline for bodies of about their size, in rounds of as many as may be under way at a time.
//! When they take twice as long as the baseline, less is asked. If that helps, asking less was right; if it does not, the receiver
//! is simply slower than it was: what it takes now is the new baseline, and as much is asked as before. So a receiver that is
//! slow, and one that becomes slow, keeps its concurrency, and one that is asked too much at a time loses what does not help it.

use std::time::Duration;

use smallvec::SmallVec;

use crate::lanes::action::Moment;

/// A round has so many answers at least.
const ROUND_MIN: u32 = 16;
/// Whatever takes less takes this long: a rise below it is no sign of anything.
const LEAST: f32 = 0.05;
/// So many times the baseline is too much, and up to so many more can be asked.
const TOO_MUCH: f32 = 2.0;
const CALM: f32 = 1.5;
/// Asking less helped when the answers took at most this share of the time before.
const HELPED: f32 = 0.92;

/// What a round says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is not over.
    None,
    /// The window is as it should be.
    Fine,
    /// Less at a time.
    Less,
    /// As much as before: less did not help.
    Back(u32),
}

/// An answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered {
    pub(crate) started_at: Moment,
    pub(crate) latency: Duration,
    pub(crate) body_bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Latency {
    sizes: SmallVec<[Size; 2]>,
    answers: u32,
    /// Requests that started before were made under another window.
    since: Moment,
    /// How long the last round's answers took, in baselines.
    ratio: f32,
    less: Option<Less>,
}

/// Bodies of about one size: up to twice as long as the shortest.
#[derive(Debug)]
struct Size {
    class: u32,
    baseline: Option<f32>,
    least: f32,
    sum: f32,
    answers: u16,
}

/// Since less is asked: what was asked before, and what the answers took then.
#[derive(Debug, Clone, Copy)]
struct Less {
    window: u32,
    ratio: f32,
}

impl Latency {
    pub(crate) fn new() -> Self {
        Self { sizes: SmallVec::new(), answers: 0, since: Moment::ZERO, ratio: 1.0, less: None }
    }

    /// Whether more may be asked at a time.
    pub(crate) fn is_calm(&self) -> bool {
        self.ratio <= CALM
    }

    /// The window was changed for another reason: the round begins anew.
    pub(crate) fn interrupted(&mut self, now: Moment) {
        self.less = None;
        self.begin_round(now);
    }

    /// An answer under this window, which is that many requests at a time.
    pub(crate) fn answered(&mut self, now: Moment, answer: Answered, window: u32, requests: u32) -> Verdict {
        if answer.started_at < self.since {
            return Verdict::None;
        }
        self.count(answer);
        if self.answers < requests.max(ROUND_MIN) {
            return Verdict::None;
        }
        let was_calm = self.is_calm();
        self.ratio = self.end_round();
        self.begin_round(now);
        // While the window grows a round is of several windows: the next is of one.
        if was_calm && self.ratio > TOO_MUCH { Verdict::Fine } else { self.judge(window, requests) }
    }

    fn count(&mut self, answer: Answered) {
        let class = answer.body_bytes.max(1).ilog2();
        let seconds = answer.latency.as_secs_f32().max(LEAST);
        let index = self.sizes.iter().position(|size| size.class == class).unwrap_or_else(|| {
            self.sizes.push(Size { class, baseline: None, least: f32::MAX, sum: 0.0, answers: 0 });
            self.sizes.len() - 1
        });
        let size = &mut self.sizes[index];
        size.sum += seconds;
        size.least = size.least.min(seconds);
        size.answers = size.answers.saturating_add(1);
        self.answers += 1;
    }

    /// How long the answers took in baselines. A baseline begins as the least of its first round, of which it says nothing, for then
    /// ever more was under way; it moves down a quarter of the way to a round that took less.
    fn end_round(&mut self) -> f32 {
        let (mut ratios, mut answers) = (0.0, 0.0);
        for size in self.sizes.iter_mut().filter(|size| size.answers > 0) {
            let count = f32::from(size.answers);
            let mean = size.sum / count;
            ratios += size.baseline.map_or(count, |baseline| size.sum / baseline);
            answers += count;
            let baseline = size.baseline.unwrap_or(size.least);
            size.baseline = Some(if mean < baseline { baseline * 0.75 + mean * 0.25 } else { baseline });
        }
        ratios / answers
    }

    fn begin_round(&mut self, now: Moment) {
        self.answers = 0;
        self.since = now;
        for size in &mut self.sizes {
            (size.sum, size.answers) = (0.0, 0);
        }
    }

    fn judge(&mut self, window: u32, requests: u32) -> Verdict {
        let ratio = self.ratio;
        if ratio <= TOO_MUCH {
            self.less = None;
            return Verdict::Fine;
        }
        let before = self.less.unwrap_or(Less { window, ratio });
        let did_not_help = self.less.is_some() && ratio > before.ratio * HELPED;
        if did_not_help || requests <= 1 {
            for size in &mut self.sizes {
                size.baseline = size.baseline.map(|baseline| baseline * ratio);
            }
            (self.less, self.ratio) = (None, 1.0);
            return Verdict::Back(before.window);
        }
        self.less = Some(Less { ratio, ..before });
        Verdict::Less
    }
}

#[cfg(test)]
mod tests;
