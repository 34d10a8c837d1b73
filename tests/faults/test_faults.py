# SPDX-License-Identifier: MIT
"""A kernel whose n-th call fails, for each n in turn.

Each test takes its daemon through all n. After each fault the daemon lives, unaffected clients got
every echo, affected clients got a prefix, a new client is served, and the loop has not spun. At the
end the totals must add up (Echod.finish()).
"""

import contextlib
import errno
import re
import signal
import socket
import time

import pytest
from plan import FOR_EVER, ONE_BYTE
from wire import TIMEOUT, Client, message, random_messages

MESSAGES = random_messages(seed=3, count=6)
STREAM = b"".join(MESSAGES)
PEERS = 3
# On average; a loop that spins uses a whole core.
CPU_A_ROUND = 0.03
WINDOW = 0.5  # long enough to detect a loop that spins occasionally
MOST_CPU = WINDOW / 10
MOST_SLEEPS = 30  # accepting and the statistics are retried every 100 ms


def received(client, size):
    """The part of `size` bytes that was received, and whether the connection is still usable."""
    data = bytearray()
    try:
        while len(data) < size:
            piece = client.socket.recv(size - len(data))
            if not piece:
                return bytes(data), False
            data += piece
    except ConnectionError:
        return bytes(data), False
    return bytes(data), True


def round_of_echoes(daemon):
    """Some clients at once, each with a few messages; the number of clients disconnected."""
    clients = [Client(daemon.address) for _ in range(PEERS)]
    cut_off = 0
    for message_ in MESSAGES:
        for client in clients:
            try:
                client.send(message_)
            except ConnectionError:
                pass  # checked below
    for client in clients:
        data, good = received(client, len(STREAM))
        assert STREAM.startswith(data), "received bytes that were not sent"
        assert not good or data == STREAM
        cut_off += not good
        client.close()
    return cut_off


def check_served(daemon):
    with Client(daemon.address) as client:
        client.echo()


def check_that_it_sleeps(daemon):
    cpu, sleeps = daemon.cpu_seconds(), daemon.sleeps()
    time.sleep(WINDOW)
    assert daemon.cpu_seconds() - cpu < MOST_CPU
    assert daemon.sleeps() - sleeps < MOST_SLEEPS


def go_through(daemon, call, error, skips, count=1):
    """For each n, `count` calls of `call` fail from the n-th on; (faults that happened, clients
    disconnected)."""
    faults = daemon.faults
    begun = daemon.cpu_seconds()
    hits = faults.hits(call)
    cut_off = rounds = 0
    for skip in skips:
        before = faults.hits(call)
        faults.plan(call, error, skip, count)
        lost = 0
        most_rounds = rounds + 10 + skip + count  # each round uses every call
        while faults.pending(call) and rounds < most_rounds:
            lost += round_of_echoes(daemon)
            rounds += 1
        faults.clear()
        assert faults.hits(call) == before + count
        assert lost <= count, "a client was disconnected without a fault"
        cut_off += lost
        check_served(daemon)
    assert daemon.running
    assert daemon.cpu_seconds() - begun < CPU_A_ROUND * (rounds + 4)
    return faults.hits(call) - hits, cut_off


ACCEPT_ERRORS = [
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOBUFS,
    errno.ENOMEM,
    errno.ECONNABORTED,
    errno.EINTR,
    errno.EPROTO,
    errno.EPERM,
    errno.ENETDOWN,
]


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("error", ACCEPT_ERRORS, ids=errno.errorcode.get)
def test_a_failed_accept_affects_no_other_client(faulty, error, count, skips):
    daemon = faulty()
    few = list(skips)[: 2 if count > 1 else None]  # each may include the pause after a failure
    hits, cut_off = go_through(daemon, "accept4", error, few, count)
    assert hits > 0
    assert cut_off == 0
    assert daemon.statistics().get("accept_errors", 0) == hits


