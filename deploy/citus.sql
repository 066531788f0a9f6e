-- Citus: distributes the tables that grow, by mapping_id. Run once, after `signalpost migrate`, on the coordinator, with every
-- Signalpost process stopped:
--
--     psql postgres://…/signalpost -v ON_ERROR_STOP=1 -f citus.sql
--
-- NOT RUN AGAINST CITUS AS IT STANDS. A prototype of these tables was, on Citus 13 over Postgres 15 with two workers: the distributed
-- tables, the reference tables, the fenced settlement, burying, identity columns and daily partitions were accepted. What is
-- checked with every change is what can be checked without Citus: that this file runs, that every distributed table has mapping_id
-- in every unique index and no foreign key, and that every statement on these tables names mapping_id. Try it with a copy of
-- your data first, and read docs/operations.md, section Citus: it says what is known not to hold yet.
BEGIN;

-- The catalog's triggers (audit, versions, catalog_changed) are on reference tables, whose rows only the coordinator changes.
SET LOCAL citus.enable_unsafe_triggers = on;

-- Read by every statement on the tables below, so a copy is on every node. In the order of their foreign keys.
SELECT create_reference_table('signalpost.sources');
SELECT create_reference_table('signalpost.destinations');
SELECT create_reference_table('signalpost.mappings');
SELECT create_reference_table('signalpost.partitions');

-- What grows. A mapping's rows of all of them are on one node, so that a settlement is one transaction there.
SELECT create_distributed_table('signalpost.batches', 'mapping_id', colocate_with => 'none');
SELECT create_distributed_table('signalpost.dead_batches', 'mapping_id', colocate_with => 'signalpost.batches');
SELECT create_distributed_table('signalpost.rejected_events', 'mapping_id', colocate_with => 'signalpost.batches');
SELECT create_distributed_table('signalpost.attempts', 'mapping_id', colocate_with => 'signalpost.batches');

-- All others (write_keys, destination_secrets, dispatchers, lane_states, redrives, the audit log, tokens) are small and stay on the
-- coordinator.
COMMIT;
