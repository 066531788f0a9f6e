//! Redrive: jobs that queue dead letters again; made and controlled here, carried out step by step in `step`.
//!
//! Invariants: a job takes the dead letters that there were when it was made, each event at most once; what it has done
//! and where it has come to are committed together; what operators may ask for is checked by the functions in the
//! database, so that `psql` and the control API cannot differ.

mod step;

use chrono::{DateTime, Utc};
use sqlx::{PgPool, Postgres, Transaction};

pub use step::Step;

use crate::actor::begin_as;
use crate::{BuryReason, StorageError};

/// Which dead letters: all that every given field fits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadFilter {
    /// Those of this source, destination or mapping: `shop`, `shop/warehouse` or `shop/warehouse/orders`.
    pub parent: String,
    /// The one at this position of that mapping.
    pub position: Option<i64>,
    /// Those given up for this reason.
    pub reason: Option<BuryReason>,
    /// Those given up since then.
    pub since: Option<DateTime<Utc>>,
    /// Those given up before then.
    pub until: Option<DateTime<Utc>>,
}

/// A redrive that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRedrive {
    /// Which dead letters.
    pub filter: DeadFilter,
    /// Events that it queues a second; 0: as fast as it goes.
    pub events_per_second: f64,
}

/// A job that queues dead letters again.
#[derive(Debug, Clone, PartialEq)]
pub struct Redrive {
    /// Names it.
    pub id: i64,
    /// Which dead letters: of those there were when it was made.
    pub filter: DeadFilter,
    /// Events that it queues a second; 0: as fast as it goes.
    pub events_per_second: f64,
    /// How it is doing.
    pub state: RedriveState,
    /// Why it does not go on although it runs.
    pub why: Option<String>,
    /// Events that fitted when it was made.
    pub events_matched: i64,
    /// Events queued again so far.
    pub events_redriven: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Who made it.
    pub created_by: String,
    /// When it was done or cancelled.
    pub ended_at: Option<DateTime<Utc>>,
}

/// How a redrive is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedriveState {
    /// Dead letters are being queued again.
    Running,
    /// It waits to be resumed.
    Paused,
    /// All that fitted is queued again.
    Done,
    /// It was ended early; what was queued again stays queued.
    Cancelled,
}

/// What a redrive can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedriveControl {
    /// Stop for now.
    Pause,
    /// Go on.
    Resume,
    /// End it.
    Cancel,
}

impl RedriveControl {
    /// As the function in the database calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
        }
    }
}

/// Why a redrive was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// What was asked for cannot be; the message is for whoever asked.
    #[error("{0}")]
    Refused(String),
    /// There is no such source, destination, mapping or redrive; the message says which.
    #[error("{0}")]
    NotFound(String),
    /// The database did not do it.
    #[error("the redrive could not be stored")]
    Storage(#[from] StorageError),
}

impl From<sqlx::Error> for RedriveError {
    fn from(error: sqlx::Error) -> Self {
        let refusal = error.as_database_error().and_then(|error| {
            let message = || error.message().to_owned();
            match error.code().as_deref() {
                Some("22023") => Some(Self::Refused(message())),
                Some("P0002") => Some(Self::NotFound(message())),
                _ => None,
            }
        });
        refusal.unwrap_or_else(|| Self::Storage(error.into()))
    }
}

/// Jobs that queue dead letters again. Cheap to clone.
#[derive(Clone)]
pub struct RedriveStore {
    pool: PgPool,
}

/// A row of the table, before its words are read.
struct Stored {
    id: i64,
    parent: String,
    dead_position: Option<i64>,
    reason: Option<String>,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    events_per_second: f64,
    state: String,
    why: Option<String>,
    events_matched: i64,
    events_redriven: i64,
    created_at: DateTime<Utc>,
    created_by: String,
    ended_at: Option<DateTime<Utc>>,
}

impl RedriveStore {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// How many events a redrive of these would queue now.
    pub async fn dry_run(&self, filter: &DeadFilter) -> Result<i64, RedriveError> {
        let mut transaction = self.pool.begin().await?;
        let (_, events) = redrive(&mut transaction, filter, 0.0, true).await?;
        Ok(events)
    }

    /// Makes a job; the dispatchers begin with it at once. `actor` is who the audit log shows.
    pub async fn create(&self, wanted: &NewRedrive, actor: &str) -> Result<Redrive, RedriveError> {
        let mut transaction = begin_as(&self.pool, actor).await?;
        let (id, _) = redrive(&mut transaction, &wanted.filter, wanted.events_per_second, false).await?;
        let made = get(&mut transaction, id.unwrap_or_default()).await?;
        transaction.commit().await?;
        made.ok_or_else(|| RedriveError::NotFound(String::from("the redrive is gone already")))
    }

