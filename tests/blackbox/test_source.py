# SPDX-License-Identifier: MIT
"""The source addresses of echoload's connections."""

import os
import subprocess
import sys

import pytest
from echoload_support import ECHOLOAD, HANG_TIMEOUT, echo_back, echoload, result_of, serve


def peers_of(*arguments):
    peers = []

    def notes(connection, _number):
        peers.append(connection.getpeername()[0])
        echo_back(connection)

    with serve(notes) as target:
        ended = echoload(*arguments, target)
    assert ended.code == 0, ended
    return sorted(peers)


def test_connections_use_the_source_address():
    assert peers_of("-c", 3, "-n", 30, "--source", "127.0.0.77") == ["127.0.0.77"] * 3


def test_the_addresses_of_a_source_network_are_used_in_turn():
    expected = sorted(f"127.0.9.{host}" for host in (1, 1, 2, 2, 3, 4, 5, 6))
    assert peers_of("-c", 8, "-n", 80, "-t", 2, "--source", "127.0.9.0/29") == expected


def test_a_replaced_connection_uses_the_next_source_address():
    arguments = ["-c", 1, "-n", 4, "--conn-messages", 1, "--source", "127.0.9.0/30"]
    assert peers_of(*arguments) == ["127.0.9.1"] * 2 + ["127.0.9.2"] * 2


def test_a_source_address_that_is_not_local_is_reported():
    with serve(echo_back) as target:
        ended = echoload("-c", 2, "-n", 2, "--source", "192.0.2.1", target)
    assert ended.code == 1, ended
    assert "bind             2  EADDRNOTAVAIL" in ended.out
    assert "--source 192.0.2.1 is not an address of this machine" in ended.out
    assert "ip_local_port_range" not in ended.out, "the ports are sufficient"


def test_more_connections_than_ports_are_refused_with_advice():
    # On some machines the descriptor limit refuses this first, also with exit status 1.
    ended = echoload("-c", 1_000_000, "-n", 1, "127.0.0.1:1")
    assert ended.code == 1, ended
    assert "ip_local_port_range" in ended.err or "RLIMIT_NOFILE" in ended.err


def test_misbehaving_connections_use_the_source_addresses():
    arguments = ["-c", 1, "-d", "500ms", "--source", "127.0.0.77", "--abuse", "idle:2"]
    assert peers_of(*arguments) == ["127.0.0.77"] * 3


@pytest.mark.release_only
def test_connections_beyond_the_ports_of_one_address_use_the_next_address():
    """In a network namespace with 100 ports per address, so that 350 connections need four. For
    another target each port can be used again: 180 to two targets from one address
    (IP_BIND_ADDRESS_NO_PORT)."""
    if os.geteuid() != 0:
        pytest.skip("a network of its own needs root")
    server = (
        "import socket,sys,threading\n"
        "def echo(c):\n"
        "    while d:=c.recv(65536): c.sendall(d)\n"
        "def serve(l):\n"
        "    while True: threading.Thread(target=echo,args=(l.accept()[0],),daemon=True).start()\n"
        "a,b=(socket.create_server(('127.0.0.1',port),backlog=512) for port in (7,9))\n"
        "threading.Thread(target=serve,args=(a,),daemon=True).start()\n"
        "print(flush=True)\n"
        "serve(b)\n"
    )
    script = (
        "ip link set lo up && echo 40000 40099 > /proc/sys/net/ipv4/ip_local_port_range || exit 9\n"
        f"exec 3< <(exec {sys.executable} -c \"$1\"); pid=$!; read -r _ <&3\n"
        'shift; "$@" -c 350 --source 127.0.0.1 127.0.0.1:7 > /dev/null 2>&1; few=$?\n'
        '"$@" -c 180 --source 127.0.0.1 127.0.0.1:7 127.0.0.1:9 >&2; two=$?\n'
        '"$@" -c 350 --source 127.0.0.0/8 --format json 127.0.0.1:7; code=$?\n'
        "kill $pid; [ $few,$two = 1,0 ] || exit 8; exit $code\n"
    )
    command = ["unshare", "--net", "bash", "-c", script, "bash", server, str(ECHOLOAD), "-n", "700"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_TIMEOUT, check=False)
    assert done.returncode == 0, done
    assert result_of(done.stdout)["connections"]["peak"] == 350
