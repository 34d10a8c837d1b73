# SPDX-License-Identifier: MIT
"""The installed service: start, traffic, reload, activation, restart, stop."""

import os
import re
import signal

import pytest

from clients import Callers, echoes, is_closed, message, receive
from conftest import exposure
from machine import CONFIG, MESSAGE_ID, TIMEOUT


def test_a_start_is_in_the_journal_from_the_first_entry_to_ready(machine):
    entries = machine.entries("-u", "echod.service", after=machine.before)
    identifiers = [entry.get("MESSAGE_ID") for entry in entries if entry["_COMM"] == "echod"]
    start, ready = (identifiers.index(MESSAGE_ID[name]) for name in ("start", "ready"))
    assert start < ready
    assert machine.show("echod.service", "ActiveState") == "active"
    assert machine.show("echod.service", "Type") == "notify"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_the_service_echoes_over_both_ip_versions(machine, address):
    with machine.connect((address, 8007)) as client:
        assert echoes(client)


def test_systemctl_status_shows_a_current_status(machine):
    with machine.connect() as client:
        assert echoes(client)
        machine.wait_for_entry(f"MESSAGE_ID={MESSAGE_ID['statistics']}", after=machine.before)
        assert "1 connections" in machine.show("echod.service", "StatusText")
        status = machine.run("systemctl status --no-pager echod").stdout
    assert re.search(r'Status: "1 connections, \d+ messages/s, ', status)


def test_a_reload_applies_a_new_limit_and_closes_no_connection(machine):
    before = [machine.connect() for _ in range(3)]
    assert all(echoes(client) for client in before)
    machine.set_option("max_connections", 2)
    machine.set_option("when_full", '"reject"')
    machine.run("systemctl reload echod")
    with machine.connect() as late:
        assert is_closed(late)
    assert all(echoes(client) for client in before)
    before.pop().close()
    before.pop().close()
    machine.run("systemctl kill -s USR1 echod")  # when echoed, both closes are processed
    with machine.connect() as late:
        assert echoes(late)
    assert echoes(before[0])
    before[0].close()


def test_a_reload_with_an_invalid_file_fails_and_the_old_configuration_stays(machine):
    machine.set_option("max_connections", 1)
    machine.set_option("when_full", '"reject"')
    machine.run("systemctl reload echod")
    client = machine.connect()
    assert echoes(client)
    line = 1 + machine.read(CONFIG).splitlines().index("max_connections = 1")
    machine.set_option("max_connections", -3)

    result = machine.run("systemctl reload echod", check=False)

    assert result.returncode != 0
    assert machine.show("echod.service", "ActiveState") == "active"
    found = machine.entries(f"MESSAGE_ID={MESSAGE_ID['reload_failed']}", after=machine.before)
    assert f"{CONFIG}:{line}:19: limits.max_connections: must be" in found[0]["MESSAGE"]
    assert found[0]["PRIORITY"] == "3"
    with machine.connect() as second:
        assert is_closed(second)
    assert echoes(client)
    client.close()


def test_an_inaccessible_configuration_is_not_treated_as_missing(machine):
    machine.set_option("max_connections", 1)
    machine.set_option("when_full", '"reject"')
    machine.run("systemctl reload echod")
    machine.run("chmod 700 /etc/echod")  # the daemon does not run as root
    assert machine.run("systemctl reload echod", check=False).returncode != 0
    found = machine.entries(f"MESSAGE_ID={MESSAGE_ID['reload_failed']}", after=machine.before)
    assert re.match(f"{CONFIG}: .*EACCES", found[0]["MESSAGE"])
    with machine.connect() as client:
        assert echoes(client)
        with machine.connect() as second:
            assert is_closed(second)
    machine.run("systemctl stop echod")
    assert machine.run("systemctl start echod", check=False).returncode != 0
    assert machine.show("echod.service", "ExecMainStatus") == "78"


def test_a_restart_under_load_refuses_no_connection(machine):
    restarts = 3
    pids = {machine.main_pid()}
    with Callers(machine) as callers:
        for _ in range(restarts):
            callers.wait_for_more(50)
            machine.run("systemctl restart echod")
            pids.add(machine.main_pid())
        callers.wait_for_more(50)
    assert callers.refused == []
    assert len(pids) == restarts + 1
    assert callers.cut_off == 0


def test_a_restart_keeps_open_connections_and_incomplete_messages(machine):
    connected = [machine.connect() for _ in range(200)]
    assert all(echoes(client) for client in connected)
    sent = message(1, b"begun before the restart and completed after it")
    connected[0].sendall(sent[:11])
    pid = machine.main_pid()
    machine.run("systemctl restart echod")
    assert machine.main_pid() != pid
    connected[0].sendall(sent[11:])
    assert receive(connected[0], len(sent)) == sent
    assert all(echoes(client) for client in connected)
    for client in connected:
        client.close()


def test_a_restart_with_an_invalid_configuration_keeps_the_connections(machine):
    with machine.connect() as client:
        assert echoes(client)
        machine.set_option("idle", "30")
        machine.run("systemctl restart echod")
        assert echoes(client)
    found = machine.entries("-p", "err", "-u", "echod.service", after=machine.before)
    assert any(entry["MESSAGE"].startswith(f"{CONFIG}:") for entry in found)


