# SPDX-License-Identifier: MIT
"""packaging/balancers/haproxy.cfg: HAProxy before two servers."""

import signal

import pytest
from balancers import HAPROXY_CONFIG, HAProxy
from hosts import BALANCERS, CONNECTIONS, DELIVERED, STEADY, check_always_answered, wait_until


def test_a_server_that_is_stopped_and_started_again_causes_no_outage(network, haproxy):
    running = network.start_load(*STEADY)
    for server in network.servers:
        network.wait_for_connections(CONNECTIONS)
        network.stop_echod(server)
        haproxy.wait_for(**{server.name: "DOWN"})
        other = network.second if server is network.first else network.first
        network.wait_for_connections(CONNECTIONS, other)
        network.start_echod(server)
        haproxy.wait_for(**{server.name: "UP"})
    result = network.stop_load(running)
    check_always_answered(result)
    # The drain sends every echo. A message can be lost that crosses with the FIN.
    assert result["messages"]["lost"] <= 2 * CONNECTIONS
    assert not network.faults(network.first) and not network.faults(network.second)


def test_a_killed_server_interrupts_its_connections_alone(network, haproxy):
    running = network.start_load(*STEADY)
    network.wait_for_connections(CONNECTIONS)
    interrupted = network.connections(network.first)
    network.stop_echod(network.first, signal.SIGKILL)
    haproxy.wait_for(first="DOWN", second="UP")
    network.wait_for_connections(CONNECTIONS, network.second)
    network.start_echod(network.first)
    haproxy.wait_for(first="UP")
    network.wait_until_served()
    result = network.stop_load(running)
    check_always_answered(result)
    assert 0 < result["interruption"]["count"] <= interrupted


def test_a_server_that_does_not_answer_is_given_up(network, haproxy):
    network.first.run("ip", "link", "set", "eth0", "down")
    haproxy.wait_for(first="DOWN")
    status, result = network.load("-c", 20, "-n", 2000)
    assert status == DELIVERED, result


def test_a_drained_server_gets_no_new_connection_and_keeps_the_open_ones(network, haproxy):
    running = network.start_load(*STEADY)
    network.wait_for_connections(CONNECTIONS)
    kept = network.connections(network.first)
    haproxy.ask("set server echod/first state drain")
    haproxy.wait_for(first="DRAIN")
    status, _ = network.load("-c", 10, "-n", 100)
    assert status == DELIVERED
    assert network.connections(network.first) == kept
    # The open ones are ended by the drain of the daemon; the clients find the other server.
    network.stop_echod(network.first)
    network.wait_for_connections(CONNECTIONS, network.second)
    network.start_echod(network.first)
    haproxy.ask("set server echod/first state ready")
    haproxy.wait_for(first="UP")
    network.wait_until_served()
    result = network.stop_load(running)
    check_always_answered(result)
    assert result["interruption"]["count"] == kept


def test_a_reload_of_haproxy_interrupts_nothing(network, haproxy):
    running = network.start_load(*STEADY)
    network.wait_for_connections(CONNECTIONS)
    haproxy.process.send_signal(signal.SIGUSR2)
    haproxy.wait_for(first="UP", second="UP")
    network.wait_until_served()
    result = network.stop_load(running)
    assert result["outages"] == []
    assert result["messages"]["lost"] == 0


def test_a_restart_of_haproxy_is_one_outage(network, haproxy):
    running = network.start_load(*STEADY)
    network.wait_for_connections(CONNECTIONS)
    haproxy.process.terminate()
    haproxy.process.wait(10)
    HAProxy(network)
    network.wait_for_connections(CONNECTIONS)
    result = network.stop_load(running)
    assert len(result["outages"]) == 1
    assert result["outages"][0]["connections"] == CONNECTIONS
    assert result["outages"][0]["over"]


@pytest.mark.parametrize(
    "gate, code", [((), 5), (("--slo", "outage<30s"), 0), (("--slo", "outage<10ms"), 3)]
)
def test_an_outage_of_both_servers_is_reported_and_judged(network, haproxy, gate, code):
    running = network.start_load("--reconnect", "-c", CONNECTIONS, "-R", 500, "-d", "5s", *gate)
    network.wait_for_connections(CONNECTIONS)
    # Messages are in flight for sure: a daemon that is stopped echoes none.
    for server in network.servers:
        network.daemons[server.name].send_signal(signal.SIGSTOP)
    wait_until(lambda: network.pending(CONNECTIONS), "messages in flight")
    for server in network.servers:
        network.stop_echod(server, signal.SIGKILL)
    haproxy.wait_for(first="DOWN", second="DOWN")
    network.start_echod(network.second)
    status, result = network.result_of(running)
    assert status == code, result["verdict"]
    longest = max(result["outages"], key=lambda outage: outage["length_s"])
    assert longest["over"] and longest["connections"] == CONNECTIONS
    assert longest["messages_lost"] > 0
    assert result["outage_counts"]["not_restored"] == 0


def without_its_own_check(text):
    """A check that only connects and resets, as HAProxy does without tcp-check."""
    lines = [line for line in text.splitlines() if "tcp-check" not in line]
    return "\n".join(lines) + "\n"


def checks(network, server):
    """How many there were. A check that sends nothing resets the connection before it is established,
    so that only the kernel of the server counts it."""
    rows = [line.split() for line in server.run("cat", "/proc/net/snmp").splitlines()]
    names, values = [row for row in rows if row[0] == "Tcp:"]
    never_established = int(dict(zip(names, values))["AttemptFails"])
    return network.state(server)["counters"]["closed"] + never_established


@pytest.mark.parametrize("proxy", ["PROXY header", "no header"])
@pytest.mark.parametrize("check", ["echo", "connect"])
def test_health_checks_are_no_faults(network, tmp_path, check, proxy):
    text = HAPROXY_CONFIG.read_text()
    text = text if check == "echo" else without_its_own_check(text)
    echod = BALANCERS / "echod.toml"
    if proxy == "no header":
        text = text.replace(" send-proxy-v2", "")
        echod = tmp_path / "echod.toml"
        echod.write_text('[listen]\naddresses = ["0.0.0.0"]\n')
    config = tmp_path / "haproxy.cfg"
    config.write_text(text)
    network.start_servers(echod)
    HAProxy(network, config)
    for server in network.servers:
        wait_until(lambda: checks(network, server) >= 4, "four checks")
        assert network.faults(server) == {}
        counters = network.state(server)["counters"]
        ends = {name for name in counters if name.startswith("closed_") and counters[name]}
        assert ends <= ({"closed_unused"} if check == "connect" else
                        {"closed_peer", "closed_reset_after_echo"})  # fmt: skip
