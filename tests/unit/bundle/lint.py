"""Rules for dashboards: those of the dashboard linter, the useful ones of pint, and our own.

A rule takes the model of a dashboard and yields a sentence for everything that is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from exporter import catalogue
from exporter.bundle.dashboards import all_dashboards
from tests.support.known_series import OF_PROMETHEUS, OF_TARGETS, exposed, known
from tests.support.promql_names import groupings, ranged, selectors

Model = dict[str, Any]
ROOT = Path(__file__).parents[3]

# Of Grafana's list (packages/grafana-data/src/valueFormats/categories.ts), those that we use.
UNITS = {
    "Bps", "MBs", "bytes", "decbytes", "percent", "percentunit", "rowsps", "s", "short",
}  # fmt: skip
TYPES = {"stat", "timeseries", "bargauge", "table", "row"}
PROCESS = "process_"
CONTAINERS = "containers"
OF_ALL_TARGETS = OF_PROMETHEUS - {"ALERTS"}
COUNTING = {"rate", "irate", "increase"}


def panels(model: Model) -> list[Model]:
    """Return the panels, those in rows as well, without the heads of rows."""
    every = [each for outer in model["panels"] for each in (outer, *outer.get("panels", ()))]
    return [each for each in every if each["type"] != "row"]


def queries(model: Model) -> Iterator[tuple[str, str]]:
    """Yield the title of the panel and the expression of every query."""
    for panel in panels(model):
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def variables(model: Model) -> dict[str, Model]:
    """Return the variables by their names."""
    return {each["name"]: each for each in model["templating"]["list"]}


def of_guide(title: str) -> bool:
    """Tell whether the query is one that is shown as the guide has it."""
    return title.endswith(", as written")


# The dashboard linter's.


def has_a_data_source_variable(model: Model) -> Iterator[str]:
    """template-datasource."""
    found = variables(model).get("datasource", {})
    expected = {"type": "datasource", "label": "Data source", "query": "prometheus"}
    if {name: found.get(name) for name in expected} != expected:
        yield "the variable datasource is not as it should be"


def has_job_and_instance(model: Model) -> Iterator[str]:
    """template-job, template-instance."""
    for name, label in (("job", "Job"), ("instance", "Instance")):
        found = variables(model).get(name, {})
        expected = {"type": "query", "label": label, "multi": True, "allValue": ".+"}
        if {each: found.get(each) for each in expected} != expected:
            yield f"the variable {name} is not as it should be"


def variables_ask_for_labels(model: Model) -> Iterator[str]:
    """template-label-promql, template-on-time-change-reload, and their data source."""
    for name, each in variables(model).items():
        if each["type"] != "query":
            continue
        found = re.fullmatch(r"label_values\(([a-z_]+)(?:\{.*\})?, (\w+)\)", each["query"])
        if not found or found[2] not in known().get(found[1], ()):
            yield f"the variable {name} asks {each['query']}"
        if each["refresh"] != 2:
            yield f"the variable {name} is not asked again when the time changes"
        if each["datasource"]["uid"] != "${datasource}":
            yield f"the variable {name} asks another data source"


def panels_are_told(model: Model) -> Iterator[str]:
    """panel-title-description, panel-datasource, panel-no-targets, panel-units, and types."""
    for panel in panels(model):
        title = panel["title"]
        if not title or len(panel.get("description", "")) < 10:
            yield f"{title!r} has no title or no description"
        if not panel["targets"]:
            yield f"{title} asks nothing"
        if panel["fieldConfig"]["defaults"].get("unit") not in UNITS:
            yield f"{title} has no unit of Grafana's"
        if panel["type"] not in TYPES:
            yield f"{title} is a {panel['type']}"
        for each in (panel, *panel["targets"]):
            if each["datasource"] != {"type": "prometheus", "uid": "${datasource}"}:
                yield f"{title} asks another data source"


def selectors_are_narrowed(model: Model) -> Iterator[str]:
    """target-job, target-instance, and the installation; joined infos only by the last."""
    wanted = {"airflow", "job", "instance"}
    joined = {*(known().keys() - exposed().keys()), "ALERTS", catalogue.DAG_INFO.name}
    for title, expression in queries(model):
        if of_guide(title):
            continue
        for selector in selectors(expression):
            narrowed = {
                each.label for each in selector.matchers
                if (each.operator, each.value) == ("=~", f"${each.label}")
            }  # fmt: skip
            missing = ({"airflow"} if selector.name in joined else wanted) - narrowed
            if missing:
                yield f"{title}: {selector.name} is not narrowed by {sorted(missing)}"


def counters_are_counted(model: Model) -> Iterator[str]:
    """target-counter-agg, target-rate-interval; and pint's: no rate of a gauge."""
    for title, expression in queries(model):
        over = list(ranged(expression))
        counted = {each.name for each in over if each.function in COUNTING}
        for selector in selectors(expression):
            if _is_counter(selector.name) and selector.name not in counted:
                yield f"{title}: {selector.name} is no rate"
        for each in over:
            if each.function in COUNTING and not _is_counter(each.name):
                yield f"{title}: {each.function} of {each.name}, which is no counter"
            allowed = each.window == "$__rate_interval" or each.function == "increase"
            if each.function in COUNTING and not allowed and not of_guide(title):
                yield f"{title}: {each.function} over {each.window}"


