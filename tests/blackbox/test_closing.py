# SPDX-License-Identifier: MIT
"""How connections are closed: after an invalid header, a FIN, an incomplete message, or a reset."""

import os
import subprocess
import threading

import pytest
from echod_daemon import ECHOD, PYTHON
from wire import TIMEOUT, Client, header, message, random_messages

INVALID = [1017, 1018, 1024, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]


@pytest.mark.parametrize("size", INVALID)
def test_a_header_with_an_invalid_size_closes_the_connection_after_pending_echoes(echod, size):
    daemon = echod()
    other, client = daemon.connect(), daemon.connect()
    expected = b"".join(random_messages(size, 5))
    client.send(expected + header(size))
    assert client.receive_until_eof() == expected
    other.echo()
    client.close()
    counters = daemon.wait_for_counters(connections=1)
    assert counters["protocol_errors"] == counters["closed_protocol_error"] == 1


@pytest.mark.parametrize("split", range(1, 8))
def test_an_invalid_header_is_detected_when_it_is_complete(echod, split):
    daemon = echod()
    client = daemon.connect()
    bad = header(1017)
    client.send(bad[:split])
    daemon.wait_for_counters(bytes_in=split, connections=1, protocol_errors=0)
    client.send(bad[split:])
    assert client.receive_until_eof() == b""


def test_messages_behind_an_invalid_header_are_not_echoed(echod):
    client = echod().connect()
    expected = message(b"before")
    client.send(expected + header(1017) + message(b"behind") * 10)
    assert client.receive_until_eof() == expected


def test_garbage_after_an_invalid_header_does_not_turn_the_fin_into_a_reset(echod):
    # Unread input at close(2) causes a reset, and echoes in transit could be lost.
    client = echod().connect()
    expected = b"".join(random_messages(5, 40))
    client.send(expected)
    client.send(header(0xFFFFFFFF) + bytes(100_000))
    for _ in range(20):
        client.send(bytes(1000))
    assert client.receive_until_eof() == expected


def test_garbage_received_with_an_invalid_header_does_not_cause_a_reset(echod):
    daemon = echod()
    client = daemon.connect()
    client.echo()
    expected = b"".join(random_messages(6, 8))
    with daemon.paused():
        client.send(expected + header(1017) + bytes(50_000))
        client.half_close()
    assert client.receive_until_eof() == expected


def test_megabytes_of_pending_output_are_sent_before_the_fin_of_an_invalid_header(echod):
    daemon = echod()
    other = daemon.connect()
    client = daemon.connect(receive_buffer=8192)
    expected = b"".join(random_messages(7, 8000))  # about 4 MB
    sender = threading.Thread(target=client.send, args=(expected + header(1017) + bytes(10_000),))
    sender.start()
    daemon.wait_for_statistics(lambda counters: "stalls" in counters, "a stall")
    other.echo()
    assert client.receive_until_eof() == expected
    sender.join()
    other.echo()


def test_a_client_that_ignores_the_fin_after_its_error_is_closed(echod):
    daemon = echod(timeouts={"idle": "0s", "message": "0s", "write": "0s"})
    client = daemon.connect()
    client.send(header(1017))
    assert client.receive_until_eof() == b""
    # Still open on this side; the daemon does not wait for ever.
    daemon.wait_for_counters(connections=0, closed_protocol_error=1)


def test_a_client_that_sends_endless_garbage_is_closed(echod):
    daemon = echod(timeouts={"idle": "0s", "message": "0s", "write": "0s"})
    other, client = daemon.connect(), daemon.connect()
    with pytest.raises(ConnectionError):
        client.send(header(1017) + bytes(64 << 20))
    daemon.wait_for_counters(connections=1, closed_protocol_error=1)
    other.echo()


def test_a_hundred_invalid_clients_do_not_disturb_a_valid_one(echod):
    daemon = echod()
    other = daemon.connect()
    for number in range(100):
        with daemon.connect() as client:
            client.send(message(b"x") * (number % 3) + header(1017 + number))
            assert client.receive_until_eof() == message(b"x") * (number % 3)
        other.echo()
    counters = daemon.wait_for_counters(connections=1)
    assert counters["protocol_errors"] == 100


def test_a_client_that_half_closes_gets_every_pending_echo_and_a_fin(echod):
    daemon = echod()
    client = daemon.connect()
    expected = b"".join(random_messages(8, 100))
    client.send(expected)
    client.half_close()
    assert client.receive_until_eof() == expected
    daemon.wait_for_counters(connections=0, closed_peer=1)


def test_a_fin_behind_unread_messages_loses_none_of_them(echod):
    daemon = echod(limits={"quota_messages": 1})
    clients = [daemon.connect() for _ in range(3)]
    expected = b"".join(random_messages(9, 100, largest=20))
    with daemon.paused():
        for client in clients:
            client.send(expected)
            client.half_close()
    for client in clients:
        assert client.receive_until_eof() == expected


