# SPDX-License-Identifier: MIT
"""Command line: options, --check-config, --print-config, failed starts."""

import os
import re
import socket
import tomllib

import pytest
from echod_daemon import ROOT, run_echod

DEFAULTS = ROOT / "config/echod.toml"
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)?")
UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, None: 0}


def check(path):
    return run_echod("--config", path, "--check-config")


def printed(path):
    result = run_echod("--config", path, "--print-config")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout


def values(text):
    """{section.key: value} of a configuration, durations in seconds."""

    def plain(value):
        match = DURATION.fullmatch(value) if isinstance(value, str) else None
        return float(match[1]) * UNITS[match[2]] if match else value

    sections = tomllib.loads(text)
    return {
        f"{section}.{key}": plain(value)
        for section, keys in sections.items()
        for key, value in keys.items()
    }


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_names_every_option_and_the_exit_status(option):
    result = run_echod(option)
    assert result.returncode == 0
    assert result.stderr == ""
    for name in ("--config", "--check-config", "--print-config", "--version", "--help"):
        assert name in result.stdout
    assert "78" in result.stdout


def test_version_is_one_line_on_standard_output():
    result = run_echod("--version")
    assert result.returncode == 0
    assert re.fullmatch(r"echod \d+\.\d+\.\d+\S*\n", result.stdout)
    assert result.stderr == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--no-such-option"],
        ["-x"],
        ["an argument"],
        ["--config"],
        ["--check-config=maybe"],
        ["--config", "/dev/null", "surplus"],
    ],
)
def test_wrong_usage_exits_with_2_and_one_line(arguments):
    result = run_echod(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("echod: ")
    assert "--help" in result.stderr


def test_an_empty_file_name_does_not_mean_the_default():
    # --config "$CONF" with CONF unset.
    result = run_echod("--config", "", "--check-config")
    assert result.returncode in (2, 78), result.stdout


def test_check_config_prints_ok(tmp_path):
    config = tmp_path / "good.toml"
    config.write_text("[limits]\nquota_messages = 3\n")
    result = check(config)
    assert (result.returncode, result.stdout, result.stderr) == (0, f"{config}: ok\n", "")


def test_an_empty_file_means_the_defaults(tmp_path):
    config = tmp_path / "empty.toml"
    config.write_text("")
    assert check(config).returncode == 0
    assert values(printed(config)) == values(DEFAULTS.read_text())


def test_the_installed_file_contains_every_key_with_its_default(tmp_path):
    config = tmp_path / "empty.toml"
    config.write_text("")
    assert check(DEFAULTS).returncode == 0
    assert printed(DEFAULTS) == printed(config)
    assert list(values(DEFAULTS.read_text())) == list(values(printed(config)))


def test_the_installed_file_has_a_comment_above_every_key():
    lines = DEFAULTS.read_text().splitlines()
    for above, line in zip(lines, lines[1:]):
        if re.match(r"\w+ = ", line):
            assert above.startswith("# "), line


@pytest.mark.skipif(os.path.exists("/etc/echod/echod.toml"), reason="there is a default file here")
def test_a_missing_default_file_means_the_defaults():
    result = run_echod("--print-config")
    assert result.returncode == 0
    assert values(result.stdout) == values(DEFAULTS.read_text())
    result = run_echod("--check-config")
    assert result.returncode == 0
    assert "/etc/echod/echod.toml" in result.stdout


def test_the_output_of_print_config_is_read_back_unchanged(tmp_path):
    odd = tmp_path / "odd.toml"
    odd.write_text(
        """
        limits.max_connections = 0x10
        limits . "when_full" = 'evict'
        [limits.ignored]
        """.replace("[limits.ignored]", "")
        + """
        [listen]
        addresses = [ "::",  # a comment
          "127.0.0.1" ]
        port = 0
        backlog = 1_000
        [timeouts]
        idle = "1500ms"
        message = "0.25s"
        write = 0
        unacked = "90s"
        drain = "90s"
        [loop]
        busy_poll = "70us"
        [stats]
        interval = "2m"
        [log]
        level = "debug"
        target = "stderr"
        """
    )
    first = printed(odd)
    again = tmp_path / "again.toml"
    again.write_text(first)
    assert printed(again) == first
    got = values(first)
    assert got["limits.max_connections"] == 16
    assert got["limits.when_full"] == "evict"
    assert got["listen.addresses"] == ["::", "127.0.0.1"]
    assert got["listen.port"] == 0
    assert got["listen.backlog"] == 1000
    assert got["timeouts.idle"] == 1.5
    assert got["timeouts.message"] == 0.25
    assert got["timeouts.write"] == 0
    assert got["timeouts.unacked"] == 90
    assert got["timeouts.drain"] == 90
    assert got["loop.busy_poll"] == 70e-6
    assert got["stats.interval"] == 120
    assert got["log.level"] == "debug"
    assert got["log.target"] == "stderr"
    assert got.keys() == values(DEFAULTS.read_text()).keys()


def test_crlf_line_ends_are_accepted(tmp_path):
    config = tmp_path / "crlf.toml"
    config.write_bytes(b"[limits]\r\nquota_messages = 3\r\n")
    assert values(printed(config))["limits.quota_messages"] == 3


@pytest.mark.parametrize("option", [[], ["--check-config"], ["--print-config"]])
def test_a_missing_named_file_exits_with_78(tmp_path, option):
    missing = tmp_path / "missing.toml"
    result = run_echod("--config", missing, *option)
    assert result.returncode == 78
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith(f"{missing}: ")
    assert result.stdout == ""


@pytest.mark.parametrize("option", [[], ["--check-config"], ["--print-config"]])
def test_an_invalid_file_exits_with_78_with_every_option(tmp_path, option):
    bad = tmp_path / "bad.toml"
    bad.write_text("[limits]\nquota_messages = 0\n")
    result = run_echod("--config", bad, *option)
    assert result.returncode == 78
    assert result.stderr.startswith(f"{bad}:2:")
    assert result.stdout == ""


def make_directory(path):
    path.mkdir()


def make_huge(path):
    path.write_bytes(b"# padding\n" * 104_858)  # just more than 1 MiB


NO_CONFIGURATIONS = {
    "a directory": make_directory,
    "a fifo": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a dangling link": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path),
    "binary": lambda path: path.write_bytes(bytes(range(256)) * 40),
    "nothing but zeros": lambda path: path.write_bytes(bytes(4096)),
    "no utf-8": lambda path: path.write_bytes(b'[log]\nlevel = "\xff\xfe"\n'),
    "too large": make_huge,
    "a socket": lambda path: socket.socket(socket.AF_UNIX).bind(str(path)),
    "nested too deep": lambda path: path.write_text("a = " + "[" * 100_000),
}


@pytest.mark.parametrize("kind", NO_CONFIGURATIONS)
def test_a_path_that_is_no_regular_file_is_refused_by_name(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    path = tmp_path / "odd"
    NO_CONFIGURATIONS[kind](path if kind != "a socket" else path.relative_to(tmp_path))
    result = check(path)
    assert result.returncode == 78
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith(f"{path}:")


def test_a_file_of_exactly_the_largest_size_is_read(tmp_path):
    config = tmp_path / "large.toml"
    setting = b"[limits]\nquota_messages = 3\n"
    config.write_bytes(setting + b"#" * ((1 << 20) - len(setting) - 1) + b"\n")
    assert values(printed(config))["limits.quota_messages"] == 3


def test_a_port_in_use_exits_with_1_and_one_line_that_names_the_address(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = tmp_path / "taken.toml"
        config.write_text(f'[listen]\naddresses = ["127.0.0.1"]\nport = {port}\n')
        result = run_echod("--config", config, "--control", tmp_path / "control")
    assert result.returncode == 1
    errors = [line for line in result.stderr.splitlines() if " error " in line]
    assert len(errors) == 1, result.stderr
    assert f"127.0.0.1:{port}" in errors[0]


@pytest.mark.parametrize("address", ["203.0.113.1", "2001:db8::1"])
def test_an_address_of_another_machine_exits_with_1_and_names_it(tmp_path, address):
    config = tmp_path / "elsewhere.toml"
    config.write_text(f'[listen]\naddresses = ["{address}"]\nport = 0\nmissing = "error"\n')
    result = run_echod("--config", config, "--control", tmp_path / "control")
    assert result.returncode == 1
    errors = [line for line in result.stderr.splitlines() if " error " in line]
    assert len(errors) == 1, result.stderr
    assert address in errors[0]


@pytest.mark.parametrize("option", ["--print-config", "--version", "--help", "--check-config"])
def test_output_that_cannot_be_written_is_a_failure(option):
    with open("/dev/full", "w") as full:
        import subprocess

        from echod_daemon import ECHOD, clean_environment

        result = subprocess.run(
            [ECHOD, "--config", DEFAULTS, option],
            stdout=full,
            stderr=subprocess.PIPE,
            env=clean_environment(),
            timeout=20,
        )
    assert result.returncode == 1


@pytest.mark.parametrize("asking", [["--reload"], ["--status"], ["--stats", "json"]])
@pytest.mark.parametrize("reading", ["--check-config", "--print-config"])
def test_options_that_read_a_file_and_requests_exclude_each_other(asking, reading):
    for arguments in ([reading, *asking], [*asking, reading]):
        result = run_echod(*arguments)
        assert result.returncode == 2
        assert result.stdout == ""
        assert len(result.stderr.splitlines()) == 1


def test_check_config_and_print_config_exclude_each_other():
    assert run_echod("--check-config", "--print-config").returncode == 2
