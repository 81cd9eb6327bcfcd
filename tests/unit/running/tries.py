"""Tries for tests, real and hostile."""

from __future__ import annotations

from hypothesis import strategies as st

from exporter.running.tries import RunningTries, RunningTry

WHOLE = st.integers(0, 2**50)
AMOUNT = st.floats(0, 1e12)
# Whatever a process may be titled with; surrogates are what undecodable bytes may become.
NAME = st.text(st.characters(codec=None), max_size=250)
TRY = st.builds(
    RunningTry,
    dag_id=NAME,
    task_id=NAME,
    map_index=st.none() | st.integers(-1, 10_000),
    try_number=st.none() | st.integers(0, 2**31 - 1),
    cpu_percent=AMOUNT,
    memory_bytes=WHOLE,
    peak_bytes=WHOLE,
    age_seconds=AMOUNT,
    processes=WHOLE,
    rows_per_second=st.none() | AMOUNT,
)
TRIES = st.builds(
    lambda tries, more, nameless: RunningTries(1.5, tries, len(tries) + more, nameless),
    st.lists(TRY, max_size=8), st.integers(0, 5), st.integers(0, 3),
)  # fmt: skip


def one(dag_id="d", task_id="t", **more):
    """Return a try with a few figures of its own."""
    figures = {
        "map_index": -1, "try_number": 1, "cpu_percent": 50.0, "memory_bytes": 2**30,
        "peak_bytes": 2**31, "age_seconds": 90.0, "processes": 2,
    }  # fmt: skip
    return RunningTry(dag_id, task_id, **{**figures, **more})


def several(*tries, nameless=0):
    """Return a look at these tries."""
    return RunningTries(1_800_000_000.0, tries, len(tries), nameless)
