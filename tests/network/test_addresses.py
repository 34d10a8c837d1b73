# SPDX-License-Identifier: MIT
"""Addresses and interfaces that do not exist when the daemon starts."""

import socket
import subprocess
from pathlib import Path

import pytest
from namespace import namespace
from wire import Client

PORT = 7007
IP_FREEBIND = 15  # ip(7)


@pytest.fixture
def network():
    with namespace():
        yield


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


def set_ipv6(enabled):
    """sysctl net.ipv6.conf.*.disable_ipv6, also for interfaces that exist already."""
    for name in ("all", "default", "lo"):
        Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("0" if enabled else "1")


def echoes(host, port):
    with Client(socket.getaddrinfo(host, port)[0][4]) as client:
        client.echo()


def test_an_address_is_served_as_soon_as_it_exists(network, echod):
    daemon = echod(listen={"addresses": ["127.0.0.1", "192.0.2.1"], "port": PORT})
    echoes("127.0.0.1", PORT)
    count = len(daemon.notifications.datagrams)
    ip("address", "add", "192.0.2.1/32", "dev", "lo")
    daemon.wait_for_line(f"listening on 192.0.2.1:{PORT}, which exists now")
    echoes("192.0.2.1", PORT)
    daemon.wait_for_notification(
        f"^STATUS=listening on 127.0.0.1:{PORT}, 192.0.2.1:{PORT}$", after=count
    )
    assert "not listening" not in daemon.ask("--status").stdout
    # An address that goes and comes back, as one of VRRP does, needs no new socket.
    ip("address", "del", "192.0.2.1/32", "dev", "lo")
    ip("address", "add", "192.0.2.1/32", "dev", "lo")
    echoes("192.0.2.1", PORT)


def test_an_address_that_another_process_takes_first_is_served_later(network, echod):
    daemon = echod(listen={"addresses": ["127.0.0.1", "192.0.2.1"], "port": PORT})
    with socket.socket() as thief:
        thief.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        thief.bind(("192.0.2.1", PORT))
        thief.listen()
        ip("address", "add", "192.0.2.1/32", "dev", "lo")
        daemon.wait_for_line("not listening on 192.0.2.1:.*EADDRINUSE")
    daemon.wait_for_line("listening on 192.0.2.1:.* which exists now")
    echoes("192.0.2.1", PORT)


@pytest.mark.parametrize("addresses", [["127.0.0.1", "::1"], ["*"], ["0.0.0.0", "::"]])
def test_ipv4_is_served_where_ipv6_is_disabled(network, echod, addresses):
    set_ipv6(False)
    daemon = echod(listen={"addresses": addresses, "port": PORT})
    echoes("127.0.0.1", PORT)
    daemon.wait_for_line("ready: ")
    assert len(daemon.lines_with(" warning ")) == (1 if "::1" in addresses else 0)
    set_ipv6(True)
    ip("address", "replace", "::1/128", "dev", "lo")
    if "::1" in addresses:
        daemon.wait_for_line("listening on .::1.:.* which exists now")
    echoes("::1", PORT)


def test_a_link_local_address_of_a_later_interface_is_served(network, echod):
    daemon = echod(listen={"addresses": ["127.0.0.1", "fe80::1%late0"], "port": PORT})
    daemon.wait_for_line(" warning .*ENODEV")
    ip("link", "add", "late0", "type", "veth", "peer", "name", "late1")
    ip("link", "set", "late1", "up")
    ip("link", "set", "late0", "up")
    ip("address", "add", "fe80::1/64", "dev", "late0")  # tentative at first
    daemon.wait_for_line("listening on .fe80::1%late0.:.* which exists now")
    echoes("fe80::1%late0", PORT)
