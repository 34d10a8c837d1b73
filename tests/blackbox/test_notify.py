# SPDX-License-Identifier: MIT
"""Notifications to the service manager: sd_notify(3)."""

import re
import signal
import socket
import time
from pathlib import Path

import pytest
from service_manager import UnresponsiveManager, with_full_socket
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


def test_the_status_has_the_connections_and_the_rate(echod):
    daemon = echod(stats={"interval": "100ms"})
    daemon.connect().echo()
    status = daemon.wait_for_notification("^STATUS=1 connections")
    assert re.search(r"messages/s", status)


def test_the_status_is_sent_at_most_once_a_second(echod):
    # The service manager must not be flooded.
    daemon = echod(stats={"interval": "100ms"})
    client = daemon.connect()
    while len(daemon.lines_with("statistics of")) < 12:
        client.echo()
    statuses = [d for d in daemon.notifications.datagrams if re.match("STATUS=", d)]
    assert len(statuses) <= time.monotonic() - daemon.started_at + 1


def test_an_outdated_status_is_replaced_once(echod):
    daemon = echod(stats={"interval": "100ms"})
    client = daemon.connect()
    client.echo()
    daemon.wait_for_notification("^STATUS=1 connections, [1-9]")
    daemon.wait_for_notification("^STATUS=1 connections, 0 messages/s, 0.0 MB/s out$")
    sleeps = daemon.sleeps()
    assert not client.has_input(0.5)
    assert daemon.sleeps() <= sleeps + 1  # and no further wake-up


def test_the_status_drops_the_rate_when_statistics_are_disabled(echod):
    daemon = echod(stats={"interval": "100ms"})
    client = daemon.connect()
    client.echo()
    daemon.wait_for_notification("^STATUS=1 connections, [1-9]")
    count = len(daemon.notifications.datagrams)
    daemon.reload({"stats": {"interval": "0s"}})
    daemon.wait_for_notification("^STATUS=.*stats.interval is 0$", after=count)
    count = len(daemon.notifications.datagrams)
    client.echo()
    daemon.statistics()
    assert not client.has_input(1.2)
    assert not [d for d in daemon.notifications.datagrams[count:] if "STATUS=" in d]
    daemon.reload({"stats": {"interval": "100ms"}})
    daemon.wait_for_notification("^STATUS=1 connections, 0 messages/s", after=count)


def test_no_status_is_sent_without_changes(echod):
    daemon = echod(stats={"interval": "100ms"})
    client = daemon.connect()
    client.echo()
    daemon.wait_for_notification("^STATUS=1 connections")
    count = len(daemon.notifications.datagrams)
    assert not client.has_input(0.5)
    assert len(daemon.notifications.datagrams) <= count + 1


def test_a_reload_is_notified_with_its_time_and_its_end(echod):
    daemon = echod()
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    daemon.reload({"limits": {"quota_messages": 5}})
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    reloading = daemon.wait_for_notification("^RELOADING=1$")
    stamp = int(re.search(r"^MONOTONIC_USEC=(\d+)$", reloading, re.MULTILINE)[1])
    assert before <= stamp <= after
    kinds = [d.splitlines()[0] for d in daemon.notifications.datagrams]
    assert kinds[kinds.index("RELOADING=1") + 1 :].count("READY=1") == 1


def test_a_failed_reload_is_notified_with_its_end(echod):
    daemon = echod()
    daemon.write_config_text("nonsense")
    count = len(daemon.notifications.datagrams)
    daemon.send_signal(signal.SIGHUP)
    daemon.wait_for_notification("^RELOADING=1$", after=count)
    daemon.wait_for_notification("^READY=1$", after=count)
    daemon.wait_for_line("old configuration stays in force")


def test_the_stop_is_notified_when_the_drain_begins(echod):
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


def test_a_failed_start_sends_no_ready(echod):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = {"addresses": ["127.0.0.1"], "port": taken.getsockname()[1]}
        daemon = echod(listen=listen, wait=False)
        daemon.expected_exit = 1
        assert daemon.wait() == 1
    assert daemon.notifications.datagrams == []


def test_the_daemon_serves_without_a_service_manager(echod):
    daemon = echod(env={"NOTIFY_SOCKET": ""}, wait=False)
    line = daemon.wait_for_line("ready: listening on ")
    port = int(re.search(r"127\.0\.0\.1:(\d+)", line)[1])
    daemon.connect(("127.0.0.1", port)).echo()


def test_an_unresponsive_service_manager_does_not_block_the_loop(echod):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unresponsive:
        unresponsive.bind("")  # an abstract name that the kernel chooses
        name = "@" + unresponsive.getsockname()[1:].decode()
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
def unresponsive():
    manager = UnresponsiveManager()
    yield manager
    manager.close()


def kinds(datagrams):
    return [datagram.splitlines()[0] for datagram in datagrams]


def test_an_unresponsive_service_manager_does_not_block_a_reload(echod, unresponsive):
    daemon = with_full_socket(echod, unresponsive)
    client = daemon.connect()
    for _ in range(20):
        assert daemon.ask("--reload").returncode == 0
        client.echo()
    reloaded = "reloaded: the new configuration"
    daemon.wait_for(lambda: len(daemon.lines_with(reloaded)) > 20, "21 reloads")


def test_a_pending_notification_is_sent_when_the_socket_has_room(echod, unresponsive):
    daemon = with_full_socket(echod, unresponsive)
    client = daemon.connect()
    for _ in range(20):
        assert daemon.ask("--reload").returncode == 0
        client.echo()
    asked = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert daemon.ask("--reload").returncode == 0
    unresponsive.read()

    def last_reload_is_notified():
        notified = kinds(unresponsive.datagrams)
        everything = "\n".join(unresponsive.datagrams)
        stamps = re.findall(r"^MONOTONIC_USEC=(\d+)$", everything, re.MULTILINE)
        return notified[-2:] == ["RELOADING=1", "READY=1"] and int(stamps[-1]) >= asked

    daemon.wait_for(last_reload_is_notified, "the last reload")
    count = len(unresponsive.datagrams)
    daemon.reload({})
    assert kinds(unresponsive.datagrams[count:]) == ["RELOADING=1", "READY=1"]


def test_a_pending_watchdog_keep_alive_is_sent_soon(echod, unresponsive):
    daemon = with_full_socket(echod, unresponsive, env={"WATCHDOG_USEC": "4000000"})
    client = daemon.connect()
    assert not client.has_input(2.2)  # it became due, and is due again 2 seconds later
    since = time.monotonic()
    unresponsive.read()
    daemon.wait_for_notification("^WATCHDOG=1$")
    assert time.monotonic() - since < 1
    client.echo()


def test_a_dropped_status_is_replaced_later(echod, unresponsive):
    daemon = with_full_socket(echod, unresponsive, stats={"interval": "100ms"})
    client = daemon.connect()
    client.echo()
    daemon.wait_for_line("statistics of.* messages_in=1 ")
    unresponsive.read()
    count = len(unresponsive.datagrams)
    client.echo()
    daemon.wait_for_notification("^STATUS=1 connections", after=count)
    daemon.wait_for_notification("^STATUS=1 connections, 0 messages/s, 0.0 MB/s out$", after=count)


def test_an_unresponsive_service_manager_does_not_delay_the_stop(echod, unresponsive):
    daemon = with_full_socket(echod, unresponsive)
    client = daemon.connect()
    client.echo()
    begun = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    assert client.receive_until_eof() == b""
    client.close()
    assert daemon.wait() == 0
    assert time.monotonic() - begun < TIMEOUT / 4
