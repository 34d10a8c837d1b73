# SPDX-License-Identifier: MIT
"""Figures of each target and connection, compared with the logs of independent servers."""

import itertools
import re
import statistics

from echoload_support import echoload, refusing_port
from witness import witness


def tail_in_ms(server):
    """The mean delay of the server's log in milliseconds: the client cannot have seen less."""
    return statistics.fmean(message.delay for message in server.log if message.echoed) * 1e3


def test_each_target_has_figures_of_its_own():
    with witness() as fast, witness(hold=lambda message: 0.02) as slow, refusing_port() as refused:
        ended = echoload(
            *("-c", 9, "-n", 300, "--max-error-rate", "50%", "--format", "json"),
            *(fast.target, slow.target, refused),
        )
        names = [fast.target, slow.target, refused]
    assert ended.code == 0, ended
    rows = {row["target"]: row for row in ended.json["targets"]}
    assert list(rows) == names, "in the order of the targets"
    for server, name in zip((fast, slow), names, strict=False):
        row = rows[name]
        assert (row["up"], row["failed"], row["ended_early"]) == (3, 0, 0)
        assert row["sent"] == row["verified"] == len(server.log)
        assert row["sent_bytes"] == row["received_bytes"]
        assert row["sent_bytes"] == sum(message.length for message in server.log)
        assert row["errors"] == [] and row["wrong"] == row["timed_out"] == row["lost"] == 0
        assert row["latency"]["count"] == len(server.log)
        assert row["latency"]["mean_ns"] / 1e6 >= tail_in_ms(server)
    assert rows[names[1]]["latency"]["min_ns"] >= 20e6
    assert rows[names[0]]["latency"]["p50_ns"] < 20e6
    row = rows[refused]
    assert (row["up"], row["failed"], row["sent"]) == (0, 3, 0)
    assert row["errors"] == [{"phase": "connect", "error": "ECONNREFUSED", "count": 3}]
    assert row["latency"]["count"] == 0 and row["latency"]["p99_ns"] is None
    whole = ended.json
    for key in ("sent", "verified"):
        assert sum(each[key] for each in rows.values()) == whole["messages"][key] == 300
    assert sum(each["up"] for each in rows.values()) == whole["connections"]["up"]
    assert sum(each["latency"]["count"] for each in rows.values()) == whole["latency"]["count"]
    assert [each["latency"]["count"] for each in whole["addresses"]] == [
        each["latency"]["count"] for each in rows.values()
    ]


def test_the_text_says_which_target_refused_and_one_target_is_no_list():
    with witness() as server, refusing_port() as refused:
        several = echoload("-c", 4, "-n", 40, server.target, refused)
        one = echoload("-c", 2, "-n", 40, server.target)
        name = server.target
    assert several.code == 5, several
    assert re.search(
        rf"^targets     {name}  up 2, failed 0, ended early 0, sent 40, verified 40, "
        r"wrong 0, timed out 0, lost 0; p50 \S+, p99 \S+, max \S+\n"
        rf"            {refused}  up 0, failed 2, ended early 0, sent 0, verified 0, wrong 0, "
        r"timed out 0, lost 0; p50 -, p99 -, max -\n"
        r"              connect 2  ECONNREFUSED",
        several.out,
        re.MULTILINE,
    ), several.out
    assert "targets" not in one.out
    quiet = echoload("-q", "-c", 4, "-n", 40, refused, refused)
    assert quiet.code == 1 and quiet.out == ""


def test_an_open_loop_has_the_response_time_of_each_target():
    with witness() as fast, witness(hold=lambda message: 0.02) as slow:
        report = echoload(
            *("-c", 4, "-R", 200, "-d", "1s", "--format", "json", fast.target, slow.target)
        ).json
    fast_row, slow_row = report["targets"]
    assert fast_row["latency"]["count"] + slow_row["latency"]["count"] == 200
    assert slow_row["latency"]["min_ns"] >= 20e6
    assert report["response"]["count"] == 200 and report["messages"]["sent"] == 200
    assert report["open_loop"]["due"] == 200


