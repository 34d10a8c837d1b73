# SPDX-License-Identifier: MIT
"""echoload repeat: several runs of a load in one file, and what compare makes of it."""

import json
import signal
import time

import pytest

from echoload_support import (
    HANG_TIMEOUT,
    byte_by_byte,
    echo_back,
    echoload,
    flips_a_bit,
    messages,
    refusing_port,
    result_of,
    serve,
    start_echoload,
)

SHORT = ["repeat", "--pause", "1ms", "-c", 1, "-n", 20]


def runs_of(path):
    runs = json.loads(path.read_text())["runs"]
    for run in runs:
        result_of(json.dumps(run["result"]))
    return runs


def outcomes(path):
    return [run["result"]["verdict"]["outcome"] for run in runs_of(path)]


def test_a_series_has_each_run_with_its_side_block_and_seed(tmp_path):
    path = tmp_path / "ab.json"
    with serve(echo_back) as a, serve(echo_back) as b:
        ended = echoload(*SHORT, "--ab", "--runs", 6, "--seed", 11, "-o", path, a, b)
    assert ended.code == 0, ended
    series = json.loads(path.read_text())
    assert (series["schema"], series["program"]) == (1, "echoload")
    assert series["repeat"] == {"runs": 6, "pause_s": 0.001, "ab": True, "seed": 11}
    runs = series["runs"]
    assert [run["block"] for run in runs] == [1] * 4 + [2] * 4 + [3] * 4
    order = "".join(run["side"] for run in runs)
    assert {order[at : at + 4] for at in (0, 4, 8)} <= {"ABBA", "BAAB"}
    for run in runs:
        assert run["result"]["asked"]["targets"] == [a if run["side"] == "A" else b]
        assert run["result"]["messages"]["verified"] > 0
    assert len({run["result"]["seed"] for run in runs}) == 12
    lines = ended.out.splitlines()
    assert len(lines) == 13, ended
    for number, (run, line) in enumerate(zip(runs, lines), 1):
        start = f"run {number} of 12, {run['side']} in block {run['block']}: "
        assert line.startswith(start) and line.endswith(", ok"), line
    assert lines[-1] == f"12 of 12 runs are in {path}, the worst verdict is ok (exit 0)"
    compared = echoload("compare", path)
    assert compared.code == 0, compared
    assert "6 runs of A and 6 of B, in pairs that ran one after the other" in compared.out


def test_the_order_depends_on_the_seed(tmp_path):
    orders = []
    with serve(echo_back) as target:
        for seed in (1, 1, 2, 3, 4):
            path = tmp_path / "ab.json"
            arguments = ["repeat", "--pause", "0s", "-c", 1, "-n", 1, "--ab", "--runs", 10]
            ended = echoload(*arguments, "--seed", seed, "-q", "-o", path, target, target)
            assert ended.code == 0 and ended.out == "", ended
            orders.append("".join(run["side"] for run in runs_of(path)))
    assert orders[0] == orders[1] and len(set(orders)) > 1


def test_a_series_of_one_side_is_compared_with_another(tmp_path):
    paths = [tmp_path / name for name in ("a.json", "b.json")]
    with serve(echo_back) as target:
        for path in paths:
            ended = echoload(*SHORT, "--runs", 6, "-o", path, target)
            assert ended.code == 0 and "run 6 of 6: " in ended.out, ended
    runs = runs_of(paths[0])
    assert [run["side"] for run in runs] == ["A"] * 6
    assert [run["block"] for run in runs] == [1, 2, 3, 4, 5, 6]
    ended = echoload("compare", paths[0], "--", paths[1])
    assert ended.code == 0 and "6 runs of A and 6 of B\n" in ended.out, ended


def test_a_server_that_is_slower_is_found(tmp_path):
    """Each echo of B takes at least 2 ms, which the one of A does not."""

    def slow(connection, _number):
        for message in messages(connection):
            time.sleep(0.002)
            connection.sendall(message)

    path = tmp_path / "ab.json"
    with serve(echo_back) as a, serve(slow) as b:
        ended = echoload(*SHORT, "--ab", "--runs", 6, "-o", path, a, b)
    assert ended.code == 0, ended
    ended = echoload("compare", path, "--fail-if", "p50>+10%")
    assert ended.code == 3 and ended.out.splitlines()[-1].endswith(": failed"), ended
    ended = echoload("compare", path, "--fail-if", "p50<-10%")
    assert ended.code == 0 and ended.out.splitlines()[-1].endswith(": passed"), ended


