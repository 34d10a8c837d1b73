# SPDX-License-Identifier: MIT
"""How echoload closes connections and replaces them."""

import os
import re
import signal
import socket
import threading

import pytest
from echoload_support import (
    HANG_TIMEOUT, echo_back, echoes_after, echoload, mute, received, serve, start_echoload,
)  # fmt: skip


class Ends:
    """A correct server that records each connection's stream and how the client closed it."""

    def __init__(self):
        self.streams = []
        self.ends = []

    def __call__(self, connection, _number):
        stream = b""
        end = "FIN"
        try:
            for data in received(connection):
                stream += data
                connection.sendall(data)
        except ConnectionResetError:
            end = "RST"
        self.streams.append(stream)
        self.ends.append(end)


def check_connections(report):
    connections = report["connections"]
    assert connections["asked"] + connections["replaced"] == sum(
        connections[key] for key in ("up", "failed", "not_tried")
    ), connections
    # Those of the measured part, from which the rate is calculated.
    measured = round(connections["up_per_s"] * report["window_s"])
    assert report["connect_latency"]["count"] == measured <= connections["up"]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("close, end", [("fin", "FIN"), ("half", "FIN"), ("rst", "RST")])
def test_a_connection_is_replaced_after_its_number_of_messages(close, end, threads):
    server = Ends()
    with serve(server) as target:
        ended = echoload(
            *("-c", 4, "-p", 2, "-n", 200, "--conn-messages", 10, "--sizes", "fixed:92"),
            *("--close", close, "-t", threads, "--format", "json", target),
        )
    assert ended.code == 0, ended
    report = ended.json
    check_connections(report)
    assert report["messages"]["verified"] == 200
    assert all(len(stream) <= 10 * 100 for stream in server.streams)
    assert sum(len(stream) for stream in server.streams) == 200 * 100
    full = [stream for stream in server.streams if len(stream) == 1000]
    assert len(full) >= 16
    assert report["connections"]["up"] == len(server.streams) <= 24
    assert report["connections"]["peak"] <= 4
    assert set(server.ends) == {end}
    assert report["connections"]["drained"] == (len(server.streams) if close == "half" else 0)
    assert len(set(full)) == len(full), "no connection has the messages of another one"


@pytest.mark.parametrize("close, end", [("fin", "FIN"), ("half", "FIN"), ("rst", "RST")])
def test_the_connections_are_closed_as_configured_at_the_end_of_a_run(close, end):
    server = Ends()
    with serve(server) as target:
        ended = echoload("-c", 5, "-d", "200ms", "--close", close, "--format", "json", target)
    assert ended.code == 0, ended
    assert server.ends == [end] * 5
    assert ended.json["connections"]["drained"] == (5 if close == "half" else 0)
    assert ended.json["messages"]["sent"] == ended.json["messages"]["verified"]


def test_an_open_loop_continues_while_its_connections_are_replaced():
    server = Ends()
    with serve(server) as target:
        ended = echoload(
            *("-c", 2, "-R", 2000, "-n", 600, "--conn-messages", 5, "--format", "json"),
            *("--close", "half", target),
        )
    report = ended.json
    check_connections(report)
    assert report["messages"]["verified"] == report["open_loop"]["due"] == 600, ended
    assert report["open_loop"]["shed"] == report["open_loop"]["unsent"] == 0
    assert report["response"]["count"] == 600
    assert 120 <= report["connections"]["up"] <= 122
    assert report["connections"]["drained"] == report["connections"]["up"]


def test_connections_are_replaced_until_the_end_of_the_run():
    with serve(echo_back) as target:
        ended = echoload("-c", 8, "-d", "400ms", "--conn-messages", 1, "--format", "json", target)
    assert ended.code == 0, ended
    report = ended.json
    check_connections(report)
    connections = report["connections"]
    assert connections["up"] > 16 and connections["not_tried"] == 0
    assert connections["up_per_s"] > 0
    assert report["messages"]["verified"] == report["messages"]["sent"]


# --- half-closed connections


def read_all(connection):
    return b"".join(received(connection))


def test_a_server_that_drops_echoes_at_a_half_close_is_reported():
    def drops_the_last(connection, _number):
        connection.sendall(read_all(connection)[:-100])

    with serve(drops_the_last) as target:
        ended = echoload(
            *("-c", 2, "-p", 3, "-n", 6, "--conn-messages", 3, "--sizes", "fixed:92"),
            *("--close", "half", "--format", "json", target),
        )
    assert ended.code == 5, ended
    assert ended.json["errors"] == [{"phase": "close", "error": "EOF", "count": 2}]
    assert ended.json["messages"]["lost"] == 2
    assert ended.json["connections"]["drained"] == 0


@pytest.mark.parametrize("option", ["--timeout", "--drain"])
def test_a_server_that_does_not_close_after_a_half_close_is_reported(option):
    def stays(connection, _number):
        for data in received(connection):
            connection.sendall(data)
        gone.wait(HANG_TIMEOUT)

    gone = threading.Event()
    with serve(stays) as target:
        ended = echoload(
            *("-c", 3, "-n", 30, "--close", "half", option, "200ms", "--format", "json", target)
        )
        gone.set()
    assert ended.code == 5, ended
    assert ended.json["errors"] == [{"phase": "close", "error": "ETIMEDOUT", "count": 3}]
    assert ended.json["messages"]["verified"] == 30