def test_the_slowest_connections_are_named_with_number_and_port():
    with witness(hold=lambda message: 0.03 if message.connection % 20 == 3 else 0.001) as server:
        arguments = ("-c", 20, "-d", "1s", "--connect-rate", 200)
        ended = echoload(*arguments, "--format", "json", server.target)
        delay = statistics.fmean(
            message.delay for message in server.log if message.connection == 3 and message.echoed
        )
        text = echoload(*arguments, server.target).out
    fairness = ended.json["fairness"]
    assert fairness["connections"] == 20 and fairness["without_values"] == 0
    worst = fairness["worst"][0]
    _, address, _ = server.accepted[3]
    assert worst["port"] == address[1] and worst["connection"] == 3
    assert worst["mean_ns"] / 1e9 >= delay > 0.03
    assert fairness["slowest_decile_ns"] >= worst["mean_ns"] / 2, "a tenth of 20 is two"
    assert 1e6 <= fairness["fastest_decile_ns"] < fairness["slowest_decile_ns"]
    assert len(fairness["worst"]) == 5
    means = [each["mean_ns"] for each in fairness["worst"]]
    assert means == sorted(means, reverse=True)
    assert re.search(
        r"^fairness    mean of the slowest tenth of the connections \S+, of the fastest \S+\n"
        r"            slowest: 3 \(port \d+\) \S+, \d+ \(port \d+\) ",
        text,
        re.MULTILINE,
    ), text


def test_a_connection_that_gets_no_echo_is_counted():
    with witness(hold=lambda message: 3600 if message.connection == 1 else 0) as server:
        ended = echoload(
            *("-c", 3, "-d", "300ms", "--drain", "10ms", "--warmup", "100ms", "--timeout", "30s"),
            *("--format", "json", server.target),
        )
    fairness = ended.json["fairness"]
    assert fairness["connections"] + fairness["without_values"] == 3
    slow = [each for each in fairness["worst"] if each["mean_ns"] > 300e6]
    assert fairness["without_values"] == 1 or len(slow) == 1, fairness


def test_a_rate_that_drifts_is_not_steady():
    waits = itertools.count()  # the server becomes slower with each message

    def hold(_message):
        return 0.0005 + next(waits) * 2e-5

    with witness(hold=hold) as server:
        ended = echoload("-c", 1, "-d", "2s", server.target)
        waits = itertools.count()
        report = echoload("-c", 1, "-d", "2s", "--format", "json", server.target).json
        first = server.log[-report["messages"]["sent"]].read
        counted = [0, 0, 0]
        for message in server.log[-report["messages"]["sent"] :]:
            third = int((message.read - first) / (2 / 3))
            counted[min(third, 2)] += 1
    assert ended.code == 0, "it is no failure"
    assert re.search(
        r"^not steady  [\d,]+/s in the first third, [\d,]+/s in the last \(-\d\d %\)$",
        ended.out,
        re.MULTILINE,
    ), ended.out
    steadiness = report["steadiness"]
    assert steadiness["steady"] is False
    # A third may be shorter by a bin, 1/64 of the window, and begins with the window.
    seconds = 2 / 3
    assert abs(steadiness["first_third_per_s"] * seconds / counted[0] - 1) < 0.15
    assert abs(steadiness["last_third_per_s"] * seconds / counted[2] - 1) < 0.15
    assert steadiness["change_share"] < -0.3


def test_a_steady_rate_and_one_that_is_to_change_are_not_reported():
    with witness(hold=lambda message: 0.002) as server:
        steady = echoload("-c", 4, "-R", 400, "-d", "2s", "--format", "json", server.target).json
        ramp = echoload("-c", 4, "-R", "50:400", "-d", "2s", "--format", "json", server.target)
        short = echoload("-c", 1, "-n", 20, "--format", "json", server.target).json
    assert steady["steadiness"]["steady"] is True
    assert abs(steady["steadiness"]["first_third_per_s"] - 400) < 30
    assert ramp.json["steadiness"] is None and short["steadiness"] is None
