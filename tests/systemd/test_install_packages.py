# SPDX-License-Identifier: MIT
"""packaging/install-packages on a machine that systemd runs: no installed service is left running or
enabled."""

import subprocess
from pathlib import Path

import pytest

INSTALL = Path(__file__).parents[2] / "packaging/install-packages"
POLICY = "/usr/sbin/policy-rc.d"
PLACE = "/tmp/packages-for-tests"
SERVICE = """[Service]
ExecStartPre=/bin/touch /run/{name}.was-started
ExecStart=/bin/sleep infinity
[Install]
WantedBy=multi-user.target
"""
# As debhelper(7) generates them.
POSTINST = """#!/bin/sh
set -e
if deb-systemd-helper --quiet was-enabled {name}.service; then
    deb-systemd-helper enable {name}.service >/dev/null
fi
systemctl --system daemon-reload >/dev/null
deb-systemd-invoke start {name}.service >/dev/null
"""


def build(directory, name):
    """A Debian package with a service, and its entry in the index of an archive."""
    tree = directory / name
    files = {
        "DEBIAN/control": f"Package: {name}\nVersion: 1\nArchitecture: all\n"
        "Maintainer: The echod authors <echod@example.org>\nDescription: a service\n",
        "DEBIAN/postinst": POSTINST.format(name=name),
        f"lib/systemd/system/{name}.service": SERVICE.format(name=name),
    }
    for path, text in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
        (tree / path).chmod(0o755 if path.endswith("postinst") else 0o644)
    archive = directory / f"{name}_1_all.deb"
    command = ["dpkg-deb", "--root-owner-group", "--build", tree, archive]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    size = archive.stat().st_size
    digest = subprocess.run(["sha256sum", archive], check=True, stdout=subprocess.PIPE, text=True)
    return archive, (
        files["DEBIAN/control"] + f"Filename: ./{archive.name}\nSize: {size}\n"
        f"SHA256: {digest.stdout.split()[0]}\n\n"
    )


@pytest.fixture
def archive(machine, tmp_path):
    """A machine whose only archive has two packages with services; one is listed for a purpose."""
    index = ""
    for name in ("test-echo-one", "test-echo-two"):
        file, entry = build(tmp_path, name)
        (machine.root / PLACE.lstrip("/")).mkdir(exist_ok=True)
        (machine.root / PLACE.lstrip("/") / file.name).write_bytes(file.read_bytes())
        index += entry
    machine.write(f"{PLACE}/Packages", index)
    machine.write(f"{PLACE}/packages", "test test-echo-one\ntest systemd\n")
    machine.write(f"{PLACE}/install-packages", INSTALL.read_text())
    machine.run(["chmod", "0755", f"{PLACE}/install-packages"])
    machine.run(["sh", "-c", "rm -rf /etc/apt/sources.list*"])
    machine.write("/etc/apt/sources.list", f"deb [trusted=yes] file:{PLACE} ./\n")
    yield machine
    machine.run(["dpkg", "--purge", "test-echo-one", "test-echo-two"])
    machine.run(["rm", "-rf", PLACE, POLICY])
    machine.run("systemctl daemon-reload")


def install(machine):
    return machine.run([f"{PLACE}/install-packages", "test"]).stdout


def enabled(machine, name):
    return machine.run(["systemctl", "is-enabled", name], check=False).stdout.strip()


def was_started(machine, name):
    return (machine.root / f"run/{name}.was-started").exists()


def test_a_service_of_a_package_is_neither_started_nor_enabled(archive):
    assert "neither started nor enabled: test-echo-one.service\n" in install(archive)
    assert enabled(archive, "test-echo-one.service") == "disabled"
    assert not was_started(archive, "test-echo-one")
    # The policy was temporary, and echod is as it was.
    assert not (archive.root / POLICY.lstrip("/")).exists()
    assert archive.show("echod.service", "ActiveState") == "active"
    assert enabled(archive, "echod.service") == "enabled"


def test_a_service_that_was_there_before_and_a_later_installation_are_not_affected(archive):
    archive.run("apt-get update")
    archive.run("apt-get install -y test-echo-two")
    assert was_started(archive, "test-echo-two")
    install(archive)
    assert not was_started(archive, "test-echo-one")
    assert enabled(archive, "test-echo-two.service") == "enabled"
    assert archive.show("test-echo-two.service", "ActiveState") == "active"


@pytest.mark.parametrize("text, stays", [("#!/bin/sh\nexit 0\n", True), (None, False)])
def test_a_policy_of_the_administrator_stays_and_that_of_a_killed_run_goes(archive, text, stays):
    if text is None:
        marker = "# Temporary, by packaging/install-packages of echod"
        assert marker in INSTALL.read_text()
        text = f"#!/bin/sh\n{marker}\nexit 101\n"
    archive.write(POLICY, text)
    archive.run(["chmod", "0755", POLICY])
    install(archive)
    policy = archive.root / POLICY.lstrip("/")
    assert (policy.read_text() if policy.exists() else None) == (text if stays else None)
    assert enabled(archive, "test-echo-one.service") == "disabled"
    assert archive.show("test-echo-one.service", "ActiveState") == "inactive"


def test_a_failed_installation_leaves_no_policy_behind(archive):
    archive.write(f"{PLACE}/packages", "test no-such-package\n")
    result = archive.run([f"{PLACE}/install-packages", "test"], check=False)
    assert result.returncode == 1
    assert not (archive.root / POLICY.lstrip("/")).exists()


@pytest.mark.parametrize("name", ["test-echo-one", "no-such-package"])
def test_a_link_in_place_of_the_policy_stays(archive, name):
    archive.write(f"{PLACE}/packages", f"test {name}\n")
    archive.run(["ln", "-s", "/nowhere", POLICY])
    archive.run([f"{PLACE}/install-packages", "test"], check=False)
    assert archive.run(["readlink", POLICY]).stdout == "/nowhere\n"