def test_bytes_between_the_last_echo_and_the_end_of_file_are_a_wrong_echo():
    def adds_at_the_end(connection, _number):
        connection.sendall(read_all(connection) + b"bye")

    with serve(adds_at_the_end) as target:
        ended = echoload(
            *("-c", 1, "-p", 2, "-n", 2, "--conn-messages", 2, "--close", "half", target)
        )
    assert ended.code == 4, ended
    assert "extra" in ended.out


def test_a_connection_with_extra_bytes_does_not_count_as_drained():
    def adds_at_the_end(connection, number):
        connection.sendall(read_all(connection) + (b"bye" if number == 0 else b""))

    with serve(adds_at_the_end) as target:
        ended = echoload(
            *("-c", 3, "-p", 2, "-n", 6, "--close", "half", "--on-mismatch", "count"),
            *("--format", "json", target),
        )
    assert ended.code == 4, ended
    assert ended.json["wrong_by_kind"]["extra"] == 1
    assert ended.json["messages"]["verified"] == 6
    assert ended.json["connections"]["drained"] == 2


def test_a_reset_instead_of_end_of_file_is_reported():
    def resets_at_the_end(connection, _number):
        connection.sendall(read_all(connection))
        connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with serve(resets_at_the_end) as target:
        ended = echoload("-c", 1, "-n", 1, "--close", "half", "--format", "json", target)
    assert ended.code == 5, ended
    assert ended.json["errors"] == [{"phase": "read", "error": "ECONNRESET", "count": 1}]


def test_echod_sends_every_echo_after_a_half_close(echod):
    daemon = echod()
    target = "{}:{}".format(*daemon.address)
    ended = echoload(
        *("-c", 20, "-p", 8, "-n", 8000, "--conn-messages", 20, "--close", "half"),
        *("--format", "json", target),
    )
    assert ended.code == 0, ended
    report = ended.json
    check_connections(report)
    assert report["connections"]["drained"] == report["connections"]["up"] >= 400
    assert report["messages"]["verified"] == 8000


def test_the_text_reports_the_rate_of_connections_and_the_number_drained():
    with serve(echo_back) as target:
        ended = echoload("-c", 2, "-n", 40, "--conn-messages", 4, "--close", "half", target)
    assert ended.code == 0, ended
    assert re.search(r"replaced \d+ \(\d+ up a second\), drained \d+", ended.out), ended


@pytest.mark.parametrize("close", ["fin", "rst"])
def test_bytes_behind_the_last_echo_are_read_before_the_close(close, tmp_path):
    # The last echo fills exactly one receive call; the extra bytes are behind it.
    came, stopped, sent = threading.Event(), threading.Event(), threading.Event()

    def adds_behind(connection, _number):
        stream = b""
        while len(stream) < 65536:
            stream += connection.recv(65536)
        came.set()
        assert stopped.wait(HANG_TIMEOUT)
        connection.sendall(stream + b"extra")
        sent.set()
        connection.recv(1)

    address = str(tmp_path / "server")
    with serve(adds_behind, socket.AF_UNIX, address) as target:
        run = start_echoload(
            *("-c", 1, "-p", 64, "-n", 64, "--conn-messages", 64, "--sizes", "fixed:1016"),
            *("--close", close, target),
        )
        assert came.wait(HANG_TIMEOUT)
        run.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, run.pid, os.WSTOPPED)
        stopped.set()
        assert sent.wait(HANG_TIMEOUT), "all data is in its receive buffer"
        run.send_signal(signal.SIGCONT)
        out, err = run.communicate(timeout=HANG_TIMEOUT)
    assert run.returncode == 4, out + err
    assert "extra" in out


# --- the drain


def test_messages_without_an_echo_at_the_end_of_the_drain_time_out():
    with serve(mute) as target:
        ended = echoload(
            *("-c", 2, "-R", 100, "-d", "20ms", "--drain", "200ms", "--timeout", "50s"),
            *("--format", "json", target),
        )
    assert ended.code == 5, ended
    report = ended.json
    assert report["messages"]["timed_out"] == report["latency"]["count"] == 2
    assert report["latency"]["min_ns"] >= 200_000_000
    assert report["elapsed_s"] < 20
    assert report["errors"] == [{"phase": "timeout", "error": "ETIMEDOUT", "count": 2}]
    assert any("or 200ms after the end" in reason for reason in report["verdict"]["reasons"])


def test_a_run_of_n_messages_waits_for_the_last_echo_regardless_of_the_drain():
    with serve(echoes_after(0.02)) as target:
        ended = echoload("-c", 2, "-n", 10, "--drain", "0s", "--format", "json", target)
    assert ended.code == 0, ended
    assert ended.json["messages"]["verified"] == 10


def test_a_run_of_n_messages_applies_the_timeout_regardless_of_the_drain():
    with serve(mute) as target:
        arguments = ["-c", 2, "-n", 2, "--drain", "0s", "--timeout", "300ms"]
        ended = echoload(*arguments, "--format", "json", target)
    assert ended.code == 5, ended
    assert ended.json["messages"]["timed_out"] == 2
    assert ended.json["latency"]["min_ns"] >= 300_000_000
    reasons = ended.json["verdict"]["reasons"]
    assert "2 messages not answered within 300ms" in reasons
