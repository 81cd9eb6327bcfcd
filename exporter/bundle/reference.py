"""The reference pages: every metric and every option, written from their declarations."""

from __future__ import annotations

from collections.abc import Iterable

from exporter import catalogue, config
from exporter.catalogue import Family, Kind
from exporter.config import Option

_MADE = "<!-- Written by `make docs` from the code: edit the code. -->\n"
_TITLES = {
    "airflow": "Airflow",
    "tasks": "Tasks",
    "containers": "Containers",
    "rows": "Rows",
    catalogue.BASELINES: "Baselines",
    catalogue.SELF: "About the exporter itself",
}


def pages() -> dict[str, str]:
    """Return the text of each page by its file name."""
    return {"metrics.md": _metrics(), "options.md": _options()}


def _metrics() -> str:
    parts = [
        "# Metrics\n",
        _MADE,
        "Documented families keep their name and labels for good; the others may still change, "
        "with a note in the changelog.\n"
        "A label whose value is unknown is left out.\n"
        "Label values are cut at 256 bytes, with a hash of the whole.\n",
    ]
    for collector, title in _TITLES.items():
        families = [each for each in catalogue.FAMILIES if each.collector == collector]
        parts.append(f"## {title}\n")
        parts.append(_table(("metric", "kind", "labels", "meaning"), map(_row, families)))
    return "\n".join(parts)


def _row(family: Family) -> tuple[str, ...]:
    labels = ", ".join(f"`{label}`" for label in family.labels) or "-"
    meaning = family.help
    if family.kind is Kind.HISTOGRAM:
        bounds = " ".join(f"{bound:g}" for bound in family.buckets)
        meaning += f" Buckets: {bounds}."
    mark = " **D**" if family.stability is catalogue.Stability.DOCUMENTED else ""
    return (f"`{family.name}`{mark}", family.exposed_type, labels, meaning)


def _options() -> str:
    rows = [_option_row(name, option) for name, option in config.options().items()]
    return "\n".join(
        [
            "# Options\n",
            _MADE,
            "A flag wins over its variable, that over the configuration file, that over Airflow's "
            "own settings, those over the default.\n"
            "The file is YAML with the same keys, nested: `web: {telemetry-path: /metrics}`; the "
            "switch of a section that has settings of its own is its `enabled` key.\n"
            "The database's address has no flag of its own, for it holds a password: see "
            "[airflow.md](airflow.md).\n",
            _table(("flag", "variable", "default", "meaning"), rows),
        ]
    )


def _option_row(name: str, option: Option) -> tuple[str, ...]:
    flag = option.flag if option.is_switch else f"{option.flag} {option.metavar}"
    shown = config.shown(config.default(name))
    return (f"`{flag}`", f"`{option.variable}`", f"`{shown}`" if shown else "-", option.help)


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [" | ".join(header), "|".join(["---"] * len(header)).replace("|", " | ")]
    lines += [" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows]
    return "".join(f"| {line} |\n" for line in lines)
