# SPDX-License-Identifier: MIT
"""packaging/balancers/keepalived.conf: one of two servers has the address."""

import signal

import pytest
from echoload_support import kept_waiting
from hosts import BALANCERS, CONNECTIONS, ECHOLOAD, STEADY, wait_until

CONFIG = BALANCERS / "keepalived.conf"
ADDRESS = "192.0.2.20"
TARGET = f"{ADDRESS}:8007"
ANY = '["0.0.0.0"]'


class Pair:
    """keepalived on both servers."""

    def __init__(self, network, tmp_path, listen):
        self.network = network
        self.config = tmp_path / "echod.toml"
        self.config.write_text(f"[listen]\naddresses = {listen}\n")
        self.processes = {}
        for server in network.servers:
            # The check of the file is that of the package, /usr/bin/echoload.
            server.run("sh", "-ec", f"""
                mkdir -p /run/bin/upper /run/bin/work
                install -m 0755 {ECHOLOAD} /run/bin/upper/echoload
                mount -t overlay -o lowerdir=/usr/bin,upperdir=/run/bin/upper,workdir=/run/bin/work \\
                    overlay /usr/bin
            """)  # fmt: skip
        network.start_servers(self.config)
        for server in network.servers:
            self.start(server)
        wait_until(self.holder, "one of them to have the address")
        network.wait_until_served(TARGET)

    def start(self, server):
        self.processes[server.name] = server.start(
            "keepalived", "--dont-fork", "--log-console", "--no-syslog", "-f", CONFIG,
            f"--config-id={server.name}",
        )  # fmt: skip

    def has_address(self, server):
        return f" {ADDRESS}/" in server.run("ip", "-4", "address", "show", "dev", "eth0")

    def holder(self):
        """The server that has the address; None if none or both have it."""
        holders = [server for server in self.network.servers if self.has_address(server)]
        return holders[0] if len(holders) == 1 else None

    def other(self):
        first, second = self.network.servers
        return second if self.holder() is first else first

    def stop(self):
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
                process.wait(10)


@pytest.fixture
def pair(network, tmp_path, request):
    made = Pair(network, tmp_path, getattr(request, "param", ANY))
    yield made
    made.stop()


def test_the_address_moves_when_the_daemon_is_killed(network, pair):
    holder, other = pair.holder(), pair.other()
    running = network.start_load(*STEADY, target=TARGET)
    network.wait_for_connections(CONNECTIONS, holder)
    network.stop_echod(holder, signal.SIGKILL)
    wait_until(lambda: pair.holder() is other, "the address to move")
    network.wait_for_connections(CONNECTIONS, other)
    network.wait_until_served(TARGET)
    # It stays when the daemon runs again: a second move would interrupt the connections again.
    network.start_echod(holder, pair.config)
    network.wait_until_served(TARGET)
    result = network.stop_load(running)
    assert len(result["outages"]) == 1
    assert pair.holder() is other


def test_a_machine_that_stops_keepalived_gives_the_address_up_at_once(network, pair):
    holder, other = pair.holder(), pair.other()
    running = network.start_load(*STEADY, target=TARGET)
    network.wait_for_connections(CONNECTIONS, holder)
    pair.processes[holder.name].terminate()
    network.wait_for_connections(CONNECTIONS, other)
    result = network.stop_load(running)
    assert pair.holder() is other
    # The new holder resets the connections that it does not know, one at a time as they send.
    assert sum(outage["connections"] for outage in result["outages"]) >= CONNECTIONS
    assert result["outage_counts"]["longest_s"] < 2 + kept_waiting(result)


def test_a_drain_loses_no_echo_and_then_the_address_moves(network, pair):
    holder, other = pair.holder(), pair.other()
    running = network.start_load(*STEADY, target=TARGET)
    network.wait_for_connections(CONNECTIONS, holder)
    # In this order, as echod-balancers(7) says: `systemctl stop echod keepalived` has none.
    network.stop_echod(holder)
    pair.processes[holder.name].terminate()
    network.wait_for_connections(CONNECTIONS, other)
    result = network.stop_load(running)
    assert len(result["outages"]) == 1
    # A message can be lost that crosses with the FIN.
    assert result["messages"]["lost"] <= CONNECTIONS


@pytest.mark.parametrize("pair", [f'{ANY}\n[timeouts]\ndrain = "1h"\nwrite = "0"'], indirect=True)
def test_a_drain_that_outlasts_the_check_loses_the_address_meanwhile(network, pair):
    holder, other = pair.holder(), pair.other()
    # Messages without a payload, and a client that does not read their echoes.
    network.client.start("socat", "-u", "/dev/zero", f"TCP:{TARGET}")
    wait_until(lambda: network.state(holder)["counters"]["stalls"], "pending output")
    daemon = network.daemons[holder.name]
    daemon.send_signal(signal.SIGTERM)
    wait_until(lambda: pair.has_address(other), "the address to move")
    assert daemon.poll() is None


@pytest.mark.parametrize("pair", [f"{ANY}\n[limits]\nmax_connections = 2"], indirect=True)
def test_a_server_that_is_full_loses_the_address(network, pair):
    holder, other = pair.holder(), pair.other()
    network.client.start(ECHOLOAD, TARGET, "-q", "-c", 2, "-R", 10, "-d", "100s")
    network.wait_for_connections(2, holder)
    wait_until(lambda: pair.has_address(other), "the address to move")


def test_a_machine_that_vanishes_loses_the_address(network, pair):
    holder, other = pair.holder(), pair.other()
    port = holder.name
    network.balancer.ip(f"link set {port} down")
    wait_until(lambda: pair.has_address(other), "the address to move")
    network.wait_until_served(TARGET)
    # Both have it now; the one that is back sees the other and gives it up.
    network.balancer.ip(f"link set {port} up")
    wait_until(pair.holder, "one of them to have the address")
    network.wait_until_served(TARGET)


@pytest.mark.parametrize("pair", [f'["127.0.0.1", "{ADDRESS}"]'], indirect=True)
def test_a_daemon_that_listens_on_the_address_alone_finds_it_when_it_arrives(network, pair):
    other = pair.other()
    assert network.state(other)["listeners_wanted"] == 2
    pair.processes[pair.holder().name].terminate()
    wait_until(lambda: pair.holder() is other, "the address to move")
    network.wait_until_served(TARGET)
    assert len(network.state(other)["listeners"]) == 2
