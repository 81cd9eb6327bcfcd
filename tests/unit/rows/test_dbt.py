"""run_results.json as real dbt wrote it, and as nobody should."""

from __future__ import annotations

import base64
import json
import tracemalloc
import zlib
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import RejectedError
from exporter.rows import dbt
from exporter.rows.claim import MAX_AMOUNT, Claim, Source, TryId

FIXTURES = Path(__file__).parents[2] / "fixtures" / "dbt"


def told(name: str) -> dict[str | None, Claim]:
    found = dbt.invocation((FIXTURES / f"{name}.json").read_bytes())
    return {claim.stage: claim for claim in dbt.claims(found)}


def written(**changes: object) -> bytes:
    """Return a small file of version 6 whose only result is changed."""
    result = {
        "unique_id": "model.toy.orders",
        "status": "success",
        "adapter_response": {"rows_affected": 5},
        "execution_time": 1.5,
        "relation_name": '"db"."wh_gold"."orders"',
        **changes,
    }
    return json.dumps(around([result])).encode()


def around(results: list[object], schema: str = "run-results/v6.json") -> dict[str, object]:
    metadata = {
        "dbt_schema_version": f"https://schemas.getdbt.com/dbt/{schema}",
        "generated_at": "2026-11-22T06:42:13.458592Z",
        "invocation_id": "1e50a02c",
        "env": {"DAG_ID": "sales", "DEPTH": 1},
    }
    return {"metadata": metadata, "results": results, "elapsed_time": 1.0}


def only_claim(data: bytes) -> Claim:
    (claim,) = dbt.claims(dbt.invocation(data))
    return claim


def test_a_full_run_on_postgresql_tells_rows_by_stage():
    found = told("postgres")
    assert {stage: claim.rows for stage, claim in found.items()} == {
        None: 3,
        "bronze": 5000,
        "silver": 4994,
        "gold": 97,
    }
    assert {claim.source for claim in found.values()} == {Source.DBT}


def test_an_incremental_run_tells_what_it_added():
    assert told("postgres-incremental")["silver"].rows == 100
    assert told("postgres-dbt-1.12")["silver"].rows == 100


@pytest.mark.parametrize("name", ["duckdb-incremental", "sqlite"])
def test_an_adapter_that_tells_no_rows_leaves_them_unknown_and_not_zero(name):
    assert {claim.rows for claim in told(name).values()} == {None}


def test_the_seed_that_duckdb_counts_is_known_beside_models_that_it_does_not():
    assert {stage: claim.rows for stage, claim in told("duckdb").items()} == {
        None: 3,
        "bronze": None,
        "silver": None,
        "gold": None,
    }


def test_the_head_tells_when_and_by_whom():
    found = dbt.invocation(written())
    assert found.id == "1e50a02c"
    assert found.generated == datetime(2026, 11, 22, 6, 42, 13, 458592, tzinfo=timezone.utc)
    assert found.on is None


NAMED = {"DAG_ID": "sales", "TASK_ID": "load.dbt", "RUN_ID": "manual__1", "TRY_NUMBER": "2"}


def named(**changes: object) -> dbt.Invocation:
    """Return an invocation whose variables are those of a try, changed."""
    data = around([])
    data["metadata"] = {**data["metadata"], "env": {**NAMED, "DEPTH": 1, **changes}}  # type: ignore[dict-item]
    return dbt.invocation(json.dumps(data).encode())


def test_the_variables_name_the_try_that_ran_dbt():
    assert named().on == TryId("sales", "load.dbt", "manual__1", -1, 2)
    assert named(MAP_INDEX="3").on == TryId("sales", "load.dbt", "manual__1", 3, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"DAG_ID": "a" * 251},
        {"DAG_ID": "two words"},
        {"TASK_ID": "load\0"},
        {"TASK_ID": None},
        {"RUN_ID": "two\nlines"},
        {"RUN_ID": ""},
        {"TRY_NUMBER": "-1"},
        {"TRY_NUMBER": 2},
        {"MAP_INDEX": "1" * 10},
    ],
)
def test_what_cannot_name_a_try_names_none(wrong):
    assert named(**wrong).on is None


