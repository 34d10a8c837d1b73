# SPDX-License-Identifier: MIT
"""How echoload splits and coalesces messages, observed by the server's receive calls."""

import socket
import struct

import pytest

from echoload_support import echoload, messages, serve


def receives(pieces):
    """Echoes, and records the length of each receive call."""

    def handler(connection, _number):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := connection.recv(65536):
            pieces.append(len(data))
            connection.sendall(data)

    return handler


DATA_SEGS_IN = 152  # offset of tcpi_data_segs_in in struct tcp_info (linux/tcp.h)


def counts_segments(counts):
    """Echoes, and records the number of data segments of each connection, which does not depend on
    the timing of receive calls."""

    def handler(connection, _number):
        while data := connection.recv(65536):
            connection.sendall(data)
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
        counts.append(struct.unpack_from("I", info, DATA_SEGS_IN)[0])

    return handler


@pytest.mark.parametrize("how", ["none", "random", "byte", "header"])
def test_messages_sent_in_pieces_are_echoed(how):
    counts = []
    with serve(counts_segments(counts)) as target:
        ended = echoload(
            *("-c", 2, "-p", 3, "-n", 60, "--sizes", "fixed:992", "--split", how),
            *("--seed", 1, "--format", "json", target),
        )
    assert ended.code == 0, ended
    assert ended.json["messages"]["verified"] == 60
    assert ended.json["asked"]["split"] == how
    assert len(counts) == 2
    assert (sum(counts) > 60) == (how != "none"), counts


def test_a_split_stream_has_the_same_bytes():
    streams = []
    for how in ("none", "random", "byte", "header"):
        stream = []

        def keeps(connection, _number, stream=stream):
            for message in messages(connection):
                stream.append(message)
                connection.sendall(message)

        with serve(keeps) as target:
            assert echoload("-c", 1, "-n", 20, "--seed", 3, "--split", how, target).code == 0
        streams.append(stream)
    assert len(streams[0]) == 20
    assert all(stream == streams[0] for stream in streams)


def test_coalesced_messages_arrive_in_one_piece():
    pieces = []
    with serve(receives(pieces)) as target:
        ended = echoload(
            *("-c", 1, "-p", 10, "-n", 100, "--sizes", "fixed:12", "--coalesce", 4),
            *("--format", "json", target),
        )
    assert ended.code == 0, ended
    assert ended.json["asked"]["coalesce"] == 4
    assert sum(pieces) == 2000
    assert all(piece % 80 == 0 for piece in pieces)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--coalesce", "5", "-p", "4"], "require a --pipeline of at least 5, is 4"),
        (["--coalesce", "2", "-p", "4", "--split", "byte"], "--coalesce joins messages and excludes --split"),
        (["--verify", "half"], "--verify: must be full, header or off, is 'half'"),
        (["--on-mismatch", "go"], "--on-mismatch: must be stop or count, is 'go'"),
        (["--split", "bits"], "--split: must be none, random, byte or header, is 'bits'"),
    ],
)
def test_conflicting_framing_options_give_one_line(arguments, words):
    ended = echoload(*arguments, "127.0.0.1:1")
    assert ended.code == 2, ended
    assert words in ended.err and ended.err.count("\n") == 1
