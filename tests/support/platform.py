"""A platform to be looked at: the demo, a Kubernetes node beside it, and a Prometheus.

What Prometheus scraped can be served again as a longer past, of more exporters, and of more
installations, so that what should not differ can be compared to the last bit.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from exporter import catalogue
from exporter.bundle import recording
from tests.integration.identity.stub import Stub, answers
from tests.support.exporter import ExporterProcess
from tests.support.node import Container, Node, Pod
from tests.support.prometheus import Prometheus
from tests.support.promtool import promtool_binary

GIB = 1 << 30
PODS = (
    Pod(
        "airflow",
        "airflow-worker-0",
        (
            Container("worker", 0.8, 3 * GIB // 2, 1.0, 2 * GIB, throttled=0.3),
            Container("log-groomer", 0.01, GIB // 16, 0.5, GIB // 2),
        ),
    ),
    Pod("airflow", "airflow-worker-1", (Container("worker", 0.4, GIB, 1.0, 2 * GIB),)),
    Pod("airflow", "airflow-scheduler-0", (Container("scheduler", 0.6, GIB // 2, 2.0, 2 * GIB),)),
    Pod("airflow", "airflow-api-server-0", (Container("api-server", 0.1, GIB // 2, 0.5, GIB),)),
    Pod(
        "airflow",
        "sales-ingest-publish-k3x9",
        (Container("base", 0.5, GIB // 4, 1.0, GIB),),
        ("sales_ingest", "publish"),
    ),
)


@contextmanager
def alive(directory: Path) -> Iterator[tuple[str, str]]:
    """Run the demo and a node's exporter; yield where both are scraped."""
    with ExitStack() as stack:
        demo_files = directory / "demo"
        demo_files.mkdir()
        demo = stack.enter_context(
            ExporterProcess(
                directory, "--no-collector.containers", "--demo.path", str(demo_files),
                "--state.path", str(directory / "state"), "--airflow.team-regex", "team:(.*)",
                command="demo",
            )
        )  # fmt: skip
        node = Node(directory / "node", PODS)
        kubelet = stack.enter_context(Stub(answers(200, node.pod_list())))
        watching = stack.enter_context(
            ExporterProcess(
                directory, "--no-collector.airflow", "--no-collector.tasks",
                "--collector.containers.interval", "1s", "--docker.host", "none",
                "--path.cgroupfs", str(node.cgroupfs), "--path.procfs", str(node.procfs),
                "--kubernetes.pods-url", f"{kubelet.url}/pods",
            )
        )  # fmt: skip
        stack.enter_context(_moving(node))
        for each in (demo, watching):
            each.wait_ready(60)
        yield f"127.0.0.1:{demo.port}", f"127.0.0.1:{watching.port}"


@contextmanager
def _moving(node: Node) -> Iterator[None]:
    stop = Event()

    def move() -> None:
        while not stop.wait(0.5):
            node.go_on(0.5)

    thread = Thread(target=move)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@dataclass(frozen=True)
class Sample:
    """A sample of a series; the time in seconds."""

    labels: dict[str, str]
    value: float
    at: float

    @property
    def is_moment(self) -> bool:
        """Tell whether the value is a time; 0 is none yet."""
        moments = ("_timestamp_seconds", "_start_time_seconds")
        return bool(self.value) and self.labels["__name__"].endswith(moments)


_LINE = re.compile(r"\{(.*)\} (\S+) (\d+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def dumped(tsdb: Path) -> list[Sample]:
    """Return everything that a Prometheus that has ended knew."""
    done = subprocess.run(
        [promtool_binary() or "promtool", "tsdb", "dump", str(tsdb)],
        check=True,
        capture_output=True,
        text=True,
    )
    samples = []
    for line in done.stdout.splitlines():
        if (found := _LINE.fullmatch(line)) and found[2] != "NaN":
            labels = dict(_LABEL.findall(found[1]))
            samples.append(Sample(labels, float(found[2]), int(found[3]) / 1000))
    return samples


def stretched(samples: Sequence[Sample], times: int, until: float) -> list[Sample]:
    """Let the same have taken so many times as long and have ended at a moment.

    Times that were told go with it, and so does the time between two runs.
    """
    end = max(each.at for each in samples)

    def put(moment: float) -> float:
        return until - (end - moment) * times

    def told(each: Sample) -> float:
        if each.labels["__name__"] == catalogue.DAG_SCHEDULE_INTERVAL.name:
            return each.value * times
        return put(each.value) if each.is_moment else each.value

    return [Sample(each.labels, told(each), put(each.at)) for each in samples]


def earlier(samples: Iterable[Sample], seconds: float, names: re.Pattern[str]) -> list[Sample]:
    """Return copies of the series of these names, so much earlier."""
    return [
        Sample(each.labels, each.value, each.at - seconds)
        for each in samples
        if names.fullmatch(each.labels["__name__"])
    ]


def hourly(samples: Iterable[Sample], until: float, hours: int = 3) -> list[Sample]:
    """Return what a rule would have recorded of durations if each hour had been like these."""
    names = {
        f"{catalogue.TASK_DURATION.name}_bucket": recording.DURATION_BUCKETS,
        f"{catalogue.TASK_DURATION.name}_sum": recording.DURATION_SUM,
        f"{catalogue.TASK_DURATION.name}_count": recording.DURATION_COUNT,
    }
    last = {tuple(sorted(each.labels.items())): each for each in samples if each.at <= until}
    left_out = ("instance", "operator_type")
    full = until - until % 3600
    return [
        Sample(
            {k: v for k, v in each.labels.items() if k not in left_out}
            | {"__name__": names[each.labels["__name__"]]},
            each.value,
            full - 3600 * ago,
        )
        for each in last.values()
        if each.labels["__name__"] in names
        for ago in range(hours)
    ]


def labelled(samples: Iterable[Sample], **labels: str) -> list[Sample]:
    """Return copies of all series with other labels; `{}` stands for the label as it is."""
    return [
        Sample(
            {**each.labels, **{k: v.format(each.labels[k]) for k, v in labels.items()}},
            each.value,
            each.at,
        )
        for each in samples
    ]


def served(samples: Iterable[Sample], directory: Path, rules: Sequence[Path] = ()) -> Prometheus:
    """Return a Prometheus that knows these samples."""
    text = directory / "samples.txt"
    with text.open("w") as file:
        for each in samples:
            inner = ",".join(f'{k}="{v}"' for k, v in each.labels.items() if k != "__name__")
            file.write(f"{each.labels['__name__']}{{{inner}}} {each.value!r} {each.at:.3f}\n")
        file.write("# EOF\n")
    command = ("tsdb", "create-blocks-from", "openmetrics", str(text), str(directory / "tsdb"))
    subprocess.run(
        [promtool_binary() or "promtool", *command], check=True, capture_output=True, timeout=120
    )
    text.unlink()
    return Prometheus(directory, [], "", rules)


def hurried(rules: Path, directory: Path) -> list[Path]:
    """Copy the rules' files, with groups that are worked out every second."""
    copies = []
    for path in sorted(rules.glob("*.yml")):
        copy = directory / path.name
        copy.write_text(re.sub(r"interval: \w+", "interval: 1s", path.read_text()))
        copies.append(copy)
    return copies