def test_a_client_that_half_closes_and_reads_late_gets_megabytes(echod):
    daemon = echod()
    client = daemon.connect(receive_buffer=8192)
    expected = b"".join(random_messages(10, 8000))

    def send():
        client.send(expected)
        client.half_close()

    sender = threading.Thread(target=send)
    sender.start()
    daemon.wait_for_statistics(lambda counters: "stalls" in counters, "a stall")
    assert client.receive_until_eof() == expected
    sender.join()
    daemon.wait_for_counters(connections=0, closed_peer=1)


@pytest.mark.parametrize("length", [1, 7, 8, 12, 17])
@pytest.mark.parametrize("half", [True, False])
def test_an_incomplete_message_at_the_fin_is_dropped_and_counted(echod, length, half):
    daemon = echod()
    client = daemon.connect()
    whole = message(b"whole")
    client.send(whole + message(b"incomplete")[:length])
    assert client.receive(len(whole)) == whole
    if half:
        client.half_close()
        assert client.receive_until_eof() == b""
    client.close()
    counters = daemon.wait_for_counters(connections=0)
    assert counters["closed_incomplete"] == 1
    assert counters["bytes_dropped"] == length
    assert counters["messages_in"] == counters["messages_out"] == 1


def test_a_client_that_disconnects_without_data_is_no_error(echod):
    daemon = echod()
    daemon.connect().close()
    counters = daemon.wait_for_counters(connections=0, accepted=1)
    assert counters["closed_unused"] == 1


def test_a_reset_affects_only_that_client_and_is_counted(echod):
    daemon = echod()
    other = daemon.connect()
    for number in range(20):
        client = daemon.connect()
        client.echo()
        client.send(message(b"some")[: number % 12])
        client.reset()
    counters = daemon.wait_for_counters(connections=1)
    assert counters["closed_reset"] + counters.get("closed_reset_after_echo", 0) == 20
    other.echo()


def test_a_client_that_disconnects_without_reading_its_echoes_is_handled(echod):
    daemon = echod()
    other = daemon.connect()
    for _ in range(20):
        with daemon.connect(receive_buffer=4096) as client:
            client.flood(message(bytes(1000)))
    daemon.wait_for_counters(connections=1)
    other.echo()


def test_short_connections_leak_no_descriptor(echod):
    daemon = echod()
    marker = daemon.connect()
    marker.echo()
    before = daemon.open_descriptors()
    for number in range(400):
        client = Client(daemon.address)
        if number % 4 != 0:
            client.echo()
        if number % 3 == 0:
            client.send(header(2000))
        if number % 5 == 0:
            client.reset()
        else:
            client.close()
    daemon.wait_for_counters(connections=1, accepted=401)
    marker.echo()
    assert daemon.open_descriptors() == before


DEEP_BACKLOG = """
import re, resource, signal, socket, subprocess, sys

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
daemon = subprocess.Popen(sys.argv[1:], stderr=subprocess.PIPE, text=True)
port = next(int(m[1]) for line in daemon.stderr if (m := re.search(r"listening on .*:(\\d+)", line)))
daemon.send_signal(signal.SIGSTOP)
clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(4500)]
daemon.send_signal(signal.SIGTERM)
daemon.send_signal(signal.SIGCONT)
print(sum(client.recv(1) == b"" for client in clients), daemon.stderr.read())
"""


def test_a_stop_serves_a_backlog_deeper_than_usual(tmp_path):
    """In a network namespace, with its own net.core.somaxconn."""
    if os.geteuid() != 0:
        pytest.skip("a network of its own needs root")
    path = tmp_path / "echod.toml"
    path.write_text('[listen]\naddresses = ["127.0.0.1"]\nport = 0\nbacklog = 65535\n')
    script = 'ip link set lo up && echo 65535 > /proc/sys/net/core/somaxconn && exec "$@"'
    daemon = [str(ECHOD), "--config", str(path), "--control", str(tmp_path / "control")]
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", script, "sh", *PYTHON, "-c", DEEP_BACKLOG, *daemon],
        capture_output=True, text=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done
    assert "accepted=4500 " in done.stdout
    assert done.stdout.startswith("4500 ")


def test_connections_that_end_like_health_checks_are_no_faults(echod):
    daemon = echod(log={"level": "debug"})
    for end in ("close", "reset"):
        silent, echoed = daemon.connect(), daemon.connect()
        echoed.echo()
        getattr(silent, end)()
        getattr(echoed, end)()
    counters = daemon.wait_for_counters(connections=0, closed=4)
    ends = {name: n for name, n in counters.items() if name.startswith("closed_") and n}
    assert ends == {"closed_unused": 2, "closed_peer": 1, "closed_reset_after_echo": 1}
    assert not daemon.lines_with(" debug ")
