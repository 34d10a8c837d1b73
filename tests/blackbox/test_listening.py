# SPDX-License-Identifier: MIT
"""The configured addresses: IPv4, IPv6, several, and ports that the kernel chooses."""

import os
import socket
import subprocess

import pytest
from echod_daemon import ECHOD, launched
from wire import TIMEOUT, message


def test_the_default_addresses_are_both_served(echod):
    daemon = echod(listen={"addresses": ["127.0.0.1", "::1"]})
    assert [host for host, _ in daemon.addresses] == ["127.0.0.1", "::1"]
    for address in daemon.addresses:
        daemon.connect(address).echo(message(b"on each"))
    daemon.wait_for_counters(connections=2)


def test_ipv6_is_served(echod):
    daemon = echod(listen={"addresses": ["::1"]})
    with daemon.connect() as client:
        stream = b"".join(message(bytes(n), kind=n) for n in range(200))
        assert client.exchange([stream]) == stream
        client.half_close()
        assert client.receive_until_eof() == b""


def test_the_same_port_serves_both_families(echod, free_port):
    # A v6 socket that took v4 too would be in the way of the v4 one.
    daemon = echod(listen={"addresses": ["0.0.0.0", "::"], "port": free_port})
    daemon.connect(("127.0.0.1", free_port)).echo()
    daemon.connect(("::1", free_port)).echo()


def test_the_line_that_says_ready_names_every_address(echod):
    daemon = echod(listen={"addresses": ["127.0.0.1", "127.0.0.2", "::1"]})
    line = daemon.wait_for_line("ready: listening on ")
    for host, port in daemon.addresses:
        assert (f"[{host}]:{port}" if ":" in host else f"{host}:{port}") in line
        daemon.connect((host, port)).echo()


def test_many_addresses_share_the_limit_of_connections(echod):
    addresses = [f"127.0.0.{n}" for n in range(1, 21)]
    limits = {"max_connections": 10, "when_full": "reject"}
    daemon = echod(listen={"addresses": addresses}, limits=limits)
    for address in daemon.addresses[:10]:
        daemon.connect(address).echo()
    for address in daemon.addresses[10:]:
        assert daemon.connect(address).receive_until_eof() == b""


def test_each_of_many_addresses_gets_its_turn(echod):
    addresses = [f"127.0.0.{n}" for n in range(1, 11)]
    daemon = echod(listen={"addresses": addresses}, limits={"accepts_per_turn": 1})
    with daemon.paused():
        clients = [daemon.connect(address) for address in daemon.addresses for _ in range(10)]
        for client in clients:
            client.send(message(b"all at once"))
    for client in clients:
        assert client.receive(19) == message(b"all at once")


LINK_LOCAL = {"addresses": ["fe80::1%echod-none0"]}


def test_an_interface_that_is_not_there_matters_to_who_listens_there_alone(echod):
    with socket.create_server(("127.0.0.1", 0)) as passed:
        daemon = echod(
            listen=LINK_LOCAL,
            prefix=launched("--sockets", str(passed.fileno())),
            fds=(passed.fileno(),),
        )
        daemon.connect().echo()
        daemon.reload({"listen": LINK_LOCAL, "limits": {"max_connections": 7}})
        assert daemon.ask("--reload").returncode == 0
        assert daemon.ask("--status").stdout.count("open of 7") == 1
    alone = echod(listen=LINK_LOCAL, wait=False)
    alone.expected_exit = 1
    assert alone.wait() == 1
    assert alone.find_line("cannot listen on .fe80::1%echod-none0.:0: there is no interface echod-none0")


@pytest.mark.parametrize("address", ["fe80::1%lo", "fe80::1%eth0", "fe80::1%1", "ff02::1%eth0"])
def test_a_configuration_is_as_valid_in_a_network_without_its_interface(tmp_path, address):
    if os.geteuid() != 0:
        pytest.skip("a network of its own needs root")
    path = tmp_path / "echod.toml"
    path.write_text(f'[listen]\naddresses = ["{address}"]\n')
    for prefix in ([], ["unshare", "--net"]):
        command = [*prefix, str(ECHOD), "--config", str(path), "--check-config"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        assert (done.returncode, done.stdout) == (0, f"{path}: ok\n"), done
