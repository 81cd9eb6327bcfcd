"""Tests of the settings: where each comes from, and what is said of a bad one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import config
from exporter.config import Settings, loaded
from exporter.errors import ConfigError
from exporter.web.routes import require_free

FLAGS = st.sampled_from(sorted(config.options()))


def from_file(tmp_path: Path, text: str, **flags: str | list[str]) -> Settings:
    file = tmp_path / "exporter.yml"
    file.write_text(text)
    return loaded({"config_file": str(file), **flags}, {})


def refusal(tmp_path: Path, text: str | bytes) -> str:
    file = tmp_path / "exporter.yml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigError) as refused:
        loaded({"config_file": str(file)}, {})
    message = str(refused.value)
    assert str(file) in message
    assert "\n" not in message
    return message.replace(str(file), "FILE")


@pytest.mark.parametrize(
    ("prefix", "taken"),
    [("task", "task_memory_usage_bytes"), ("airflow_container", None), ("container", None)],
)
def test_a_prefix_that_would_take_another_familys_name_is_refused(prefix, taken):
    flags = {"metric_prefix": prefix}
    if taken is None:
        assert loaded(flags, {}).metric_prefix == prefix
    else:
        with pytest.raises(ConfigError, match=f"--containers.metric-prefix: '{prefix}'.*{taken}"):
            loaded(flags, {})


def test_without_anything_every_setting_has_its_default() -> None:
    assert loaded({}, {}) == Settings()
    assert Settings().airflow_interval == 5.0


def test_a_flag_wins_over_a_variable_and_a_variable_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "exporter.yml"
    file.write_text("log: {level: error}\nseries: {hold: 1s}\nweb: {max-requests: 7}\n")
    environ = {
        "AIRFLOW_PERF_EXPORTER_CONFIG_FILE": str(file),
        "AIRFLOW_PERF_EXPORTER_LOG_LEVEL": "debug",
        "AIRFLOW_PERF_EXPORTER_SERIES_HOLD": "2s",
    }
    settings = loaded({"log_level": "warning"}, environ)
    assert settings.log_level == "warning"
    assert settings.hold == 2.0
    assert settings.max_requests == 7
    assert settings.airflow_timeout == 5.0


def test_an_empty_variable_is_none_and_what_kubernetes_injects_is_left_alone() -> None:
    # For services that are named like us, or nearly.
    service = "AIRFLOW_PERF_EXPORTER"
    environ = {
        "AIRFLOW_PERF_EXPORTER_LOG_LEVEL": "",
        "AIRFLOW_PERF_EXPORTER_LOG_LEVL": "",
        "AIRFLOW_PERF_EXPORTER_AIRFLOW_DSN": "sqlite:////airflow.db",
        f"{service}_SERVICE_HOST": "10.0.0.1",
        f"{service}_SERVICE_PORT": "10112",
        f"{service}_SERVICE_PORT_METRICS": "10112",
        f"{service}_PORT": "tcp://10.0.0.1:10112",
        f"{service}_PORT_10112_TCP": "tcp://10.0.0.1:10112",
        f"{service}_PORT_10112_TCP_PROTO": "tcp",
        f"{service}_PORT_10112_TCP_PORT": "10112",
        f"{service}_PORT_10112_TCP_ADDR": "10.0.0.1",
        f"{service}_METRICS_PORT": "tcp://10.0.0.1:10112",
        f"{service}_METRICS_SERVICE_HOST": "10.0.0.1",
    }
    assert loaded({}, environ) == Settings()
    assert list(config.unknown_variables(environ)) == []


def test_a_variable_that_sets_nothing_is_told_with_the_one_that_may_be_meant() -> None:
    environ = {
        "AIRFLOW_PERF_EXPORTER_LISTEN_ADDRESS": ":1",
        "AIRFLOW_PERF_EXPORTER_LOG_LEVL": "SECRET",
        "AIRFLOW_PERF_EXPORTER_XYZ": "SECRET",
        "AIRFLOW_HOME": "/airflow",
    }
    assert list(config.unknown_variables(environ)) == [
        "AIRFLOW_PERF_EXPORTER_LISTEN_ADDRESS: no such setting; "
        "did you mean AIRFLOW_PERF_EXPORTER_WEB_LISTEN_ADDRESS?",
        "AIRFLOW_PERF_EXPORTER_LOG_LEVL: no such setting; "
        "did you mean AIRFLOW_PERF_EXPORTER_LOG_LEVEL?",
        "AIRFLOW_PERF_EXPORTER_XYZ: no such setting",
    ]
    assert loaded({}, environ) == Settings()


@given(FLAGS)
def test_every_flag_has_one_variable_and_one_key(name: str) -> None:
    option = config.options()[name]
    assert option.variable.startswith("AIRFLOW_PERF_EXPORTER_")
    assert option.variable.isascii()
    assert option.variable.replace("_", "").isalnum()
    others = [each for other, each in config.options().items() if other != name]
    assert option.variable not in {each.variable for each in others}
    assert option.key not in {each.key for each in others}


def test_the_file_takes_the_flags_keys_nested(tmp_path: Path) -> None:
    settings = from_file(
        tmp_path,
        """
        state: {path: /var/lib/exporter}
        web:
          listen-address: [":1", "127.0.0.1:2"]
        airflow:
          dag-include: "a.*"
          schema: 010
        metrics: {disable: airflow_dag_info}
        collector: {airflow: {timeout: 1500ms}}
        series:
        log: {level: ~, format: null}
        """,
    )
    assert settings.state_path == Path("/var/lib/exporter")
    assert settings.listen_address == (":1", "127.0.0.1:2")
    assert settings.dag_include is not None
    assert settings.dag_include.fullmatch("abc")
    assert settings.airflow_schema == "010"
    assert settings.disabled == ("airflow_dag_info",)
    assert settings.airflow_timeout == 1.5
    assert (settings.log_level, settings.log_format) == ("info", None)


def test_a_repeatable_setting_takes_commas_in_its_variable() -> None:
    environ = {"AIRFLOW_PERF_EXPORTER_WEB_LISTEN_ADDRESS": ":1, [::1]:2,"}
    assert loaded({}, environ).listen_address == (":1", "[::1]:2")
    assert loaded({"listen_address": [":3", ":4"]}, environ).listen_address == (":3", ":4")


@pytest.mark.parametrize("empty", ["[]", "['']", "','"])
def test_an_address_that_is_empty_is_refused(tmp_path: Path, empty: str) -> None:
    for key, more in (("listen-address", ""), ("intake-address", ", enable-intake: on")):
        message = refusal(tmp_path, f"web: {{{key}: {empty}{more}}}")
        assert message.endswith(f"web.{key}: needs an address")
    with pytest.raises(ConfigError, match=r"^--web\.listen-address: needs an address$"):
        loaded({"listen_address": [""]}, {})
    with pytest.raises(ConfigError, match=r"^AIRFLOW_PERF_EXPORTER_WEB_LISTEN_ADDRESS: needs an"):
        loaded({}, {"AIRFLOW_PERF_EXPORTER_WEB_LISTEN_ADDRESS": ","})


def test_an_address_may_be_empty_where_it_is_not_used(tmp_path: Path) -> None:
    text = "web: {listen-address: [], systemd-socket: on, intake-address: []}"
    found = from_file(tmp_path, text)
    assert (found.listen_address, found.intake_address) == ((), ())


def test_users_are_told_by_name_or_id() -> None:
    assert loaded({"task_users": ["root", "50000"]}, {}).task_users == (0, 50000)


@pytest.mark.parametrize("text", ["true", "True", "yes", "on", "1"])
def test_a_collector_is_switched_beside_its_settings_by_enabled(tmp_path: Path, text: str) -> None:
    for wanted, value in ((True, text), (False, "false")):
        settings = from_file(
            tmp_path, f"collector:\n  airflow:\n    enabled: {value}\n    interval: 7s\n"
        )
        assert settings.airflow is wanted
        assert settings.airflow_interval == 7.0
        assert from_file(tmp_path, f"collector: {{airflow: {value}}}").airflow is wanted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500ms", 0.5), ("5s", 5.0), ("1.5m", 90.0), ("2h", 7200.0), ("7d", 604800.0), ("3", 3.0),
        (" 4s ", 4.0), ("3650d", 315360000.0),
    ],
)  # fmt: skip
def test_durations_are_read_with_their_unit(text: str, expected: float) -> None:
    assert loaded({"airflow_interval": text}, {}).airflow_interval == expected


def test_only_the_hold_may_be_zero() -> None:
    assert loaded({"hold": "0"}, {}).hold == 0.0
    with pytest.raises(ConfigError, match="at least 100ms"):
        loaded({"airflow_interval": "0"}, {})


@pytest.mark.parametrize(
    ("name", "text", "allowed"),
    [
        ("airflow_interval", "5 parsecs", "a duration such as 500ms, 5s, 1m, 2h or 7d"),
        ("airflow_interval", "-1s", "a duration such as"),
        ("airflow_interval", "nan", "a duration such as"),
        ("airflow_interval", "99ms", "a duration of at least 100ms"),
        ("airflow_interval", "3651d", "a duration of at most 3650d"),
        ("hold", "9" * 400, "a duration of at most 3650d"),
        ("log_level", "loud", "one of debug, info, warning, error"),
        ("log_format", "xml", "one of console, json"),
        ("max_requests", "-1", "a whole number"),
        ("max_requests", "1.5", "a whole number"),
        ("max_requests", "9" * 5000, "a whole number of at most 15 digits"),
        ("max_requests", "\N{ARABIC-INDIC DIGIT THREE}", "a whole number"),
        ("hold", "\N{ARABIC-INDIC DIGIT THREE}s", "a duration such as"),
        ("hold", "1.\N{FULLWIDTH DIGIT THREE}s", "a duration such as"),
        ("telemetry_path", "metrics", "a free path such as /metrics"),
        ("telemetry_path", "//x", "a free path"),
        ("telemetry_path", "/a?b", "a free path"),
        ("telemetry_path", "/healthz", "a free path"),
        ("telemetry_path", "/-/ready", "a free path"),
        ("airflow", "maybe", "true or false"),
        ("dag_include", "(", "a regular expression"),
        ("dag_include", "a{99999999999999999999}", "a regular expression"),
        ("dag_include", "(" * 5000 + ")" * 5000, "a regular expression"),
        ("disabled", "no_such_family", "the name of an exported metric family"),
        ("task_users", "no such user", "the name or id of a user"),
        ("task_users", "-1", "the name or id of a user"),
    ],
)
def test_a_bad_value_is_told_with_its_origin_and_what_is_allowed(
    name: str, text: str, allowed: str
) -> None:
    option = config.options()[name]
    origins = (
        (option.flag, {name: [text] if option.repeatable else text}, {}),
        (option.variable, {}, {option.variable: text}),
    )
    for origin, flags, environ in origins:
        with pytest.raises(ConfigError) as refused:
            loaded(flags, environ)
        message = str(refused.value)
        assert message.startswith(f"{origin}: ")
        assert f"is not {allowed}" in message
        assert len(message) < 400


def test_a_bad_value_in_the_file_is_told_with_the_file_and_the_key(tmp_path: Path) -> None:
    assert refusal(tmp_path, "collector: {airflow: {interval: soon}}") == (
        "FILE: collector.airflow.interval: 'soon' is not a duration such as 500ms, 5s, 1m, 2h or 7d"
    )
    assert refusal(tmp_path, "log: {level: [debug, info]}") == (
        "FILE: log.level: takes one value, not a list"
    )


def test_a_switch_beside_its_settings_is_told_by_its_whole_key(tmp_path: Path) -> None:
    for value, wrong in (
        ("maybe", ": 'maybe' is not true or false"),
        ("[true]", ": takes one value, not a list"),
        ("{interval: 5s}", ".interval: no such setting"),
    ):
        message = refusal(tmp_path, f"collector: {{airflow: {{enabled: {value}}}}}")
        assert message == f"FILE: collector.airflow.enabled{wrong}"


def test_what_is_refused_only_where_it_is_used_knows_its_origin(tmp_path: Path) -> None:
    texts = {"listen_address": ":1", "dsn_file": "dsn", "airflow_schema": "public"}
    file = tmp_path / "exporter.yml"
    file.write_text("web: {listen-address: [':1']}\nairflow: {dsn-file: dsn, schema: public}\n")
    for name, text in texts.items():
        option = config.options()[name]
        for origin, settings in (
            (option.flag, loaded({name: text}, {})),
            (option.variable, loaded({}, {option.variable: text})),
            (f"{file}: {'.'.join(option.key)}", loaded({"config_file": str(file)}, {})),
        ):
            value = getattr(settings, name)
            assert (value[0] if option.repeatable else value).origin == origin


@given(st.text("/-.healtyrdzmics?#% \n", max_size=10).map("/{}".format))
def test_a_telemetry_path_that_is_taken_can_be_served(path: str) -> None:
    try:
        loaded({"telemetry_path": path}, {})
    except ConfigError:
        return
    require_free(path)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("colector: {airflow: true}", "colector"),
        ("collector: {airlfow: true}", "collector.airlfow"),
        ("log: {level: {of: debug}}", "log.level.of"),
        ("log: {level: {enabled: debug}}", "log.level.enabled"),
        ("enabled: true", "enabled"),
        ("config: {file: other.yml}", "config"),
        ("airflow: {dsn: postgresql://u:secret@h/d}", "airflow.dsn"),
        ("unset:", "unset"),
        ("empty: {}", "empty"),
        ("<<: {log: {level: debug}}", "<<"),
    ],
)
def test_an_unknown_key_is_an_error(tmp_path: Path, text: str, key: str) -> None:
    message = refusal(tmp_path, text)
    assert message.startswith(f"FILE: {key}")
    assert "no such setting" in message
    assert "secret" not in message


@pytest.mark.parametrize("text", ["- a", "text", "[]", "web: 5", "web: [a]"])
def test_what_holds_no_settings_by_name_is_an_error(tmp_path: Path, text: str) -> None:
    assert refusal(tmp_path, text).endswith("must hold settings by name")


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: b: c", 1), ("log:\n  level: 'x", 2), ("a: 1\n---\nb: 2", 2), ("log:\n\tlevel: x", 2)],
)
def test_what_is_no_yaml_is_told_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    assert f"is not valid YAML near line {line}" in refusal(tmp_path, text)


def test_a_key_that_is_given_twice_is_an_error(tmp_path: Path) -> None:
    message = refusal(tmp_path, "log: {level: debug}\nlog: {format: json}\n")
    assert "a key is given twice" in message


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    for text in ("", "# nothing\n", "---\n", "~", "{}"):
        settings = from_file(tmp_path, text)
        assert settings.log_level == "info"


def test_a_file_that_is_none_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path, wrong in (
        (tmp_path / "missing", "no such file"),
        (tmp_path, "not a regular file"),
        (tmp_path / "fifo", "not a regular file"),
        (Path("/dev/zero"), "not a regular file"),
    ):
        variable = "AIRFLOW_PERF_EXPORTER_CONFIG_FILE"
        for origin, flags, environ in (
            ("--config.file", {"config_file": str(path)}, {}),
            (variable, {}, {variable: str(path)}),
        ):
            with pytest.raises(ConfigError, match=f"^{origin} {path}: {wrong}$"):
                loaded(flags, environ)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "exporter.yml"
    with file.open("wb") as stream:
        stream.truncate(1024**3)
    with pytest.raises(ConfigError, match="larger than 65536 bytes"):
        loaded({"config_file": str(file)}, {})


_LAUGHS = "\n".join(
    ["a0: &a0 [lol, lol]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
)
_MERGES = "\n".join(
    ["a0: &a0 {x: 1}"]
    + [f"a{n}: &a{n}\n  <<: [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
)


@pytest.mark.parametrize("text", [_LAUGHS, _MERGES, "log: &a {level: *a}", "a: &a [*a]"])
def test_yaml_that_grows_without_bound_is_refused_before_it_does(tmp_path: Path, text: str) -> None:
    assert "aliases (&, *) are not allowed" in refusal(tmp_path, text)


@pytest.mark.parametrize("text", ["[" * 60_000, "{a: " * 15_000, "- " * 30_000])
def test_yaml_that_is_nested_without_end_is_refused(tmp_path: Path, text: str) -> None:
    message = refusal(tmp_path, text)
    assert "nested too deeply" in message


@pytest.mark.parametrize(
    "text",
    [
        b"\xff\xfe\x00",
        bytes(range(256)),
        b"log: {level: 2000-99-99}",
        b"log: {level: " + b"9" * 20_000 + b"}",
        b'!!python/object/apply:os.system ["true"]',
        b"log: {level: !!binary x}",
        b"? [a, b]\n: c",
    ],
)
def test_yaml_that_trips_its_reader_is_one_sentence(tmp_path: Path, text: bytes) -> None:
    assert len(refusal(tmp_path, text)) < 300


@given(
    st.binary(max_size=200) | st.text("lognevweb:{}[]&*!?|>-#'\"\n ,", max_size=60).map(str.encode)
)
def test_any_file_at_all_is_settings_or_a_configuration_error(
    tmp_path_factory: pytest.TempPathFactory, text: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yml"
    file.write_bytes(text)
    try:
        loaded({"config_file": str(file)}, {})
    except ConfigError as refused:
        assert "any.yml" in str(refused)  # noqa: PT017 - most texts are refused, not all
