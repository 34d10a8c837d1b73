# SPDX-License-Identifier: MIT
"""echoload's gates: when they pass, when they fail, and their output."""

import re
import threading
import time

import pytest

from echoload_support import (
    HANG_TIMEOUT,
    closes_after,
    echo_back,
    echoload,
    mute,
    received,
    serve,
    start_echoload,
)


def test_passed_gates_are_shown_and_the_run_succeeds():
    with serve(echo_back) as target:
        ended = echoload(
            *("-c", 2, "-n", 100, "--slo", "p99=1h,mean=1h", "--slo", "max=1h"),
            *("--max-error-rate", "0%", target),
        )
    assert ended.code == 0, ended
    for gate in ("p99", "mean", "max"):
        assert f"{gate} " in ended.out and "allowed 1h: passed" in ended.out
    assert "error rate 0%, allowed 0%: passed" in ended.out


def test_each_failed_gate_is_reported_with_the_measured_and_allowed_value():
    with serve(echo_back) as target:
        ended = echoload(
            *("-c", 2, "-n", 100, "--slo", "p50=1ns,max=1ns,p99=1h", "--format", "json", target)
        )
    assert ended.code == 3, ended
    verdict = ended.json["verdict"]
    assert verdict["outcome"] == "gate failed" and verdict["exit_code"] == 3
    assert [reason.split(" was ")[0] for reason in verdict["reasons"]] == ["p50", "max"]
    assert all(reason.endswith(", allowed is 1ns") for reason in verdict["reasons"])
    assert [gate["passed"] for gate in ended.json["gates"]] == [False, False, True]
    measured = {gate["gate"]: gate["measured"] for gate in ended.json["gates"]}
    assert measured["p50"] == ended.json["latency"]["p50_ns"]
    assert measured["max"] == ended.json["latency"]["max_ns"]


def test_every_kind_of_figure_can_be_required():
    conditions = "p50<1h,min>1ns,rate>=10,rate<1M/s,bytes>1k,errors<0.1%,lost<=0,service.max<1h"
    with serve(echo_back) as target:
        ended = echoload(
            *("-c", 2, "-R", 200, "-d", "1s", "--sizes", 64, "--slo", conditions, target)
        )
    assert ended.code == 0, ended
    for line in (
        r"p50 [\d.]+[mu]s, allowed <1h: passed",
        r"min [\d.]+[mu]s, allowed >1ns: passed",
        r"rate (199|200|201)/s, allowed >=10/s: passed",
        r"rate (199|200|201)/s, allowed <1000000/s: passed",
        r"bytes 14\.[345] kB/s, allowed >1000/s: passed",
        r"errors 0%, allowed <0.1%: passed",
        r"lost 0, allowed 0: passed",
        r"service\.max [\d.]+[mu]s, allowed <1h: passed",
    ):
        assert re.search(line, ended.out), (line, ended.out)


def test_a_rate_that_is_not_reached_fails_and_the_json_names_the_comparison():
    with serve(echo_back) as target:
        ended = echoload(
            *("-c", 1, "-n", 20, "--think", "10ms", "--slo", "rate>=10k,p50>1ns"),
            *("--format", "json", target),
        )
    assert ended.code == 3, ended
    rate, p50 = ended.json["gates"]
    assert rate["gate"] == "rate" and rate["comparison"] == ">=" and rate["allowed"] == 10000
    assert rate["unit"] == "messages_per_s" and rate["passed"] is False
    assert rate["measured"] == ended.json["rate"]["messages_per_s"] < 120
    assert p50["unit"] == "ns" and p50["comparison"] == ">" and p50["passed"] is True


