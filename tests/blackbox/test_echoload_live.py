# SPDX-License-Identifier: MIT
"""echoload's output during a run: on a terminal, to a file, at a signal."""

import contextlib
import fcntl
import json
import os
import pathlib
import pty
import re
import signal
import struct
import subprocess
import termios

import pytest

from echoload_support import ECHOLOAD, HANG_TIMEOUT, echo_back, echoload, mute, serve, start_echoload


@contextlib.contextmanager
def on_a_terminal(*arguments, columns=100, term="xterm"):
    """echoload with standard error on a pseudo-terminal; yields both."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    run = subprocess.Popen(
        [str(ECHOLOAD), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": term},
    )
    os.close(theirs)
    try:
        yield run, ours
    finally:
        run.kill()
        run.wait(HANG_TIMEOUT)
        run.stdout.close()
        os.close(ours)


def rest_of(terminal):
    text = b""
    with contextlib.suppress(OSError):  # EIO: the other end is closed
        while part := os.read(terminal, 65536):
            text += part
    return text.decode()


def test_on_a_terminal_lines_scroll_above_the_status_bar():
    with serve(echo_back) as target:
        arguments = ("-c", 2, "-d", "500ms", "--interval", "50ms", target)
        with on_a_terminal(*arguments) as (run, terminal):
            text = rest_of(terminal)
            assert run.wait(HANG_TIMEOUT) == 0
    bars = re.findall(r"\[=* *\] +\d+%, \S+ left", text)
    assert len(bars) >= 2
    assert all(len(bar) < 100 for bar in bars)
    lines = re.findall(r"(?:^|\r\x1b\[K) +[\d.]+s  2 up  .* p99 .*\r\n", text)
    assert len(lines) >= 2
    assert text.endswith("\r\x1b[K"), "the bar is taken away at the end"


def test_a_narrow_terminal_gets_a_narrow_bar():
    with serve(echo_back) as target:
        arguments = ("-c", 1, "-d", "300ms", "--interval", "50ms", target)
        with on_a_terminal(*arguments, columns=30) as (run, terminal):
            text = rest_of(terminal)
            assert run.wait(HANG_TIMEOUT) == 0
    bars = re.findall(r"\n([^\r\n]*)\r\x1b\[K", text)
    assert bars and all(len(bar) < 30 for bar in bars)


def test_a_terminal_without_cursor_control_gets_plain_lines():
    with serve(echo_back) as target:
        arguments = ("-c", 1, "-d", "200ms", "--interval", "50ms", target)
        with on_a_terminal(*arguments, term="dumb") as (run, terminal):
            text = rest_of(terminal)
            assert run.wait(HANG_TIMEOUT) == 0
    assert "\x1b" not in text and "left" not in text
    assert text.count("1 up") >= 2


def test_on_a_terminal_one_line_per_second_is_the_default():
    with serve(echo_back) as target:
        with on_a_terminal("-c", 1, "-d", "2500ms", target) as (run, terminal):
            text = rest_of(terminal)
            assert run.wait(HANG_TIMEOUT) == 0
    seconds = [float(at) for at in re.findall(r"([\d.]+)s  1 up", text)]
    assert [1, 2] == [int(at) for at in seconds[:2]], text


def test_quiet_prints_nothing_on_a_terminal():
    with serve(echo_back) as target:
        arguments = ("-q", "-c", 1, "-d", "200ms", "--interval", "50ms", target)
        with on_a_terminal(*arguments) as (run, terminal):
            text = rest_of(terminal)
            assert run.wait(HANG_TIMEOUT) == 0
    assert text == ""


def test_plain_lines_have_no_bar():
    with serve(echo_back) as target:
        ended = echoload("-c", 1, "-d", "200ms", "--interval", "50ms", target)
    assert ended.code == 0
    assert "\r" not in ended.err and "\x1b" not in ended.err and ended.err.count("1 up") >= 2


def test_a_snapshot_reports_the_run_so_far_and_the_run_continues():
    with serve(echo_back) as target:
        run = start_echoload(
            *("-c", 3, "-d", "1h", "--interval", "20ms", "--slo", "p99=1h", target)
        )
        for line in run.stderr:
            if "p99" in line:  # it measures
                break
        run.send_signal(signal.SIGUSR1)
        snapshot = []
        for line in run.stderr:
            snapshot.append(line)
            if line.startswith("so far"):
                break
        run.send_signal(signal.SIGINT)
        out, _ = run.communicate(timeout=HANG_TIMEOUT)
    assert run.returncode == 130
    text = "".join(snapshot)
    assert "connections requested 3, up 3, peak 3" in text
    assert re.search(r"^measured    [1-9][\d,]* messages/s", text, re.MULTILINE), text
    assert "gates       p99 " in text and "verdict" not in text
    assert "verdict     interrupted (exit 130)" in out


def test_the_intervals_of_the_series_add_up_to_the_result(tmp_path):
    file = pathlib.Path(tmp_path / "series.ndjson")
    with serve(echo_back) as target:
        ended = echoload(
            *("-c", 3, "-d", "400ms", "--interval", "50ms", "--timeseries", file, "-q"),
            *("--seed", 7, "--format", "json", target),
        )
    assert ended.code == 0, ended
    head, *lines = map(json.loads, file.read_text().splitlines())
    assert head["program"] == "echoload" and head["schema"] == 1 and head["seed"] == 7
    assert head["interval_s"] == 0.05 and head["asked"] == ended.json["asked"]
    assert len(lines) >= 3
    for key in ("sent", "verified", "wrong", "timed_out", "lost"):
        assert sum(line[key] for line in lines) == ended.json["messages"][key], key
    assert sum(line["latency"]["count"] for line in lines) == ended.json["latency"]["count"]
    assert max(line["latency"]["max_ns"] or 0 for line in lines) == ended.json["latency"]["max_ns"]
    assert [line["at_s"] for line in lines] == sorted(line["at_s"] for line in lines)
    assert lines[-1]["measured_s"] == pytest.approx(ended.json["window_s"])
    assert {line["open"] for line in lines[1:]} == {3}


def test_the_series_shows_the_second_of_an_outage(tmp_path):
    file = tmp_path / "series.ndjson"
    with serve(mute) as target:
        ended = echoload(
            *("-c", 2, "-d", "1h", "--timeout", "200ms", "--interval", "50ms"),
            *("--timeseries", file, target),
        )
    assert ended.code == 5, ended
    lines = [json.loads(line) for line in file.read_text().splitlines()[1:]]
    assert sum(line["timed_out"] for line in lines) == 2
    assert sum(line["errors"] for line in lines) == 2


def test_hdr_text_has_the_percentiles_of_the_result(tmp_path):
    file = tmp_path / "latency.hgrm"
    with serve(echo_back) as target:
        ended = echoload("-c", 2, "-n", 2000, "--hdr", file, "--format", "json", target)
    assert ended.code == 0, ended
    text = file.read_text()
    rows = [line.split() for line in text.splitlines()[2:] if not line.startswith("#")]
    assert all(len(row) == 4 for row in rows)
    latency = ended.json["latency"]
    assert float(rows[-1][0]) == pytest.approx(latency["max_ns"] / 1e6, abs=1e-6)
    assert rows[-1][1:] == ["1.000000000000", "2000", "inf"]
    half = next(row for row in rows if float(row[1]) == 0.5)
    assert float(half[0]) == pytest.approx(latency["p50_ns"] / 1e6, abs=1e-6)
    assert re.search(r"^#\[Max +=.*Total count +=  +2000\]$", text, re.MULTILINE)
    assert float(re.search(r"#\[Mean +=\s+([\d.]+),", text)[1]) == pytest.approx(
        latency["mean_ns"] / 1e6, abs=1e-6
    )


@pytest.mark.parametrize("option", ["--timeseries", "--hdr"])
def test_a_file_that_cannot_be_written_is_refused_before_the_run(option):
    ended = echoload(option, "/no/such/directory/x", "127.0.0.1:1")
    assert ended.code == 1
    assert ended.err == (
        "echoload: cannot write /no/such/directory/x: ENOENT (No such file or directory)\n"
    )


@pytest.mark.parametrize("option", ["--timeseries", "--hdr"])
def test_a_full_disk_is_reported_and_the_result_is_still_written(option):
    with serve(echo_back) as target:
        ended = echoload("-c", 1, "-n", 10, option, "/dev/full", target)
    assert ended.code == 1
    assert "cannot write /dev/full: ENOSPC" in ended.err
    if option == "--hdr":
        assert "measured    " in ended.out
        assert "verdict     not possible (exit 1): cannot write /dev/full" in ended.out
