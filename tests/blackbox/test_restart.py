# SPDX-License-Identifier: MIT
"""Connections handed over to the new process, and failures of the handover."""

import contextlib
import ctypes
import os
import re
import select
import signal
import socket
import time

import pytest
from echod_daemon import launched
from service_manager import UnresponsiveManager, ServiceManager, with_full_socket
from wire import TIMEOUT, Client, message

NEVER = {"idle": "0s", "message": "0s", "write": "0s", "unacked": "0s", "drain": "1h"}
STORED = ["echod-state", "echod-listener", "echod-connections"]
REMOVED = [f"FDSTOREREMOVE=1\nFDNAME={name}" for name in sorted(STORED)]
HANDED_OVER = 75


@pytest.fixture
def managed():
    """Creates service managers: managed(room=..., answers=...)."""
    managers = []

    def make(**options):
        managers.append(ServiceManager(**options))
        return managers[-1]

    yield make
    for manager in managers:
        manager.close()


def hand_over(daemon):
    """Requests a handover and waits for the exit."""
    daemon.expected_exit = HANDED_OVER
    assert daemon.stop(signal.SIGUSR2) == HANDED_OVER, daemon.log


def removed_names(manager):
    """The names that the manager was asked to remove from its store."""
    return sorted(text for text in manager.datagrams if "FDSTOREREMOVE" in text)


def test_a_message_begun_in_the_old_process_is_completed_in_the_new_one(echod, managed):
    manager = managed()
    first = echod(timeouts=NEVER, manager=manager)
    client, idle = first.connect(), first.connect()
    idle.echo()
    begun = message(b"begun here, completed there")
    client.send(begun[:13])
    first.wait_for_statistics(lambda c: c["bytes_in"] == c["bytes_out"] + 13, "half a message")
    hand_over(first)
    assert manager.names() == STORED

    second = echod(timeouts=NEVER, **manager.passing())
    assert manager.names() == []
    assert second.address == first.address
    client.send(begun[13:])
    assert client.receive(len(begun)) == begun
    idle.echo()
    second.connect().echo()
    second.wait_for_counters(restored=2, accepted=1)


@pytest.mark.parametrize("room", [0, 1, 2])
def test_a_manager_that_drops_descriptors_loses_no_echo(echod, managed, room):
    manager = managed(room=room)
    daemon = echod(timeouts=NEVER, manager=manager)
    daemon.expected_exit = HANDED_OVER
    client, idle = daemon.connect(), daemon.connect()
    idle.echo()
    begun = message(b"begun, and completed while it drains")
    client.send(begun[:13])
    daemon.wait_for_statistics(lambda c: c["bytes_in"] == c["bytes_out"] + 13, "half a message")
    daemon.send_signal(signal.SIGUSR2)
    daemon.wait_for_line("handover failed: .*FileDescriptorStoreMax=")
    assert idle.receive_until_eof() == b""
    client.send(begun[13:])
    assert client.receive_until_eof() == begun
    client.close()
    idle.close()
    assert daemon.wait() == HANDED_OVER  # a new process is still started
    manager.wait_until_empty()
    assert removed_names(manager) == REMOVED
    assert daemon.totals()["closed_drained"] == 2


def test_clients_are_served_while_a_barrier_is_unanswered(echod, managed):
    manager = managed(answers=0)
    daemon = echod(timeouts=NEVER, manager=manager)
    daemon.expected_exit = HANDED_OVER
    client = daemon.connect()
    daemon.send_signal(signal.SIGUSR2)
    daemon.wait_for_line("handover: the service manager does not answer; serving continues")
    client.echo()
    daemon.connect().echo()
    daemon.wait_for_line("handover failed: the service manager did not answer")
    assert client.receive_until_eof() == b""
    client.close()
    assert daemon.wait() == HANDED_OVER
    manager.wait_until_empty()


