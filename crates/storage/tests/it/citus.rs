//! What deploy/citus.sql does, as far as it can be known without Citus: the rules that Citus documents, checked by
//! stand-ins for its functions.

use std::path::Path;

use crate::support::{execute, storage};

/// The tables that are distributed.
const DISTRIBUTED: [&str; 4] = ["attempts", "batches", "dead_batches", "rejected_events"];

/// What Citus refuses: a unique index without the distribution column, a foreign key to a table that is on one node only, and
/// triggers unless it is told that they are safe.
const STAND_INS: &str = r"
CREATE TABLE public.placed (relation regclass PRIMARY KEY, by_column text, beside text);
CREATE FUNCTION public.place(relation regclass, by_column text, beside text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    wrong text;
BEGIN
    SELECT string_agg(x.indexrelid::regclass::text, ', ') INTO wrong FROM pg_index x
    WHERE x.indrelid = relation AND x.indisunique AND by_column IS NOT NULL AND NOT EXISTS (
        SELECT FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = by_column AND a.attnum = ANY (x.indkey));
    IF wrong IS NOT NULL THEN RAISE EXCEPTION 'unique without the distribution column: %', wrong; END IF;
    SELECT string_agg(c.conname, ', ') INTO wrong FROM pg_constraint c
    WHERE c.conrelid = relation AND c.contype = 'f'
      AND NOT EXISTS (SELECT FROM public.placed p WHERE p.relation = c.confrelid AND p.by_column IS NULL);
    IF wrong IS NOT NULL THEN RAISE EXCEPTION 'foreign keys to tables that are not on every node: %', wrong; END IF;
    IF coalesce(current_setting('citus.enable_unsafe_triggers', true), 'off') <> 'on'
       AND EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = relation AND NOT t.tgisinternal) THEN
        RAISE EXCEPTION '% has triggers', relation;
    END IF;
    IF by_column IS NOT NULL AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = by_column) THEN
        RAISE EXCEPTION '% has no column %', relation, by_column;
    END IF;
    INSERT INTO public.placed VALUES (relation, by_column, beside);
END $$;
CREATE FUNCTION public.create_reference_table(table_name regclass) RETURNS void LANGUAGE sql AS
    'SELECT public.place(table_name, NULL, NULL)';
CREATE FUNCTION public.create_distributed_table(table_name regclass, distribution_column text,
    distribution_type text DEFAULT 'hash', colocate_with text DEFAULT 'default', shard_count integer DEFAULT NULL)
RETURNS void LANGUAGE sql AS 'SELECT public.place(table_name, distribution_column, colocate_with)';
";

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[tokio::test]
async fn the_file_distributes_what_grows_side_by_side_and_breaks_no_rule_that_is_known() {
    let storage = storage().await;
    execute(&storage, STAND_INS).await;
    execute(&storage, &read("../../deploy/citus.sql")).await;
    let distributed: Vec<(String, String)> = sqlx::query_as(
        "SELECT relation::text, beside FROM public.placed WHERE by_column = 'mapping_id' ORDER BY 1",
    )
    .fetch_all(storage.pool())
    .await
    .unwrap();
    let names: Vec<&str> =
        distributed.iter().map(|(name, _)| name.trim_start_matches("signalpost.")).collect();
    assert_eq!(names, DISTRIBUTED);
    let beside = |name: &str| if name == "signalpost.batches" { "none" } else { "signalpost.batches" };
    assert!(distributed.iter().all(|(name, with)| with == beside(name)), "{distributed:?}");
}

#[test]
fn every_statement_on_a_distributed_table_names_the_mapping() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.sqlx");
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let recorded: serde_json::Value =
            serde_json::from_slice(&std::fs::read(entry.unwrap().path()).unwrap()).unwrap();
        let text = recorded["query"].as_str().unwrap();
        // In quotes it is the table's own entry in Postgres's catalog that is asked for, not its rows.
        let reads = |table| {
            text.replace(&format!("'signalpost.{table}'"), "").contains(&format!("signalpost.{table}"))
        };
        if DISTRIBUTED.iter().any(reads) {
            assert!(text.contains("mapping_id"), "{text}");
            // Refused by Citus in an update: such values are parameters.
            assert!(!text.contains("gen_random_uuid") && !text.contains("random()"), "{text}");
            checked += 1;
        }
    }
    assert!(checked >= 20, "{checked} statements");
}
