# SPDX-License-Identifier: MIT
"""packaging/balancers/echod.nft: nftables on the router of two servers."""

import signal

import pytest
from hosts import BALANCERS, CONNECTIONS, DELIVERED, STEADY, check_always_answered, wait_until

RULES = BALANCERS / "echod.nft"


@pytest.fixture
def nftables(network, tmp_path):
    config = tmp_path / "echod.toml"
    config.write_text('[listen]\naddresses = ["0.0.0.0"]\n')
    network.config = config
    network.start_servers(config)
    network.balancer.run("nft", "-f", RULES)
    return network


def give_turn(network, old, new):
    """Gives the turn of a server to another, as the comment in the file says."""
    turn = {"192.0.2.11": 0, "192.0.2.12": 1}[old]
    network.balancer.run(
        "nft", f"delete element ip echod servers {{ {turn} }};"
        f" add element ip echod servers {{ {turn} : {new} }}",
    )  # fmt: skip


def test_a_load_loses_nothing_and_the_servers_see_the_clients(nftables):
    running = nftables.start_load("-c", 200, "-p", 4, "-d", "forever")
    nftables.wait_for_connections(200)
    assert nftables.connections(nftables.first) == nftables.connections(nftables.second) == 100
    seen = nftables.peers(nftables.first) | nftables.peers(nftables.second)
    wait_until(lambda: nftables.echoed() >= 50_000, "50,000 echoes")
    running.send_signal(signal.SIGTERM)
    status, result = nftables.result_of(running)
    assert status == DELIVERED, result
    assert result["messages"]["lost"] == result["messages"]["wrong"] == 0
    assert seen == {"198.51.100.100"}


def test_the_rules_can_be_loaded_again_under_load(nftables):
    running = nftables.start_load(*STEADY)
    nftables.wait_for_connections(CONNECTIONS)
    nftables.balancer.run("nft", "-f", RULES)
    nftables.wait_until_served()
    result = nftables.stop_load(running)
    assert result["outages"] == []
    assert result["messages"]["lost"] == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_server_that_ends_interrupts_its_connections_alone(nftables, how):
    running = nftables.start_load(*STEADY)
    nftables.wait_for_connections(CONNECTIONS)
    nftables.stop_echod(nftables.first, how)
    # Every other attempt is refused until the rules leave that server out, and is repeated.
    nftables.wait_for_connections(CONNECTIONS, nftables.second)
    nftables.start_echod(nftables.first, nftables.config)
    status, _ = nftables.load("-c", 10, "-n", 1000)
    assert status == DELIVERED
    result = nftables.stop_load(running)
    check_always_answered(result)
    assert result["interruption"]["count"] == CONNECTIONS / 2
    assert nftables.faults(nftables.second) == {}


def test_a_drained_server_gets_no_new_connection_and_keeps_the_open_ones(nftables):
    running = nftables.start_load(*STEADY)
    nftables.wait_for_connections(CONNECTIONS)
    give_turn(nftables, "192.0.2.11", "192.0.2.12")
    status, _ = nftables.load("-c", 10, "-n", 100)
    assert status == DELIVERED
    assert nftables.connections(nftables.first) == CONNECTIONS / 2
    nftables.stop_echod(nftables.first)
    nftables.wait_for_connections(CONNECTIONS, nftables.second)
    result = nftables.stop_load(running)
    check_always_answered(result)
    assert result["interruption"]["count"] == CONNECTIONS / 2
    assert result["messages"]["lost"] <= CONNECTIONS / 2
