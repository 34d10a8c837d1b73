# SPDX-License-Identifier: MIT
"""One run of a client against one server, and what the server used meanwhile.

The client reports how long its measured window was and how many echoes fell into it. The server's
CPU time is read from outside, every few milliseconds, and its slope is taken over the inner nine
tenths of that window: where exactly the window began is known to a few milliseconds, and what
stands outside it (accepting, closing) must not be counted. CPU time a message is that slope over
the rate. It holds what the kernel does in the server's name, and on loopback a send(2) is also the
other side's receiving; that is so for every server alike.
"""

import json
import subprocess
import threading
import time
from contextlib import contextmanager

from .servers import CLIENT_CPU, cpu_clock, pinned, resident_bytes

STEP = 0.01


class Sampler(threading.Thread):
    """Reads the CPU clocks of server and client and the server's memory until stop()."""

    def __init__(self, server_pid, client_pid):
        super().__init__(daemon=True)
        self._pids = (server_pid, client_pid)
        self._done = threading.Event()
        self.samples = []  # (time, server CPU, client CPU, server RSS), ns and bytes

    def run(self):
        while not self._done.wait(STEP):
            try:
                sample = (time.monotonic_ns(), *map(cpu_clock, self._pids),
                          resident_bytes(self._pids[0]))
            except (OSError, ProcessLookupError):
                return
            self.samples.append(sample)

    def stop(self):
        self._done.set()
        self.join()

    def within(self, begin, end):
        """(share of a core that the server used, same of the client, RSS at the end)."""
        inside = [s for s in self.samples if begin <= s[0] <= end]
        if len(inside) < 2:
            return None, None, None
        first, last = inside[0], inside[-1]
        wall = last[0] - first[0]
        return (last[1] - first[1]) / wall, (last[2] - first[2]) / wall, last[3]


class ClientFailed(Exception):
    pass


def _observe(server, command):
    """Runs the client; its output, its samples, and when it began and ended."""
    began = time.monotonic_ns()
    process = subprocess.Popen(
        [*pinned(CLIENT_CPU), *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )
    sampler = Sampler(server.pid, process.pid)
    sampler.start()
    output, errors = process.communicate(timeout=120)
    ended = time.monotonic_ns()
    sampler.stop()
    if process.returncode != 0:
        raise ClientFailed(f"{server.name}: {' '.join(command)} ended with "
                           f"{process.returncode}\n{errors}{output}")
    return json.loads(output), sampler, began, ended


def _figures(sampler, window, begin, rate, connections, resident_before):
    margin = window * 0.05
    server, client, resident = sampler.within((begin + margin) * 1e9,
                                              (begin + window - margin) * 1e9)
    return {
        "messages_per_s": rate,
        "cpu_ns_per_message": server * 1e9 / rate if server is not None and rate else None,
        "server_cpu": server,
        "client_cpu": client,
        "rss_bytes_per_connection":
            (resident - resident_before) / connections if resident is not None else None,
    }


def load(build, server, connections, in_flight, sizes, warmup, duration, seed, more=0):
    """echoload in a closed loop. `more` connections are held open beside its own."""
    resident_before = resident_bytes(server.pid)
    command = [build.echoload, f"127.0.0.1:{server.port}", "-c", str(connections), "-p",
               str(in_flight), "--sizes", sizes, "--seed", str(seed), "--warmup",
               f"{round(warmup * 1000)}ms", "-d", f"{round(duration * 1000)}ms", "--format", "json"]
    with _held(build, server, more):
        report, sampler, began, ended = _observe(server, command)
    # It starts within a few milliseconds; what is left over at the end is its closing.
    start = min(began / 1e9 + 0.005, ended / 1e9 - report["elapsed_s"])
    figures = _figures(sampler, report["window_s"], start + report["ramp_up_s"] + warmup,
                       report["rate"]["messages_per_s"], connections + more, resident_before)
    latency = report["latency"]
    figures.update({key: latency[key] for key in ("p50_ns", "p99_ns", "p99_9_ns")})
    return figures


def churn(build, server, at_once, payload, warmup, duration):
    """Connect, one message, close, again and again; a message here is a whole connection."""
    resident_before = resident_bytes(server.pid)
    command = [build.tool("churn"), str(server.port), str(at_once), str(payload),
               str(round(warmup * 1000)), str(round(duration * 1000))]
    report, sampler, began, _ = _observe(server, command)
    figures = _figures(sampler, duration, began / 1e9 + 0.005 + warmup,
                       report["connections_per_s"], at_once, resident_before)
    figures["rss_bytes_per_connection"] = None  # nobody stays
    figures.update({key: report[key] for key in ("p50_ns", "p99_ns", "p99_9_ns")})
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
    """So many connections that have exchanged one message and then are idle."""
    process = subprocess.Popen(
        [*pinned(CLIENT_CPU), build.tool("hold"), str(server.port), str(connections)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    if process.stdout.readline().split() != ["up", str(connections)]:
        process.wait()
        raise ClientFailed(f"{server.name}: {connections} connections could not be held")
    yield
    output, _ = process.communicate()
    if process.returncode != 0:
        raise ClientFailed(f"{server.name}: of the idle connections: {output}")


def idle(build, server, connections, duration):
    """What so many idle connections cost: bytes of the server's memory each, and CPU."""
    with hold(build, server, 1):  # what only the first one costs is not theirs
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
