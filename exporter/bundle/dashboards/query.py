"""PromQL of panels: selectors narrowed by the dashboards' variables, and replicas taken once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from exporter import catalogue
from exporter.bundle.promql import once, selector
from exporter.catalogue import Family

SCRAPED: Final = 'airflow=~"$airflow", job=~"$job", instance=~"$instance"'
"""Every series that is scraped is narrowed by these."""
OF_DAG: Final = ('dag_id=~"$dag_id"',)
OF_TASK: Final = (*OF_DAG, 'task_id=~"$task_id"')
OF_POD: Final = ('namespace=~"$namespace"', 'pod=~"$pod"')
OF_STAGE: Final = ('pipeline=~"$pipeline"', 'stage=~"$stage"')
RATE: Final = "$__rate_interval"
WINDOW: Final = "$window"
FIRING: Final = (
    'ALERTS{airflow=~"$airflow", alertname=~"(Airflow|DataProcessing|DataStage|DataPipeline).+", '
    'alertstate="firing"}'
)
"""The bundled alerts that fire; `Data.+` would take those about data bases and disks for ours."""


@dataclass(frozen=True, slots=True)
class Range:
    """Between which values what a query returns lies, both included."""

    low: float
    high: float


COUNT: Final = Range(0, 1e6)
RATIO: Final = Range(0, 1)
SECONDS: Final = Range(0, 86400)
BYTES: Final = Range(0, 2**40)


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel, with the labels and the values that tests want of its result."""

    expr: str
    labels: tuple[str, ...] = ()
    expect: Range = COUNT
    name: str = ""
    """What the series is; without one its labels are all that is told."""

    @property
    def legend(self) -> str:
        """The legend, what tells most first: the name, the labels, the installation last."""
        words = [f"{{{{{label}}}}}" for label in reversed(self.labels)]
        return " ".join([self.name, *words] if self.name else words)


def series(family: Family | str, *matchers: str) -> str:
    """Return the selector of a family, or of a sample name of one, with more matchers."""
    return selector(family, SCRAPED, *matchers)


def of_exporters(expression: str) -> str:
    """Keep what every target has of exporters alone: of those scraped within a day.

    With all jobs chosen Prometheus' other targets would be taken for exporters. One that is down
    tells no more that it is one.
    """
    known = f"last_over_time({series(catalogue.BUILD_INFO)}[1d])"
    return f"({expression} and on (airflow, job, instance) {known})"


def buckets(family: Family, *matchers: str) -> str:
    """Return the selector of a histogram's buckets."""
    return series(f"{family.name}_bucket", *matchers)


def grown(counter: str, ago: str = "") -> str:
    """Return how much a counter of an installation grew in the window, or in one so long ago."""
    return once(f"increase({counter}[{WINDOW}]{f' offset {ago}' if ago else ''})")


def total(expression: str, *labels: str) -> str:
    """Sum by installation and these labels."""
    return f"sum by ({', '.join(('airflow', *labels))}) ({expression})"


def highest(expression: str, *labels: str) -> str:
    """Take the highest by installation and these labels."""
    return f"max by ({', '.join(('airflow', *labels))}) ({expression})"


def lowest(expression: str, *labels: str) -> str:
    """Take the lowest by installation and these labels."""
    return f"min by ({', '.join(('airflow', *labels))}) ({expression})"


def quantile(share: float, family: Family, *labels: str, of: tuple[str, ...] = ()) -> str:
    """Return a quantile of what was observed in the window; nothing where nothing was.

    What is not a number is neither below nor above 0, so the comparison leaves it out.
    """
    observed = grown(buckets(family, *of))
    if "dag_id" in family.labels:
        observed = of_team(observed)
    return f"histogram_quantile({share}, {total(observed, 'le', *labels)}) >= 0"


def top(expression: str, count: int = 10) -> str:
    """Return the highest few."""
    return f"topk({count}, {expression})"


def of_team(expression: str) -> str:
    """Leave out the DAGs of other teams; with all teams chosen nothing is left out."""
    others = f'{catalogue.DAG_INFO.name}{{airflow=~"$airflow", team!~"$team"}}'
    return f"{expression} unless on (airflow, dag_id) {others}"


def unpaused(expression: str) -> str:
    """Leave out the DAGs that are paused."""
    paused = once(series(catalogue.DAG_PAUSED))
    return f"{expression} unless on (airflow, dag_id) ({paused} == 1)"
