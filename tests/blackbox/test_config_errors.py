# SPDX-License-Identifier: MIT
"""Wrong values of every key: exit status 78 and a line with position, key and allowed values."""

import re

import pytest
from echod_daemon import run_echod

HUGE = 9223372036854775807
DURATION = 'a duration from 1ms to 24h, such as "30s"'
# section.key: (the allowed values as in the message; invalid values)
WRONG = {
    "listen.addresses": (
        "a list of one or more IPv4 or IPv6 addresses",
        [
            '"127.0.0.1"', "[]", '["localhost"]', '["127.0.0.1:8007"]', "[1]", '["127.1"]',
            '[""]', '["::g"]', '["256.0.0.1"]', '["127.0.0.1", 5]', '["[::1]"]', "true", "{}",
            '["127.0.0.1%lo"]', '["fe80::1%"]', '["fe80::1%a/b"]', '["fe80::1%sixteen-letters-"]',
            '["2001:db8::1%eth0"]', '["127.0.0.1\\u0000"]',
        ],
    ),
    "listen.port": (
        "0 to 65535",
        ["-1", "65536", '"8007"', "8007.0", "true", "[8007]", "{}", "8007-01-01", str(HUGE)],
    ),
    "listen.backlog": ("1 to 65535", ["0", "65536", '"4096"', "1e3", "-5"]),
    "listen.missing": ('"retry" or "error"', ['"ignore"', "true", '""']),
    "listen.incoming_cpu": ('"any" or "own"', ['"all"', "0", "true", '""']),
    "limits.max_connections": (
        "1 to 1000000",
        ["0", "-1", "1000001", '"10"', "10.0", "true", "inf", "nan", "4294967297", str(HUGE)],
    ),
    "limits.max_connections_per_ip": ("0 to 1000000", ["-1", "1000001", '"0"', "false"]),
    "limits.ipv6_prefix": ("1 to 128", ["0", "129", "-1", '"64"', "true"]),
    "limits.per_ip_exempt": (
        "a list of at most 256 IPv4 or IPv6 networks",
        [
            '"192.0.2.0/24"', "[1]", '["192.0.2.0/33"]', '["192.0.2.1/24"]', '["localhost"]',
            '["::/129"]', '["fe80::1%lo"]', '["192.0.2.0/"]', '["192.0.2.0/24", 5]', "{}",
            str([f"192.0.2.{n % 256}" for n in range(257)]),
        ],
    ),
    "listen.proxy_protocol": ("\"off\" or \"required\"", ['"on"', "true", "2", '"v2"']),
    "listen.proxy_from": (
        "a list of at most 256 IPv4 or IPv6 networks",
        ['"192.0.2.0/24"', '["192.0.2.1/24"]', '["balancer"]', str(["192.0.2.1"] * 257)],
    ),
    "limits.when_full": (
        '"queue", "reject" or "evict"',
        ['"drop"', '"Queue"', '""', "1", "true", '["queue"]'],
    ),
    "limits.quota_messages": ("1 to 65535", ["0", "-3", "65536", '"ten"', "0.5", "[]"]),
    "limits.unsent_bytes": (
        'a size from 4KiB to 1GiB, such as "128KiB", or "0" for no limit',
        ["-1", "1", "4095", '"4095"', '"2GiB"', '"128K"', '"128 KiB"', '""', "1.5", "true", "[]"],
    ),
    "limits.accepts_per_turn": ("1 to 65535", ["0", "65536", "'64'"]),
    "timeouts.idle": (
        DURATION,
        [
            "30", "1", '"30"', '"30 s"', '"30x"', '"-1s"', '""', '"s"', '"1us"', '"999us"',
            '"25h"', '"1d"', "true", "0.5", '["30s"]', '"1e3s"', '"1m30s"', '"+5s"', '" 5s"',
            '"99999999999999999999999s"', '"0x10s"', '"5S"', '"1..5s"', '".5s"', "07:32:00",
        ],
    ),
    "timeouts.message": (DURATION, ["5", '"24h1s"', '"86400001ms"', "false"]),
    "timeouts.write": (DURATION, ['"forever"', "-1", '"0.0005s"']),
    "timeouts.unacked": (
        "a duration from 1s to 24h",
        ["30", '"999ms"', '"25h"', '"-1s"', "true"],
    ),
    "timeouts.drain": ("a duration from 0s to 1h", ["3", '"2h"', '"61m"', '"never"', '"-0s"']),
    "loop.busy_poll": (
        '"auto", a duration from 1us to 1s, such as "50us", or "0" for off',
        ["50", '"Auto"', '"automatic"', '"999ns"', '"1001ms"', '"-1us"', "true", '""', "[]"],
    ),
    "stats.interval": (
        "a duration from 100ms to 24h",
        ['"99ms"', '"50ms"', "1", '"25h"', '"1"', "true"],
    ),
    "log.level": ('"debug", "info", "warning" or "error"', ['"verbose"', '"INFO"', "3", "[]"]),
    "log.target": ('"auto", "journal" or "stderr"', ['"syslog"', '"/var/log/echod"', "0"]),
}  # fmt: skip
CASES = [(key, value) for key, (_, rejected) in WRONG.items() for value in rejected]


