# SPDX-License-Identifier: MIT
"""The journal entries, and the daemon without a journal."""

import json
import os
import re
import signal
from collections import Counter

from clients import echoes
from machine import MESSAGE_ID

STATISTICS = f"MESSAGE_ID={MESSAGE_ID['statistics']}"
ECHOD = "SYSLOG_IDENTIFIER=echod"
INVALID = b"\0\0\0\7\0\0\7\xd0"  # a header with a size of 2000


def numbers(entry):
    return {name: int(text) for name, text in entry.items() if name.startswith("ECHOD_")}


def load(machine, *arguments):
    """Runs echoload and returns its report."""
    command = ["echoload", "--format", "json", "--quiet", *arguments, "127.0.0.1:8007"]
    return json.loads(machine.run(command).stdout)


def test_statistics_agree_with_those_of_echoload(machine):
    report = load(machine, "--connections", "20", "--messages", "20k", "--pipeline", "4")
    machine.run("systemctl stop echod.service")

    entries = [numbers(entry) for entry in machine.entries(STATISTICS, after=machine.before)]

    assert report["messages"]["verified"] == report["messages"]["sent"] == 20_000
    totals = entries[-1]
    assert totals["ECHOD_MESSAGES_IN"] == totals["ECHOD_MESSAGES_OUT"] == 20_000
    assert totals["ECHOD_BYTES_IN"] == totals["ECHOD_BYTES_OUT"] == report["bytes"]["sent"]
    assert totals["ECHOD_ACCEPTED"] == totals["ECHOD_CLOSED"] == report["connections"]["up"] == 20
    # The intervals have no gaps: they add up to the totals.
    for name, total in totals.items():
        interval = name.replace("ECHOD_", "ECHOD_INTERVAL_")
        if interval in totals and "TURN" not in name:
            assert sum(entry[interval] for entry in entries) == total, name


def test_echoload_reports_the_unit_and_the_bottleneck(machine):
    report = load(machine, "--connections", "20", "--duration", "1s", "--server-unit", "echod")
    assert report["server"]["pid"] == machine.main_pid()
    assert report["server"]["cpu_share"] > 0 and report["server"]["resident_bytes"] > 0
    assert report["limit"]["limited_by"] != "unknown"


def test_no_line_is_logged_twice_or_repeats_its_time_or_level(machine):
    load(machine, "--connections", "5", "--messages", "1k")
    machine.run("systemctl reload echod")
    machine.run("systemctl stop echod.service")

    entries = machine.entries(ECHOD, after=machine.before)

    counts = Counter(entry["MESSAGE"] for entry in entries)
    assert len(entries) >= 5
    assert [text for text, count in counts.items() if count > 1] == []
    assert {entry["_TRANSPORT"] for entry in entries} == {"journal"}
    for text in counts:
        assert not re.search(r"\d\d:\d\d:\d\d|\d{4}-\d\d-\d\d", text), text
        assert not re.match(r"<\d>|\[?(info|warning|error|debug)\b", text, re.I), text


def test_single_connections_are_not_logged_at_the_default_level(machine):
    before = len(machine.entries(ECHOD, after=machine.before))
    load(machine, "--connections", "200", "--messages", "1k")
    machine.run("systemctl kill -s USR1 echod")
    machine.wait_for_entry(STATISTICS, after=machine.before)
    entries = machine.entries(ECHOD, after=machine.before)[before:]
    assert {entry.get("MESSAGE_ID") for entry in entries} == {MESSAGE_ID["statistics"]}
    assert len(entries) < 20


def test_journalctl_explains_each_entry_from_the_installed_catalog(machine):
    machine.run("systemctl reload echod")
    for name in ("start", "ready", "reload"):
        output = machine.run(
            ["journalctl", "-x", "-n", "1", "--no-pager", f"MESSAGE_ID={MESSAGE_ID[name]}"]
        ).stdout
        assert re.search(r"░░ Subject: .*echod", output), output
        assert "░░ Defined-By: echod" in output
    listed = machine.run("journalctl --list-catalog").stdout
    for identifier in MESSAGE_ID.values():
        assert identifier in listed


def test_priorities_follow_the_level(machine):
    machine.set_option("max_connections", 1)
    machine.run("systemctl reload echod")
    with machine.connect() as client:
        assert echoes(client)
        with machine.connect():
            full = machine.wait_for_entry(
                f"MESSAGE_ID={MESSAGE_ID['limit']}", after=machine.before
            )
    (ready,) = machine.entries(f"MESSAGE_ID={MESSAGE_ID['ready']}", after=machine.before)
    assert (ready["PRIORITY"], full["PRIORITY"]) == ("6", "4")


