# SPDX-License-Identifier: MIT
import json
import os
import subprocess
from pathlib import Path

import pytest

from machine import CONFIG, CannotBoot, Machine

ROOT = Path(__file__).resolve().parents[2]

# Without debug symbols, which are most of the time that the compiler takes.
BUILD_ENVIRONMENT = {"DEB_BUILD_OPTIONS": "nocheck noautodbgsym", "DEB_CXXFLAGS_APPEND": "-g0"}


def booted(package=None):
    """A machine; with `package`, one that was installed before it booted."""
    if os.geteuid() != 0:
        pytest.skip("booting systemd in namespaces needs root")
    try:
        return Machine(package)
    except CannotBoot as error:
        pytest.skip(f"cannot boot systemd here: {error}")


@pytest.fixture(scope="session")
def package():
    """The Debian package of this tree."""
    environment = dict(os.environ, **BUILD_ENVIRONMENT)
    result = subprocess.run(
        [ROOT / "packaging/build-deb", "--reuse"], env=environment, capture_output=True, text=True,
        timeout=900,
    )
    assert result.returncode == 0, result.stderr[-8000:]
    return ROOT / result.stdout.splitlines()[-1]


@pytest.fixture(scope="session")
def lintian(package):
    """lintian(1) at work on the package, beside the tests: it takes one core a quarter of a
    minute."""
    with subprocess.Popen(
        ["nice", "lintian", "--allow-root", "--fail-on", "error", package], text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:
        yield process
        process.kill()


@pytest.fixture(scope="session")
def installed(request, package):
    """A machine that booted with the package installed; one for all tests that do not change
    that. `at_boot` is what it came up with."""
    if any("lintian" in test.fixturenames for test in request.session.items):
        request.getfixturevalue("lintian")
    machine = booted(package)
    try:
        machine.at_boot = {
            unit: machine.show(unit, "ActiveState") for unit in ("echod.socket", "echod.service")
        }
        yield machine
    finally:
        machine.power_off()


def install(machine, package, *options):
    (machine.root / "tmp" / package.name).write_bytes(package.read_bytes())
    return machine.run(["dpkg", *options, "--install", f"/tmp/{package.name}"], timeout=60)


@pytest.fixture
def machine(installed):
    """The installed machine as it was after the installation: defaults, no drop-in, running.
    `before` is the journal's end before that start."""
    installed.write(CONFIG, (ROOT / "config/echod.toml").read_text())
    installed.before = json.loads(installed.run(["sh", "-ec", RESET]).stdout)["__CURSOR"]
    return installed


# One shell, and PID 1 reads its units again only where a test has changed them: that takes it as
# long as all else here.
RESET = """
systemctl start systemd-journald.socket systemd-journald.service
systemctl stop echod.socket echod.service
cd /etc/systemd/system
if [ -e echod.service.d ] || [ -e echod.socket.d ] || [ -L echod.socket ]; then
    rm -rf echod.service.d echod.socket.d
    [ ! -L echod.socket ] || rm echod.socket
    systemctl daemon-reload
fi
chmod 755 /etc/echod
systemctl reset-failed
journalctl --quiet -n 1 -o json
systemctl start echod
"""


def pytest_collection_modifyitems(items):
    """What lintian found is asked for last: it works while the other tests wait."""
    items.sort(key=lambda test: "lintian" in test.fixturenames)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    machine = item.funcargs.get("machine") if hasattr(item, "funcargs") else None
    if report.failed and machine is not None:
        for command in (
            "systemctl status --no-pager --full echod.service echod.socket",
            "journalctl --no-pager -n 150 -o short-monotonic",
        ):
            try:
                output = machine.run(command, check=False).stdout
            except Exception as error:  # the machine may be what failed
                output = f"{error}"
            report.sections.append((command, output))
