//! The database: its settings, its clock, its tables, what others do in it.

use std::time::Duration;

use signalpost_storage::{DispatcherFacts, OpenTransaction, ServerFacts, Storage, StorageError, TableFacts};

use super::check::Check;
use crate::output::measure::{self, age};

/// A transaction that is open for longer keeps dead rows from being removed.
const LONG: Duration = Duration::from_mins(5);
const TOO_LONG: Duration = Duration::from_hours(1);
/// Below this many, dead rows are the usual course of things.
const DEAD_ROWS: i64 = 100_000;
/// Events are stamped with the clock of ingest, and due by that of Postgres.
const CLOCK_SECONDS: f64 = 2.0;

/// Why the database cannot be used, and what to do.
pub(super) fn unreachable(error: StorageError) -> Check {
    let advice = match &error {
        StorageError::SchemaBehind { .. } => "run `signalpost migrate`",
        StorageError::SchemaAhead { .. } => "use the release that migrated it, or a newer one",
        _ => {
            "check database.url, that Postgres runs, and that it lets this machine in (pg_hba.conf, firewall)"
        }
    };
    Check::problem("database", format!("{:#}", anyhow::Error::from(error)), advice)
}

/// Everything about it.
pub(super) async fn look(storage: &Storage) -> Vec<Check> {
    let diagnosis = storage.diagnosis();
    let mut checks = Vec::new();
    let before = local_seconds();
    match diagnosis.server().await {
        Err(error) => checks.push(failed("server", error)),
        Ok(server) => {
            checks.push(clock(server.clock_seconds - f64::midpoint(before, local_seconds())));
            checks.extend([durability(&server), connections(&server), compression(&server), size(&server)]);
            if !server.autovacuum {
                checks.push(Check::problem(
                    "autovacuum",
                    "it is off: tables and their indexes only grow, and everything becomes slower",
                    "ALTER SYSTEM SET autovacuum = on; SELECT pg_reload_conf();",
                ));
            }
        }
    }
    checks.push(match diagnosis.tables().await {
        Err(error) => failed("dead rows", error),
        Ok(found) => tables(&found),
    });
    checks.push(match diagnosis.open_transactions(LONG).await {
        Err(error) => failed("transactions", error),
        Ok(found) => transactions(&found),
    });
    checks.push(match diagnosis.dispatchers().await {
        Err(error) => failed("dispatchers", error),
        Ok(found) => dispatchers(found),
    });
    checks
}

fn failed(name: &'static str, error: StorageError) -> Check {
    Check::unknown(
        name,
        format!("{:#}", anyhow::Error::from(error)),
        "the database user may not look at it, or it went away",
    )
}

fn local_seconds() -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a difference of clocks, to milliseconds")]
    let millis = measure::now().timestamp_millis() as f64;
    millis / 1000.0
}

/// `ahead`: how far the clock of Postgres is before this machine's.
fn clock(ahead: f64) -> Check {
    let found = format!("Postgres and this machine differ by {:.0} ms", ahead.abs() * 1000.0);
    if ahead.abs() < CLOCK_SECONDS {
        return Check::good("clock", found);
    }
    Check::warning(
        "clock",
        found,
        "let both machines keep time with NTP (chrony): times in events and logs are off by this",
    )
}

fn durability(server: &ServerFacts) -> Check {
    if !server.fsync {
        return Check::problem(
            "durability",
            "fsync is off: a crash of the database's machine loses acknowledged events, or the whole database",
            "ALTER SYSTEM SET fsync = on; SELECT pg_reload_conf();",
        );
    }
    if server.synchronous_commit == "off" {
        return Check::problem(
            "durability",
            "synchronous_commit is off: a crash of Postgres loses events that were acknowledged just before",
            "ALTER SYSTEM SET synchronous_commit = on; SELECT pg_reload_conf();",
        );
    }
    if !server.full_page_writes {
        return Check::warning(
            "durability",
            "full_page_writes is off: a crash of the machine may leave torn pages",
            "ALTER SYSTEM SET full_page_writes = on; unless the file system never tears a page",
        );
    }
    Check::good("durability", format!("fsync is on, synchronous_commit is {}", server.synchronous_commit))
}

fn connections(server: &ServerFacts) -> Check {
    let found = format!("{} of {} are in use", server.connections, server.connections_max);
    if server.connections * 10 < i64::from(server.connections_max) * 8 {
        return Check::good("connections", found);
    }
    Check::warning(
        "connections",
        found,
        "raise max_connections, or lower database.connections_max of the processes",
    )
}

fn compression(server: &ServerFacts) -> Check {
    if server.is_lz4 {
        return Check::good("compression", "payloads are compressed with lz4");
    }
    Check::warning(
        "compression",
        "payloads are not compressed with lz4: more WAL and more work for each event",
        "use a Postgres built with lz4, then: ALTER TABLE signalpost.batches ALTER COLUMN payload SET COMPRESSION lz4",
    )
}

