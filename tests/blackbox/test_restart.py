# SPDX-License-Identifier: MIT
"""Connections handed over to the next process, and what becomes of them where that fails."""

import contextlib
import ctypes
import os
import select
import signal
import socket
import time

import pytest
from echod_daemon import launched
from service_manager import DeafManager, ServiceManager, unheard
from wire import TIMEOUT, Client, message

NEVER = {"idle": "0s", "message": "0s", "write": "0s", "unacked": "0s", "drain": "1h"}
STORED = ["echod-state", "echod-listener", "echod-connections"]
FORGOTTEN = [f"FDSTOREREMOVE=1\nFDNAME={name}" for name in sorted(STORED)]
HANDED_OVER = 75


@pytest.fixture
def managed():
    """Makes service managers: managed(room=..., answers=...)."""
    managers = []

    def make(**options):
        managers.append(ServiceManager(**options))
        return managers[-1]

    yield make
    for manager in managers:
        manager.close()


def hand_over(daemon):
    """Has it leave its connections with the manager and end."""
    daemon.expected_exit = HANDED_OVER
    assert daemon.stop(signal.SIGUSR2) == HANDED_OVER, daemon.log


def forgotten(manager):
    """What the manager was told to drop from its store."""
    return sorted(text for text in manager.datagrams if "FDSTOREREMOVE" in text)


def test_a_message_begun_in_one_process_is_completed_in_the_next(echod, managed):
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
def test_a_manager_that_drops_descriptors_costs_nobody_an_echo(echod, managed, room):
    manager = managed(room=room)
    daemon = echod(timeouts=NEVER, manager=manager)
    daemon.expected_exit = HANDED_OVER
    client, idle = daemon.connect(), daemon.connect()
    idle.echo()
    begun = message(b"begun, and completed while it drains")
    client.send(begun[:13])
    daemon.wait_for_statistics(lambda c: c["bytes_in"] == c["bytes_out"] + 13, "half a message")
    daemon.send_signal(signal.SIGUSR2)
    daemon.wait_for_line("hand-over failed: .*FileDescriptorStoreMax=")
    assert idle.receive_until_eof() == b""
    client.send(begun[13:])
    assert client.receive_until_eof() == begun
    client.close()
    idle.close()
    assert daemon.wait() == HANDED_OVER  # the next process is wanted all the same
    manager.wait_until_empty()
    assert forgotten(manager) == FORGOTTEN
    assert daemon.totals()["closed_drained"] == 2


def test_a_manager_that_answers_nothing_is_not_waited_for_for_ever(echod, managed):
    manager = managed(answers=False)
    daemon = echod(timeouts=NEVER, manager=manager)
    daemon.expected_exit = HANDED_OVER
    client = daemon.connect()
    client.echo()
    daemon.send_signal(signal.SIGUSR2)
    daemon.wait_for_line("hand-over failed: the service manager did not answer")
    assert client.receive_until_eof() == b""
    client.close()
    assert daemon.wait() == HANDED_OVER
    manager.wait_until_empty()  # what it took late must not be taken for the truth


@pytest.fixture
def deaf():
    manager = DeafManager()
    yield manager
    manager.close()


def test_a_manager_that_reads_nothing_is_not_waited_for_for_ever(echod, deaf):
    daemon = unheard(echod, deaf, timeouts=NEVER)
    daemon.expected_exit = HANDED_OVER
    client = daemon.connect()
    client.echo()
    begun = time.monotonic()
    daemon.send_signal(signal.SIGUSR2)
    daemon.wait_for_line("hand-over failed: the service manager did not answer")
    assert 4 < time.monotonic() - begun < 9
    assert client.receive_until_eof() == b""
    client.close()
    deaf.read()
    assert daemon.wait() == HANDED_OVER
    deaf.wait_until_empty()
    assert forgotten(deaf) == FORGOTTEN


def test_a_manager_that_reads_late_gets_the_connections_all_the_same(echod, deaf):
    first = unheard(echod, deaf, timeouts=NEVER)
    first.expected_exit = HANDED_OVER
    client = first.connect()
    client.echo()
    first.send_signal(signal.SIGUSR2)
    assert not client.has_input(0.5)
    assert first.running
    deaf.read()
    assert first.wait() == HANDED_OVER
    assert deaf.names() == STORED
    echod(timeouts=NEVER, **deaf.passing())
    client.echo()
    client.close()


