# SPDX-License-Identifier: MIT
"""The open loop of echoload: a fixed schedule, and response times measured from the due time of a
message."""

import os
import re
import signal
import socket
import threading
import time
from pathlib import Path

import pytest
from echod_daemon import Echod
from echoload_support import (
    HANG_TIMEOUT,
    Ended,
    echo_back,
    echoload,
    mute,
    received,
    resets,
    result_of,
    serve,
    start_echoload,
)
from witness import witness

MS = 1_000_000  # in nanoseconds


def check_pace(report):
    """Every due message is counted once."""
    pace, messages = report["open_loop"], report["messages"]
    assert pace["due"] == messages["sent"] + pace["shed"] + pace["unsent"]
    assert messages["sent"] == sum(
        messages[key] for key in ("verified", "wrong", "timed_out", "lost", "in_flight_at_end")
    ), messages


# --- the schedule


@pytest.mark.parametrize(
    "arguments, due",
    [
        (["-R", 2000, "-d", "500ms"], 1000),
        (["-R", "1.5k", "-n", 700], 700),
        (["-R", "1000:3000", "-d", "500ms"], 1000),
        (["-R", "4000:0", "-d", "500ms"], 1000),
        (["-R", "0:4000", "-d", "500ms", "--warmup", "100ms"], 1000),
        (["-R", 3000, "--arrival", "poisson", "-n", 800], 800),
    ],
)
def test_each_due_message_is_sent_and_measured(arguments, due):
    with serve(echo_back) as target:
        report = echoload("-c", 4, "-p", 64, *arguments, "--format", "json", target).json
    check_pace(report)
    assert report["open_loop"]["due"] == pytest.approx(due, abs=1)
    assert report["messages"]["measured"] == report["open_loop"]["due"]
    assert report["response"]["count"] == report["open_loop"]["due"]
    assert report["latency"]["count"] == report["open_loop"]["due"]
    if "poisson" not in arguments:
        assert report["open_loop"]["asked_per_s"] == pytest.approx(
            due / 0.5 if "-d" in arguments else 1500, rel=0.002
        )


@pytest.mark.parametrize("pace", [("-R", "1k@200ms,0@300ms"), ("-R", "1k:0", "-d", "500ms")])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_run_lasts_until_its_end_though_no_message_is_due(pace, threads):
    with serve(echo_back) as target:
        ended = echoload("-c", 4, "-p", 64, "-t", threads, *pace, "--format", "json", target)
    assert ended.code == 0, ended
    assert ended.json["window_s"] == 0.5
    assert ended.json["open_loop"]["due"] == pytest.approx(225, abs=26)  # 200 or 250


def test_stages_are_reported_one_by_one(tmp_path):
    page = tmp_path / "page.html"
    with serve(echo_back) as target:
        stages = "1k@300ms,0@200ms,0:2k@500ms"
        arguments = ["-c", 4, "-p", 64, "-t", 2, "-R", stages, "--warmup", "100ms"]
        ended = echoload(*arguments, "--report", page, "--format", "json", target)
        text = echoload(*arguments, target).out
    report = ended.json
    check_pace(report)
    assert report["asked"]["stages"] == "1000@300ms,0@200ms,0:2000@500ms"
    assert report["asked"]["duration_s"] == report["window_s"] == 1.0
    assert [stage["due"] for stage in report["stages"]] == [300, 0, 500]
    assert [stage["verified"] for stage in report["stages"]] == [300, 0, 500]
    assert [stage["response"]["count"] for stage in report["stages"]] == [300, 0, 500]
    assert [stage["from_s"] for stage in report["stages"]] == [0, 0.3, 0.5]
    assert [stage["messages_per_s"] for stage in report["stages"]] == pytest.approx([1000, 0, 1000])
    assert sum(stage["response"]["count"] for stage in report["stages"]) == (
        report["response"]["count"]
    )
    assert "1,000/s for 300ms: due 300, verified 300; p50 " in text
    assert "0 to 2,000/s for 500ms: due 500, verified 500; p50 " in text
    assert "<caption>Stages</caption>" in page.read_text()


