# SPDX-License-Identifier: MIT
"""More clients than descriptors: no client is dropped, the loop does not spin, the daemon lives."""

import resource
import threading

import pytest
from echod_daemon import launched
from wire import message

NOFILE = 40
CLIENTS = 2 * NOFILE
# In this time a spinning loop would use the whole core, and a sleeping one almost nothing.
WINDOW = 0.7


def cpu_seconds_of_a_window(daemon):
    before = daemon.cpu_seconds()
    threading.Event().wait(WINDOW)
    return daemon.cpu_seconds() - before


@pytest.fixture
def short(echod):
    """Starts a daemon with few descriptors and a much higher max_connections."""

    def start():
        config = {"max_connections": 1000}
        return echod(prefix=launched("--nofile", str(NOFILE)), limits=config)

    return start


def connect_crowd(daemon):
    """More clients than can be served: (served clients, waiting clients)."""
    clients = [daemon.connect() for _ in range(CLIENTS)]
    counters = daemon.wait_for_statistics(
        lambda counters: counters["connections"] + counters["waiting"] == CLIENTS,
        f"{CLIENTS} clients, served or waiting",
    )
    assert 0 < counters["connections"] < NOFILE
    served = counters["connections"]
    for client in clients[:served]:
        client.echo()
    return clients[:served], clients[served:]


def assert_they_are_served_once_the_others_close(served, waiting):
    for client in waiting:
        client.send(message(b"waited"))
    for client in served:
        client.close()
    for client in waiting:
        assert client.receive(14) == message(b"waited")
        client.close()


def test_a_limit_above_the_descriptors_is_warned_of_at_start(short):
    line = short().wait_for_line("RLIMIT_NOFILE")
    assert "warning" in line
    assert "limits.max_connections is 1000" in line
    assert f"RLIMIT_NOFILE is {NOFILE}" in line
    assert "LimitNOFILE=" in line


def test_a_limit_within_the_descriptors_gives_no_warning(echod):
    daemon = echod(prefix=launched("--nofile", "200"), limits={"max_connections": 100})
    daemon.stop()
    assert "RLIMIT_NOFILE" not in daemon.log


def test_a_reload_gives_the_same_warning(echod):
    daemon = echod(prefix=launched("--nofile", "200"), limits={"max_connections": 100})
    assert not daemon.find_line("RLIMIT_NOFILE")
    daemon.reload({"limits": {"max_connections": 300}})
    assert "limits.max_connections is 300" in daemon.wait_for_line("RLIMIT_NOFILE")


def test_the_soft_limit_is_raised_to_the_hard_one(echod):
    soft, hard = resource.prlimit(echod().pid, resource.RLIMIT_NOFILE)
    assert soft == hard


def test_clients_beyond_the_descriptors_wait_and_are_served_later(short):
    daemon = short()
    clients = [daemon.connect() for _ in range(CLIENTS)]
    for number, client in enumerate(clients):
        client.send(message(b"", kind=number))
    for number, client in enumerate(clients):
        assert client.receive(8) == message(b"", kind=number)
        client.close()
    daemon.wait_for_counters(connections=0, accepted=CLIENTS, closed_peer=CLIENTS)


def test_the_loop_does_not_spin_while_out_of_descriptors(short):
    daemon = short()
    served, waiting = connect_crowd(daemon)
    assert cpu_seconds_of_a_window(daemon) < WINDOW / 5
    for client in served:
        client.echo()
    assert not any(client.has_input() for client in waiting)
    assert_they_are_served_once_the_others_close(served, waiting)


def test_a_full_server_is_not_woken_while_the_backlog_is_empty(short):
    served, _ = connect_crowd(short())
    daemon = short()  # this number of descriptors and clients
    clients = [daemon.connect() for _ in served]
    for client in clients:
        client.echo()
    sleeps = daemon.sleeps()
    threading.Event().wait(WINDOW)
    clients[0].echo()
    # The round trip is one or two wake-ups; idle clients cause no other.
    assert daemon.sleeps() - sleeps <= 3
    assert "accept_errors" not in daemon.statistics()
    assert not daemon.lines_with("cannot accept")


