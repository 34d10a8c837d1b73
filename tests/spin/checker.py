# SPDX-License-Identifier: MIT
"""Builds and runs spin's checker for tests/spin/loop.pml."""

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

MODEL = Path(__file__).resolve().parent / "loop.pml"

#: The faults that loop.pml can plant, each behind a #define of its own.
FAULTS = re.findall(r"^#ifn?def (BUG_\w+)$", MODEL.read_text(), re.MULTILINE)


@dataclass
class Found:
    states: int
    error: str | None  # the assertion that fails, or why the check is not complete


def check(connections, size, room=2, fault=None):
    """Searches every state of `connections` clients that may send `size` bytes each, with send
    buffers that hold `room` bytes."""
    defines = [f"-DN={connections}", f"-DBYTES={size}", f"-DROOM={room}",
               *([f"-D{fault}"] if fault else [])]
    with tempfile.TemporaryDirectory(prefix="echod-spin-") as directory:
        def run(*command):
            return subprocess.run(command, cwd=directory, check=True, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout

        run("spin", *defines, "-a", str(MODEL))
        # -w: the checker that spin writes is not free of warnings.
        run("gcc", "-w", "-O2", "-DSAFETY", "-DCOLLAPSE", "-DNOFAIR", "-o", "pan", "pan.c")
        # -E: that a client waits for ever is no error here, the monitor's assertions decide.
        output = run("./pan", "-E", "-m1000000", "-w22")
    states = int(re.search(r"^\s*(\d+) states, stored", output, re.MULTILINE)[1])
    error = re.search(r"assertion violated (.*) \(at depth", output)
    if error:
        return Found(states, error[1])
    if not re.search(r"errors: 0$", output, re.MULTILINE) or "Search not completed" in output:
        return Found(states, "the search did not end: " + output.strip().splitlines()[0])
    return Found(states, None)


def find(fault):
    """The assertion that the planted fault violates, with send buffers that are small or large."""
    return check(1, 6, 2, fault).error or check(1, 6, 6, fault).error
