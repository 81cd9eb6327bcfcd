"""The dashboards by Grafana's own schemas, where these lie beside the project."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest

from tests.unit.bundle import lint
from tests.unit.bundle.lint import ROOT

SCHEMAS = ROOT.parent / "shared/grafana-schemas"
BRANCHES = ("10.4", "11.6", "main")
COMMITTED = sorted((ROOT / "grafana/dashboards").glob("*.json"))
pytestmark = pytest.mark.skipif(not SCHEMAS.is_dir(), reason="Grafana's schemas are not here")


@cache
def schema(branch: str, name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((SCHEMAS / branch / f"{name}.json").read_text())
    return read


@cache
def dashboard_schema(branch: str) -> Any:
    """Return a validator; what the schemas say wrongly of Grafana is put right first."""
    read = json.loads((SCHEMAS / branch / "dashboard.json").read_text())
    definitions = read["definitions"]
    # Minus infinity, as Grafana itself writes the first threshold.
    definitions["Threshold"]["properties"]["value"] = {"type": ["number", "null"]}
    # Anything, which the generator of the schemas took for any object.
    definitions["MatcherConfig"]["properties"]["options"] = {}
    definitions["DynamicConfigValue"]["properties"]["value"] = {}
    # The data source's own, since long before the schemas had it.
    definitions["AnnotationQuery"]["properties"].setdefault("titleFormat", {"type": "string"})
    return fastjsonschema.compile(read, use_default=False)


@cache
def part_schema(branch: str, kind: str, part: str) -> Any:
    """Return a validator of a part of a panel; what later versions want has a default there."""
    definitions = json.loads(json.dumps(schema(branch, kind)["definitions"]))
    definitions[part]["required"] = []
    read = {"$ref": f"#/definitions/{part}", "definitions": definitions}
    return fastjsonschema.compile(read, use_default=False)


@pytest.mark.parametrize("branch", BRANCHES)
@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_dashboards_are_as_the_schema_has_them(branch: str, path: Path) -> None:
    dashboard_schema(branch)(json.loads(path.read_text()))


@pytest.mark.parametrize("branch", BRANCHES)
@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_panels_and_queries_are_as_the_schemas_have_them(branch: str, path: Path) -> None:
    query = fastjsonschema.compile(schema(branch, "prometheus"), use_default=False)
    for panel in lint.panels(json.loads(path.read_text())):
        part_schema(branch, panel["type"], "Options")(panel["options"])
        if "FieldConfig" in schema(branch, panel["type"])["definitions"]:
            custom = panel["fieldConfig"]["defaults"]["custom"]
            part_schema(branch, panel["type"], "FieldConfig")(custom)
        for target in panel["targets"]:
            query(target)
