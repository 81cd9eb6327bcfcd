"""Tests of a database's address: every form is read or refused, and nothing of it is told."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.dsn import Dsn, parsed
from exporter.errors import ConfigError

MARKER = "Zq7!mK2w"
"""A password that appears in no sentence of ours."""


def server(user: str | None, password: str | None, hosts: str, database: str, **query: str) -> Dsn:
    return Dsn("postgresql", database, user, password, hosts, query)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("postgresql://u:p@h:5432/d", server("u", "p", "h:5432", "d")),
        ("  postgresql://u:p@h:5432/d\n", server("u", "p", "h:5432", "d")),
        ("postgres://u:p@h/d", server("u", "p", "h", "d")),
        ("postgresql+psycopg2://u:p@h/d", server("u", "p", "h", "d")),
        ("postgresql+asyncpg://u:p@h/d", server("u", "p", "h", "d")),
        ("POSTGRESQL+Psycopg://u:p@h/d", server("u", "p", "h", "d")),
        ("postgresql://u@h/d", server("u", None, "h", "d")),
        ("postgresql://:p@h/d", server(None, "p", "h", "d")),
        ("postgresql://h/d", server(None, None, "h", "d")),
        ("postgresql:///d", server(None, None, "", "d")),
        ("postgresql://u:p@/d", server("u", "p", "", "d")),
        ("postgresql://u:p@:6432/d", server("u", "p", ":6432", "d")),
        ("postgresql://u:p@[::1]:5432/d", server("u", "p", "[::1]:5432", "d")),
        ("postgresql://u:p@a:1,b:2/d", server("u", "p", "a:1,b:2", "d")),
        ("postgresql://u:p@h", server("u", "p", "h", "")),
        ("postgresql://u:p@h/d?sslmode=require", server("u", "p", "h", "d", sslmode="require")),
        ("postgresql://u:p@h/d?x=1&y=", server("u", "p", "h", "d", x="1", y="")),
        ("postgresql://u:p@h/d?", server("u", "p", "h", "d")),
        ("postgresql:///d?host=/run/pg", server(None, None, "", "d", host="/run/pg")),
        # Percent-encoded, as it should be.
        ("postgresql://u:a%40b%3Ac%2Fd%3Fe%23f%25g@h/d", server("u", "a@b:c/d?e#f%g", "h", "d")),
        ("postgresql://u%40e.org:p@h/d%20b", server("u@e.org", "p", "h", "d b")),
        # Not encoded, as people write it.
        ("postgresql://u:a@b@h/d", server("u", "a@b", "h", "d")),
        ("postgresql://u:a:b@h/d", server("u", "a:b", "h", "d")),
        ("postgresql://u:a/b@h/d", server("u", "a/b", "h", "d")),
        ("postgresql://u:a?b@h/d", server("u", "a?b", "h", "d")),
        ("postgresql://u:a#b@h/d", server("u", "a#b", "h", "d")),
        ("postgresql://u:100%sure@h/d", server("u", "100%sure", "h", "d")),
        ("postgresql://u:a@b/c?d=e#f@h/d", server("u", "a@b/c?d=e#f", "h", "d")),
        # Credentials in the query, where libpq takes them too.
        ("postgresql://h/d?user=u&password=p", server("u", "p", "h", "d")),
        ("postgresql://h/d?user=u@e.org&password=p@x", server("u@e.org", "p@x", "h", "d")),
        ("postgresql://u:old@h/d?password=p", server("u", "p", "h", "d")),
        ("postgresql://u:p@h/d?sslcert=a@b", server("u", "p", "h", "d", sslcert="a@b")),
        ("sqlite:////opt/airflow/airflow.db", Dsn("sqlite", "/opt/airflow/airflow.db")),
        ("sqlite:///airflow.db?timeout=5", Dsn("sqlite", "airflow.db")),
    ],
)  # fmt: skip
def test_every_form_that_airflow_takes_is_read(address: str, expected: Dsn) -> None:
    assert parsed(address, "here") == expected


@pytest.mark.parametrize(
    "address",
    [
        "",
        f"host=h user=u password={MARKER}",
        f"u:{MARKER}@h/d",
        f"mysql://u:{MARKER}@h/d",
        f"oracle+cx://u:{MARKER}@h/d",
        f"postgresql+{MARKER}://u:p@h/d",
        f"{MARKER}://u:p@h/d",
        f"postgresql://u:{MARKER}",
        f"postgresql://u:{MARKER}/d",
        f"postgresql://u:{MARKER}@h:port/d",
        f"postgresql://u:{MARKER}@h:99999/d",
        f"postgresql://u:{MARKER}@h:123456/d",
        f"postgresql://u:{MARKER}@h:\N{ARABIC-INDIC DIGIT THREE}/d",
        f"postgresql://u:{MARKER}@h/d/e",
        f"postgresql://u:{MARKER}@h/d#e",
        f"postgresql://u:{MARKER}@h h/d",
        f"postgresql://u:{MARKER}@h/d?{MARKER}",
        f"postgresql://u:{MARKER}@h/d\n{MARKER}",
        f"postgresql://u:{MARKER}@h/d?sslmode=a\npassword={MARKER}",
        f"postgresql://u:a@{MARKER}/x@h:port/d",
        f"postgresql://u:a@{MARKER}?x=1@h:port/d",
        f"postgresql://u:%00{MARKER}@h/d",
        f"postgresql://u:{MARKER}@h/d%00",
        f"postgresql://u:{MARKER}\udcff@h/d",
        f"postgresql://u:{MARKER}@[::1/d",
        f"sqlite://u:{MARKER}@h/d",
        "sqlite://",
        "sqlite:///",
    ],
)
def test_a_form_that_cannot_be_read_is_refused_without_a_piece_of_it(address: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parsed(address, "here")
    message = str(refused.value)
    assert message.startswith("here: ")
    assert not pieces(MARKER) & pieces(message)


def pieces(text: str, length: int = 4) -> set[str]:
    return {text[start : start + length] for start in range(len(text) - length + 1)}


WORDS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20)
HOSTS = st.one_of(
    st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,20}[a-z0-9])?", fullmatch=True, alphabet="az019.-_"),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map("[{}]".format),
)


@given(WORDS, WORDS, HOSTS, st.none() | st.integers(1, 65535), WORDS)
def test_what_is_percent_encoded_comes_back(
    username: str, password: str, host: str, port: int | None, database: str
) -> None:
    login = f"{quote(username, safe='')}:{quote(password, safe='')}"
    where = host if port is None else f"{host}:{port}"
    found = parsed(f"postgresql://{login}@{where}/{quote(database, safe='')}", "here")
    assert found == server(username or None, password, where, database)


@given(WORDS.filter(lambda word: "=" not in word), HOSTS)
def test_a_password_as_it_is_typed_is_read_or_refused_in_silence(password: str, host: str) -> None:
    try:
        found = parsed(f"postgresql://u:{password}@{host}/d", "here")
    except ConfigError as refused:
        assert not pieces(password) & pieces(str(refused).removeprefix("here: "))  # noqa: PT017
    else:
        assert (found.username, found.hosts, found.database) == ("u", host, "d")


@given(st.text(max_size=60))
def test_any_text_at_all_is_an_address_or_a_configuration_error(text: str) -> None:
    for prefix in ("", "postgresql://", "sqlite:///"):
        try:
            found = parsed(prefix + text, "here")
        except ConfigError:
            continue
        assert found.backend in ("postgresql", "sqlite")


@given(st.text("0123456789@:/?#%", min_size=4))
def test_an_address_is_shown_without_its_password(password: str) -> None:
    found = parsed(f"postgresql://u:{quote(password, safe='')}@h:1/d", "here")
    assert found.redacted == "postgresql://u:***@h:1/d"
    assert password not in repr(found)


def test_the_secrets_are_all_spellings_of_the_password() -> None:
    found = parsed("postgresql://u:a%2fb+c%20d@h/d?sslpassword=x%2by", "here")
    assert found.password == "a/b+c d"
    assert {
        "a/b+c d", "a%2fb+c%20d", "a%2Fb%2Bc%20d", "a/b%2Bc%20d", "a%2Fb+c d", "a%2Fb%2Bc+d",
        "x+y", "x%2by", "x%2By",
    } <= set(found.secrets)  # fmt: skip
    assert parsed("postgresql://u@h/d", "here").secrets == ()
