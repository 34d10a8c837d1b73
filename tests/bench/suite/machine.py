# SPDX-License-Identifier: MIT
"""The facts reported with a figure: machine, kernel, versions, date, command, load."""

import datetime
import os
import platform
import re
import shlex
import subprocess
import sys
from pathlib import Path

from .building import ROOT


def _output(*command):
    try:
        process = subprocess.run(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )
    except OSError:
        return ""
    return process.stdout.strip()


def _cpu():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _memory_gib():
    found = re.search(r"MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    return round(int(found[1]) / 2**20, 1)


def _library_versions():
    packages = ["libfmt-dev", "libspdlog-dev", "libuv1-dev", "libboost-dev", "libevent-dev",
                "liburing-dev"]
    listing = _output("dpkg-query", "-W", "-f", "${Package} ${Version}\n", *packages)
    return dict(line.split() for line in listing.splitlines() if " " in line)


def load_average():
    return [round(value, 2) for value in os.getloadavg()]


def processor_times():
    """Nanoseconds that all cores together were busy, and that the host took away."""
    user, nice, system, _, _, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text().split(maxsplit=9)[1:9])
    tick = 10**9 // os.sysconf("SC_CLK_TCK")
    return (user + nice + system + irq + softirq) * tick, steal * tick


def libc():
    return os.confstr("CS_GNU_LIBC_VERSION")


def valgrind():
    return _output("valgrind", "--version")


def compiler():
    return _output("c++", "--version").partition("\n")[0]


def facts():
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "command": shlex.join([os.path.relpath(sys.argv[0], ROOT), *sys.argv[1:]]),
        "commit": _output("git", "describe", "--always", "--dirty") or None,
        "cpu": _cpu(),
        "cpus": os.cpu_count(),
        "memory_gib": _memory_gib(),
        "kernel": platform.release(),
        "compiler": compiler(),
        "libc": libc(),
        "libraries": _library_versions(),
    }


def describe(facts_):
    return (
        f"{facts_['date']}, {facts_['cpu']}, {facts_['cpus']} cores, "
        f"{facts_['memory_gib']} GiB, Linux {facts_['kernel']}, {facts_['compiler']}"
    )


def versions(facts_):
    """One line: the libraries that are measured, and those that echod uses."""
    libraries = (f"{name} {version}" for name, version in sorted(facts_["libraries"].items()))
    return ", ".join([facts_["libc"], *libraries])