def test_a_manager_that_stops_answering_while_connections_are_stored_delays_no_client(
    echod, managed
):
    """The first answer makes the daemon store the connections; the second does not come."""
    manager = managed(answers=1)
    first = echod(timeouts=NEVER, manager=manager)
    first.expected_exit = HANDED_OVER
    client = first.connect()
    client.echo()
    first.send_signal(signal.SIGUSR2)
    first.wait_for_line("handover: the service manager does not answer; serving continues")
    client.echo()  # in the same process: the one that stored the connections
    manager.wait_until_empty()  # descriptors that it stored late must not be used
    assert removed_names(manager) == REMOVED
    manager.answer()
    assert first.wait() == HANDED_OVER
    assert manager.names() == STORED
    echod(timeouts=NEVER, **manager.passing())
    client.echo()
    client.close()


@pytest.fixture
def unresponsive():
    manager = UnresponsiveManager()
    yield manager
    manager.close()


def test_the_wait_for_an_unresponsive_manager_is_bounded(echod, unresponsive):
    daemon = with_full_socket(echod, unresponsive, timeouts=NEVER)
    daemon.expected_exit = HANDED_OVER
    client = daemon.connect()
    begun = time.monotonic()
    daemon.send_signal(signal.SIGUSR2)
    daemon.wait_for_line("handover: the service manager does not answer; serving continues")
    client.echo()
    daemon.wait_for_line("handover failed: the service manager did not answer")
    assert 4 < time.monotonic() - begun
    assert client.receive_until_eof() == b""
    client.close()
    unresponsive.read()
    assert daemon.wait() == HANDED_OVER
    unresponsive.wait_until_empty()
    assert removed_names(unresponsive) == REMOVED


def test_a_manager_that_reads_late_still_gets_the_connections(echod, unresponsive):
    first = with_full_socket(echod, unresponsive, timeouts=NEVER)
    first.expected_exit = HANDED_OVER
    client = first.connect()
    first.send_signal(signal.SIGUSR2)
    for _ in range(100):
        client.echo()
    assert first.running
    unresponsive.read()
    assert first.wait() == HANDED_OVER
    assert unresponsive.names() == STORED
    echod(timeouts=NEVER, **unresponsive.passing())
    client.echo()
    client.close()


def test_sigterm_ends_a_handover_that_is_pending(echod, managed):
    manager = managed(answers=0)
    daemon = echod(timeouts=NEVER, manager=manager)
    client = daemon.connect()
    client.echo()
    daemon.send_signal(signal.SIGUSR2)
    daemon.wait_for_line("handover: the service manager does not answer; serving continues")
    daemon.send_signal(signal.SIGTERM)
    assert client.receive_until_eof() == b""
    client.close()
    assert daemon.wait() == 0
    assert manager.names() == []


def test_sigterm_while_draining_for_a_restart_is_a_stop(echod, managed):
    daemon = echod(timeouts=NEVER, manager=managed(room=0))
    client = daemon.connect()
    begun = message(b"begun")
    client.send(begun[:3])
    daemon.wait_for_counters(bytes_in=3)
    daemon.send_signal(signal.SIGUSR2)
    daemon.wait_for_line("handover failed")
    daemon.send_signal(signal.SIGTERM)
    daemon.wait_for_line("no new process is started")
    client.send(begun[3:])
    assert client.receive_until_eof() == begun
    client.close()
    assert daemon.wait() == 0


def test_a_port_in_use_at_a_restart_loses_no_connection(echod, managed, own_address):
    manager = managed()
    listen = {"addresses": [own_address], "port": 7007}
    first = echod(listen=listen, timeouts=NEVER, manager=manager)
    client = first.connect()
    client.echo()
    hand_over(first)
    with socket.create_server((own_address, 7008)):
        second = echod(
            listen={**listen, "port": 7008}, timeouts=NEVER, **manager.passing()
        )
    second.wait_for_line(f" error .*cannot listen on {own_address}:7008")
    second.wait_for_line(" error .*stay those of the old process")
    client.echo()
    assert second.address == (own_address, 7007)
    second.connect().echo()
    assert manager.names() == []
    second.reload({"listen": {**listen, "port": 7008}, "timeouts": NEVER})
    second.wait_for_line(f"listening on {own_address}:7008", after=len(second.lines) - 1)
    second.connect((own_address, 7008)).echo()


