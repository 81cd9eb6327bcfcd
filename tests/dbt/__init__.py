"""Real dbt on a real PostgreSQL, watched by the exporter."""
