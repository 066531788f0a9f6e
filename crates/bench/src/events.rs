//! Events to send: realistic orders of about 0.8 KB with varied content, each with a message id that tells its number.
//!
//! Invariant: the text is canonical JSON, as the common client libraries write it.

use bytes::Bytes;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

/// What every message id begins with; twelve digits follow.
pub(crate) const ID_PREFIX: &str = "bench-";
const DIGITS: usize = 12;

/// Different events, to be sent again and again under new message ids.
pub(crate) struct Events {
    /// Text before and after the digits of the message id.
    templates: Vec<(String, String)>,
}

impl Events {
    /// The same events for the same seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        Self { templates: (0..4096).map(|_| template(&mut random)).collect() }
    }

    /// The event of that number.
    pub(crate) fn event(&self, number: u64) -> Bytes {
        let index = usize::try_from(number % self.templates.len() as u64).expect("below the length");
        let (before, after) = &self.templates[index];
        let mut text = Vec::with_capacity(before.len() + DIGITS + after.len());
        text.extend_from_slice(before.as_bytes());
        text.extend_from_slice(format!("{number:012}").as_bytes());
        text.extend_from_slice(after.as_bytes());
        text.into()
    }

    /// Mean size in bytes.
    pub(crate) fn mean_bytes(&self) -> usize {
        let total: usize =
            self.templates.iter().map(|(before, after)| before.len() + DIGITS + after.len()).sum();
        total / self.templates.len()
    }
}

/// The numbers of the events that a request's body holds, found by their message ids.
pub(crate) fn numbers(body: &[u8]) -> impl Iterator<Item = u64> + '_ {
    memchr::memmem::find_iter(body, "\"messageId\":\"bench-").filter_map(|at| {
        let digits = body.get(at + 13 + ID_PREFIX.len()..)?.get(..DIGITS)?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    })
}

const WORDS: [&str; 24] = [
    "blue", "mug", "ceramic", "large", "kettle", "steel", "lamp", "oak", "chair", "linen", "green", "small",
    "glass", "pot", "wool", "rug", "shelf", "cup", "bowl", "desk", "pine", "brass", "hook", "clock",
];
const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
];

fn template(random: &mut StdRng) -> (String, String) {
    let words = |random: &mut StdRng, count: usize| {
        let chosen: Vec<&str> = (0..count).map(|_| *WORDS.choose(random).expect("there are words")).collect();
        chosen.join(" ")
    };
    let user: u64 = random.random_range(1..5_000_000);
    let cents: u64 = random.random_range(100..100_000);
    let before = format!("{{\"type\":\"track\",\"event\":\"Order Completed\",\"messageId\":\"{ID_PREFIX}");
    let after = format!(
        "\",\"userId\":\"user-{user}\",\"anonymousId\":\"{:032x}\",\"timestamp\":\"2026-11-23T{:02}:{:02}:{:02}.{:03}Z\",\
         \"properties\":{{\"orderId\":\"{:08x}\",\"total\":{}.{:02},\"currency\":\"EUR\",\"coupon\":null,\"products\":[\
         {{\"sku\":\"{:06x}\",\"name\":\"{}\",\"price\":{},\"quantity\":{}}},{{\"sku\":\"{:06x}\",\"name\":\"{}\",\"price\":{},\"quantity\":{}}}]}},\
         \"context\":{{\"ip\":\"203.0.113.{}\",\"locale\":\"en-GB\",\"library\":{{\"name\":\"bench\",\"version\":\"1.0.0\"}},\
         \"page\":{{\"path\":\"/checkout/{}\",\"title\":\"{}\",\"url\":\"https://shop.example/checkout/{}\"}},\"userAgent\":\"{}\"}},\
         \"integrations\":{{\"All\":true}}}}",
        random.random::<u128>(),
        random.random_range(0..24),
        random.random_range(0..60),
        random.random_range(0..60),
        random.random_range(0..1000),
        random.random::<u32>(),
        cents / 100,
        cents % 90 + 10, // two digits, the last may be zero: a receiver reads 12.50, so write what JSON.stringify writes
        random.random_range(0..0x00ff_ffff),
        words(random, 3),
        random.random_range(1..500),
        random.random_range(1..9),
        random.random_range(0..0x00ff_ffff),
        words(random, 4),
        random.random_range(1..500),
        random.random_range(1..9),
        random.random_range(1..255),
        random.random_range(1..100_000),
        words(random, 5),
        random.random_range(1..100_000),
        AGENTS.choose(random).expect("there are some"),
    );
    (before, canonical_cents(&after))
}

/// `12.50` is written `12.5` in ECMAScript.
fn canonical_cents(text: &str) -> String {
    let at = text.find("\"total\":").expect("written above") + 8;
    let end = at + text[at..].find(',').expect("more follows");
    let trimmed = text[at..end].trim_end_matches('0').trim_end_matches('.');
    format!("{}{}{}", &text[..at], trimmed, &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_tells_its_number_and_is_about_800_bytes() {
        let events = Events::new(1);
        let body = [b"[", &events.event(7)[..], b",", &events.event(123_456)[..], b"]"].concat();
        assert_eq!(numbers(&body).collect::<Vec<_>>(), [7, 123_456]);
        assert!((700..1000).contains(&events.mean_bytes()), "{}", events.mean_bytes());
    }

    #[test]
    fn every_event_is_canonical_json() {
        let events = Events::new(1);
        for number in 0..4096 {
            let text = String::from_utf8(events.event(number).to_vec()).unwrap();
            let limits = signalpost_core::json::Limits::new(32_000);
            let document = signalpost_core::json::Document::parse(text, &limits).unwrap();
            assert!(document.is_canonical(), "{}", document.text());
        }
    }
}
