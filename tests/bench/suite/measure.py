# SPDX-License-Identifier: MIT
"""One run of a client against one server, and what the server used meanwhile.

The rate is what came back in the measured window, divided by its length. Of echoload's figures that
is `measured`, what was sent in the window and verified: in a closed loop as many come back in it,
while those that were both sent and back in it are fewer by what is in flight. The server's CPU time
is read from outside, every few milliseconds, and its slope is taken over the same window; CPU time a
message is that slope over the rate. It holds what the kernel does in the server's name, and on
loopback a send(2) is also the other side's receiving; that is so for every server alike.
"""

import json
import subprocess
import threading
import time
from contextlib import contextmanager

from . import machine, network
from .servers import CLIENT_CPU, cpu_clock, pinned, resident_bytes

STEP = 0.02
PATIENCE = 120  # seconds that a client has to end


class Sampler(threading.Thread):
    """Reads the CPU clocks of server and client and the server's memory until stop()."""

    def __init__(self, server_pid, client_pid):
        super().__init__(daemon=True)
        self._pids = (server_pid, client_pid)
        self._done = threading.Event()
        # (time, CPU of server and client, RSS of the server, CPU of this process, and of the
        # machine what it was busy and what was stolen); ns and bytes
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
        # The kernel counts in ticks what the machine was busy, so it may seem a little less.
        return {"server_cpu": server / wall, "client_cpu": client / wall,
                "resident": inside[-1][3], "steal": stolen / wall,
                "foreign_cpu": max(busy - server - client - own, 0) / wall}


class ClientFailed(Exception):
    pass


def _observe(server, command):
    """Runs the client; what it reports, its samples, and when it began and ended."""
    began = time.monotonic_ns()
    words = [*server.inside, *pinned(CLIENT_CPU), *map(str, command)]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    sampler = Sampler(server.pid, process.pid)
    sampler.start()
    try:
        output, errors = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise ClientFailed(f"{server.name}: {' '.join(words)} did not end in {PATIENCE} s") from None
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
    """A client of the suite's own tells when its window began and ended."""
    report, sampler, _, _ = _observe(server, command)
    begin, end = report["begin_ns"], report["end_ns"]
    rate = report["messages"] / (end - begin) * 1e9
    return report, _figures(sampler, begin, end, rate, report)


def crowd(build, server, floods, in_flight, modest, payload, warmup, duration):
    """bench-crowd's own report, and the figures of the run."""
    return _timed(server, [build.tool("crowd"), server.port, floods, in_flight, modest, payload,
                           round(warmup * 1000), round(duration * 1000)])


def echoload(build, server, connections, in_flight, sizes, warmup, duration, seed):
    for stretched in (duration, duration * 10, duration * 50):
        report, sampler, began, ended = _observe(server, [
            build.echoload, f"127.0.0.1:{server.port}", "-c", connections, "-p", in_flight,
            "--sizes", sizes, "--verify", "header", "--seed", seed, "--warmup",
            f"{round(warmup * 1000)}ms", "-d", f"{round(stretched * 1000)}ms", "--format", "json"])
        # On a machine that is very busy a short run may have nothing to report.
        if report["messages"]["measured"]:
            break
    else:
        raise ClientFailed(f"{server.name}: no message was sent and came back")
    window = report["window_s"]
    # It starts within a few milliseconds; what is left over at the end is its closing. So its
    # window is known to a few milliseconds only, and the CPU is that of its inner nine tenths.
    start = min(began / 1e9 + 0.005, ended / 1e9 - report["elapsed_s"])
    begin = start + report["ramp_up_s"] + warmup + window * 0.05
    return _figures(sampler, begin * 1e9, (begin + window * 0.9) * 1e9,
                    report["messages"]["measured"] / window, report["latency"])


def load(build, server, row, warmup, duration, seed):
    """A closed loop. Beside its own connections `row.idle` more are held open."""
    resident_before = resident_bytes(server.pid)
    with _held(build, server, row.idle):
        if row.payload is None:
            figures = echoload(build, server, row.connections, row.in_flight, row.sizes, warmup,
                               duration, seed)
        else:
            # Its modest clients have one message in flight, its floods as many as is asked.
            one = row.in_flight == 1
            _, figures = crowd(build, server, 0 if one else row.connections, row.in_flight,
                               row.connections if one else 0, row.payload, warmup, duration)
    if figures["resident"] is not None:
        figures["rss_bytes_per_connection"] = (
            (figures["resident"] - resident_before) / (row.connections + row.idle))
    return figures


def churn(build, server, row, warmup, duration):
    """Connect, one message, close, again and again; a message here is a whole connection."""
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
    """So many connections that have exchanged one message and then are idle."""
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
            output, _ = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise ClientFailed(f"{server.name}: the idle connections did not end") from None
        if process.returncode != 0:
            raise ClientFailed(f"{server.name}: of the idle connections: {output}")
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


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
