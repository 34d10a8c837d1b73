# SPDX-License-Identifier: MIT
"""Who is closed when its time is up, and who is not."""

import signal
import threading
import time

import pytest
from wire import header, message, until

NEVER = {"idle": "0s", "message": "0s", "write": "0s"}
# For what must not happen: long beside the timeouts here, short beside a test run.
QUIET = 0.5
BLOCK = message(bytes(1000))


def whole(sent):
    """Of so many bytes of blocks, those of whole messages: they come back."""
    return sent - sent % len(BLOCK)


def test_a_client_over_which_nothing_moves_is_closed_with_a_fin(echod):
    daemon = echod(timeouts={**NEVER, "idle": "200ms"})
    start = time.monotonic()
    client = daemon.connect()
    assert client.receive_until_eof() == b""
    assert time.monotonic() - start >= 0.2
    daemon.wait_for_counters(connections=0, closed_idle_timeout=1)


def test_a_client_that_is_active_outlives_one_that_is_not(echod):
    daemon = echod(timeouts={**NEVER, "idle": "1s"})
    active, silent = daemon.connect(), daemon.connect()
    start = time.monotonic()
    silent.echo()
    while not silent.has_input(0.02):
        active.echo()
    assert time.monotonic() - start >= 1
    assert silent.receive_until_eof() == b""
    active.echo()


def test_bytes_of_a_message_that_is_not_complete_are_activity_too(echod):
    daemon = echod(timeouts={**NEVER, "idle": "1s"})
    dribbling, silent = daemon.connect(), daemon.connect()
    dribbling.send(header(1000))
    sent = 0
    while not silent.has_input(0.02):
        dribbling.send(b"x")
        sent += 1
    dribbling.send(b"x" * (1000 - sent))
    assert dribbling.receive(1008) == message(b"x" * 1000)


def test_a_peer_that_reads_what_it_is_owed_is_not_idle(echod):
    # "idle: since the last byte of either direction": what it reads moves, though behind a big send
    # buffer the daemon has nothing to send for long.
    daemon = echod(timeouts={**NEVER, "idle": "700ms"})
    reader = daemon.connect(receive_buffer=16384)
    sent = daemon.flood_until_stalled(reader, BLOCK)
    received = 0
    end = time.monotonic() + 2.1
    while until(end):
        received += len(reader.receive(4096))
        threading.Event().wait(0.02)
    reader.receive(whole(sent) - received)


def test_a_peer_that_reads_what_the_kernel_still_holds_is_not_idle(echod):
    daemon = echod(timeouts={**NEVER, "idle": "700ms"})
    reader = daemon.connect(receive_buffer=4096)
    sent = 100 * BLOCK
    reader.send(sent)
    daemon.wait_for_statistics(lambda c: c.get("bytes_out", 0) == len(sent), "nothing owed")
    received = b""
    while len(received) < len(sent):
        received += reader.receive(min(2016, len(sent) - len(received)))
        time.sleep(0.05)  # a slow reader: all of it takes more than three times the timeout
    assert received == sent
    reader.echo()


def test_a_peer_that_leaves_echoes_with_the_kernel_is_idle_after_another_look(echod):
    daemon = echod(timeouts={**NEVER, "idle": "500ms"})
    start = time.monotonic()
    reader = daemon.connect(receive_buffer=4096)
    reader.send(100 * BLOCK)
    daemon.wait_for_counters(connections=0, closed_idle_timeout=1)
    assert time.monotonic() - start >= 1


@pytest.mark.parametrize(("timeout", "begun"), [("idle", 0), ("message", 3)])
def test_nobody_is_closed_for_bytes_that_came_while_the_daemon_was_stopped(echod, timeout, begun):
    daemon = echod(timeouts={**NEVER, timeout: "3s"})
    clients = [daemon.connect() for _ in range(300)]  # more than a wait tells of
    start = time.monotonic()
    data = message(b"late")
    for client in clients:
        client.send(data[:begun])
    daemon.wait_for_counters(connections=300, bytes_in=300 * begun)
    daemon.send_signal(signal.SIGSTOP)
    assert time.monotonic() - start < 3, "this machine is too slow for it"
    for client in clients:
        client.send(data[begun:])
    time.sleep(3.1)  # the timeout has to pass
    daemon.send_signal(signal.SIGCONT)
    for client in clients:
        assert client.receive(len(data)) == data
    assert daemon.statistics().get("closed", 0) == 0