@pytest.mark.parametrize("name", ["", "a" * 251, "two\nlines", "one\0"])
def test_an_invocation_with_an_id_that_nobody_can_read_is_refused(name):
    data = around([])
    data["metadata"] = {**data["metadata"], "invocation_id": name}  # type: ignore[dict-item]
    with pytest.raises(RejectedError, match="invocation_id"):
        dbt.invocation(json.dumps(data).encode())


def test_texts_are_bounded():
    with pytest.raises(RejectedError, match=r"unique_id"):
        dbt.invocation(written(unique_id="model.toy." + "a" * 5000))


def test_more_objects_than_any_project_writes_are_refused_before_they_are_made():
    tiny = json.dumps(around([{"unique_id": "", "status": ""}])).encode()
    one = b'{"unique_id": "", "status": ""}'
    with pytest.raises(RejectedError, match="more than 100000 objects"):
        dbt.invocation(tiny.replace(one, b",".join([one] * dbt.MAX_OBJECTS)))


def test_what_nobody_wants_is_not_built():
    lists = [[]] * 200_000
    data = around([{**json.loads(written())["results"][0], "adapter_response": {"code": lists}}])
    data["metadata"] = {**data["metadata"], "env": {"DAG_ID": lists}}  # type: ignore[dict-item]
    text = json.dumps(data).encode()
    tracemalloc.start()
    dbt.invocation(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * len(text)


def test_a_stage_of_which_some_is_unknown_has_the_rows_that_are_known():
    data = around(json.loads(written())["results"] * 2)
    data["results"][1] = {**data["results"][1], "adapter_response": {"rows_affected": -1}}
    assert only_claim(json.dumps(data).encode()).rows == 5


def test_more_rows_or_bytes_than_a_counter_tells_exactly_are_unknown():
    most = {"rows_affected": MAX_AMOUNT, "bytes_processed": MAX_AMOUNT}
    (result,) = json.loads(written(adapter_response=most))["results"]
    one = only_claim(json.dumps(around([result])).encode())
    assert (one.rows, one.bytes) == (MAX_AMOUNT, MAX_AMOUNT)
    (two,) = dbt.claims(dbt.invocation(json.dumps(around([result, result])).encode()))
    assert (two.rows, two.bytes) == (None, None)


@pytest.mark.parametrize("absurd", [-1.0, 1e300])
def test_seconds_that_nothing_takes_are_not_taken(absurd):
    assert only_claim(written(execution_time=absurd)).seconds == 0.0


def test_the_seconds_of_a_stage_are_those_of_its_nodes():
    data = around(json.loads(written())["results"] * 3)
    assert only_claim(json.dumps(data).encode()).seconds == 4.5


def test_seconds_are_of_the_nodes_whose_rows_are_known():
    (result,) = json.loads(written())["results"]
    untold = {**result, "adapter_response": {"rows_affected": -1}, "execution_time": 50.0}
    claim = only_claim(json.dumps(around([result, untold])).encode())
    assert (claim.rows, claim.seconds) == (5, 1.5)
    (nobody,) = dbt.claims(dbt.invocation(json.dumps(around([untold, untold])).encode()))
    assert (nobody.rows, nobody.seconds) == (None, 100.0)


def test_rows_and_bytes_of_a_claim_are_of_the_same_nodes():
    def responding(*responses: dict[str, object]) -> Claim:
        (result,) = json.loads(written())["results"]
        results = [{**result, "adapter_response": each} for each in responses]
        return only_claim(json.dumps(around(results)).encode())

    both, sizes = {"rows_affected": 5, "bytes_processed": 10}, {"bytes_processed": 70}
    found = responding(both, {})
    assert (found.rows, found.bytes, found.seconds) == (5, 10, 1.5)
    found = responding(both, sizes)
    assert (found.rows, found.bytes, found.seconds) == (5, None, 1.5)
    found = responding(sizes, sizes, {})
    assert (found.rows, found.bytes, found.seconds) == (None, 140, 3.0)


def test_bytes_are_known_only_when_every_node_with_rows_tells_them():
    told_bytes = {"adapter_response": {"rows_affected": 1, "bytes_processed": 10}}
    assert only_claim(written(**told_bytes)).bytes == 10
    both = [*json.loads(written(**told_bytes))["results"], *json.loads(written())["results"]]
    assert only_claim(json.dumps(around(both)).encode()).bytes is None


@pytest.mark.parametrize(
    "changes",
    [
        {"unique_id": "test.toy.not_null"},
        {"unique_id": "operation.toy.hook"},
        {"unique_id": ""},
        {"status": "error"},
        {"status": "skipped"},
        {"adapter_response": {"code": "CREATE VIEW", "rows_affected": -1}},
    ],
)
def test_what_writes_no_data_is_left_out(changes):
    assert dbt.claims(dbt.invocation(written(**changes))) == ()


@pytest.mark.parametrize("rows", [-1, True, "5", 1.5, 2**60, None, [], {}])
def test_a_number_of_rows_that_is_none_is_unknown(rows):
    assert only_claim(written(adapter_response={"rows_affected": rows})).rows is None


@pytest.mark.parametrize("response", [None, {}])
def test_a_response_that_says_nothing_leaves_rows_unknown(response):
    assert only_claim(written(adapter_response=response)).rows is None


def test_a_relation_without_quotes_or_a_schema_still_has_a_name():
    assert only_claim(written(relation_name="db.wh_silver.orders")).stage == "silver"
    assert only_claim(written(relation_name="orders", unique_id="model.toy.gold_x")).stage == "gold"


@pytest.mark.parametrize("schema", ["run-results/v5.json", "run-results/v7.json", "manifest/v12"])
def test_another_version_is_refused_with_a_sentence_whatever_its_results_look_like(schema):
    data = json.dumps({**around([], schema), "results": "of another form"}).encode()
    with pytest.raises(RejectedError, match="are not understood; version 6 is"):
        dbt.invocation(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 100_000,
        b'{"metadata":' * 50_000,
        b"\xff\xfe",
        json.dumps({"metadata": {}}).encode(),
        json.dumps(around([{"unique_id": 1, "status": "success"}])).encode(),
    ],
)
def test_what_is_no_run_results_is_refused_with_a_sentence(data):
    with pytest.raises(RejectedError, match=r"this is no run_results\.json"):
        dbt.invocation(data)


