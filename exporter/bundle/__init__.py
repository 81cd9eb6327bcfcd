"""What is derived from the catalogue and ships with the exporter."""
