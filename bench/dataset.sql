-- An Airflow 3.3 metadata database of any size, the same on every run relative to its "now".
--
-- Settings of the session: bench.rows (task instances), bench.dags, bench.tasks (a DAG),
-- bench.asof (what the rows take for now). Needs a superuser and empty tables.
--
-- DAG d runs every hour (d % 4 = 0), 6 hours, day or week, each at a phase of its own; the newest
-- run of every eighth DAG is still running. Finished task instances: 95.5 % success, 2 % failed,
-- 1 % upstream_failed, 1 % skipped, 0.5 % removed; 6 % of the started ones took a second try and
-- 1.5 % a third, each earlier one with a row of task_instance_history. Durations are lognormal
-- around a median of the task's own (2 s to 15 min), cut so that nothing ends after "now".
-- last_heartbeat_at is what Airflow leaves: at most 5 s before the end of what ran, NULL elsewhere.

SET session_replication_role = replica; -- no foreign-key checks while loading
SET synchronous_commit = off;
SET work_mem = '512MB';
SET maintenance_work_mem = '1GB';
SET max_parallel_maintenance_workers = 1;

-- A repeatable number in (0, 1).
CREATE FUNCTION pg_temp.u(a bigint, b bigint) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT ((hashint8extended(a, b) & 9007199254740991) + 1) / 9007199254740993.0 $$;

-- A UUID in the order of time, as Airflow 3 makes them.
CREATE FUNCTION pg_temp.uuid_at(at timestamptz, seed text) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
                  || '7' || substr(md5(seed), 1, 19))::uuid $$;

CREATE TEMP TABLE size AS
SELECT current_setting('bench.dags')::bigint AS dags,
       current_setting('bench.tasks')::bigint AS tasks,
       current_setting('bench.asof')::timestamptz AS asof,
       greatest(1, current_setting('bench.rows')::bigint
                   / (current_setting('bench.dags')::bigint
                      * current_setting('bench.tasks')::bigint)) AS runs;

INSERT INTO dag_bundle (name, active) VALUES ('dags-folder', true);
INSERT INTO slot_pool (pool, slots, include_deferred)
VALUES ('default_pool', 512, false), ('warehouse', 64, true), ('unlimited', -1, false);
INSERT INTO import_error (filename, stacktrace)
SELECT 'broken_' || n || '.py', 'SyntaxError' FROM generate_series(1, 3) AS n;
INSERT INTO job (job_type, state, hostname, latest_heartbeat)
SELECT kind, CASE WHEN age < 10 THEN 'running' ELSE 'success' END, 'host-' || age, asof - age * interval '1 s'
FROM size, unnest(ARRAY['SchedulerJob', 'TriggererJob', 'DagProcessorJob']) AS kind,
     unnest(ARRAY[1, 2, 86400, 864000]) AS age;

CREATE TEMP TABLE g_dag AS
SELECT d, 'pipe_' || lpad(d::text, 4, '0') AS dag_id,
       (ARRAY['1 hour', '6 hours', '1 day', '7 days'])[(d % 4 + 1)::int]::interval AS every,
       d % 8 = 3 AS live
FROM size, generate_series(0, dags - 1) AS d;

INSERT INTO dag (dag_id, is_paused, is_stale, owners, bundle_name, fileloc, timetable_type,
                 partition_mapper_info, max_active_tasks, max_active_runs,
                 max_consecutive_failed_dag_runs, has_task_concurrency_limits, last_parsed_time,
                 last_parse_duration, next_dagrun_create_after, next_dagrun_data_interval_start,
                 next_dagrun_data_interval_end)
SELECT dag_id, d % 25 = 7, false, 'team_' || lpad((d % 12)::text, 2, '0'), 'dags-folder', 'gen.py',
       'airflow.timetables.interval.CronDataIntervalTimetable', '{}', 16, 16, 0, false,
       asof - interval '20 s', 0.25 + (d % 10) / 10.0, asof + every, asof, asof + every
