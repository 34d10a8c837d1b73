# SPDX-License-Identifier: MIT
"""Misbehaving connections of echoload, with the daemon and with correct and faulty servers."""

import socket
import struct

import pytest

from echoload_support import echo_back, echoload, mute, refusing_port, serve

SHORT = {"idle": "300ms", "message": "300ms", "write": "300ms"}
LONG = {"idle": "60s", "message": "60s", "write": "60s"}
SHED = ("slow-read", "idle", "half-header", "dribble", "oversize", "garbage", "never-read")


def modes(names, count):
    return ",".join(f"{name}:{count}" for name in names)


def expected(names, what):
    return ",".join(f"{name}={what}" for name in names)


def target(daemon):
    host, port = daemon.address
    return f"{host}:{port}"


def check(counts):
    """Each connection is counted once. (The client resets those of mode rst.)"""
    for mode, each in counts.items():
        ended = each["closed_by_fin"] + each["closed_by_rst"] + each["open_at_end"]
        assert ended <= each["opened"] if mode == "rst" else ended == each["opened"], mode
        assert each["echoed"] <= each["whole_messages"]
        assert (each["median_open_s"] is None) == (each["closed_by_fin"] + each["closed_by_rst"] == 0)


def test_the_daemon_closes_misbehaving_connections_and_serves_the_others(echod):
    daemon = echod(timeouts=SHORT)
    ended = echoload(
        *("-c", 5, "-d", "5s", "--abuse", modes(SHED, 4) + ",rst:4", "--format", "json"),
        *("--expect", expected(SHED, "close") + ",rst=keep", target(daemon)),
    )
    assert ended.code == 0, ended
    counts = ended.json["abuse"]
    check(counts)
    assert set(counts) == {*SHED, "rst"}
    for mode in SHED:
        assert counts[mode]["opened"] == 4 and counts[mode]["met"] is True, mode
        assert counts[mode]["median_open_s"] < 5
    # The valid message before the invalid header is echoed, then a FIN follows.
    assert counts["oversize"]["echoed"] == 4 and counts["oversize"]["closed_by_fin"] == 4
    assert counts["idle"]["closed_by_fin"] == counts["half-header"]["closed_by_fin"] == 4
    assert counts["rst"]["opened"] > 4
    # The control cohort is not affected.
    report = ended.json
    assert report["connections"]["up"] == 5 and report["connections"]["ended_early"] == 0
    assert report["messages"]["verified"] == report["messages"]["sent"] > 0


def test_the_daemon_serves_slow_clients_that_are_within_the_timeouts(echod):
    daemon = echod(timeouts=LONG)
    names = ("slow-read", "dribble", "idle", "half-header", "never-read")
    ended = echoload(
        *("-c", 2, "-d", "4s", "--abuse", modes(names, 3), "--format", "json"),
        *("--expect", expected(names, "keep"), target(daemon)),
    )
    assert ended.code == 0, ended
    check(ended.json["abuse"])
    for mode in names:
        assert ended.json["abuse"][mode]["open_at_end"] == 3
    echoing = echoload(
        *("-c", 2, "-d", "4s", "--abuse", "slow-read:3,dribble:3,oversize:3"),
        *("--expect", "slow-read=echo,dribble=echo,oversize=echo", target(daemon)),
    )
    assert echoing.code == 0, echoing


def test_a_failed_expectation_exits_with_3_and_a_reason(echod):
    daemon = echod(timeouts=LONG)
    ended = echoload("-c", 2, "-d", "500ms", "--abuse", "idle:7", "--expect", "idle=close", target(daemon))
    assert ended.code == 3, ended
    assert "idle was expected to close: the server closed 0 of 7" in ended.out
    assert "close: NO" in ended.out and "verdict     gate failed (exit 3)" in ended.out


