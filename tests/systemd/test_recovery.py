# SPDX-License-Identifier: MIT
"""Recovery when the daemon hangs or dies, and its effect on clients."""

import os
import signal
import time

import pytest

from clients import echoes
from machine import MESSAGE_ID

READY = f"MESSAGE_ID={MESSAGE_ID['ready']}"


def wait_for_another(machine, pid):
    """Waits until another daemon process is ready."""
    machine.wait_for_entry(
        READY, after=machine.before, where=lambda entry: int(entry["_PID"]) != pid
    )


def test_a_hanging_loop_is_killed_by_the_watchdog_and_restarted(machine):
    machine.drop_in("echod.service", "[Service]\nWatchdogSec=1s\nLimitCORE=0\n")
    machine.run("systemctl restart echod")
    pid = machine.main_pid()
    restarted = machine.cursor()
    machine.run("systemctl kill --kill-who=main -s STOP echod")

    machine.wait_for_entry(
        "UNIT=echod.service", after=restarted,
        where=lambda entry: entry["MESSAGE"].startswith("echod.service: Watchdog timeout"),
    )

    machine.before = restarted
    wait_for_another(machine, pid)
    assert machine.show("echod.service", "NRestarts") == "1"
    with machine.connect() as client:
        assert echoes(client)


def test_keep_alives_are_sent_when_idle_and_under_load(machine):
    machine.drop_in("echod.service", "[Service]\nWatchdogSec=500ms\nLimitCORE=0\n")
    machine.run("systemctl restart echod")
    pid = machine.main_pid()
    fed = machine.show("echod.service", "WatchdogTimestampMonotonic")
    machine.run("echoload --quiet --connections 10 --duration 1s 127.0.0.1:8007")
    after_load = machine.show("echod.service", "WatchdogTimestampMonotonic")
    machine.run("sleep 1")  # twice the watchdog timeout without traffic
    assert int(fed) < int(after_load) < int(
        machine.show("echod.service", "WatchdogTimestampMonotonic")
    )
    assert machine.main_pid() == pid


def test_a_loop_that_is_almost_late_for_the_watchdog_logs_a_warning(machine):
    seconds = 3
    machine.drop_in("echod.service", f"[Service]\nWatchdogSec={seconds}s\nLimitCORE=0\n")
    machine.run("systemctl restart echod")
    pid = machine.main_pid()
    daemon = machine.outside_pid(pid)
    # It has sent READY=1, and is stopped until most of the watchdog timeout has passed.
    os.kill(daemon, signal.SIGSTOP)
    ready = int(machine.show("echod.service", "ActiveEnterTimestampMonotonic")) / 1e6
    time.sleep(max(ready + 0.85 * seconds - time.monotonic(), 0))
    os.kill(daemon, signal.SIGCONT)
    entry = machine.wait_for_entry(f"MESSAGE_ID={MESSAGE_ID['watchdog']}", after=machine.before)
    assert (int(entry["_PID"]), entry["PRIORITY"]) == (pid, "4")
    assert "close to its limit of 3s" in entry["MESSAGE"]
    assert machine.main_pid() == pid


def test_with_socket_activation_a_killed_daemon_is_restarted_without_refusing_a_connection(
    activated
):
    machine = activated
    with machine.connect() as client:
        assert echoes(client)
        pid = machine.main_pid()
        machine.run("systemctl kill -s KILL echod")
        with pytest.raises(ConnectionResetError):
            assert not echoes(client)
            raise ConnectionResetError("end of file is as good")
    with machine.connect() as waiting:
        assert echoes(waiting)
    wait_for_another(machine, pid)


def test_a_drain_longer_than_the_stop_timeout_is_not_cut_short(machine):
    machine.drop_in("echod.service", "[Service]\nTimeoutStopSec=500ms\n")
    machine.set_option("drain", '"1500ms"')
    machine.run("systemctl restart echod")
    with machine.connect() as client:
        assert echoes(client)
        client.sendall(b"\0\0\0\1\0\0")  # half a header, for which the drain waits
        machine.run("systemctl stop echod.service")
        assert client.recv(1) == b""
    assert machine.show("echod.service", "Result") == "success"
    entries = machine.entries("-u", "echod.service", after=machine.before)
    assert any(
        "drain: closing the 1 connections" in entry["MESSAGE"] for entry in entries
    )
