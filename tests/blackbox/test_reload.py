# SPDX-License-Identifier: MIT
"""SIGHUP: a valid file applies at once and closes no connection; an invalid one changes nothing."""

import contextlib
import re
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from echoload_support import HANG_TIMEOUT, result_of, start_echoload
from wire import Client, header, message

NEVER = {"idle": "0s", "message": "0s", "write": "0s"}


def test_a_new_limit_applies_and_closes_no_connection(echod):
    daemon = echod(limits={"max_connections": 2, "when_full": "reject"})
    clients = [daemon.connect(), daemon.connect()]
    clients[0].echo()
    clients[1].echo()
    assert daemon.connect().receive_until_eof() == b""
    daemon.reload({"limits": {"max_connections": 3, "when_full": "reject"}})
    clients.append(daemon.connect())
    for client in clients:
        client.echo()
    assert daemon.connect().receive_until_eof() == b""
    daemon.wait_for_line("reloaded: the new configuration is in force")


def test_a_lower_limit_closes_no_connection(echod):
    daemon = echod(limits={"max_connections": 5})
    clients = [daemon.connect() for _ in range(5)]
    for client in clients:
        client.echo()
    daemon.reload({"limits": {"max_connections": 2}})
    for client in clients:
        client.echo()
    waiting = daemon.connect()
    waiting.send(message(b"waiting"))
    daemon.wait_for_counters(connections=5, waiting=1)
    for number, client in enumerate(clients[:3]):
        client.close()
        daemon.wait_for_counters(connections=4 - number, waiting=1)
    assert not waiting.has_input()
    clients[3].close()
    assert waiting.receive(15) == message(b"waiting")
    clients[4].echo()


@pytest.mark.parametrize("policy", ["queue", "reject", "evict"])
def test_a_lower_limit_closes_no_connection_under_any_policy(echod, policy):
    daemon = echod(limits={"max_connections": 3, "when_full": policy})
    clients = [daemon.connect() for _ in range(3)]
    for client in clients:
        client.echo()
    daemon.reload({"limits": {"max_connections": 1, "when_full": policy}})
    for client in clients:
        client.echo()
    daemon.wait_for_counters(connections=3)


def test_a_higher_limit_accepts_waiting_connections(echod):
    daemon = echod(limits={"max_connections": 1})
    daemon.connect().echo()
    waiting = [daemon.connect() for _ in range(5)]
    for client in waiting:
        client.send(message(b"waiting"))
    daemon.wait_for_counters(connections=1, waiting=5)
    daemon.reload({"limits": {"max_connections": 6}})
    for client in waiting:
        assert client.receive(15) == message(b"waiting")


def test_a_new_policy_applies_to_waiting_connections(echod):
    daemon = echod(limits={"max_connections": 1, "when_full": "queue"})
    first = daemon.connect()
    first.echo()
    waiting = daemon.connect()
    daemon.wait_for_counters(waiting=1)
    daemon.reload({"limits": {"max_connections": 1, "when_full": "reject"}})
    assert waiting.receive_until_eof() == b""
    first.echo()


def test_new_timeouts_apply_to_open_connections(echod):
    daemon = echod(timeouts=NEVER)
    idle, begun = daemon.connect(), daemon.connect()
    idle.echo()
    begun.send(header(10))
    daemon.wait_for_counters(bytes_in=20)
    daemon.reload({"timeouts": {**NEVER, "message": "100ms"}})
    assert begun.receive_until_eof() == b""
    idle.echo()
    daemon.reload({"timeouts": {**NEVER, "idle": "100ms"}})
    assert idle.receive_until_eof() == b""
    daemon.wait_for_counters(connections=0, closed_message_timeout=1, closed_idle_timeout=1)


def test_a_new_log_level_applies(echod):
    daemon = echod(log={"level": "error"})
    assert daemon.lines == []
    daemon.reload({"log": {"level": "info"}})
    daemon.statistics()
    daemon.reload({"log": {"level": "warning"}})
    lines = len(daemon.lines)
    for _ in range(3):
        daemon.send_signal(signal.SIGUSR1)
        daemon.connect().echo()
    daemon.reload({"log": {"level": "info"}})
    daemon.wait_for_line("reloaded", after=lines)
    assert not [line for line in daemon.lines[lines:] if "statistics of" in line]


def test_a_new_statistics_interval_applies(echod):
    daemon = echod()
    client = daemon.connect()
    client.echo()
    daemon.reload({"stats": {"interval": "100ms"}})
    client.echo()
    daemon.wait_for_line("statistics of")


