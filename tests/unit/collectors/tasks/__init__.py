"""Tests of the tasks collector's pure parts, and of its readings of fixture trees."""
