"""Where the process begins: light, so that signals are answered while everything else is imported.

`python -I -m exporter` is the same command as `airflow-perf-exporter`.
"""

from __future__ import annotations

import signal
import sys

_DAEMONS = frozenset({"serve", "demo"})


def main() -> None:
    """Run the command line; end without a word on a signal that comes while it is imported."""
    if _DAEMONS.intersection(sys.argv[1:2]):
        _end_on_signals()
    try:
        from exporter.cli import main as command_line  # noqa: PLC0415 - takes half a second

        command_line()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def _end_on_signals() -> None:
    """End with status 0 while the daemon's parts are not there yet, and clean up on the way.

    As PID 1 a process without a handler would ignore SIGTERM.
    """
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: sys.exit(0))


if __name__ == "__main__":
    main()