@pytest.mark.parametrize("name", ["missing/control", "x" * 108], ids=["missing", "too-long"])
def test_a_control_socket_that_cannot_be_opened_loses_no_connection(echod, managed, tmp_path, name):
    manager = managed()
    first = echod(manager=manager)
    client = first.connect()
    client.echo()
    hand_over(first)
    second = echod(control=tmp_path / name, **manager.passing())
    second.wait_for_line(" error .*no control socket")
    client.echo()


@pytest.mark.parametrize("connected", [True, False])
def test_a_refused_file_keeps_the_last_good_values_at_each_restart(echod, managed, connected):
    manager = managed()
    limits = {"max_connections": 2, "when_full": "reject"}
    daemon = echod(limits=limits, manager=manager)
    if connected:
        client = daemon.connect()
        client.echo()
    for _ in range(3):
        hand_over(daemon)
        daemon = echod(wait=False, text="[limits]\nquota = 1\n", **manager.passing())
        daemon.wait_until_ready()
        place = re.escape(f"{daemon.config_path}:2:1: limits.quota: unknown key")
        daemon.wait_for_line(f" error .*{place}")
        refused = f"configuration refused, the last good one is in force: {place}"
        daemon.wait_for_notification(f"^STATUS={refused}.*; listening on ")
        assert re.match(refused, daemon.ask("--status").stdout)
        assert " open of 2, reject" in daemon.ask("--status").stdout
        if connected:
            client.echo()
    daemon.reload({"limits": limits})
    daemon.wait_for_line("reloaded")
    assert daemon.ask("--status").stdout.startswith("echod ")
    daemon.wait_for_notification("^STATUS=listening on ")


def test_a_refused_reload_is_shown_until_the_file_is_fixed(echod):
    daemon = echod()
    count = len(daemon.notifications.datagrams)
    daemon.write_config_text("[limits]\nquota = 1\n")
    assert daemon.ask("--reload").returncode == 1
    refused = "configuration refused, the last good one is in force: "
    daemon.wait_for_notification(f"^STATUS={refused}{daemon.config_path}:2:1: ", after=count)
    assert daemon.ask("--status").stdout.startswith(refused)
    count = len(daemon.notifications.datagrams)
    daemon.reload({})
    daemon.wait_for_notification("^STATUS=listening on ", after=count)
    assert daemon.ask("--status").stdout.startswith("echod ")


def test_a_refused_file_without_an_old_process_is_an_error(echod, managed):
    manager = managed()
    hand_over(echod(manager=manager))
    alone = echod(wait=False, text="nonsense")
    alone.expected_exit = 78
    assert alone.wait() == 78


NO_NETWORK = ("--refuse", "AF_INET,AF_INET6")


def test_passed_sockets_are_served_on_when_no_sockets_are_passed_any_more(echod, managed):
    manager = managed()
    with socket.create_server(("127.0.0.1", 0)) as unit:
        address = unit.getsockname()
        daemon = echod(**manager.passing(unit, options=NO_NETWORK))
    client = daemon.connect()
    client.echo()
    for _ in range(2):
        hand_over(daemon)
        assert manager.names() == ["echod-state", "echod-connections", "echod-passed-unit"]
        daemon = echod(**manager.passing(options=NO_NETWORK))
        assert daemon.addresses == [address]
        line = daemon.wait_for_line(" warning .*no sockets were passed")
        assert f'{address[1]} ("unit")' in line
        assert line.endswith("systemctl restart echod.socket")
        client.echo()
        daemon.connect().echo()
        assert manager.names() == []
    with daemon.paused():
        waiting = daemon.connect()
        waiting.send(message(b"waiting"))
        daemon.send_signal(signal.SIGTERM)
    assert waiting.receive(15) == message(b"waiting")  # no other process will accept it


