# SPDX-License-Identifier: MIT
"""What the service manager is told: sd_notify(3)."""

import re
import signal
import socket
import time
from pathlib import Path

import pytest
from service_manager import DeafManager, unheard
from wire import TIMEOUT, message

NEVER = {"idle": "0s", "message": "0s", "write": "0s", "drain": "1h"}


def test_ready_comes_first_with_a_status_and_once(echod):
    daemon = echod()
    assert daemon.stop() == 0
    datagrams = daemon.notifications.datagrams
    assert datagrams[0].splitlines()[0] == "READY=1"
    assert re.search(r"^STATUS=listening on 127\.0\.0\.1:\d+$", datagrams[0], re.MULTILINE)
    assert sum("READY=1" in datagram for datagram in datagrams) == 1


def test_a_client_can_connect_as_soon_as_it_is_ready(echod):
    for _ in range(5):
        echod().connect().echo()


def test_the_status_tells_of_what_is_served(echod):
    daemon = echod(stats={"interval": "100ms"})
    daemon.connect().echo()
    status = daemon.wait_for_notification("^STATUS=1 connections")
    assert re.search(r"messages/s", status)


def test_the_status_is_told_once_a_second_at_most(echod):
    # The service manager is nobody to be kept busy.
    daemon = echod(stats={"interval": "100ms"})
    client = daemon.connect()
    while len(daemon.lines_with("statistics of")) < 12:
        client.echo()
    told = [d for d in daemon.notifications.datagrams if re.match("STATUS=", d)]
    assert len(told) <= time.monotonic() - daemon.started_at + 1


def test_a_status_that_is_over_is_replaced_once(echod):
    daemon = echod(stats={"interval": "100ms"})
    client = daemon.connect()
    client.echo()
    daemon.wait_for_notification("^STATUS=1 connections, [1-9]")
    daemon.wait_for_notification("^STATUS=1 connections, 0 messages/s, 0.0 MB/s out$")
    sleeps = daemon.sleeps()
    assert not client.has_input(0.5)
    assert daemon.sleeps() <= sleeps + 1  # and nothing wakes it for that any more


def test_a_rate_is_taken_back_where_statistics_are_switched_off(echod):
    daemon = echod(stats={"interval": "100ms"})
    client = daemon.connect()
    client.echo()
    daemon.wait_for_notification("^STATUS=1 connections, [1-9]")
    told = len(daemon.notifications.datagrams)
    daemon.reload({"stats": {"interval": "0s"}})
    daemon.wait_for_notification("^STATUS=.*stats.interval is 0$", after=told)
    told = len(daemon.notifications.datagrams)
    client.echo()
    daemon.statistics()
    assert not client.has_input(1.2)
    assert not [d for d in daemon.notifications.datagrams[told:] if "STATUS=" in d]
    daemon.reload({"stats": {"interval": "100ms"}})
    daemon.wait_for_notification("^STATUS=1 connections, 0 messages/s", after=told)


def test_no_status_is_told_while_nothing_changes(echod):
    daemon = echod(stats={"interval": "100ms"})
    client = daemon.connect()
    client.echo()
    daemon.wait_for_notification("^STATUS=1 connections")
    told = len(daemon.notifications.datagrams)
    assert not client.has_input(0.5)
    assert len(daemon.notifications.datagrams) <= told + 1


def test_a_reload_is_told_with_its_time_and_its_end(echod):
    daemon = echod()
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    daemon.reload({"limits": {"quota_messages": 5}})
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    reloading = daemon.wait_for_notification("^RELOADING=1$")
    stamp = int(re.search(r"^MONOTONIC_USEC=(\d+)$", reloading, re.MULTILINE)[1])
    assert before <= stamp <= after
    kinds = [d.splitlines()[0] for d in daemon.notifications.datagrams]
    assert kinds[kinds.index("RELOADING=1") + 1 :].count("READY=1") == 1


def test_a_reload_that_fails_is_over_too(echod):
    daemon = echod()
    daemon.write_config_text("nonsense")
    told = len(daemon.notifications.datagrams)
    daemon.send_signal(signal.SIGHUP)
    daemon.wait_for_notification("^RELOADING=1$", after=told)
    daemon.wait_for_notification("^READY=1$", after=told)
    daemon.wait_for_line("old configuration stays in force")


