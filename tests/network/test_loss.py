# SPDX-License-Identifier: MIT
"""A network that loses packets, fails for a while, or fails for ever."""

import contextlib
import os
import time

import pytest
from load import DELIVERED, load, start_load, result_of
from namespace import namespace
from wire import message


@pytest.fixture
def network():
    if os.geteuid() != 0:
        pytest.skip("only root can make a network of its own")
    with namespace() as made:
        yield made


# `network` comes before `echod`, so that the daemon runs in it and ends before it.
def test_every_echo_is_correct_with_one_packet_in_twenty_lost(network, echod, long_form):
    daemon = echod(timeouts={"message": "60s", "write": "60s", "idle": "60s"})
    network.lose(0.05)
    connections, messages = (100, 40_000) if long_form else (30, 1_500)
    status, result = load(daemon.address, "-c", connections, "-p", "4", "-n", messages,
                          "--timeout", "60s")  # fmt: skip
    assert network.lost() > messages / 100
    network.heal()
    assert status == DELIVERED, result
    assert result["messages"]["verified"] == messages
    daemon.wait_for_counters(connections=0, messages_in=messages, messages_out=messages)


def test_a_temporary_outage_of_the_path_loses_no_echo(network, echod, long_form):
    daemon = echod(timeouts={"message": "60s", "write": "60s", "idle": "60s", "unacked": "60s"})
    seconds = 10 if long_form else 1
    running = start_load(daemon.address, "-c", "20", "-p", "4", "-d", f"{2 * seconds + 1}s", "--timeout", "60s")  # fmt: skip
    daemon.wait_for_statistics(lambda c: c.get("messages_in", 0) > 1000, "the load to run")
    network.cut()
    time.sleep(seconds)  # the outage itself: there is no event to wait for
    assert network.lost() > 0
    during = daemon.statistics()["messages_in"]
    network.heal()
    status, result = result_of(running)
    counts = result["messages"]
    assert status == DELIVERED, result
    assert counts["verified"] == counts["sent"] > during
    assert (counts["wrong"], counts["lost"], counts["timed_out"]) == (0, 0, 0)


NEVER = {"idle": "0s", "message": "0s", "write": "0s"}


def test_vanished_clients_are_closed_after_timeouts_unacked(network, echod):
    daemon = echod(timeouts={**NEVER, "unacked": "1s"})
    without_timeout = echod(timeouts={**NEVER, "unacked": "0s"})
    pending, silent = [], []
    for one in (daemon, without_timeout):
        pending += [one.connect() for _ in range(3)]
        silent += [one.connect() for _ in range(4)]
    for client in pending + silent:
        client.echo()
    for one in (daemon, without_timeout):
        network.cut("--sport", one.address[1])  # data of clients arrives, but no reply
    for client in pending:
        client.send(message(b"lost"))
    # The replies of the silent clients to probes do not arrive either.
    network.cut("--dport", daemon.address[1])
    counters = daemon.wait_for_counters(connections=0, closed_unacked_timeout=7)
    assert counters["closed"] == 7
    assert without_timeout.statistics()["connections"] == 7, "another timeout closed them"
    network.heal()
    daemon.connect().echo()
    for client in pending[3:]:
        assert client.receive(12) == message(b"lost")  # without the timeout they stay connected


def test_silent_but_reachable_clients_stay_connected(network, echod):
    daemon = echod(timeouts={**NEVER, "unacked": "1s"})
    clients = [daemon.connect() for _ in range(5)]
    time.sleep(3.5)  # three times the timeout
    for client in clients:
        client.echo()
    daemon.wait_for_counters(connections=5)


def test_a_longer_idle_timeout_gives_older_connections_probes(network, echod):
    daemon = echod(timeouts={**NEVER, "idle": "2s", "unacked": "2s"})
    silent = daemon.connect()  # without probes: the idle timeout would end it no later
    silent.echo()
    daemon.reload({"timeouts": {**NEVER, "unacked": "2s"}})
    network.cut()
    daemon.wait_for_counters(connections=0, closed_unacked_timeout=1)


def test_a_reload_changes_the_unacked_timeout_of_new_connections(network, echod):
    daemon = echod(timeouts={**NEVER, "unacked": "0s"})
    before = daemon.connect()
    before.echo()
    daemon.reload({"timeouts": {**NEVER, "unacked": "1s"}})
    after = daemon.connect()
    after.echo()
    network.cut()
    daemon.wait_for_counters(connections=1, closed_unacked_timeout=1)
    network.heal()
    before.echo()
    with contextlib.suppress(ConnectionError):
        after.send(message(b"x"))
        assert after.socket.recv(1) == b""
