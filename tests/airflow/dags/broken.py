"""A file that no DAG processor can import: it has no DAG, and airflow counts one import error."""

raise RuntimeError("this file does not import")