def test_the_percentiles_to_print_can_be_chosen():
    with serve(echo_back) as target:
        text = echoload("-c", 1, "-n", 100, "--percentiles", "25,p99.999", target)
        json = echoload(
            *("-c", 1, "-n", 100, "--percentiles", "25", "--percentiles", "99.999"),
            *("--format", "json", target),
        ).json
    line = next(each for each in text.out.splitlines() if each.startswith("latency"))
    assert re.fullmatch(r"latency +p25 [\d.]+[num]s  p99.999 [\d.]+[num]s  max [\d.]+[num]s", line)
    latency = json["latency"]
    assert json["percentiles"] == [25, 99.999]
    assert latency["min_ns"] <= latency["p25_ns"] <= latency["p50_ns"]
    assert latency["p99_ns"] <= latency["p99_999_ns"] == latency["max_ns"]


def test_quiet_reports_a_failed_gate():
    with serve(echo_back) as target:
        ended = echoload("-q", "-c", 1, "-n", 10, "--slo", "max=1ns", target)
    assert ended.code == 3
    assert "gate failed (exit 3): max was " in ended.err and ended.out == ""


def test_losses_within_the_error_rate_pass():
    def first_closes(connection, number):
        if number == 0:
            closes_after(92 * 20)(connection)
        else:
            echo_back(connection)

    arguments = ("-c", 2, "-n", 2000, "--sizes", "fixed:84")
    with serve(first_closes) as target:
        strict = echoload(*arguments, target)
    with serve(first_closes) as target:
        lenient = echoload(*arguments, "--max-error-rate", "60%", "--format", "json", target)
    with serve(first_closes) as target:
        beyond = echoload(*arguments, "--max-error-rate", "40%", target)
    assert strict.code == 5, strict
    assert lenient.code == 0, lenient
    assert lenient.json["messages"]["lost"] >= 1
    assert beyond.code == 3 and "error rate was 50%, allowed is 40%" in beyond.out, beyond


def test_unsent_messages_of_a_lost_connection_are_sent_by_the_others():
    def first_closes(connection, number):
        if number != 0:
            echo_back(connection)
        connection.recv(1)

    with serve(first_closes) as target:
        ended = echoload(
            *("-c", 3, "-n", "20k", "-p", 6000, "--sizes", "fixed:1016"),
            *("--max-error-rate", "40%", "--format", "json", target),
        )
    assert ended.code == 0, ended
    messages = ended.json["messages"]
    assert messages["verified"] + messages["lost"] == 20_000


@pytest.mark.parametrize("close, code", [("fin", 0), ("half", 5)])
def test_unsent_messages_are_redistributed_to_idle_connections_unless_they_half_closed(close, code):
    """One of two connections is not read, and is closed when the other has all its echoes."""
    share = 20_000 * 1024  # more than the socket buffers hold
    done = threading.Event()

    def first_closes_late(connection, number):
        if number == 0:
            connection.recv(1)
            done.wait(HANG_TIMEOUT)
            return
        echoed = 0
        for data in received(connection):
            connection.sendall(data)
            echoed += len(data)
            if echoed >= share:
                done.set()

    with serve(first_closes_late) as target:
        ended = echoload(
            *("-c", 2, "-n", 40_000, "-p", 20_000, "--sizes", "fixed:1016", "--close", close),
            *("--max-error-rate", "60%", "--format", "json", target),
        )
    assert ended.code == code, ended
    messages = ended.json["messages"]
    if close == "half":
        assert messages["verified"] == 20_000
    else:
        assert messages["verified"] == 40_000 - messages["lost"] > 20_000


def test_a_server_that_dies_fails_the_run_regardless_of_the_error_rate():
    dies = threading.Event()

    def mortal(connection, _number):
        for data in received(connection):
            if dies.is_set():
                return
            connection.sendall(data)

    with serve(mortal) as target:
        run = start_echoload(
            *("-c", 5, "-d", "60s", "--max-error-rate", "100%", "--interval", "100ms", target)
        )
        next(line for line in run.stderr if "p99" in line)  # it measures
        dies.set()
        out, err = run.communicate(timeout=HANG_TIMEOUT)
    assert run.returncode == 5, out + err
    assert "no connection was left" in out and "into the 1m to measure" in out


