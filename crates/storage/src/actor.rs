//! Actor: who does something, for the audit log: triggers and guarded functions read it from the transaction.

use sqlx::{PgPool, Postgres, Transaction};

/// Begins a transaction in which `actor` acts; an empty one is nobody in particular.
pub(crate) async fn begin_as(
    pool: &PgPool,
    actor: &str,
) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query!("SELECT set_config('signalpost.actor', $1, true)", actor)
        .fetch_one(&mut *transaction)
        .await?;
    Ok(transaction)
}