def test_a_stop_while_it_drains_for_the_next_process_is_a_stop(echod, managed):
    daemon = echod(timeouts=NEVER, manager=managed(room=0))
    client = daemon.connect()
    begun = message(b"begun")
    client.send(begun[:3])
    daemon.wait_for_counters(bytes_in=3)
    daemon.send_signal(signal.SIGUSR2)
    daemon.wait_for_line("hand-over failed")
    daemon.send_signal(signal.SIGTERM)
    daemon.wait_for_line("no next process is wanted")
    client.send(begun[3:])
    assert client.receive_until_eof() == begun
    client.close()
    assert daemon.wait() == 0


def test_a_port_that_is_taken_at_a_restart_costs_no_connection(echod, managed, own_address):
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
    second.wait_for_line(" error .*are those of the process before")
    client.echo()
    assert second.address == (own_address, 7007)
    second.connect().echo()
    assert manager.names() == []
    second.reload({"listen": {**listen, "port": 7008}, "timeouts": NEVER})
    second.wait_for_line("listen.port has changed")


@pytest.mark.parametrize("name", ["missing/control", "x" * 108], ids=["missing", "too-long"])
def test_a_control_socket_that_cannot_be_opened_costs_no_connection(echod, managed, tmp_path, name):
    manager = managed()
    first = echod(manager=manager)
    client = first.connect()
    client.echo()
    hand_over(first)
    second = echod(control=tmp_path / name, **manager.passing())
    second.wait_for_line(" error .*no control socket")
    client.echo()


def test_a_start_that_fails_leaves_the_connections_in_the_store(echod, managed):
    manager = managed()
    first = echod(manager=manager)
    client = first.connect()
    client.echo()
    hand_over(first)
    broken = echod(wait=False, env={"WATCHDOG_USEC": "nonsense"}, **manager.passing())
    broken.expected_exit = 1
    assert broken.wait() == 1
    assert forgotten(manager) == []
    assert manager.names() == STORED
    echod(**manager.passing())
    client.echo()
    client.close()


def test_what_one_process_listened_on_is_closed_where_the_next_is_passed_sockets(echod, managed):
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
    second.wait_for_line(rf"{first.address[1]} was opened by the process before and is closed")
    with pytest.raises(ConnectionRefusedError):
        Client(first.address)


def test_a_hand_over_has_its_descriptors_where_clients_have_all_others(echod, managed):
    manager = managed()
    daemon = echod(
        limits={"max_connections": 1000}, manager=manager, prefix=launched("--nofile", "64")
    )
    clients = [daemon.connect() for _ in range(64)]
    daemon.wait_for_line("RLIMIT_NOFILE leaves")
    served = daemon.statistics()["connections"]
    askers = []
    for _ in range(8):
        askers.append(socket.socket(socket.AF_UNIX))
        askers[-1].connect(str(daemon.control_path))
    clients[0].echo()  # the turn that answers it has taken the askers too
    hand_over(daemon)
    for asker in askers:
        asker.close()
    second = echod(**manager.passing())
    second.wait_for_statistics(lambda c: c.get("restored") == served, "all")
    for client in clients[:served]:
        client.echo()
        client.close()


@contextlib.contextmanager
def reads_in(directory):
    """A descriptor that is readable once a file in the directory was read (inotify(7))."""
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
    """Of the listening socket that the manager holds."""
    (fd,) = [fd for name, fd in manager.store if name == "echod-listener"]
    with socket.socket(fileno=os.dup(fd)) as listener:
        return listener.getsockopt(level, option)


def test_a_restart_sets_the_options_of_the_listening_sockets_anew(echod, managed):
    manager = managed()
    first = echod(timeouts={"unacked": "30s"}, manager=manager)
    hand_over(first)
    assert socket_option(manager, socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert socket_option(manager, socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
    second = echod(timeouts={"unacked": "0s"}, **manager.passing())
    hand_over(second)
    assert socket_option(manager, socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0
    assert socket_option(manager, socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 0


def test_who_waits_for_a_full_server_is_counted_after_a_restart_too(echod, managed):
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


def test_many_that_do_not_read_are_handed_over_with_all_they_are_owed(echod, managed):
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
        owed = size - size % len(block)
        assert client.receive_until_eof() == block * (owed // len(block))
        client.close()


def test_a_state_that_cannot_be_read_costs_the_connections_and_nothing_else(echod, managed):
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
