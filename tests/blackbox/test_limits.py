# SPDX-License-Identifier: MIT
"""max_connections and one more connection for each policy, and the per-address limit."""

import pytest
from wire import Client, message

POLICIES = ["queue", "reject", "evict"]


def full(daemon, count):
    """`count` clients, each of which has been echoed once."""
    clients = [daemon.connect() for _ in range(count)]
    for client in clients:
        client.echo()
    return clients


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("limit", [1, 3])
def test_connections_up_to_the_limit_are_served_and_none_is_rejected(echod, policy, limit):
    daemon = echod(limits={"max_connections": limit, "when_full": policy})
    for client in full(daemon, limit):
        client.echo()
    counters = daemon.wait_for_counters(connections=limit, accepted=limit)
    assert {"queued", "rejected", "closed", "waiting"} & {k for k, v in counters.items() if v} == set()


@pytest.mark.parametrize("limit", [1, 3])
def test_queue_makes_one_more_connection_wait_until_another_closes(echod, limit):
    daemon = echod(limits={"max_connections": limit, "when_full": "queue"})
    clients = full(daemon, limit)
    waiting = daemon.connect()
    waiting.send(message(b"queue up"))
    daemon.wait_for_counters(waiting=1, connections=limit)
    assert not waiting.has_input()
    for client in clients:
        client.echo()
    assert not waiting.has_input()
    clients[0].close()
    assert waiting.receive(16) == message(b"queue up")
    counters = daemon.wait_for_counters(connections=limit, waiting=0)
    assert counters["queued"] == 1
    assert counters["closed"] == 1
    assert "rejected" not in counters


def test_queue_serves_all_waiting_connections_in_turn(echod):
    daemon = echod(limits={"max_connections": 2, "when_full": "queue"})
    clients = [daemon.connect() for _ in range(30)]
    for number, client in enumerate(clients):
        client.send(message(b"", kind=number))
    for number, client in enumerate(clients):
        assert client.receive(8) == message(b"", kind=number)
        client.close()
    daemon.wait_for_counters(connections=0, accepted=30, closed_peer=30)


def test_queue_handles_waiting_clients_that_disconnect(echod):
    daemon = echod(limits={"max_connections": 1, "when_full": "queue"})
    (first,) = full(daemon, 1)
    gone = [daemon.connect() for _ in range(10)]
    waiting = daemon.connect()
    waiting.send(message(b"waiting"))
    daemon.wait_for_counters(waiting=11)
    for number, client in enumerate(gone):
        client.send(message(b"in vain"))
        if number % 2:
            client.reset()
        else:
            client.close()
    first.echo()
    first.close()
    assert waiting.receive(15) == message(b"waiting")


def test_reject_closes_excess_connections_and_serves_again_after_a_close(echod):
    daemon = echod(limits={"max_connections": 3, "when_full": "reject"})
    clients = full(daemon, 3)
    for _ in range(5):
        assert daemon.connect().receive_until_eof() == b""
    for client in clients:
        client.echo()
    clients[1].close()
    daemon.wait_for_counters(connections=2, rejected=5)
    daemon.connect().echo()
    assert daemon.connect().receive_until_eof() == b""
    daemon.wait_for_counters(connections=3, rejected=6, accepted=4)


def test_evict_closes_the_longest_idle_connection(echod):
    daemon = echod(limits={"max_connections": 3, "when_full": "evict"})
    first, second, third = full(daemon, 3)
    first.echo()
    fourth = daemon.connect()
    fourth.echo()
    assert second.receive_until_eof() == b""
    for client in (third, first, fourth):
        client.echo()
    daemon.connect().echo()
    assert third.receive_until_eof() == b""
    first.echo()
    fourth.echo()
    counters = daemon.wait_for_counters(connections=3)
    assert counters["closed_evicted"] == counters["closed"] == 2


def test_evict_follows_the_order_of_activity_exactly(echod):
    # The order must be exact: a coarse order would evict an active client.
    daemon = echod(limits={"max_connections": 10, "when_full": "evict"})
    clients = full(daemon, 10)
    order = [3, 0, 7, 1, 9, 2, 8, 5, 4, 6]
    for number in order:
        clients[number].echo()
    for position, number in enumerate(order):
        daemon.connect().echo()
        assert clients[number].receive_until_eof() == b""
        assert not any(clients[other].is_closed() for other in order[position + 1 :])


def test_evict_with_a_limit_of_one_replaces_the_connection(echod):
    daemon = echod(limits={"max_connections": 1, "when_full": "evict"})
    (current,) = full(daemon, 1)
    for _ in range(10):
        newcomer = daemon.connect()
        newcomer.echo()
        assert current.wait_until_closed()
        current = newcomer
    current.echo()


def test_one_address_may_open_connections_up_to_its_limit(echod):
    daemon = echod(limits={"max_connections_per_ip": 2})
    held = [daemon.connect(source="127.0.0.2") for _ in range(2)]
    for client in held:
        client.echo()
    assert daemon.connect(source="127.0.0.2").receive_until_eof() == b""
    daemon.connect(source="127.0.0.3").echo()
    for client in held:
        client.echo()
    held[0].close()
    daemon.wait_for_counters(connections=2, rejected_per_ip=1)
    daemon.connect(source="127.0.0.2").echo()
    assert daemon.connect(source="127.0.0.2").receive_until_eof() == b""
    daemon.wait_for_counters(connections=3, rejected_per_ip=2)


def test_the_per_address_limit_evicts_no_connection(echod):
    limits = {"max_connections": 2, "max_connections_per_ip": 1, "when_full": "evict"}
    daemon = echod(limits=limits)
    first = daemon.connect(source="127.0.0.2")
    second = daemon.connect(source="127.0.0.3")
    first.echo()
    second.echo()
    assert daemon.connect(source="127.0.0.2").receive_until_eof() == b""
    first.echo()
    second.echo()


def test_the_per_address_limit_applies_to_ipv6(echod):
    daemon = echod(listen={"addresses": ["::1"]}, limits={"max_connections_per_ip": 1})
    daemon.connect().echo()
    assert daemon.connect().receive_until_eof() == b""


def test_exempt_networks_have_no_per_address_limit_also_after_a_reload(echod):
    limits = {"max_connections_per_ip": 1, "per_ip_exempt": ["127.0.0.8/29"]}
    daemon = echod(limits=limits)
    balancer = [daemon.connect(source="127.0.0.9") for _ in range(3)]
    for client in balancer:
        client.echo()
    first = daemon.connect(source="127.0.0.2")
    first.echo()
    assert daemon.connect(source="127.0.0.2").receive_until_eof() == b""
    daemon.write_config({"limits": {**limits, "per_ip_exempt": ["127.0.0.2"]}})
    assert daemon.ask("--reload").returncode == 0
    daemon.connect(source="127.0.0.2").echo()
    assert daemon.connect(source="127.0.0.9").receive_until_eof() == b"", "counted by the reload"
    for client in balancer:
        client.echo()


@pytest.mark.parametrize("accepts", [1, 3])
def test_few_accepts_per_turn_still_accept_every_connection(echod, accepts):
    daemon = echod(limits={"accepts_per_turn": accepts})
    with daemon.paused():
        clients = [daemon.connect() for _ in range(100)]
        for client in clients:
            client.send(message(b"among many"))
    for client in clients:
        assert client.receive(18) == message(b"among many")


def test_a_warning_names_the_limit_that_is_reached(echod):
    daemon = echod(limits={"max_connections": 2})
    full(daemon, 2)
    Client(daemon.address).close()
    assert "warning" in daemon.wait_for_line(r"limits\.max_connections \(2\) is reached")
