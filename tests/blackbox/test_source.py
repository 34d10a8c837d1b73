# SPDX-License-Identifier: MIT
"""Where the connections of echoload come from."""

from echoload_support import echoload, honest, serve


def peers_of(*arguments):
    peers = []

    def notes(connection, _number):
        peers.append(connection.getpeername()[0])
        honest(connection)

    with serve(notes) as target:
        ended = echoload(*arguments, target)
    assert ended.code == 0, ended
    return sorted(peers)


def test_connections_come_from_the_address_asked_for():
    assert peers_of("-c", 3, "-n", 30, "--source", "127.0.0.77") == ["127.0.0.77"] * 3


def test_the_hosts_of_a_network_take_turns():
    expected = sorted(f"127.0.9.{host}" for host in (1, 1, 2, 2, 3, 4, 5, 6))
    assert peers_of("-c", 8, "-n", 80, "-t", 2, "--source", "127.0.9.0/29") == expected


def test_a_connection_that_is_replaced_comes_from_the_next_address():
    arguments = ["-c", 1, "-n", 4, "--conn-messages", 1, "--source", "127.0.9.0/30"]
    assert peers_of(*arguments) == ["127.0.9.1"] * 2 + ["127.0.9.2"] * 2


def test_an_address_that_is_not_ours_is_named():
    with serve(honest) as target:
        ended = echoload("-c", 2, "-n", 2, "--source", "192.0.2.1", target)
    assert ended.code == 1, ended
    assert "EADDRNOTAVAIL" in ended.out


def test_more_connections_than_ports_are_refused_with_what_to_change():
    # Some machines' limit of descriptors refuses so many first, with exit status 1 as well.
    ended = echoload("-c", 1_000_000, "-n", 1, "127.0.0.1:1")
    assert ended.code == 1, ended
    assert "ip_local_port_range" in ended.err or "RLIMIT_NOFILE" in ended.err
