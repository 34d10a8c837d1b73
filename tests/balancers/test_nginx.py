# SPDX-License-Identifier: MIT
"""packaging/balancers/nginx.conf: the stream module of nginx before two servers."""

import signal
from pathlib import Path

import pytest
from hosts import BALANCERS, CONNECTIONS, DELIVERED, STEADY, check_always_answered, wait_until

CONFIG = "/etc/nginx/modules-enabled/60-echod.conf"


def title_of(worker):
    """The command line that ps(1) shows, in which nginx writes what a worker does."""
    try:
        return Path(f"/proc/{worker}/cmdline").read_bytes()
    except OSError:
        return b"ended: shutting down"


class Nginx:
    """nginx on the balancer, with Debian's nginx.conf and the file where its comment says."""

    def __init__(self, network):
        self.network = network
        self.host = network.balancer
        self.host.run("sh", "-ec", """
            mount -t tmpfs tmpfs /var/log/nginx
            mkdir /run/modules
            cp -P /etc/nginx/modules-enabled/*-mod-stream.conf /run/modules
            mount --bind /run/modules /etc/nginx/modules-enabled
        """)  # fmt: skip
        self.host.run("cp", BALANCERS / "nginx.conf", CONFIG)
        self.start()

    def start(self):
        self.host.run("nginx", "-t", "-q")
        self.process = self.host.start("nginx", "-g", "daemon off;")
        self.network.wait_until_served()

    def reload(self):
        """Until the new workers serve, and the old ones have closed their listening sockets."""
        before = self.workers()
        self.host.run("nginx", "-s", "reload")
        wait_until(lambda: self.workers() - before, "new workers")
        for worker in before:
            wait_until(lambda: b"shutting down" in title_of(worker), "the old workers to leave")
        self.network.wait_until_served()

    def workers(self):
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return set(children.read_text().split())

    def set_down(self, address, down):
        """Edits the line of a server, as the comment in the file says."""
        old, new = f"server {address}:8007 ", f"server {address}:8007 down "
        text = self.host.run("cat", CONFIG)
        old, new = (old, new) if down else (new, old)
        assert text.count(old) == 1
        # The test's own process does not see the machine's file systems.
        self.host.run("sed", "-i", f"s/{old}/{new}/", CONFIG)


@pytest.fixture
def nginx(network):
    network.start_servers()
    made = Nginx(network)
    yield made
    # Its workers, which the process would leave behind if it were killed.
    made.process.terminate()
    made.process.wait(10)


def test_a_load_loses_nothing_and_the_servers_see_the_clients(network, nginx):
    running = network.start_load("-c", 200, "-p", 4, "-n", 50_000)
    network.wait_for_connections(200)
    seen = network.peers(network.first) | network.peers(network.second)
    status, result = network.result_of(running)
    assert status == DELIVERED, result
    assert result["messages"]["verified"] == 50_000
    assert "198.51.100.100" in seen


def test_a_message_after_which_the_client_half_closes_is_echoed(network, nginx):
    status, result = network.load("-c", 20, "-n", 2000, "--conn-messages", 10, "--close", "half")
    assert status == DELIVERED, result
    for server in network.servers:
        assert network.faults(server) == {}


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