    /// One job, as it is.
    pub async fn get(&self, id: i64) -> Result<Option<Redrive>, StorageError> {
        get(&mut self.pool.begin().await?, id).await
    }

    /// At most `limit` jobs, newest first: those made before job `before`, or the newest.
    pub async fn list(
        &self,
        only_live: bool,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<Redrive>, StorageError> {
        let stored = sqlx::query_as!(
            Stored,
            "SELECT id, parent, dead_position, reason, since, until, events_per_second, state, why, events_matched,
                    events_redriven, created_at, created_by, ended_at
             FROM signalpost.redrives
             WHERE id < $1 AND (NOT $2 OR ended_at IS NULL) ORDER BY id DESC LIMIT $3",
            before.unwrap_or(i64::MAX),
            only_live,
            limit
        )
        .fetch_all(&self.pool)
        .await?;
        stored.into_iter().map(Redrive::try_from).collect()
    }

    /// Tells a job something, or gives it another pace, or both; returns it as it is then.
    pub async fn control(
        &self,
        id: i64,
        control: Option<RedriveControl>,
        events_per_second: Option<f64>,
        actor: &str,
    ) -> Result<Redrive, RedriveError> {
        let mut transaction = begin_as(&self.pool, actor).await?;
        sqlx::query_scalar!(
            r#"SELECT c.id AS "id!" FROM signalpost.control_redrive($1, $2, $3) AS c"#,
            id,
            control.map(RedriveControl::as_str),
            events_per_second
        )
        .fetch_one(&mut *transaction)
        .await?;
        let changed = get(&mut transaction, id).await?;
        transaction.commit().await?;
        changed.ok_or_else(|| RedriveError::NotFound(format!("there is no redrive {id}")))
    }
}

/// Makes or counts; the id of the job, if one was made, and how many events fit.
async fn redrive(
    transaction: &mut Transaction<'static, Postgres>,
    filter: &DeadFilter,
    events_per_second: f64,
    dry_run: bool,
) -> Result<(Option<i64>, i64), RedriveError> {
    let made = sqlx::query!(
        r#"SELECT redrive_id, events AS "events!"
           FROM signalpost.redrive($1::text, $2::text, $3, $4, $5, $6, $7)"#,
        filter.parent,
        filter.reason.map(BuryReason::as_str),
        filter.position,
        filter.since,
        filter.until,
        events_per_second,
        dry_run
    )
    .fetch_one(&mut **transaction)
    .await?;
    Ok((made.redrive_id, made.events))
}

async fn get(
    transaction: &mut Transaction<'static, Postgres>,
    id: i64,
) -> Result<Option<Redrive>, StorageError> {
    let stored = sqlx::query_as!(
        Stored,
        "SELECT id, parent, dead_position, reason, since, until, events_per_second, state, why, events_matched,
                events_redriven, created_at, created_by, ended_at
         FROM signalpost.redrives WHERE id = $1",
        id
    )
    .fetch_optional(&mut **transaction)
    .await?;
    stored.map(Redrive::try_from).transpose()
}

impl TryFrom<Stored> for Redrive {
    type Error = StorageError;

    fn try_from(row: Stored) -> Result<Self, StorageError> {
        let unknown = |column: &str, value: &str| StorageError::Unknown {
            what: format!("{column} of redrive {}", row.id),
            value: value.to_owned(),
        };
        let state = match row.state.as_str() {
            "running" => RedriveState::Running,
            "paused" => RedriveState::Paused,
            "done" => RedriveState::Done,
            "cancelled" => RedriveState::Cancelled,
            other => return Err(unknown("the state", other)),
        };
        let read = |reason: &str| BuryReason::parse(reason).ok_or_else(|| unknown("the reason", reason));
        let reason = row.reason.as_deref().map(read).transpose()?;
        Ok(Self {
            id: row.id,
            filter: DeadFilter {
                parent: row.parent,
                position: row.dead_position,
                reason,
                since: row.since,
                until: row.until,
            },
            events_per_second: row.events_per_second,
            state,
            why: row.why,
            events_matched: row.events_matched,
            events_redriven: row.events_redriven,
            created_at: row.created_at,
            created_by: row.created_by,
            ended_at: row.ended_at,
        })
    }
}
