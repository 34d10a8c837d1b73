# SPDX-License-Identifier: MIT
"""The configured addresses: IPv4, IPv6, several, and ports that the kernel chooses."""

from wire import message


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
