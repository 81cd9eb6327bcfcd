"""Kinds of findings, in a module of their own: the command line names them, and loads no more."""

from __future__ import annotations

from enum import Enum


class Kind(Enum):
    """What a finding is about; users choose by these words what ends with status 1."""

    BASELINE = "baseline"
    REGRESSION = "regression"
    SUSPECTED = "suspected"
    WASTE = "waste"
    WAIT = "wait"
    DELAY = "delay"
    PARALLELISM = "parallelism"
    SATURATION = "saturation"
    MEMORY = "memory"
    SETTINGS = "settings"
    DATABASE = "database"
