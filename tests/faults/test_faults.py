# SPDX-License-Identifier: MIT
"""A kernel that fails at the n-th call, for one n after the other.

Each test takes its daemon through all n. After each: it lives, whoever was not hit got every echo,
who was hit got a prefix, a new client is served, and it has not spun. In the end the totals must
add up (Echod.finish()).
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
# On average; a loop that spins burns all that there is.
CPU_A_ROUND = 0.03
WINDOW = 0.5  # in which a loop that spins but now and then would be seen
MOST_CPU = WINDOW / 10
MOST_SLEEPS = 30  # accepting and the statistics are tried again every 100 ms


def received(client, size):
    """What came of `size` bytes, and whether the connection is still good."""
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
    """Some clients at once, each with a few messages; how many of them were cut off."""
    clients = [Client(daemon.address) for _ in range(PEERS)]
    cut_off = 0
    for message_ in MESSAGES:
        for client in clients:
            try:
                client.send(message_)
            except ConnectionError:
                pass  # seen below
    for client in clients:
        data, good = received(client, len(STREAM))
        assert STREAM.startswith(data), "something came back that was not sent"
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
    """For each n: the n-th `call` from here on, and those after it up to `count`, fail; (faults
    that happened, clients cut off)."""
    faults = daemon.faults
    begun = daemon.cpu_seconds()
    hits = faults.hits(call)
    cut_off = rounds = 0
    for skip in skips:
        before = faults.hits(call)
        faults.plan(call, error, skip, count)
        lost = 0
        most_rounds = rounds + 10 + skip + count  # each has some of every call
        while faults.pending(call) and rounds < most_rounds:
            lost += round_of_echoes(daemon)
            rounds += 1
        faults.clear()
        assert faults.hits(call) == before + count
        assert lost <= count, "somebody was cut off without a fault"
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
def test_an_accept_that_fails_costs_no_client_its_service(faulty, error, count, skips):
    daemon = faulty()
    few = list(skips)[: 2 if count > 1 else None]  # each may cost the pause after a failure
    hits, cut_off = go_through(daemon, "accept4", error, few, count)
    assert hits > 0
    assert cut_off == 0
    assert daemon.statistics().get("accept_errors", 0) == hits


@pytest.mark.parametrize(
    "error", [errno.EMFILE, errno.EPERM, errno.EINVAL, errno.ENETDOWN, errno.EINTR],
    ids=errno.errorcode.get,
)  # fmt: skip
def test_an_accept_that_fails_for_long_spins_no_loop_and_is_told_of(faulty, error):
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


@pytest.mark.parametrize("call", ["recv", "send"])
@pytest.mark.parametrize("error", [errno.EINTR, errno.EAGAIN], ids=errno.errorcode.get)
@pytest.mark.parametrize("count", [1, 50])
def test_a_call_to_be_tried_again_costs_nobody_anything(faulty, call, error, count, skips):
    daemon = faulty()
    hits, cut_off = go_through(daemon, call, error, skips, count)
    assert hits > 0
    assert cut_off == 0


@pytest.mark.parametrize("call", ["recv", "send"])
def test_a_storm_of_interruptions_costs_nobody_anything(faulty, call):
    daemon = faulty()
    hits, cut_off = go_through(daemon, call, errno.EINTR, [0], count=100_000)
    assert (hits, cut_off) == (100_000, 0)


@pytest.mark.parametrize("call", ["recv", "send"])
def test_one_byte_a_call_costs_nobody_anything(faulty, call):
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
def test_an_error_of_one_connection_costs_that_one_alone(faulty, call, error, skips):
    daemon = faulty()
    hits, cut_off = go_through(daemon, call, error, skips)
    assert hits > 0
    assert cut_off <= hits
    counters = daemon.wait_for_statistics(lambda c: c.get("connections") == 0, "no connections")
    name = NAMES.get(error, "closed_io_error")
    counted = counters.get(name, 0) + counters.get("accept_errors", 0)
    assert counted == hits, f"{hits} faults; counted: {counters}"


def test_a_wait_that_is_interrupted_is_begun_again(faulty, skips):
    daemon = faulty()
    hits, cut_off = go_through(daemon, "epoll_wait", errno.EINTR, skips, count=3)
    assert (hits, cut_off) == (3 * len(skips), 0)


def test_a_signal_whose_reading_is_interrupted_is_not_lost(faulty):
    daemon = faulty()
    daemon.faults.plan("read", errno.EINTR, count=3)
    daemon.statistics()  # waits for the answer to a signal
    assert daemon.faults.hits("read") == 3


@pytest.mark.parametrize("error", [errno.EPIPE, errno.ENOSPC, errno.EAGAIN], ids=errno.errorcode.get)
def test_a_log_that_cannot_be_written_costs_lines_alone_and_says_how_many(faulty, error):
    daemon = faulty()
    before = len(daemon.lines)
    daemon.faults.plan("write", error, count=2)
    for _ in range(2):
        calls = daemon.faults.calls("write")
        daemon.send_signal(signal.SIGUSR1)
        while daemon.faults.calls("write") == calls:  # no line tells that a line is missing
            check_served(daemon)
    check_served(daemon)
    daemon.send_signal(signal.SIGUSR1)
    daemon.wait_for_line("2 log lines before this could not be written", after=before)


def test_a_service_manager_that_cannot_be_told_stops_nothing(faulty):
    daemon = faulty(stats={"interval": "100ms"})
    daemon.faults.plan("sendmsg", errno.ECONNREFUSED, count=FOR_EVER)
    assert round_of_echoes(daemon) == 0
    daemon.statistics()
    check_served(daemon)


def test_askers_that_cannot_be_watched_leave_the_control_socket_with_ears(faulty):
    daemon = faulty()
    with daemon.paused():
        askers = [Client(str(daemon.control_path)) for _ in range(8)]
        daemon.faults.plan("epoll_ctl", errno.ENOMEM, count=8)
    deadline = time.monotonic() + TIMEOUT
    while daemon.faults.pending("epoll_ctl"):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert askers[0].receive_until_eof() == b""
    for asker in askers:
        asker.close()
    assert answer(daemon, "status").startswith("ok")


# Memory.


def answer(daemon, command):
    """What the control socket answers; nothing where the daemon had no memory for it."""
    text = b""
    with socket.socket(socket.AF_UNIX) as asker:
        asker.settimeout(20)
        asker.connect(str(daemon.control_path))
        try:
            asker.sendall(command.encode() + b"\n")
            while data := asker.recv(1 << 16):
                text += data
        except ConnectionError:
            pass
    return text.decode()


def work_of_all_kinds(daemon):
    """Whatever takes memory: connections, what they keep, statistics, reloads, askers."""
    lost = round_of_echoes(daemon)
    slow = Client(daemon.address)
    try:
        slow.send(message(b"x" * 500)[:300])
        slow.flood(message(b"y" * 1000), start=0)
    except ConnectionError:
        pass
    daemon.send_signal(signal.SIGUSR1)
    for command in ("status", "stats openmetrics", "stats json", "reload", "no such command"):
        answer(daemon, command)
    slow.close()
    return lost


@pytest.mark.parametrize("count", [1, 20], ids=["once", "for-a-while"])
def test_memory_that_is_out_costs_no_more_than_what_needed_it(faulty, count, skips):
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


WRONG_VALUE = "[limits]\nquota_messages = -3\nquota_mesages = 1\n"


@pytest.mark.parametrize(
    ("command", "text", "whole"),
    [
        ("reload", "", r"ok\n"),
        ("reload", WRONG_VALUE, r"error\n.* must be 1 to 65535, is -3\n.*did you mean.*\n"),
        ("stats json", "", r'ok\n\{"schema":1,.*\}\n'),
        ("stats openmetrics", "", r"ok\n(.*\n)+# EOF\n"),
        ("status", "", r"ok\n(.*\n)+"),
    ],
    ids=["reload", "wrong-value", "json", "openmetrics", "status"],
)
def test_an_answer_for_which_memory_is_out_at_any_place_ends_no_daemon(faulty, command, text, whole):
    daemon = faulty()
    if text:
        daemon.write_config_text(text)
    with Client(daemon.address) as client:
        client.echo()
        assert re.fullmatch(whole, answer(daemon, command))
        calls = daemon.faults.calls("malloc")
        answer(daemon, command)
        needed = daemon.faults.calls("malloc") - calls
        for skip in range(needed + 1):
            daemon.faults.plan("malloc", errno.ENOMEM, skip)
            answer(daemon, command)
            daemon.faults.clear()
            assert daemon.process.poll() is None, f"ended at allocation {skip} of {needed}"
            client.echo()
        assert daemon.faults.hits("malloc") >= needed
        assert re.fullmatch(whole, answer(daemon, command))


# A fault that lasts.


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
        ("malloc", errno.ENOMEM),
        ("write", errno.ENOSPC),
        ("sendmsg", errno.ECONNREFUSED),
    ],
    ids=lambda value: errno.errorcode[value] if isinstance(value, int) else value,
)
def test_the_loop_sleeps_while_a_fault_lasts_and_serves_when_it_is_over(faulty, call, error):
    daemon = faulty(stats={"interval": "100ms"})
    with Client(daemon.address) as before:
        before.echo()
        daemon.faults.plan(call, error, count=FOR_EVER)
        crowd = [Client(daemon.address) for _ in range(PEERS)]
        for client in (before, *crowd):
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
        for client in crowd:
            client.close()