def test_the_configuration_can_be_reloaded_while_clients_wait(short):
    # As the warning at start advises.
    daemon = short()
    served, waiting = connect_crowd(daemon)
    daemon.reload({"limits": {"max_connections": 10}})
    daemon.wait_for_line("reloaded")
    assert cpu_seconds_of_a_window(daemon) < WINDOW / 5
    for client in served:
        client.echo()
    assert_they_are_served_once_the_others_close(served, waiting)


def test_the_status_can_be_requested_while_clients_wait(short):
    daemon = short()
    served, waiting = connect_crowd(daemon)
    answer = daemon.ask("--status")
    assert answer.returncode == 0, answer.stderr
    assert str(len(served)) in answer.stdout
    assert cpu_seconds_of_a_window(daemon) < WINDOW / 5


def test_the_service_manager_is_notified_of_the_stop_while_clients_wait(short):
    daemon = short()
    connect_crowd(daemon)
    assert daemon.stop() == 0
    daemon.wait_for_notification("^STOPPING=1$")


def test_a_descriptor_limit_lowered_at_runtime_keeps_open_connections(echod):
    daemon = echod(limits={"max_connections": 1000})
    served = [daemon.connect() for _ in range(10)]
    for client in served:
        client.echo()
    limit = daemon.open_descriptors()
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (limit, limit))
    waiting = [daemon.connect() for _ in range(5)]
    assert "EMFILE" in daemon.wait_for_line("cannot accept")
    assert cpu_seconds_of_a_window(daemon) < WINDOW / 5
    for client in served:
        client.echo()
    assert not any(client.has_input() for client in waiting)
    assert_they_are_served_once_the_others_close(served[5:], waiting)


def test_accepting_resumes_when_the_descriptor_limit_is_raised(echod):
    daemon = echod(limits={"max_connections": 1000})
    daemon.connect().echo()
    hard = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)[1]
    limit = daemon.open_descriptors()
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (limit, hard))
    waiting = daemon.connect()
    waiting.send(message(b"waiting"))
    daemon.wait_for_line("cannot accept")
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (hard, hard))
    assert waiting.receive(15) == message(b"waiting")


def test_a_limit_lowered_while_out_of_descriptors_does_not_spin_the_loop(echod):
    daemon = echod(limits={"max_connections": 1000})
    served = [daemon.connect() for _ in range(10)]
    for client in served:
        client.echo()
    hard = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)[1]
    limit = daemon.open_descriptors()
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (limit, hard))
    waiting = daemon.connect()
    daemon.wait_for_line("cannot accept")
    with daemon.paused():
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (hard, hard))
        daemon.reload_soon({"limits": {"max_connections": 10}})
    daemon.wait_for_line("reloaded")
    assert cpu_seconds_of_a_window(daemon) < WINDOW / 5
    assert_they_are_served_once_the_others_close(served, [waiting])


def test_a_control_client_without_a_descriptor_does_not_spin_the_loop(echod):
    daemon = echod()
    hard = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)[1]
    daemon.connect().echo()
    limit = daemon.open_descriptors()
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (limit, hard))
    control_client = daemon.connect(str(daemon.control_path))
    control_client.send(b"status\n")
    assert cpu_seconds_of_a_window(daemon) < WINDOW / 5
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (hard, hard))
    assert control_client.receive_until_eof().startswith(b"ok\n")


@pytest.mark.release_only  # the sanitizers need additional descriptors
def test_too_few_descriptors_to_start_exit_with_one_line(echod):
    daemon = echod(prefix=launched("--nofile", "4"), wait=False)
    daemon.expected_exit = 1
    assert daemon.wait() == 1
    assert len(daemon.lines_with("error")) == 1
