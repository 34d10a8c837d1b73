# SPDX-License-Identifier: MIT
"""HAProxy in front of the daemon, with a PROXY header for each client."""

import contextlib
import json
import socket
import subprocess
import time

import pytest
from load import DELIVERED, load
from wire import TIMEOUT, Client

REQUIRED = {"proxy_protocol": "required", "proxy_from": ["127.0.0.1"]}
CONFIG = """
defaults
    mode tcp
    timeout connect 5s
    timeout client 30s
    timeout server 30s
listen echo
    bind 127.0.0.1:{port}
    {check}
    server one {host}:{server_port} {options}
"""
# One message without payload, and its echo.
CHECK = """option tcp-check
    tcp-check connect send-proxy
    tcp-check send-binary 0000000700000000
    tcp-check expect binary 0000000700000000"""


@contextlib.contextmanager
def haproxy(directory, daemon, options, check="", wait=True):
    """The address of an HAProxy that forwards to the daemon. `wait`: until an echo comes back."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = free.getsockname()
    config = directory / "haproxy.cfg"
    config.write_text(CONFIG.format(port=address[1], check=check, host=daemon.address[0],
                                    server_port=daemon.address[1], options=options))  # fmt: skip
    process = subprocess.Popen(["haproxy", "-db", "-f", config], stderr=subprocess.DEVNULL)
    try:
        if wait:
            wait_until_served(process, address)
        yield address
    finally:
        process.terminate()
        process.wait(TIMEOUT)


def wait_until_served(process, address):
    """Waits until an echo comes back."""
    end = time.monotonic() + TIMEOUT
    while True:
        try:
            with Client(address) as client:
                client.echo()
            return
        except (OSError, AssertionError):
            assert process.poll() is None and time.monotonic() < end


def peers(daemon):
    status = json.loads(daemon.ask("--stats", "json").stdout)
    return {one["peer"] for one in status["oldest"]}


@pytest.mark.parametrize(
    "options",
    ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"],
    ids=["v1", "v2", "v2-crc32c"],
)
def test_clients_behind_haproxy_have_their_own_addresses(echod, tmp_path, options):
    daemon = echod(listen=REQUIRED, limits={"max_connections_per_ip": 1})
    with haproxy(tmp_path, daemon, options) as address:
        daemon.wait_for_counters(connections=0)
        with Client(address, source="127.0.0.7") as one, Client(address, source="127.0.0.8") as two:
            one.echo()
            two.echo()
            names = {"{}:{}".format(*client.socket.getsockname()) for client in (one, two)}
            assert peers(daemon) == names
            with Client(address, source="127.0.0.7") as late:
                late.wait_until_closed()
            one.echo()
        counters = daemon.wait_for_counters(connections=0, closed_per_ip=1)
    assert not counters.get("protocol_errors"), counters


def test_a_load_through_haproxy_loses_nothing(echod, tmp_path):
    daemon = echod(listen=REQUIRED)
    with haproxy(tmp_path, daemon, "send-proxy-v2") as address:
        status, result = load(address, "-c", "20", "-p", "4", "-n", "5000", "--timeout", "30s")
    assert status == DELIVERED, result
    assert result["messages"]["verified"] == 5000


@pytest.mark.parametrize(
    "options", ["send-proxy-v2 check inter 100ms", "send-proxy check inter 100ms"], ids=["v2", "v1"]
)
def test_a_health_check_is_no_fault(echod, tmp_path, options):
    daemon = echod(listen=REQUIRED)
    with haproxy(tmp_path, daemon, options, CHECK):
        counters = daemon.wait_for_statistics(lambda c: c.get("closed", 0) >= 5, "five checks")
    assert not counters.get("protocol_errors"), counters
    ends = {name for name, number in counters.items() if name.startswith("closed_") and number}
    assert ends <= {"closed_peer", "closed_reset_after_echo", "closed_unused"}


def test_a_header_that_is_not_expected_is_named(echod, tmp_path):
    daemon = echod()
    with haproxy(tmp_path, daemon, "send-proxy-v2", wait=False) as address:
        end = time.monotonic() + TIMEOUT
        while not daemon.lines_with("began with a PROXY header"):
            assert time.monotonic() < end
            with contextlib.suppress(OSError, AssertionError), Client(address) as client:
                client.echo()
    # A connection that is reset meanwhile has no address any more.
    daemon.wait_for_line(r"(127\.0\.0\.1:\d+|a client) began with a PROXY header")