def test_messages_of_a_stage_that_are_not_answered_in_it_belong_to_it():
    """A server that stalls from 0.2 s to 0.6 s delays the messages of the first stage, which end
    at 0.4 s, and those of the silent one there are none."""

    def stalls(connection, _number):
        begun = None
        for data in received(connection):
            begun = begun or time.monotonic()
            since = time.monotonic() - begun
            if 0.2 <= since < 0.6:
                threading.Event().wait(0.6 - since)
            connection.sendall(data)

    with serve(stalls) as target:
        report = echoload(
            *("-c", 1, "-p", 500, "-R", "500@400ms,0@400ms,500@200ms", "--format", "json", target)
        ).json
    first, silent, last = report["stages"]
    assert (first["due"], first["verified"]) == (200, 200)
    assert silent["response"]["count"] == 0 and silent["messages_per_s"] == 0
    assert first["response"]["max_ns"] >= 350 * MS
    assert last["response"]["max_ns"] < first["response"]["max_ns"]


def test_the_warm_up_of_an_open_loop_is_paced_and_not_measured():
    with serve(echo_back) as target:
        arguments = ["-c", 2, "-p", 64, "-R", 1000, "--warmup", "200ms", "-n", 100]
        report = echoload(*arguments, "--format", "json", target).json
    check_pace(report)
    assert report["open_loop"]["due"] == 300
    assert report["messages"]["measured"] == 100


def test_messages_go_to_the_connections_in_turn():
    streams = [0] * 5

    def counts(connection, number):
        for data in received(connection):
            streams[number] += len(data)
            connection.sendall(data)

    with serve(counts) as target:
        arguments = ["-c", 5, "-R", 2000, "-n", 500, "-p", 500, "--sizes", "fixed:92"]
        ended = echoload(*arguments, "--format", "json", target)
    assert ended.json["messages"]["verified"] == 500
    assert streams == [100 * 100] * 5


# --- messages that cannot be sent


def test_messages_beyond_max_in_flight_are_shed_and_counted():
    # The server never echoes: 7 messages are sent or wait, and all others are shed.
    with serve(mute) as target:
        ended = echoload(
            *("-c", 2, "-p", 2, "-R", 1000, "-d", "300ms", "--max-in-flight", 7),
            *("--timeout", "400ms", "--format", "json", target),
        )
    assert ended.code == 5, ended
    report = ended.json
    check_pace(report)
    pace = report["open_loop"]
    assert (pace["due"], pace["shed"], pace["unsent"]) == (300, 293, 3)
    assert report["messages"]["sent"] == 4
    assert pace["achieved_per_s"] == pytest.approx(4 / 0.3)
    assert pace["asked_per_s"] == pytest.approx(1000)
    assert any("of 1000 messages a second were sent in time (293 shed)" in reason
               for reason in report["verdict"]["reasons"])  # fmt: skip
    assert pace["measured_shed"] == 293


@pytest.mark.release_only
def test_a_few_shed_messages_fail_a_run_that_reached_its_rate():
    def stalls_once(connection, _number):
        for number, data in enumerate(received(connection)):
            if number == 10:
                threading.Event().wait(0.1)
            connection.sendall(data)

    arguments = ["-c", 1, "-R", 1000, "-n", 9000, "--max-in-flight", 60, "-p", 60]
    with serve(stalls_once) as target:
        ended = echoload(*arguments, target)
    assert ended.code == 5, ended
    assert re.search(r"verdict .* shed", ended.out), ended
    assert "that were never sent or lost with their connection" in ended.out


def test_resets_do_not_make_the_response_look_fast():
    def slow_or_gone(connection, number):
        if number == 0:
            resets(connection, number)
            return
        for data in received(connection):
            threading.Event().wait(0.02)
            connection.sendall(data)

    with serve(slow_or_gone) as target:
        ended = echoload("-c", 2, "-R", 40, "-n", 20, "--format", "json", target)
    report = ended.json
    check_pace(report)
    assert ended.code == 5, ended
    gone = report["open_loop"]["measured_gone"]
    assert gone >= 1
    assert report["response"]["count"] == report["open_loop"]["due"] - gone
    assert report["response"]["min_ns"] >= 20 * MS


