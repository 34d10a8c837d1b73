# SPDX-License-Identifier: MIT
"""A pytest plugin: notes after each test which mutants it has reached, as a line of JSON in the file
that ECHOD_MUTANTS_BY_TEST names."""

import json
import mmap
import os
import time
from pathlib import Path

import pytest


class Reached:
    def __init__(self):
        with Path(os.environ["ECHOD_MUTANTS_REACHED"]).open("r+b") as file:
            self.map = mmap.mmap(file.fileno(), 0)
        self.notes = Path(os.environ["ECHOD_MUTANTS_BY_TEST"])

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item):
        self.map[:] = bytes(len(self.map))
        start = time.monotonic()
        yield  # with the fixtures' end, which checks the sums
        milliseconds = 1000 * (time.monotonic() - start)
        numbers = [number for number, byte in enumerate(self.map[:]) if byte]
        with self.notes.open("a") as notes:
            notes.write(json.dumps([item.nodeid, milliseconds, numbers]) + "\n")


def pytest_configure(config):
    config.pluginmanager.register(Reached())
