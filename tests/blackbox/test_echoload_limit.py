# SPDX-License-Identifier: MIT
"""What echoload says of the processes: what they took, and which was the limit."""

import os
import subprocess
import sys
import threading

import pytest

from echoload_support import PATIENCE, echoload, honest, received, serve


def test_both_processes_are_in_the_result():
    with serve(honest) as target:
        ended = echoload(
            *("-c", 4, "-d", "500ms", "--server-pid", os.getpid(), "--format", "json", target)
        )
    assert ended.code == 0, ended
    client, server = ended.json["client"], ended.json["server"]
    assert server["pid"] == os.getpid() and client["pid"] != os.getpid()
    for use in (client, server):
        assert 0 < use["busiest_thread_share"] <= 1.1
        assert 0 < use["cpu_share"]
        assert use["resident_bytes"] > 1_000_000
    assert client["descriptors"] >= 4 + 3
    assert server["descriptors"] >= 4 + 3
    limit = ended.json["limit"]
    busy = {name: ended.json[name]["busiest_thread_share"] >= 0.9 for name in ("client", "server")}
    expected = "client" if busy["client"] else "server" if busy["server"] else "none"
    assert limit["limited_by"] == expected and limit["reason"]


def test_a_server_that_sleeps_is_no_limit_and_neither_is_a_client_that_waits():
    def lazy(connection, _number):
        for data in received(connection):
            threading.Event().wait(0.05)
            connection.sendall(data)

    with serve(lazy) as target:
        ended = echoload("-c", 1, "-d", "1s", "--server-pid", os.getpid(), target)
    assert ended.code == 0, ended
    assert "limited by  none: " in ended.out
    assert "\nclient      " in ended.out and "\nserver      " in ended.out


def test_without_the_server_the_limit_is_not_claimed():
    with serve(lambda connection, _: threading.Event().wait(0.5)) as target:
        ended = echoload("-c", 1, "-d", "300ms", "--timeout", "400ms", target)
    assert "limited by  unknown: not the client" in ended.out
    assert "--server-pid" in ended.out


def test_a_server_that_ended_meanwhile_has_no_figures():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        with serve(lambda c, n: (honest_until(c, other))) as target:
            ended = echoload(
                *("-c", 1, "-d", "500ms", "--server-pid", other.pid, "--format", "json", target)
            )
    assert ended.code == 0, ended
    assert ended.json["server"] is None
    assert ended.json["limit"]["limited_by"] in ("client", "unknown")


def honest_until(connection, other):
    """Ends the other process once the run is under way, and goes on."""
    for number, data in enumerate(received(connection)):
        connection.sendall(data)
        if number == 10:
            other.communicate(b"\n", timeout=PATIENCE)


def test_a_process_that_is_not_there_is_told_before_the_run():
    with subprocess.Popen(["true"]) as gone:
        gone.wait(PATIENCE)
    ended = echoload("--server-pid", gone.pid, "127.0.0.1:1")
    assert ended.code == 1, ended
    assert ended.err == f"echoload: --server-pid: there is no process {gone.pid}\n"


@pytest.fixture
def systemctl(tmp_path, monkeypatch):
    """Puts a systemctl in the way that says what it was asked, and answers as told."""

    def answer(script):
        tool = tmp_path / "systemctl"
        tool.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n{script}\n')
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        return tmp_path / "asked"

    return answer


def test_a_unit_is_asked_for_its_main_process(systemctl):
    asked = systemctl(f"echo {os.getpid()}")
    with serve(honest) as target:
        ended = echoload(
            *("-c", 1, "-d", "200ms", "--server-unit", "echod.service", "--format", "json", target)
        )
    assert ended.code == 0, ended
    assert ended.json["server"]["pid"] == os.getpid()
    assert asked.read_text() == "show -p MainPID --value -- echod.service\n"


@pytest.mark.parametrize(
    "script, words",
    [("exit 1", "systemctl show a.service failed"), ("echo 0", "a.service has no main process")],
)
def test_a_unit_that_does_not_run_is_told_before_the_run(systemctl, script, words):
    systemctl(script)
    ended = echoload("--server-unit", "a.service", "127.0.0.1:1")
    assert ended.code == 1
    assert ended.err == f"echoload: --server-unit: {words}\n"


def test_a_process_and_a_unit_exclude_each_other():
    ended = echoload("--server-pid", 1, "--server-unit", "x", "127.0.0.1:1")
    assert ended.code == 2 and "--server-unit" in ended.err, ended