def test_messages_lost_with_a_timeout_do_not_make_a_server_look_fast():
    with serve(mute) as target:
        ended = echoload(
            *("-R", 1000, "-c", 10, "-p", 1000, "-d", "500ms", "--timeout", "500ms"),
            *("--format", "json", target),
        )
    report = ended.json
    check_pace(report)
    assert ended.code == 5, ended
    counts = report["messages"]
    assert counts["timed_out"] >= 10 and counts["lost"] > 0
    assert report["open_loop"]["measured_gone"] == counts["lost"] + report["open_loop"]["unsent"]
    for latency in ("response", "latency"):
        assert report[latency]["count"] == counts["timed_out"]
        assert report[latency]["min_ns"] >= 500 * MS


# --- lost connections


def closes_at_once(connection, _number):
    connection.recv(1)


def test_the_schedule_continues_if_a_loop_has_no_connection_left():
    with serve(closes_at_once) as dead, serve(echo_back) as alive:
        arguments = ["-t", 2, "-c", 2, "-p", 64, "-R", 1000, "-d", "1s", "--max-error-rate", "100%"]
        ended = echoload(*arguments, "--format", "json", dead, alive)
    assert ended.code == 5, ended
    report = ended.json
    check_pace(report)
    pace = report["open_loop"]
    assert pace["asked_per_s"] == pytest.approx(1000, rel=0.002)
    assert pace["achieved_per_s"] <= 510
    assert pace["due"] == pytest.approx(1000, abs=2)
    assert pace["unsent"] >= 490
    # Messages that were never sent are counted, and in no percentile.
    assert report["response"]["count"] == pace["due"] - pace["measured_gone"]
    assert pace["measured_gone"] >= pace["unsent"]
    assert report["messages"]["measured"] == report["response"]["count"]


@pytest.mark.parametrize("length", [["-d", "3h"], ["-n", "50M"]])
def test_only_what_was_due_before_the_end_of_a_broken_run_is_due(length):
    enough = threading.Event()

    def hold(message):
        if len(server.log) >= 50:
            enough.set()
        return 0

    with witness(hold) as server:
        arguments = ["-c", 2, "-R", 100, *length, "--timeseries", "/dev/null", "--format", "json"]
        run = start_echoload(*arguments, server.target)
        assert enough.wait(HANG_TIMEOUT)
        server.close()
        out, err = run.communicate(timeout=HANG_TIMEOUT)
    assert run.returncode == 5, out + err
    report = result_of(out)
    check_pace(report)
    pace, response = report["open_loop"], report["response"]
    assert pace["due"] <= 100 * (report["elapsed_s"] - report["ramp_up_s"]) + 1
    assert pace["asked_per_s"] == pytest.approx(100, rel=0.1)
    # Nothing that was not sent is in a percentile: the slowest echo was at most as slow as the run.
    assert response["count"] == pace["due"] - pace["measured_gone"] <= len(server.log)
    assert response["max_ns"] / 1e9 <= report["elapsed_s"]
    assert pace["measured_gone"] == pace["unsent"] + report["messages"]["lost"]


def test_an_open_loop_without_due_messages_has_no_rate_and_an_empty_response():
    # With this seed the first message is due after 2.2 s.
    up = threading.Event()

    def notes(connection, number):
        up.set()
        echo_back(connection, number)

    with serve(notes) as target:
        arguments = ["-c", 1, "-R", 1, "--arrival", "poisson", "--seed", 24, "-n", 5, "-q"]
        run = start_echoload(*arguments, "--format", "json", target)
        assert up.wait(HANG_TIMEOUT)
        threading.Event().wait(0.1)
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=HANG_TIMEOUT)
    assert run.returncode == 130, out + err
    report = result_of(out)
    assert report["open_loop"]["due"] == 0
    assert report["open_loop"]["asked_per_s"] is None
    assert report["open_loop"]["achieved_per_s"] is None
    for key in ("response", "latency", "lag"):
        assert report[key]["loop"] == "open" and report[key]["count"] == 0