def _is_counter(name: str) -> bool:
    return name.endswith(("_total", "_bucket", "_sum", "_count"))


def cannot_be_edited(model: Model) -> Iterator[str]:
    """uneditable-dashboard."""
    if model["editable"]:
        yield "it can be edited"


# Pint's, as far as they are about queries.


def names_exist(model: Model) -> Iterator[str]:
    """Every family and every label exists (promql/series)."""
    names = known()
    for title, expression in queries(model):
        labels: set[str] = set()
        for selector in selectors(expression):
            if selector.name.startswith(PROCESS):
                labels |= OF_TARGETS
            elif selector.name not in names:
                yield f"{title}: there is no {selector.name}"
            else:
                labels |= names[selector.name]
                for each in selector.matchers:
                    if each.label not in names[selector.name]:
                        yield f"{title}: {selector.name} has no label {each.label}"
        for word, some in groupings(expression):
            for each in set(some) - labels:
                if word != "without":
                    yield f"{title}: {each} is no label of what is asked"


def patterns_are_patterns(model: Model) -> Iterator[str]:
    """A pattern without anything to match is an equals sign (promql/regexp)."""
    for title, expression in queries(model):
        for selector in selectors(expression):
            for each in selector.matchers:
                if each.operator in ("=~", "!~") and not re.search(r"[.|*+?$(\[]", each.value):
                    yield f"{title}: {each.value} is no pattern"


def installations_are_kept_apart(model: Model) -> Iterator[str]:
    """Every grouping and every join has `airflow`; no bound of a bucket is taken literally."""
    for title, expression in queries(model):
        if of_guide(title):
            continue
        for word, labels in groupings(expression):
            if word in ("by", "on") and "airflow" not in labels:
                yield f"{title}: {word} {labels} mixes installations"
            if word == "without" and "airflow" in labels:
                yield f"{title}: {word} {labels} mixes installations"
        for selector in selectors(expression):
            if any(each.label == "le" for each in selector.matchers):
                yield f"{title}: the bound of a bucket is written in more than one way"


# Our own.


def other_teams_are_left_out(model: Model) -> Iterator[str]:
    """Where a team can be chosen, what has a DAG of its own is that team's alone."""
    if "team" not in variables(model):
        return
    for title, expression in queries(model):
        names = {each.name for each in selectors(expression)}
        of_dags = {each for each in names & exposed().keys() if "dag_id" in exposed()[each]}
        of_dags -= {family.name for family in catalogue.FAMILIES if family.collector == CONTAINERS}
        if of_dags and catalogue.DAG_INFO.name not in names and not of_guide(title):
            yield f"{title}: {sorted(of_dags)} of every team"


