"""What the exporter reads: one package a source."""
