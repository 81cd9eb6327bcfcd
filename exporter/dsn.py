"""The address of a database: parsed once, shown without its password, its secrets known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, quote_plus, unquote

from exporter.errors import ConfigError
from exporter.values import HIGHEST_PORT

_POSTGRESQL = frozenset({"postgres", "postgresql"})
_DRIVERS = frozenset({"", "psycopg", "psycopg2", "psycopg2cffi", "asyncpg", "pg8000"})
# No unescaped @ or : in the database: it would be the rest of a password with a @ in it.
_SERVER = re.compile(
    r"(?P<hosts>(?:\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]*)(?::[0-9]{1,5})?"
    r"(?:,(?:\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?)*)"
    r"(?:/(?P<database>[^/?#@:\s]*))?(?:\?(?P<query>(?:\w+=[^@\s]*)?))?"
)
# Only behind one of libpq's words may a query hold an unescaped @, as in ?password=p@ss.
_QUERY = re.compile(
    r"\?(?=(?:user|password|passfile|host|hostaddr|port|dbname|service|options|application_name|"
    r"connect_timeout|client_encoding|target_session_attrs|channel_binding|require_auth|"
    r"ssl[a-z_]+|gss[a-z]+|krbsrvname|keepalives[a-z_]*|tcp_user_timeout)=)"
)
_SPELLED_SECRET = re.compile(r"password=([^&]+)")


@dataclass(frozen=True, slots=True)
class Dsn:
    """A parsed database address; `repr` shows no password."""

    backend: str
    """`postgresql` or `sqlite`."""
    database: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    hosts: str = ""
    """`host:port`, several separated by commas; empty for the local socket."""
    query: Mapping[str, str] = field(default_factory=dict)
    spelled: tuple[str, ...] = field(default=(), repr=False, compare=False)
    """The secrets as the address spells them."""

    @property
    def redacted(self) -> str:
        """The address as it may be shown."""
        if self.backend == "sqlite":
            return f"sqlite:///{self.database}"
        user = f"{quote(self.username)}{':***' if self.password else ''}@" if self.username else ""
        return f"postgresql://{user}{self.hosts}/{self.database}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every spelling of the password that must not be shown in an address."""
        spellings = dict.fromkeys(self.spelled)
        for each in filter(None, (self.password, self.query.get("sslpassword"))):
            # SQLAlchemy keeps the space and the plus sign as they are.
            encoded = (quote(each, safe=""), quote(each), quote(each, safe=" +"), quote_plus(each))
            spellings.update(dict.fromkeys((each, *encoded)))
        return tuple(filter(None, spellings))


@dataclass(frozen=True, slots=True)
class _Server:
    """What stands behind the credentials, still encoded."""

    hosts: str
    database: str
    query: str


def parsed(text: str, origin: str) -> Dsn:
    """Parse an address as Airflow writes it; raise ConfigError without a piece of it."""
    address = text.strip()
    scheme, separator, rest = address.partition("://")
    if not separator:
        message = (
            f"{origin}: not a database URL; expected postgresql://user:password@host:port/database "
            "or sqlite:////path/to/airflow.db"
        )
        raise ConfigError(message)
    backend, _, driver = scheme.lower().partition("+")
    if backend == "sqlite":
        return _sqlite(rest, origin)
    if backend not in _POSTGRESQL or driver not in _DRIVERS:
        message = f"{origin}: the database kind is not supported; PostgreSQL and SQLite are"
        raise ConfigError(message)
    return _postgresql(rest, origin)


def _sqlite(rest: str, origin: str) -> Dsn:
    path = rest.partition("?")[0]
    if not path.startswith("/") or path == "/":
        message = f"{origin}: sqlite needs the path of a file, as in sqlite:////path/to/airflow.db"
        raise ConfigError(message)
    # Three slashes mean a relative path, four an absolute one.
    return Dsn("sqlite", path[1:])


def _postgresql(rest: str, origin: str) -> Dsn:
    credentials, server = _split(rest)
    if server is None:
        message = (
            f"{origin}: the part after the last @ is not host:port/database; percent-encode "
            "special characters of the password"
        )
        raise ConfigError(message)
    if any(int(port) > HIGHEST_PORT for port in re.findall(r":([0-9]+)(?:,|$)", server.hosts)):
        message = f"{origin}: the port must be a number up to {HIGHEST_PORT}"
        raise ConfigError(message)
    username, colon, password = credentials.partition(":")
    query = dict(parse_qsl(server.query, keep_blank_values=True))
    # libpq takes credentials from the query as well; there they would escape redaction.
    user = query.pop("user", None) or unquote(username) or None
    secret = query.pop("password", None) or (unquote(password) if colon else None)
    database = unquote(server.database)
    if not _is_clean((database, user, secret, *query.values())):
        message = f"{origin}: holds a NUL or bytes that are not UTF-8"
        raise ConfigError(message)
    spelled = _SPELLED_SECRET.findall(server.query)
    return Dsn(
        "postgresql",
        database,
        user,
        secret,
        server.hosts,
        query,
        (password, *spelled),
    )


def _is_clean(parts: Iterable[str | None]) -> bool:
    """Tell whether libpq can be given the texts: a NUL would end them, silently."""
    try:
        return b"\0" not in "".join(part or "" for part in parts).encode()
    except UnicodeEncodeError:
        return False


def _split(rest: str) -> tuple[str, _Server | None]:
    """Separate credentials from the server; a password may hold unescaped @ : / ? #."""
    ends = [each.start() for each in _QUERY.finditer(rest)]
    for end in (*ends[:1], len(rest)):
        credentials, _, server = rest[:end].rpartition("@")
        if found := _SERVER.fullmatch(server):
            query = rest[end + 1 :] or found["query"] or ""
            if not re.search(r"\s", query):
                return credentials, _Server(found["hosts"], found["database"] or "", query)
    return "", None
