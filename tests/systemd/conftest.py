# SPDX-License-Identifier: MIT
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from machine import CONFIG, CannotBoot, Machine

ROOT = Path(__file__).resolve().parents[2]

# Without debug symbols, which take most of the compile time.
BUILD_ENVIRONMENT = {"DEB_BUILD_OPTIONS": "nocheck noautodbgsym", "DEB_CXXFLAGS_APPEND": "-g0"}

def unit_directory():
    """Where packages of this release have their units: below /lib, or since Debian 13 /usr/lib."""
    command = ["pkg-config", "--variable=systemdsystemunitdir", "systemd"]
    named = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
    return named or "/usr/lib/systemd/system"


def booted(package=None):
    """A machine; with `package` installed before the boot, if given."""
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
    """lintian(1) on the package, in parallel with the tests: it uses one core for 15 seconds."""
    with subprocess.Popen(
        ["nice", "lintian", "--allow-root", "--fail-on", "error", package], text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:
        yield process
        process.kill()


@pytest.fixture(scope="session")
def installed(request, package):
    """A machine that booted with the package installed, shared by all tests that do not change the
    installation. `at_boot` is its state after the boot."""
    if any("lintian" in test.fixturenames for test in request.session.items):
        request.getfixturevalue("lintian")
    machine = booted(package)
    try:
        machine.at_boot = {
            unit: machine.show(unit, "ActiveState") for unit in ("echod.socket", "echod.service")
        }
        machine.wanted_at_boot = machine.show("multi-user.target", "Wants").split()
        yield machine
    finally:
        machine.power_off()


def install(machine, package, *options):
    (machine.root / "tmp" / package.name).write_bytes(package.read_bytes())
    return machine.run(["dpkg", *options, "--install", f"/tmp/{package.name}"], timeout=60)


@pytest.fixture
def machine(installed):
    """The installed machine, reset to its state after the installation: defaults, no drop-in,
    running. `before` is the end of the journal before that start."""
    installed.write(CONFIG, (ROOT / "config/echod.toml").read_text())
    installed.before = json.loads(installed.run(["sh", "-ec", RESET]).stdout)["__CURSOR"]
    return installed


def use_example(machine, unit, name):
    """Installs an example drop-in as its comments say."""
    machine.run(
        ["install", "-D", "-m", "0644", f"/usr/share/doc/echod/examples/{unit}.d/{name}",
         f"/etc/systemd/system/{unit}.d/{name}"]
    )
    machine.run("systemctl daemon-reload")


def exposure(machine, unit):
    """The exposure that systemd-analyze(1) computes for a unit and its drop-ins, or for a file."""
    option = "--offline=true" if "/" in unit else "--offline=false"
    shown = machine.run(f"systemd-analyze security --no-pager {option} {unit}").stdout
    return float(re.search(r"Overall exposure level for \S+: (\d+\.\d+)", shown)[1])


@pytest.fixture
def activated(machine):
    """The machine after the two commands that switch to socket activation; the daemon is not
    started yet."""
    machine.run("systemctl disable --quiet --now echod.service")
    machine.run("systemctl enable --quiet --now echod.socket")
    return machine


# Uses one shell, and reloads PID 1 only if a test has changed its units, because that takes as long
# as everything else here.
RESET = """
systemctl start systemd-journald.socket systemd-journald.service
systemctl stop echod.socket echod.service
cd /etc/systemd/system
if [ -e echod.service.d ] || [ -e echod.socket.d ] || [ -L echod.socket ]; then
    rm -rf echod.service.d echod.socket.d
    [ ! -L echod.socket ] || rm echod.socket
    systemctl daemon-reload
fi
if [ -e sockets.target.wants/echod.socket ]; then
    systemctl --quiet disable echod.socket
    systemctl --quiet enable echod.service
fi
chmod 755 /etc/echod
systemctl reset-failed
journalctl --quiet -n 1 -o json
systemctl start echod
"""


def pytest_collection_modifyitems(items):
    """Runs the lintian test last, because lintian works while the other tests wait."""
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
            except Exception as error:  # the machine itself may have failed
                output = f"{error}"
            report.sections.append((command, output))
