"""Alerts of the exporters themselves: whether what they tell can be trusted."""

from __future__ import annotations

from typing import Final

from exporter import catalogue
from exporter.bundle.alert import Alert, Runbook, Severity
from exporter.bundle.promql import REPLICA, selector
from exporter.catalogue import Kind

_HEALTH: Final = "airflow-exporter-health"
_WORKERS: Final = "airflow-exporter-workers"
_AIRFLOW: Final = "airflow"
_TARGET: Final = ("airflow", "job", "instance")
_OURS: Final = f"and on (airflow, job, instance) {catalogue.BUILD_INFO.name}"
_NAME: Final = "The exporter {{ $labels.instance }} of {{ $labels.airflow }}"
_NAMES: Final = "|".join(
    family.name for family in catalogue.FAMILIES if family.kind is Kind.HISTOGRAM
)
_HISTOGRAMS, _OTHERS = (
    selector(catalogue.SERIES, f'family{matches}"{_NAMES}"') for matches in ("=~", "!~")
)
_ONCE_TOLD: Final = f"last_over_time({catalogue.BUILD_INFO.name}[1d])"

ALERTS: Final = (
    Alert(
        "AirflowExporterDown",
        f"up == 0\nand on (airflow, job, instance) {_ONCE_TOLD}",
        "5m",
        Severity.CRITICAL,
        "An exporter cannot be scraped.",
        f"{_NAME} has not answered for 5 minutes.",
        _HEALTH,
        _TARGET,
        Runbook(
            "Prometheus knows the target, and does not get an answer.",
            "What it tells is missing; alerts that go by it are silent.",
            "Which targets of the job are down.",
            "up == 0",
            "Read its log; ask `/-/healthy` from Prometheus' host; look at network policies, TLS "
            "and passwords.",
        ),
    ),
    Alert(
        "AirflowExporterAbsent",
        f"max without (version, pythonversion, job, {REPLICA}) ({_ONCE_TOLD})\n"
        f"unless on (airflow) {catalogue.BUILD_INFO.name}\n"
        f"or on () absent({catalogue.BUILD_INFO.name})",
        "15m",
        Severity.CRITICAL,
        "No exporter of an installation is scraped.",
        "No exporter of {{ $labels.airflow }} has been scraped for 15 minutes.",
        _HEALTH,
        ("airflow",),
        Runbook(
            "Every exporter of an installation that told something within a day is gone, or none "
            "has ever been scraped.",
            "Nothing is watched: every other alert of the installation is silent.",
            "Whether Prometheus has the targets.",
            f"count by (airflow, job) ({catalogue.BUILD_INFO.name})",
            "Look at Prometheus' page of targets and at its service discovery; start the exporter. "
            "After an installation was removed the alert ends by itself within a day.",
        ),
    ),
    Alert(
        "AirflowExporterCollectorFailing",
        f"{catalogue.COLLECTOR_SUCCESS.name} == 0",
        "10m",
        Severity.WARNING,
        "A collector of an exporter fails.",
        "The collector {{ $labels.collector }} of the exporter {{ $labels.instance }} of "
        "{{ $labels.airflow }} has failed for 10 minutes.",
        _HEALTH,
        _TARGET,
        Runbook(
            "What the collector reads is away, answers too late, or makes no sense.",
            "Its gauges are dropped after a minute; its counters stand still and catch up.",
            "Why it fails.",
            f"increase({catalogue.COLLECTOR_ERRORS.name}[15m]) > 0",
            "Run `airflow-perf-exporter check` with the same settings: it names what is missing "
            "and how to give it.",
        ),
    ),
    Alert(
        "AirflowExporterDataStale",
        f"time() - ({catalogue.COLLECTOR_LAST_SUCCESS.name} > 0) > $sample_age_seconds",
        "5m",
        Severity.WARNING,
        "An exporter's figures are old.",
        "The last good sample of {{ $labels.collector }} of the exporter {{ $labels.instance }} "
        "of {{ $labels.airflow }} was made {{ $value | humanizeDuration }} ago.",
        _HEALTH,
        _TARGET,
        Runbook(
            "The collector was good once and has not been for a while, also where it hangs or "
            "comes back for moments.",
            "Dashboards show what was.",
            "How long its samples take.",
            catalogue.COLLECTOR_DURATION.name,
            "As for a failing collector; one that takes long needs a longer time-out, or a faster "
            "database.",
        ),
    ),
    Alert(
        "AirflowExporterSlowScrape",
        f"scrape_duration_seconds > $scrape_seconds\n{_OURS}",
        "15m",
        Severity.INFO,
        "Scraping an exporter takes long.",
        f"{_NAME} takes {{{{ $value | humanizeDuration }}}} to be scraped.",
        _HEALTH,
        _TARGET,
        Runbook(
            "A scrape sends bytes that are ready, so the time goes into the network, into TLS, or "
            "into very many series.",
            "Scrapes may time out, and the target then counts as down.",
            "How many series there are.",
            "scrape_samples_scraped",
            "Leave out families or DAGs that nobody looks at (`--metrics.disable`, "
            "`--airflow.dag-exclude`), or give the exporter more CPU.",
        ),
    ),
    Alert(
        "AirflowExporterSeriesDropped",
        f"increase({catalogue.SERIES_DROPPED.name}[15m]) > $dropped_series",
        "15m",
        Severity.INFO,
        "An exporter leaves out label sets.",
        "{{ $labels.family }} of the exporter {{ $labels.instance }} of {{ $labels.airflow }} is "
        "above its cap: {{ $value | humanize }} samples were left out or added up in 15 minutes.",
        _HEALTH,
        _TARGET,
        Runbook(
            "A family has more label sets than its cap. Gauges above it are dropped; counters and "
            "histograms are added to `__other__`. Each sample counts, for as long as it lasts.",
            "Some tasks or DAGs have no series of their own.",
            "Which families are large.",
            f"topk(10, {catalogue.SERIES.name})",
            "Exclude DAGs, or raise `--series.max-per-family` or "
            "`--series.max-histogram-children` if Prometheus can bear it.",
        ),
    ),
    Alert(
        "AirflowExporterSeriesNearCap",
        f"({_OTHERS} / $series_cap\nor {_HISTOGRAMS} / $histogram_cap) > $series_cap_ratio",
        "15m",
        Severity.INFO,
        "A family is near its cap of label sets.",
        "{{ $labels.family }} of the exporter {{ $labels.instance }} of {{ $labels.airflow }} "
        "has {{ $value | humanizePercentage }} of its cap of label sets.",
        _HEALTH,
        _TARGET,
        Runbook(
            "The family grows; soon label sets are left out or added up. The thresholds "
            "`series_cap` and `histogram_cap` must say what the exporter's options say.",
            "None yet.",
            "How fast it grows.",
            f"delta({catalogue.SERIES.name}[1d])",
            "Look for DAGs whose ids are made up anew every time, and exclude them; else raise the "
            "cap.",
        ),
    ),
    Alert(
        "AirflowExporterUnattributedProcesses",
        f"{catalogue.TASK_UNATTRIBUTED.name} > $unattributed_processes",
        "15m",
        Severity.WARNING,
        "Task processes cannot be named.",
        f"{_NAME} sees {{{{ $value }}}} task processes whose task it cannot tell.",
        _WORKERS,
        _TARGET,
        Runbook(
            "Processes of Airflow's tasks run on the host, and neither title nor log file nor pod "
            "says which task they are.",
            "Their CPU and memory are in no `task_*` series.",
            "On which hosts.",
            f"{catalogue.TASK_UNATTRIBUTED.name} > 0",
            "The exporter lacks the workers' uid, their PID namespace, or the template of their "
            "log files: `airflow-perf-exporter check` says which.",
        ),
    ),
    Alert(
        "AirflowExporterStateNotPersistent",
        f"{catalogue.STATE_PERSISTENT.name} == 0\n"
        "and on (airflow, job, instance) "
        f"{selector(catalogue.COLLECTOR_SUCCESS, collector=_AIRFLOW)}",
        "15m",
        Severity.WARNING,
        "An exporter's totals are not on the disk.",
        f"{_NAME} counts in memory only.",
        _HEALTH,
        _TARGET,
        Runbook(
            "The exporter that counts tries has no ledger: no `--state.path` was given, or the "
            "disk is full, read-only or broken.",
            "After a restart counters begin at 0, and what finished meanwhile is not counted.",
            "Since when.",
            catalogue.STATE_PERSISTENT.name,
            "Give it `--state.path` on a volume of its own, or make room there; its log says what "
            "is wrong. It writes everything once the disk is back.",
        ),
    ),
    Alert(
        "AirflowExporterConfigReloadFailed",
        f"{catalogue.CONFIG_RELOAD_SUCCESSFUL.name} == 0",
        "5m",
        Severity.WARNING,
        "An exporter goes by an old configuration.",
        f"{_NAME} could not load its configuration.",
        _HEALTH,
        _TARGET,
        Runbook(
            "The last reload found an error, so the settings before it stay.",
            "A change has no effect, and the next start will fail.",
            "Since when the settings are as they are.",
            catalogue.CONFIG_RELOAD_TIMESTAMP.name,
            "The log names the file and the key: correct them and reload.",
        ),
    ),
    Alert(
        "AirflowExporterDuplicated",
        f"count without (backend, version, revision, job, {REPLICA}) "
        f"({catalogue.METADATA_INFO.name}) > $exporters_of_one_airflow",
        "15m",
        Severity.WARNING,
        "Several exporters sample one metadata database.",
        "{{ $value }} exporters tell of {{ $labels.airflow }}.",
        _HEALTH,
        ("airflow",),
        Runbook(
            "Two exporters have the collector `airflow` on and the same target label `airflow`: "
            "one too many, or two installations without names of their own.",
            "Sums in queries of your own double; pushes of rows reach one of the two.",
            "Which they are.",
            catalogue.METADATA_INFO.name,
            "Turn the collector off in all but one (`--no-collector.airflow`), or give each "
            "installation its own label `airflow` in the scrape configuration.",
        ),
    ),
)