def test_the_exit_status_is_that_of_the_worst_run_and_no_run_ends_the_series(tmp_path):
    path = tmp_path / "ab.json"
    with serve(echo_back) as good, serve(flips_a_bit(20)) as bad, refusing_port() as refusing:
        ended = echoload(*SHORT, "--ab", "--runs", 2, "-o", path, bad, refusing)
        assert ended.code == 4, ended
        assert sorted(outcomes(path)) == ["not possible"] * 2 + ["wrong echo"] * 2
        assert "the worst verdict is wrong echo (exit 4)" in ended.out
        ended = echoload(*SHORT, "--ab", "--runs", 2, "-o", path, good, refusing)
        assert ended.code == 1 and "ECONNREFUSED" in ended.out, ended
        ended = echoload(*SHORT, "--runs", 2, "--slo", "p99=1ns", "-q", "-o", path, good)
        assert ended.code == 3 and outcomes(path) == ["gate failed"] * 2, ended
        assert ended.out.count("gate failed") == 3, ended  # although -q was given
    ended = echoload("compare", path, "--", path, "--fail-if", "rate<-50%")
    assert ended.code == 6, ended  # a failed gate does not make the figures wrong


def interrupted(path, target, *arguments):
    """Sends SIGINT after the first run of a series."""
    run = start_echoload(*arguments, "-o", path, target)
    first = run.stdout.readline()
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=HANG_TIMEOUT)
    return run.returncode, first + out, err


def test_a_signal_in_the_pause_ends_the_series_with_the_runs_so_far(tmp_path):
    path = tmp_path / "a.json"
    with serve(echo_back) as target:
        arguments = ["repeat", "--runs", 100, "--pause", "1h", "-c", 1, "-n", 20]
        code, out, err = interrupted(path, target, *arguments)
    assert code == 130, out + err
    assert outcomes(path) == ["ok"]
    assert f"1 of 100 runs are in {path}, the worst verdict is interrupted (exit 130)\n" in out


def test_a_signal_during_a_run_ends_it_and_the_series(tmp_path):
    path = tmp_path / "a.json"

    def slow_second(connection, number):
        """The second run takes until the signal comes."""
        for message in messages(connection):
            time.sleep(0 if number == 0 else 0.05)
            connection.sendall(message)

    with serve(slow_second) as target:
        arguments = ["repeat", "--runs", 100, "--pause", "0s", "-c", 1, "-n", 500]
        code, out, err = interrupted(path, target, *arguments)
    assert code == 130, out + err
    assert outcomes(path) in (["ok", "interrupted"], ["ok"])
    assert "of 100 runs are in" in out


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["127.0.0.1:1"], "--output is required and must be a file"),
        (["-o", "-", "127.0.0.1:1"], "--output is required and must be a file"),
        (["-o", "f"], "TARGET is required"),
        (["--ab", "-o", "f", "127.0.0.1:1"], "--ab needs two targets, A and then B; there is 1"),
        (["--ab", "-o", "f", "a:1", "b:1", "c:1"], "--ab needs two targets"),
        (["--runs", "0", "-o", "f", "a:1"], "--runs: must be 1 to 1000, is '0'"),
        (["--pause", "x", "-o", "f", "a:1"], "--pause: must be a number with ns, us"),
        (["--hdr", "h", "-o", "f", "a:1"], "unexpected argument '--hdr'"),
        (["-o", "f", "no-port"], "no-port"),
    ],
)
def test_wrong_usage_gives_one_line_and_no_file(tmp_path, arguments, words):
    arguments = [tmp_path / each if each == "f" else each for each in arguments]
    ended = echoload("repeat", *arguments)
    assert ended.code == 2 and ended.out == "", ended
    assert words in ended.err and ended.err.count("\n") == 1, ended
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_reported_before_the_first_run(tmp_path):
    with serve(byte_by_byte) as target:
        ended = echoload(*SHORT, "-o", tmp_path / "none" / "a.json", target)
    assert ended.code == 1 and ended.out == "", ended
    assert f"cannot write {tmp_path}/none/a.json: ENOENT" in ended.err


def test_a_standard_output_that_is_gone_does_not_lose_the_results(tmp_path):
    path = tmp_path / "a.json"
    with serve(echo_back) as target:
        run = start_echoload(*SHORT, "--runs", 2, "-o", path, target)
        run.stdout.close()
        _, err = run.communicate(timeout=HANG_TIMEOUT)
    assert outcomes(path) == ["ok", "ok"]
    assert run.returncode == 1 and "cannot write standard output: EPIPE" in err


def test_a_file_that_is_full_does_not_hide_a_wrong_echo(tmp_path):
    with serve(flips_a_bit(20)) as bad:
        ended = echoload(*SHORT, "--runs", 2, "-o", "/dev/full", bad)
    assert ended.code == 4, ended
    assert "cannot write /dev/full: ENOSPC" in ended.err, ended
    assert "2 of 2 runs were made and not written, the worst verdict is wrong echo" in ended.out


def test_help_describes_the_series():
    ended = echoload("repeat", "--help")
    assert ended.code == 0 and "--ab" in ended.out and "Usage: echoload repeat" in ended.out
    assert max(map(len, ended.out.splitlines())) <= 100
