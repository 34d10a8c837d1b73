# SPDX-License-Identifier: MIT
"""A machine that boots with the package installed already."""

from clients import echoes
from conftest import booted


def test_a_machine_with_the_package_installed_boots_to_a_daemon_that_serves(package):
    machine = booted(package)
    try:
        # The boot ends at basic.target, which has the sockets; what an installed service is part of
        # comes after it.
        assert machine.show("echod.socket", "ActiveState") == "active"
        assert machine.show("echod.service", "ActiveState") == "inactive"
        assert "echod.service" in machine.show("multi-user.target", "Wants").split()
        with machine.connect() as client:
            assert echoes(client)
        assert machine.show("echod.service", "ActiveState") == "active"
    finally:
        machine.power_off()