fn size(server: &ServerFacts) -> Check {
    let size = measure::bytes(server.database_bytes);
    Check::good(
        "size",
        format!("Postgres {}; the database has {size}; free disk cannot be seen from here", server.version),
    )
}

fn tables(tables: &[TableFacts]) -> Check {
    let off: Vec<&str> =
        tables.iter().filter(|table| table.is_autovacuum_off).map(|table| table.name.as_str()).collect();
    if let Some(first) = off.first() {
        return Check::problem(
            "dead rows",
            format!("autovacuum is off for {}", off.join(", ")),
            format!("ALTER TABLE signalpost.{first} RESET (autovacuum_enabled)"),
        );
    }
    let many = |table: &&TableFacts| table.dead_rows > DEAD_ROWS && table.dead_rows > 2 * table.live_rows;
    let Some(worst) = tables.iter().filter(many).max_by_key(|table| table.dead_rows) else {
        let dead: i64 = tables.iter().map(|table| table.dead_rows).sum();
        return Check::good("dead rows", format!("{} in all tables", measure::count(dead)));
    };
    Check::warning(
        "dead rows",
        format!(
            "{} in signalpost.{}, {} live",
            measure::count(worst.dead_rows),
            worst.name,
            measure::count(worst.live_rows)
        ),
        format!(
            "look for long transactions, then: VACUUM signalpost.{}; if it comes back, raise autovacuum_max_workers or \
             lower autovacuum_vacuum_cost_delay",
            worst.name
        ),
    )
}

fn transactions(open: &[OpenTransaction]) -> Check {
    let Some(oldest) = open.first() else {
        return Check::good("transactions", format!("none has been open for more than {}", age(LONG)));
    };
    let found = format!(
        "{} open for {}: {} of {}, {}",
        if open.len() == 1 {
            "one has been".to_owned()
        } else {
            format!("{} have been, the oldest", open.len())
        },
        age(oldest.age),
        if oldest.program.is_empty() { "a program without a name" } else { &oldest.program },
        oldest.user,
        oldest.state,
    );
    let advice = if oldest.pid == 0 {
        format!("no dead row is removed meanwhile. End it: ROLLBACK PREPARED '{}'", oldest.program)
    } else {
        format!("no dead row is removed meanwhile. End it: SELECT pg_terminate_backend({})", oldest.pid)
    };
    if oldest.age > TOO_LONG {
        Check::problem("transactions", found, advice)
    } else {
        Check::warning("transactions", found, advice)
    }
}

fn dispatchers(facts: DispatcherFacts) -> Check {
    match (facts.alive, facts.unowned_partitions) {
        (0, _) => Check::warning(
            "dispatchers",
            "none is alive: events are queued and nothing is delivered",
            "start `signalpost serve` or `signalpost dispatcher`",
        ),
        (alive, 0) => Check::good("dispatchers", format!("{alive} alive, every partition has an owner")),
        (alive, unowned) => Check::warning(
            "dispatchers",
            format!("{alive} alive, {unowned} partitions without an owner"),
            "that is so for some seconds after one ended; if it stays, look at the dispatchers' logs",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Verdict;
    use super::*;

    fn server() -> ServerFacts {
        ServerFacts {
            version: "15.1".into(),
            clock_seconds: 0.0,
            fsync: true,
            synchronous_commit: "on".into(),
            full_page_writes: true,
            autovacuum: true,
            connections_max: 100,
            connections: 10,
            database_bytes: 1,
            is_lz4: true,
        }
    }

    #[test]
    fn what_loses_acknowledged_events_is_a_problem() {
        assert_eq!(durability(&server()).verdict, Verdict::Ok);
        assert_eq!(durability(&ServerFacts { fsync: false, ..server() }).verdict, Verdict::Problem);
        let lazy = durability(&ServerFacts { synchronous_commit: "off".into(), ..server() });
        assert_eq!(lazy.verdict, Verdict::Problem);
    }

    #[test]
    fn dead_rows_are_told_when_they_outnumber_the_live_ones() {
        let table = |dead_rows, is_autovacuum_off| TableFacts {
            name: "batches".into(),
            live_rows: 60_000,
            dead_rows,
            is_autovacuum_off,
        };
        assert_eq!(tables(&[table(110_000, false)]).verdict, Verdict::Ok);
        assert_eq!(tables(&[table(130_000, false)]).verdict, Verdict::Warning);
        assert_eq!(tables(&[table(0, true)]).verdict, Verdict::Problem);
    }

    #[test]
    fn a_transaction_open_for_an_hour_is_a_problem_with_the_way_to_end_it() {
        let open = |age| OpenTransaction {
            pid: 42,
            program: "psql".into(),
            user: "ann".into(),
            state: "idle in transaction".into(),
            age,
        };
        assert_eq!(transactions(&[]).verdict, Verdict::Ok);
        assert_eq!(transactions(&[open(LONG * 2)]).verdict, Verdict::Warning);
        let old = transactions(&[open(TOO_LONG * 2)]);
        assert_eq!(old.verdict, Verdict::Problem);
        assert!(old.advice.contains("pg_terminate_backend(42)"), "{}", old.advice);
    }
}