def test_a_reload_replaces_sockets_that_are_not_passed_any_more(echod, managed):
    manager = managed()
    with socket.create_server(("127.0.0.1", 0)) as unit:
        listen = {"addresses": ["127.0.0.2"], "port": unit.getsockname()[1]}
        first = echod(listen=listen, **manager.passing(unit))
    client = first.connect()
    client.echo()
    hand_over(first)
    second = echod(listen=listen, **manager.passing())
    assert second.addresses == first.addresses
    assert second.wait_for_line("; to serve those of the file: systemctl reload echod.service")
    assert second.ask("--reload").returncode == 0
    client.echo()
    second.connect(("127.0.0.2", listen["port"])).echo()
    with pytest.raises(ConnectionRefusedError):
        Client(first.address)
    assert "differ" not in second.ask("--status").stdout
    hand_over(second)
    assert manager.names() == STORED


def test_stored_passed_sockets_are_closed_when_sockets_are_passed_again(echod, managed):
    manager = managed()
    with socket.create_server(("127.0.0.1", 0)) as unit:
        first = echod(**manager.passing(unit))
    hand_over(first)
    with socket.create_server(("127.0.0.1", 0)) as unit:
        second = echod(**manager.passing(unit))
        assert second.addresses == [unit.getsockname()]
        second.connect().echo()
    assert manager.names() == []
    with pytest.raises(ConnectionRefusedError):
        Client(first.address)


def test_a_store_without_room_for_passed_sockets_keeps_the_connections(echod, managed):
    manager = managed(room=2)
    with socket.create_server(("127.0.0.1", 0)) as unit:
        first = echod(**manager.passing(unit))
        client = first.connect()
        client.echo()
        hand_over(first)
        assert manager.names() == ["echod-state", "echod-connections"]
        second = echod(**manager.passing(unit))
        client.echo()
        second.wait_for_counters(restored=1)


def test_a_failed_start_leaves_the_connections_in_the_store(echod, managed):
    manager = managed()
    first = echod(manager=manager)
    client = first.connect()
    client.echo()
    hand_over(first)
    broken = echod(wait=False, env={"WATCHDOG_USEC": "nonsense"}, **manager.passing())
    broken.expected_exit = 1
    assert broken.wait() == 1
    assert removed_names(manager) == []
    assert manager.names() == STORED
    echod(**manager.passing())
    client.echo()
    client.close()


def test_stored_listeners_are_closed_if_the_new_process_is_passed_sockets(echod, managed):
    manager = managed()
    first = echod(manager=manager)
    client = first.connect()
    client.echo()
    hand_over(first)
    with socket.create_server(("127.0.0.1", 0)) as unit:
        second = echod(**manager.passing(unit))
        assert second.addresses == [unit.getsockname()]
    client.echo()
    second.connect().echo()
    second.wait_for_line(rf"{first.address[1]} was opened by the old process and is closed")
    with pytest.raises(ConnectionRefusedError):
        Client(first.address)


def test_a_handover_has_reserved_descriptors(echod, managed):
    manager = managed()
    daemon = echod(
        limits={"max_connections": 1000}, manager=manager, prefix=launched("--nofile", "64")
    )
    clients = [daemon.connect() for _ in range(64)]
    daemon.wait_for_line("RLIMIT_NOFILE allows")
    served = daemon.statistics()["connections"]
    control_clients = []
    for _ in range(8):
        control_clients.append(socket.socket(socket.AF_UNIX))
        control_clients[-1].connect(str(daemon.control_path))
    clients[0].echo()  # the iteration of this echo has accepted the control clients, too
    hand_over(daemon)
    for control_client in control_clients:
        control_client.close()
    second = echod(**manager.passing())
    second.wait_for_statistics(lambda c: c.get("restored") == served, "all")
    for client in clients[:served]:
        client.echo()
        client.close()