def errors_of(path, text):
    path.write_text(text)
    result = run_echod("--config", path, "--check-config")
    assert result.returncode == 78, f"exit status {result.returncode}: {result.stdout}"
    assert result.stdout == ""
    return result.stderr.splitlines()


@pytest.mark.parametrize("key, value", CASES)
def test_a_wrong_value_is_refused_with_its_position_and_the_allowed_values(tmp_path, key, value):
    section, name = key.split(".")
    path = tmp_path / "wrong.toml"
    lines = errors_of(path, f"# one\n\n  [{section}] # three\n  {name} =  {value}\n")
    assert len(lines) == 1, lines
    where = rf"{re.escape(str(path))}:4:(\d+): "
    expected = where + re.escape(f"{key}: must be {WRONG[key][0]}") + ".*, is .+"
    match = re.fullmatch(expected, lines[0])
    assert match, lines[0]
    columns = {3, 3 + len(name) + 4}  # of the key or of the value
    assert int(match[1]) in columns


def test_every_key_of_the_configuration_has_a_test_here(tmp_path):
    path = tmp_path / "empty.toml"
    path.write_text("")
    printed = run_echod("--config", path, "--print-config").stdout
    keys = []
    for line in printed.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            keys.append(f"{section}.{line.split()[0]}")
    assert set(keys) == set(WRONG)


UNKNOWN = [
    ("[limit]\n", "1:2", "limit: unknown section", "limits"),
    ("[Limits]\n", "1:2", "Limits: unknown section", "limits"),
    ("[limits]\nmax_conections = 3\n", "2:1", "limits.max_conections: unknown key",
     "limits.max_connections"),
    ("[limits]\nmaxconnections = 3\n", "2:1", "limits.maxconnections: unknown key",
     "limits.max_connections"),
    ("[timeouts]\nidel = 3\n", "2:1", "timeouts.idel: unknown key", "timeouts.idle"),
    ("[listen]\naddress = 3\n", "2:1", "listen.address: unknown key", "listen.addresses"),
    ("port = 1\n", "1:1", "port: unknown key", "listen.port"),
    ("[listen]\nmax_connections = 3\n", "2:1", "listen.max_connections: unknown key",
     "limits.max_connections"),
    ("timeout.idle = 3\n", "1:1", "timeout: unknown section", "timeouts"),
]  # fmt: skip


@pytest.mark.parametrize("text, place, what, meant", UNKNOWN)
def test_a_misspelt_key_is_refused_with_a_suggestion(tmp_path, text, place, what, meant):
    path = tmp_path / "near.toml"
    (line,) = errors_of(path, text)
    assert line == f"{path}:{place}: {what}; did you mean {meant}?"


