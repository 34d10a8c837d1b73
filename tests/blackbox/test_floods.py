# SPDX-License-Identifier: MIT
"""More floods than one wait of the loop reports events for do not starve anything else."""

import contextlib
import signal

import pytest
from echoload_support import start_echoload
from wire import message

FLOODS = 400  # a wait reports 256 events
NEVER = {"idle": "0s", "message": "0s", "write": "0s"}
STALLED = 20
BLOCK = message(bytes(1016)) * 16

pytestmark = pytest.mark.release_only


@contextlib.contextmanager
def floods(daemon):
    """Many connections of another process that never pause, each with 500 messages in flight."""
    host, port = daemon.address
    before = daemon.statistics()
    process = start_echoload(f"{host}:{port}", "-c", str(FLOODS), "-p", "500", "--sizes", "fixed:0",
                             "-d", "1h", "-q")
    try:
        daemon.wait_for_statistics(
            lambda now: now["connections"] >= before.get("connections", 0) + FLOODS
            and now["messages_out"] > before.get("messages_out", 0) + 500 * FLOODS, "floods")
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_control_socket_answers_completely_beside_floods(echod):
    daemon = echod(timeouts=NEVER)
    with floods(daemon):
        for _ in range(5):
            status = daemon.ask("--status")
            assert status.returncode == 0, status.stderr
            assert "serving for" in status.stdout and status.stdout.endswith("\n")
            assert status.stdout.count(daemon.address[0] + ":") > 10  # the lists at its end
            assert daemon.ask("--reload").returncode == 0
        daemon.wait_for_line("reloaded: the new configuration is in force")


def test_a_new_connection_and_well_behaved_clients_are_served_beside_floods(echod):
    daemon = echod(timeouts=NEVER)
    early = daemon.connect()
    with floods(daemon):
        for number in range(100):
            early.echo(message(bytes(number), kind=number))
            with daemon.connect() as late:
                late.echo()


def test_sigterm_drains_beside_floods(echod):
    daemon = echod(timeouts={**NEVER, "drain": "1h"})
    client = daemon.connect()
    begun = message(b"begun before the drain")
    client.send(begun[:5])
    with floods(daemon):
        daemon.send_signal(signal.SIGTERM)
        daemon.wait_for_line("stopping: draining")
        client.send(begun[5:])
        assert client.receive_until_eof() == begun
        client.close()
        assert daemon.wait() == 0


def stall(daemon, client):
    """Sends until the daemon cannot send all echoes any more. Returns the number of bytes sent."""
    before = daemon.statistics().get("stalls", 0)
    sent = 0
    while daemon.statistics().get("stalls", 0) == before:
        client.send(BLOCK)
        sent += len(BLOCK)
    return sent


def test_clients_that_read_again_beside_floods_are_not_reset(echod):
    """The deadline of a stalled client has passed when the loop sees that the client has read."""
    daemon = echod(timeouts=NEVER)
    clients = [daemon.connect(receive_buffer=8192) for _ in range(STALLED)]
    sent = [stall(daemon, client) for client in clients]
    with floods(daemon):
        got = [b"" for _ in clients]
        with daemon.paused():
            for number, client in enumerate(clients):
                while client.has_input(0.02):
                    got[number] += client.socket.recv(1 << 18)
            daemon.reload_soon({"timeouts": {**NEVER, "write": "1ms"}})
        for number, client in enumerate(clients):
            missing = sent[number] - len(got[number])
            assert got[number] + client.receive(missing) == BLOCK * (sent[number] // len(BLOCK))