def test_unknown_fields_are_let_through():
    data = json.loads(written(new_field={"deep": [1]}))
    data["metadata"]["new"] = 1
    assert only_claim(json.dumps({**data, "more": []}).encode()).rows == 5


@given(st.binary(max_size=200) | st.recursive(st.none() | st.text(), st.lists).map(repr))
def test_any_bytes_are_read_or_refused(data):
    try:
        dbt.invocation(data if isinstance(data, bytes) else data.encode())
    except RejectedError:
        return
    pytest.fail("nothing of this kind is a run_results.json")


def test_cosmos_packs_the_same_file():
    packed = base64.b64encode(zlib.compress((FIXTURES / "postgres.json").read_bytes())).decode()
    found = dbt.cosmos_invocation(packed)
    assert sum(node.rows or 0 for node in found.nodes) == 3 + 5000 + 4994 + 97


def test_a_bomb_is_refused_before_it_is_inflated():
    bomb = base64.b64encode(zlib.compress(bytes(dbt.INFLATED_LIMIT + 1))).decode()
    with pytest.raises(RejectedError, match="inflate to more than"):
        dbt.cosmos_invocation(bomb)


@pytest.mark.parametrize("text", ["", "not base64!", "AAAA", "é", base64.b64encode(b"x").decode()])
def test_what_cosmos_would_not_write_is_refused(text):
    with pytest.raises(RejectedError):
        dbt.cosmos_invocation(text)
