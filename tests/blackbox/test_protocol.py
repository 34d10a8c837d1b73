# SPDX-License-Identifier: MIT
"""Valid messages are echoed byte for byte and in order, however they arrive."""

import random
import socket
import threading

import pytest
from wire import MAX_PAYLOAD, message, random_messages, random_pieces


@pytest.mark.parametrize("size", [0, 1, 2, 7, 8, 9, 1015, 1016])
def test_a_payload_of_this_size_comes_back_unchanged(echod, size):
    with echod().connect() as client:
        client.echo(message(random.Random(size).randbytes(size), kind=size))


def test_payloads_of_every_size_come_back_unchanged_and_in_order(echod):
    client = echod().connect()
    rng = random.Random(1)
    messages = [message(rng.randbytes(size), kind=size) for size in range(MAX_PAYLOAD + 1)]
    assert client.exchange(messages) == b"".join(messages)


@pytest.mark.parametrize("kind", [0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x01020304])
def test_the_type_is_returned_unchanged(echod, kind):
    client = echod().connect()
    client.echo(message(b"", kind))
    client.echo(message(b"some payload", kind))


def test_a_payload_that_looks_like_headers_is_not_parsed(echod):
    client = echod().connect()
    client.echo(message(b"\xff" * MAX_PAYLOAD))
    client.echo(message(message(message(b"inner"))))


@pytest.mark.parametrize("payload", [0, 1, 56, MAX_PAYLOAD])
def test_many_messages_in_one_piece_come_back_in_order(echod, payload):
    client = echod().connect()
    stream = b"".join(message(bytes([n % 251]) * payload, kind=n) for n in range(2000))
    assert client.exchange([stream]) == stream


def test_messages_that_arrive_one_byte_at_a_time_come_back_unchanged(echod):
    daemon = echod()
    client = daemon.connect()
    stream = message(b"") + message(b"\x00") + message(b"three", kind=3)
    for count in range(1, len(stream) + 1):
        client.send(stream[count - 1 : count])
        daemon.wait_for_counters(bytes_in=count)  # so each byte was received separately
    assert client.receive(len(stream)) == stream


def test_a_stream_split_at_every_point_comes_back_unchanged(echod):
    daemon = echod()
    client = daemon.connect()
    stream = message(b"") + message(b"ab", kind=1) + message(b"c", kind=2)
    seen = 0
    for split in range(1, len(stream)):
        client.send(stream[:split])
        daemon.wait_for_counters(bytes_in=seen + split)
        client.send(stream[split:])
        assert client.receive(len(stream)) == stream, f"split at {split}"
        seen += len(stream)


@pytest.mark.parametrize("split", [1, 7, 8, 9, 1000, 1023])
def test_the_longest_message_split_once_comes_back_unchanged(echod, split):
    daemon = echod()
    client = daemon.connect()
    whole = message(random.Random(split).randbytes(MAX_PAYLOAD))
    client.send(whole[:split])
    daemon.wait_for_counters(bytes_in=split)
    client.send(whole[split:])
    assert client.receive(len(whole)) == whole


def test_the_whole_messages_before_an_incomplete_one_come_back_at_once(echod):
    daemon = echod()
    client = daemon.connect()
    whole = b"".join(random_messages(2, 20))
    last = message(b"the last one")
    client.send(whole + last[:11])
    assert client.receive(len(whole)) == whole
    assert not client.has_input()
    client.send(last[11:])
    assert client.receive(len(last)) == last


@pytest.mark.parametrize("largest_piece", [3, 100, 5000, 200_000])
def test_a_random_stream_in_random_pieces_comes_back_unchanged(echod, largest_piece):
    client = echod().connect()
    count = 30 if largest_piece == 3 else 3000
    stream = b"".join(random_messages(largest_piece, count))
    assert client.exchange(random_pieces(3, stream, largest_piece)) == stream


def test_each_of_many_clients_gets_its_own_bytes_back(echod):
    daemon = echod()
    wrong = []

    def run(seed):
        with daemon.connect() as client:
            stream = b"".join(random_messages(seed, 300))
            if client.exchange(random_pieces(seed, stream, 4000)) != stream:
                wrong.append(seed)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    counters = daemon.wait_for_counters(connections=0)
    assert counters["closed_peer"] == 16
    assert counters["messages_in"] == counters["messages_out"] == 16 * 300


def test_a_quota_of_one_message_preserves_every_stream(echod):
    daemon = echod(limits={"quota_messages": 1})
    clients = [daemon.connect() for _ in range(4)]
    streams = [b"".join(random_messages(seed, 200, largest=60)) for seed in range(4)]
    with daemon.paused():
        for client, stream in zip(clients, streams):
            client.send(stream)
    for client, stream in zip(clients, streams):
        assert client.receive(len(stream)) == stream
    assert daemon.statistics()["quota_turns"] > 0


@pytest.mark.parametrize("position", ["before", "between", "inside", "after"])
def test_urgent_data_does_not_stall_a_connection(echod, position):
    # tcp(7): the urgent byte itself is not part of the stream.
    client = echod().connect()
    first, second = message(b"first message"), message(b"second message", kind=2)
    stream = first + second
    at = {"before": 0, "between": len(first), "inside": 15, "after": len(stream)}[position]
    client.send(stream[:at])
    assert client.socket.send(b"!", socket.MSG_OOB) == 1
    client.send(stream[at:])
    assert client.receive(len(stream)) == stream
    client.echo()
    client.half_close()
    assert client.receive_until_eof() == b""


def test_urgent_data_received_in_one_piece_does_not_stall_a_connection(echod):
    daemon = echod()
    client, other = daemon.connect(), daemon.connect()
    client.echo()
    with daemon.paused():
        client.send(message(b"before"))
        client.socket.send(b"!", socket.MSG_OOB)
        client.send(message(b"behind"))
    both = message(b"before") + message(b"behind")
    assert client.receive(len(both)) == both
    other.echo()


def test_repeated_urgent_data_does_not_block_other_clients(echod):
    daemon = echod()
    client, other = daemon.connect(), daemon.connect()
    for _ in range(20):
        client.socket.send(b"!", socket.MSG_OOB)
        client.echo()  # the daemon passes the mark before the next one arrives
        other.echo()
