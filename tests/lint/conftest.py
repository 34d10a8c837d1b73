# SPDX-License-Identifier: MIT
"""Fixtures of the lint tests. A test without a file is left out: no empty pass, no skip."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path.insert(0, os.path.dirname(__file__))

import sources  # noqa: E402

collect_ignore = ["test_clang_format.py"] if sources.other_clang_format() else []


def pytest_terminal_summary(terminalreporter):
    if reason := sources.other_clang_format():
        terminalreporter.write_line(f"The layout of the C++ sources was not checked: {reason}")


def pytest_make_parametrize_id(val):
    return str(val)


# Modules and tests that the commit hook leaves out: they take long, or run the hook themselves.
NOT_BEFORE_A_COMMIT = {
    "test_clang_tidy", "test_cppcheck", "test_hooks",
    "test_apt_knows_each_listed_package",
}  # fmt: skip


def pytest_addoption(parser):
    parser.addoption("--only", action="append", metavar="FILE",
                     help="run the quick checks, and of files only these; may be repeated")  # fmt: skip


def is_wanted(item, only):
    """With --only: a quick check that has one of these files as its parameter, or no file at all."""
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    files = {str(value) for value in parameters if isinstance(value, Path)}
    is_quick = NOT_BEFORE_A_COMMIT.isdisjoint({item.module.__name__, item.name})
    return is_quick and (not files or bool(files & only))


def pytest_collection_modifyitems(config, items):
    if only := config.getoption("only"):
        items[:] = [item for item in items if is_wanted(item, set(only))]

    def is_empty(item):
        reasons = [mark.kwargs.get("reason", "") for mark in item.iter_markers("skip")]
        return any(reason.startswith("got empty parameter set") for reason in reasons)

    items[:] = [item for item in items if not is_empty(item)]


@pytest.fixture(scope="session")
def background():
    """Runs long checks on every core, while the tests wait for their results in turn."""
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        yield pool
        pool.shutdown(cancel_futures=True)


@pytest.fixture
def quiet():
    """Runs a command and checks that it succeeds without output."""

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