def test_messages_due_while_the_backlog_was_full_are_sent_later(tmp_path):
    # A connection is served, and another client takes its place in the backlog. The replacement
    # connection must therefore be retried until after the end of the measured part.
    address = str(tmp_path / "server")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as other:
        listener.bind(address)
        listener.listen(0)
        arguments = ["-c", 1, "-R", 20, "-d", "300ms", "--conn-messages", 1, "--timeout", "3s"]
        run = start_echoload(*arguments, "--format", "json", f"unix:{address}")
        first, _ = listener.accept()
        other.connect(address)
        with first:
            echo_back(first)  # until it is closed after one message
        threading.Event().wait(0.6)
        listener.accept()[0].close()
        listener.settimeout(10)
        for _ in range(5):
            connection, _ = listener.accept()
            with connection:
                echo_back(connection)
        out, err = run.communicate(timeout=HANG_TIMEOUT)
    report = result_of(out)
    check_pace(report)
    assert report["open_loop"]["due"] == report["messages"]["verified"] == 6, out + err
    assert report["errors"] == []


# --- the client itself


def processor_time(*arguments):
    """Runs echoload; its CPU time in seconds, and its result."""
    run = start_echoload(*arguments)
    out, err = run.stdout.read(), run.stderr.read()  # both are short
    _, status, usage = os.wait4(run.pid, 0)
    run.returncode = os.waitstatus_to_exitcode(status)
    run.stdout.close()
    run.stderr.close()
    return usage.ru_utime + usage.ru_stime, Ended(run.returncode, out, err)


def test_the_client_sleeps_while_it_waits_for_the_last_echoes():
    with serve(mute) as target:
        took, ended = processor_time(
            *("-c", 1, "-p", 10, "-R", 50, "-d", "100ms", "--timeout", "4s", target)
        )
    assert ended.code == 5, ended
    assert took < 2, "it would be the four seconds if it polled"


@pytest.mark.release_only
def test_a_busy_polling_loop_is_not_the_bottleneck(echod):
    arguments = ["-c", 8, "-p", 64, "-R", "40k", "-d", "1s", "--sizes", "fixed:32"]
    ended = echoload(*arguments, "--format", "json", "{}:{}".format(*echod().address))
    (loop,) = ended.json["loops"]
    print(f"loop {loop}, {ended.json['limit']}")
    assert loop["work_share"] < loop["cpu_share"]
    if loop["work_share"] < 0.9 and ended.json["lag"]["p99_ns"] < MS:
        assert ended.json["limit"]["limited_by"] != "client"


@pytest.mark.release_only
def test_the_rate_is_accurate_to_a_thousandth_on_a_quiet_machine(echod, capsys):
    arguments = ["-c", 16, "-p", 64, "-R", 5000, "-d", "3s", "--format", "json"]
    report = echoload(*arguments, "{}:{}".format(*echod().address)).json
    pace, lag = report["open_loop"], report["lag"]
    with capsys.disabled():
        print(f"\nrate {pace['achieved_per_s']:.1f} of {pace['asked_per_s']:.1f} a second, lag p50 "
              f"{lag['p50_ns'] / 1000:.1f} us, p99 {lag['p99_ns'] / 1000:.1f} us")  # fmt: skip
    assert pace["asked_per_s"] == pytest.approx(5000, rel=0.0005)
    if lag["p99_ns"] < 5 * MS:  # otherwise other processes used the CPU
        assert pace["achieved_per_s"] >= 0.999 * pace["asked_per_s"]


def test_messages_without_an_echo_at_the_end_are_in_both_histograms_with_their_age():
    with serve(mute) as target:
        ended = echoload(
            *("-c", 1, "-p", 2, "-R", 10, "-d", "300ms", "--drain", "300ms", "--format", "json"),
            target,
        )
    assert ended.code == 5, ended
    report = ended.json
    check_pace(report)
    response, service = report["response"], report["latency"]
    # The first two were sent, 100 ms apart. The third was due 100 ms later and was never sent.
    assert report["open_loop"]["unsent"] == report["open_loop"]["measured_gone"] == 1
    assert (response["count"], service["count"]) == (2, 2)
    assert response["max_ns"] >= service["max_ns"] >= 450 * MS
    assert response["min_ns"] >= 400 * MS


