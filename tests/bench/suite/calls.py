# SPDX-License-Identifier: MIT
"""System calls per message, counted by strace: a run with twice the work minus a run with once.

The difference contains only the work, since start and stop are in both. A traced server is slow, so
its client is always ahead of it, and iterations are as full as under load.
"""

import os
import re
import signal
import tempfile
from pathlib import Path

from . import lockstep
from .servers import Server

#: name, connections, messages in a batch; none: each message is a connection
CASES = [("1 connection, 1 in flight", 1, 1), ("64 connections, 1 in flight", 64, 1),
         ("64 connections, 16 in flight", 64, 16), ("connect, echo, close", None, None)]
PAYLOAD = 64
# Statistics lines do not belong to a message, and how often the loop polls depends on the clock.
CONFIG = [("stats", "interval", '"0"'), ("loop", "busy_poll", '"0"')]


def _work(port, connections, batch, times):
    if connections is None:
        lockstep.churn(port, PAYLOAD, times)
    else:
        lockstep.exchange(port, connections, PAYLOAD, batch, times)


def _children(pid):
    return [int(child) for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()]


def _counted(build, name, case, times):
    _, connections, batch = case
    with tempfile.TemporaryDirectory(prefix="echod-bench-") as directory:
        file = Path(directory) / "calls"
        strace = ["strace", "-f", "-c", "-U", "calls,name", "-o", str(file)]
        config = CONFIG if name == "echod" else []
        with Server(build, name, directory, config, under=strace) as server:
            _work(server.port, connections, batch, times)
            with lockstep.last(server.port, PAYLOAD):
                for child in _children(server.pid):
                    os.kill(child, signal.SIGTERM)
                server.wait()
        return {call: int(count)
                for count, call in re.findall(r"^\s*(\d+) (\w+)$", file.read_text(), re.MULTILINE)
                if call != "total"}


def a_message(build, name, case, times):
    """The number of calls per message, by system call."""
    once, twice = (_counted(build, name, case, n) for n in (times, 2 * times))
    messages = times * (case[1] or 1) * (case[2] or 1)
    found = {call: (twice[call] - once.get(call, 0)) / messages for call in twice}
    shown = {call: round(count, 3) for call, count in found.items() if count >= 0.002}
    return dict(sorted(shown.items(), key=lambda item: -item[1]))


def describe(found):
    text = ""
    for case, servers in found.items():
        text += f"\n{case}\n"
        for name, calls in servers.items():
            listed = ", ".join(f"{call} {count:.3g}" for call, count in calls.items())
            text += f"  {name:<8}{sum(calls.values()):>7.2f}   {listed}\n"
    return text
