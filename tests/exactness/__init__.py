"""The exactness harness: what Airflow writes under chaos, against what the exporter counts."""
