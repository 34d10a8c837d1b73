# SPDX-License-Identifier: MIT
"""Sockets passed by the service manager: any number, with names; other descriptors are refused."""

import os
import re
import shutil
import socket

import pytest
from echod_daemon import launched, start_that_fails
from wire import Client, header, message

ACTIVATE = shutil.which("systemd-socket-activate")


def tcp_listener(host="127.0.0.1"):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, 0), family=family)


def unix_listener(path, backlog=8):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(backlog)
    return listener


def passing(*sockets, names=None, env=()):
    """Options of Echod() that pass `sockets` as 3, 4 ..."""
    numbers = ",".join(str(passed.fileno()) for passed in sockets)
    options = ["--sockets", numbers] if sockets else []
    if names is not None:
        options += ["--env", f"LISTEN_FDNAMES={names}"]
    for assignment in env:
        options += ["--env", assignment]
    fds = tuple(passed.fileno() for passed in sockets)
    return {"prefix": launched(*options), "fds": fds}


@pytest.fixture
def short_path(tmp_path, monkeypatch):
    """A directory with a short relative path: paths of sockets are limited (unix(7))."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_passed_socket_replaces_the_configured_addresses(echod):
    with tcp_listener() as listener:
        daemon = echod(**passing(listener))
        assert daemon.addresses == [listener.getsockname()]
        daemon.connect().echo()
    assert daemon.wait_for_line("listen.addresses")


def test_passed_sockets_that_differ_from_the_configuration_are_reported(echod):
    listen = {"addresses": ["127.0.0.1"], "port": 9}
    with tcp_listener() as listener:
        host, port = listener.getsockname()
        daemon = echod(listen=listen, **passing(listener, names="echo"))
    difference = (
        f'the sockets that systemd passes differ from [listen]: {host}:{port} ("echo") are served, '
        "and not 127.0.0.1:9; to serve those of the file: systemctl disable --now echod.socket; "
        "systemctl enable --now echod.service; to keep the sockets: edit the file"
    )
    daemon.wait_for_line("ready: ")
    (warning,) = daemon.lines_with(" warning ")
    assert warning.endswith(difference)
    assert difference + "\n" in daemon.ask("--status").stdout
    answer = daemon.ask("--reload")
    assert (answer.returncode, answer.stdout) == (0, difference + "\n")
    daemon.wait_for(lambda: len(daemon.lines_with(" warning ")) == 2, "a second warning")
    daemon.write_config({"listen": {"addresses": ["127.0.0.1"], "port": port}})
    assert daemon.ask("--reload").stdout == ""
    assert difference not in daemon.ask("--status").stdout


def test_sockets_of_every_kind_are_served_together(echod, short_path):
    with tcp_listener() as v4, tcp_listener("::1") as v6, unix_listener("stream") as stream:
        daemon = echod(**passing(v4, v6, stream, names="four:six:path"))
        ready = daemon.wait_for_line("ready: listening on ")
        for name in ("four", "six", "path"):
            assert f'"{name}"' in ready
        clients = [
            daemon.connect(v4.getsockname()),
            daemon.connect(v6.getsockname()[:2]),
            daemon.connect("stream"),
        ]
        for client in clients:
            data = b"".join(message(bytes(n), kind=n) for n in range(300))
            assert client.exchange([data]) == data
        for client in clients:
            client.half_close()
            assert client.receive_until_eof() == b""
        daemon.wait_for_counters(connections=0, accepted=3)


def test_a_unix_client_gets_the_same_protocol(echod, short_path):
    from wire import random_messages

    with unix_listener("stream") as listener:
        daemon = echod(limits={"max_connections_per_ip": 1}, **passing(listener))
        expected = b"".join(random_messages(1, 50))
        invalid, incomplete, other = (daemon.connect("stream") for _ in range(3))
        invalid.send(expected + header(1017) + bytes(20_000))
        assert invalid.receive_until_eof() == expected
        incomplete.send(expected + b"\0\0")
        incomplete.half_close()
        assert incomplete.receive_until_eof() == expected
        other.echo()  # clients without an address have no per-address limit
        counters = daemon.wait_for_counters(closed_incomplete=1)
        assert counters["protocol_errors"] == 1
        stalled = daemon.connect("stream")
        sent = daemon.flood_until_stalled(stalled, message(bytes(1000)))
        other.echo()
        stalled.half_close()
        assert len(stalled.receive_until_eof()) == sent - sent % 1008


def test_abstract_unix_sockets_are_served(echod):
    name = f"\0echod-test-{os.getpid()}-abstract"
    with unix_listener(name) as listener:
        daemon = echod(**passing(listener))
        assert daemon.addresses == [name]
        daemon.connect(name).echo()


def test_the_name_of_a_unix_peer_cannot_forge_a_log_line(echod):
    name = f"\0echod-test-{os.getpid()}-forged"
    forged = "\0\x1b]0;owned\x07\nechod 9.9, forged line"
    shown = "unix:@?]0;owned??echod 9.9, forged line"
    with unix_listener(name) as listener, socket.socket(socket.AF_UNIX) as peer:
        daemon = echod(log={"level": "debug"}, **passing(listener))
        peer.bind(forged)
        peer.connect(name)
        peer.sendall(message(b"x"))
        assert peer.recv(100) == message(b"x")
        screen = daemon.ask("--status").stdout
        assert shown in screen
        assert not re.search(r"[^\n -~]|^echod 9", screen, re.MULTILINE)
        peer.sendall(header(1017))
        assert peer.recv(100) == b""
        assert f"{shown}: closed_protocol_error" in daemon.wait_for_line("closed_protocol_error")
        assert not daemon.lines_with("\x1b|^echod 9")


def test_the_same_socket_passed_twice_is_served(echod):
    with tcp_listener() as listener, socket.socket(fileno=os.dup(listener.fileno())) as again:
        daemon = echod(**passing(listener, again))
        for _ in range(10):
            daemon.connect().echo()


def test_many_sockets_are_served(echod):
    listeners = [tcp_listener() for _ in range(30)]
    daemon = echod(**passing(*listeners))
    for listener in listeners:
        daemon.connect(listener.getsockname()).echo()
        listener.close()


def test_a_client_that_connected_before_the_start_is_served(echod):
    with tcp_listener() as listener:
        with Client(listener.getsockname()) as early:
            early.send(message(b"early"))
            echod(**passing(listener))
            assert early.receive(13) == message(b"early")


def test_a_client_that_connects_after_the_stop_is_served_by_the_new_process(echod, short_path):
    with tcp_listener() as listener, unix_listener("stream") as stream:
        first = echod(**passing(listener, stream))
        first.connect().echo()
        first.clients[0].close()
        assert first.stop() == 0
        assert os.path.exists("stream")
        with Client(listener.getsockname()) as between, Client("stream") as between_too:
            between.send(message(b"between"))
            between_too.send(message(b"between"))
            echod(**passing(listener, stream))
            assert between.receive(15) == message(b"between")
            assert between_too.receive(15) == message(b"between")


def test_an_ipv4_client_of_an_ipv6_socket_is_limited_by_its_ipv4_address(echod):
    listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    with listener:
        port = listener.getsockname()[1]
        daemon = echod(limits={"max_connections_per_ip": 1}, **passing(listener))
        daemon.connect(("127.0.0.1", port), source="127.0.0.2").echo()
        daemon.connect(("127.0.0.1", port), source="127.0.0.3").echo()
        third = daemon.connect(("127.0.0.1", port), source="127.0.0.2")
        assert third.receive_until_eof() == b""


UNUSABLE = {
    "a UDP socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "a unix datagram socket": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
    "a unix seqpacket socket": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET),
    "a socket that does not listen": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
    "one end of a pair": lambda: socket.socketpair()[0],
    "a file": lambda: open("/dev/null", "rb"),
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_a_descriptor_that_is_no_stream_listener_is_refused_by_number_and_name(echod, kind):
    with UNUSABLE[kind]() as unusable:
        line = start_that_fails(echod, **passing(unusable, names="strange"))
    assert re.search(r'\b3 \("strange"\)', line)


def test_one_bad_socket_among_good_ones_is_refused_by_number_and_name(echod):
    with tcp_listener() as good, tcp_listener() as also_good:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bad:
            options = passing(good, bad, also_good, names="one:two:three")
            line = start_that_fails(echod, **options)
    assert re.search(r'\b4 \("two"\)', line)
    assert "datagram" in line


NONSENSE = [
    "LISTEN_FDS=abc", "LISTEN_FDS=-1", "LISTEN_FDS=0", "LISTEN_FDS=1x", "LISTEN_FDS=", "LISTEN_FDS=99",
    "LISTEN_FDS=2147483647", "LISTEN_FDS=99999999999999999999", "LISTEN_PID=abc", "LISTEN_PID=-5",
    "LISTEN_FDNAMES=one:two",
]  # fmt: skip


@pytest.mark.parametrize("assignment", NONSENSE)
def test_invalid_activation_variables_are_refused(echod, assignment):
    with tcp_listener() as listener:
        line = start_that_fails(echod, **passing(listener, env=[assignment]))
    assert "LISTEN_" in line


@pytest.mark.parametrize("env", [["LISTEN_PID=1", "LISTEN_FDS=1"], ["LISTEN_PID=@PID@"]])
def test_sockets_for_another_process_are_not_used(echod, env):
    daemon = echod(**passing(env=env))
    assert daemon.address[0] == "127.0.0.1"
    daemon.connect().echo()


@pytest.fixture
def activated(echod):
    """Starts systemd-socket-activate with listening addresses; it starts the daemon later."""

    def start(*addresses, names=None):
        options = [option for address in addresses for option in ("-l", address)]
        options += ["--fdname=" + names] if names else []
        daemon = echod(prefix=[ACTIVATE, "-E", "NOTIFY_SOCKET", *options], wait=False)
        for _ in addresses:
            daemon.wait_for_line("Listening on ")
        daemon.wait_for(
            lambda: len(daemon.lines_with("Listening on ")) == len(addresses), "all sockets"
        )
        return daemon

    return start


@pytest.mark.skipif(not ACTIVATE, reason="systemd-socket-activate is not installed")
def test_systemd_socket_activate_starts_the_daemon_for_the_first_client(activated, own_address):
    address = (own_address, 7007)
    daemon = activated(f"{own_address}:7007")
    client = daemon.connect(address)
    client.send(message(b"the first"))
    daemon.wait_until_ready()
    assert client.receive(17) == message(b"the first")
    assert daemon.addresses == [address]
    daemon.connect().echo()


@pytest.mark.skipif(not ACTIVATE, reason="systemd-socket-activate is not installed")
def test_systemd_socket_activate_passes_several_named_sockets(
    activated, own_address, free_port, tmp_path
):
    path = str(tmp_path / "stream")
    daemon = activated(f"{own_address}:7007", f"[::1]:{free_port}", path, names="v4:v6:local")
    client = daemon.connect(path)
    client.send(message(b"the first"))
    daemon.wait_until_ready()
    assert client.receive(17) == message(b"the first")
    ready = daemon.wait_for_line("ready: listening on ")
    assert f'{own_address}:7007 ("v4")' in ready
    assert f'[::1]:{free_port} ("v6")' in ready
    assert f'unix:{path} ("local")' in ready
    daemon.connect((own_address, 7007)).echo()
    daemon.connect(("::1", free_port)).echo()
    assert not daemon.lines_with(" error ")
