"""What a report cannot tell, why, and which findings there cannot be without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from exporter.collectors.airflow.facts import Facts
from exporter.errors import SourceUnavailableError
from exporter.history.extent import Extent
from exporter.history.reader import History
from exporter.insight.performance.active_tasks import ActiveTasks
from exporter.insight.performance.kind import Kind
from exporter.insight.performance.tally import Tally
from exporter.quantities import clock
from exporter.report.configuration import Configuration
from exporter.report.document import Missing
from exporter.report.figures import Metrics

T = TypeVar("T")
_SATURATION = frozenset({Kind.SATURATION})


class Told:
    """Reads what may be missing, and says so."""

    def __init__(self, missing: list[Missing]) -> None:
        """Add what is missing to a list."""
        self.missing = missing

    def of(self, what: str, reading: Callable[[], T], otherwise: T, *kinds: Kind) -> T:
        """Return what is read; `kinds` of findings there cannot be where it is missing."""
        try:
            return reading()
        except SourceUnavailableError as error:
            self.missing.append(Missing(what, str(error), frozenset(kinds)))
            return otherwise


def not_kept(extent: Extent) -> Iterator[Missing]:
    """Tell what of the time that was asked for the database does not hold."""
    later, earlier = clock(extent.later.total_seconds()), clock(extent.earlier.total_seconds())
    kinds: frozenset[Kind] = frozenset()
    if extent.is_later_cut:
        told = f"{later} of the {clock(extent.asked_later.total_seconds())} asked for"
        why = f"{told}, and nothing to compare with"
        kinds = frozenset({Kind.REGRESSION, Kind.SUSPECTED})
    elif extent.is_earlier_cut:
        why = f"{earlier} to compare with, {clock(extent.asked_earlier.total_seconds())} asked for"
    else:
        return
    what = f"the time before {extent.begin:%Y-%m-%d %H:%M} UTC"
    yield Missing(what, f"the database begins there: {why}", kinds)


def unknown_limits(history: History, facts: Facts, parallelism: int | None) -> Iterator[Missing]:
    """Tell which limits are not known: what is full cannot be told without them."""
    dags = facts.dags is not None
    for is_known, what, why in (
        (facts.pools is not None, "slots of pools", "slot_pool is missing or not granted"),
        (facts.jobs is not None, "the number of schedulers", "job is missing or not granted"),
        (
            parallelism is not None, "[core] parallelism",
            "neither airflow.cfg nor AIRFLOW__CORE__PARALLELISM tells it",
        ),
        (
            dags and history.schema.has("dag", "max_active_tasks"), "max_active_tasks of DAGs",
            "dag.max_active_tasks is missing or not granted",
        ),
    ):  # fmt: skip
        if not is_known:
            yield Missing(what, why, _SATURATION)


def left_out(tally: Tally, active: ActiveTasks) -> Iterator[Missing]:
    """Tell of what there was more than is kept apart."""
    if tally.untold_tasks:
        yield Missing(
            "some tasks", "there are more than are told apart; totals hold them",
            frozenset({Kind.REGRESSION, Kind.SUSPECTED, Kind.WASTE}),
        )  # fmt: skip
    if active.has_untold:
        yield Missing(
            "max_active_tasks of some DAGs", "there are more than are told apart", _SATURATION
        )


def not_there(history: History, configuration: Configuration) -> Iterator[Missing]:
    """Tell which columns and settings that findings rest on are not at hand."""
    schema = history.schema
    if not (schema.has("dag_run", "run_after") or schema.has("dag_run", "data_interval_end")):
        why = "dag_run.run_after or data_interval_end is missing or not granted"
        yield Missing("when runs were due", why, frozenset({Kind.DELAY}))
    if not configuration.values or schema.version is None:
        why = (
            "this version of Airflow is not known"
            if configuration.values
            else "neither airflow.cfg nor variables AIRFLOW__... are at hand"
        )
        yield Missing("settings of Airflow", why, frozenset({Kind.SETTINGS}))


def silent(found: Metrics) -> Iterator[Missing]:
    """Tell what a server that answers has nothing of, as one of another Airflow."""
    if all(each.actual is None for each in found.judgements):
        why = "the Prometheus server has no series of them"
        yield Missing("baselines", why, frozenset({Kind.BASELINE}))
    if not found.memory:
        why = "the Prometheus server has no task_peak_memory_bytes"
        yield Missing("memory of tasks", why, frozenset({Kind.MEMORY}))
