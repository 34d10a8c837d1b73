# SPDX-License-Identifier: MIT
"""The files of a probe: metrics and series that are replaced, rotated, full; and SIGHUP."""

import contextlib
import json
import os
import pathlib
import re
import resource
import signal
import time

import pytest
from echoload_support import HANG_TIMEOUT, echo_back, echoload, serve, start_echoload
from probe_run import PROBE, verified, wait_for_text


def limit_files(run, size):
    _, hard = resource.prlimit(run.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(run.pid, resource.RLIMIT_FSIZE, (size, hard))


def logged(running, what):
    return [line for line in running.lines if line.startswith("echoload: ") and what in line]


def wait_for_log(running, what):
    deadline = time.monotonic() + HANG_TIMEOUT
    while not logged(running, what):
        assert time.monotonic() < deadline, running.lines
        time.sleep(0.02)  # there is no event for an interval


def intervals_of(series):
    return [json.loads(line) for line in series.read_text().splitlines()[1:]]


def test_a_file_of_metrics_is_complete_at_any_time(tmp_path):
    file = tmp_path / "echoload.prom"
    with serve(echo_back) as target:
        run = start_echoload("-d", "forever", "-c", 1, "-R", 200, "-q", "--interval", "10ms",
                             "--metrics-file", file, target)  # fmt: skip
        texts = []
        deadline = time.monotonic() + HANG_TIMEOUT
        while len(set(texts)) < 20 and time.monotonic() < deadline:
            with contextlib.suppress(FileNotFoundError):
                texts.append(file.read_text())
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=HANG_TIMEOUT)
    assert run.returncode == 0
    assert len(set(texts)) >= 20
    for text in texts:
        assert text.startswith("# HELP echoload_build_info")
        assert re.search(r"\nechoload_connect_latency_seconds_count \d+\n\Z", text)
    assert os.listdir(tmp_path) == ["echoload.prom"]
    assert file.stat().st_mode & 0o777 == 0o644


def test_a_file_that_cannot_be_written_is_an_error_before_the_run(tmp_path):
    ended = echoload("--metrics-file", tmp_path / "none/x.prom", "127.0.0.1:1")
    assert ended.code == 1
    assert "cannot write" in ended.err and "none/x.prom: " in ended.err


@pytest.mark.parametrize("option", ["--timeseries", "--metrics-file"])
def test_a_file_that_cannot_be_written_for_a_time_is_logged_and_written_again(
    probe, tmp_path, option
):
    file = tmp_path / "file"
    appends = ["--append"] if option == "--timeseries" else []
    with serve(echo_back) as target:
        running = probe(option, file, *appends, target)
        wait_for_text(file, lambda text: text.count("\n") > 2)
        # Only a part of the next line of the series has room; the metrics are made anew.
        limit_files(running.run, file.stat().st_size + 100 if appends else 1)
        wait_for_log(running, f"cannot write {file}: ")
        before = running.samples()
        running.wait_for(lambda s: verified(s) > verified(before) + 50, "several intervals")
        limit_files(running.run, resource.RLIM_INFINITY)
        wait_for_log(running, f"{file} can be written again")
        old = file.read_text()
        wait_for_text(file, lambda text: text != old)
        code, _ = running.stop()
    assert code == 0
    assert len(logged(running, "EFBIG")) == len(logged(running, "written again")) == 1
    if appends:
        intervals = intervals_of(file)
        begins = [line["at_s"] - line["length_s"] for line in intervals[1:]]
        ends = [line["at_s"] for line in intervals[:-1]]
        assert begins == pytest.approx(ends), "none is missing"


def test_a_series_that_is_full_continues_in_a_new_file_after_a_rotation(probe, tmp_path):
    series, earlier = tmp_path / "series.jsonl", tmp_path / "series.jsonl.1"
    with serve(echo_back) as target:
        running = probe("--timeseries", series, "--append", target)
        wait_for_text(series, lambda text: text.count("\n") > 8)
        limit_files(running.run, series.stat().st_size + 100)  # part of a line
        wait_for_log(running, f"cannot write {series}: ")
        series.rename(earlier)
        running.run.send_signal(signal.SIGHUP)
        wait_for_log(running, f"{series} can be written again")
        limit_files(running.run, resource.RLIM_INFINITY)
        wait_for_text(series, lambda text: text.count("\n") > 4)
        code, _ = running.stop()
    assert code == 0
    assert not earlier.read_text().endswith("\n"), "the rest of that line is not in the new file"
    heads = [json.loads(file.read_text().splitlines()[0]) for file in (series, earlier)]
    assert heads[0]["asked"] == heads[1]["asked"]
    intervals = intervals_of(series)
    assert all("at_s" in line for line in intervals) and len(intervals) >= 4


