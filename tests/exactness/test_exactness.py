"""The short form: one seed a schema against the real daemon, and every mutation by simulation."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.exactness.harness import run
from tests.exactness.mutations import MUTATIONS, applies
from tests.exactness.settings import SCHEMAS, short
from tests.exactness.simulation import simulated
from tests.support.postgres import NO_POSTGRES, postgres_binaries
from tests.support.require import require

pytestmark = pytest.mark.exactness
_SEEDS = 20
_ENOUGH_TRIES = 100


@pytest.fixture(scope="module")
def reports():
    """Run both schemas side by side: a run waits more than it works."""
    require(postgres_binaries(), NO_POSTGRES)
    with ThreadPoolExecutor(len(SCHEMAS)) as pool:
        runs = pool.map(run, [short(schema, seed=1) for schema in SCHEMAS])
        return dict(zip(SCHEMAS, runs, strict=True))


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.timeout(300)
def test_every_finished_try_is_counted_once_through_kills_and_outages(reports, schema):
    report = reports[schema]
    print(report)
    assert report.right, str(report)
    assert report.result.tries >= _ENOUGH_TRIES
    assert report.figures["kills"] >= 2
    assert report.figures["database stops"] >= 1


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_rules_count_every_simulated_try_once(schema):
    for seed in range(_SEEDS):
        assert simulated(f"{seed}", schema) == [], f"seed {seed}"


@pytest.mark.parametrize(
    ("mutation", "schema"),
    [(name, schema) for name in MUTATIONS for schema in SCHEMAS if applies(name, schema)],
)
def test_a_broken_rule_is_noticed(mutation, schema):
    assert any(simulated(f"{seed}", schema, MUTATIONS[mutation]) for seed in range(_SEEDS))
