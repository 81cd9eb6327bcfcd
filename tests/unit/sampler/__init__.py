"""Tests of the sampler, by a clock that is turned by hand."""
