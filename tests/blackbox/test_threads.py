# SPDX-License-Identifier: MIT
"""Several event loops of echoload: one load, shared without remainder."""

import pytest
from echoload_support import echo_back, echoload, keeps, mute, received, serve


@pytest.mark.parametrize("threads", [2, 3, 5])
def test_the_loops_share_connections_and_messages_without_remainder(threads):
    with serve(echo_back) as target:
        ended = echoload(
            *("-t", threads, "-c", 11, "-p", 3, "-n", 1009, "--format", "json", target)
        )
    assert ended.code == 0, ended
    report = ended.json
    assert report["asked"]["threads"] == threads
    assert report["connections"]["up"] == report["connections"]["peak"] == 11
    assert report["messages"]["sent"] == report["messages"]["measured"] == 1009
    assert report["latency"]["count"] == 1009


def test_each_connection_sends_the_same_whatever_the_number_of_loops():
    def run(threads):
        streams = []
        with serve(keeps(streams)) as target:
            # An open loop distributes messages evenly, so each connection has ten.
            arguments = ["-c", 6, "-R", 2000, "-n", 60, "--seed", 5]
            report = echoload("-t", threads, *arguments, "--format", "json", target).json
        assert report["messages"]["verified"] == 60
        return sorted(streams)

    one, three = run(1), run(3)
    assert len(set(one)) == 6
    assert one == three


def test_the_rate_of_an_open_loop_is_the_sum_of_all_loops():
    with serve(echo_back) as target:
        arguments = ["-t", 3, "-c", 3, "-p", 64, "-R", 1000, "-d", "500ms"]
        report = echoload(*arguments, "--format", "json", target).json
    assert report["open_loop"]["due"] == report["messages"]["measured"] == 500
    assert report["open_loop"]["asked_per_s"] == pytest.approx(1000)


def test_a_wrong_echo_in_one_loop_ends_all_loops():
    def first_lies(connection, number):
        for data in received(connection):
            connection.sendall(bytes(len(data)) if number == 0 else data)

    with serve(first_lies) as target:
        ended = echoload("-t", 3, "-c", 6, "-d", "1h", "--format", "json", target)
    assert ended.code == 4, ended
    assert ended.json["messages"]["wrong"] == 1


def test_max_in_flight_applies_to_all_loops_together():
    with serve(mute) as target:
        report = echoload(
            *("-t", 2, "-c", 4, "-p", 100, "-R", 1000, "-d", "200ms", "--max-in-flight", 9),
            *("--timeout", "300ms", "--format", "json", target),
        ).json
    assert report["messages"]["sent"] == 9
    assert report["open_loop"]["shed"] == 191


def test_the_progress_line_covers_all_loops():
    with serve(echo_back) as target:
        ended = echoload("-t", 3, "-c", 7, "-d", "400ms", "--interval", "50ms", target)
    assert ended.code == 0, ended
    lines = ended.err.splitlines()
    intervals = float(lines[-1].split("s")[0]) / 0.05  # including ramp-up and drain
    assert 2 <= len(lines) <= 1.5 * intervals + 2, ended  # one per interval, not one per loop
    # Of all loops, until the first one ends.
    assert any(" 7 up" in line for line in lines), ended
