# SPDX-License-Identifier: MIT
"""Fixtures of the black-box tests: the real binaries, on free addresses and ports."""

import contextlib
import os
import random
import resource
import socket
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from echod_daemon import ECHOD, Echod  # noqa: E402
from echoload_support import HANG_TIMEOUT  # noqa: E402
from probe_run import Probe  # noqa: E402

SECTIONS = ("listen", "limits", "timeouts", "loop", "stats", "log")
DAEMONS = pytest.StashKey()


def pytest_configure(config):
    config.addinivalue_line(
        "markers",
        "release_only: measures memory or load, which a build with sanitizers distorts",
    )
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def pytest_collection_modifyitems(config, items):
    if os.environ.get("ECHOD_SANITIZED") == "1":
        measuring = [item for item in items if item.get_closest_marker("release_only")]
        config.hook.pytest_deselected(items=measuring)
        items[:] = [item for item in items if item not in measuring]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for daemon in item.stash.get(DAEMONS, []):
            report.sections.append((f"log of echod {daemon.pid}", daemon.log))


@pytest.fixture(scope="session", autouse=True)
def binary():
    assert ECHOD.exists(), f"{ECHOD} is not built; ECHOD_BUILD_DIR names the build directory"


@pytest.fixture
def echod(request, tmp_path):
    """Starts a daemon: echod(limits={...}, timeouts={...}, ...) with the sections of its
    configuration, and the options of Echod()."""
    daemons = request.node.stash.setdefault(DAEMONS, [])

    def start(**options):
        config = {name: options.pop(name) for name in SECTIONS if name in options}
        daemon = Echod(tmp_path, config, **options)
        daemons.append(daemon)
        return daemon

    yield start
    errors = []
    for daemon in daemons:
        try:
            daemon.finish()
        except AssertionError as error:
            errors.append(error)
    if errors:
        raise errors[0]


@pytest.fixture
def own_address():
    """A random loopback address, on which any port is free."""
    rng = random.SystemRandom()
    return f"127.{rng.randint(1, 254)}.{rng.randint(0, 254)}.{rng.randint(2, 254)}"


@pytest.fixture
def free_port():
    """A port of ::1 that was free a moment ago."""
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
        probe.bind(("::1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def probe():
    """Starts a probe of echoload: probe(argument...), see Probe()."""
    with contextlib.ExitStack() as stack:

        def start(*arguments):
            one = Probe(*arguments)

            def end():
                one.run.kill()
                one.run.wait(HANG_TIMEOUT)
                one.reader.join(HANG_TIMEOUT)
                one.run.stdout.close()
                one.run.stderr.close()

            stack.callback(end)
            return one

        yield start
