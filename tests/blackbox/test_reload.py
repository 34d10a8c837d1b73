# SPDX-License-Identifier: MIT
"""SIGHUP: a good file holds at once and keeps every connection; a bad one changes nothing."""

import json
import re
import signal
import threading

import pytest
from echoload_support import PATIENCE, start_echoload
from wire import header, message

NEVER = {"idle": "0s", "message": "0s", "write": "0s"}


def test_a_new_limit_holds_and_keeps_the_connections(echod):
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
    assert daemon.find_line("reloaded: the new configuration is in force")


def test_a_lower_limit_closes_nobody(echod):
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
def test_a_lower_limit_closes_nobody_whatever_the_policy(echod, policy):
    daemon = echod(limits={"max_connections": 3, "when_full": policy})
    clients = [daemon.connect() for _ in range(3)]
    for client in clients:
        client.echo()
    daemon.reload({"limits": {"max_connections": 1, "when_full": policy}})
    for client in clients:
        client.echo()
    daemon.wait_for_counters(connections=3)


def test_a_higher_limit_lets_those_in_who_wait(echod):
    daemon = echod(limits={"max_connections": 1})
    daemon.connect().echo()
    waiting = [daemon.connect() for _ in range(5)]
    for client in waiting:
        client.send(message(b"waiting"))
    daemon.wait_for_counters(connections=1, waiting=5)
    daemon.reload({"limits": {"max_connections": 6}})
    for client in waiting:
        assert client.receive(15) == message(b"waiting")


def test_a_new_policy_meets_those_who_wait(echod):
    daemon = echod(limits={"max_connections": 1, "when_full": "queue"})
    first = daemon.connect()
    first.echo()
    waiting = daemon.connect()
    daemon.wait_for_counters(waiting=1)
    daemon.reload({"limits": {"max_connections": 1, "when_full": "reject"}})
    assert waiting.receive_until_eof() == b""
    first.echo()


def test_new_timeouts_hold_for_connections_that_are_open(echod):
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


def test_a_new_log_level_holds(echod):
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


def test_a_new_interval_of_statistics_holds(echod):
    daemon = echod()
    client = daemon.connect()
    client.echo()
    daemon.reload({"stats": {"interval": "100ms"}})
    client.echo()
    daemon.wait_for_line("statistics of")


def test_a_bad_file_changes_nothing_and_says_where_it_is_bad(echod):
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
    assert daemon.connect().receive_until_eof() == b""  # the limit of one still holds


def test_every_error_of_a_bad_file_is_told_not_the_first_alone(echod):
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


def test_a_good_file_after_a_bad_one_holds(echod):
    daemon = echod(limits={"max_connections": 1, "when_full": "reject"})
    daemon.connect().echo()
    daemon.write_config_text("nonsense")
    daemon.send_signal(signal.SIGHUP)
    daemon.wait_for_line("old configuration stays in force")
    daemon.reload({"limits": {"max_connections": 2, "when_full": "reject"}})
    daemon.connect().echo()
    assert daemon.connect().receive_until_eof() == b""


def test_what_needs_a_restart_is_named_and_the_rest_holds(echod):
    daemon = echod(limits={"max_connections": 1, "when_full": "reject"})
    client = daemon.connect()
    client.echo()
    changes = {
        "listen": {"addresses": ["127.0.0.1", "::1"], "port": 1, "backlog": 7},
        "log": {"target": "stderr"},
        "limits": {"max_connections": 2, "when_full": "reject"},
    }
    daemon.reload(changes)
    daemon.wait_for_line("reloaded")
    for key in ("listen.addresses", "listen.port", "listen.backlog", "log.target"):
        assert daemon.find_line(rf"warning .*{re.escape(key)}\b.*restart"), daemon.log
    client.echo()
    daemon.connect().echo()
    assert daemon.connect().receive_until_eof() == b""


def test_a_file_that_is_the_same_needs_no_restart(echod):
    daemon = echod()
    daemon.reload({})
    daemon.wait_for_line("reloaded")
    assert not daemon.lines_with("warning")


def test_words_of_the_file_are_no_format_and_no_line_of_their_own(echod):
    daemon = echod()
    daemon.write_config_text('[limits]\n"{}%s{0:>999999999}" = 1\n"two\\nlines" = 2\n')
    daemon.wait_for_line("ready: ")
    lines = len(daemon.lines)
    daemon.send_signal(signal.SIGHUP)
    daemon.wait_for_line("old configuration stays in force")
    told = [line for line in daemon.lines[lines:] if "old configuration" not in line]
    assert len(told) == 2, told
    assert all(re.match(r"\S+ error +\S+\.toml:\d+:\d+: limits\.", line) for line in told), told
    assert "{}%s{0:>999999999}" in told[0]


def test_limits_timeouts_and_quota_change_under_load_and_cost_no_connection(echod):
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
    silent.wait_until_closed()  # by the new timeout
    waiting = daemon.connect()  # by the new limit
    daemon.wait_for_counters(connections=20, waiting=1)
    daemon.wait_for_statistics(lambda c: c.get("quota_turns", 0) > 100, "the new quota")
    daemon.reload(config(1000, 100, "60s"))
    waiting.echo()
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=PATIENCE)
    report = json.loads(out)
    assert run.returncode == 130, err
    assert report["connections"]["up"] == 20 and report["connections"]["ended_early"] == 0
    messages = report["messages"]
    assert messages["sent"] == messages["verified"] + messages["in_flight_at_end"] > 20 * 1000


def test_reloads_without_pause_disturb_no_echo(echod):
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
    assert daemon.lines_with("reloaded")
