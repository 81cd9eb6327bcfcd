"""A supervisor with one task process, titled as Airflow's: a program of its own, in one thread.

Arguments: title style, log file or `-`, workload, its amount, and room for titles. Prints one line
of JSON when the task process has ended: what the kernel says it used, and its own peak.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from exporter.demo.runner import set_title

UUID = "019d3a6e-0c5b-7cd1-8f5e-5b1b2f6f9f5e"
TITLES = {
    "3": (f"airflow worker -- LocalExecutor: {UUID}", f"airflow worker -- {UUID}"),
    "celery": (f"airflow supervisor: {UUID}", f"airflow worker -- {UUID}"),
    "fresh": (f"airflow supervisor: {UUID}", f"airflow supervisor: {UUID}"),
    "2": (
        "airflow task supervisor: ['airflow', 'tasks', 'run', 'd2', 'group.t2', 'manual run',"
        " '--local', '--map-index', '3']",
        "airflow task runner: d2 group.t2 manual run 41",
    ),
}
MIB = 1024 * 1024


def rest(seconds):
    """Only wait."""
    time.sleep(seconds)


def burn(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def forked(work, *arguments):
    pid = os.fork()
    if pid == 0:
        try:
            work(*arguments)
        finally:
            os._exit(0)
    return pid


def children(seconds):
    """Burn in children that end at different times, some of them between two looks."""
    for _ in range(int(seconds / 0.3)):
        os.waitpid(forked(burn, 0.25), 0)
        burn(0.05)


def nested(seconds):
    """Burn in a grandchild that outlives several ticks, then is waited for."""
    os.waitpid(forked(children, seconds), 0)


def hold(mib):
    held = b"x" * (int(mib) * MIB)
    time.sleep(2)
    peak = pss()
    del held
    return peak


def spike(mib):
    """Hold memory for less than a tick."""
    time.sleep(1.2)
    held = b"x" * (int(mib) * MIB)
    peak = pss()
    del held
    time.sleep(1.2)
    return peak


def share(mib):
    """Hold memory that a forked child shares."""
    held = b"x" * (int(mib) * MIB)
    child = forked(time.sleep, 2.5)
    time.sleep(2)
    peak = pss() + pss(child)
    os.waitpid(child, 0)
    del held
    return peak


def write(mib):
    """Write at the very end."""
    time.sleep(1)
    with Path(os.environ["SCRATCH"]).open("wb") as file:
        for _ in range(int(mib)):
            file.write(b"x" * MIB)
        file.flush()
        os.fsync(file.fileno())


def orphan(seconds):
    """Leave a grandchild behind that nobody in the tree waits for, and end later than it."""
    read, written = os.pipe()
    os.waitpid(forked(lambda: forked(lambda: (os.close(read), burn(seconds)))), 0)
    os.close(written)
    os.read(read, 1)  # until it has ended


def pss(pid="self"):
    with Path(f"/proc/{pid}/smaps_rollup").open() as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:")) * 1024


def waited(pid):
    """Wait as a shell does, or by looking now and then as Airflow's supervisors do."""
    while not (found := os.wait4(pid, os.WNOHANG if os.environ.get("POLLS") else 0))[0]:
        time.sleep(0.2)
    return found[2]


def main():
    style, log, name, amount = sys.argv[1:5]
    above, below = TITLES[style]
    set_title(above)
    if log != "-":
        os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)  # stays open
    read, written = os.pipe()

    def task():
        time.sleep(float(os.environ.get("UNTITLED", "0")))
        set_title(below)
        peak = globals()[name](float(amount))
        os.write(written, json.dumps(peak).encode())

    pid = forked(task)
    os.close(written)
    usage = waited(pid)
    peak = json.loads(os.read(read, 100) or b"null")
    told = {"pid": pid, "cpu": usage.ru_utime + usage.ru_stime, "peak": peak}
    told["written"] = usage.ru_oublock * 512
    print(json.dumps(told), flush=True)
    time.sleep(float(os.environ.get("LINGER", "0.5")))


if __name__ == "__main__":
    main()
