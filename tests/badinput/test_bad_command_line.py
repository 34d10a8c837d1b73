# SPDX-License-Identifier: MIT
"""Invalid command lines: exit status 2, one line that names the error, nothing started."""

import pytest
from refusal import FAILURE, USAGE, run_echod, run_echoload

ECHOD = {
    "an option cut short": (["--statu"], "--statu"),
    "an empty file": (["--config", ""], "--config"),
    "a file twice": (["--config", "a", "--config", "b"], "--config"),
    "no socket": (["--control"], "--control"),
    "an empty socket": (["--control", ""], "--control"),
    "no format": (["--stats"], "--stats"),
    "an unknown format": (["--stats", "xml"], "--stats"),
    "an empty format": (["--stats", ""], "--stats"),
    "two questions": (["--status", "--reload"], ""),
    "two other questions": (["--stats", "json", "--status"], ""),
    "a value for a flag": (["--status=maybe"], "--status"),
    "words behind options": (["--check-config", "--", "a"], "a"),
    "a file for check-config": (["--check-config", "echod.toml"], "echod.toml"),
    "a line break in an option": (["--no\nsuch"], "such"),
}

TARGET = "127.0.0.1:1"
ECHOLOAD = {
    "no target": ([], "TARGET"),
    "an unknown option": ([TARGET, "--nope"], "--nope"),
    "an unknown letter": ([TARGET, "-Z"], "-Z"),
    "a target without a port": (["127.0.0.1"], "127.0.0.1"),
    "a port of 0": (["127.0.0.1:0"], "127.0.0.1:0"),
    "a port too large": (["127.0.0.1:65536"], "127.0.0.1:65536"),
    "a port below 0": (["127.0.0.1:-1"], "127.0.0.1:-1"),
    "a port that is a word": (["127.0.0.1:http"], "127.0.0.1:http"),
    "no host": ([":80"], ":80"),
    "an open bracket": (["[::1:80"], "[::1:80"),
    "a bare v6 address": (["::1:80"], "::1:80"),
    "an empty target": ([""], "''"),
    "a unix path missing": (["unix:"], "unix:"),
    "a unix path too long": (["unix:/" + "x" * 200], "unix:/"),
    "no connections": ([TARGET, "-c", "0"], "--connections"),
    "connections below 0": ([TARGET, "-c", "-1"], "--connections"),
    "connections with a fraction": ([TARGET, "-c", "1.5"], "--connections"),
    "connections in words": ([TARGET, "-c", "many"], "--connections"),
    "connections that overflow": ([TARGET, "-c", "99999999999999999999"], "--connections"),
    "connections missing": ([TARGET, "-c"], "--connections"),
    "connections empty": ([TARGET, "-c", ""], "--connections"),
    "connections with another unit": ([TARGET, "-c", "1G"], "--connections"),
    "connections in hexadecimal": ([TARGET, "-c", "0x10"], "--connections"),
    "connections with a sign": ([TARGET, "-c", "+5"], "--connections"),
    "connections with a blank": ([TARGET, "-c", " 5"], "--connections"),
    "no duration": ([TARGET, "-d", "0s"], "--duration"),
    "a duration without a unit": ([TARGET, "-d", "10"], "--duration"),
    "a duration below 0": ([TARGET, "-d", "-1s"], "--duration"),
    "a duration too long": ([TARGET, "-d", "100000h"], "--duration"),
    "a duration that overflows": ([TARGET, "-d", "9999999999999999h"], "--duration"),
    "a duration in words": ([TARGET, "-d", "soon"], "--duration"),
    "a duration twice": ([TARGET, "-d", "1s", "-d", "2s"], "--duration"),
    "a duration and messages": ([TARGET, "-d", "1s", "-n", "1"], "--"),
    "no messages": ([TARGET, "-n", "0"], "--messages"),
    "messages in words": ([TARGET, "-n", "some"], "--messages"),
    "a pipeline of 0": ([TARGET, "-p", "0"], "--pipeline"),
    "a pipeline too deep": ([TARGET, "-p", "65537"], "--pipeline"),
    "an unknown size law": ([TARGET, "--sizes", "normal:1-2"], "--sizes"),
    "sizes too large": ([TARGET, "--sizes", "fixed:1017"], "--sizes"),
    "sizes below 0": ([TARGET, "--sizes", "fixed:-1"], "--sizes"),
    "sizes the wrong way round": ([TARGET, "--sizes", "uniform:9-1"], "--sizes"),
    "sizes without a number": ([TARGET, "--sizes", "uniform:"], "--sizes"),
    "a list of no sizes": ([TARGET, "--sizes", "list:"], "--sizes"),
    "a list without weights": ([TARGET, "--sizes", "list:1,2"], "--sizes"),
    "a list of no weight": ([TARGET, "--sizes", "list:1:0"], "--sizes"),
    "sizes of nothing": ([TARGET, "--sizes", ""], "--sizes"),
    "a seed below 0": ([TARGET, "--seed", "-1"], "--seed"),
    "a seed in words": ([TARGET, "--seed", "lucky"], "--seed"),
    "a seed too large": ([TARGET, "--seed", "9007199254740992"], "--seed"),
    "no timeout": ([TARGET, "--timeout", "0s"], "--timeout"),
    "a timeout too long": ([TARGET, "--timeout", "2h"], "--timeout"),
    "a connect rate of 0": ([TARGET, "--connect-rate", "0"], "--connect-rate"),
    "a warm-up below 0": ([TARGET, "--warmup", "-1s"], "--warmup"),
    "an unknown format": ([TARGET, "--format", "xml"], "--format"),
    "a format twice": ([TARGET, "--format", "json", "--format", "text"], "--format"),
    "an interval too short": ([TARGET, "--interval", "1ms"], "--interval"),
    "a line break in an option": ([TARGET, "--no\nsuch"], "such"),
}
ECHOLOAD_FAILURES = {
    "a host that does not exist": (["host.invalid:80"], "host.invalid"),
    "more connections than ports": ([TARGET, "-c", "1M"], "ip_local_port_range"),
    "a result in a missing directory": ([TARGET, "-o", "/nonexistent/result"], "/nonexistent/result"),
    "a result that is a directory": ([TARGET, "-o", "/"], "/: EISDIR"),
    "a result on a full disk": ([TARGET, "-n", "1", "-o", "/dev/full"], "/dev/full"),
    "a unix socket that is not there": (["unix:/nonexistent", "-q"], "ENOENT"),
}


