"""An Airflow platform in one process, to look at and to test against."""
