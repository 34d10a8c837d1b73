# SPDX-License-Identifier: MIT
"""The log of limits that are reached and of faulty clients."""

import re
import signal

import pytest
from wire import header, message

PER_IP = r"limits\.max_connections_per_ip \(1\) is reached by an address"


def turned_away(daemon, count):
    """Opens `count` connections in turn that are closed without a byte."""
    for _ in range(count):
        assert daemon.connect().receive_until_eof() == b""


def test_the_per_address_limit_is_logged_once_not_per_connection(echod):
    daemon = echod(limits={"max_connections_per_ip": 1})
    daemon.connect().echo()
    turned_away(daemon, 20)
    assert "warning" in daemon.wait_for_line(PER_IP)
    assert len(daemon.lines_with("is reached")) == 1


@pytest.mark.parametrize("policy", ["reject", "evict"])
def test_a_limit_reached_by_several_connections_is_logged_with_their_number(echod, policy):
    daemon = echod(limits={"max_connections": 1, "when_full": policy})
    with daemon.paused():
        clients = [daemon.connect() for _ in range(4)]
    line = daemon.wait_for_line(r"limits\.max_connections \(1\) is reached")
    assert line.endswith("when_full applies; 2 more times since the last warning")
    for client in clients[:3] if policy == "evict" else clients[1:]:
        assert client.receive_until_eof() == b""


def test_a_limit_without_rejected_connections_is_logged_without_a_number(echod):
    daemon = echod(limits={"max_connections": 1})
    daemon.connect().echo()
    assert daemon.wait_for_line("is reached").endswith("when_full applies")


def test_a_reload_during_a_stop_is_refused_and_logged(echod):
    daemon = echod(timeouts={"drain": "1h"})
    client = daemon.connect()
    client.echo()
    client.send(header(3) + b"ab")
    daemon.send_signal(signal.SIGTERM)
    daemon.wait_for_line("stopping: draining")
    daemon.send_signal(signal.SIGHUP)
    assert "error" in daemon.wait_for_line("reload refused: the server is stopping")
    asked = daemon.ask("--reload")
    assert asked.returncode == 1
    assert "stopping" in asked.stderr
    daemon.wait_for(lambda: len(daemon.lines_with("reload refused")) == 2, "the second line")
    client.send(b"c")
    assert client.receive_until_eof() == message(b"abc")


def test_only_faulty_clients_are_logged_at_debug(echod):
    daemon = echod(log={"level": "debug"}, limits={"max_connections_per_ip": 2})
    good = daemon.connect()
    good.echo()
    bad = daemon.connect()
    bad.echo(message(b"x" * 12))
    name = "%s:%d" % bad.socket.getsockname()[:2]
    turned_away(daemon, 1)
    bad.send(header(1017))
    assert bad.receive_until_eof() == b""
    line = daemon.wait_for_line("closed_protocol_error")
    assert re.search(rf"debug +{name}: closed_protocol_error after 1 messages and 28 bytes$", line)
    assert daemon.find_line(r"debug +127\.0\.0\.1:\d+: rejected_per_ip$")
    good.close()
    daemon.wait_for_counters(connections=0)
    assert len(daemon.lines_with(" debug ")) == 2


def test_a_client_without_a_port_after_its_reset_is_logged_by_its_address(echod):
    daemon = echod(log={"level": "debug"}, limits={"max_connections_per_ip": 9})
    client = daemon.connect()
    client.echo()
    client.send(message(b"x")[:4])
    daemon.wait_for_counters(bytes_in=len(message(b"ping")) + 4)
    client.reset()
    daemon.wait_for_line(r"debug +127\.0\.0\.1:\d+: closed_reset after 1 messages")


def test_a_reload_enables_and_disables_the_debug_lines(echod):
    def commit_a_fault():
        client = daemon.connect()
        client.send(header(1017))
        assert client.receive_until_eof() == b""
        client.close()
        daemon.wait_for_counters(connections=0)

    daemon = echod(log={"level": "debug"})
    daemon.reload({"log": {"level": "info"}})
    commit_a_fault()
    assert not daemon.lines_with("closed_protocol_error after")
    daemon.reload({"log": {"level": "debug"}})
    commit_a_fault()
    daemon.wait_for_line("closed_protocol_error after")
    assert len(daemon.lines_with("closed_protocol_error after")) == 1
