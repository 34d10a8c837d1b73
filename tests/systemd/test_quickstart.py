# SPDX-License-Identifier: MIT
"""packaging/quickstart on a machine that systemd runs: it installs the service and leaves it."""

import shutil
import subprocess

from conftest import BUILD_ENVIRONMENT, ROOT, booted


def clone(target):
    """Puts this tree where the machine sees it, wherever it lies out here."""
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "-C", ROOT, "ls-files", "-z", "--cached",
         "--others", "--exclude-standard"],
        check=True, stdout=subprocess.PIPE, text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    shutil.copytree(ROOT / "dist", target / "dist")  # --reuse finds the package there


def test_quickstart_installs_the_service_proves_it_and_leaves_it_running(package):
    machine = booted()
    try:
        clone(machine.root / "srv/echod")
        settings = [f"{name}={value}" for name, value in BUILD_ENVIRONMENT.items()]
        shown = machine.run(
            ["env", *settings, "/srv/echod/packaging/quickstart"], timeout=300
        ).stdout
        assert "verdict     ok: every echo was byte for byte what was sent" in shown
        assert "ready: listening on 127.0.0.1:8007" in shown, "the journal"
        assert "messages_out=" in shown, "statistics"
        assert "Active: active (running)" in shown, "systemctl status"
        assert "Done: every echo came back byte for byte." in shown
        machine.run("systemctl is-active echod.service echod.socket")
    finally:
        machine.power_off()
