"""The tasks collector: Airflow's task processes on this host, and what their trees use."""
