# SPDX-License-Identifier: MIT
"""A machine that boots with the package installed already."""

from clients import echoes


def test_a_machine_with_the_package_installed_boots_to_a_socket_and_starts_the_daemon(installed):
    # The boot ends at basic.target, which has the sockets; what an installed service is part of
    # comes after it.
    assert installed.at_boot == {"echod.socket": "active", "echod.service": "inactive"}
    assert "echod.service" in installed.show("multi-user.target", "Wants").split()
    with installed.connect() as client:
        assert echoes(client)
    assert installed.show("echod.service", "ActiveState") == "active"
