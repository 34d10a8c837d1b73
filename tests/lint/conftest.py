# SPDX-License-Identifier: MIT
"""Where there is nothing to look at yet, a test is not there: no empty pass, no skip."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

sys.path.insert(0, os.path.dirname(__file__))


def pytest_make_parametrize_id(val):
    return str(val)


def pytest_collection_modifyitems(items):
    def is_empty(item):
        reasons = [mark.kwargs.get("reason", "") for mark in item.iter_markers("skip")]
        return any(reason.startswith("got empty parameter set") for reason in reasons)

    items[:] = [item for item in items if not is_empty(item)]


@pytest.fixture(scope="session")
def background():
    """Runs what takes long on every core, while the tests that wait for it stand in line."""
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        yield pool
        pool.shutdown(cancel_futures=True)


@pytest.fixture
def quiet():
    """Runs a command and holds that it succeeds without a word."""

    def run(*command, **options):
        process = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )
        if process.returncode != 0 or process.stdout != "":
            pytest.fail(f"exit status {process.returncode}\n{process.stdout}", pytrace=False)

    return run
