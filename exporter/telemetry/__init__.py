"""Samples in, bytes for scrapers out: store, ledger and exposition."""