FROM g_dag, size;
INSERT INTO dag_tag (name, dag_id)
SELECT tag, dag_id FROM g_dag, unnest(ARRAY['bench', 'tier_' || d % 3]) AS tag;
INSERT INTO dag_version (id, version_number, dag_id, bundle_name, created_at, last_updated)
SELECT md5('dv' || dag_id)::uuid, 1, dag_id, 'dags-folder', asof, asof FROM g_dag, size;

-- Runs: r = 0 is the newest.
CREATE TEMP TABLE g_run AS
SELECT g.d, g.dag_id, r, g.live AND r = 0 AS live, due,
       'scheduled__' || to_char(due AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS') || '+00:00' AS run_id,
       due + (2 + 8 * pg_temp.u(g.d * 100003 + r, 12)) * interval '1 s' AS started,
       CASE WHEN g.live AND r = 0 THEN 'running'
            WHEN pg_temp.u(g.d * 100003 + r, 13) < 0.03 THEN 'failed' ELSE 'success' END AS state
FROM g_dag AS g CROSS JOIN size CROSS JOIN generate_series(0, size.runs - 1) AS r
CROSS JOIN LATERAL (
    -- A running run started in the last quarter of an hour.
    SELECT asof - interval '15 s' - r * g.every
           - pg_temp.u(g.d, 17) * CASE WHEN g.live THEN interval '15 min' ELSE g.every END AS due
) AS at;

INSERT INTO dag_run (dag_id, queued_at, logical_date, start_date, end_date, state, run_id, run_type,
                     run_after, data_interval_start, data_interval_end, created_at, updated_at)
SELECT dag_id, due, due, started,
       CASE WHEN state <> 'running' THEN least(started + interval '20 min', asof) END,
       state, run_id, 'scheduled', due, due, due, due,
       CASE WHEN state <> 'running' THEN least(started + interval '20 min', asof) ELSE asof END
FROM g_run, size ORDER BY due;

CREATE TEMP TABLE g_ti AS
WITH base AS (
    SELECT g_run.*, t, 'step_' || lpad(t::text, 2, '0') AS task_id, asof,
           d * 1000000007 + r * 1009 + t AS k, (tasks * 0.8 * pg_temp.u(d, 14))::int AS edge
    FROM g_run CROSS JOIN size CROSS JOIN generate_series(0, tasks - 1) AS t
), drawn AS (
    SELECT *, pg_temp.u(k, 1) AS u1, pg_temp.u(k, 2) AS u2, pg_temp.u(k, 3) AS u3,
           pg_temp.u(k, 4) AS u4, pg_temp.u(k, 5) AS u5,
           started + (t * 3 + 20 * pg_temp.u(k, 4)) * interval '1 s' AS start_date
    FROM base
), named AS (
    SELECT *,
           CASE WHEN live THEN CASE
                    WHEN t < edge THEN 'success' WHEN t < edge + 2 THEN 'running'
                    WHEN t < edge + 4 THEN 'queued' WHEN t = edge + 4 THEN 'scheduled'
                    WHEN t = edge + 5 THEN 'up_for_retry' WHEN t = edge + 6 THEN 'deferred' END
                WHEN u1 < 0.955 THEN 'success' WHEN u1 < 0.975 THEN 'failed'
                WHEN u1 < 0.985 THEN 'upstream_failed' WHEN u1 < 0.995 THEN 'skipped'
                ELSE 'removed' END AS ti_state,
           CASE WHEN u3 < 0.015 THEN 3 WHEN u3 < 0.06 THEN 2 ELSE 1 END AS tries,
           exp(ln(2) + (ln(900) - ln(2)) * pg_temp.u(d * 131 + t, 15)
               + 0.5 * sqrt(-2 * ln(u2)) * cos(2 * pi() * u4)) AS wanted
    FROM drawn
)
SELECT d, t, k, dag_id, run_id, task_id, ti_state AS state, tries, asof, u5,
       ti_state IN ('success', 'failed', 'skipped', 'running', 'up_for_retry', 'deferred') AS began,
       least(start_date, asof - (1 + 20 * u4) * interval '1 s') AS start_date,
       greatest(0.1, CASE WHEN wanted < past THEN wanted ELSE past * u2 END) AS seconds,
       (ARRAY['BashOperator', 'PythonOperator', '_PythonDecoratedOperator', 'DockerOperator',
              'KubernetesPodOperator', 'SQLExecuteQueryOperator', 'S3KeySensor',
              'SnowflakeOperator'])[((d + t) % 8 + 1)::int] AS operator,
       (ARRAY['default', 'default', 'default', 'heavy', 'etl'])[((d + t) % 5 + 1)::int] AS queue,
       (ARRAY['default_pool', 'default_pool', 'warehouse'])[((d + t) % 3 + 1)::int] AS pool,
       'worker-' || (pg_temp.u(d * 7 + r, 16) * 24)::int AS hostname
FROM named CROSS JOIN LATERAL (SELECT extract(epoch FROM asof - start_date) AS past) AS p;

-- Indexes are built at the end: ten times faster than row by row.
UPDATE pg_index SET indisready = false
WHERE indrelid IN ('task_instance'::regclass, 'task_instance_history'::regclass);

INSERT INTO task_instance (id, task_id, dag_id, run_id, map_index, start_date, end_date, duration,
    state, try_number, max_tries, hostname, unixname, pool, pool_slots, queue, priority_weight,
    operator, queued_dttm, scheduled_dttm, last_heartbeat_at, pid, updated_at, task_display_name,
    dag_version_id, external_executor_id)
SELECT pg_temp.uuid_at(start_date, dag_id || run_id || task_id), task_id, dag_id, run_id, -1,
       CASE WHEN began THEN start_date END,
       CASE WHEN ended THEN start_date + seconds * interval '1 s' END,
       CASE WHEN ended THEN seconds END,
       state, CASE WHEN began THEN tries ELSE 0 END, 2, CASE WHEN began THEN hostname ELSE '' END,
       'airflow', pool, 1, queue, 1, operator,
       CASE WHEN state IN ('scheduled') THEN NULL WHEN state IS NOT NULL THEN start_date - interval '3 s' END,
       CASE WHEN state IS NOT NULL THEN start_date - interval '4 s' END,
       CASE WHEN state = 'running' THEN asof - u5 * interval '5 s'
            WHEN began THEN start_date + greatest(0, seconds - 5 * u5) * interval '1 s' END,
       CASE WHEN began THEN 1000 + t END,
       CASE WHEN ended THEN start_date + seconds * interval '1 s' ELSE start_date END,
       task_id, md5('dv' || dag_id)::uuid, md5(k::text)
FROM (SELECT *, state IN ('success', 'failed', 'skipped', 'up_for_retry') AS ended FROM g_ti) AS g
ORDER BY start_date;

-- One row for each earlier try.
INSERT INTO task_instance_history (task_instance_id, task_id, dag_id, run_id, map_index, try_number,
    start_date, end_date, duration, state, max_tries, hostname, unixname, pool, pool_slots, queue,
    operator, pid, updated_at)
SELECT pg_temp.uuid_at(h_start, dag_id || run_id || task_id || n), task_id, dag_id, run_id, -1, n,
       h_start, h_start + seconds * interval '1 s', seconds, 'failed', 2, hostname, 'airflow', pool, 1,
       queue, operator, 1000 + t, h_start + seconds * interval '1 s'
FROM g_ti CROSS JOIN LATERAL generate_series(1, tries - 1) AS n
CROSS JOIN LATERAL (SELECT start_date - (tries - n) * (seconds + 300) * interval '1 s' AS h_start) AS h
WHERE began AND tries > 1 ORDER BY h_start;

INSERT INTO trigger (classpath, kwargs, created_date, triggerer_id)
SELECT 'airflow.triggers.temporal.DateTimeTrigger', '{}', start_date, CASE WHEN t % 5 > 0 THEN 1 END
FROM g_ti WHERE state = 'deferred';

DROP TABLE g_dag, g_run, g_ti, size;
REINDEX TABLE task_instance;
REINDEX TABLE task_instance_history;
RESET ALL;
