# SPDX-License-Identifier: MIT
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
def installed(package):
    """A machine with the package installed; one for all tests that do not change that."""
    machine = booted()
    try:
        install(machine, package)
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
    installed.run(["sh", "-ec", RESET])
    installed.before = installed.cursor()
    installed.run("systemctl start echod")
    return installed


RESET = """
systemctl start systemd-journald.socket systemd-journald.service
systemctl unmask --quiet echod.socket
systemctl stop echod.socket echod.service
rm -rf /etc/systemd/system/echod.service.d /etc/systemd/system/echod.socket.d
systemctl daemon-reload
systemctl reset-failed
"""


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
