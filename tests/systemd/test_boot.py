# SPDX-License-Identifier: MIT
"""A machine that boots with the package installed."""

from pathlib import Path

from clients import echoes
from machine import CONFIG

DEFAULTS = Path(__file__).resolve().parents[2] / "config/echod.toml"


def test_a_machine_with_the_package_installed_starts_the_daemon_without_a_socket_unit(installed):
    # The boot ends at basic.target, which includes enabled sockets; services start after that.
    assert installed.at_boot == {"echod.socket": "inactive", "echod.service": "inactive"}
    assert "echod.service" in installed.wanted_at_boot
    installed.write(CONFIG, DEFAULTS.read_text())  # another test may have changed it since
    installed.run("systemctl start echod.service")
    with installed.connect() as client:
        assert echoes(client)
    assert installed.show("echod.service", "ActiveState") == "active"
