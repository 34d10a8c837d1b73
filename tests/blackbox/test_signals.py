# SPDX-License-Identifier: MIT
"""Stopping: received messages are echoed, and the wait for the rest is bounded."""

import select
import signal
import threading
import time

import pytest
from wire import Client, message, random_messages

STOPPING = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
FOREVER = {"idle": "0s", "message": "0s", "write": "0s", "drain": "1h"}


@STOPPING
def test_a_signal_stops_an_idle_daemon_with_status_0(echod, number):
    daemon = echod()
    assert daemon.stop(number) == 0
    assert daemon.find_line("totals of")


@STOPPING
def test_idle_clients_get_a_fin_at_the_stop(echod, number):
    daemon = echod(timeouts=FOREVER)
    clients = [daemon.connect() for _ in range(50)]
    clients[7].echo()
    daemon.wait_for_counters(connections=50)
    daemon.send_signal(number)
    for client in clients:
        assert client.receive_until_eof() == b""
        client.close()
    assert daemon.wait() == 0
    assert daemon.totals()["closed_drained"] == 50


@STOPPING
def test_messages_sent_before_the_stop_are_echoed(echod, number):
    daemon = echod(timeouts=FOREVER)
    clients = [daemon.connect() for _ in range(5)]
    expected = b"".join(random_messages(number, 60))
    with daemon.paused():
        for client in clients:
            client.send(expected)
        daemon.send_signal(number)
    for client in clients:
        assert client.receive_until_eof() == expected
        client.close()
    assert daemon.wait() == 0


def test_clients_in_the_backlog_are_echoed_at_the_stop(echod):
    daemon = echod(timeouts=FOREVER)
    with daemon.paused():
        clients = [daemon.connect() for _ in range(100)]
        for number, client in enumerate(clients):
            client.send(message(b"early", kind=number))
        daemon.send_signal(signal.SIGTERM)
    for number, client in enumerate(clients):
        assert client.receive_until_eof() == message(b"early", kind=number)
        client.close()
    assert daemon.wait() == 0


def test_a_message_begun_before_the_stop_may_be_completed(echod):
    daemon = echod(timeouts=FOREVER)
    client = daemon.connect()
    begun = message(b"begun before, completed behind")
    client.send(begun[:12])
    daemon.wait_for_counters(bytes_in=12)
    daemon.send_signal(signal.SIGTERM)
    daemon.wait_for_line("stopping: draining 1 connections")
    client.send(begun[12:])
    assert client.receive_until_eof() == begun
    client.close()
    assert daemon.wait() == 0


def test_a_client_that_reads_only_after_the_stop_gets_its_pending_output(echod):
    daemon = echod(timeouts=FOREVER)
    client = daemon.connect(receive_buffer=8192)
    block = message(bytes(range(200)))
    daemon.flood_until_stalled(client, block)
    arrived = daemon.statistics()["messages_in"]
    daemon.send_signal(signal.SIGTERM)
    daemon.wait_for_line("stopping: draining 1 connections")
    client.half_close()
    received = client.receive_until_eof()
    # What the client's kernel had not sent yet may come after the last echo, and is discarded.
    count = len(received) // len(block)
    assert received == block * count
    assert count >= arrived
    assert daemon.wait() == 0
    assert daemon.totals()["messages_out"] == count


def test_no_connection_is_accepted_after_the_stop(echod):
    daemon = echod(timeouts=FOREVER)
    client = daemon.connect()
    client.send(b"\0")
    daemon.wait_for_counters(bytes_in=1)
    daemon.send_signal(signal.SIGTERM)
    daemon.wait_for_line("stopping: draining")
    with pytest.raises(ConnectionRefusedError):
        Client(daemon.address)
    client.close()
    assert daemon.wait() == 0


def test_unfinished_connections_are_closed_at_the_end_of_the_drain(echod):
    daemon = echod(timeouts={**FOREVER, "drain": "300ms"})
    client, done = daemon.connect(), daemon.connect()
    done.echo()
    client.send(message(b"never completed")[:10])
    daemon.wait_for_counters(bytes_in=22)
    start = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    assert done.receive_until_eof() == b""
    done.close()
    assert client.wait_until_closed()
    assert time.monotonic() - start >= 0.3
    assert daemon.wait() == 0
    assert daemon.totals()["closed_stopped"] == 1
    assert daemon.totals()["closed_drained"] == 1


def test_a_drain_of_zero_stops_at_once(echod):
    daemon = echod(timeouts={**FOREVER, "drain": "0s"})
    client = daemon.connect()
    client.send(b"\0")
    daemon.wait_for_counters(bytes_in=1)
    assert daemon.stop() == 0
    assert client.wait_until_closed()


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_stops_at_once(echod, second):
    daemon = echod(timeouts=FOREVER)
    client = daemon.connect()
    client.send(b"\0")
    daemon.wait_for_counters(bytes_in=1)
    daemon.send_signal(signal.SIGTERM)
    daemon.wait_for_line("stopping: draining")
    assert daemon.stop(second) == 0
    assert client.wait_until_closed()
    assert daemon.totals()["closed_stopped"] == 1


def test_a_client_that_ignores_its_fin_does_not_delay_the_stop(echod):
    daemon = echod(timeouts=FOREVER)
    clients = [daemon.connect() for _ in range(3)]
    clients[0].echo()
    daemon.wait_for_counters(connections=3)
    assert daemon.stop() == 0  # all are still open on this side
    assert daemon.totals()["closed_drained"] == 3


def test_a_finished_client_counts_as_drained_at_a_second_signal(echod):
    daemon = echod(timeouts=FOREVER)
    client = daemon.connect()
    client.echo()
    daemon.send_signal(signal.SIGTERM)
    assert client.receive_until_eof() == b""
    assert daemon.stop() == 0
    assert daemon.totals()["closed_drained"] == 1


def test_a_flooding_client_does_not_delay_the_stop(echod):
    daemon = echod(timeouts={**FOREVER, "drain": "500ms"})
    client = daemon.connect()
    stop = threading.Event()

    def flood():
        block = message(bytes(500)) * 20
        poll = select.poll()
        poll.register(client.socket, select.POLLIN)
        try:
            while not stop.is_set():
                client.send(block)
                while poll.poll(0) and client.socket.recv(1 << 18):
                    pass
        except OSError:
            pass

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        daemon.wait_for_statistics(lambda counters: counters["messages_in"] > 1000, "a flood")
        assert daemon.stop() == 0
    finally:
        stop.set()
        thread.join()


def test_other_signals_do_not_disturb_the_drain(echod):
    daemon = echod(timeouts=FOREVER)
    client = daemon.connect()
    begun = message(b"begun")
    client.send(begun[:3])
    daemon.wait_for_counters(bytes_in=3)
    daemon.send_signal(signal.SIGTERM)
    daemon.wait_for_line("stopping: draining")
    daemon.send_signal(signal.SIGHUP)
    daemon.statistics()
    client.send(begun[3:])
    assert client.receive_until_eof() == begun
    client.close()
    assert daemon.wait() == 0
    assert not daemon.lines_with("reloaded")


def test_a_new_daemon_can_use_the_port_at_once(echod, own_address):
    listen = {"addresses": [own_address], "port": 7007}
    first = echod(listen=listen)
    clients = [first.connect() for _ in range(5)]
    for client in clients:
        client.echo()
    assert first.stop() == 0  # the daemon closed first, so its side is in TIME_WAIT
    second = echod(listen=listen)
    second.connect().echo()
