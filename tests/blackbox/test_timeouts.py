# SPDX-License-Identifier: MIT
"""Timeouts: which connections are closed, and which are not."""

import signal
import threading
import time

import pytest
from wire import header, message, until

NEVER = {"idle": "0s", "message": "0s", "write": "0s"}
# For events that must not happen: long compared with the timeouts here.
QUIET = 0.5
BLOCK = message(bytes(1000))


def whole(sent):
    """Of this number of sent bytes, those of complete messages, which are echoed."""
    return sent - sent % len(BLOCK)


def test_an_idle_connection_is_closed_with_a_fin(echod):
    daemon = echod(timeouts={**NEVER, "idle": "200ms"})
    start = time.monotonic()
    client = daemon.connect()
    assert client.receive_until_eof() == b""
    assert time.monotonic() - start >= 0.2
    daemon.wait_for_counters(connections=0, closed_idle_timeout=1)


def test_an_active_connection_outlives_an_idle_one(echod):
    daemon = echod(timeouts={**NEVER, "idle": "1s"})
    active, silent = daemon.connect(), daemon.connect()
    start = time.monotonic()
    silent.echo()
    while not silent.has_input(0.02):
        active.echo()
    assert time.monotonic() - start >= 1
    assert silent.receive_until_eof() == b""
    active.echo()


def test_bytes_of_an_incomplete_message_count_as_activity(echod):
    daemon = echod(timeouts={**NEVER, "idle": "1s"})
    dribbling, silent = daemon.connect(), daemon.connect()
    dribbling.send(header(1000))
    sent = 0
    while not silent.has_input(0.02):
        dribbling.send(b"x")
        sent += 1
    dribbling.send(b"x" * (1000 - sent))
    assert dribbling.receive(1008) == message(b"x" * 1000)


def test_a_client_that_reads_its_pending_output_is_not_idle(echod):
    # Bytes that the client reads count as activity, although with a big send buffer the daemon has
    # nothing to send for a long time.
    daemon = echod(timeouts={**NEVER, "idle": "700ms"})
    reader = daemon.connect(receive_buffer=16384)
    sent = daemon.flood_until_stalled(reader, BLOCK)
    received = 0
    end = time.monotonic() + 2.1
    while until(end):
        received += len(reader.receive(4096))
        threading.Event().wait(0.02)
    reader.receive(whole(sent) - received)


def test_a_client_that_reads_from_the_kernel_buffer_is_not_idle(echod):
    daemon = echod(timeouts={**NEVER, "idle": "700ms"})
    reader = daemon.connect(receive_buffer=4096)
    sent = 100 * BLOCK
    reader.send(sent)
    daemon.wait_for_statistics(lambda c: c.get("bytes_out", 0) == len(sent), "no pending output")
    received = b""
    while len(received) < len(sent):
        received += reader.receive(min(2016, len(sent) - len(received)))
        time.sleep(0.05)  # a slow reader: reading takes more than three times the timeout
    assert received == sent
    reader.echo()


def test_a_client_with_unread_echoes_in_the_kernel_is_idle_after_a_second_check(echod):
    daemon = echod(timeouts={**NEVER, "idle": "500ms"})
    start = time.monotonic()
    reader = daemon.connect(receive_buffer=4096)
    reader.send(100 * BLOCK)
    daemon.wait_for_counters(connections=0, closed_idle_timeout=1)
    assert time.monotonic() - start >= 1


@pytest.mark.parametrize(("timeout", "begun"), [("idle", 0), ("message", 3)])
def test_bytes_received_while_the_daemon_was_stopped_prevent_a_timeout(echod, timeout, begun):
    daemon = echod(timeouts={**NEVER, timeout: "3s"})
    clients = [daemon.connect() for _ in range(300)]  # more than one epoll_wait reports
    start = time.monotonic()
    data = message(b"late")
    for client in clients:
        client.send(data[:begun])
    daemon.wait_for_counters(connections=300, bytes_in=300 * begun)
    daemon.send_signal(signal.SIGSTOP)
    assert time.monotonic() - start < 3, "this machine is too slow for it"
    for client in clients:
        client.send(data[begun:])
    time.sleep(3.1)  # longer than the timeout
    daemon.send_signal(signal.SIGCONT)
    for client in clients:
        assert client.receive(len(data)) == data
    assert daemon.statistics().get("closed", 0) == 0


