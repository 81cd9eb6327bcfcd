-- A role that may read what airflow-perf-exporter reads, and nothing else, on PostgreSQL.
-- Written by `airflow-perf-exporter bundle grants`. Run it in Airflow's database as an owner of the
-- tables who may create roles, and again after each upgrade of Airflow: what this Airflow lacks is
-- passed over, and what the role had before on tables of the schema is taken back.
-- It sets no password; in psql: \password airflow_reader
DO $grants$
DECLARE
    reader CONSTANT name := 'airflow_reader';
    place CONSTANT name := 'public';
    present record;
BEGIN
    IF to_regclass(format('%I.task_instance', place)) IS NULL THEN
        RAISE EXCEPTION 'There is no task_instance in schema % of database %.',
            place, current_database();
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = reader) THEN
        EXECUTE format('CREATE ROLE %I LOGIN', reader);
    END IF;
    EXECUTE format('ALTER ROLE %I CONNECTION LIMIT 2', reader);
    EXECUTE format('ALTER ROLE %I SET default_transaction_read_only = on', reader);
    EXECUTE format('ALTER ROLE %I SET lock_timeout = %L', reader, '1s');
    EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = %L', reader, '60s');
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), reader);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', place, reader);
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %I', place, reader);
    FOR present IN
        SELECT there.table_name, string_agg(format('%I', there.column_name), ', ') AS names
        FROM information_schema.columns AS there
        JOIN (VALUES
            -- Rows that tasks return, which may stand beside secrets (docs/rows.md):
            -- ('xcom', '{dag_id, task_id, run_id, key, map_index, value}'::text[]),
            -- Critical paths of the command report (docs/report.md):
            -- ('serialized_dag', '{dag_id, data, last_updated, created_at}'::text[]),
            ('alembic_version', '{version_num}'::text[]),
            ('task_instance', '{dag_id, task_id, run_id, state, map_index, try_number, start_date, end_date, queued_dttm, scheduled_dttm, duration, pid, operator, queue, pool, executor, id, pool_slots, last_heartbeat_at, job_id}'::text[]),
            ('task_instance_history', '{dag_id, task_id, run_id, state, map_index, try_number, start_date, end_date, queued_dttm, scheduled_dttm, duration, pid, operator, queue, pool, executor}'::text[]),
            ('dag_run', '{id, dag_id, run_id, run_type, state, start_date, end_date, updated_at, run_after, data_interval_end, clear_number}'::text[]),
            ('dag', '{dag_id, owners, is_paused, is_stale, is_active, exceeds_max_non_backfill, next_dagrun_create_after, next_dagrun_data_interval_start, next_dagrun_data_interval_end, last_parsed_time, max_active_runs, max_active_tasks, last_parse_duration}'::text[]),
            ('dag_tag', '{dag_id, name}'::text[]),
            ('slot_pool', '{pool, slots, include_deferred}'::text[]),
            ('job', '{id, job_type, state, hostname, latest_heartbeat}'::text[]),
            ('import_error', '{id}'::text[]),
            ('trigger', '{id, triggerer_id}'::text[]),
            ('deadline', '{id, missed}'::text[])
        ) AS wanted (table_name, names)
            ON there.table_name = wanted.table_name AND there.column_name = ANY (wanted.names)
        WHERE there.table_schema = place
        GROUP BY there.table_name
    LOOP
        EXECUTE format('GRANT SELECT (%s) ON %I.%I TO %I',
            present.names, place, present.table_name, reader);
    END LOOP;
END
$grants$;