def test_an_invalid_file_changes_nothing_and_is_reported_with_the_position(echod):
    daemon = echod(limits={"max_connections": 1, "when_full": "reject"})
    client = daemon.connect()
    client.echo()
    daemon.write_config_text("[limits]\nmax_connections = 100\nquota_messages = -3\n")
    daemon.send_signal(signal.SIGHUP)
    line = daemon.wait_for_line("limits.quota_messages")
    where = re.escape(str(daemon.config_path))
    assert re.search(where + r":3:\d+: limits\.quota_messages: must be 1 to 65535, is -3$", line)
    daemon.wait_for_line("old configuration stays in force")
    client.echo()
    assert daemon.connect().receive_until_eof() == b""  # the limit of one is still in force


def test_every_error_of_an_invalid_file_is_logged(echod):
    daemon = echod()
    daemon.write_config_text("[limits]\nwhen_full = 3\nquota = 1\n[timeouts]\nidle = 5\n")
    daemon.send_signal(signal.SIGHUP)
    daemon.wait_for_line("old configuration stays in force")
    for key, line in (("limits.when_full", 2), ("limits.quota", 3), ("timeouts.idle", 5)):
        assert daemon.find_line(rf"error .*{daemon.config_path.name}:{line}:\d+: {key}: ")


@pytest.mark.parametrize("kind", ["missing", "directory", "syntax", "binary", "huge"])
def test_a_file_that_cannot_be_read_changes_nothing(echod, kind):
    daemon = echod()
    client = daemon.connect()
    if kind == "missing":
        daemon.config_path.unlink()
    elif kind == "directory":
        daemon.config_path.unlink()
        daemon.config_path.mkdir()
    elif kind == "syntax":
        daemon.write_config_text("[limits\n")
    elif kind == "binary":
        daemon.config_path.write_bytes(bytes(range(256)) * 10)
    else:
        daemon.write_config_text("#" * (1 << 20) + "\n")
    daemon.send_signal(signal.SIGHUP)
    assert daemon.config_path.name in daemon.wait_for_line(r"\berror\b")
    daemon.wait_for_line("old configuration stays in force")
    client.echo()


def test_a_valid_file_after_an_invalid_one_applies(echod):
    daemon = echod(limits={"max_connections": 1, "when_full": "reject"})
    daemon.connect().echo()
    daemon.write_config_text("nonsense")
    daemon.send_signal(signal.SIGHUP)
    daemon.wait_for_line("old configuration stays in force")
    daemon.reload({"limits": {"max_connections": 2, "when_full": "reject"}})
    daemon.connect().echo()
    assert daemon.connect().receive_until_eof() == b""


def connects(address):
    """True if a listening socket answers at the address."""
    try:
        Client(address).close()
    except ConnectionRefusedError:
        return False
    return True


