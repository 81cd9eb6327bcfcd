"""The database is away: at start, ten times in a row, and behind a peer that says nothing."""

from __future__ import annotations

from pathlib import Path
from time import time

from tests.integration.faults.conftest import with_airflow
from tests.integration.faults.watched import HELD, INTERVAL_SECONDS, RECOVERY_SECONDS, Watched
from tests.support.postgres import PostgresServer
from tests.support.tcp_proxy import TcpProxy

END_SECONDS = 2.0
"""The contract: how long the end of the process may take."""


def test_a_database_that_starts_later_is_found(
    own_postgres: PostgresServer, tmp_path: Path
) -> None:
    dsn = own_postgres.create_database("airflow")
    with_airflow(dsn)
    own_postgres.stop()
    with Watched(tmp_path, dsn) as daemon:
        down = daemon.until_down("unavailable")
        assert down.last_success == 0
        assert down.value(HELD) is None
        daemon.process.wait_ready()
        daemon.until_down("unavailable")
        assert daemon.log().count("collector.failed") == 1
        own_postgres.start_again()
        daemon.until_good(RECOVERY_SECONDS)
        assert daemon.log().count("collector.recovered") == 1


def test_a_database_that_crashes_ten_times_is_found_again_each_time(
    own_postgres: PostgresServer, tmp_path: Path
) -> None:
    dsn = own_postgres.create_database("airflow")
    with_airflow(dsn)
    # Of processes and containers that come meanwhile, descriptors would be kept as well.
    alone = ("--no-collector.tasks", "--no-collector.containers")
    with Watched(tmp_path, dsn, *alone) as daemon:
        daemon.until_good()
        threads, descriptors = daemon.threads(), daemon.descriptors()
        for outage in range(1, 11):
            own_postgres.stop("immediate")
            down = daemon.until_down("unavailable")
            assert down.value(HELD) == 0
            own_postgres.start_again()
            daemon.until_good(RECOVERY_SECONDS)
            assert daemon.log().count("collector.recovered") == outage
        # Each sample has a watchdog of its own for a moment, and each scrape a socket.
        assert daemon.threads() <= threads + 1
        assert daemon.descriptors() <= descriptors + 2
        assert daemon.next_scrape().errors("bug") == 0


def test_a_stall_in_the_middle_ends_at_the_deadline_and_heals(
    proxy: TcpProxy, airflow_database: str, tmp_path: Path
) -> None:
    dsn = f"postgresql://postgres@127.0.0.1:{proxy.port}/{airflow_database}"
    with Watched(tmp_path, dsn, "--collector.airflow.timeout", "1s") as daemon:
        daemon.until_good()
        threads = daemon.threads()
        proxy.stall()
        stalled = daemon.until_down("timeout")
        assert stalled.value(HELD) == 0
        # From now on every new connection is stalled, too.
        accepted = proxy.accepted
        proxy.wait_accepted(accepted + 1)
        daemon.until_down("timeout")
        assert daemon.threads() <= threads + 1
        proxy.resume()
        daemon.until_good(RECOVERY_SECONDS)
        assert "the database did not answer within 1 s" in daemon.log()
        assert daemon.next_scrape().errors("bug") == 0


def test_a_peer_that_stalls_from_the_start_does_not_keep_the_daemon_from_being_ready(
    proxy: TcpProxy, airflow_database: str, tmp_path: Path
) -> None:
    proxy.stall()
    dsn = f"postgresql://postgres@127.0.0.1:{proxy.port}/{airflow_database}"
    with Watched(tmp_path, dsn, "--collector.airflow.timeout", "2s") as daemon:
        daemon.until_down("timeout")
        daemon.process.wait_ready()
        proxy.resume()
        daemon.until_good(RECOVERY_SECONDS)


def test_a_stalled_query_does_not_keep_the_process_from_ending(
    proxy: TcpProxy, airflow_database: str, tmp_path: Path
) -> None:
    dsn = f"postgresql://postgres@127.0.0.1:{proxy.port}/{airflow_database}"
    with Watched(tmp_path, dsn, "--collector.airflow.timeout", "60s") as daemon:
        daemon.until_good()
        proxy.stall()
        # Silent for some intervals, and yet far from its deadline: it hangs in the query.
        silent = daemon.until(lambda now: time() - now.last_success > 4 * INTERVAL_SECONDS)
        assert silent.success == 1
        assert daemon.terminate() <= END_SECONDS


def test_a_stalled_connect_does_not_keep_the_process_from_ending(
    proxy: TcpProxy, airflow_database: str, tmp_path: Path
) -> None:
    proxy.stall()
    dsn = f"postgresql://postgres@127.0.0.1:{proxy.port}/{airflow_database}"
    with Watched(tmp_path, dsn, "--collector.airflow.timeout", "60s") as daemon:
        proxy.wait_accepted(1)
        assert daemon.terminate() <= END_SECONDS
