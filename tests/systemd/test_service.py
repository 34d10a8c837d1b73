# SPDX-License-Identifier: MIT
"""The installed service in everyday use: start, traffic, reload, activation, restart, stop."""

import os
import re
import signal

import pytest

from clients import Callers, echoes, is_closed, message, receive
from machine import CONFIG, MESSAGE_ID, TIMEOUT

EXAMPLES = "/usr/share/doc/echod/examples"


def test_a_start_is_in_the_journal_from_the_first_entry_to_ready(machine):
    entries = machine.entries("-u", "echod.service", after=machine.before)
    identifiers = [entry.get("MESSAGE_ID") for entry in entries if entry["_COMM"] == "echod"]
    start, ready = (identifiers.index(MESSAGE_ID[name]) for name in ("start", "ready"))
    assert start < ready
    assert machine.show("echod.service", "ActiveState") == "active"
    assert machine.show("echod.service", "Type") == "notify"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_it_echoes_over_both_ip_versions(machine, address):
    with machine.connect((address, 8007)) as client:
        assert echoes(client)


def test_systemctl_status_shows_a_live_line(machine):
    with machine.connect() as client:
        assert echoes(client)
        machine.wait_for_entry(f"MESSAGE_ID={MESSAGE_ID['statistics']}", after=machine.before)
        assert "1 connections" in machine.show("echod.service", "StatusText")
        status = machine.run("systemctl status --no-pager echod").stdout
    assert re.search(r'Status: "1 connections, \d+ messages/s, ', status)


def test_a_reload_puts_a_new_limit_in_force_and_closes_nobody(machine):
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
    machine.run("systemctl kill -s USR1 echod")  # once it has been answered, both closes are known
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


def test_a_reload_says_once_that_an_address_is_not_used_where_the_socket_unit_has_it(machine):
    machine.set_option("port", 8107)
    machine.run("systemctl reload echod")
    machine.run("journalctl --sync")
    entries = machine.entries("-u", "echod.service", after=machine.before)
    found = [entry for entry in entries if "listen.port has changed" in entry["MESSAGE"]]
    assert len(found) == 1, [entry["MESSAGE"] for entry in found]
    assert "the sockets are those of the socket unit" in found[0]["MESSAGE"]
    assert found[0]["PRIORITY"] == "4"


def test_a_configuration_that_cannot_be_reached_is_not_taken_for_none(machine):
    machine.set_option("max_connections", 1)
    machine.set_option("when_full", '"reject"')
    machine.run("systemctl reload echod")
    machine.run("chmod 700 /etc/echod")  # the daemon is not root
    assert machine.run("systemctl reload echod", check=False).returncode != 0
    found = machine.entries(f"MESSAGE_ID={MESSAGE_ID['reload_failed']}", after=machine.before)
    assert re.match(f"{CONFIG}: .*EACCES", found[0]["MESSAGE"])
    with machine.connect() as client:
        assert echoes(client)
        with machine.connect() as second:
            assert is_closed(second)
    machine.run("systemctl stop echod.socket")
    assert machine.run("systemctl start echod", check=False).returncode != 0
    assert machine.show("echod.service", "ExecMainStatus") == "78"


def test_a_first_client_starts_a_stopped_daemon_and_is_served(machine):
    machine.run("systemctl stop echod.service")
    assert machine.show("echod.service", "ActiveState") == "inactive"
    assert machine.show("echod.socket", "SubState") == "listening"
    with machine.connect() as client:
        assert echoes(client)
    assert machine.show("echod.service", "ActiveState") == "active"


def test_stopping_the_socket_unit_closes_the_port_and_stops_the_daemon(machine):
    machine.run("systemctl stop echod.socket")
    assert machine.show("echod.service", "ActiveState") == "inactive"
    with pytest.raises(ConnectionRefusedError):
        machine.connect()


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


def test_a_restart_keeps_every_open_connection_and_what_was_half_said(machine):
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


def test_a_restart_on_a_configuration_gone_bad_keeps_the_connections_and_says_so(machine):
    with machine.connect() as client:
        assert echoes(client)
        machine.set_option("idle", "30")
        machine.run("systemctl restart echod")
        assert echoes(client)
    found = machine.entries("-p", "err", "-u", "echod.service", after=machine.before)
    assert any(entry["MESSAGE"].startswith(f"{CONFIG}:") for entry in found)


def test_a_signal_by_hand_to_hand_over_is_a_restart(machine):
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


def test_a_stop_under_load_answers_what_was_accepted_and_the_totals_add_up(machine):
    clients, burst = 40, 100
    sent = b"".join(message(i, bytes([i]) * (i * 5)) for i in range(burst))
    connected = [machine.connect() for _ in range(clients)]
    assert all(echoes(client) for client in connected)
    daemon = machine.outside_pid(machine.main_pid())
    # It stands still while the messages come, and systemd wakes it (SIGCONT) once SIGTERM is
    # pending: that comes first, and all of it has yet to be read.
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


def test_an_invalid_configuration_at_start_is_not_retried_and_its_place_is_in_the_journal(machine):
    machine.run("systemctl stop echod.socket")
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
    machine.run("systemctl stop echod.socket")
    machine.drop_in("echod.service", "[Service]\nExecStart=\nExecStart=/usr/sbin/echod --wrong\n")
    assert machine.run("systemctl start echod", check=False).returncode != 0
    assert machine.show("echod.service", "ExecMainStatus") == "2"
    assert machine.show("echod.service", "NRestarts") == "0"
    assert machine.show("echod.service", "ActiveState") == "failed"


