"""Contents that no kernel writes: any bytes, and the kernel's words in any order."""

from __future__ import annotations

from hypothesis import strategies as st

_TEXT = (
    "anon|total_rss|total_cache|file|inactive_file|oom_kill|usage_usec|nr_periods|some|full|max|-1"
    "| total=|9|18446744073709551615|18446744073709551616|+1|1e9|1_000|0x10|\0|\u0663"
    "|/|..|:|0::|memory|cpu,cpuacct| - cgroup |cgroup2|\\040|\\777|docker-|.scope|a1b2c3d4| |\n"
)
_WORDS = [*_TEXT.encode().split(b"|"), b"\xff\xfe", b"7" * 5000, b"e0" * 32]

SEEDS = st.binary(max_size=60)
"""One draw of bytes makes two contents: thousands of examples have to stay cheap."""


def contents(seed: bytes) -> tuple[bytes, bytes]:
    """Return the bytes themselves, and what they stand for when each one is a word."""
    return seed, b"".join(_WORDS[byte % len(_WORDS)] for byte in seed)
