# SPDX-License-Identifier: MIT
"""Fixtures of the tests of failing system calls: a daemon with faults.so preloaded."""

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "blackbox")]

from echod_daemon import Echod  # noqa: E402
from plan import LIBRARY, Faults  # noqa: E402

SPREAD = (0, 1, 2, 3, 5, 8, 13, 40)


def pytest_addoption(parser):
    parser.addoption("--every", type=int, help="fail every call up to the N-th instead of a sample")


def pytest_generate_tests(metafunc):
    if "skips" in metafunc.fixturenames:
        every = metafunc.config.getoption("--every")
        metafunc.parametrize("skips", [range(every) if every else SPREAD], ids=["n"])


def pytest_collection_modifyitems(config, items):
    if os.environ.get("ECHOD_SANITIZED") == "1":  # excludes our allocator
        config.hook.pytest_deselected(items=items[:])  # and the sanitizer's: not both
        items[:] = []


class Faulty(Echod):
    """A daemon with a plan of faults, as .faults."""

    def __init__(self, directory, config=None, **options):
        self.faults = Faults(Path(directory) / "faults")
        super().__init__(directory, config, env=self.faults.environment, **options)


@pytest.fixture
def faulty(tmp_path):
    """Starts a daemon: faulty(limits={...}, ...) with the sections of its configuration, and a
    `manager` for a handover."""
    assert LIBRARY.exists(), f"{LIBRARY} is not built; ECHOD_BUILD_DIR names the build directory"
    daemons = []

    def start(manager=None, **config):
        daemons.append(Faulty(tmp_path, config, manager=manager))
        return daemons[-1]

    yield start
    for daemon in daemons:
        daemon.faults.clear()
    for daemon in daemons:
        daemon.finish()
