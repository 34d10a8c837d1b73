# SPDX-License-Identifier: MIT
"""echoload's gates: what they let pass, what they stop, and how they say so."""

import threading

import pytest

from echoload_support import (
    PATIENCE,
    closes_after,
    echoload,
    honest,
    mute,
    received,
    serve,
    start_echoload,
)


def test_gates_that_are_kept_are_shown_and_the_run_is_well():
    with serve(honest) as target:
        ended = echoload(
            *("-c", 2, "-n", 100, "--slo", "p99=1h,mean=1h", "--slo", "max=1h"),
            *("--max-error-rate", "0%", target),
        )
    assert ended.code == 0, ended
    for gate in ("p99", "mean", "max"):
        assert f"{gate} " in ended.out and "allowed 1h: passed" in ended.out
    assert "error rate 0%, allowed 0%: passed" in ended.out


def test_each_failed_gate_has_a_sentence_with_measured_and_allowed():
    with serve(honest) as target:
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


def test_quiet_tells_a_failed_gate():
    with serve(honest) as target:
        ended = echoload("-q", "-c", 1, "-n", 10, "--slo", "max=1ns", target)
    assert ended.code == 3
    assert "gate failed (exit 3): max was " in ended.err and ended.out == ""


def test_losses_within_the_error_rate_are_no_failure():
    def first_closes(connection, number):
        if number == 0:
            closes_after(92 * 20)(connection)
        else:
            honest(connection)

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


def test_what_a_lost_connection_had_not_begun_to_send_is_sent_by_the_others():
    def first_closes(connection, number):
        if number != 0:
            honest(connection)
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
def test_it_is_sent_by_those_also_that_were_done_unless_they_have_said_so(close, code):
    """One of two takes nothing and is closed when the other has had all its echoes."""
    share = 20_000 * 1024  # more than fits in the buffers between
    done = threading.Event()

    def first_closes_late(connection, number):
        if number == 0:
            connection.recv(1)
            done.wait(PATIENCE)
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


def test_a_server_that_dies_fails_the_run_whatever_errors_are_allowed():
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
        out, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 5, out + err
    assert "no connection was left" in out and "into the 1m to measure" in out


def test_losses_beyond_the_error_rate_are_a_failed_gate():
    with serve(mute) as target:
        ended = echoload(
            *("-c", 2, "-n", 2, "--timeout", "50ms", "--max-error-rate", "99%", target)
        )
    assert ended.code == 3, ended
    assert "error rate was 100%, allowed is 99%" in ended.out


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--slo", "p99"], "--slo: must be pN"),
        (["--slo", "p99=1ms,huge=2ms"], "'huge=2ms'"),
        (["--max-error-rate", "0.1"], "--max-error-rate: must be 0% to 100%"),
    ],
)
def test_a_gate_that_is_none_is_wrong_usage(arguments, words):
    ended = echoload(*arguments, "127.0.0.1:1")
    assert ended.code == 2 and words in ended.err and ended.err.count("\n") == 1, ended