@contextlib.contextmanager
def reads_in(directory):
    """A descriptor that becomes readable when a file in the directory is read (inotify(7))."""
    IN_ACCESS = 1
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.inotify_init1(os.O_CLOEXEC)
    assert fd >= 0 and libc.inotify_add_watch(fd, os.fsencode(directory), IN_ACCESS) >= 0
    try:
        yield fd
    finally:
        os.close(fd)


@pytest.mark.parametrize("attempt", range(5))  # each hits another moment of the start
def test_a_signal_during_the_start_waits_for_the_loop(echod, tmp_path, attempt):
    with reads_in(tmp_path) as fd:
        daemon = echod(wait=False)
        assert select.select([fd], [], [], TIMEOUT)[0], "it does not read its configuration"
        daemon.send_signal(signal.SIGTERM)
    assert daemon.wait() == 0
    assert daemon.find_line("stopping: draining")


def socket_option(manager, level, option):
    """The options of the listening socket in the manager's store."""
    (fd,) = [fd for name, fd in manager.store if name == "echod-listener"]
    with socket.socket(fileno=os.dup(fd)) as listener:
        return listener.getsockopt(level, option)


def test_a_restart_sets_the_options_of_the_listening_sockets_again(echod, managed):
    manager = managed()
    first = echod(timeouts={"unacked": "30s", "idle": "0"}, manager=manager)
    hand_over(first)
    assert socket_option(manager, socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert socket_option(manager, socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
    second = echod(timeouts={"unacked": "0s"}, **manager.passing())
    hand_over(second)
    assert socket_option(manager, socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0
    assert socket_option(manager, socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 0


def test_waiting_connections_of_a_full_server_are_counted_after_a_restart(echod, managed):
    limits = {"max_connections": 2, "accepts_per_turn": 1}
    manager = managed()
    first = echod(limits=limits, manager=manager)
    served = [first.connect() for _ in range(2)]
    for client in served:
        client.echo()
    waiting = first.connect()
    waiting.send(message(b"later"))
    assert first.wait_for_counters(waiting=1)["connections"] == 2
    hand_over(first)
    second = echod(limits=limits, **manager.passing())
    assert second.wait_for_counters(waiting=1)["connections"] == 2
    served[0].close()
    assert waiting.receive(13) == message(b"later")
    second.wait_for_counters(queued=1)


def test_connections_that_do_not_read_are_handed_over_with_their_pending_output(echod, managed):
    manager = managed()
    first = echod(timeouts=NEVER, manager=manager)
    block = message(bytes(range(250)) * 4)
    clients = [first.connect(receive_buffer=8192) for _ in range(10)]
    sent = [first.flood_until_stalled(client, block) for client in clients]
    hand_over(first)
    second = echod(timeouts=NEVER, **manager.passing())
    counters = second.wait_for_counters(restored=10)
    assert counters["messages_restored"] >= 10
    for client, size in zip(clients, sent):
        client.half_close()
        expected = size - size % len(block)
        assert client.receive_until_eof() == block * (expected // len(block))
        client.close()


def test_an_unreadable_state_loses_only_the_connections(echod, managed):
    manager = managed()
    first = echod(manager=manager)
    client = first.connect()
    client.echo()
    hand_over(first)
    for index, (name, fd) in enumerate(manager.store):
        if name == "echod-state":
            os.close(fd)
            manager.store[index] = (name, os.memfd_create("forged"))
    second = echod(**manager.passing())
    second.wait_for_line(" error .*1 connections were closed: the state .* cannot be read")
    assert client.wait_until_closed()
    second.connect().echo()
