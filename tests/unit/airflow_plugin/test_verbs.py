"""Which statements the plugin counts: those that write, by their verb."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("sql", "verb"),
    [
        ("INSERT INTO t VALUES (1)", "INSERT"),
        ("  -- SELECT\n/* DELETE; */ insert into t select 1", "INSERT"),
        ("WITH a AS (SELECT 1), b(x) AS (DELETE FROM c) INSERT INTO t SELECT 1", "INSERT"),
        ("WITH RECURSIVE merge AS (SELECT 1) UPDATE t SET a = 1", "UPDATE"),
        ("WITH a AS MATERIALIZED (SELECT 1) DELETE FROM t USING a", "DELETE"),
        ("MERGE INTO t USING s ON (1 = 1) WHEN MATCHED THEN DELETE", "MERGE"),
        ("INSERT INTO t SELECT 'it''s; SELECT 1'", "INSERT"),
        (r"INSERT INTO t VALUES (E'\'; SELECT 1')", "INSERT"),
        ('DELETE FROM "a;b"', "DELETE"),
        ("UPDATE t SET a = $$; SELECT 1$$, b = $x$; SELECT $$ 1$x$", "UPDATE"),
        ("REPLACE INTO t VALUES (1)", "REPLACE"),
        ("CREATE TABLE t AS SELECT 1", "CREATE TABLE AS"),
        ("CREATE TEMP TABLE IF NOT EXISTS t (a) WITH (x = 1) AS (SELECT 1)", "CREATE TABLE AS"),
        ("SELECT * INTO t FROM s", "CREATE TABLE AS"),
        ("WITH a AS (SELECT 1) SELECT * INTO t FROM a", "CREATE TABLE AS"),
        ("COPY t (a, b) FROM STDIN", "COPY"),
        ("CREATE TABLE t (a int); INSERT INTO t VALUES (1);", "INSERT"),
        ("BEGIN; SET x = 1; DELETE FROM t; INSERT INTO t VALUES (1)", "INSERT"),
        ("/* a * / ** SELECT; **/ DELETE FROM t", "DELETE"),
        ("INSERT INTO t VALUES (1); UPDATE t SET a = b # 1 /* ; */ -- SELECT\n", "UPDATE"),
        ("INSERT INTO t VALUES ('a;b', -1, 2/1), (f(1), 2); DELETE FROM t", "DELETE"),
        ("SELECT a IS DISTINCT FROM b AS c INTO t FROM s", "CREATE TABLE AS"),
        ("INSERT INTO t VALUES (1);;\n-- the end; of it\n", "INSERT"),
    ],
)
def test_a_count_is_of_the_verb_that_writes(plugin: Any, sql: str, verb: str) -> None:
    assert plugin.verb_of(sql, "postgres") == verb


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "(SELECT 1) UNION (SELECT 2)",
        "WITH update AS (SELECT 1) SELECT * FROM update",
        "WITH a AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM a",
        "SELECT 'INSERT INTO t'; -- INSERT",
        "INSERT INTO t VALUES (1); SELECT 1",
        "SELECT 1; INSERT INTO t VALUES (1)",
        "EXPLAIN ANALYZE INSERT INTO t VALUES (1)",
        "CREATE TABLE t (a int GENERATED ALWAYS AS (1) STORED)",
        "CREATE VIEW v AS SELECT 1",
        "CREATE MATERIALIZED VIEW v AS SELECT 1",
        "CREATE PROCEDURE p() BEGIN INSERT INTO t VALUES (1); DELETE FROM t; END",
        "COPY t TO STDOUT",
        "COPY (SELECT 1) TO STDOUT",
        "CALL p()",
        "TRUNCATE t",
        "/* INSERT INTO t VALUES (1)",
        "/* /* */ INSERT INTO t VALUES (1) */",
        "/* /* /* */ */ */ INSERT INTO t VALUES (1)",
        "INSERT INTO t VALUES (1); (SELECT 1)",
        "INSERT INTO t VALUES (1); (SELECT (1)) UNION (SELECT 2)",
        "(SELECT 1); INSERT INTO t VALUES (1)",
        "WITH a AS (SELECT 1) (SELECT * FROM a)",
        "SELECT a FROM t WHERE b IN (SELECT 1 INTO u)",
        "DELETE FROM t; COMMIT",
        "INSERT INTO t VALUES (1); VACUUM t;",
        "INSERT INTO t VALUES (1); SELECT ')",
        "INSERT INTO t VALUES ((1); SELECT 1",
        "INSERT INTO t VALUES (1)); SELECT 1",
        "INSERT INTO t VALUES (1); $a$ SELECT $b$",
        "INSERT INTO t SELECT 1 -- \r; SELECT 2",
        "",
        " ; ; ",
    ],
)
def test_a_count_of_anything_else_is_not_taken(plugin: Any, sql: str) -> None:
    assert plugin.verb_of(sql, "postgres") is None


@pytest.mark.parametrize(
    ("sql", "verb"),
    [
        ("# insert\nSELECT * FROM t", None),
        ("# select\nDELETE FROM t", "DELETE"),
        ("INSERT INTO t SELECT 5--1; SELECT 2", None),
        ("INSERT INTO t SELECT 5 -- 1; SELECT 2", "INSERT"),
        (r"INSERT INTO t VALUES ('a\'); SELECT 1 -- \n b'); DELETE FROM t", "DELETE"),
        (r'DELETE FROM t WHERE a = "\"; SELECT 1"; DELETE FROM t', "DELETE"),
        ("INSERT INTO t VALUES (1); /*! SELECT 1 */", None),
        ("INSERT INTO t VALUES (1); /*M! SELECT 1 */", None),
        ("INSERT INTO t VALUES ($$); SELECT 1; -- $$)", None),
        ("SET a = 1; INSERT INTO t VALUES (1)", None),  # the count is the first one's, 0
        ("INSERT INTO t VALUES (1); COMMIT", None),
        ("INSERT INTO t VALUES (1);\n;", "INSERT"),
    ],
)
def test_mysql_has_comments_and_texts_of_its_own(plugin: Any, sql: str, verb: str | None) -> None:
    assert plugin.verb_of(sql, "mysql") == verb


@pytest.mark.parametrize(
    "sql",
    [
        "# insert\nSELECT * FROM t",
        "INSERT INTO t SELECT 1 # 2; SELECT 3",
        "INSERT INTO #t SELECT 1; SELECT 3",
        r"INSERT INTO t VALUES ('a\'b'); SELECT * FROM t WHERE a = 'c'",
        r"INSERT INTO t VALUES ('\'), ('; SELECT 1 -- ')",
        "INSERT INTO t SELECT $$; SELECT 1 -- $$",
    ],
)
def test_what_databases_read_differently_is_not_taken_of_one_that_is_not_known(
    plugin: Any, sql: str
) -> None:
    assert plugin.verb_of(sql, "odbc") is None
    assert plugin.verb_of(sql) is None
    assert plugin.verb_of("INSERT INTO #t SELECT 1", "mssql") == "INSERT"


@pytest.mark.parametrize("sql", ["CREATE TABLE t AS SELECT 1", "COPY t FROM x", "SELECT 1 INTO t"])
def test_what_only_postgres_counts_is_taken_from_postgres_only(plugin: Any, sql: str) -> None:
    assert plugin.verb_of(sql, "snowflake") is None
    assert plugin.verb_of("INSERT INTO t VALUES (1)", "snowflake") == "INSERT"


@given(st.text(st.sampled_from("'\"`$eE\\-/*();\n aSELECT_ins"), max_size=60))
def test_any_text_has_a_verb_that_writes_or_none(plugin: Any, sql: str) -> None:
    assert plugin.verb_of(sql, "postgres") in {None, *plugin._WRITES_OF_POSTGRES}


@given(
    st.lists(
        st.sampled_from(
            [
                "--;\n",
                "/*;'*/",
                "';SELECT'",
                '";SELECT"',
                "$$;SELECT$$",
                "$a$;$a$",
                "(;SELECT)",
                " ",
            ]
        )
    )
)
def test_texts_comments_and_parentheses_change_no_verb(plugin: Any, noise: list[str]) -> None:
    between = " " + " ".join(noise) + " "
    sql = between + "UPDATE t SET a =" + between
    assert plugin.verb_of(f"{between} DELETE FROM t WHERE {between}") in {"DELETE", None}
    assert plugin.verb_of("UPDATE t SET a =" + between, "postgres") == "UPDATE"
    assert plugin.verb_of("UPDATE t SET a =" + between + "; DELETE FROM t", "postgres") == "DELETE"
    assert plugin.verb_of(sql.lstrip("('\"$"), "postgres") in {"UPDATE", None}


@pytest.mark.parametrize("kind", [None, "postgres", "mysql"])
@given(pieces=st.lists(st.sampled_from(["INSERT x", ";", "(", ")", "'", "a", "#\n", "--\n", "-"])))
def test_a_batch_that_ends_with_a_query_is_never_counted(
    plugin: Any, kind: str | None, pieces: list[str]
) -> None:
    for query in ("SELECT 1", "(SELECT 1)", "VALUES (1)", "TABLE t"):
        assert plugin.verb_of(f"{' '.join(pieces)};{query}", kind) is None