@pytest.mark.parametrize("text", ["colour = 1\n", "[limits]\nsomething_else = 1\n", "[user]\n"])
def test_an_unknown_key_is_refused_without_a_suggestion(tmp_path, text):
    (line,) = errors_of(tmp_path / "far.toml", text)
    assert "unknown" in line
    assert "did you mean" not in line


@pytest.mark.parametrize("text", ["limits = 3\n", '[[limits]]\nwhen_full = "queue"\n', "log = []\n"])
def test_an_unknown_section_is_refused(tmp_path, text):
    (line,) = errors_of(tmp_path / "section.toml", text)
    assert re.search(r":1:\d+: (limits|log): must be a section", line)


@pytest.mark.parametrize(
    "text, place",
    [
        ("[limits\n", "1:8"),
        ("[log]\nlevel = \n", "2:9"),
        ('[log]\nlevel = "info\n', "2:14"),
        ("[limits]\nquota_messages = 1\nquota_messages = 2\n", "3:1"),
        ("[limits]\n[limits]\n", "2:"),
        ("nonsense", "1:"),
        ("[limits]\nquota_messages = 01\n", "2:"),
        ("[limits]\nquota_messages = 99999999999999999999\n", "2:"),
    ],
)
def test_invalid_toml_is_refused_with_its_position(tmp_path, text, place):
    path = tmp_path / "syntax.toml"
    (line,) = errors_of(path, text)
    assert re.match(rf"{re.escape(str(path))}:{place.split(':')[0]}:\d+: not valid TOML: .+", line)


def test_all_errors_of_a_file_are_reported_in_line_order(tmp_path):
    path = tmp_path / "many.toml"
    lines = errors_of(
        path,
        """[limits]
quota_messages = 0
max_connections = "many"
when_ful = "queue"
[timeouts]
idle = 30
[lisen]
[log]
level = "loud"
[stats]
interval = "1ms"
""",
    )
    found = [re.match(rf"{re.escape(str(path))}:(\d+):\d+: ([\w.]+): ", line) for line in lines]
    assert [(int(match[1]), match[2]) for match in found] == [
        (2, "limits.quota_messages"),
        (3, "limits.max_connections"),
        (4, "limits.when_ful"),
        (6, "timeouts.idle"),
        (7, "lisen"),
        (9, "log.level"),
        (11, "stats.interval"),
    ]


def test_a_long_value_is_shortened_in_the_message(tmp_path):
    path = tmp_path / "long.toml"
    (line,) = errors_of(path, f'[log]\nlevel = "{"x" * 5000}"\n')
    assert '"xxxxx' in line
    assert len(line) < 300 + len(str(path))


def test_a_long_value_is_not_cut_within_a_character(tmp_path):
    path = tmp_path / "umlaut.toml"
    for shift in range(4):
        path.write_text(f'[log]\nlevel = "{"a" * shift}{"😀" * 100}"\n', encoding="utf-8")
        result = run_echod("--config", path, "--check-config", errors="surrogateescape")
        assert result.returncode == 78
        result.stderr.encode("utf-8")  # raises if a character was cut


@pytest.mark.parametrize("name", ['"two\\nlines"', '"a\\tb"', '"\\u001b[31mred"', '""', '"{}"'])
def test_an_unprintable_key_gives_one_printable_line(tmp_path, name):
    path = tmp_path / "strange.toml"
    lines = errors_of(path, f"[limits]\n{name} = 1\n")
    assert len(lines) == 1, lines
    assert lines[0].isprintable()


@pytest.mark.parametrize("value", ['"two\\nlines"', '"\\u001b[31mred"', '"\\u0000"', "'''\na\nb'''"])
def test_an_unprintable_value_gives_one_printable_line(tmp_path, value):
    path = tmp_path / "strange.toml"
    lines = errors_of(path, f"[log]\nlevel = {value}\n")
    assert len(lines) == 1, lines
    assert lines[0].isprintable()


def test_a_very_long_key_is_shortened_in_the_message(tmp_path):
    path = tmp_path / "endless.toml"
    (line,) = errors_of(path, f"[limits]\n{'k' * 500_000} = 1\n")
    assert len(line) < 4096