@pytest.mark.parametrize(
    "error", [errno.EMFILE, errno.EPERM, errno.EINVAL, errno.ENETDOWN, errno.EINTR],
    ids=errno.errorcode.get,
)  # fmt: skip
def test_a_persistently_failing_accept_does_not_spin_and_is_logged(faulty, error):
    daemon = faulty()
    daemon.faults.plan("accept4", error, count=FOR_EVER)
    client = Client(daemon.address)
    client.send(message(b"late"))
    assert errno.errorcode[error] in daemon.wait_for_line("cannot accept")
    check_that_it_sleeps(daemon)
    assert not client.has_input(0)
    daemon.faults.clear()
    assert client.receive(len(message(b"late"))) == message(b"late")
    client.close()


@pytest.mark.parametrize(
    ("error", "advice"),
    [(errno.ENOSPC, "raise fs.epoll.max_user_watches"), (errno.ENOMEM, "raise MemoryMax=")],
    ids=["ENOSPC", "ENOMEM"],
)
def test_connections_that_epoll_refuses_wait_and_are_served_later(faulty, error, advice):
    daemon = faulty()
    with Client(daemon.address) as before:
        before.echo()
        daemon.faults.plan("epoll_add", error, count=FOR_EVER)
        clients = [Client(daemon.address) for _ in range(PEERS)]
        for client in clients:
            client.send(message(b"late"))
        line = daemon.wait_for_line("cannot add a connection")
        assert errno.errorcode[error] in line
        assert advice in line
        check_that_it_sleeps(daemon)
        assert not any(client.has_input(0) for client in clients)
        before.echo()
        daemon.faults.clear()
        for client in clients:
            assert client.receive(len(message(b"late"))) == message(b"late")
            client.close()
    counters = daemon.statistics()
    assert counters["setup_errors"] == daemon.faults.hits("epoll_add")
    assert "accept_errors" not in counters


def test_connections_wait_while_memory_is_out(faulty):
    daemon = faulty()  # its first connection allocates records
    daemon.faults.plan("malloc", errno.ENOMEM, count=FOR_EVER)
    clients = [Client(daemon.address) for _ in range(PEERS)]
    for client in clients:
        client.send(message(b"late"))
    check_that_it_sleeps(daemon)
    assert daemon.faults.hits("malloc") > 0
    assert not any(client.has_input(0) for client in clients)
    daemon.faults.clear()
    for client in clients:
        assert client.receive(len(message(b"late"))) == message(b"late")
        client.close()
    assert daemon.statistics()["setup_errors"] > 0


def test_a_connection_that_epoll_refused_is_served_if_the_daemon_stops(faulty):
    daemon = faulty()
    daemon.faults.plan("epoll_add", errno.ENOSPC, count=FOR_EVER)
    client = Client(daemon.address)
    client.send(message(b"late"))
    daemon.wait_for_line("cannot add a connection")
    with daemon.paused():  # so that the signal comes before the next try
        daemon.faults.clear()
        daemon.send_signal(signal.SIGTERM)
    assert client.receive_until_eof() == message(b"late")
    client.close()


@pytest.mark.parametrize("call", ["recv", "send"])
@pytest.mark.parametrize("error", [errno.EINTR, errno.EAGAIN], ids=errno.errorcode.get)
@pytest.mark.parametrize("count", [1, 50])
def test_a_transient_error_affects_no_client(faulty, call, error, count, skips):
    daemon = faulty()
    hits, cut_off = go_through(daemon, call, error, skips, count)
    assert hits > 0
    assert cut_off == 0


@pytest.mark.parametrize("call", ["recv", "send"])
def test_many_interruptions_affect_no_client(faulty, call):
    daemon = faulty()
    hits, cut_off = go_through(daemon, call, errno.EINTR, [0], count=100_000)
    assert (hits, cut_off) == (100_000, 0)


@pytest.mark.parametrize("call", ["recv", "send"])
def test_one_byte_per_call_affects_no_client(faulty, call):
    daemon = faulty()
    hits, cut_off = go_through(daemon, call, ONE_BYTE, [0, 1, 2], count=5_000)
    assert (hits, cut_off) == (15_000, 0)


