# SPDX-License-Identifier: MIT
"""The short form: some scripts. tests/model/run has the long one."""

import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "blackbox")]

from echod_daemon import Echod  # noqa: E402
from script import run_seed  # noqa: E402


@pytest.mark.parametrize("seed", range(30))
def test_every_client_of_a_random_script_gets_what_it_is_owed(seed):
    with tempfile.TemporaryDirectory() as directory:
        daemons = []

        def start(config):
            daemons.append(Echod(directory, config))
            return daemons[-1]

        run_seed(seed, start)
        for daemon in daemons:
            daemon.finish()
