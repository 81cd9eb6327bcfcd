"""The Airflow plugin without an Airflow: what it counts, tells and labels, and what it hides."""
