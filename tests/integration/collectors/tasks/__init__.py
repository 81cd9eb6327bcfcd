"""Tests of the tasks collector on real processes."""
