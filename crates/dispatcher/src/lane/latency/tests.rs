//! A lane's pace against receivers of several kinds, in virtual time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::Answered;
use crate::lane::pace::{Pace, Permit};

/// A receiver: how many requests it works on at a time, and how long one takes by itself.
struct Receiver<F> {
    workers: usize,
    /// From virtual seconds, the body's bytes and a random number.
    takes: F,
}

/// What a lane that always has something to send reached.
#[derive(Debug)]
struct Reached {
    per_second: f64,
    /// The mean over the second half, and the least and most.
    window: f64,
    least: u32,
    most: u32,
}

fn drive(
    max: u32,
    seconds: u64,
    mut bytes: impl FnMut(&mut StdRng) -> usize,
    receiver: &Receiver<impl Fn(f64, usize, f64) -> f64>,
) -> Reached {
    let mut random = StdRng::seed_from_u64(7);
    let mut pace = Pace::new(max, None);
    let (mut now, end) = (Duration::ZERO, Duration::from_secs(seconds));
    let mut waiting: VecDeque<(Duration, usize)> = VecDeque::new();
    let mut working: BinaryHeap<Reverse<(Duration, Duration, usize)>> = BinaryHeap::new();
    let (mut answers, mut windows) = (0_u32, Vec::new());
    while now < end {
        while pace.permit(now) == Permit::Now {
            pace.started(now);
            waiting.push_back((now, bytes(&mut random)));
        }
        while working.len() < receiver.workers
            && let Some((started, bytes)) = waiting.pop_front()
        {
            let takes = (receiver.takes)(now.as_secs_f64(), bytes, random.random());
            working.push(Reverse((now + Duration::from_secs_f64(takes), started, bytes)));
        }
        let Some(Reverse((at, started_at, body_bytes))) = working.pop() else { break };
        now = at;
        pace.ended();
        pace.answered(now, Answered { started_at, latency: now.saturating_sub(started_at), body_bytes });
        if now > end / 2 {
            answers += 1;
            windows.push(pace.window());
        }
    }
    let count = u32::try_from(windows.len()).unwrap();
    Reached {
        per_second: f64::from(answers) / (end.as_secs_f64() / 2.0),
        window: f64::from(windows.iter().sum::<u32>()) / f64::from(count),
        least: windows.iter().min().copied().unwrap(),
        most: windows.iter().max().copied().unwrap(),
    }
}

/// Between nine tenths and eleven tenths.
fn about(seconds: f64, random: f64) -> f64 {
    seconds * (0.9 + 0.2 * random)
}

#[test]
fn a_receiver_that_is_slow_at_any_rate_is_asked_as_much_as_allowed() {
    for (seconds, lasting) in [(0.001, 2), (0.05, 40), (5.0, 2000)] {
        let receiver = Receiver { workers: usize::MAX, takes: |_, _, random| about(seconds, random) };
        let reached = drive(64, lasting, |_| 700, &receiver);
        assert!(reached.least == 64, "{seconds} s: {reached:?}");
        assert!(reached.per_second > 0.95 * 64.0 / seconds, "{seconds} s: {reached:?}");
    }
}

#[test]
fn a_receiver_that_answers_later_the_more_is_asked_is_asked_what_it_can_do() {
    for workers in [1, 4, 16] {
        let receiver = Receiver { workers, takes: |_, _, random| about(0.1, random) };
        let reached = drive(64, 200, |_| 700, &receiver);
        let able = f64::from(u32::try_from(workers).unwrap());
        assert!(reached.per_second > 0.95 * able / 0.1, "{workers} workers: {reached:?}");
        assert!(reached.window < 2.0 * able + 2.0, "{workers} workers: {reached:?}");
    }
}

#[test]
fn a_receiver_that_becomes_slow_for_good_keeps_its_concurrency() {
    let takes = |now: f64, _, random| about(if now < 100.0 { 0.1 } else { 2.0 }, random);
    let reached = drive(32, 300, |_| 700, &Receiver { workers: usize::MAX, takes });
    assert!(reached.least == 32 && reached.per_second > 15.0, "{reached:?}");
}

#[test]
fn batches_of_different_sizes_that_take_as_long_as_they_are_shrink_nothing() {
    let takes =
        |_, bytes: usize, random| about(0.02 + f64::from(u32::try_from(bytes).unwrap()) / 1e6, random);
    let bytes = |random: &mut StdRng| {
        if random.random_bool(0.1) { 2_000_000 } else { random.random_range(500..200_000) }
    };
    let reached = drive(32, 200, bytes, &Receiver { workers: usize::MAX, takes });
    assert!(reached.window > 31.0, "{reached:?}");
}

#[test]
fn answers_that_take_all_sorts_of_times_hardly_shrink_anything() {
    let takes = |_, _, random: f64| 0.01 - 0.2 * (1.0 - random).ln();
    let reached = drive(32, 200, |_| 700, &Receiver { workers: usize::MAX, takes });
    assert!(reached.window > 28.0 && reached.most == 32, "{reached:?}");
}

#[test]
fn a_receiver_that_is_slow_is_soon_asked_as_much_as_allowed() {
    let receiver = Receiver { workers: usize::MAX, takes: |_, _, random| about(5.0, random) };
    let reached = drive(64, 40, |_| 700, &receiver);
    assert!(reached.least == 64, "{reached:?}");
}
