"""Tests that run on real parts; each skips with a reason where its part cannot run."""
