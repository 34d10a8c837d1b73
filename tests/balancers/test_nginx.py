# SPDX-License-Identifier: MIT
"""packaging/balancers/nginx.conf: the stream module of nginx before two servers."""

import signal

from hosts import CONNECTIONS, DELIVERED, STEADY, check_always_answered, wait_until


def test_a_server_that_is_stopped_and_started_again_causes_no_outage(network, nginx):
    running = network.start_load(*STEADY)
    for server in network.servers:
        network.wait_for_connections(CONNECTIONS)
        network.stop_echod(server)
        other = network.second if server is network.first else network.first
        network.wait_for_connections(CONNECTIONS, other)
        network.start_echod(server)
        # The fail_timeout of 2 s: until a new connection reaches it.
        before = network.state(server)["counters"]["accepted"]
        wait_until(
            lambda: network.is_served() and network.state(server)["counters"]["accepted"] > before,
            f"a connection to {server.name}",
        )
    result = network.stop_load(running)
    check_always_answered(result)
    assert result["messages"]["lost"] <= 2 * CONNECTIONS
    assert not network.faults(network.first) and not network.faults(network.second)


def test_a_killed_server_interrupts_its_connections_alone(network, nginx):
    running = network.start_load(*STEADY)
    network.wait_for_connections(CONNECTIONS)
    interrupted = network.connections(network.first)
    network.stop_echod(network.first, signal.SIGKILL)
    network.wait_for_connections(CONNECTIONS, network.second)
    network.wait_until_served()
    result = network.stop_load(running)
    check_always_answered(result)
    assert 0 < result["interruption"]["count"] <= interrupted


def test_a_drained_server_gets_no_new_connection_and_keeps_the_open_ones(network, nginx):
    running = network.start_load(*STEADY)
    network.wait_for_connections(CONNECTIONS)
    kept = network.connections(network.first)
    nginx.set_down("192.0.2.11", True)
    nginx.reload()
    accepted = network.state(network.first)["counters"]["accepted"]
    status, _ = network.load("-c", 10, "-n", 100)
    assert status == DELIVERED
    assert network.state(network.first)["counters"]["accepted"] == accepted
    assert network.connections(network.first) == kept
    network.stop_echod(network.first)
    network.wait_for_connections(CONNECTIONS - kept, network.second)
    network.start_echod(network.first)
    nginx.set_down("192.0.2.11", False)
    nginx.reload()
    network.wait_until_served()
    result = network.stop_load(running)
    check_always_answered(result)
    assert result["interruption"]["count"] == kept


def test_a_reload_of_nginx_interrupts_nothing(network, nginx):
    running = network.start_load(*STEADY)
    network.wait_for_connections(CONNECTIONS)
    nginx.reload()
    result = network.stop_load(running)
    assert result["outages"] == []
    assert result["messages"]["lost"] == 0


def test_a_restart_of_nginx_is_one_outage(network, nginx):
    running = network.start_load(*STEADY)
    network.wait_for_connections(CONNECTIONS)
    nginx.process.terminate()
    nginx.process.wait(10)
    nginx.start()
    network.wait_for_connections(CONNECTIONS)
    result = network.stop_load(running)
    assert len(result["outages"]) == 1
    assert result["outages"][0]["connections"] == CONNECTIONS
    assert result["outages"][0]["over"]
