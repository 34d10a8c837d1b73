# SPDX-License-Identifier: MIT
"""The servers: started one at a time on their own port, pinned, and observed from outside."""

import os
import re
import subprocess
import time
from pathlib import Path

from .building import say

SERVER_CPU = 0
CLIENT_CPU = 1

#: name, program of the peer, description. Ratios are relative to the bare epoll loop.
PEERS = {
    "epoll": ("epoll", "bare epoll loop"),
    "io_uring": ("uring", "io_uring (liburing)"),
    "libuv": ("libuv", "libuv"),
    "asio": ("asio", "Boost.Asio"),
    "libevent": ("libevent", "libevent bufferevents"),
}
NAMES = ["echod", *PEERS]
#: two of these with another setting: the server, its configuration or arguments, description
VARIANTS = {
    "echod_off": ("echod", [("loop", "busy_poll", '"0"')], "echod, busy_poll = \"0\""),
    "epoll_poll": ("epoll", ["--poll"], "bare epoll loop that polls (the limit)"),
}
PAGE = os.sysconf("SC_PAGE_SIZE")


def cpu_clock(pid):
    """CPU time of all threads of the process in nanoseconds: the figure of /proc/PID/schedstat, but
    up to now instead of up to the last tick."""
    process_clock = (~pid << 3) | 2  # CPUCLOCK_SCHED of another process, clock_getcpuclockid(3)
    return time.clock_gettime_ns(process_clock)


def resident_bytes(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


def pinned(cpu):
    """The command prefix that pins a command to one core."""
    return ["taskset", "-c", str(cpu % os.cpu_count())]


def title(name):
    return VARIANTS[name][2] if name in VARIANTS else "echod" if name == "echod" else PEERS[name][1]


class Server:
    """Runs the server `name` within a with statement; see `pid` and `port`."""

    def __init__(self, build, name, directory, config=(), inside=(), under=(), cpu=SERVER_CPU,
                 environment=None):
        """`config` has changes to echod's defaults as (section, key, value). `inside` is a command
        prefix for a network namespace, `under` one for a tracing program. `environment` is added to
        that of this process."""
        self.name = name
        self.inside = list(inside)
        self._under = list(under)
        self._cpu = cpu
        self._environment = {**os.environ, **(environment or {})}
        self._ended = False
        kind, setting, _ = VARIANTS.get(name, (name, [], None))
        if kind == "echod":
            values = {("listen", "addresses"): '["127.0.0.1"]', ("listen", "port"): "0",
                      ("limits", "max_connections"): "19000"}
            values.update({(section, key): value for section, key, value in [*config, *setting]})
            path = Path(directory) / "echod.toml"
            path.write_text(_toml(values))
            self.control = str(Path(directory) / "control.sock")
            self._command = [build.echod, "--config", str(path), "--control", self.control]
        else:
            self._command = [build.peer(PEERS[kind][0]), *setting]

    def __enter__(self):
        self._process = subprocess.Popen(
            [*self.inside, *pinned(self._cpu), *self._under, *self._command],
            stdin=subprocess.DEVNULL, env=self._environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )
        self.pid = self._process.pid
        output = ""
        for line in self._process.stdout:
            output += line
            if found := re.search(r"listening on 127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                return self
        self._process.stdout.close()
        self._process.wait()
        raise SystemExit(f"{self.name} did not start:\n{output}")

    @property
    def log(self):
        """Its standard output and standard error, from "listening on" on."""
        return self._process.stdout

    def wait(self):
        """Waits until it has exited after the signal; its output is discarded."""
        self._process.stdout.read()
        self._process.wait(timeout=60)
        self._ended = True

    def __exit__(self, *_):
        if self._process.poll() is not None and not self._ended:
            say(f"{self.name} ended by itself, with {self._process.returncode}")
        self._process.kill()
        self._process.stdout.close()
        self._process.wait()


def _toml(values):
    sections = {}
    for (section, key), value in values.items():
        sections.setdefault(section, []).append(f"{key} = {value}\n")
    return "".join(f"[{section}]\n" + "".join(keys) for section, keys in sections.items())
