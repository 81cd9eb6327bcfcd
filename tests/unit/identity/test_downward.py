"""The downward volume is read whole, again when it changes, and whatever it holds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import SourceUnavailableError
from exporter.identity import downward
from exporter.identity.downward import DownwardVolume, quoted_map

# As the kubelet writes it (FormatMap: sorted, quoted by Go, no newline at the end).
ANNOTATIONS = (
    b'dag_id="etl"\n'
    b'kubernetes.io/config.seen="2026-11-22T07:26:21.198436Z"\n'
    b'note="a\\tb \\"c\\" \\\\ \xc3\xa9 \\u200b\\x00"\n'
    b'task_id="group.load"'
)


def go_quoted(text: str) -> bytes:
    """Quote as Go's strconv.Quote does, as far as it matters: what it escapes, and how."""
    short = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    short |= {"\v": "\\v", '"': '\\"', "\\": "\\\\"}

    def one(char: str) -> str:
        code = ord(char)
        if char in short or char.isprintable():
            return short.get(char, char)
        if code < 0x20 or code == 0x7F:
            return f"\\x{code:02x}"
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

    return ('"' + "".join(map(one, text)) + '"').encode()


def volume(directory: Path, **files: bytes) -> Path:
    """Lay files out as the kubelet does: links into a directory that is swapped as a whole."""
    version = directory / f"..version_{len(list(directory.glob('..version_*')))}"
    version.mkdir()
    for name, content in files.items():
        (version / name).write_bytes(content)
        link = directory / name
        if not link.is_symlink():
            link.symlink_to(Path("..data") / name)
    fresh = directory / "..data_tmp"
    fresh.symlink_to(version.name)
    fresh.rename(directory / "..data")
    return directory


def test_what_go_has_quoted_is_read_back():
    assert dict(quoted_map(ANNOTATIONS)) == {
        "dag_id": "etl",
        "kubernetes.io/config.seen": "2026-11-22T07:26:21.198436Z",
        "note": 'a\tb "c" \\ é \u200b\0',
        "task_id": "group.load",
    }


@given(st.dictionaries(st.from_regex(r"[a-z./_-]{1,20}", fullmatch=True), st.text()))
def test_every_map_survives_gos_quotes(pairs):
    content = b"\n".join(key.encode() + b"=" + go_quoted(value) for key, value in pairs.items())
    assert dict(quoted_map(content)) == pairs


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"dag_id",
        b"dag_id=etl",
        b'dag_id="etl',
        b'dag_id="etl" ',
        b'dag_id="a"b"',
        b'="etl"',
        b'dag id="etl"',
        b'dag_id="\\"',
        b'dag_id="\\q"',
        b'dag_id="\\x4"',
        b'dag_id="\\ud800"',
        b'dag_id="\\U00110000"',
        b'dag_id="\\Uffffffff"',
        b"dag_id='etl'",
    ],
)
def test_a_line_that_is_something_else_is_skipped(line):
    assert list(quoted_map(b'a="1"\n' + line + b'\nb="2"')) == [("a", "1"), ("b", "2")]


@given(
    st.binary()
    | st.lists(st.sampled_from([b'a="', b"\\", b'"', b"\n", b"u", b"U", b"x", b"ff", b"0010"])).map(
        b"".join
    )
)
def test_any_bytes_are_read_without_an_error(content):
    for key, value in quoted_map(content):
        (key + value).encode()


def test_bytes_that_are_no_text_are_replaced():
    assert list(quoted_map(b'a="\\xff\xfe"')) == [("a", "\ufffd\ufffd")]


def test_the_pod_is_told_by_the_volume_and_the_environment(tmp_path):
    volume(tmp_path, annotations=ANNOTATIONS, labels=b'app="airflow"', name=b"pod-1", uid=b"u-1\n")
    pod = DownwardVolume(tmp_path, {"POD_NAMESPACE": "data", "POD_NAME": "by-environment"}).pod()
    assert (pod.namespace, pod.name, pod.uid) == ("data", "by-environment", "u-1")
    assert pod.annotations["task_id"] == "group.load"
    assert pod.labels == {"app": "airflow"}


def test_what_cannot_be_learned_is_none_and_long_values_are_left_out(tmp_path):
    volume(tmp_path, labels=b'app="airflow"\nmanifest="' + b"x" * 251 + b'"')
    pod = DownwardVolume(tmp_path, {}).pod()
    assert (pod.namespace, pod.name, pod.uid, pod.annotations) == (None, None, None, {})
    assert pod.labels == {"app": "airflow"}


def test_a_swapped_volume_is_read_again_and_an_unchanged_one_is_not(tmp_path):
    source = DownwardVolume(volume(tmp_path, annotations=b'dag_id="one"'), {})
    first = source.pod()
    assert source.pod() is first
    volume(tmp_path, annotations=b'dag_id="two"')
    assert source.pod().annotations == {"dag_id": "two"}


def test_a_volume_that_is_not_there_is_a_sentence_until_it_comes(tmp_path):
    source = DownwardVolume(tmp_path / "podinfo", {})
    with pytest.raises(SourceUnavailableError, match="podinfo: no downward API files"):
        source.pod()
    (tmp_path / "podinfo").mkdir()
    volume(tmp_path / "podinfo", annotations=b'dag_id="one"')
    assert source.pod().annotations == {"dag_id": "one"}


def test_a_file_without_an_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(downward, "MAX_BYTES", 20)
    volume(tmp_path, annotations=b'dag_id="one"\n' * 2)
    with pytest.raises(SourceUnavailableError, match="annotations: larger than 20 bytes"):
        DownwardVolume(tmp_path, {}).pod()


@pytest.mark.timeout(10)
def test_a_pipe_or_a_directory_in_a_files_place_is_nothing(tmp_path):
    os.mkfifo(tmp_path / "annotations")
    (tmp_path / "name").mkdir()
    (tmp_path / "labels").write_bytes(b'a="1"')
    pod = DownwardVolume(tmp_path, {}).pod()
    assert (pod.name, pod.annotations, pod.labels) == (None, {}, {"a": "1"})