def exporters_are_told_from_other_targets(model: Model) -> Iterator[str]:
    """What every target has is asked of exporters alone, of annotations as well."""
    asked = [(each["name"], each["expr"]) for each in model["annotations"]["list"]]
    for title, expression in (*queries(model), *asked):
        names = {each.name for each in selectors(expression)}
        of_all = {each for each in names if each.startswith(PROCESS)} | names & OF_ALL_TARGETS
        if of_all and catalogue.BUILD_INFO.name not in names:
            yield f"{title}: {sorted(of_all)} of every target there is"


def variables_are_used(model: Model) -> Iterator[str]:
    """Whoever chooses something must see a difference."""
    asked = [expression for _, expression in queries(model)]
    asked += [each["query"] for each in variables(model).values() if each["type"] == "query"]
    asked += [
        link["url"] for panel in panels(model) for link in _links(panel)
        if not link["url"].startswith("/d/")
    ]  # fmt: skip
    for name in set(variables(model)) - {"datasource"}:
        if not any(re.search(rf"\$\{{?{name}\b", each) for each in asked):
            yield f"nothing asks for the variable {name}"
    for name in set(re.findall(r"\$\{?([a-z]\w+)", " ".join(asked))) - set(variables(model)):
        yield f"there is no variable {name}"


def panels_have_their_place(model: Model) -> Iterator[str]:
    """Nothing overlaps or hangs over; numbers and titles are not there twice."""
    taken: dict[tuple[int, int], str] = {}
    for outer in model["panels"]:
        spots: dict[tuple[int, int], str] = taken
        for panel in (outer, *outer.get("panels", ())):
            place = panel["gridPos"]
            if place["x"] < 0 or place["w"] < 1 or place["x"] + place["w"] > 24:
                yield f"{panel['title']} hangs over"
            for x in range(place["x"], place["x"] + place["w"]):
                for y in range(place["y"], place["y"] + place["h"]):
                    other = spots.setdefault((x, y), panel["title"])
                    if other != panel["title"]:
                        yield f"{panel['title']} overlaps {other}"
                        break
            if outer.get("collapsed"):
                spots = {} if panel is outer else spots
    numbers = [each["id"] for each in [*model["panels"], *panels(model)]]
    of_rows = [each["id"] for outer in model["panels"] for each in outer.get("panels", ())]
    if len(set(numbers)) != len(model["panels"]) + len(of_rows):
        yield "a number is there twice"
    titles = [each["title"] for each in panels(model)]
    yield from (f"{each} is there twice" for each in set(titles) if titles.count(each) > 1)


def links_lead_somewhere(model: Model) -> Iterator[str]:
    """The dashboard is there, and has every variable that is handed over."""
    others = {each.uid: {name.name for name in each.variables} for each in all_dashboards()}
    for panel in panels(model):
        for link in _links(panel):
            if link["url"].startswith("${airflow_url:raw}/"):
                continue
            uid = re.match(r"/d/([\w-]+)\?", link["url"])
            if not uid or uid[1] not in others:
                yield f"{panel['title']}: {link['url']} leads nowhere"
                continue
            for name in re.findall(r"var-(\w+)=", link["url"]):
                if name not in others[uid[1]]:
                    yield f"{panel['title']}: {uid[1]} has no variable {name}"
            for label in re.findall(r"\$\{__(?:field\.labels|data\.fields)\.(\w+)\}", link["url"]):
                if not all(label in target["legendFormat"] for target in panel["targets"]):
                    yield f"{panel['title']}: nothing has the label {label}"


def _links(panel: Model) -> list[Model]:
    links: list[Model] = panel["fieldConfig"]["defaults"]["links"]
    return links


RULES: tuple[Callable[[Model], Iterator[str]], ...] = (
    has_a_data_source_variable, has_job_and_instance, variables_ask_for_labels, panels_are_told,
    selectors_are_narrowed, counters_are_counted, cannot_be_edited, names_exist,
    patterns_are_patterns, installations_are_kept_apart, variables_are_used,
    panels_have_their_place, links_lead_somewhere, other_teams_are_left_out,
    exporters_are_told_from_other_targets,
)  # fmt: skip
