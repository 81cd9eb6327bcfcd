-- The reader's role, its password, and the rows that the demo's tasks return.
\set ON_ERROR_STOP on
\set password `cat /run/secrets/reader_password`
BEGIN;
\i /sql/reader.sql
ALTER ROLE airflow_reader PASSWORD :'password';
GRANT SELECT (dag_id, task_id, run_id, key, map_index, value) ON xcom TO airflow_reader;
COMMIT;