def test_a_message_must_be_complete_in_its_time_however_it_dribbles_in(echod):
    daemon = echod(timeouts={**NEVER, "message": "500ms"})
    quiet, dribbling = daemon.connect(), daemon.connect()
    quiet.echo()
    start = time.monotonic()
    dribbling.send(header(1000))
    sent = 0
    while not dribbling.has_input(0.03):  # each byte well within the time
        dribbling.send(b"x")
        sent += 1
    assert dribbling.wait_until_closed()
    assert time.monotonic() - start >= 0.5
    assert sent < 1000
    quiet.echo()  # between messages that clock does not run
    daemon.wait_for_counters(connections=1, closed_message_timeout=1)


def test_one_byte_of_a_header_is_a_message_begun(echod):
    daemon = echod(timeouts={**NEVER, "message": "200ms"})
    client = daemon.connect()
    client.send(b"\0")
    assert client.receive_until_eof() == b""
    daemon.wait_for_counters(connections=0, closed_message_timeout=1)


def test_each_message_has_the_whole_time(echod):
    daemon = echod(timeouts={**NEVER, "message": "600ms"})
    client, marker = daemon.connect(), daemon.connect()
    first, second = message(b"first"), message(b"second")
    marker.send(b"\0")  # never completed: closed when its time is up
    rounds = 0
    while not marker.has_input():
        # The second one begins as the first ends, so a clock that is not restarted runs out.
        client.send(first + second[:5])
        assert client.receive(len(first)) == first
        client.send(second[5:])
        assert client.receive(len(second)) == second
        rounds += 1
    assert rounds > 0
    client.echo()


def test_a_peer_that_does_not_read_is_cut_off_after_the_write_timeout(echod):
    daemon = echod(timeouts={**NEVER, "write": "500ms"})
    other, deaf = daemon.connect(), daemon.connect(receive_buffer=8192)
    start = time.monotonic()
    daemon.flood_until_stalled(deaf, BLOCK)
    counters = daemon.wait_for_counters(connections=1, closed_write_timeout=1)
    assert time.monotonic() - start >= 0.5
    assert counters["bytes_dropped"] > 0
    assert deaf.wait_until_closed() == "reset"
    other.echo()


def test_a_peer_that_does_not_read_after_its_fin_is_cut_off_too(echod):
    daemon = echod(timeouts={**NEVER, "write": "500ms"})
    deaf = daemon.connect(receive_buffer=8192)
    daemon.flood_until_stalled(deaf, BLOCK)
    deaf.half_close()
    daemon.wait_for_counters(connections=0, closed_write_timeout=1)


def test_a_reader_that_is_slow_but_alive_is_not_cut_off(echod):
    # Behind the send buffer of its kernel the daemon sees no room for long; only the queue shrinks.
    daemon = echod(timeouts={**NEVER, "write": "800ms"})
    slow = daemon.connect(receive_buffer=16384)
    deaf = daemon.connect(receive_buffer=16384)
    sent = daemon.flood_until_stalled(slow, BLOCK)
    daemon.flood_until_stalled(deaf, BLOCK)
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
    deaf = daemon.connect(receive_buffer=8192)
    incomplete.send(message(b"incomplete")[:9])
    daemon.flood_until_stalled(deaf, BLOCK)
    assert not silent.has_input(QUIET)
    silent.echo()
    incomplete.send(message(b"incomplete")[9:])
    assert incomplete.receive(18) == message(b"incomplete")
    daemon.wait_for_counters(connections=3)


def test_the_shortest_timeouts_are_kept_too(echod):
    daemon = echod(timeouts={"idle": "1ms", "message": "1ms", "write": "1ms"})
    for _ in range(20):
        assert daemon.connect().wait_until_closed()
    daemon.wait_for_counters(connections=0, accepted=20, closed_idle_timeout=20)


def test_many_clients_time_out_each_in_its_turn(echod):
    daemon = echod(timeouts={**NEVER, "idle": "300ms"})
    clients = [daemon.connect() for _ in range(300)]
    for client in clients:
        assert client.receive_until_eof() == b""
    daemon.wait_for_counters(connections=0, closed_idle_timeout=300)


def test_a_close_that_a_timeout_brought_about_is_in_the_statistics_in_time(echod):
    # No event comes with it: the line must be due all the same.
    daemon = echod(timeouts={**NEVER, "idle": "700ms"}, stats={"interval": "100ms"})
    client = daemon.connect()
    client.echo()
    daemon.wait_for_line("statistics of .*messages_in=1 ")
    daemon.wait_for_line("statistics of .*closed_idle_timeout=1 ")
    assert client.receive_until_eof() == b""
