# SPDX-License-Identifier: MIT
"""echoload --reconnect through HAProxy, past killed servers and through a path that drops
everything: outages are as long as an independent witness saw them."""

import contextlib
import os
import signal
import time

import pytest
from echoload_support import kept_waiting
from failover import HOST, Balancer, Prober, Server
from load import DELIVERED, result_of, start_load
from namespace import namespace
from witness import Witness

RATE = 500  # messages/s
CONNECTIONS = 20
ALLOWED = ("--slo", "outage<30s")


def start(port, *more, seconds=3):
    running = start_load(
        (HOST, port),
        *("--reconnect", "-c", CONNECTIONS, "-R", RATE, "-d", f"{seconds}s", *more),
    )
    time.sleep(1)  # the course of the test: what happens before the outage
    return running


@pytest.fixture
def programs(tmp_path):
    """Makes programs, and ends them after the test."""
    made = []

    def make(kind, *arguments):
        made.append(kind(tmp_path, *arguments))
        return made[-1]

    yield make
    for one in reversed(made):
        one.finish()


def check_outage(result, prober, most=1):
    """There was one outage, or at most that many, and the prober saw the longest as long as the
    load did."""
    assert 1 <= len(result["outages"]) <= most, result["outages"]
    outage = max(result["outages"], key=lambda one: one["length_s"])
    length, waited = prober.longest()
    error = 2 / RATE + waited + kept_waiting(result)
    assert outage["length_s"] == pytest.approx(length, abs=error), (waited, outage)
    assert outage["over"] and outage["restored_s"] >= outage["length_s"]
    lost = sum(one["connections"] for one in result["outages"])
    assert CONNECTIONS <= lost <= most * CONNECTIONS
    assert result["outage_counts"]["not_restored"] == 0
    assert result["open_loop"]["unsent"] == 0
    return outage


def test_a_restart_of_haproxy(programs):
    server = programs(Server)
    balancer = programs(Balancer, [f"a {HOST}:{server.port}"])
    with Prober(balancer.port) as prober:
        running = start(balancer.port, *ALLOWED)
        balancer.kill(signal.SIGTERM)
        time.sleep(0.3)
        balancer.start()
        status, result = result_of(running)
    assert status == DELIVERED, result
    outage = check_outage(result, prober)
    assert outage["length_s"] >= 0.3
    assert {"phase": "connect", "error": "ECONNREFUSED"} in [
        {"phase": row["phase"], "error": row["error"]} for row in outage["errors"]
    ]


def test_a_reload_of_haproxy_that_keeps_its_connections_is_no_outage(programs):
    server = programs(Server)
    balancer = programs(Balancer, [f"a {HOST}:{server.port}"])
    running = start(balancer.port)
    balancer.reload()
    status, result = result_of(running)
    assert status == DELIVERED, result
    assert result["outages"] == []
    assert result["messages"]["lost"] == 0


def test_a_reload_of_haproxy_that_ends_its_connections_interrupts_each_once(programs):
    server = programs(Server)
    balancer = programs(Balancer, [f"a {HOST}:{server.port}"], "hard-stop-after 300ms")
    with Prober(balancer.port) as prober:
        running = start(balancer.port, *ALLOWED)
        balancer.reload()
        status, result = result_of(running)
    assert status == DELIVERED, result
    check_outage(result, prober)
    assert result["interruption"]["count"] == CONNECTIONS
    assert result["connections"]["up"] == 2 * CONNECTIONS


def test_a_killed_server_with_a_backup(programs):
    first, second = programs(Server), programs(Server)
    check = "check inter 100ms fall 2 rise 1"
    balancer = programs(Balancer, [f"a {HOST}:{first.port} {check}",
                                   f"b {HOST}:{second.port} {check} backup"])  # fmt: skip
    with Prober(balancer.port) as prober:
        running = start(balancer.port, *ALLOWED)
        first.kill()
        status, result = result_of(running)
    assert status == DELIVERED, result
    check_outage(result, prober)


def test_one_of_two_servers_killed_interrupts_its_connections_alone(programs):
    first, second = programs(Server), programs(Server)
    balancer = programs(Balancer, [f"a {HOST}:{first.port}", f"b {HOST}:{second.port}"])
    running = start(balancer.port, *ALLOWED)
    first.kill()
    status, result = result_of(running)
    assert status == DELIVERED, result
    counts = result["outage_counts"]
    assert counts["not_restored"] == 0
    # The other connections got their echoes: one came every 2 ms.
    assert counts["longest_s"] < 0.1 + kept_waiting(result)
    assert CONNECTIONS / 2 <= result["interruption"]["count"] < CONNECTIONS
    assert result["messages"]["lost"] == counts["messages_lost"]


def test_both_servers_killed(programs):
    first, second = programs(Server), programs(Server)
    balancer = programs(Balancer, [f"a {HOST}:{first.port}", f"b {HOST}:{second.port}"])
    with Prober(balancer.port) as prober:
        running = start(balancer.port, *ALLOWED)
        first.kill()
        second.kill()
        time.sleep(0.5)
        second.start()
        status, result = result_of(running)
    assert status == DELIVERED, result
    # Connections of the first may have reached the second before that was killed, too.
    assert check_outage(result, prober, most=2)["length_s"] >= 0.5


@pytest.mark.parametrize("gate, code", [((), 5), (ALLOWED, 0), (("--slo", "outage<100ms"), 3)])
def test_a_killed_server_that_is_started_again(programs, gate, code):
    server = programs(Server)
    with Prober(server.port) as prober:
        running = start(server.port, "-p", 4, *gate)
        server.process.send_signal(signal.SIGSTOP)  # messages are in flight for sure
        time.sleep(0.05)
        server.kill()
        time.sleep(0.2)
        server.start()
        status, result = result_of(running)
    assert status == code, result
    outage = check_outage(result, prober)
    assert outage["messages_lost"] == result["messages"]["lost"] > 0


def test_a_path_that_drops_everything_for_three_seconds():
    if os.geteuid() != 0:
        pytest.skip("only root can make a network of its own")
    with namespace() as network, contextlib.closing(Witness()) as server:
        server.thread.start()
        port = server.port
        running = start(port, "--timeout", "200ms", *ALLOWED, seconds=6)
        network.drop(port)
        time.sleep(3)  # the length of the outage
        restored = time.monotonic()
        network.restore()
        status, result = result_of(running)
    assert status == DELIVERED, result
    # As the server saw it. What a given up connection still sends afterwards reaches nobody.
    new = [number for number, (when, *_) in enumerate(server.accepted) if when > restored]
    before = max(one.echoed for one in server.echoed() if one.echoed < restored)
    after = min(one.echoed for one in server.echoed() if one.connection in new)
    gap = after - before
    [outage] = result["outages"]
    assert outage["length_s"] == pytest.approx(gap, abs=2 / RATE + 0.1 + kept_waiting(result))
    assert outage["length_s"] >= 3
    assert {row["error"] for row in outage["errors"]} == {"ETIMEDOUT"}
    assert result["messages"]["timed_out"] + result["messages"]["lost"] == outage["messages_lost"]
