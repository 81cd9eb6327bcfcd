"""How hard a run of the harness is: sizes, times and how late and how skewed things may be."""

from __future__ import annotations

from dataclasses import dataclass

SCHEMAS = ("3.3", "2.11")


@dataclass(frozen=True, slots=True)
class Settings:
    """One run. Times are in seconds; lag + skew must stay well below the overlap."""

    schema: str
    """Airflow's minor version: 3.3 or 2.11."""
    seed: int
    tries: int
    """Tries to start before no new task instance begins."""
    writers: int = 10
    overlap: float = 12.0
    lag: float = 3.0
    """How long after its stamps a transaction may commit."""
    skew: float = 2.0
    """How far a worker's clock may be off, either way."""
    interval: float = 0.5
    hold: float = 1.0
    calm: tuple[float, float] = (3.0, 8.0)
    """How long nothing is killed or stopped, between two blows."""
    past: int = 300
    """Task instances that were there before the exporter first started."""
    lives: int = 16
    """Task instances that one writer has under way at a time."""
    small_pages: bool = False
    """Let the exporter read a few rows at a time, as in the wake of a long outage."""
    seconds: float = 600.0
    """After this no new task instance begins, whatever was reached."""

    @property
    def long_ago(self) -> float:
        """After this an ended try is forgotten: it is older than twice the overlap."""
        return 2 * self.overlap + self.lag + self.skew + 2 * self.interval


def short(schema: str, seed: int) -> Settings:
    """Return a run of about half a minute: skew, lag and overlap are a quarter of the long form."""
    return Settings(
        schema, seed, tries=400, overlap=3.0, lag=0.8, skew=0.5, calm=(1.0, 3.0), past=100, lives=8,
        seconds=10.0,
    )  # fmt: skip


def long(schema: str, seed: int, tries: int) -> Settings:
    """Return a run at full scale: +-2 s skew, commits up to 3 s late, 12 s of overlap."""
    return Settings(schema, seed, tries=tries, small_pages=seed % 2 == 0)
