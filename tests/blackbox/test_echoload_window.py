# SPDX-License-Identifier: MIT
"""The figures of a closed loop around the beginning of its measured part, with an independent
server as the witness."""

import pytest
from echoload_support import echoload
from witness import witness

MS = 1_000_000  # in nanoseconds


def stall(begin, end):
    """Holds what is read from `begin` to `end` seconds after the first message until the end."""
    first = []

    def hold(message):
        if not first:
            first.append(message.read)
        since = message.read - first[0]
        return end - since if begin <= since < end else 0

    return hold


@pytest.mark.parametrize("options", [[], ["-q"]])
def test_a_run_without_an_echo_in_its_measured_part_is_not_delivered(options):
    with witness(lambda message: 3) as server:
        ended = echoload("-c", 5, "-d", "1s", *options, server.target)
    assert ended.code == 5, ended
    assert "not delivered (exit 5)" in ended.out + ended.err
    assert "no echo came in the measured part" in ended.out + ended.err
    # All the same, each echo was right and has its latency.
    if not options:
        assert "of 5; min 3." in ended.out


def test_one_connection_that_is_held_across_the_beginning_is_in_the_latency():
    with witness(lambda message: 3 if message.connection == 7 else 0) as server:
        ended = echoload(
            *("-c", 50, "-d", "1s", "--slo", "max=100ms", "--format", "json", server.target)
        )
    report = ended.json
    assert ended.code == 3, ended
    (gate,) = report["gates"]
    assert not gate["passed"] and gate["measured"] == report["latency"]["max_ns"] >= 3000 * MS


def test_a_stall_across_the_beginning_is_in_the_latency():
    # The measured part begins about 1 s after the first message: within the stall.
    with witness(stall(0.4, 2)) as server:
        ended = echoload(
            *("-c", 50, "--warmup", "1s", "-d", "3s", "--format", "json", server.target)
        )
    report = ended.json
    assert ended.code == 0, ended
    longest = report["latency"]["max_ns"] / 1e9
    assert max(message.delay for message in server.echoed()) <= longest
    assert longest <= server.longest_percentile(100)
    assert longest >= 1


def test_what_is_in_flight_at_the_beginning_counts_once_and_is_not_too_short():
    # Each echo is held for 50 ms, so that no latency can be shorter.
    with witness(lambda message: 0.05) as server:
        ended = echoload(
            *("-c", 4, "-p", 3, "--warmup", "200ms", "-d", "500ms", "--format", "json"),
            server.target,
        )
    report = ended.json
    assert ended.code == 0, ended
    messages, latency = report["messages"], report["latency"]
    assert 1 <= messages["carried_over"] <= 4 * 3
    assert latency["count"] == messages["measured"] + messages["carried_over"]
    assert latency["min_ns"] >= 50 * MS
    assert messages["verified"] == messages["sent"] == len(server.log) == len(server.echoed())


def test_a_gate_on_a_percentile_with_too_few_samples_beyond_it_is_undecided():
    with witness() as server:
        arguments = ["-c", 1, "-n", 10, "--slo", "p99.99=1h,p50=1h", "--format", "json"]
        ended = echoload(*arguments, server.target)
        text = echoload("-c", 1, "-n", 10, "--slo", "p99.99=1h", server.target)
        quiet = echoload("-q", "-c", 1, "-n", 10, "--slo", "p99.99=1h", server.target)
        failed = echoload("-c", 1, "-n", 10, "--slo", "p99.99=1h,max=1ns", server.target)
        exceeded = echoload("-c", 1, "-n", 10, "--slo", "p99.99=1ns", server.target)
    assert ended.code == 6, ended
    verdict = ended.json["verdict"]
    assert (verdict["outcome"], verdict["exit_code"]) == ("undecided", 6)
    assert verdict["reasons"] == ["p99.99 needs at least 10000 values, there are 10"]
    assert [gate["passed"] for gate in ended.json["gates"]] == [None, True]
    assert "allowed 1h: undecided" in text.out and "undecided (exit 6): " in text.out, text
    assert quiet.code == 6 and "undecided (exit 6): " in quiet.err, quiet
    assert failed.code == 3, failed  # a gate that failed outranks one that is undecided
    assert exceeded.code == 3, exceeded  # one value above the limit is too many already


def test_counts_rate_and_percentiles_are_those_of_the_witness():
    # A twentieth of all echoes is held for 40 ms, the others for 5 ms.
    with witness(lambda message: 0.04 if message.length % 20 == 0 else 0.005) as server:
        ended = echoload(*("-c", 8, "-d", "1500ms", "--format", "json", server.target))
    report = ended.json
    assert ended.code == 0, ended
    messages = report["messages"]
    assert messages["sent"] == messages["verified"] == len(server.log) == len(server.echoed())
    sizes = sum(message.length for message in server.log)
    assert report["bytes"]["sent"] == report["bytes"]["received"] == sizes
    # Whatever the machine adds, it adds after the server: a latency is never below the server's.
    assert report["latency"]["min_ns"] / 1e9 >= 0.005
    assert report["latency"]["p50_ns"] / 1e9 >= 0.995 * server.percentile(50)
    assert report["latency"]["max_ns"] / 1e9 >= 0.04
    # And never above what the log leaves room for; a message at either end of a connection has no
    # such limit, so the next per cent is compared.
    for percent in (50, 90):
        most = server.longest_percentile(percent + 2)
        assert report["latency"][f"p{percent}_ns"] / 1e9 <= 1.001 * most + 0.001
    # The window holds about the share of all echoes that it has of the time.
    begin = server.accepted[0][0] + report["ramp_up_s"]
    inside = sum(begin <= message.echoed < begin + 1.5 for message in server.echoed())
    assert report["messages"]["in_window"] == pytest.approx(inside, rel=0.1)
    assert report["rate"]["messages_per_s"] == pytest.approx(messages["in_window"] / 1.5)
