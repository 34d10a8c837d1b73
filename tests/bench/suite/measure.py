# SPDX-License-Identifier: MIT
"""One run of a client against one server, and the resources that the server used.

The rate is the number of echoes received in the measured window, divided by its length. In
echoload's report this is `measured`: the messages sent in the window and verified. In a closed loop
the same number is received in the window. The server's CPU time is read from outside every few
milliseconds, and its slope is taken over the same window; CPU time per message is that slope
divided by the rate. It includes the time of the kernel on behalf of the server. On loopback a
send(2) also includes the receiving side, for every server alike.
"""

import json
import os
import subprocess
import threading
import time
from contextlib import contextmanager

from . import machine, network
from .servers import CLIENT_CPU, cpu_clock, pinned, resident_bytes

STEP = 0.02
HANG_TIMEOUT = 120  # seconds until a client counts as hung


class Sampler(threading.Thread):
    """Samples the CPU time of server and client and the server's memory until stop()."""

    def __init__(self, server_pid, client_pid):
        super().__init__(daemon=True)
        self._pids = (server_pid, client_pid)
        self._done = threading.Event()
        # (time, CPU of server and client, RSS of the server, CPU of this process, busy and stolen
        # time of the machine); ns and bytes
        self.samples = []

    def run(self):
        while not self._done.wait(STEP):
            try:
                sample = (time.monotonic_ns(), *map(cpu_clock, self._pids),
                          resident_bytes(self._pids[0]), time.process_time_ns(),
                          *machine.processor_times())
            except (OSError, ProcessLookupError):
                return
            self.samples.append(sample)

    def stop(self):
        self._done.set()
        self.join()

    def within(self, begin, end):
        """Shares of a core, between two times, and the server's memory at the end."""
        inside = [s for s in self.samples if begin <= s[0] <= end]
        if len(inside) < 2:
            return dict.fromkeys(("server_cpu", "client_cpu", "resident", "foreign_cpu", "steal"))
        wall, server, client, _, own, busy, stolen = (
            last - first for first, last in zip(inside[0], inside[-1]))
        # The kernel counts the machine's busy time in ticks, so it may be slightly less.
        return {"server_cpu": server / wall, "client_cpu": client / wall,
                "resident": inside[-1][3], "steal": stolen / wall,
                "foreign_cpu": max(busy - server - client - own, 0) / wall}


class ClientFailed(Exception):
    pass


def _observe(server, command):
    """Runs the client; its report, the samples, and its start and end time."""
    began = time.monotonic_ns()
    words = [*server.inside, *pinned(CLIENT_CPU), *map(str, command)]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    sampler = Sampler(server.pid, process.pid)
    sampler.start()
    try:
        output, errors = process.communicate(timeout=HANG_TIMEOUT)
    except subprocess.TimeoutExpired:
        raise ClientFailed(
            f"{server.name}: {' '.join(words)} did not end in {HANG_TIMEOUT} s") from None
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
        sampler.stop()
    if process.returncode != 0:
        raise ClientFailed(f"{server.name}: {' '.join(words)} ended with {process.returncode}\n"
                           f"{errors}{output}")
    return json.loads(output), sampler, began, time.monotonic_ns()


def _figures(sampler, begin, end, rate, report):
    usage = sampler.within(begin, end)
    server = usage["server_cpu"]
    return {
        "messages_per_s": rate,
        "cpu_ns_per_message": server * 1e9 / rate if server is not None and rate else None,
        **usage, **{key: report[key] for key in ("p50_ns", "p99_ns", "p99_9_ns")},
    }


def _timed(server, command):
    """For the suite's own clients, which report the start and end of their window."""
    report, sampler, _, _ = _observe(server, command)
    begin, end = report["begin_ns"], report["end_ns"]
    rate = report["messages"] / (end - begin) * 1e9
    return report, _figures(sampler, begin, end, rate, report)


def mixed(build, server, floods, in_flight, well_behaved, payload, warmup, duration):
    """The report of bench-mixed, and the figures of the run."""
    return _timed(server, [build.tool("mixed"), server.port, floods, in_flight, well_behaved,
                           payload, round(warmup * 1000), round(duration * 1000)])


def _preferred():
    """The command prefix with which a process does not wait for another one of this benchmark."""
    if os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR):
        return ["chrt", "-r", str(os.sched_getparam(0).sched_priority + 1)]
    return ["nice", "-n", "-10"] if os.geteuid() == 0 else []


def beside(build, server, load, clients, payload, warmup, duration):
    """The report of bench-probe with so many well-behaved clients beside `load`: floods, in flight
    of each, payload; None for no floods. With floods also their figures."""
    probe = [*server.inside, *_preferred(), *pinned(CLIENT_CPU), build.tool("probe"), server.port,
             server.control, server.pid, clients, payload, round(warmup * 1000), round(duration * 1000)]
    if not load:
        return json.loads(_probed(server, probe))
    floods, in_flight, size = load
    # The window of the floods is that of the probe; they continue until the probe has ended.
    command = [*server.inside, *pinned(CLIENT_CPU), build.tool("mixed"), server.port, floods,
               in_flight, 0, size, round(warmup * 1000), round(duration * 1000), "until-eof"]
    process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        if process.stderr.readline() != "connected\n":
            raise ClientFailed(f"{server.name}: the floods cannot connect: "
                               f"{process.stderr.read()}")
        sampler = Sampler(server.pid, process.pid)
        sampler.start()
        try:
            report = json.loads(_probed(server, probe))
        finally:
            sampler.stop()
        output, errors = process.communicate(timeout=HANG_TIMEOUT)
        if process.returncode != 0:
            raise ClientFailed(f"{server.name}: the floods: {errors}{output}")
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    flood = json.loads(output)
    figures = _figures(sampler, flood["begin_ns"], flood["end_ns"], flood["flood_per_s"], flood)
    return {**flood, **figures, **report}


