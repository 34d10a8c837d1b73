# SPDX-License-Identifier: MIT
"""Connections that begin with a header of the PROXY protocol (listen.proxy_protocol)."""

import json
import signal
import socket

import proxy_header as header
import pytest
from echod_daemon import launched, run_echod
from service_manager import ServiceManager
from wire import Client, message, random_messages

LOOPBACK = ["127.0.0.0/8", "::1"]
REQUIRED = {"proxy_protocol": "required", "proxy_from": LOOPBACK}
NEVER = {"idle": "0s", "message": "0s", "write": "0s", "unacked": "0s", "drain": "1h"}
HANDED_OVER = 75

HEADERS = {
    "v1": header.v1("192.0.2.1"),
    "v1-ipv6": header.v1("2001:db8::1"),
    "v1-unknown": header.v1_unknown(),
    "v2": header.v2("192.0.2.1"),
    "v2-ipv6": header.v2("2001:db8::1"),
    "v2-local": header.v2_local(),
    "v2-tlvs": header.v2("192.0.2.1", tlvs=header.tlv(0x30, b"namespace") + header.tlv(4, b"")),
    "v2-crc32c": header.with_checksum("192.0.2.1"),
    "v2-unix": header.v2_raw(0x21, 0x31, b"/client".ljust(108, b"\0") + bytes(108)),
    "v2-longest": header.v2("192.0.2.1", tlvs=header.tlv(4, bytes(4096 - 12 - 3))),
}
INVALID = {
    "no header": message(b"hello"),
    "http": b"GET / HTTP/1.0\r\n\r\n",
    "v1 without address": b"PROXY TCP4\r\n",
    "v1 too long": b"PROXY UNKNOWN " + b"x" * 93,
    "v2 of version 3": header.v2_raw(0x31, 0x11, bytes(12)),
    "v2 too short": header.v2_raw(0x21, 0x11, bytes(11)),
    "v2 too long": header.v2("192.0.2.1", tlvs=header.tlv(4, bytes(4096 - 12 - 2))),
    "v2 wrong checksum": header.with_checksum("192.0.2.1")[:-1] + b"\0",
}


def proxied(daemon, client_address, **options):
    """A client behind a load balancer, which named its address, after the first echo."""
    client = daemon.connect(**options)
    client.send(header.v2(client_address))
    client.echo()
    return client


def peers(daemon):
    """The addresses in the status, without the ports of IPv4."""
    return sorted(one["peer"] for one in json.loads(daemon.ask("--stats", "json").stdout)["oldest"])


@pytest.mark.parametrize("name", HEADERS)
def test_messages_behind_a_header_are_echoed_however_they_are_split(echod, name):
    daemon = echod(listen=REQUIRED)
    messages = b"".join(random_messages(1, 5, largest=50))
    together, apart, bytewise = (daemon.connect() for _ in range(3))
    together.send(HEADERS[name] + messages)
    assert together.receive(len(messages)) == messages
    apart.send(HEADERS[name])
    apart.send(messages)
    assert apart.receive(len(messages)) == messages
    pieces = 0
    for byte in HEADERS[name][:300] if name != "v2-longest" else b"":
        bytewise.send(bytes([byte]))
        pieces += 1
    bytewise.send(HEADERS[name][pieces:] + messages)
    assert bytewise.receive(len(messages)) == messages
    counters = daemon.wait_for_counters(connections=3, messages_in=15, messages_out=15)
    assert counters["bytes_proxy"] == 3 * len(HEADERS[name])
    assert not counters.get("protocol_errors")


@pytest.mark.parametrize("name", ["v1", "v2", "v2-crc32c"])
def test_a_header_split_at_any_byte_is_read(echod, name):
    daemon = echod(listen=REQUIRED)
    text = HEADERS[name]
    clients = []
    for split in range(1, len(text)):
        clients.append((split, daemon.connect()))
        clients[-1][1].send(text[:split])
    daemon.wait_for_counters(bytes_in=sum(split for split, _ in clients))
    for split, client in clients:
        client.send(text[split:] + message(b"whole"))
        assert client.receive(13) == message(b"whole")


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_header_is_a_protocol_error(echod, name):
    daemon = echod(listen=REQUIRED)
    client = daemon.connect()
    client.send(INVALID[name])
    assert client.receive_until_eof() == b""
    counters = daemon.wait_for_counters(connections=0, closed_protocol_error=1)
    assert counters["protocol_errors"] == 1
    assert counters["bytes_dropped"] == len(INVALID[name])


