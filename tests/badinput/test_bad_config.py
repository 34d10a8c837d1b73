# SPDX-License-Identifier: MIT
"""Invalid configuration files: exit status 78, and one printable line with the position.

Wrong values and misspelt keys are tested in tests/blackbox/test_config_errors.py.
"""

import os

import pytest
from refusal import CONFIG, run_echod

WHOLE_FILES = {
    "a key above all sections": ("port = 1\n", ":1:1: port: unknown key"),
    "a key in another's section": ("[log]\nport = 1\n", "did you mean listen.port?"),
    "a dotted key too deep": ("limits.a.b = 1\n", "limits.a: unknown key"),
    "a key with a line break": ('"a\\nb" = 1\n', ":1:1: "),
    "a key that colours terminals": ('"\\u001b[31m" = 1\n', ":1:1: "),
    "a value with a line break": ('[log]\nlevel = "a\\nb"\n', ":2:9: log.level"),
    "a zero in an address": ('[listen]\naddresses = ["::1\\u0000x"]\n', ":2:13: listen.addresses"),
    "a value of many lines": ('[log]\nlevel = """a\nb\nc"""\n', ":2:9: log.level"),
    "a value that colours terminals": ('[log]\nlevel = "\\u001b[31m"\n', ":2:9: log.level"),
    "a value cut within a character": ('[log]\nlevel = "' + "ä" * 200 + '"\n', ":2:9: log.level"),
    "no equals sign": ("[log]\nlevel\n", ":2:"),
    "two values": ("[log]\nlevel = 'info' 'info'\n", ":2:"),
    "an open string to the end": ('[log]\nlevel = "info', ":2:"),
    "an open list": ('[listen]\naddresses = ["::1",\n', ":"),
    "an empty section": ("[]\n", ":1:"),
    "a bad escape": ('[log]\nlevel = "\\q"\n', ":2:"),
    "a surrogate": ('[log]\nlevel = "\\ud800"\n', ":2:"),
    "a number with letters": ("[listen]\nport = 80a\n", ":2:"),
    "yaml": ("log:\n  level: info\n", ":1:"),
    "ini with semicolons": ("; comment\n[log]\n", ":1:"),
    "json": ('{"log": {"level": "info"}}\n', ":1:"),
    "xml": ("<log/>\n", ":1:"),
    "a shell script": ("#!/bin/sh\nexit 0\n", ":2:"),
    "brackets without end": ("a = " + "[" * 5000 + "\n", ":1:"),
    "tables without end": ("a = " + "{a=" * 5000 + "\n", ":1:"),
}
BINARIES = {
    "zeros": bytes(100),
    "a zero in a key": b"[log]\nle\0vel = 'info'\n",
    "bytes that are no UTF-8": b"[log]\nlevel = '\xff\xfe'\n",
    "UTF-16": "[log]\nlevel = 'info'\n".encode("utf-16"),
    "an ELF file": b"\x7fELF\x02\x01\x01" + bytes(range(256)),
    "a carriage return": b"[log]\rlevel = 'info'\r",
    "a form feed": b"[log]\n\x0clevel = 'info'\n",
}


@pytest.mark.parametrize(("text", "place"), WHOLE_FILES.values(), ids=WHOLE_FILES)
def test_an_invalid_file_is_refused_with_the_position(tmp_path, text, place):
    path = tmp_path / "echod.toml"
    path.write_text(text)
    status, lines, output = run_echod("--config", path)
    assert (status, output) == (CONFIG, "")
    assert len(lines) == 1, lines
    assert lines[0].startswith(f"{path}:")
    assert place in lines[0]


@pytest.mark.parametrize("data", BINARIES.values(), ids=BINARIES)
def test_a_binary_file_is_refused(tmp_path, data):
    path = tmp_path / "echod.toml"
    path.write_bytes(data)
    status, lines, output = run_echod("--config", path)
    assert (status, output) == (CONFIG, "")
    assert len(lines) == 1, lines
    assert lines[0].startswith(f"{path}:")


def test_all_errors_of_a_file_are_reported_up_to_a_limit(tmp_path):
    path = tmp_path / "echod.toml"
    path.write_text("[limits]\n" + "".join(f"k{i} = 1\n" for i in range(20_000)))
    status, lines, _ = run_echod("--config", path)
    assert status == CONFIG
    assert 10 < len(lines) < 200
    assert all(line.startswith(f"{path}:") for line in lines)
    assert "more" in lines[-1]


def test_a_path_below_a_file_is_reported_with_the_reason(tmp_path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "echod.toml"
    assert run_echod("--config", path) == (
        CONFIG,
        [f"{path}: cannot be opened: ENOTDIR (Not a directory)"],
        "",
    )


def test_a_file_of_100_megabytes_is_not_read(tmp_path):
    path = tmp_path / "echod.toml"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    status, lines, output = run_echod("--config", path)
    assert (status, output) == (CONFIG, "")
    assert lines == [f"{path}: must be at most 1048576 bytes, is 100000000"]


def test_a_file_without_permission_is_reported_with_the_reason(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can change to another user")
    tmp_path.chmod(0o755)
    for directory in tmp_path.parents:
        if directory.stat().st_uid == 0 and directory.parts[:3] == ("/", "tmp", "pytest-of-root"):
            directory.chmod(0o755)
    path = tmp_path / "echod.toml"
    path.write_text("")
    path.chmod(0)
    status, lines, _ = run_echod("--config", path, user=65534, group=65534, extra_groups=[])
    assert status == CONFIG
    assert lines == [f"{path}: cannot be opened: EACCES (Permission denied)"]
