"""Baselines: what stages and components should reach or not exceed, and whether they do."""
