"""The settings in force: what a reload takes over, and what waits for a restart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog

from exporter.clock import Clock
from exporter.config import Settings, options
from exporter.errors import ConfigError
from exporter.insight.baselines.file import baselines
from exporter.logs import Redactor, configure
from exporter.parts import rows

RELOADABLE = frozenset(
    {"log_level", "log_format", "dag_include", "dag_exclude", "team", "default_queue",
     "heartbeat_timeout", "baselines_file", "rows_file", "rows_grace", "rows_xcom"}
)  # fmt: skip
"""Settings that a reload takes over; the others need a restart, and the log says so."""


class InForce:
    """The settings, and what the files say that they name; replaced by one thread, read by all."""

    def __init__(
        self, settings: Settings, again: Callable[[], Settings], redactor: Redactor, clock: Clock
    ) -> None:
        """Read the files; raise ConfigError when one cannot be used. `again` reads the settings."""
        self.settings = settings
        self.baselines = baselines(settings.baselines_file)
        self.rules = rows.rules(settings)
        self.loaded_wall = clock.wall()
        """When all this was read, Unix seconds."""
        self.is_good = True
        """Whether the last reload could be used."""
        self._again = again
        self._redactor = redactor
        self._clock = clock
        self._log = structlog.get_logger("exporter.config")

    def reload(self) -> bool:
        """Take over what can change; return False when a bad file left all as it was."""
        try:
            settings = self._again()
            found = baselines(settings.baselines_file), rows.rules(settings)
        except ConfigError as error:
            self._log.error("config.invalid", error=str(error))
            self.is_good = False
            return False
        fixed = [
            option.flag
            for name, option in options().items()
            if name not in RELOADABLE and getattr(settings, name) != getattr(self.settings, name)
        ]
        changes = {name: getattr(settings, name) for name in RELOADABLE}
        self.settings = replace(self.settings, **changes)
        self.baselines, self.rules = found
        configure(self.settings.log_level, self.settings.log_format, self._redactor)
        self.is_good, self.loaded_wall = True, self._clock.wall()
        self._log.info("config.reloaded", need_restart=fixed)
        return True
