# SPDX-License-Identifier: MIT
"""echoload's result: it is complete however a run ends, and its figures match their definitions."""

import json
import os
import random
import resource
import signal
import socket
import subprocess
import threading

import pytest
from echoload_support import (
    ECHOLOAD,
    HANG_TIMEOUT,
    adds,
    echo_back,
    echoload,
    received,
    refusing_port,
    result_of,
    serve,
    start_echoload,
)

# --- every kind of end


def test_a_bad_target_does_not_overwrite_an_existing_result(tmp_path):
    existing = tmp_path / "result.json"
    existing.write_text("{}\n")
    ended = echoload("--format", "json", "-o", existing, "nothing")
    assert ended.code == 2, ended
    assert existing.read_text() == "{}\n"


def test_an_unknown_name_is_in_the_json():
    ended = echoload("--format", "json", "no-such-host.invalid:1")
    assert ended.code == 1, ended
    assert ended.json["verdict"]["exit_code"] == 1
    assert "no-such-host.invalid" in ended.json["verdict"]["reasons"][0]
    assert ended.err.startswith("echoload: ")


@pytest.mark.skipif(os.geteuid() != 0, reason="a name server of its own needs root")
@pytest.mark.parametrize("before", [None, signal.SIGUSR1])
def test_a_signal_during_a_name_lookup_ends_with_a_result(tmp_path, before):
    address = f"127.{random.randint(2, 250)}.{random.randint(2, 250)}.53"
    resolver = tmp_path / "resolv.conf"
    resolver.write_text(f"nameserver {address}\n")
    script = f'mount --bind {resolver} /etc/resolv.conf && exec "$@"'
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute_server:
        mute_server.bind((address, 53))
        mute_server.settimeout(HANG_TIMEOUT)
        with subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", script, "sh", str(ECHOLOAD), "--format", "json"]
            + ["unresolved.test:1"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as run:
            mute_server.recv(512)  # the query
            if before:  # requests a snapshot before there is one
                run.send_signal(before)
            run.send_signal(signal.SIGINT)
            out, err = run.communicate(timeout=HANG_TIMEOUT)
    assert run.returncode == 130, out + err
    verdict = result_of(out)["verdict"]
    assert verdict == {
        "outcome": "interrupted", "exit_code": 130, "reasons": ["interrupted by SIGINT"]
    }  # fmt: skip


def test_a_series_that_cannot_be_opened_is_in_the_json():
    ended = echoload("--timeseries", "/dev/full", "--format", "json", "127.0.0.1:1")
    assert ended.code == 1, ended
    assert ended.json["verdict"]["reasons"] == [
        "cannot write /dev/full: ENOSPC (No space left on device)"
    ]


def test_a_series_that_cannot_be_written_is_in_the_verdict_after_a_wrong_echo(tmp_path):
    path = tmp_path / "series"
    arguments = ("-c", 1, "-n", 3, "--timeseries", path, "--format", "json")

    def room_for_the_head():
        resource.setrlimit(resource.RLIMIT_FSIZE, (head, head))

    with serve(echo_back) as target:
        echoload(*arguments, target)
        head = len(path.read_text().splitlines()[0]) + 10
        well = echoload(*arguments, target, preexec_fn=room_for_the_head)
    with serve(adds(b"x")) as target:
        wrong = echoload(*arguments, target, preexec_fn=room_for_the_head)
    for ended, code in ((well, 1), (wrong, 4)):
        assert ended.code == ended.json["verdict"]["exit_code"] == code, ended
        assert any("EFBIG" in reason for reason in ended.json["verdict"]["reasons"])


def test_a_log_at_its_limit_costs_progress_lines_and_not_the_result(tmp_path):
    # RLIMIT_FSIZE: the write that exceeds it gets SIGXFSZ, whose default is to end the process.
    err = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    with serve(echo_back) as target:
        ended = subprocess.run(
            [ECHOLOAD, "-c", "1", "-d", "500ms", "--interval", "10ms", "--format", "json", target],
            stdout=subprocess.PIPE,
            stderr=err,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
            timeout=HANG_TIMEOUT,
            check=False,
        )
    os.close(err)
    assert (tmp_path / "log").stat().st_size == 100
    assert ended.returncode == 0
    assert result_of(ended.stdout)["verdict"]["exit_code"] == 0


@pytest.mark.parametrize("option", ["--hdr", "--report"])
def test_a_failed_write_does_not_hide_a_wrong_echo(option):
    with serve(adds(b"x")) as target:
        wrong = echoload("-c", 1, "-n", 3, option, "/dev/full", "--format", "json", target)
    with serve(echo_back) as target:
        well = echoload("-c", 1, "-n", 3, option, "/dev/full", "--format", "json", target)
    for ended, code in ((wrong, 4), (well, 1)):
        assert ended.code == ended.json["verdict"]["exit_code"] == code, ended
        reasons = ended.json["verdict"]["reasons"]
        assert "cannot write /dev/full: ENOSPC (No space left on device)" in reasons
        assert "cannot write /dev/full: ENOSPC" in ended.err, ended


# --- the definitions of figures


def test_the_connect_latency_of_an_immediate_connect_is_measured(tmp_path):
    # connect(2) to a unix socket does not wait; its own duration is the latency.
    with serve(echo_back, socket.AF_UNIX, str(tmp_path / "server")) as target:
        report = echoload("-c", 40, "-n", 40, "--format", "json", target).json
    latency = report["connect_latency"]
    assert latency["count"] == 40
    assert latency["min_ns"] > 0
    # An iteration opens many connections, and none includes the time of the others.
    assert latency["count"] * latency["mean_ns"] / 1e9 <= report["ramp_up_s"]


def test_rate_and_latency_agree_with_littles_law():
    """Messages in flight = rate × mean latency. A rate without the messages in flight at the start
    or the end of the measured part would be lower, here by a twentieth, in every run. The law holds
    for a server that stays as fast as it is, which a busy machine may prevent in some runs."""
    connections, pause = 20, 0.05

    def slow(connection, number):
        for count, data in enumerate(received(connection)):
            # The connections are not synchronized, so the end is at a different point of each.
            threading.Event().wait(pause * (number / connections if count == 0 else 1))
            connection.sendall(data)

    def in_flight(target):
        report = echoload(
            *("-c", connections, "--warmup", "200ms", "-d", "1s", "--format", "json", target)
        ).json
        assert report["messages"]["in_window"] == pytest.approx(
            report["rate"]["messages_per_s"] * report["window_s"]
        )
        return report["rate"]["messages_per_s"] * report["latency"]["mean_ns"] / 1e9

    found = []
    with serve(slow) as target:
        while len(found) < 6 and not any(abs(n / connections - 1) < 0.025 for n in found):
            found.append(in_flight(target))
    assert any(abs(n / connections - 1) < 0.025 for n in found), found


def test_each_loop_reports_its_cpu_time():
    with serve(echo_back) as target:
        arguments = ["-t", 2, "-c", 4, "-d", "300ms", target]
        report = echoload("--format", "json", *arguments).json
        text = echoload(*arguments).out
    assert len(report["loops"]) == 2
    for loop in report["loops"]:
        assert 0 < loop["cpu_share"] <= 1.1 and loop["work_share"] == loop["cpu_share"]
        assert loop["user_s"] + loop["system_s"] == pytest.approx(
            loop["cpu_share"] * loop["wall_s"], rel=0.01
        )
        assert loop["turns"] > 0
        assert 0 < loop["mean_turn_ns"] <= loop["longest_turn_ns"]
        assert loop["lag_p99_ns"] is None and loop["lag_max_ns"] is None
    assert "\nloops       2; the busiest " in text


def test_in_a_run_of_n_messages_rate_and_cpu_time_cover_the_same_period():
    """The end of file comes a second after the last echo and is part of neither."""

    def stays(connection, _number):
        for data in received(connection):
            connection.sendall(data)
        threading.Event().wait(1)

    with serve(stays) as target:
        report = echoload("-c", 2, "-n", 40, "--close", "half", "--format", "json", target).json
    (loop,) = report["loops"]
    assert report["elapsed_s"] - report["window_s"] >= 0.9
    assert loop["wall_s"] == pytest.approx(report["window_s"], abs=0.5)


def series_of(tmp_path, *arguments):
    path = tmp_path / "series"
    with serve(echo_back) as target:
        ended = echoload("-c", 2, *arguments, "--timeseries", path, "--interval", "50ms", target)
    assert ended.code == 0, ended
    return [json.loads(line) for line in path.read_text().splitlines()[1:]]


def test_the_lines_of_an_open_loop_have_its_counts_and_those_of_a_closed_one_null(tmp_path):
    opened = series_of(tmp_path, "-R", 200, "-d", "300ms", "--warmup", "100ms")
    closed = series_of(tmp_path, "-d", "200ms")
    assert sum(line["due"] for line in opened) == 80
    assert all(line["shed"] == line["unsent"] == 0 for line in opened)
    for line in closed:
        assert [line[key] for key in ("due", "shed", "unsent", "response", "lag")] == [None] * 5
    keys = list(opened[0])
    assert all(list(line) == keys for line in opened + closed), "whatever happened in an interval"
    assert all("p99_ns" in line["response"] and "p99_ns" in line["lag"] for line in opened)


def test_a_refused_connection_is_not_counted_as_ended_early():
    with refusing_port() as dead, serve(echo_back) as alive:
        ended = echoload("-c", 2, "-d", "200ms", dead, alive)
    assert ended.code == 5, ended
    assert "no connection was left" not in ended.out


# --- the connect rate


def test_a_connect_rate_spreads_the_connections_over_time():
    with serve(echo_back) as target:
        report = echoload(
            *("-c", 101, "--connect-rate", 100, "-n", 101, "--format", "json", target)
        ).json
    # The last one is due a second after the first; a busy machine adds to that.
    assert 1.0 <= report["ramp_up_s"] <= 2.0


def test_a_run_interrupted_during_ramp_up_reports(tmp_path):
    with serve(echo_back) as target:
        run = start_echoload(
            *("-c", 1000, "--connect-rate", 10, "--interval", "50ms", "--format", "json", target)
        )
        next(run.stderr)  # the run has started
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=HANG_TIMEOUT)
    assert run.returncode == 130, out + err
    assert result_of(out)["connections"]["not_tried"] > 900