def test_a_message_sent_byte_by_byte_must_be_complete_in_time(echod):
    daemon = echod(timeouts={**NEVER, "message": "500ms"})
    quiet, dribbling = daemon.connect(), daemon.connect()
    quiet.echo()
    start = time.monotonic()
    dribbling.send(header(1000))
    sent = 0
    while not dribbling.has_input(0.03):  # each byte well within the timeout
        dribbling.send(b"x")
        sent += 1
    assert dribbling.wait_until_closed()
    assert time.monotonic() - start >= 0.5
    assert sent < 1000
    quiet.echo()  # the message timeout does not run between messages
    daemon.wait_for_counters(connections=1, closed_message_timeout=1)


def test_one_byte_of_a_header_starts_the_message_timeout(echod):
    daemon = echod(timeouts={**NEVER, "message": "200ms"})
    client = daemon.connect()
    client.send(b"\0")
    assert client.receive_until_eof() == b""
    daemon.wait_for_counters(connections=0, closed_message_timeout=1)


def test_each_message_has_the_full_message_timeout(echod):
    daemon = echod(timeouts={**NEVER, "message": "600ms"})
    client, marker = daemon.connect(), daemon.connect()
    first, second = message(b"first"), message(b"second")
    marker.send(b"\0")  # never completed, so it is closed by the timeout
    rounds = 0
    while not marker.has_input():
        # The second begins when the first ends, so a deadline that is not restarted would expire.
        client.send(first + second[:5])
        assert client.receive(len(first)) == first
        client.send(second[5:])
        assert client.receive(len(second)) == second
        rounds += 1
    assert rounds > 0
    client.echo()


def test_a_client_that_does_not_read_is_reset_after_the_write_timeout(echod):
    daemon = echod(timeouts={**NEVER, "write": "500ms"})
    other, stalled = daemon.connect(), daemon.connect(receive_buffer=8192)
    start = time.monotonic()
    daemon.flood_until_stalled(stalled, BLOCK)
    counters = daemon.wait_for_counters(connections=1, closed_write_timeout=1)
    assert time.monotonic() - start >= 0.5
    assert counters["bytes_dropped"] > 0
    assert stalled.wait_until_closed() == "reset"
    other.echo()


def test_a_half_closed_client_that_does_not_read_is_reset(echod):
    daemon = echod(timeouts={**NEVER, "write": "500ms"})
    stalled = daemon.connect(receive_buffer=8192)
    daemon.flood_until_stalled(stalled, BLOCK)
    stalled.half_close()
    daemon.wait_for_counters(connections=0, closed_write_timeout=1)


def test_a_slow_reader_is_not_reset(echod):
    # For a long time the send buffer has no room; only its queue shrinks.
    daemon = echod(timeouts={**NEVER, "write": "800ms"})
    slow = daemon.connect(receive_buffer=16384)
    stalled = daemon.connect(receive_buffer=16384)
    sent = daemon.flood_until_stalled(slow, BLOCK)
    daemon.flood_until_stalled(stalled, BLOCK)
    end = time.monotonic() + 2.4
    received = 0
    while until(end):
        received += len(slow.receive(4096))
        threading.Event().wait(0.02)
    daemon.wait_for_counters(connections=1, closed_write_timeout=1)
    slow.receive(whole(sent) - received)


def test_zero_means_never(echod):
    daemon = echod(timeouts=NEVER)
    silent, incomplete = daemon.connect(), daemon.connect()
    stalled = daemon.connect(receive_buffer=8192)
    incomplete.send(message(b"incomplete")[:9])
    daemon.flood_until_stalled(stalled, BLOCK)
    assert not silent.has_input(QUIET)
    silent.echo()
    incomplete.send(message(b"incomplete")[9:])
    assert incomplete.receive(18) == message(b"incomplete")
    daemon.wait_for_counters(connections=3)


def test_the_shortest_timeouts_work(echod):
    daemon = echod(timeouts={"idle": "1ms", "message": "1ms", "write": "1ms"})
    for _ in range(20):
        assert daemon.connect().wait_until_closed()
    daemon.wait_for_counters(connections=0, accepted=20, closed_idle_timeout=20)


def test_many_clients_time_out_in_order(echod):
    daemon = echod(timeouts={**NEVER, "idle": "300ms"})
    clients = [daemon.connect() for _ in range(300)]
    for client in clients:
        assert client.receive_until_eof() == b""
    daemon.wait_for_counters(connections=0, closed_idle_timeout=300)


def test_a_close_by_timeout_is_in_the_statistics_in_time(echod):
    # There is no event for it, but the line must still be due.
    daemon = echod(timeouts={**NEVER, "idle": "700ms"}, stats={"interval": "100ms"})
    client = daemon.connect()
    client.echo()
    daemon.wait_for_line("statistics of .*messages_in=1 ")
    daemon.wait_for_line("statistics of .*closed_idle_timeout=1 ")
    assert client.receive_until_eof() == b""
