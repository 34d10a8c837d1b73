# SPDX-License-Identifier: MIT
"""Failing system calls while a reload changes the listeners."""

import errno
import signal
import socket

from test_faults import check_that_it_sleeps
from wire import Client


def free_port():
    """A port of 127.0.0.1 and 127.0.0.2 that was free a moment ago."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.2", one.getsockname()[1]))
        return one.getsockname()[1]


def reload_with_waiting_clients(daemon, listen, call, error, skip=0):
    """Reloads `listen` while a client waits at each address; the call fails once meanwhile."""
    with daemon.paused():
        clients = [Client(address) for address in daemon.addresses]
        daemon.write_config({"listen": listen})
        daemon.faults.plan(call, error, skip=skip)
        daemon.send_signal(signal.SIGHUP)
    daemon.wait_for_line("reloaded: the new configuration is in force")
    return clients


def test_a_failed_accept_from_an_old_backlog_does_not_make_the_loop_spin(faulty):
    daemon = faulty()
    port = free_port()
    (client,) = reload_with_waiting_clients(daemon, {"port": port}, "accept4", errno.ENFILE)
    assert daemon.faults.hits("accept4") == 1
    check_that_it_sleeps(daemon)
    with Client(("127.0.0.1", port)) as other:
        other.echo()
    client.close()


def test_a_held_connection_is_not_lost_to_another_one_of_an_old_backlog(faulty):
    listen = {"addresses": ["127.0.0.1", "127.0.0.2"], "port": free_port()}
    daemon = faulty(listen=listen)
    listen["port"] = free_port()
    # After those of the two new listeners.
    first, second = reload_with_waiting_clients(daemon, listen, "epoll_add", errno.ENOSPC, skip=2)
    assert daemon.faults.hits("epoll_add") == 1
    first.echo()
    first.close()
    second.close()
