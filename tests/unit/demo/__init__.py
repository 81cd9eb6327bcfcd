"""Tests of the demo's parts, without a server."""
