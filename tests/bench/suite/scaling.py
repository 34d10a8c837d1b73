# SPDX-License-Identifier: MIT
"""One echod and several that share a port, a core each, under the same load of echoload.

The client has the cores that no instance uses; where there are none left it shares all of them, and
then the rate says what the machine can do, not what a second instance brings. The CPU time per
message says in both cases what an instance costs beside another.
"""

import json
import os
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from . import results
from .servers import Server, cpu_clock

CONNECTIONS, IN_FLIGHT, PAYLOAD = 64, 16, 64


def client_cores(instances):
    """The cores of the client, and whether it has them for itself."""
    every = sorted(os.sched_getaffinity(0))
    free = [core for core in every if core >= instances]
    return (free, True) if free else (every, False)


def _echoload(build, port, cores, seconds):
    return [build.echoload, "-c", CONNECTIONS, "-p", IN_FLIGHT, "--sizes", f"fixed:{PAYLOAD}", "-d", f"{seconds}s",
            "--warmup", "0", "--cpus", ",".join(map(str, cores)), "--format", "json", "-q",
            f"127.0.0.1:{port}"]


def _one(build, instances, seconds):
    with tempfile.TemporaryDirectory(prefix="echod-bench-") as directory, ExitStack() as stack:
        servers, port = [], "0"
        for core in range(instances):
            place = Path(directory) / str(core)
            place.mkdir()
            server = Server(build, "echod", place, [("listen", "port", port)], cpu=core,
                            environment={"ECHOD_INSTANCE": str(core)})
            servers.append(stack.enter_context(server))
            port = str(server.port)
        cores, _ = client_cores(instances)
        before, began = [cpu_clock(server.pid) for server in servers], time.monotonic_ns()
        ended = subprocess.run(
            [str(word) for word in _echoload(build, port, cores, seconds)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, timeout=seconds + 60)
        used = [cpu_clock(server.pid) - start for server, start in zip(servers, before)]
        wall = time.monotonic_ns() - began
    report = json.loads(ended.stdout)
    verified = report["messages"]["verified"]
    return {"messages_per_s": verified / wall * 1e9, "cpu_ns_per_message": sum(used) / verified,
            "cores": [each / wall for each in used]}


def measure(build, most, rounds, seconds):
    """The figures of each round, of 1 to `most` instances one after the other."""
    found = {str(count): [] for count in range(1, most + 1)}
    for number in range(rounds):
        order = list(found) if number % 2 == 0 else list(reversed(found))
        for count in order:
            found[count].append(_one(build, int(count), seconds))
    return found


def describe(found):
    lines = [f"{CONNECTIONS} connections x {IN_FLIGHT} in flight x {PAYLOAD} bytes, median of "
             f"{len(found['1'])} rounds; ratios to one instance, with their interval",
             f"{'instances':<10}{'messages/s':>12}{'ratio':>20}{'CPU a message':>15}{'ratio':>20}"
             f"  cores of each"]
    for count, rounds in found.items():
        cells = [f"{count:<10}"]
        for metric, form in (("messages_per_s", "{:>12,.0f}"), ("cpu_ns_per_message", "{:>12,.0f} ns")):
            ours, one = ([each[metric] for each in side] for side in (rounds, found["1"]))
            ratio = results.compare(ours, one)
            cells.append(form.format(results.median(ours)))
            cells.append(f"{ratio['ratio']:.2f} ({ratio['low']:.2f}-{ratio['high']:.2f})".rjust(20))
        cores = [results.median(each) for each in zip(*(one["cores"] for one in rounds))]
        lines.append("".join(cells) + "  " + " ".join(f"{core:.2f}" for core in cores))
        if not client_cores(int(count))[1]:
            lines.append(f"{'':<10}the client shares all cores with them: the rate is the machine's")
    return "\n".join(lines) + "\n"