def free_ports(address, count):
    """Ports of the address that were free a moment ago."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server((address, 0))) for _ in range(count)]
        return [probe.getsockname()[1] for probe in probes]


def test_a_new_port_accepts_and_the_old_one_is_closed(echod, own_address):
    daemon = echod(listen={"addresses": [own_address], "port": 7007})
    client = daemon.connect()
    client.echo()
    daemon.write_config({"listen": {"addresses": [own_address], "port": 7008}})
    answer = daemon.ask("--reload")
    assert (answer.returncode, answer.stdout) == (0, "")
    daemon.connect((own_address, 7008)).echo()
    assert not connects((own_address, 7007))
    client.echo()
    assert f"on {own_address}:7008\n" in daemon.ask("--status").stdout
    daemon.wait_for_notification(f"^STATUS=listening on {own_address}:7008$")


def test_ten_changes_of_the_port_under_load_lose_no_connection(echod, own_address):
    ports = free_ports(own_address, 11)
    daemon = echod(listen={"addresses": [own_address], "port": ports[0]})
    run = start_echoload(
        *("-c", 20, "-p", 4, "-d", "600s", "-q", "--format", "json", f"{own_address}:{ports[0]}")
    )
    echoed = 0
    for port in ports[1:]:
        daemon.wait_for_statistics(lambda c: c.get("messages_in", 0) > echoed, "more load")
        daemon.write_config({"listen": {"addresses": [own_address], "port": port}})
        assert daemon.ask("--reload").returncode == 0
        daemon.connect((own_address, port)).echo()  # from the moment the reload returns
        echoed = daemon.statistics()["messages_in"] + 1000
    assert not any(connects((own_address, port)) for port in ports[:-1])
    daemon.wait_for_statistics(lambda c: c.get("messages_in", 0) > echoed, "load after the last")
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=HANG_TIMEOUT)
    report = result_of(out)
    assert run.returncode == 130, err
    assert report["connections"]["up"] == 20 and report["connections"]["ended_early"] == 0
    assert daemon.statistics()["accepted"] == 20 + 10


def test_an_address_that_stays_keeps_its_socket(echod, own_address):
    other = own_address.rsplit(".", 1)[0] + ".1"
    daemon = echod(listen={"addresses": [own_address], "port": 7007, "backlog": 16})

    def socket_of(address):
        """The inode and the backlog of the listening socket, from ss(8)."""
        command = ["ss", "--no-header", "--listening", "--tcp", "--numeric", "--extended"]
        shown = subprocess.run([*command, "src", address], capture_output=True, text=True, check=True)
        fields = shown.stdout.split()
        return re.search(r"ino:(\d+)", shown.stdout)[1], int(fields[2])

    inode, backlog = socket_of(own_address)
    assert backlog == 16
    with daemon.paused():
        waiting = daemon.connect()
        waiting.send(message(b"waiting"))
        listen = {"addresses": [other, own_address], "port": 7007, "backlog": 32}
        daemon.write_config({"listen": listen})
        daemon.send_signal(signal.SIGHUP)
    daemon.wait_for_line("reloaded")
    assert waiting.receive(15) == message(b"waiting")
    assert socket_of(own_address) == (inode, 32)
    daemon.connect((other, 7007)).echo()
    daemon.connect((own_address, 7007)).echo()


def test_the_first_connections_of_a_new_port_are_announced_by_events(echod, own_address):
    # The order of the addresses changes, so a socket that stays gets another event token.
    addresses = [own_address.rsplit(".", 1)[0] + f".{n}" for n in (1, 250)]
    daemon = echod(listen={"addresses": addresses, "port": 7007})
    daemon.reload({"listen": {"addresses": list(reversed(addresses)), "port": 7007}})
    for _ in range(3):
        for address in addresses:
            daemon.connect((address, 7007)).echo()
    daemon.reload({"listen": {"addresses": addresses[1:], "port": 7007}})
    daemon.connect((addresses[1], 7007)).echo()
    assert not connects((addresses[0], 7007))


@pytest.mark.parametrize("before, after", [("{own}", "0.0.0.0"), ("0.0.0.0", "{own}")])
def test_a_wildcard_replaces_an_address_of_the_same_port_and_back(
    echod, own_address, before, after
):
    (port,) = free_ports("0.0.0.0", 1)
    before, after = (text.format(own=own_address) for text in (before, after))
    daemon = echod(listen={"addresses": [before], "port": port})
    client = daemon.connect((own_address, port))
    client.echo()
    daemon.write_config({"listen": {"addresses": [after], "port": port}})
    assert daemon.ask("--reload").returncode == 0
    daemon.connect((own_address, port)).echo()
    assert connects(("127.0.0.1", port)) == (after == "0.0.0.0")
    client.echo()
    with pytest.raises(OSError, match="in use"):  # a second daemon cannot share the port
        socket.create_server((own_address, port))


def test_a_port_in_use_fails_the_reload_as_a_whole(echod, own_address):
    daemon = echod(
        listen={"addresses": [own_address], "port": 7007},
        limits={"max_connections": 2, "when_full": "reject"},
    )
    client = daemon.connect()
    client.echo()
    other = own_address.rsplit(".", 1)[0] + ".1"
    with socket.create_server((own_address, 7008)):
        changes = {"listen": {"addresses": [other, own_address], "port": 7008}}
        daemon.write_config({**changes, "limits": {"max_connections": 9}})
        answer = daemon.ask("--reload")
    assert answer.returncode == 1
    assert f"cannot listen on {own_address}:7008: bind: EADDRINUSE" in answer.stderr
    daemon.wait_for_line(f" error .*cannot listen on {own_address}:7008")
    daemon.wait_for_line(" error .*the old configuration stays in force")
    assert not connects((other, 7008))
    client.echo()
    daemon.connect().echo()
    assert daemon.connect().receive_until_eof() == b""  # the old limit
    assert daemon.ask("--reload").returncode == 0, "the port is free now"
    daemon.connect((own_address, 7008)).echo()


@pytest.mark.parametrize("policy", ["queue", "reject"])
def test_connections_that_wait_for_the_old_port_are_accepted_while_there_is_room(
    echod, own_address, policy
):
    limits = {"max_connections": 5, "when_full": policy}
    daemon = echod(listen={"addresses": [own_address], "port": 7007}, limits=limits)
    with daemon.paused():
        clients = [daemon.connect() for _ in range(8)]
        for client in clients:
            client.send(message(b"waiting"))
        daemon.write_config({"listen": {"addresses": [own_address], "port": 7008}, "limits": limits})
        daemon.send_signal(signal.SIGHUP)
    daemon.wait_for_line("reloaded")
    for client in clients[:5]:
        assert client.receive(15) == message(b"waiting")
    for client in clients[5:]:
        client.wait_until_closed()
    clients[0].close()
    daemon.wait_for_counters(connections=4)
    daemon.connect((own_address, 7008)).echo()


def test_a_full_server_accepts_on_the_new_port_when_there_is_room(echod, own_address):
    limits = {"max_connections": 1}
    daemon = echod(listen={"addresses": [own_address], "port": 7007}, limits=limits)
    first = daemon.connect()
    first.echo()
    daemon.reload({"listen": {"addresses": [own_address], "port": 7008}, "limits": limits})
    waiting = daemon.connect((own_address, 7008))
    waiting.send(message(b"waiting"))
    daemon.wait_for_counters(connections=1, waiting=1)
    first.close()
    assert waiting.receive(15) == message(b"waiting")


def test_port_0_keeps_the_port_that_the_kernel_chose(echod):
    daemon = echod()
    daemon.reload({"limits": {"max_connections": 7}})
    daemon.connect().echo()
    assert f"on {daemon.address[0]}:{daemon.address[1]}\n" in daemon.ask("--status").stdout


def test_a_new_log_target_applies(echod, tmp_path):
    daemon = echod(log={"target": "stderr"})
    daemon.reload({"log": {"target": "auto"}})
    daemon.wait_for_line("reloaded")
    before = len(daemon.lines)
    daemon.reload({"log": {"target": "journal"}})
    # Without a journald it stays at standard error and says so; with one, no line comes any more.
    if not Path("/run/systemd/journal/socket").exists():
        daemon.wait_for_line("no journald answers", after=before)
        daemon.wait_for_line("reloaded", after=before)
    else:
        daemon.reload({"log": {"target": "journal"}})
        assert daemon.lines[before:] == []


def test_an_unchanged_file_needs_no_restart(echod):
    daemon = echod()
    daemon.reload({})
    daemon.wait_for_line("reloaded")
    assert not daemon.lines_with("warning")


def test_text_of_the_file_cannot_inject_a_format_or_a_log_line(echod):
    daemon = echod()
    daemon.write_config_text('[limits]\n"{}%s{0:>999999999}" = 1\n"two\\nlines" = 2\n')
    daemon.wait_for_line("ready: ")
    lines = len(daemon.lines)
    daemon.send_signal(signal.SIGHUP)
    daemon.wait_for_line("old configuration stays in force")
    errors = [line for line in daemon.lines[lines:] if "old configuration" not in line]
    assert len(errors) == 2, errors
    assert all(re.match(r"\S+ error +\S+\.toml:\d+:\d+: limits\.", line) for line in errors), errors
    assert "{}%s{0:>999999999}" in errors[0]


def test_limits_timeouts_and_quota_change_under_load_without_closing_a_connection(echod):
    def config(quota, most, idle):
        return {
            "limits": {"quota_messages": quota, "max_connections": most},
            "timeouts": {"idle": idle},
        }

    daemon = echod(**config(1000, 100, "60s"))
    silent = daemon.connect()
    silent.echo()
    run = start_echoload(
        *("-c", 20, "-p", 64, "-d", "600s", "-q", "--format", "json", "{}:{}".format(*daemon.address))
    )
    counters = daemon.wait_for_statistics(lambda c: c.get("messages_in", 0) > 20 * 1000, "load")
    assert counters.get("quota_turns", 0) == 0, "64 in flight are less than the quota"
    daemon.reload(config(1, 10, "300ms"))
    silent.wait_until_closed()  # because of the new timeout
    waiting = daemon.connect()  # because of the new limit
    daemon.wait_for_counters(connections=20, waiting=1)
    daemon.wait_for_statistics(lambda c: c.get("quota_turns", 0) > 100, "the new quota")
    daemon.reload(config(1000, 100, "60s"))
    waiting.echo()
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=HANG_TIMEOUT)
    report = result_of(out)
    assert run.returncode == 130, err
    assert report["connections"]["up"] == 20 and report["connections"]["ended_early"] == 0
    messages = report["messages"]
    assert messages["sent"] == messages["verified"] + messages["in_flight_at_end"] > 20 * 1000


def test_continuous_reloads_do_not_disturb_echoes(echod):
    daemon = echod()
    client = daemon.connect()
    stop = threading.Event()

    def reload_all_the_time():
        while not stop.is_set():
            daemon.send_signal(signal.SIGHUP)

    thread = threading.Thread(target=reload_all_the_time)
    thread.start()
    try:
        for number in range(300):
            client.echo(message(bytes(number), kind=number))
    finally:
        stop.set()
        thread.join()
    daemon.wait_for_line("reloaded")
