"""Tests of the exporter, by what they need: nothing, real parts, a whole daemon."""
