"""The Airflow metadata database: finished tries counted exactly once, gauges of what is active."""
