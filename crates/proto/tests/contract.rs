//! The contract as a thing to keep: written in one style, with every word explained, and never broken within `v1`.

#[path = "contract/compatible.rs"]
mod compatible;
#[path = "contract/element.rs"]
mod element;
#[path = "contract/style.rs"]
mod style;
