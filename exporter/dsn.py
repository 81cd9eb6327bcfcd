"""Where the metadata database is: found like Airflow finds it, parsed once, its secrets known."""

from __future__ import annotations

import configparser
import re
import shlex
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from string import Template
from urllib.parse import parse_qsl, quote, quote_plus, unquote

from exporter import files
from exporter.errors import ConfigError

OWN_VARIABLE = "AIRFLOW_PERF_EXPORTER_AIRFLOW_DSN"
# Airflow before 2.3 kept the connection in the second; later ones still read it.
_AIRFLOW_SECTIONS = ("database", "core")
_AIRFLOW_KEYS = ("sql_alchemy_conn", "sql_alchemy_conn_cmd", "sql_alchemy_conn_secret")
MAX_CONFIGURATION_CHARACTERS = 4 * 1024 * 1024
COMMAND_TIMEOUT_SECONDS = 10.0
HIGHEST_PORT = 65535

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
class DsnFile:
    """The path of a file that holds the address, and where that path was given."""

    path: str
    origin: str = field(compare=False)

    def __str__(self) -> str:
        """Return how sentences name the file."""
        return f"{self.origin} {self.path}"


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


@dataclass(frozen=True, slots=True)
class DsnSource:
    """Where the address comes from, and how to read it again on each reconnect."""

    origin: str
    read: Callable[[], str]
    on_secrets: Callable[[tuple[str, ...]], None]

    def dsn(self) -> Dsn:
        """Read and parse the address; its secrets are told before it is used."""
        found = parsed(self.read(), self.origin)
        self.on_secrets(found.secrets)
        return found


def discovered(
    environ: Mapping[str, str],
    *,
    dsn_file: DsnFile | None,
    airflow_home: Path | None,
    allow_command: bool,
    on_secrets: Callable[[tuple[str, ...]], None],
) -> DsnSource:
    """Find the database's address; raise ConfigError with what to set when there is none."""
    if dsn_file is not None:
        return read_from(dsn_file, on_secrets)
    home = airflow_home or _expanded(environ.get("AIRFLOW_HOME") or "~/airflow", environ)
    # Our own setting goes before Airflow's.
    named = None if airflow_home else environ.get("AIRFLOW_CONFIG")
    configuration = _expanded(named, environ) if named else home / "airflow.cfg"
    for origin, read in _candidates(environ, configuration):
        return DsnSource(origin, _resolved(origin, read, allow_command=allow_command), on_secrets)
    database = home / "airflow.db"
    if _is_file(database):
        return DsnSource(str(database), lambda: f"sqlite:///{database}", on_secrets)
    message = (
        "no Airflow metadata database is configured: set --airflow.dsn-file, "
        f"{OWN_VARIABLE} or AIRFLOW__DATABASE__SQL_ALCHEMY_CONN, or --airflow.home "
        f"(looked in {configuration} and {database})"
    )
    raise ConfigError(message)


def read_from(file: DsnFile, on_secrets: Callable[[tuple[str, ...]], None]) -> DsnSource:
    """Return the address in a file; raise ConfigError where an address is given for the file."""
    if "://" in file.path or "password=" in file.path:
        message = f"{file.origin} takes the path of a file that holds the address"
        raise ConfigError(message)
    return DsnSource(str(file), lambda: _content(file), on_secrets)


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


def _content(file: DsnFile) -> str:
    text = files.content(Path(file.path), file.origin).decode("utf-8", "replace").strip()
    if not text:
        message = f"{file}: is empty"
        raise ConfigError(message)
    return text


def _expanded(text: str, environ: Mapping[str, str]) -> Path:
    """Read a path as Airflow does: variables and ~ are filled in."""
    filled = Template(text).safe_substitute(environ)
    # Not Path.expanduser(), which raises for a uid without an entry, as in containers.
    return Path(re.sub("^~(?=/|$)", lambda _: environ.get("HOME", "").rstrip("/"), filled))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        # Below a directory that is not ours to look into, as another user's home.
        return False


def _candidates(
    environ: Mapping[str, str], configuration: Path
) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield what leads to the address, the nearest first: its origin, and how to read it."""
    # As in Airflow, an address goes before a program that prints it, and that before a secret.
    entries = [(section, key) for key in _AIRFLOW_KEYS for section in _AIRFLOW_SECTIONS]
    for name in (OWN_VARIABLE, *(f"AIRFLOW__{'__'.join(each)}".upper() for each in entries)):
        if environ.get(name):
            yield name, partial(environ.__getitem__, name)
    if _is_file(configuration):
        for section, key in entries:
            read = partial(_entry, configuration, section, key)
            if read():
                yield f"{configuration}: [{section}] {key}", read


def _entry(path: Path, section: str, key: str) -> str:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        with path.open(encoding="utf-8") as stream:
            parser.read_string(stream.read(MAX_CONFIGURATION_CHARACTERS))
    except (configparser.Error, OSError, UnicodeDecodeError):
        # The parser's own text would quote the line, which may hold the password.
        message = f"{path}: cannot be read as an Airflow configuration file"
        raise ConfigError(message) from None
    # Airflow expands %% as its own parser does.
    return parser.get(section, key, fallback="").replace("%%", "%")


def _resolved(origin: str, read: Callable[[], str], *, allow_command: bool) -> Callable[[], str]:
    """Return how to read the address where the setting may only tell who knows it."""
    kind = origin.lower().rpartition("_")[2]
    if kind == "secret":
        message = (
            f"{origin} names an entry of Airflow's secrets backend, which only Airflow "
            f"can read: give the address by --airflow.dsn-file or {OWN_VARIABLE}"
        )
        raise ConfigError(message)
    if kind == "cmd" and not allow_command:
        message = f"{origin} names a program: allow it with --airflow.allow-dsn-command"
        raise ConfigError(message)
    return (lambda: _output(read(), origin)) if kind == "cmd" else read


def _output(command: str, origin: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - Airflow's own setting, run only where the user allows it
            shlex.split(command), capture_output=True, timeout=COMMAND_TIMEOUT_SECONDS, check=True
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        message = f"{origin}: the program failed ({type(error).__name__})"
        raise ConfigError(message) from None
    return done.stdout[: files.MAX_BYTES].decode("utf-8", "replace")