@pytest.mark.parametrize(("arguments", "name"), ECHOD.values(), ids=ECHOD)
def test_echod_refuses_a_command_line_with_one_line(arguments, name):
    status, lines, output = run_echod(*arguments)
    assert (status, output) == (USAGE, "")
    assert len(lines) == 1, lines
    assert lines[0].startswith("echod: ") and name in lines[0]
    assert "--help" in lines[0]


@pytest.mark.parametrize(("arguments", "name"), ECHOLOAD.values(), ids=ECHOLOAD)
def test_echoload_refuses_a_command_line_with_one_line(arguments, name):
    status, lines, output = run_echoload(*arguments)
    assert (status, output) == (USAGE, "")
    assert len(lines) == 1, lines
    assert lines[0].startswith("echoload: ") and name in lines[0]
    assert "--help" in lines[0]


@pytest.mark.parametrize(("arguments", "name"), ECHOLOAD_FAILURES.values(), ids=ECHOLOAD_FAILURES)
def test_echoload_reports_why_it_cannot_run(arguments, name):
    status, lines, _ = run_echoload(*arguments)
    assert status == FAILURE
    assert any(name in line for line in lines), lines


ASKING = [["--status"], ["--reload"], ["--stats", "json"], ["--stats", "openmetrics"], ["--stats", "prometheus"]]


@pytest.mark.parametrize("question", ASKING, ids=" ".join)
@pytest.mark.parametrize("what", ["nothing", "directory", "file", "too long"])
def test_a_request_without_a_daemon_fails_with_one_line(tmp_path, question, what):
    path = tmp_path / "socket"
    if what == "directory":
        path.mkdir()
    elif what == "file":
        path.write_text("")
    elif what == "too long":
        path = tmp_path / ("x" * 150)
    status, lines, output = run_echod(*question, "--control", path)
    assert (status, output) == (FAILURE, "")
    assert len(lines) == 1, lines
    assert lines[0].startswith("echod: ") and str(path) in lines[0]