def test_a_server_too_slow_for_the_rate_exits_with_5():
    def slow(connection, _number):
        for data in received(connection):
            time.sleep(0.02)
            connection.sendall(data)

    with serve(slow) as target:
        ended = echoload("-c", 2, "-R", 500, "-d", "500ms", "--format", "json", target)
    assert ended.code == 5, ended
    report = ended.json
    check_pace(report)
    assert report["messages"]["verified"] == report["open_loop"]["due"] == 250
    assert report["open_loop"]["achieved_per_s"] < 200
    # They were sent in turn: the last of 125 on a connection waited 2.5 s, less the half second in
    # which they became due.
    assert report["response"]["max_ns"] >= 1900 * MS
    assert report["latency"]["p50_ns"] < report["response"]["p50_ns"] / 10


# --- a stall
#
# A stall of length S in a run of length D at an even rate affects a share S / D of all messages. A
# message due at time u of the stall is echoed at its end, after S - u. So a share (S - x) / D of
# all messages has a response time above x, and the 99th percentile is
#
#     x = S - 0.01 * D
#
# With one message in flight per connection, only c messages are in flight during the stall, and the
# others wait in the client: the stall is in the service time of c of R * D messages. That is below
# 1 %, so the p99 does not show it. In a closed loop it is also in c of all messages, and the
# messages that users would have sent during the stall are not sent at all.

STALL = 0.5
LENGTH = 5.0
THEORY = STALL - 0.01 * LENGTH


def run_over_a_stall(daemon: Echod, result: Path, *arguments):
    """Runs echoload for LENGTH and stops the daemon for STALL in the middle."""
    run = start_echoload(
        *("-d", f"{LENGTH}s", "--interval", "200ms", "--format", "json", "-o", result, *arguments),
        "{}:{}".format(*daemon.address),
    )
    seen = 0
    for line in run.stderr:
        measures = "p99" in line  # false for a line of the stall itself
        seen += measures
        if measures and seen == 3:
            with daemon.paused():
                threading.Event().wait(STALL)
    run.stdout.close()
    run.stderr.close()
    run.wait(HANG_TIMEOUT)
    return result_of(result.read_text())


@pytest.mark.release_only
def test_a_stall_of_the_server_is_in_the_response_time_and_a_closed_loop_hides_it(
    echod, tmp_path, capsys
):
    daemon = echod()
    opened = run_over_a_stall(daemon, tmp_path / "open.json", "-c", 8, "-R", 2000)
    closed = run_over_a_stall(daemon, tmp_path / "closed.json", "-c", 8)
    check_pace(opened)
    response, service = opened["response"], opened["latency"]
    with capsys.disabled():
        print(f"\nresponse p99 {response['p99_ns'] / MS:.1f} ms, theory {THEORY * 1000:.1f} ms; "
              f"service p99 {service['p99_ns'] / MS:.1f} ms, closed loop p99 "
              f"{closed['latency']['p99_ns'] / MS:.1f} ms")  # fmt: skip
    assert opened["open_loop"]["due"] == 2000 * LENGTH
    assert opened["messages"]["verified"] == 2000 * LENGTH, "a stall moves no message"
    # A slow machine can only increase the response time. If the machine could not reach
    # the rate, the response time includes that.
    pace, lag = opened["open_loop"], opened["lag"]["p99_ns"]
    assert 0.9 * THEORY * 1000 * MS <= response["p99_ns"]
    if pace["achieved_per_s"] >= 0.999 * pace["asked_per_s"]:
        assert response["p99_ns"] <= 1.1 * THEORY * 1000 * MS + 4 * lag + 100 * MS
    assert response["max_ns"] >= 0.9 * STALL * 1000 * MS
    assert service["p99_ns"] < 200 * MS
    assert service["max_ns"] >= 0.9 * STALL * 1000 * MS
    assert closed["latency"]["p99_ns"] < 200 * MS
    assert closed["latency"]["max_ns"] >= 0.9 * STALL * 1000 * MS
    assert closed["open_loop"] is None
