# SPDX-License-Identifier: MIT
"""echoload, and a server that it measures, under the limits of a real control group or a filter of
system calls: it names the limit, or that the limit is the bottleneck."""

import ctypes
import os
import re
import struct
import uuid
from pathlib import Path

import pytest

from echoload_support import echoload
from witness import witness

GROUPS = Path("/sys/fs/cgroup")
RUNS = 5  # at most, until the quota limits one
MIB = 1 << 20


class Group:
    """A control group of one controller, in the hierarchy of version 1 or 2."""

    def __init__(self, controller):
        first = GROUPS / controller
        self.version = 1 if first.is_dir() else 2
        parent = first if self.version == 1 else GROUPS
        if self.version == 2:
            (parent / "cgroup.subtree_control").write_text(f"+{controller}")
        self.path = parent / f"echod-test-{uuid.uuid4()}"
        self.path.mkdir()

    def limit(self, **values):
        """Writes the file of this version: v1 = (name, value), v2 = (name, value)."""
        name, value = values[f"v{self.version}"]
        (self.path / name).write_text(str(value))

    def enter(self, pid=0):
        (self.path / "cgroup.procs").write_text(str(pid))

    def remove(self):
        self.path.rmdir()


@pytest.fixture
def group():
    """Makes control groups: group("cpu")."""
    if os.geteuid() != 0:
        pytest.skip("only root makes control groups")
    made = []

    def make(controller):
        try:
            made.append(Group(controller))
        except OSError as error:
            pytest.skip(f"no control group of {controller} can be made here: {error}")
        return made[-1]

    yield make
    for one in made:
        one.remove()


def a_twentieth_of_a_processor(group):
    """Less than the share that a busy machine leaves: the quota is what limits."""
    group.limit(v1=("cpu.cfs_period_us", 40_000), v2=("cpu.max", "2000 40000"))
    if group.version == 1:
        group.limit(v1=("cpu.cfs_quota_us", 2_000))


def target(daemon):
    return f"127.0.0.1:{daemon.address[1]}"


def limit_of(ended):
    assert ended.code == 0, ended
    return ended.json["limit"]["limited_by"], ended.json["limit"]["reason"]


def throttling(group):
    """(periods in which the group was throttled, all periods with something to run), by the
    kernel's own count."""
    stat = dict(line.split() for line in (group.path / "cpu.stat").read_text().splitlines())
    return int(stat["nr_throttled"]), int(stat["nr_periods"])


def first_throttled_run(group, run):
    """What run() returned, and the kernel's count of throttled periods in it, of the first run in
    which the quota held the group back in half of its periods. On a busy machine others may take
    so much of the processor that the quota is not what limits."""
    for _ in range(RUNS):
        before = throttling(group)
        result = run()
        throttled, periods = (now - then for now, then in zip(throttling(group), before))
        if throttled >= periods / 2 > 0:
            return result, throttled
    raise AssertionError(f"the quota limited none of {RUNS} runs")


@pytest.mark.release_only
def test_a_client_with_a_quota_of_processor_time_is_the_bottleneck(group, echod):
    throttled = group("cpu")
    a_twentieth_of_a_processor(throttled)
    daemon = echod()
    ended, periods = first_throttled_run(
        throttled,
        lambda: echoload(
            *("-c", 8, "-p", 16, "-d", "2s", "--format", "json", target(daemon)),
            preexec_fn=throttled.enter,
        ),
    )
    limited_by, reason = limit_of(ended)
    assert limited_by == "client", reason
    if "waited for a processor" not in reason:  # as it may, on a busy machine
        found = re.search(r"throttled in (\d+) of \d+ periods \(CPU quota\)", reason)
        assert found, reason
        assert int(found[1]) <= periods, "the kernel's count is of the whole run"


@pytest.mark.release_only
def test_a_server_with_a_quota_of_processor_time_is_the_bottleneck(group, echod):
    throttled = group("cpu")
    a_twentieth_of_a_processor(throttled)
    daemon = echod()
    throttled.enter(daemon.pid)
    ended, periods = first_throttled_run(
        throttled,
        lambda: echoload(
            *("-c", 8, "-p", 16, "-d", "2s", "--server-pid", daemon.pid, "--format", "json"),
            target(daemon),
        ),
    )
    limited_by, reason = limit_of(ended)
    # At least a tenth of the periods, of the server's group: that is what decides.
    server = ended.json["server"]
    assert periods >= server["throttled_periods"] >= 0.1 * server["quota_periods"] > 0
    if "waited for a processor" not in reason:  # as the client may, on a busy machine
        assert limited_by == "server", reason
        assert re.search(r"throttled in \d+ of \d+ periods \(CPU quota\)", reason), reason


@pytest.mark.release_only  # the sanitizers need more than the limit themselves
def test_more_than_the_memory_of_the_control_group_is_refused(group):
    limited = group("memory")
    limited.limit(v1=("memory.limit_in_bytes", 40 * MIB), v2=("memory.max", 40 * MIB))
    with witness() as server:
        ended = echoload("-c", 200, "-p", 65536, server.target, preexec_fn=limited.enter)
        small = echoload("-c", 20, "-p", 4, "-n", 1000, server.target, preexec_fn=limited.enter)
    assert ended.code == 1, ended
    assert "200 connections with 65536 in flight need about" in ended.err
    assert "the limit of the control group leaves" in ended.err
    assert str(limited.path) in ended.err and "MemoryMax=" in ended.err
    assert small.code == 0, small


def test_threads_that_the_control_group_denies_are_named(group):
    limited = group("pids")
    limited.limit(v1=("pids.max", 3), v2=("pids.max", 3))
    with witness() as server:
        ended = echoload("-c", 8, "-t", 8, "-d", "1s", server.target, preexec_fn=limited.enter)
    assert ended.code == 1, ended
    assert re.search(r"only \d of 8 threads could be started: .*EAGAIN", ended.err), ended
    assert "pids.max" in ended.err and "(-t)" in ended.err


CLONE3 = 435  # the same number on all architectures
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
EPERM = 1


def deny_clone3():
    """seccomp(2): clone3(2) fails with EPERM, as under old container runtimes."""
    load, equal, give = 0x20, 0x15, 0x06
    instructions = b"".join(
        struct.pack("=HBBI", *one)
        for one in [(load, 0, 0, 0), (equal, 0, 1, CLONE3), (give, 0, 0, 0x00050000 | EPERM),
                    (give, 0, 0, 0x7FFF0000)]
    )  # fmt: skip
    code = ctypes.create_string_buffer(instructions)
    program = struct.pack("@HP", len(instructions) // 8, ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.c_char_p(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_SECCOMP)")


@pytest.mark.release_only  # the leak check of the sanitizers starts a thread
def test_a_filter_that_denies_clone3_is_named():
    with witness() as server:
        ended = echoload("-c", 4, "-t", 2, "-d", "1s", server.target, preexec_fn=deny_clone3)
    if ended.code == 0:
        pytest.fail(f"the filter did not act: {ended}")
    assert ended.code == 1, ended
    assert "threads could be started: " in ended.err and "clone3(2)" in ended.err, ended
    assert "SystemCallFilter=" in ended.err