def test_a_header_from_a_network_that_is_not_listed_is_a_protocol_error(echod):
    daemon = echod(listen={"proxy_protocol": "required", "proxy_from": ["127.0.0.2", "192.0.2.0/24"]})
    for first in (header.v1("192.0.2.1"), header.v2("192.0.2.1"), message(b"direct")):
        client = daemon.connect()
        client.send(first)
        assert client.receive_until_eof() == b""
    daemon.wait_for_counters(connections=0, closed_protocol_error=3, protocol_errors=3)
    proxied(daemon, "192.0.2.1", source="127.0.0.2").echo()


def test_the_named_address_is_in_the_status_and_in_the_log(echod):
    daemon = echod(listen=REQUIRED, log={"level": "debug"})
    first, second = proxied(daemon, "192.0.2.1"), proxied(daemon, "2001:db8::1")
    local = daemon.connect()
    local.send(header.v2_local())
    local.echo()
    own = "{}:{}".format(*local.socket.getsockname()[:2])
    assert peers(daemon) == sorted(["192.0.2.1:4711", "[2001:db8::1]:4711", own])
    for client in (first, second):
        client.send(b"\0" * 4 + b"\xff" * 4)
        assert client.receive_until_eof() == b""
    daemon.wait_for_line(r"192\.0\.2\.1:4711: closed_protocol_error after 1 messages")
    daemon.wait_for_line(r"\[2001:db8::1\]:4711: closed_protocol_error after 1 messages")


def test_the_limit_per_address_is_that_of_the_named_one(echod):
    daemon = echod(listen=REQUIRED, limits={"max_connections_per_ip": 2})
    clients = [proxied(daemon, f"192.0.2.{number % 3}") for number in range(6)]
    late = daemon.connect()
    late.send(header.v1("192.0.2.1") + message(b"over the limit"))
    assert late.receive_until_eof() == b""
    counters = daemon.wait_for_counters(connections=6, closed_per_ip=1)
    assert (counters["rejected_per_ip"], counters["accepted"]) == (1, 7)
    daemon.wait_for_line(r"limits.max_connections_per_ip \(2\) is reached by an address")
    clients[1].close()
    daemon.wait_for_counters(connections=5)
    proxied(daemon, "192.0.2.1").echo()


def test_ipv6_clients_count_by_prefix_and_exempt_networks_do_not_count(echod):
    limits = {"max_connections_per_ip": 1, "ipv6_prefix": 48, "per_ip_exempt": ["198.51.100.0/24"]}
    daemon = echod(listen=REQUIRED, limits=limits)
    clients = [proxied(daemon, one) for one in ("2001:db8:1::1", "2001:db8:2::1")]
    clients += [proxied(daemon, "198.51.100.7") for _ in range(3)]
    same_network = daemon.connect()
    same_network.send(header.v2("2001:db8:1:ffff::2"))
    assert same_network.receive_until_eof() == b""
    daemon.wait_for_counters(connections=5, closed_per_ip=1)


def test_a_limit_set_by_a_reload_counts_the_named_addresses(echod):
    daemon = echod(listen=REQUIRED)
    clients = [proxied(daemon, one) for one in ("192.0.2.1", "192.0.2.2")]
    awaits = daemon.connect()
    daemon.reload({"listen": REQUIRED, "limits": {"max_connections_per_ip": 1}})
    again = daemon.connect()
    again.send(header.v2("192.0.2.2"))
    assert again.receive_until_eof() == b""
    clients.append(proxied(daemon, "192.0.2.3"))
    awaits.send(header.v2("192.0.2.4"))
    awaits.echo()
    daemon.wait_for_counters(connections=4, closed_per_ip=1)


@pytest.mark.parametrize("sent", [0, 1, 20])
def test_a_header_must_be_complete_within_the_message_timeout(echod, sent):
    daemon = echod(listen=REQUIRED, timeouts={"message": "300ms", "idle": "20s"})
    client = daemon.connect()
    client.send(header.v1("192.0.2.1")[:sent])
    assert client.receive_until_eof() == b""
    daemon.wait_for_counters(connections=0, closed_message_timeout=1)


def test_the_timeout_of_a_header_is_not_extended_by_its_bytes(echod):
    daemon = echod(listen=REQUIRED, timeouts={"message": "500ms", "idle": "20s"})
    client = daemon.connect()
    for byte in header.v2("192.0.2.1", tlvs=header.tlv(4, bytes(4000))):
        if client.has_input(0.02):
            break
        client.send(bytes([byte]))
    client.wait_until_closed()
    daemon.wait_for_counters(connections=0, closed_message_timeout=1)


