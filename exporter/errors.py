"""The errors that parts of the exporter raise on purpose."""


class ExporterError(Exception):
    """Base of every error that is raised on purpose; its text is one sentence without secrets."""


class ConfigError(ExporterError):
    """The configuration cannot be used: the process must not start (exit status 2)."""


class SourceUnavailableError(ExporterError):
    """What a collector reads is away and is expected to heal."""


class SourceTimeoutError(SourceUnavailableError):
    """What a collector reads did not answer in time."""


class RejectedError(ExporterError):
    """What was handed to us is wrong; nothing of it was taken."""
