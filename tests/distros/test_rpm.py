# SPDX-License-Identifier: MIT
"""The RPM, installed, upgraded and removed under systemd booted in namespaces. tests/distros/packages
builds it and runs these tests, in the order of the file."""

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "systemd"))

from clients import echoes  # noqa: E402
from machine import Machine  # noqa: E402

HELPER = "/usr/lib/systemd/systemd-update-helper"


@pytest.fixture(scope="module")
def machine():
    """Rpm's database is empty there, and dpkg does not know what rpm installs."""
    machine = Machine()
    try:
        machine.write(HELPER, (HERE / "rpm/systemd-update-helper").read_text())
        machine.run(["chmod", "755", HELPER])
        yield machine
    finally:
        machine.power_off()


def rpm(machine, *words):
    """A transaction, and what systemd's own package does at the end of it on Fedora."""
    shown = machine.run(
        ["env", "--chdir=/", "rpm", "--nodeps", "--nosignature", "--force-debian", *words], timeout=120
    )
    assert "failed" not in shown.stderr, shown.stderr
    machine.run([HELPER, "system-reload-restart"])
    return shown


def copy(machine, variable):
    package = Path(os.environ[variable])
    (machine.root / "tmp" / package.name).write_bytes(package.read_bytes())
    return f"/tmp/{package.name}"


def state(machine, unit):
    return machine.show(unit, "ActiveState"), machine.show(unit, "UnitFileState")


def test_an_installation_enables_the_service_by_preset_and_starts_nothing(machine):
    rpm(machine, "--install", copy(machine, "ECHOD_RPM"))
    # Debian's preset enables everything that the scriptlet names.
    assert state(machine, "echod.service") == ("inactive", "enabled")
    assert state(machine, "echod.socket") == ("inactive", "disabled")
    assert machine.run("rpm --verify --nodeps echod").stdout == ""
    machine.run("systemctl start echod.service")
    with machine.connect() as client:
        assert echoes(client)


def test_an_upgrade_restarts_every_daemon_and_loses_no_connection(machine):
    machine.write(
        "/etc/systemd/system/echod@0.socket.d/port.conf",
        "[Socket]\nListenStream=\nListenStream=127.0.0.1:8107\n",
    )
    machine.run("systemctl daemon-reload")
    machine.run("systemctl enable --quiet --now echod@0.socket echod@0.service")
    machine.set_option("quota_messages", 11)
    units = ("echod.service", "echod@0.service")
    before = [machine.show(unit, "MainPID") for unit in units]
    clients = [machine.connect(("127.0.0.1", port)) for port in (8007, 8107)]
    for client in clients:
        assert echoes(client)
    rpm(machine, "--upgrade", copy(machine, "ECHOD_NEWER_RPM"))
    after = [machine.show(unit, "MainPID") for unit in units]
    assert "0" not in after
    assert not set(before) & set(after)
    for client in clients:
        with client:
            assert echoes(client)
    assert "quota_messages = 11" in machine.read("/etc/echod/echod.toml")


def test_a_removal_stops_and_disables_everything_and_leaves_only_the_changed_configuration(machine):
    rpm(machine, "--erase", "echod")
    for port in (8007, 8107):
        with pytest.raises(ConnectionRefusedError):
            machine.connect(("127.0.0.1", port))
    running = machine.run("systemctl list-units --no-legend --state=active 'echod*.s*'").stdout
    assert ".service" not in running and ".socket" not in running
    assert not (machine.root / "usr/sbin/echod").exists()
    assert not (machine.root / "etc/systemd/system/multi-user.target.wants/echod.service").is_symlink()
    assert "quota_messages = 11" in machine.read("/etc/echod/echod.toml.rpmsave")
