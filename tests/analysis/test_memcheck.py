# SPDX-License-Identifier: MIT
"""The short form: one load, misbehaving clients, a drain and a handover under memcheck.
tests/analysis/run has more loads, and the threads."""

import os
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("ECHOD_BUILD_DIR", HERE.parents[1] / "build"))


def test_memcheck_reports_nothing():
    done = subprocess.run(
        [HERE / "run", "memcheck", "--short", "--build", BUILD], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    for what in ("echoload -c 10 -n 300: 0", "echod: 0", "handover: 0", "memcheck: 0 failed"):
        assert what in done.stdout