NAMES = {
    errno.ECONNRESET: "closed_reset",
    errno.EPIPE: "closed_reset",
    errno.ETIMEDOUT: "closed_unacked_timeout",
    errno.EHOSTUNREACH: "closed_unacked_timeout",
}


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("recv", errno.ECONNRESET),
        ("recv", errno.ETIMEDOUT),
        ("recv", errno.ENOMEM),
        ("recv", errno.EHOSTUNREACH),
        ("send", errno.ECONNRESET),
        ("send", errno.EPIPE),
        ("send", errno.ENOBUFS),
        ("send", errno.ENOMEM),
        ("epoll_ctl", errno.ENOMEM),
        ("epoll_ctl", errno.ENOSPC),
    ],
    ids=lambda value: errno.errorcode[value] if isinstance(value, int) else value,
)
def test_an_error_of_one_connection_affects_only_that_one(faulty, call, error, skips):
    daemon = faulty()
    hits, cut_off = go_through(daemon, call, error, skips)
    assert hits > 0
    assert cut_off <= hits
    counters = daemon.wait_for_statistics(lambda c: c.get("connections") == 0, "no connections")
    names = {NAMES.get(error, "closed_io_error"), "accept_errors", "setup_errors"}
    if error == errno.ECONNRESET and call == "recv":
        names |= {"closed_reset_after_echo", "closed_unused"}
    counted = sum(counters.get(name, 0) for name in names)
    assert counted == hits, f"{hits} faults; counted: {counters}"


def test_an_interrupted_wait_is_repeated(faulty, skips):
    daemon = faulty()
    hits, cut_off = go_through(daemon, "epoll_wait", errno.EINTR, skips, count=3)
    assert (hits, cut_off) == (3 * len(skips), 0)


def test_a_signal_is_not_lost_if_its_read_is_interrupted(faulty):
    daemon = faulty()
    daemon.faults.plan("read", errno.EINTR, count=3)
    daemon.statistics()  # waits for the effect of a signal
    assert daemon.faults.hits("read") == 3


@pytest.mark.parametrize("error", [errno.EPIPE, errno.ENOSPC, errno.EAGAIN], ids=errno.errorcode.get)
def test_a_failing_log_loses_only_lines_and_reports_their_number(faulty, error):
    daemon = faulty()
    before = len(daemon.lines)
    daemon.faults.plan("write", error, count=2)
    for _ in range(2):
        calls = daemon.faults.calls("write")
        daemon.send_signal(signal.SIGUSR1)
        while daemon.faults.calls("write") == calls:  # no log line shows that a line is missing
            check_served(daemon)
    check_served(daemon)
    daemon.send_signal(signal.SIGUSR1)
    daemon.wait_for_line("2 log lines before this one could not be written", after=before)


def test_a_failing_notification_does_not_stop_the_daemon(faulty):
    daemon = faulty(stats={"interval": "100ms"})
    daemon.faults.plan("sendmsg", errno.ECONNREFUSED, count=FOR_EVER)
    assert round_of_echoes(daemon) == 0
    daemon.statistics()
    check_served(daemon)


def test_the_control_socket_survives_peersthat_epoll_refuses(faulty):
    daemon = faulty()
    with daemon.paused():
        control_clients = [Client(str(daemon.control_path)) for _ in range(8)]
        daemon.faults.plan("epoll_ctl", errno.ENOMEM, count=8)
    deadline = time.monotonic() + TIMEOUT
    while daemon.faults.pending("epoll_ctl"):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert control_clients[0].receive_until_eof() == b""
    for control_client in control_clients:
        control_client.close()
    assert answer(daemon, "status").startswith("ok")


# Memory.


def answer(daemon, command):
    """The reply of the control socket; empty if the daemon had no memory for it."""
    text = b""
    with socket.socket(socket.AF_UNIX) as control_client:
        control_client.settimeout(20)
        control_client.connect(str(daemon.control_path))
        try:
            control_client.sendall(command.encode() + b"\n")
            while data := control_client.recv(1 << 16):
                text += data
        except ConnectionError:
            pass
    return text.decode()


def work_of_all_kinds(daemon):
    """Everything that allocates: connections, their buffers, statistics, reloads, control
    clients."""
    lost = round_of_echoes(daemon)
    slow = Client(daemon.address)
    try:
        slow.send(message(b"x" * 500)[:300])
        slow.flood(message(b"y" * 1000), start=0)
    except ConnectionError:
        pass
    daemon.send_signal(signal.SIGUSR1)
    for command in ("status", "stats openmetrics", "stats prometheus", "stats json", "reload", "no such command"):
        answer(daemon, command)
    slow.close()
    return lost


