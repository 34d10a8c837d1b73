# SPDX-License-Identifier: MIT
"""Restarts beneath a crowd: 10,000 connections under load live through ten of them."""

import json
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from clients import message, receive
from conftest import ROOT
from machine import MESSAGE_ID, TIMEOUT

CROWD = 10_000
RESTARTS = 10
# Two of the restarts are from one version of the state to another: an upgrade and a downgrade.
UPGRADE, DOWNGRADE = 4, 8
RATE = 2_000  # messages a second of all the crowd


@pytest.fixture(scope="module")
def next_program():
    """echod as a later version could be, see meson.build."""
    build = Path(os.environ.get("ECHOD_BUILD_DIR", ROOT / "build-tests"))
    subprocess.run(["ninja", "-C", build, "--quiet", "tests/systemd/echod-next"], check=True)
    return build / "tests/systemd/echod-next"


class Probe(threading.Thread):
    """One client with one message in flight, again and again: its slowest echo is the pause."""

    def __init__(self, machine):
        super().__init__()
        self.client = machine.connect()
        self.longest = 0.0
        self.echoes = 0
        self.right = True
        self.stopped = threading.Event()

    def run(self):
        with self.client:
            while not self.stopped.wait(0.001) and self.right:
                sent = message(self.echoes, b"probe")
                begun = time.monotonic()
                self.client.sendall(sent)
                self.right = receive(self.client, len(sent)) == sent
                self.longest = max(self.longest, time.monotonic() - begun)
                self.echoes += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.join(TIMEOUT)


def replace_program(machine, program):
    """As an upgrade does: the running process keeps the file that it was started from."""
    fresh = machine.root / "usr/sbin/echod.new"
    shutil.copy(program, fresh)
    fresh.rename(machine.root / "usr/sbin/echod")


def test_ten_restarts_two_of_them_across_versions_lose_none_of_10000_connections(
    machine, next_program, tmp_path, capsys
):
    machine.set_option("max_connections", CROWD + 100)
    machine.run("systemctl reload echod")
    installed = shutil.copy(machine.root / "usr/sbin/echod", tmp_path / "echod")
    load = machine.start(
        ["echoload", "--format", "json", "--connections", CROWD, "--rate", RATE, "--duration",
         "300s", "127.0.0.1:8007"]
    )
    try:
        wait_for_connections(machine, CROWD)
        before = json.loads(machine.run("echod --stats json").stdout)
        pids = {before["pid"]}
        with Probe(machine) as probe:
            for restart in range(RESTARTS):
                if restart == UPGRADE:
                    replace_program(machine, next_program)
                elif restart == DOWNGRADE:
                    replace_program(machine, installed)
                machine.run("systemctl restart echod")
                now = json.loads(machine.run("echod --stats json").stdout)
                assert now["connections"] == CROWD + 1
                assert now["counters"]["restored"] == CROWD + 1
                pids.add(now["pid"])
    finally:
        machine.run(["pkill", "-INT", "-x", "echoload"])
        output, errors = load.communicate(timeout=60)
    report = json.loads(output)
    with capsys.disabled():
        print(f"\n{RESTARTS} restarts, {CROWD} connections, {report['messages']['verified']} "
              f"messages verified: longest pause {probe.longest * 1e3:.0f} ms")
    assert len(pids) == RESTARTS + 1
    assert probe.right and probe.echoes > 100
    assert report["messages"]["wrong"] == report["messages"]["lost"] == 0, errors
    assert report["connections"]["ended_early"] == 0
    assert report["errors"] == []


def wait_for_connections(machine, count):
    deadline = time.monotonic() + 60
    while json.loads(machine.run("echod --stats json").stdout)["connections"] < count:
        assert time.monotonic() < deadline, "the crowd did not gather"


def test_killed_in_the_middle_it_is_back_and_clients_see_a_close(machine):
    connected = [machine.connect() for _ in range(100)]
    pid = machine.main_pid()
    machine.run("systemctl kill --kill-who=main -s KILL echod")
    for client in connected:
        with client:
            try:
                assert client.recv(1) == b""
            except ConnectionResetError:
                pass
    machine.wait_for_entry(
        f"MESSAGE_ID={MESSAGE_ID['ready']}", after=machine.before,
        where=lambda entry: int(entry["_PID"]) != pid,
    )
    with machine.connect() as client:
        sent = message(1, b"again")
        client.sendall(sent)
        assert receive(client, len(sent)) == sent
