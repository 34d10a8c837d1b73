# SPDX-License-Identifier: MIT
"""echoload --cpus: each event loop runs on a processor of its own."""

import os
import pathlib
import re
import threading

import pytest
from echoload_support import HANG_TIMEOUT, echo_back, echoload, serve, start_echoload

CPUS = sorted(os.sched_getaffinity(0))


def allowed(task):
    return re.search(r"^Cpus_allowed_list:\s+(.*)$", (task / "status").read_text(), re.M)[1]


def test_each_loop_runs_on_its_processor():
    began = threading.Semaphore(0)  # once for each loop

    def handler(connection, _number):
        data = connection.recv(65536)
        began.release()
        connection.sendall(data)
        echo_back(connection)

    chosen = CPUS[:2]
    with serve(handler) as target:
        running = start_echoload(
            *("-q", "-c", 2, "-d", "1h", "--cpus", ",".join(map(str, chosen)), target)
        )
        try:
            assert all(began.acquire(timeout=HANG_TIMEOUT) for _ in chosen)
            tasks = pathlib.Path(f"/proc/{running.pid}/task").iterdir()
            loops = [allowed(task) for task in tasks if task.name != str(running.pid)]
        finally:
            running.terminate()
            running.communicate(timeout=HANG_TIMEOUT)
    assert set(map(str, chosen)) <= set(loops)


def test_the_result_has_the_processors():
    with serve(echo_back) as target:
        ended = echoload("-c", 1, "-n", 1, "--cpus", CPUS[0], "--format", "json", target)
        assert (ended.code, ended.json["asked"]["cpus"]) == (0, [CPUS[0]])
        text = echoload("-c", 1, "-n", 1, "--cpus", CPUS[0], target).out
    assert f", on processors {CPUS[0]}," in text


@pytest.mark.parametrize("value", ["", "x", "1-", "3-1", "1024", "0,0", "0,", "-1"])
def test_what_is_no_list_is_refused(value):
    ended = echoload(f"--cpus={value}", "127.0.0.1:1")
    assert ended.code == 2, ended
    assert "--cpus" in ended.err


def test_a_processor_that_cannot_be_used_is_named():
    other = next(cpu for cpu in range(1024) if cpu not in CPUS)
    ended = echoload("--cpus", other, "127.0.0.1:1")
    assert ended.code == 1, ended
    assert f"cannot run on processor {other}, but on {CPUS[0]}" in ended.out + ended.err
