//! Settings: what is said of one that could not work. Each crate has its own settings and its own rules; how a broken
//! rule is told is the same everywhere.

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
