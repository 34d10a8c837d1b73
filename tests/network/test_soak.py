# SPDX-License-Identifier: MIT
"""The short form of tests/soak."""

import subprocess
import sys
from pathlib import Path

from echod_daemon import BUILD

SOAK = Path(__file__).resolve().parents[1] / "soak"


def test_churn_abuse_and_steady_load_leak_nothing():
    command = [sys.executable, SOAK, "--minutes", "0.1", "--build", BUILD]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            timeout=300)  # fmt: skip
    assert result.returncode == 0, result.stdout
    assert "none wrong or lost" in result.stdout
