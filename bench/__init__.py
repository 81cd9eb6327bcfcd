"""Benchmarks: counts (statements, buffers, bytes) and ratios taken side by side in one run."""