def test_sigusr2_sent_by_hand_is_a_restart(machine):
    pid = machine.main_pid()
    with machine.connect() as client:
        assert echoes(client)
        machine.run("systemctl kill --kill-who=main -s USR2 echod")
        machine.wait_for_entry(
            f"MESSAGE_ID={MESSAGE_ID['ready']}", after=machine.before,
            where=lambda entry: int(entry["_PID"]) != pid,
        )
        assert echoes(client)
    assert machine.main_pid() != pid


def test_a_stop_under_load_echoes_accepted_messages_and_the_totals_add_up(machine):
    clients, burst = 40, 100
    sent = b"".join(message(i, bytes([i]) * (i * 5)) for i in range(burst))
    connected = [machine.connect() for _ in range(clients)]
    assert all(echoes(client) for client in connected)
    daemon = machine.outside_pid(machine.main_pid())
    # It is stopped while the messages arrive, and systemd continues it (SIGCONT) when SIGTERM is
    # pending, so it handles the signal before it reads the messages.
    os.kill(daemon, signal.SIGSTOP)
    for client in connected:
        client.sendall(sent)

    stop = machine.start("systemctl stop echod.service")
    received = [receive(client, len(sent) + 1) for client in connected]

    assert stop.wait(TIMEOUT) == 0
    assert all(data == sent for data in received)
    stops = machine.entries(f"MESSAGE_ID={MESSAGE_ID['stop']}", after=machine.before)
    assert [entry["MESSAGE"].split(":")[0] for entry in stops] == ["stopping", "stopped"]
    last = machine.entries(f"MESSAGE_ID={MESSAGE_ID['statistics']}", after=machine.before)[-1]
    number = {name: int(text) for name, text in last.items() if name.startswith("ECHOD_")}
    assert number["ECHOD_MESSAGES_IN"] == clients * (burst + 1)
    assert number["ECHOD_MESSAGES_OUT"] == number["ECHOD_MESSAGES_IN"]
    assert number["ECHOD_ACCEPTED"] == number["ECHOD_CLOSED"] == clients
    assert number["ECHOD_CONNECTIONS"] == number["ECHOD_MESSAGES_DROPPED"] == 0
    for client in connected:
        client.close()


def test_an_invalid_configuration_at_start_is_not_retried_and_is_in_the_journal(machine):
    machine.run("systemctl stop echod")
    machine.set_option("idle", "30")
    assert machine.run("systemctl start echod", check=False).returncode != 0
    assert machine.show("echod.service", "ExecMainStatus") == "78"
    assert machine.show("echod.service", "NRestarts") == "0"
    entries = machine.entries("-u", "echod.service", "-p", "err", after=machine.before)
    assert any(re.match(rf"{CONFIG}:\d+:\d+: timeouts.idle: ", e["MESSAGE"]) for e in entries)
    found = machine.wait_for_entry(
        f"MESSAGE_ID={MESSAGE_ID['start_failed']}", after=machine.before
    )
    assert (found["MESSAGE"], found["PRIORITY"]) == (
        "start failed: the configuration is not valid", "3"
    )


def test_wrong_usage_at_start_is_not_retried(machine):
    machine.run("systemctl stop echod")
    machine.drop_in("echod.service", "[Service]\nExecStart=\nExecStart=/usr/sbin/echod --wrong\n")
    assert machine.run("systemctl start echod", check=False).returncode != 0
    assert machine.show("echod.service", "ExecMainStatus") == "2"
    assert machine.show("echod.service", "NRestarts") == "0"
    assert machine.show("echod.service", "ActiveState") == "failed"


# The sandbox.


@pytest.mark.parametrize(
    "unit", ["echod.service", "echod@0.service", "/lib/systemd/system/echod.service"]
)
def test_the_installed_unit_has_an_exposure_of_at_most_1_1(machine, unit):
    assert exposure(machine, unit) <= 1.1


def test_systemd_reports_nothing_about_the_installed_units(machine):
    units = [
        f"/lib/systemd/system/{unit}"
        for unit in ("echod.service", "echod.socket", "echod@.service", "echod@.socket")
    ]
    result = machine.run(["systemd-analyze", "verify", "--man=no", *units], check=False)
    assert result.stdout + result.stderr == ""


def test_the_process_has_a_dynamic_user_and_a_seccomp_filter(machine):
    status = machine.read(f"/proc/{machine.main_pid()}/status")
    field = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert 0 not in map(int, field["Uid"].split() + field["Gid"].split())
    assert field["NoNewPrivs"] == "1"
    assert field["Seccomp"] == "2"  # seccomp(2): a filter is active
    assert machine.run("getent passwd echod").returncode == 0  # DynamicUser=
    assert "echod:" not in machine.read("/etc/passwd")


# Access.


def test_only_the_group_of_a_drop_in_can_reload_and_every_user_sees_the_statistics(machine):
    machine.run("groupadd --system --force operators")
    machine.drop_in("echod.service", "[Service]\nGroup=operators\n")
    machine.run("systemctl restart echod.service")
    ask = "setpriv --reuid=nobody --regid={} --clear-groups echod {}"
    for group in ("operators", "nogroup"):
        assert "serving for" in machine.run(ask.format(group, "--status")).stdout
        assert "echod_connections " in machine.run(ask.format(group, "--stats prometheus")).stdout
    assert machine.run(ask.format("operators", "--reload")).returncode == 0
    refused = machine.run(ask.format("nogroup", "--reload"), check=False)
    assert refused.returncode == 1
    assert "EACCES" in refused.stderr
    assert refused.stderr.count("\n") == 1
