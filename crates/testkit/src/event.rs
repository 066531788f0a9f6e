//! Events as Segment's JSON, with only what a test is about.

use serde_json::{Value, json};

/// A `track` event; give it what the test is about.
pub fn track(event: &str) -> Builder {
    Builder(json!({ "type": "track", "event": event, "userId": "u-1" }))
}

/// An `identify` event.
pub fn identify(user_id: &str) -> Builder {
    Builder(json!({ "type": "identify", "userId": user_id }))
}

/// As many distinct events as asked for, of about 0.8 KB each, with the message ids `PREFIX-0`, `PREFIX-1`, ….
pub fn orders(prefix: &str, count: usize) -> impl Iterator<Item = Builder> {
    (0..count).map(move |number| order(&format!("{prefix}-{number}"), number))
}

/// An order as a shop sends it, about 0.8 KB.
pub fn order(message_id: &str, number: usize) -> Builder {
    let product = |index: usize| {
        json!({ "product_id": format!("p-{}", number % 97 + index), "sku": format!("SKU-{index}-{}", number % 31),
                "name": "Blue \"sky\" umbrella ☂", "price": 19.5, "quantity": index + 1 })
    };
    let day = number % 28 + 1;
    Builder(json!({
        "type": "track",
        "event": "Order Completed",
        "messageId": message_id,
        "userId": format!("u-{}", number % 1000),
        "timestamp": format!("2026-11-{day:02}T10:20:30.400Z"),
        "context": {
            "ip": "203.0.113.7", "locale": "de-DE",
            "library": { "name": "testkit", "version": "1.0.0" },
            "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0",
        },
        "properties": {
            "order_id": format!("o-{number}"), "total": 58.5, "currency": "EUR", "coupon": null,
            "products": [product(0), product(1)],
        },
    }))
}

/// An event in the making.
#[derive(Debug, Clone)]
pub struct Builder(Value);

impl Builder {
    /// Sets a top-level member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Builder {
        self.0[name] = value.into();
        self
    }

    /// Sets `messageId`.
    #[must_use]
    pub fn id(self, message_id: &str) -> Builder {
        self.with("messageId", message_id)
    }

    /// Sets a member of `properties`.
    #[must_use]
    pub fn property(mut self, name: &str, value: impl Into<Value>) -> Builder {
        self.0["properties"][name] = value.into();
        self
    }

    /// The JSON value.
    pub fn value(self) -> Value {
        self.0
    }

    /// The JSON text.
    pub fn json(&self) -> String {
        self.0.to_string()
    }
}
