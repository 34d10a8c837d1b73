# SPDX-License-Identifier: MIT
"""Thousands of connections: each gets its echo, and idle ones need almost no resources."""

import contextlib
import resource
import select
import subprocess
import threading

import pytest
from echod_daemon import HERE, PYTHON, Echod
from wire import TIMEOUT, message

MANY = 5000
IDLE = 10_000
IDLE_KIB = 4 * 1024  # allowed increase of the resident memory
HARD_LIMIT = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
NEVER = {"idle": "1h", "message": "0s", "write": "0s"}


def needs_descriptors(count):
    reason = f"the hard RLIMIT_NOFILE of {HARD_LIMIT} is below {count + 100}"
    return pytest.mark.skipif(HARD_LIMIT < count + 100, reason=reason)


@needs_descriptors(MANY)
def test_five_thousand_connections_at_once_each_get_their_echo(echod):
    daemon = echod()
    clients = [daemon.connect() for _ in range(MANY)]
    for number, client in enumerate(clients):
        client.send(message(b"one of many", kind=number))
    for number, client in enumerate(clients):
        assert client.receive(19) == message(b"one of many", kind=number)
    counters = daemon.statistics()
    assert counters["connections"] == counters["accepted"] == MANY
    assert counters["messages_in"] == counters["messages_out"] == MANY
    for client in clients:
        client.reset()
    daemon.wait_for_counters(connections=0)


@contextlib.contextmanager
def idle_clients(daemon, count):
    """`count` idle clients, in as many processes as the descriptor limit requires."""
    host, port = daemon.address
    largest = min(HARD_LIMIT - 100, 5000)
    parts = [min(largest, count - start) for start in range(0, count, largest)]
    command = [*PYTHON, str(HERE / "idle_clients.py"), host, str(port)]
    processes = [
        subprocess.Popen(
            [*command, str(part)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for part in parts
    ]
    try:
        for process in processes:
            assert select.select([process.stdout], [], [], 2 * TIMEOUT)[0], "no idle clients"
            assert process.stdout.readline() == "up\n"
        yield
        for process in processes:
            assert process.communicate()[0] == "0\n", "connections that were closed"
            assert process.returncode == 0
    finally:
        for process in processes:
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def busy_daemon(tmp_path_factory):
    """(a daemon with idle clients, its resident KiB before they connected)."""
    config = {"timeouts": NEVER, "limits": {"max_connections": IDLE + 10}}
    daemon = Echod(tmp_path_factory.mktemp("idle-clients"), config)
    try:
        with daemon.connect() as client:
            client.echo()
        daemon.wait_for_counters(connections=0)
        before = daemon.resident_kib()
        with idle_clients(daemon, IDLE):
            yield daemon, before
    finally:
        daemon.finish()


@needs_descriptors(IDLE)
@pytest.mark.release_only
def test_ten_thousand_idle_connections_add_less_than_four_mebibytes(busy_daemon):
    daemon, before = busy_daemon
    daemon.wait_for_counters(connections=IDLE)
    assert daemon.resident_kib() - before < IDLE_KIB


@needs_descriptors(IDLE)
@pytest.mark.release_only
def test_ten_thousand_idle_connections_do_not_wake_the_loop(busy_daemon):
    daemon, _ = busy_daemon
    with daemon.connect() as client:
        client.echo()
        before = daemon.sleeps()
        threading.Event().wait(0.7)
        client.echo()
        # The echo is one or two wake-ups; nothing else is due for an hour.
        assert daemon.sleeps() - before <= 3


@needs_descriptors(IDLE)
@pytest.mark.release_only
def test_ten_thousand_idle_connections_do_not_slow_an_echo(busy_daemon):
    # Measured by the daemon's work, which must not grow with the number of idle clients.
    daemon, _ = busy_daemon
    with daemon.connect() as client:
        client.echo()
        before = daemon.cpu_seconds()
        for _ in range(500):
            client.echo()
        assert (daemon.cpu_seconds() - before) / 500 < 0.001


@needs_descriptors(MANY)
def test_a_burst_of_connections_is_accepted_by_every_policy_within_the_limit(echod):
    daemon = echod(limits={"max_connections": 600, "when_full": "evict"})
    with daemon.paused():
        clients = [daemon.connect() for _ in range(1000)]
    clients[-1].echo()
    counters = daemon.wait_for_counters(connections=600, accepted=1000)
    assert counters["closed_evicted"] == 400


@needs_descriptors(MANY)
def test_a_thousand_connections_drain_at_the_stop(echod):
    daemon = echod(timeouts={"drain": "1h"})
    clients = [daemon.connect() for _ in range(1000)]
    with daemon.paused():
        for number, client in enumerate(clients):
            client.send(message(b"last words", kind=number))
        daemon.send_signal(15)
    for number, client in enumerate(clients):
        assert client.receive_until_eof() == message(b"last words", kind=number)
        client.close()
    assert daemon.wait() == 0