def test_the_daemon_runs_without_journald_and_logs_when_it_is_back(machine):
    pid = machine.main_pid()
    machine.run(
        "systemctl stop systemd-journald.socket systemd-journald-dev-log.socket"
        " systemd-journald.service"
    )
    with machine.connect() as client:
        assert echoes(client)
        machine.run("systemctl kill -s USR1 echod")
        assert echoes(client)
        machine.run("systemctl start systemd-journald.socket systemd-journald.service")
        machine.run("systemctl kill -s USR1 echod")
        lost = machine.wait_for_entry(
            ECHOD, after=machine.before,
            where=lambda entry: "could not be written and were dropped" in entry["MESSAGE"],
        )
        assert echoes(client)
    assert int(lost["_PID"]) == machine.main_pid() == pid


def test_a_hanging_journald_does_not_block_the_daemon(machine):
    daemon = machine.outside_pid(machine.main_pid())
    journald = machine.outside_pid(int(machine.show("systemd-journald.service", "MainPID")))
    lines = 2000  # more than a datagram socket queues (net.unix.max_dgram_qlen)
    with machine.connect() as client:
        os.kill(journald, signal.SIGSTOP)
        try:
            for _ in range(lines):
                os.kill(daemon, signal.SIGUSR1)  # log a line now
                assert echoes(client)
        finally:
            os.kill(journald, signal.SIGCONT)
        machine.run("systemctl kill -s USR1 echod")
        dropped = machine.wait_for_entry(
            ECHOD, after=machine.before,
            where=lambda entry: "could not be written and were dropped" in entry["MESSAGE"],
        )
    assert 0 < int(re.match(r"\d+", dropped["MESSAGE"]).group()) < lines
    assert dropped["PRIORITY"] == "4"


def test_statistics_survive_the_journals_rate_limit_in_a_flood_of_debug_lines(machine):
    # journald accepts 10,000 lines in 30 s by default; with much free disk space up to six
    # times as many. It counts each level separately, but info and notice as one.
    machine.write("/run/systemd/journald.conf.d/limit.conf", "[Journal]\nRateLimitBurst=100\n")
    machine.run("systemctl restart systemd-journald.service")
    machine.set_option("level", '"debug"')
    machine.run("systemctl restart echod.service")
    messages = 3000
    try:
        for _ in range(messages):
            with machine.connect() as client:
                assert echoes(client)
                client.sendall(INVALID)
                assert client.recv(1) == b""
        machine.run("systemctl stop echod.service")
        machine.run("journalctl --sync")
    finally:
        machine.run("rm /run/systemd/journald.conf.d/limit.conf")
        machine.run("systemctl restart systemd-journald.service")
    entries = [numbers(entry) for entry in machine.entries(STATISTICS, after=machine.before)]
    totals = entries[-1]
    faults = totals["ECHOD_CLOSED_PROTOCOL_ERROR"]
    assert faults == totals["ECHOD_ACCEPTED"] >= messages
    assert sum(entry["ECHOD_INTERVAL_MESSAGES_OUT"] for entry in entries) == messages
    assert totals["ECHOD_MESSAGES_OUT"] == messages
    lines = machine.entries(ECHOD, after=machine.before)
    debug = [line for line in lines if line["PRIORITY"] == "7"]
    dropped = sum(
        int(found[1]) for line in lines
        if (found := re.match(r"(\d+) log lines before this", line["MESSAGE"]))
    )
    assert all("closed_protocol_error after " in line["MESSAGE"] for line in debug)
    assert 0 < len(debug) < faults - dropped, "journald left some out"


def test_statistics_of_a_busy_day_are_far_below_the_journals_rate_limit(machine):
    # Every iteration serves messages: one entry per second, and no more.
    machine.set_option("max_connections", 50)  # and all the while it is full
    machine.run("systemctl reload echod")
    load_seconds = 2
    machine.run(
        f"echoload --quiet --connections 80 --duration {load_seconds}s --connect-rate 1k"
        " --timeout 1s 127.0.0.1:8007",
        check=False, timeout=60,
    )
    entries = machine.entries(ECHOD, "PRIORITY=6", after=machine.before)
    first, last = (int(entries[i]["__REALTIME_TIMESTAMP"]) for i in (0, -1))
    taken = (last - first) / 1e6
    in_30_seconds = 30 * len(entries) / taken
    assert in_30_seconds < 10_000 / 10
