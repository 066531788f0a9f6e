//! Every example of docs/queue.md, run as the role that it is for, against a database in which each has something to say.

use std::path::Path;

use signalpost_storage::Storage;
use sqlx::{Connection, Executor, PgConnection};

use crate::support::{execute, storage};

/// The roles that examples are for; without one they are the reader's.
const ROLES: [(&str, Option<&str>); 3] =
    [("owner", None), ("operator", Some("signalpost_operator")), ("", Some("signalpost_reader"))];

struct Example {
    role: Option<&'static str>,
    statements: Vec<String>,
}

/// The blocks of a page that are SQL, in their order.
fn examples(page: &str) -> Vec<Example> {
    let mut examples = Vec::new();
    for block in page.split("\n```sql").skip(1) {
        let (info, rest) = block.split_once('\n').unwrap();
        let (_, role) = *ROLES.iter().find(|(name, _)| *name == info.trim()).expect("a known role");
        let (text, _) = rest.split_once("\n```").unwrap();
        let statements = text.split(";\n").map(|one| one.trim_end_matches(';').to_owned()).collect();
        examples.push(Example { role, statements });
    }
    examples
}

/// Two mappings of one destination with everything that can be asked for: what waits fresh and for a retry, dead letters,
/// events that could not be mapped, attempts that failed, a dispatcher; and what a removed mapping, number 9, left behind.
async fn seeded() -> Storage {
    let storage = storage().await;
    execute(
        &storage,
        r#"INSERT INTO signalpost.sources (id, name) VALUES (1, 'shop');
           INSERT INTO signalpost.destinations (id, source_id, name) VALUES (1, 1, 'warehouse');
           INSERT INTO signalpost.mappings (id, destination_id, position, name, trigger, fields)
           VALUES (1, 1, 1, 'orders', 'type = "track"', '{}'), (2, 1, 2, 'signups', 'type = "identify"', '{}');
           INSERT INTO signalpost.batches (mapping_id, event_count, payload, attempts, due_at, last_error) VALUES
           (1, 2, '[{"messageId":"order-1001"},{"messageId":"order-1002"}]', 0, NULL, NULL),
           (1, 1, '[{"messageId":"order-1003"}]', 2, now() + interval '5 min', 'status 503');
           INSERT INTO signalpost.dead_batches (mapping_id, position, event_count, payload, attempts, enqueued_at, reason, status, response)
           VALUES (1, 110000, 2, '[{"messageId":"order-1"},{"messageId":"order-2"}]', 1, now(), 'rejected', 400, 'no such product'),
                  (1, 120000, 1, '[{"messageId":"order-3"}]', 9, now(), 'expired', 503, 'busy'),
                  (2, 130000, 1, '[{"messageId":"user-1"}]', 1, now(), 'rejected', 404, 'gone'),
                  (9, 140000, 1, '[{"messageId":"old-1"}]', 1, now(), 'rejected', 410, 'gone');
           INSERT INTO signalpost.rejected_events (mapping_id, message_id, path, reason, event)
           VALUES (1, 'order-1004', 'data.total', 'is not a number', '{"messageId":"order-1004"}');
           INSERT INTO signalpost.attempts (mapping_id, started_at, batch_id, attempt, outcome, status, error, response, event_count, body_bytes, latency_ms)
           SELECT m, now() - n * interval '1 s', '5ad26b0e-5f0c-8d2f-9f5d-6f2f1d7a3c11', 3 - n, 'retryable', 503, 'status 503', 'busy', 1, 30, 12
           FROM generate_series(1, 2) n, unnest(ARRAY[1, 9]) m;
           INSERT INTO signalpost.dispatchers (id, name) VALUES ('4fd26b0e-5f0c-4d2f-9f5d-6f2f1d7a3c11', 'dispatcher-1');
           UPDATE signalpost.partitions SET owner = '4fd26b0e-5f0c-4d2f-9f5d-6f2f1d7a3c11', epoch = 1, lease_ends_at = now() + interval '10 min'"#,
    )
    .await;
    storage
}

#[tokio::test]
async fn every_example_works_for_the_role_that_it_is_for_and_shows_something() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/queue.md");
    let examples = examples(&std::fs::read_to_string(page).unwrap());
    assert!(examples.len() > 20, "{} examples", examples.len());
    let storage = seeded().await;
    let options = storage.pool().connect_options();
    for Example { role, statements } in examples {
        // As psql connects: without the settings of our own pool, with those of the role.
        let mut connection = PgConnection::connect_with(&plain(&options)).await.unwrap();
        if let Some(role) = role {
            let statement = format!("SET SESSION AUTHORIZATION {role}");
            connection.execute(sqlx::AssertSqlSafe(statement)).await.unwrap();
        }
        for statement in statements {
            let rows = connection.fetch_all(sqlx::AssertSqlSafe(statement.clone())).await;
            let rows = rows.unwrap_or_else(|error| panic!("as {role:?}: {error}\n{statement}"));
            let is_question = statement.trim_start().starts_with("SELECT");
            assert!(!is_question || !rows.is_empty(), "shows nothing:\n{statement}");
        }
        connection.close().await.unwrap();
    }
    execute(&storage, "DROP ROLE alice, dashboard").await;
}

fn plain(options: &sqlx::postgres::PgConnectOptions) -> sqlx::postgres::PgConnectOptions {
    sqlx::postgres::PgConnectOptions::new_without_pgpass()
        .host(options.get_host())
        .port(options.get_port())
        .username(options.get_username())
        .database(options.get_database().expect("the test's own"))
}
