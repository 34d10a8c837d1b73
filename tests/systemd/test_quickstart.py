# SPDX-License-Identifier: MIT
"""packaging/quickstart on a machine that systemd runs: it installs the service and leaves it."""

from conftest import BUILD_ENVIRONMENT, ROOT, booted


def test_quickstart_installs_the_service_proves_it_and_leaves_it_running(package):
    machine = booted()
    try:
        settings = [f"{name}={value}" for name, value in BUILD_ENVIRONMENT.items()]
        shown = machine.run(
            ["env", *settings, ROOT / "packaging/quickstart"], timeout=300
        ).stdout
        assert "verdict     ok: every echo was byte for byte what was sent" in shown
        assert "ready: listening on 127.0.0.1:8007" in shown, "the journal"
        assert "messages_out=" in shown, "statistics"
        assert "Active: active (running)" in shown, "systemctl status"
        assert "Done: every echo came back byte for byte." in shown
        machine.run("systemctl is-active echod.service echod.socket")
    finally:
        machine.power_off()