def test_a_connection_that_ends_in_the_header_is_incomplete(echod):
    daemon = echod(listen=REQUIRED)
    client = daemon.connect()
    client.send(header.v2("192.0.2.1")[:20])
    client.half_close()
    assert client.receive_until_eof() == b""
    daemon.wait_for_counters(connections=0, closed_incomplete=1, bytes_dropped=20)


def test_peers_of_unix_sockets_send_the_header(echod, tmp_path):
    path = str(tmp_path / "echo.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        daemon = echod(listen={"proxy_protocol": "required", "proxy_from": ["192.0.2.1"]},
                       limits={"max_connections_per_ip": 1},
                       prefix=launched("--sockets", str(listener.fileno())),
                       fds=[listener.fileno()])  # fmt: skip
    with Client(path) as first, Client(path) as second:
        first.send(header.v2("192.0.2.1"))
        first.echo()
        second.send(header.v2("192.0.2.1"))
        assert second.receive_until_eof() == b""
    daemon.wait_for_counters(connections=0, closed_per_ip=1)


def test_a_handover_keeps_the_named_address_and_a_begun_header(echod):
    manager = ServiceManager()
    try:
        options = {"timeouts": NEVER, "limits": {"max_connections_per_ip": 1}, "listen": REQUIRED}
        first = echod(manager=manager, **options)
        named, begun, silent = proxied(first, "192.0.2.1"), first.connect(), first.connect()
        text = header.v2("192.0.2.2")
        begun.send(text[:21])
        first.wait_for_statistics(lambda c: c["bytes_in"] == c["bytes_out"] + len(text) + 21, "it")
        first.expected_exit = HANDED_OVER
        assert first.stop(signal.SIGUSR2) == HANDED_OVER, first.log

        second = echod(**options, **manager.passing())
        named.echo()
        begun.send(text[21:])
        begun.echo()
        silent.send(header.v1("192.0.2.3"))
        silent.echo()
        assert peers(second) == ["192.0.2.1:4711", "192.0.2.2:4711", "192.0.2.3:4711"]
        over = second.connect()
        over.send(header.v2("192.0.2.1"))
        assert over.receive_until_eof() == b""
        second.wait_for_counters(restored=3, closed_per_ip=1)
    finally:
        manager.close()


def test_a_reload_applies_to_new_connections(echod):
    daemon = echod()
    plain = daemon.connect()
    plain.echo()
    daemon.reload({"listen": REQUIRED})
    awaits = daemon.connect()
    plain.echo()
    proxied(daemon, "192.0.2.1")
    daemon.reload({})
    daemon.connect().echo()
    awaits.send(header.v1("192.0.2.1"))
    awaits.echo()


@pytest.mark.parametrize("name", ["v1", "v2"])
def test_a_header_that_is_not_expected_is_named_once(echod, name):
    daemon = echod()
    for count in (1, 2, 3):
        client = daemon.connect()
        client.send(HEADERS[name] + message(b"lost"))
        assert client.receive_until_eof() == b""
        daemon.wait_for_counters(connections=0, protocol_errors=count, unexpected_proxy=count)
    lines = daemon.lines_with("began with a PROXY header")
    assert len(lines) == 1, lines
    assert lines[0].count("127.0.0.1:") == 1
    assert 'proxy_protocol = "required"' in lines[0]


def test_other_invalid_headers_are_not_taken_for_it(echod):
    daemon = echod()
    client = daemon.connect()
    client.send(b"GET / HTTP/1.0\r\n\r\n")
    assert client.receive_until_eof() == b""
    client = daemon.connect()
    client.echo()
    client.send(header.v1("192.0.2.1"))
    assert client.receive_until_eof() == b""
    counters = daemon.wait_for_counters(connections=0, protocol_errors=2)
    assert not counters.get("unexpected_proxy")
    assert not daemon.lines_with("PROXY")


def test_required_without_a_network_is_an_error(tmp_path):
    config = tmp_path / "echod.toml"
    config.write_text('[listen]\nproxy_protocol = "required"\n')
    result = run_echod("--check-config", "--config", config)
    assert result.returncode == 78
    assert f"{config}:2:18: listen.proxy_protocol: must be " in result.stderr
    assert "listen.proxy_from" in result.stderr
