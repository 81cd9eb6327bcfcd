"""Tests of the demo's parts on a real PostgreSQL."""
