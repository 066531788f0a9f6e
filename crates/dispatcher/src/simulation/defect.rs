//! Defect: mistakes that are brought in on purpose, to see that they are caught.

use std::str::FromStr;

/// A mistake that is brought in on purpose, in the models around the decisions, to show that it is caught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// Postgres does not check who settles.
    SettleWithoutFence,
    /// The tail asks only for what comes after the last row it saw.
    ForgetLateRows,
    /// A retry is sent twice.
    DoubleRetry,
    /// A settlement is answered before its commit, which some never see.
    AnswerBeforeCommit,
    /// A process that wakes up deals with what it was told before it looks at its lease.
    WakeUnaware,
    /// A retry forgets the id of its batch.
    RetryWithNewId,
    /// A process that ends gives its partitions back before what is under way is settled.
    ReleaseTooSoon,
    /// A process that cut off its requests does not say so when it gives its partitions back.
    ReleaseUnmarked,
}

impl Defect {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::SettleWithoutFence,
        Self::ForgetLateRows,
        Self::DoubleRetry,
        Self::AnswerBeforeCommit,
        Self::WakeUnaware,
        Self::RetryWithNewId,
        Self::ReleaseTooSoon,
        Self::ReleaseUnmarked,
    ];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::SettleWithoutFence => "settle-without-fence",
            Self::ForgetLateRows => "forget-late-rows",
            Self::DoubleRetry => "double-retry",
            Self::AnswerBeforeCommit => "answer-before-commit",
            Self::WakeUnaware => "wake-unaware",
            Self::RetryWithNewId => "retry-with-new-id",
            Self::ReleaseTooSoon => "release-too-soon",
            Self::ReleaseUnmarked => "release-unmarked",
        }
    }
}

impl FromStr for Defect {
    type Err = UnknownDefect;

    fn from_str(name: &str) -> Result<Self, UnknownDefect> {
        Self::ALL.into_iter().find(|defect| defect.name() == name).ok_or(UnknownDefect)
    }
}

/// There is no such defect.
#[derive(Debug, thiserror::Error)]
#[error(
    "no such defect; there are settle-without-fence, forget-late-rows, double-retry, answer-before-commit, wake-unaware, \
     retry-with-new-id, release-too-soon and release-unmarked"
)]
pub struct UnknownDefect;
