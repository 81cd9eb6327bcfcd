"""Stand-ins for the images that the Compose file names, with what it relies on of each."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.integration.deploy.root import Root
from tests.support.docker_engine import DockerEngine
from tests.support.postgres import postgres_binaries

POSTGRES = "postgres-of-the-machine:test"
PROMETHEUS = "prometheus-of-the-machine:test"
_DATA = "/var/lib/postgresql/data"
# The official image's contract, as far as it is made use of: POSTGRES_* and a first start.
_ENTRYPOINT = """\
#!/bin/sh
set -e
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb -D "$PGDATA" -U "$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" \
        -A scram-sha-256 -E UTF8 --locale=C --no-sync
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    echo "CREATE DATABASE $POSTGRES_DB" | postgres --single -D "$PGDATA" postgres
fi
exec postgres -D "$PGDATA" -c "listen_addresses=*" -c fsync=off
"""


def import_postgres(engine: DockerEngine, directory: Path) -> None:
    """Make the image POSTGRES of the binaries that the tests have."""
    binaries = postgres_binaries()
    assert binaries is not None
    package = binaries.parents[1]
    settings = (
        f"ENV PATH={binaries}:/bin",
        f"ENV PGDATA={_DATA}",
        "USER 999:999",
        'ENTRYPOINT ["/entrypoint"]',
    )
    with Root(engine, POSTGRES, directory / "postgres.tar", *settings) as root:
        # The programs find share/ beside bin/, and libpq in the wheel's .libs.
        for tree in (binaries.parent, package.with_name(f"{package.name}.libs")):
            root.add(tree)
        programs = [*binaries.iterdir(), *binaries.parent.rglob("*.so")]
        root.libraries(programs, (str(package),))
        root.shell("cat")
        root.file("etc/passwd", "postgres:x:999:999::/:/bin/sh\n")
        root.file("entrypoint", _ENTRYPOINT, 0o755)
        root.directory("tmp", 0o1777)
        root.directory(_DATA.lstrip("/"), 0o700, owner=999)


def import_prometheus(engine: DockerEngine, directory: Path) -> None:
    """Make the image PROMETHEUS of Debian's package."""
    program = Path(shutil.which("prometheus") or "")
    settings = (
        "USER 65534:65534",
        'ENTRYPOINT ["/bin/prometheus"]',
        'CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]',
    )
    with Root(engine, PROMETHEUS, directory / "prometheus.tar", *settings) as root:
        root.add(program, "bin/prometheus")
        root.libraries([program])
        root.directory("etc/prometheus")
        root.directory("prometheus", owner=65534)