def _probed(server, command):
    process = subprocess.run([str(word) for word in command], stdin=server.log,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             timeout=HANG_TIMEOUT)
    if process.returncode != 0:
        raise ClientFailed(f"{server.name}: {process.stderr}")
    return process.stdout


def echoload(build, server, connections, in_flight, sizes, warmup, duration, seed):
    for stretched in (duration, duration * 10, duration * 50):
        report, sampler, began, ended = _observe(server, [
            build.echoload, f"127.0.0.1:{server.port}", "-c", connections, "-p", in_flight,
            "--sizes", sizes, "--verify", "header", "--seed", seed, "--warmup",
            f"{round(warmup * 1000)}ms", "-d", f"{round(stretched * 1000)}ms", "--format", "json"])
        # On a very busy machine a short run may have nothing to report.
        if report["messages"]["measured"]:
            break
    else:
        raise ClientFailed(f"{server.name}: no message was echoed")
    window = report["window_s"]
    # The client starts within a few milliseconds and closes its connections at the end. Its
    # window is known to a few milliseconds only, so the CPU time is that of the inner nine tenths.
    start = min(began / 1e9 + 0.005, ended / 1e9 - report["elapsed_s"])
    begin = start + report["ramp_up_s"] + warmup + window * 0.05
    return _figures(sampler, begin * 1e9, (begin + window * 0.9) * 1e9,
                    report["messages"]["measured"] / window, report["latency"])


def paced(build, server, rate, warmup, duration):
    """The share of a core that the server uses at so many messages a second, on 4 connections."""
    length = warmup + duration
    _, sampler, began, ended = _observe(server, [
        build.echoload, f"127.0.0.1:{server.port}", "-c", 4, "--rate", rate, "--sizes", "fixed:64",
        "-d", f"{round(length * 1000)}ms", "--format", "json"])
    return sampler.within(began + warmup * 1e9, ended - 0.05e9)["server_cpu"]


def load(build, server, row, warmup, duration, seed):
    """A closed loop, beside `row.idle` idle connections."""
    resident_before = resident_bytes(server.pid)
    with _held(build, server, row.idle):
        if row.payload is None:
            figures = echoload(build, server, row.connections, row.in_flight, row.sizes, warmup,
                               duration, seed)
        else:
            # Well-behaved clients have one message in flight, floods `in_flight`.
            one = row.in_flight == 1
            _, figures = mixed(build, server, 0 if one else row.connections, row.in_flight,
                               row.connections if one else 0, row.payload, warmup, duration)
    if figures["resident"] is not None:
        figures["rss_bytes_per_connection"] = (
            (figures["resident"] - resident_before) / (row.connections + row.idle))
    return figures


def churn(build, server, row, warmup, duration):
    """Connect, one message, close, repeatedly; a message here is a whole connection."""
    _, figures = _timed(server, [build.tool("churn"), server.port, row.connections, row.payload,
                                 round(warmup * 1000), round(duration * 1000)])
    figures["time_wait"] = network.time_wait(server.pid)
    return figures


@contextmanager
def _held(build, server, connections):
    if connections == 0:
        yield
        return
    with hold(build, server, connections):
        yield


@contextmanager
def hold(build, server, connections):
    """`count` connections that have exchanged one message and are then idle."""
    process = subprocess.Popen(
        [*server.inside, *pinned(CLIENT_CPU), build.tool("hold"), str(server.port),
         str(connections)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    try:
        if process.stdout.readline().split() != ["up", str(connections)]:
            raise ClientFailed(f"{server.name}: {connections} connections could not be held")
        yield
        try:
            output, _ = process.communicate(timeout=HANG_TIMEOUT)
        except subprocess.TimeoutExpired:
            raise ClientFailed(f"{server.name}: the idle connections did not end") from None
        if process.returncode != 0:
            raise ClientFailed(f"{server.name}: of the idle connections: {output}")
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def idle(build, server, connections, duration):
    """The cost of idle connections: bytes of the server's memory per connection, and CPU."""
    with hold(build, server, 1):  # excludes the one-time cost of the first connection
        pass
    resident_before = resident_bytes(server.pid)
    with hold(build, server, connections):
        began, used = time.monotonic_ns(), cpu_clock(server.pid)
        time.sleep(duration)
        wall, used = time.monotonic_ns() - began, cpu_clock(server.pid) - used
        resident = resident_bytes(server.pid)
    return {
        "connections": connections,
        "rss_bytes_per_connection": (resident - resident_before) / connections,
        "server_cpu": used / wall,
    }
