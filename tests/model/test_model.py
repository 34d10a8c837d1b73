# SPDX-License-Identifier: MIT
"""The short form: some scripts. tests/model/run has the long one."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "blackbox")]

from script import Script, run_seed  # noqa: E402


@pytest.mark.parametrize("seed", range(30))
def test_every_client_of_a_random_script_gets_its_expected_output(seed):
    run_seed(seed)


def test_the_scripts_run_with_timeouts_that_expire_and_without():
    assert {Script(seed).timed for seed in range(30)} == {True, False}


def test_a_dead_daemon_is_reported_with_the_seed(monkeypatch):
    monkeypatch.setattr(Script, "check_counters", lambda _, daemon: daemon.process.kill())
    with pytest.raises(AssertionError, match=r"seed 7 \(tests/model/run --seed 7\): .*-9"):
        run_seed(7)


def test_a_refused_client_of_a_dead_daemon_is_reported_with_the_seed(monkeypatch):
    def refused(script, daemon):
        daemon.process.kill()
        daemon.process.wait()
        script.connect(daemon)

    monkeypatch.setattr(Script, "run", refused)
    with pytest.raises(AssertionError, match=r"seed 7 \(.*\): ConnectionRefusedError"):
        run_seed(7)