def test_losses_above_the_error_rate_fail_the_gate():
    def first_is_mute(connection, number):  # so that the second cannot take both messages
        (echo_back if number else mute)(connection)

    with serve(first_is_mute) as target:
        ended = echoload(
            *("-c", 2, "-n", 2, "--timeout", "2s", "--max-error-rate", "49%", target)
        )
    assert ended.code == 3, ended
    assert "error rate was 50%, allowed is 49%" in ended.out


def test_a_run_without_any_echo_is_not_delivered_whatever_the_error_rate():
    with serve(mute) as target:
        ended = echoload(
            *("-c", 2, "-d", "50ms", "--timeout", "60ms", "--max-error-rate", "100%", target)
        )
    assert ended.code == 5, ended
    assert "no echo came in the measured part" in ended.out


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--slo", "p99"], "--slo: must be a figure, <, <=, > or >=, and a value, as in 'p99.9<5ms'"),
        (["--slo", "p99=1ms,huge<2ms"], "'huge<2ms'"),
        (["--slo", "errors<0.1"], "errors, with a percentage"),
        (["--percentiles", "50,100"], "--percentiles: must be percentiles above 0 and below 100"),
        (["--max-error-rate", "0.1"], "--max-error-rate: must be 0% to 100%"),
    ],
)
def test_an_invalid_gate_is_wrong_usage(arguments, words):
    ended = echoload(*arguments, "127.0.0.1:1")
    assert ended.code == 2 and words in ended.err and ended.err.count("\n") == 1, ended


# --- --abort-on


def slows_down(after):
    """Echoes at once, and from `after` seconds on with 20 ms of delay."""

    def handler(connection, _number):
        begun = time.monotonic()
        for data in received(connection):
            if time.monotonic() - begun > after:
                threading.Event().wait(0.02)
            connection.sendall(data)

    return handler


def test_a_run_that_has_failed_ends_early_with_its_report():
    with serve(slows_down(0.3)) as target:
        ended = echoload(
            *("-c", 1, "-R", 200, "-p", 8, "-d", "1h", "--interval", "200ms"),
            *("--abort-on", "rate<1,p90>10ms", "--format", "json", target),
        )
    report = ended.json
    assert ended.code == 3, ended
    aborted = report["aborted"]
    assert (aborted["condition"], aborted["unit"]) == ("p90>10ms", "ns")
    assert aborted["measured"] > 10e6
    assert report["window_s"] == pytest.approx(aborted["after_s"], abs=0.1)
    assert report["elapsed_s"] < 30
    assert re.match(
        r"ended \S+s into the measured part by --abort-on p90>10ms: p90 was \S+ms$",
        report["verdict"]["reasons"][0],
    )


def test_a_silent_server_ends_the_run_by_its_rate():
    with serve(mute) as target:
        ended = echoload(
            *("-c", 1, "-n", "1M", "--timeout", "30s", "--interval", "100ms"),
            *("--abort-on", "rate<10", target),
        )
    assert ended.code == 3, ended
    assert re.search(r"verdict +gate failed \(exit 3\): ended .* by --abort-on rate<10", ended.out)


def test_a_condition_that_does_not_hold_leaves_the_run_alone():
    with serve(echo_back) as target:
        ended = echoload("-c", 1, "-d", "1100ms", "--abort-on", "p99>1h", "--format", "json", target)
    assert ended.code == 0, ended
    assert ended.json["aborted"] is None


@pytest.mark.parametrize(
    "arguments, error",
    [
        (["--abort-on", "p99=1s"], "must be a figure, <, <=, > or >=, and a value"),
        (["--abort-on", "outages>1", "--reconnect"], "outages are not"),
        (["--abort-on", "p99>1s", "--interval", "2s"], "requires an --interval of at most 1s"),
    ],
)
def test_a_condition_that_cannot_be_judged_in_time_is_refused(arguments, error):
    ended = echoload(*arguments, "127.0.0.1:1")
    assert (ended.code, ended.out) == (2, "")
    assert error in ended.err