def test_a_file_that_cannot_be_written_at_the_end_does_not_change_the_exit_status(probe, tmp_path):
    series = tmp_path / "series.jsonl"
    with serve(echo_back) as target:
        running = probe("--timeseries", series, target)
        wait_for_text(series, lambda text: text.count("\n") > 2)
        limit_files(running.run, 1)
        deadline = time.monotonic() + HANG_TIMEOUT
        while not any("EFBIG" in line for line in running.lines):
            assert time.monotonic() < deadline
            time.sleep(0.02)  # there is no event for an interval
        assert running.stop()[0] == 0


def test_a_series_is_appended_to_and_opened_again(tmp_path):
    file, rotated = tmp_path / "series.jsonl", tmp_path / "series.jsonl.1"
    arguments = (*PROBE, "-q", "--reconnect", "--timeseries", file, "--append")

    def lines(path):
        return [json.loads(line) for line in path.read_text().splitlines()]

    def wait_for_lines(count):
        deadline = time.monotonic() + HANG_TIMEOUT
        while not file.exists() or file.read_text().count("\n") < count:
            assert time.monotonic() < deadline
            time.sleep(0.02)  # there is no event for an interval

    with serve(echo_back) as target:
        first = echoload("-q", "-d", "100ms", "-c", "1", "--timeseries", file, "--append", target)
        assert first.code == 0
        before = file.read_text()
        run = start_echoload(*arguments, target)
        wait_for_lines(before.count("\n") + 3)
        file.rename(rotated)
        run.send_signal(signal.SIGHUP)
        wait_for_lines(3)
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=HANG_TIMEOUT)
    assert run.returncode == 0
    assert rotated.read_text().startswith(before)
    both = lines(rotated)[before.count("\n"):] + lines(file)
    assert [line for line in both if "series" in line] == [both[0], lines(file)[0]]
    times = [line["at_s"] for line in both if "at_s" in line]
    assert times == sorted(times) and len(times) >= 5
    intervals = [line for line in both if "at_s" in line]
    assert {line["outages"] for line in intervals} == {0}
    assert {line["out_s"] for line in intervals} == {None}
    longest = max(len(line) for line in file.read_text().splitlines()[1:])
    assert longest < 1024


def wait_for_no_pending_signal(pid):
    wait_for_text(
        pathlib.Path(f"/proc/{pid}/status"),
        lambda text: re.search(r"^ShdPnd:\t0+$", text, re.M) is not None,
    )


@pytest.mark.parametrize("series", [False, True])
def test_a_reload_of_a_probe_without_append_changes_nothing(probe, series, tmp_path):
    file = tmp_path / "series.jsonl"
    with serve(echo_back) as target:
        running = probe(*(["--timeseries", file] if series else []), target)
        before = running.wait_for(lambda samples: verified(samples) > 10, "echoes")
        for _ in range(2):
            running.run.send_signal(signal.SIGHUP)
            wait_for_no_pending_signal(running.run.pid)
        running.wait_for(lambda s: verified(s) > verified(before) + 20, "it to continue")
        assert running.stop()[0] == 0
    if series:
        assert file.read_text().count('"schema"') == 1


def test_a_hangup_before_a_probe_begins_does_not_end_it(tmp_path):
    fifo, metrics = tmp_path / "fifo", tmp_path / "x.prom"
    os.mkfifo(fifo)
    with serve(echo_back) as target:
        run = start_echoload(*PROBE, "-q", "--metrics-file", metrics, "-o", fifo, target)
        try:
            blocked = 1 << (signal.SIGHUP - 1)
            wait_for_text(
                pathlib.Path(f"/proc/{run.pid}/status"),
                lambda status: int(re.search(r"SigBlk:\t(\w+)", status)[1], 16) & blocked,
            )
            run.send_signal(signal.SIGHUP)
            # Where the program has ended, opening it in the usual way would wait for ever.
            with open(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)) as result:
                wait_for_text(metrics, lambda text: re.search(r'"verified"} [1-9]', text))
                run.send_signal(signal.SIGTERM)
                assert run.wait(HANG_TIMEOUT) == 0
                assert "verdict     ok" in result.read()
        finally:
            run.kill()
            run.communicate()


def test_a_hangup_ends_a_run_without_an_end_that_is_no_probe():
    with serve(echo_back) as target:
        run = start_echoload(*PROBE, target)
        try:
            while " 1 up " not in (line := run.stderr.readline()):
                assert line, "the run has ended"
            run.send_signal(signal.SIGHUP)
            out = run.communicate(timeout=HANG_TIMEOUT)[0]
        finally:
            run.kill()
    assert run.returncode == 0 and "verdict     ok" in out


def test_append_needs_a_series():
    ended = echoload("--append", "127.0.0.1:1")
    assert ended.code == 2
    assert "--append requires --timeseries" in ended.err