def test_garbage_echoed_by_a_byte_echo_server_is_not_wrong():
    with serve(echo_back) as where:
        ended = echoload(
            *("-c", 2, "-d", "2s", "--abuse", "garbage:3,oversize:3,half-header:3,dribble:3"),
            *("--expect", "garbage=keep,oversize=echo,dribble=echo", "--format", "json", where),
        )
    assert ended.code == 0, ended
    counts = ended.json["abuse"]
    check(counts)
    assert counts["garbage"]["echoed_bytes"] == 3 * 1016
    assert counts["oversize"]["echoed_bytes"] == 3 * (64 + 8)
    assert counts["half-header"]["echoed_bytes"] == 3 * 4


def test_a_wrong_echo_on_a_misbehaving_connection_is_a_wrong_echo():
    def lies_to_those_that_dribble(connection, number):
        data = connection.recv(65536)
        connection.sendall(bytes([data[0] ^ 1]) if len(data) == 1 else data)
        echo_back(connection)

    with serve(lies_to_those_that_dribble) as where:
        ended = echoload(
            *("-c", 2, "-d", "4s", "--sizes", "fixed:100", "--abuse", "dribble:1"),
            *("--format", "json", where),
        )
    assert ended.code == 4, ended
    assert ended.json["abuse"]["dribble"]["wrong"] == 1
    assert ended.json["wrong_by_kind"]["total"] == 0
    assert ended.json["mismatches"][0]["connection"] >= 10**12
    assert "1 echo was wrong on misbehaving connections" in ended.json["verdict"]["reasons"]


def test_connections_reset_by_the_server_are_counted_as_reset():
    def resets_half_headers(connection, number):
        data = connection.recv(65536)
        if len(data) == 4:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            connection.sendall(data)
            echo_back(connection)

    with serve(resets_half_headers) as where:
        ended = echoload(
            *("-c", 1, "-d", "1s", "--abuse", "half-header:5", "--expect", "half-header=close"),
            *("--format", "json", where),
        )
    assert ended.code == 0, ended
    assert ended.json["abuse"]["half-header"]["closed_by_rst"] == 5


def test_refused_connections_are_counted_and_fail_every_expectation():
    with refusing_port() as dead, serve(echo_back) as alive:
        ended = echoload(
            *("-c", 1, "-d", "500ms", "--abuse", "idle:4", "--expect", "idle=keep"),
            *("--format", "json", alive, dead),
        )
    assert ended.code == 3, ended
    counts = ended.json["abuse"]["idle"]
    assert (counts["opened"], counts["refused"]) == (2, 2)
    assert "2 of 4 connections were opened, 2 refused" in ended.json["verdict"]["reasons"][0]


def test_misbehaving_connections_work_over_a_unix_socket(tmp_path):
    with serve(echo_back, socket.AF_UNIX, str(tmp_path / "s"), backlog=1) as where:
        ended = echoload(
            *("-c", 2, "-d", "3s", "--abuse", "idle:5,slow-read:2,dribble:5,rst:3"),
            *("--expect", "idle=keep,dribble=echo,slow-read=echo", "--format", "json", where),
        )
    assert ended.code == 0, ended
    assert ended.json["abuse"]["rst"]["opened"] > 3


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--abuse", "slow:3"], "--abuse: must be MODE:N, ... with a MODE of slow-read"),
        (["--abuse", "idle:x"], "idle must have 1 to 1000000 connections, has 'x'"),
        (["--expect", "idle=close"], "--expect: there is no idle connection; add --abuse idle:N"),
        (["--abuse", "idle:1", "--expect", "idle=go"], "idle must be close, echo or keep, is 'go'"),
    ],
)
def test_an_invalid_abuse_option_gives_one_line(arguments, words):
    ended = echoload(*arguments, "127.0.0.1:1")
    assert ended.code == 2, ended
    assert words in ended.err and ended.err.count("\n") == 1


def test_memory_of_never_read_connections_is_bounded_if_the_server_never_echoes():
    with serve(mute) as where:
        ended = echoload(
            *("-c", 1, "-d", "1s", "--timeout", "3s", "--abuse", "never-read:2,slow-read:2"),
            *("--format", "json", where),
        )
    assert ended.code == 5, ended
    counts = ended.json["abuse"]
    assert counts["never-read"]["whole_messages"] == 2 * 1024
    assert counts["slow-read"]["whole_messages"] == 2 * 1024
