# SPDX-License-Identifier: MIT
"""Fixtures of the network tests."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "blackbox")]

from echod_daemon import Echod  # noqa: E402

SECTIONS = ("listen", "limits", "timeouts", "stats", "log")


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="an outage of 10 s, and more load")


@pytest.fixture
def long_form(request):
    return request.config.getoption("--long", default=False)


@pytest.fixture
def echod(tmp_path):
    """Starts a daemon: echod(limits={...}, ...) with the sections of its configuration, and the
    options of Echod()."""
    daemons = []

    def start(**options):
        config = {name: options.pop(name) for name in SECTIONS if name in options}
        daemons.append(Echod(tmp_path, config, **options))
        return daemons[-1]

    yield start
    for daemon in daemons:
        daemon.finish()