def test_the_stop_is_told_when_the_drain_begins(echod):
    daemon = echod(timeouts=NEVER)
    client = daemon.connect()
    client.send(b"\0")
    daemon.wait_for_counters(bytes_in=1)
    daemon.send_signal(signal.SIGTERM)
    stopping = daemon.wait_for_notification("^STOPPING=1$")
    assert daemon.running
    assert re.search("^STATUS=", stopping, re.MULTILINE)
    client.close()
    assert daemon.wait() == 0


def test_a_start_that_fails_is_never_ready(echod):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = {"addresses": ["127.0.0.1"], "port": taken.getsockname()[1]}
        daemon = echod(listen=listen, wait=False)
        daemon.expected_exit = 1
        assert daemon.wait() == 1
    assert daemon.notifications.datagrams == []


def test_without_a_service_manager_it_serves_all_the_same(echod):
    daemon = echod(env={"NOTIFY_SOCKET": ""}, wait=False)
    line = daemon.wait_for_line("ready: listening on ")
    port = int(re.search(r"127\.0\.0\.1:(\d+)", line)[1])
    daemon.connect(("127.0.0.1", port)).echo()


def test_a_service_manager_that_reads_nothing_does_not_stop_the_loop(echod):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind("")  # an abstract name that the kernel chooses
        name = "@" + deaf.getsockname()[1:].decode()
        daemon = echod(env={"NOTIFY_SOCKET": name}, wait=False)
        line = daemon.wait_for_line("ready: listening on ")
        port = int(re.search(r"127\.0\.0\.1:(\d+)", line)[1])
        client = daemon.connect(("127.0.0.1", port))
        queue = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())
        for number in range(queue + 20):
            daemon.send_signal(signal.SIGUSR1)
            client.echo(message(b"", kind=number))
        client.close()


@pytest.fixture
def deaf():
    manager = DeafManager()
    yield manager
    manager.close()


def kinds(datagrams):
    return [datagram.splitlines()[0] for datagram in datagrams]


def test_a_service_manager_that_reads_nothing_stops_no_reload(echod, deaf):
    daemon = unheard(echod, deaf)
    client = daemon.connect()
    for _ in range(20):
        assert daemon.ask("--reload").returncode == 0
        client.echo()
    assert len(daemon.lines_with("reloaded: the new configuration")) > 20


def test_what_could_not_be_told_is_told_once_it_can(echod, deaf):
    daemon = unheard(echod, deaf)
    client = daemon.connect()
    for _ in range(20):
        assert daemon.ask("--reload").returncode == 0
        client.echo()
    asked = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert daemon.ask("--reload").returncode == 0
    deaf.read()

    def last_reload_is_told():
        told = kinds(deaf.datagrams)
        stamps = re.findall(r"^MONOTONIC_USEC=(\d+)$", "\n".join(deaf.datagrams), re.MULTILINE)
        return told[-2:] == ["RELOADING=1", "READY=1"] and int(stamps[-1]) >= asked

    daemon.wait_for(last_reload_is_told, "the last reload")
    told = len(deaf.datagrams)
    daemon.reload({})
    assert kinds(deaf.datagrams[told:]) == ["RELOADING=1", "READY=1"]


def test_a_watchdog_that_could_not_be_fed_is_fed_soon(echod, deaf):
    daemon = unheard(echod, deaf, env={"WATCHDOG_USEC": "4000000"})
    client = daemon.connect()
    assert not client.has_input(2.2)  # it was due meanwhile, and is again 2 seconds after
    since = time.monotonic()
    deaf.read()
    daemon.wait_for_notification("^WATCHDOG=1$")
    assert time.monotonic() - since < 1
    client.echo()


def test_a_status_that_could_not_be_told_is_replaced_later(echod, deaf):
    daemon = unheard(echod, deaf, stats={"interval": "100ms"})
    client = daemon.connect()
    client.echo()
    daemon.wait_for_line("statistics of.* messages_in=1 ")
    deaf.read()
    told = len(deaf.datagrams)
    client.echo()
    daemon.wait_for_notification("^STATUS=1 connections", after=told)
    daemon.wait_for_notification("^STATUS=1 connections, 0 messages/s, 0.0 MB/s out$", after=told)


def test_a_service_manager_that_reads_nothing_makes_no_stop_wait(echod, deaf):
    daemon = unheard(echod, deaf)
    client = daemon.connect()
    client.echo()
    begun = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    assert client.receive_until_eof() == b""
    client.close()
    assert daemon.wait() == 0
    assert time.monotonic() - begun < TIMEOUT / 4
