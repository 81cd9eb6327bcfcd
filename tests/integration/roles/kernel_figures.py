"""What the kernel's own files say of a container, read by the host; and one value of a scrape."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from exporter.kernel.hierarchies import found_hierarchies
from exporter.kernel.parse import field, number

HIERARCHIES = found_hierarchies()


def samples_of(text):
    families = text_string_to_metric_families(text)
    return [sample for family in families for sample in family.samples]


def value(samples, name, **labels):
    """Return the value of the first series that has these labels, None where there is none."""
    return next(
        (
            each.value
            for each in samples
            if each.name == name and labels.items() <= each.labels.items()
        ),
        None,
    )


def cpu_seconds(container_id):
    version, data = _content(container_id, "cpuacct", "cpuacct.usage", "cpu.stat")
    return number(data) / 1e9 if version == 1 else field(data, b"usage_usec") / 1e6


def memory_bytes(container_id):
    return number(_content(container_id, "memory", "memory.usage_in_bytes", "memory.current")[1])


def working_set_bytes(container_id):
    version, data = _content(container_id, "memory", "memory.stat", "memory.stat")
    inactive = field(data, b"total_inactive_file" if version == 1 else b"inactive_file")
    return memory_bytes(container_id) - inactive


def _content(container_id, controller, v1, v2):
    home = HIERARCHIES.at(f"/docker/{container_id}")[controller]
    return home.version, (Path(home.directory) / (v1 if home.version == 1 else v2)).read_bytes()