def test_a_service_at_its_start_limit_comes_back_with_its_socket_once_it_is_mended(machine):
    machine.run("systemctl stop echod.service")
    machine.set_option("idle", "30")
    client = machine.connect()  # keeps on starting a daemon that cannot start
    machine.wait_for_entry(
        "UNIT=echod.socket", after=machine.before,
        where=lambda entry: "Failed with result" in entry["MESSAGE"],
    )
    client.close()
    assert machine.show("echod.socket", "ActiveState") == "failed"
    machine.set_option("idle", '"30s"')
    machine.run("systemctl reset-failed echod.service")
    machine.run("systemctl start echod")
    with machine.connect() as client:
        assert echoes(client)


# How it listens.


def use_example(machine, unit, name):
    machine.run(
        ["install", "-D", "-m", "0644", f"{EXAMPLES}/{unit}.d/{name}",
         f"/etc/systemd/system/{unit}.d/{name}"]
    )
    machine.run("systemctl daemon-reload")


def test_it_serves_a_port_below_1024_without_any_capability(machine):
    use_example(machine, "echod.socket", "port-7.conf")
    machine.run("systemctl restart echod.socket")
    for address in ("127.0.0.1", "::1"):
        with machine.connect((address, 7)) as client:
            assert echoes(client)
    status = machine.read(f"/proc/{machine.main_pid()}/status")
    for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb"):
        assert re.search(rf"^Cap{kind}:\s0+$", status, re.M)
    with pytest.raises(ConnectionRefusedError):
        machine.connect(("127.0.0.1", 8007))


def test_an_af_unix_socket_is_served_beside_tcp_and_goes_with_the_socket_unit(machine):
    use_example(machine, "echod.socket", "unix.conf")
    machine.run("systemctl restart echod.socket")
    with machine.connect("/run/echod.sock") as local, machine.connect() as remote:
        assert echoes(local)
        assert echoes(remote)
    machine.run("systemctl restart echod.service")
    with machine.connect("/run/echod.sock") as local:
        assert echoes(local)
    machine.run("systemctl stop echod.socket")
    assert not (machine.root / "run/echod.sock").exists()


def test_it_serves_without_the_socket_unit_where_the_drop_in_gives_it_a_network(machine):
    use_example(machine, "echod.service", "standalone.conf")
    machine.run("systemctl mask --quiet --now echod.socket")
    machine.set_option("port", 8107)
    machine.run("systemctl restart echod.service")
    for address in ("127.0.0.1", "::1"):
        with machine.connect((address, 8107)) as client:
            assert echoes(client)
    assert machine.show("echod.socket", "ActiveState") == "inactive"


# What it may do.


@pytest.mark.parametrize("unit", ["echod.service", "echod@0.service"])
def test_the_installed_unit_is_exposed_by_at_most_half_a_point(machine, unit):
    result = machine.run(f"systemd-analyze security --no-pager {unit}")
    (exposure,) = re.findall(rf"Overall exposure level for {unit}: (\d+\.\d+)", result.stdout)
    assert float(exposure) <= 0.5, result.stdout


def test_systemd_has_nothing_to_say_about_the_installed_units(machine):
    units = [
        f"/lib/systemd/system/{unit}"
        for unit in ("echod.service", "echod.socket", "echod@.service", "echod@.socket")
    ]
    result = machine.run(["systemd-analyze", "verify", "--man=no", *units], check=False)
    assert result.stdout + result.stderr == ""


def test_the_process_is_nobody_in_particular_and_filtered(machine):
    status = machine.read(f"/proc/{machine.main_pid()}/status")
    field = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert 0 not in map(int, field["Uid"].split() + field["Gid"].split())
    assert field["NoNewPrivs"] == "1"
    assert field["Seccomp"] == "2"  # seccomp(2): a filter is in force
    assert machine.run("getent passwd echod").returncode == 0  # DynamicUser=
    assert "echod:" not in machine.read("/etc/passwd")


# Who gets there.


def test_a_group_given_by_drop_in_may_ask_the_control_socket_and_nobody_else_may(machine):
    machine.run("groupadd --system --force operators")
    machine.drop_in("echod.service", "[Service]\nGroup=operators\n")
    machine.run("systemctl restart echod.service")
    ask = "setpriv --reuid=nobody --regid={} --clear-groups echod --status"
    assert "serving for" in machine.run(ask.format("operators")).stdout
    refused = machine.run(ask.format("nogroup"), check=False)
    assert refused.returncode == 1
    assert "EACCES" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_an_address_filter_of_the_socket_unit_keeps_clients_away(machine):
    machine.drop_in("echod.socket", "[Socket]\nIPAddressAllow=127.0.0.3\nIPAddressDeny=any\n")
    machine.run("systemctl restart echod.socket")
    with machine.connect(source="127.0.0.3") as client:
        assert echoes(client)
    with pytest.raises(TimeoutError):  # what it sends is dropped, as by a firewall
        machine.connect(source="127.0.0.4", timeout=0.5)
