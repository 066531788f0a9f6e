//! The roles for people and tools: what they may see and do.

use signalpost_storage::Storage;
use signalpost_testkit::postgres::Cluster;
use sqlx::{Connection, PgConnection};

use crate::support::{batch, bury_all, lane, storage};

/// One session of a role.
async fn session(storage: &Storage, role: &'static str) -> sqlx::pool::PoolConnection<sqlx::Postgres> {
    let mut connection = storage.pool().acquire().await.unwrap();
    let statement = format!("SET SESSION AUTHORIZATION {role}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut *connection).await.unwrap();
    connection.close_on_drop();
    connection
}

async fn run(connection: &mut PgConnection, statement: &str) -> Result<(), String> {
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()))
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn neither_role_may_read_a_secret_or_a_hash_and_both_may_read_what_is_delivered() {
    let storage = storage().await;
    let readable: Vec<(String, String)> = sqlx::query_as(
        "SELECT c.relname::text, a.attname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
         WHERE c.relnamespace = 'signalpost'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT a.attisdropped
           AND has_column_privilege('signalpost_operator', c.oid, a.attnum, 'SELECT')
           AND (a.atttypid = 'bytea'::regtype OR a.attname ~ 'hash|sealed|^shared_secret$')",
    )
    .fetch_all(storage.pool())
    .await
    .unwrap();
    assert_eq!(readable, []);
    let mut reader = session(&storage, "signalpost_reader").await;
    for table in
        ["queue", "queued_events", "recent_failures", "attempts", "dead_batches", "redrives", "lane_states"]
    {
        run(&mut reader, &format!("SELECT * FROM signalpost.{table}")).await.unwrap();
    }
    run(&mut reader, "SELECT source_id, prefix, revoked_at FROM signalpost.write_keys").await.unwrap();
    run(&mut reader, "SELECT name, delivery FROM signalpost.destinations").await.unwrap();
    for statement in [
        "SELECT hash FROM signalpost.write_keys",
        "SELECT shared_secret FROM signalpost.destinations",
        "SELECT sealed FROM signalpost.destination_secrets",
        "DELETE FROM signalpost.batches",
        "UPDATE signalpost.mappings SET paused_at = now()",
        "SELECT signalpost.pause(7, 'because')",
        "SELECT * FROM signalpost.redrive('shop')",
        "SELECT signalpost.purge(7, 'dead', 'shop/warehouse/orders')",
        "SELECT signalpost.record_operation('x', 'x', 1, '{}', 1)",
        "SELECT signalpost.grant_roles()",
    ] {
        let error = run(&mut reader, statement).await.expect_err(statement);
        assert!(
            error.contains("permission denied") || error.contains("must be owner"),
            "{statement}: {error}"
        );
    }
}

#[tokio::test]
async fn an_operator_operates_under_its_own_name_and_touches_nothing_else() {
    let storage = storage().await;
    let lane = lane(&storage).await;
    storage.queue().enqueue(&[batch(lane, 2)], &[]).await.unwrap();
    bury_all(&storage).await;
    let mut operator = session(&storage, "signalpost_operator").await;
    for statement in [
        "SET signalpost.actor = 'token deploy'",
        "SELECT signalpost.pause(7, 'because')",
        "SELECT signalpost.resume(7)",
        "SELECT signalpost.retry_now(7)",
        "SELECT * FROM signalpost.redrive(7)",
        "SELECT * FROM signalpost.redrive('shop', 'rejected', events_per_second => 5)",
        "SELECT signalpost.control_redrive(1, 'pause')",
        "SELECT signalpost.purge(7, 'dead', 'shop/warehouse/orders')",
        "SELECT state FROM signalpost.queue",
    ] {
        run(&mut operator, statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    for statement in [
        "DELETE FROM signalpost.dead_batches",
        "UPDATE signalpost.redrives SET state = 'running'",
        "INSERT INTO signalpost.sources (name) VALUES ('mine')",
        "SELECT shared_secret FROM signalpost.destinations",
    ] {
        assert!(
            run(&mut operator, statement).await.unwrap_err().contains("permission denied"),
            "{statement}"
        );
    }
    let made: Vec<String> = sqlx::query_scalar("SELECT DISTINCT created_by FROM signalpost.redrives")
        .fetch_all(storage.pool())
        .await
        .unwrap();
    assert_eq!(made, ["database user signalpost_operator"], "whatever it says it is called");
}

#[tokio::test]
async fn statements_of_the_roles_end_after_a_while() {
    let storage = storage().await;
    let settings: Vec<String> = sqlx::query_scalar(
        "SELECT rolname || ' ' || unnest(rolconfig) FROM pg_roles WHERE rolname LIKE 'signalpost%' ORDER BY 1",
    )
    .fetch_all(storage.pool())
    .await
    .unwrap();
    let expected = [
        "signalpost_operator statement_timeout=60s",
        "signalpost_reader default_transaction_read_only=on",
        "signalpost_reader statement_timeout=10s",
    ];
    assert_eq!(settings, expected);
}

#[tokio::test]
async fn who_may_not_create_roles_can_migrate_and_somebody_else_makes_them_later() {
    let cluster = Cluster::dedicated().await;
    let empty = cluster.empty_database().await;
    let (server, database) = empty.url.rsplit_once('/').unwrap();
    // The template has the roles already: this is about a server without them.
    let mut template = PgConnection::connect(&format!("{server}/signalpost_template")).await.unwrap();
    run(&mut template, "DROP OWNED BY signalpost_operator, signalpost_reader; DROP ROLE signalpost_operator, signalpost_reader")
        .await
        .unwrap();
    template.close().await.unwrap();
    let mut root = PgConnection::connect(&empty.url).await.unwrap();
    run(&mut root, &format!("CREATE ROLE app LOGIN; ALTER DATABASE {database} OWNER TO app")).await.unwrap();
    let url = empty.url.replace("postgres@", "app@");
    assert!(url.contains("app@"), "{url}");
    signalpost_storage::migrate(&url).await.unwrap();
    let roles = "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'signalpost%'";
    assert_eq!(sqlx::query_scalar::<_, i64>(roles).fetch_one(&mut root).await.unwrap(), 0);
    run(&mut root, "SELECT signalpost.grant_roles(); SET SESSION AUTHORIZATION signalpost_operator")
        .await
        .unwrap();
    run(&mut root, "SELECT * FROM signalpost.queue").await.unwrap();
    assert!(
        run(&mut root, "SELECT signalpost.pause(1, 'x')")
            .await
            .unwrap_err()
            .contains("there is no mapping 1")
    );
    let mut owner = PgConnection::connect(&url).await.unwrap();
    run(&mut owner, "SELECT signalpost.grant_roles()").await.unwrap();
}
