# SPDX-License-Identifier: MIT
"""A handover in which a call fails: all connections are handed over, or all are drained."""

import errno
import signal

import pytest
from echod_daemon import Echod
from service_manager import ServiceManager

HANDED_OVER = 75
FAILURES = [
    ("socketpair", errno.EMFILE, range(1)),
    ("memfd_create", errno.ENFILE, range(1)),
    # The connections, the stored descriptors, and the barrier.
    ("sendmsg", errno.ETOOMANYREFS, range(5)),
    ("send", errno.ECONNREFUSED, range(1)),
    ("malloc", errno.ENOMEM, range(0, 40, 3)),
]


@pytest.fixture
def manager():
    manager = ServiceManager()
    yield manager
    manager.close()


def hand_over(daemon, client):
    """Requests a handover. If the daemon drains instead, the client closes when it gets the FIN."""
    daemon.expected_exit = HANDED_OVER
    daemon.send_signal(signal.SIGUSR2)
    while daemon.running:
        if client.has_input(0.01):
            assert client.receive_until_eof() == b""
            client.close()
            return daemon.wait()
    return daemon.wait()


@pytest.mark.parametrize(
    "call, error, skip",
    [
        pytest.param(call, error, skip, id=f"{call}-{skip}")
        for call, error, skips in FAILURES
        for skip in skips
    ],
)
def test_a_failed_handover_becomes_a_drain(faulty, manager, tmp_path, call, error, skip):
    daemon = faulty(manager=manager)
    client = daemon.connect()
    client.echo()
    daemon.faults.plan(call, error, skip)
    status = hand_over(daemon, client)
    assert status == HANDED_OVER, daemon.log
    assert daemon.faults.hits(call) == 1
    totals = daemon.totals()
    if totals.get("closed_parked", 0) == 0:
        assert totals["closed_drained"] == 1
        manager.wait_until_empty()
        return
    daemon.faults.clear()
    successor = Echod(tmp_path, **manager.passing())
    try:
        client.echo()
        client.close()
    finally:
        successor.finish()


@pytest.mark.parametrize(
    "error, limit",
    [(errno.EAGAIN, "net.core.wmem_max"), (errno.ETOOMANYREFS, "LimitNOFILE=")],
    ids=["full", "too-many"],
)
def test_connections_that_the_kernel_does_not_accept_are_counted_with_the_cause(
    faulty, manager, error, limit
):
    datagram, more = 253, 7  # as many as fit in one message, and some more
    daemon = faulty(manager=manager)
    clients = [daemon.connect() for _ in range(datagram + more)]
    for client in clients:
        client.echo()
    # After the question whether the manager answers, and the first message.
    daemon.faults.plan("sendmsg", error, skip=2)
    daemon.expected_exit = HANDED_OVER
    assert daemon.stop(signal.SIGUSR2) == HANDED_OVER, daemon.log
    line = daemon.find_line(f" error .*{more} of {len(clients)} connections are lost")
    assert errno.errorcode[error] in line and limit in line
    assert daemon.totals()["closed_parked"] == datagram
