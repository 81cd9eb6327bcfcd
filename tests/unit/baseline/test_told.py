"""Tests of actuals that a JSON file tells."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.baseline.told import actuals
from exporter.errors import ConfigError
from exporter.insight.baselines.baseline import Key, Scope
from exporter.insight.baselines.file import baselines

KNOWN = {each.key for each in baselines(None)}
RATE = Key(Scope.STAGE, "bronze", "rate_mbps")
CPU = Key(Scope.COMPONENT, "worker", "cpu_cores")


def told(content: str | bytes, directory):
    path = directory / "actuals.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return actuals(path, "--actuals", KNOWN)


def bronze(value: str) -> str:
    return f'{{"stages": {{"bronze": {{"rate_mbps": {value}}}}}}}'


def test_actuals_are_told_by_scope_name_and_metric(tmp_path):
    tree = {
        "stages": {"bronze": {"rate_mbps": 79, "memory_mib": None}, "gold": {}},
        "components": {"worker": {"cpu_cores": 0.5}},
    }
    assert told(json.dumps(tree), tmp_path) == {RATE: 79.0, CPU: 0.5}
    assert told("{}", tmp_path) == {}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "is not valid JSON"),
        (b"\xff", "is not valid JSON"),
        ("[" * 30000, "is not valid JSON"),
        (bronze("NaN"), "is not valid JSON"),
        (bronze("1" * 5000), "is not valid JSON"),
        (bronze('1, "rate_mbps": 2'), "rate_mbps: is given twice"),
        ("[]", "must hold something by name"),
        ('{"stage": {}}', "stage: no such key; there are stages, components"),
        ('{"stages": 1}', "stages: must hold something by name"),
        ('{"stages": {"bronze": 1}}', "stages.bronze: must hold something by name"),
        ('{"stages": {"brnze": {"rate_mbps": 1}}}',
         "stage brnze rate_mbps: there is no such baseline"),
        ('{"stages": {"bronze": {"cpu_cores": 1}}}',
         "stage bronze cpu_cores: there is no such baseline"),
        *((bronze(value), "stage bronze rate_mbps: must be a number from 0 to 1e18, or null")
          for value in ("-1", "true", '"79"', "[1]", "1e400", "1" * 400)),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_file_and_key(content, sentence, tmp_path):
    with pytest.raises(ConfigError) as caught:
        told(content, tmp_path)
    assert str(caught.value) == f"{tmp_path}/actuals.json: {sentence}"


@given(
    tree=st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda below: st.dictionaries(
            st.sampled_from(["stages", "components", "bronze", "rate_mbps"]) | st.text(), below
        ),
    )
)
def test_any_tree_is_read_or_refused_in_a_sentence(tree, tmp_path_factory):
    directory = tmp_path_factory.mktemp("any")
    found, refused = {}, ""
    try:
        found = told(json.dumps(tree), directory)
    except ConfigError as error:
        refused = str(error)
    assert refused.startswith(str(directory)) or found.keys() <= KNOWN
