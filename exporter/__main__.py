"""`python -I -m exporter` is the same command as `airflow-perf-exporter`."""

from exporter.cli import main

main()