@pytest.mark.parametrize("count", [1, 20], ids=["once", "for-a-while"])
def test_a_failed_allocation_affects_only_the_operation_that_needed_it(faulty, count, skips):
    daemon = faulty()
    work_of_all_kinds(daemon)
    calls = daemon.faults.calls("malloc")
    work_of_all_kinds(daemon)
    needed = daemon.faults.calls("malloc") - calls
    places = skips if len(skips) > 20 else range(0, needed, max(1, needed // 60))
    for skip in places:
        daemon.faults.plan("malloc", errno.ENOMEM, skip, count)
        work_of_all_kinds(daemon)
        daemon.faults.clear()
        assert daemon.process.poll() is None, f"ended at allocation {skip} of {needed}"
        check_served(daemon)
    assert daemon.faults.hits("malloc") > 0


WRONG_SYNTAX = "[limits\n"
WRONG_VALUE = "[limits]\nquota_messages = -3\nquota_mesages = 1\n"


@pytest.mark.parametrize(
    ("command", "text", "whole"),
    [
        ("reload", "", r"ok\n"),
        ("reload", WRONG_VALUE, r"error\n.* must be 1 to 65535, is -3\n.*did you mean.*\n"),
        ("reload", WRONG_SYNTAX, r"error\n.*:1:8: not valid TOML: .*\n"),
        ("stats json", "", r'ok\n\{"schema":1,.*\}\n'),
        ("stats openmetrics", "", r"ok\n(.*\n)+# EOF\n"),
        ("stats prometheus", "", r"ok\n(.*\n)+process_resident_memory_bytes \d+\n"),
        ("status", "", r"ok\n(.*\n)+"),
    ],
    ids=["reload", "wrong-value", "wrong-syntax", "json", "openmetrics", "prometheus", "status"],
)
def test_a_failed_allocation_in_a_reply_does_not_end_the_daemon(faulty, command, text, whole):
    daemon = faulty()
    if text:
        daemon.write_config_text(text)
    with Client(daemon.address) as client:
        client.echo()
        assert re.fullmatch(whole, answer(daemon, command))
        # The number differs from one answer to the next: some parts are made anew each second.
        failed = 0
        while daemon.faults.hits("malloc") == failed:
            daemon.faults.plan("malloc", errno.ENOMEM, failed)
            answer(daemon, command)
            daemon.faults.clear()
            assert daemon.process.poll() is None, f"ended at allocation {failed}"
            client.echo()
            failed += 1
        assert failed > 2
        assert re.fullmatch(whole, answer(daemon, command))


# Lasting faults.


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("accept4", errno.EMFILE),
        ("accept4", errno.ENOMEM),
        ("accept4", errno.EPERM),
        ("recv", errno.ENOMEM),
        ("send", errno.ENOBUFS),
        ("epoll_ctl", errno.ENOMEM),
        ("epoll_ctl", errno.ENOSPC),
        ("epoll_add", errno.ENOSPC),
        ("malloc", errno.ENOMEM),
        ("write", errno.ENOSPC),
        ("sendmsg", errno.ECONNREFUSED),
    ],
    ids=lambda value: errno.errorcode[value] if isinstance(value, int) else value,
)
def test_the_loop_sleeps_while_a_fault_lasts_and_serves_afterwards(faulty, call, error):
    daemon = faulty(stats={"interval": "100ms"})
    with Client(daemon.address) as before:
        before.echo()
        daemon.faults.plan(call, error, count=FOR_EVER)
        peers = [Client(daemon.address) for _ in range(PEERS)]
        for client in (before, *peers):
            with contextlib.suppress(ConnectionError):
                client.send(message(b"x" * 300) + message(b"begun")[:3])
        daemon.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + TIMEOUT
        while daemon.faults.hits(call) == 0:
            assert time.monotonic() < deadline, f"no {call}"
            time.sleep(0.005)
        check_that_it_sleeps(daemon)
        daemon.faults.clear()
        check_served(daemon)
        check_that_it_sleeps(daemon)
        for client in peers:
            client.close()
