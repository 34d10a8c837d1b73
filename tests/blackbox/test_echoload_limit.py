# SPDX-License-Identifier: MIT
"""echoload's report of both processes: their CPU time, and which was the bottleneck."""

import os
import re
import signal
import subprocess
import sys
import threading

import pytest

from echoload_support import (
    ECHOLOAD, HANG_TIMEOUT, echo_back, echoes_after, echoload, received, result_of, serve,
    start_echoload,
)  # fmt: skip


def test_both_processes_are_in_the_result():
    with serve(echo_back) as target:
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
    assert limit["reason"]
    if client["busiest_thread_share"] >= 0.9:
        assert limit["limited_by"] == "client"
    if limit["limited_by"] == "none":
        assert re.search("client used .* %.*server .* %", limit["reason"])
    else:  # a busy machine: the reason says so
        assert re.search("used|waited for a processor|did not run", limit["reason"])


def test_a_client_that_polls_is_not_busy_by_that():
    with serve(echoes_after(0.02)) as target:
        ended = echoload("-c", 1, "-d", "1s", "--busy-poll", "1s", "--format", "json", target)
    assert ended.code == 0, ended
    [loop] = ended.json["loops"]
    assert loop["work_share"] < loop["cpu_share"] / 2
    # Where the machine is busy, it may have waited for a processor.
    assert not ended.json["limit"]["reason"].startswith("its busiest thread used"), ended


def test_a_server_that_sleeps_and_a_client_that_waits_are_no_bottleneck():
    with serve(echoes_after(0.05)) as target:
        ended = echoload("-c", 1, "-d", "1s", "--server-pid", os.getpid(), target)
    assert ended.code == 0, ended
    # Where the machine is busy, one of them may have waited for a processor.
    assert re.search(r"bottleneck  (none: |(client|server): it waited for)", ended.out), ended
    assert "\nclient      " in ended.out and "\nserver      " in ended.out


def test_without_server_figures_no_bottleneck_is_named():
    with serve(lambda connection, _: threading.Event().wait(0.5)) as target:
        ended = echoload("-c", 1, "-d", "300ms", "--timeout", "400ms", target)
    assert "bottleneck  unknown: not the client" in ended.out
    assert "--server-pid" in ended.out


def test_a_server_that_exited_during_the_run_has_no_figures():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        with serve(lambda c, n: (honest_until(c, other))) as target:
            ended = echoload(
                *("-c", 1, "-d", "500ms", "--server-pid", other.pid, "--format", "json", target)
            )
    assert ended.code == 0, ended
    assert ended.json["server"] is None
    assert ended.json["limit"]["limited_by"] in ("client", "unknown")


def honest_until(connection, other):
    """Ends the other process during the run, and continues."""
    for number, data in enumerate(received(connection)):
        connection.sendall(data)
        if number == 10:
            other.communicate(b"\n", timeout=HANG_TIMEOUT)


def test_a_client_that_was_stopped_is_the_bottleneck():
    with serve(echo_back) as target:
        run = start_echoload(
            *("-c", 2, "-d", "2s", "--interval", "100ms", "--format", "json", target)
        )
        next(line for line in run.stderr if "p99" in line)  # it measures
        run.send_signal(signal.SIGSTOP)
        threading.Event().wait(1)
        run.send_signal(signal.SIGCONT)
        out, err = run.communicate(timeout=HANG_TIMEOUT)
    assert run.returncode == 0, out + err
    report = result_of(out)
    (loop,) = report["loops"]
    assert loop["gaps_s"] >= loop["longest_gap_ns"] / 1e9 >= 0.9
    assert report["limit"]["limited_by"] == "client", report["limit"]


