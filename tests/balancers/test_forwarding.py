# SPDX-License-Identifier: MIT
"""What HAProxy and nginx have in common: they forward every byte, and the client's address."""

import signal

from hosts import DELIVERED, wait_until


def test_a_load_loses_nothing_and_the_servers_see_the_clients(network, balancer):
    running = network.start_load("-c", 200, "-p", 4, "-d", "forever")
    network.wait_for_connections(200)
    # A connection has the address of the balancer until its PROXY header has been read.
    for server in network.servers:
        wait_until(lambda: network.peers(server) == {"198.51.100.100"}, "the address of the client")
    wait_until(lambda: network.echoed() >= 50_000, "50,000 echoes")
    running.send_signal(signal.SIGTERM)
    status, result = network.result_of(running)
    assert status == DELIVERED, result
    assert result["messages"]["lost"] == result["messages"]["wrong"] == 0


def test_a_message_after_which_the_client_half_closes_is_echoed(network, balancer):
    status, result = network.load("-c", 20, "-n", 2000, "--conn-messages", 10, "--close", "half")
    assert status == DELIVERED, result
    for server in network.servers:
        assert network.faults(server) == {}
