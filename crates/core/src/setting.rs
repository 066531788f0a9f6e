//! Settings: what is said of one that could not work, and how one is written. Each crate has its own settings and its own
//! rules; how a broken rule is told is the same everywhere.

use thiserror::Error;

/// A setting that could not work.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{setting} must be {accepted}")]
pub struct Mistake {
    /// The setting's name.
    pub setting: &'static str,
    /// What is accepted.
    pub accepted: &'static str,
}

/// A setting's name, whether its value could work, and what is accepted.
pub type Rule = (&'static str, bool, &'static str);

/// Every rule that does not hold, in their order.
pub fn mistakes<const RULES: usize>(rules: [Rule; RULES]) -> Vec<Mistake> {
    let broken = rules.into_iter().filter(|(_, holds, _)| !holds);
    broken.map(|(setting, _, accepted)| Mistake { setting, accepted }).collect()
}

/// A size that is written as it is read, to the byte: `#[serde(with = "setting::size")]`.
pub mod size {
    use bytesize::ByteSize;
    use serde::{Deserialize as _, Deserializer, Serializer};

    /// The larger first, so that the first one that divides a size makes the shortest text.
    const UNITS: [(u64, &str); 8] = [
        (1 << 40, "TiB"),
        (1_000_000_000_000, "TB"),
        (1 << 30, "GiB"),
        (1_000_000_000, "GB"),
        (1 << 20, "MiB"),
        (1_000_000, "MB"),
        (1 << 10, "KiB"),
        (1_000, "KB"),
    ];

    /// Writes it exactly: `bytesize` by itself rounds 64MB to 61.0 MiB.
    pub fn serialize<S: Serializer>(size: &ByteSize, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&text(size.as_u64()))
    }

    /// Reads `"32KiB"` or a number of bytes.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<ByteSize, D::Error> {
        ByteSize::deserialize(from)
    }

    fn text(bytes: u64) -> String {
        let unit = UNITS.iter().find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit));
        unit.map_or_else(|| format!("{bytes}B"), |(unit, name)| format!("{}{name}", bytes / unit))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_size_is_written_as_it_is_read() {
            for size in ["64MB", "32KiB", "100GB", "4MiB", "1TiB", "5KB", "1025B", "0B"] {
                let read: ByteSize = size.parse().expect("a size");
                assert_eq!(text(read.as_u64()), size);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_hold_is_named_with_what_is_accepted() {
        let found = mistakes([("lease", false, "from 1s to 10m"), ("poll", true, "from 10ms to 1m")]);
        let told: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["lease must be from 1s to 10m"]);
    }
}