def test_a_client_that_waits_for_its_processor_is_the_bottleneck():
    """Three busy processes share the client's processor."""
    processor = min(os.sched_getaffinity(0))
    pin = ["taskset", "-c", str(processor)]
    busy = [
        subprocess.Popen([*pin, sys.executable, "-c", "while True: pass"]) for _ in range(3)
    ]
    try:
        with serve(echo_back) as target:
            ended = echoload(
                *("-c", 8, "-d", "1s", "--format", "json", target),
                preexec_fn=lambda: os.sched_setaffinity(0, {processor}),
            )
    finally:
        for process in busy:
            process.kill()
            process.wait(HANG_TIMEOUT)
    report = ended.json
    assert report["limit"]["limited_by"] == "client", report["limit"]
    assert report["loops"][0]["wait_s"] > 0.1


def test_a_short_run_says_that_it_cannot_tell():
    with serve(echo_back) as target:
        ended = echoload("-c", 1, "-n", 1, "--format", "json", target)
    report = ended.json
    assert ended.code == 0, ended
    if report["window_s"] < 0.1:
        assert report["limit"]["limited_by"] == "unknown"
        assert "is too short to tell" in report["limit"]["reason"]


def test_a_process_that_proc_hides_is_not_said_to_be_gone():
    """With hidepid=2, another user sees neither the process nor its figures."""
    if os.geteuid() != 0:
        pytest.skip("mounts a /proc of its own")
    script = (
        "mount -t proc -o hidepid=2 proc /proc && "
        "exec setpriv --reuid 65534 --regid 65534 --clear-groups "
    )
    ended = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script + '"$@"', "sh"]
        + [str(ECHOLOAD), "--server-pid", str(os.getpid()), "127.0.0.1:1"],
        capture_output=True, text=True, timeout=HANG_TIMEOUT, check=False,
    )  # fmt: skip
    assert ended.returncode == 1, ended
    assert f"process {os.getpid()} runs, but /proc/{os.getpid()} cannot be read" in ended.stderr


@pytest.mark.release_only  # the leak check of the sanitizers needs /proc
def test_without_proc_the_run_has_its_measured_part():
    if os.geteuid() != 0:
        pytest.skip("mounts an empty file system over /proc")
    script = 'mount -t tmpfs none /proc && exec "$@"'
    with serve(echo_back) as target:
        ended = subprocess.run(
            ["unshare", "--mount", "sh", "-c", script, "sh"]
            + [str(ECHOLOAD), "-c", "2", "-d", "200ms", "--format", "json", target],
            capture_output=True, text=True, timeout=HANG_TIMEOUT, check=False,
        )  # fmt: skip
    assert ended.returncode == 0, ended
    report = result_of(ended.stdout)
    assert 0 < report["client"]["busiest_thread_share"] <= report["client"]["cpu_share"] * 1.01
    assert report["client"]["resident_bytes"] is None
    assert report["loops"][0]["wait_s"] is None
    assert "no measured part" not in report["limit"]["reason"]


def test_a_missing_process_is_reported_before_the_run():
    with subprocess.Popen(["true"]) as gone:
        gone.wait(HANG_TIMEOUT)
    ended = echoload("--server-pid", gone.pid, "127.0.0.1:1")
    assert ended.code == 1, ended
    assert ended.err == f"echoload: --server-pid: there is no process {gone.pid}\n"


@pytest.fixture
def systemctl(tmp_path, monkeypatch):
    """Installs a fake systemctl that records its arguments and prints a given answer."""

    def answer(script):
        tool = tmp_path / "systemctl"
        tool.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n{script}\n')
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        return tmp_path / "asked"

    return answer


def test_the_main_process_of_a_unit_is_used(systemctl):
    asked = systemctl(f"echo {os.getpid()}")
    with serve(echo_back) as target:
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
def test_a_unit_that_does_not_run_is_reported_before_the_run(systemctl, script, words):
    systemctl(script)
    ended = echoload("--server-unit", "a.service", "127.0.0.1:1")
    assert ended.code == 1
    assert ended.err == f"echoload: --server-unit: {words}\n"


def test_a_process_and_a_unit_exclude_each_other():
    ended = echoload("--server-pid", 1, "--server-unit", "x", "127.0.0.1:1")
    assert ended.code == 2 and "--server-unit" in ended.err, ended
