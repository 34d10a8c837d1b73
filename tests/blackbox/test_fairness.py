# SPDX-License-Identifier: MIT
"""A flooding client gets its share and no more."""

import select
import subprocess

from echod_daemon import HERE, PYTHON
from wire import TIMEOUT, message

ROUND_TRIPS = 100


def complete_round_trips(clients, count):
    """All clients do `count` round trips at the same time, with one message in flight each."""
    question = message(b"one in flight")
    poll = select.poll()
    by_fd = {client.socket.fileno(): client for client in clients}
    left = dict.fromkeys(by_fd, count)
    for fd, client in by_fd.items():
        poll.register(fd, select.POLLIN)
        client.send(question)
    while left:
        ready = poll.poll(TIMEOUT * 1000)
        assert ready, f"{len(left)} clients were left without an echo: {sorted(left.values())}"
        for fd, _ in ready:
            assert by_fd[fd].receive(len(question)) == question
            left[fd] -= 1
            if left[fd]:
                by_fd[fd].send(question)
            else:
                poll.unregister(fd)
                del left[fd]


def test_a_flooding_client_does_not_block_other_clients(echod):
    daemon = echod()
    host, port = daemon.address
    clients = [daemon.connect() for _ in range(20)]
    command = [*PYTHON, str(HERE / "flood.py"), host, str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as flood:
        assert flood.stdout.readline() == b"flooding\n"
        complete_round_trips(clients, ROUND_TRIPS)
        flood.stdin.close()
        flooded = int(flood.stdout.readline())
    assert flood.returncode == 0
    assert flooded > 0
    counters = daemon.statistics()
    assert counters["messages_in"] >= flooded + 20 * ROUND_TRIPS


def test_ten_flooding_clients_are_all_served(echod):
    daemon = echod(limits={"quota_messages": 2})
    clients = [daemon.connect() for _ in range(10)]
    batch = b"".join(message(b"", kind=number) for number in range(64))
    for _ in range(20):
        for client in clients:
            client.send(batch)
        for client in clients:
            assert client.receive(len(batch)) == batch


def test_a_visit_that_exceeds_the_quota_and_leaves_more_to_do_is_counted(echod):
    daemon = echod(limits={"quota_messages": 10})
    flooding, other = daemon.connect(), daemon.connect()
    flooding.echo()
    other.echo()
    with daemon.paused():
        flooding.send(message(bytes(1016)) * 64)
        other.send(message(b"y"))
    assert other.receive(9) == message(b"y")
    assert flooding.receive(1024 * 64) == message(bytes(1016)) * 64
    assert daemon.statistics()["quota_turns"] >= 1


def test_the_quota_does_not_delay_a_single_client(echod):
    daemon = echod(limits={"quota_messages": 1})
    alone, quiet = daemon.connect(), daemon.connect()
    quiet.echo()
    alone.echo()
    with daemon.paused():
        alone.send(message(b"x") * 64)
    assert alone.receive(9 * 64) == message(b"x") * 64
    assert "quota_turns" not in daemon.statistics()
