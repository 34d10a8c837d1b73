# SPDX-License-Identifier: MIT
"""The Debian package through its life: built, installed, upgraded, purged."""

import shlex
import subprocess

import pytest

from clients import Callers, echoes
from conftest import ROOT, booted, install
from machine import CONFIG, TIMEOUT

# Where dpkg, systemd and the journal keep books of their own.
BOOKS = ("var/lib/dpkg", "var/log", "var/cache", "var/lib/systemd")


@pytest.fixture(scope="module")
def machine(package):
    machine = booted()
    machine.pristine = changes(machine)
    try:
        install(machine, package)
        yield machine
    finally:
        machine.power_off()


def changes(machine):
    """What differs from a machine where nothing was installed, but for the books."""
    found = machine.run(
        "find /run/changes /run/systemd/system /run/echod -printf '%y %P\\n'", check=False
    ).stdout.splitlines()
    # A directory that the package shares with others is copied up when something in it changes.
    alone = (line for line in found if not line.startswith("d ") or "echo" in line)
    return {line for line in alone if not line[2:].startswith(BOOKS)}


def newer(package, directory, change=lambda tree: None):
    """The same package as a later version, without compiling it again."""
    tree = directory / "tree"
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text().replace("\nVersion: ", "\nVersion: 99:"))
    change(tree)
    built = directory / "newer.deb"
    subprocess.run(["dpkg-deb", "--build", tree, built], check=True, capture_output=True)
    return built


def test_lintian_finds_no_error(package):
    result = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error", package], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    "command",
    ["rpmspec --parse packaging/echod.spec", "bash -n packaging/PKGBUILD",
     "shellcheck packaging/PKGBUILD"],
)
def test_other_distributions_recipes_are_well_formed(command):
    result = subprocess.run(
        shlex.split(command), cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("recipe", "line"),
    [("meson.build", "  version: '{}',"), ("packaging/echod.spec", "Version:        {}"),
     ("packaging/PKGBUILD", "pkgver={}"), ("packaging/debian/changelog", "echod ({}) bookworm;")],
)
def test_each_recipe_names_the_version_that_the_package_has(package, recipe, line):
    version = package.name.split("_")[1]
    assert line.format(version) in (ROOT / recipe).read_text()


def test_an_installation_starts_and_enables_both_units(machine):
    for unit in ("echod.socket", "echod.service"):
        assert machine.run(f"systemctl is-active {unit}").stdout == "active\n"
        assert machine.run(f"systemctl is-enabled {unit}").stdout == "enabled\n"
    assert machine.run("dpkg --verify echod").stdout == ""
    assert machine.run("stat -c '%U:%G %a' /etc/echod/echod.toml").stdout == "root:root 644\n"
    with machine.connect() as client:
        assert echoes(client)


def test_an_upgrade_keeps_the_edited_configuration_and_refuses_no_connection(
    machine, package, tmp_path
):
    machine.set_option("quota_messages", 11)
    machine.run("systemctl reload echod")
    pid = machine.main_pid()
    with Callers(machine) as callers:
        callers.wait_for_more(50)
        install(machine, newer(package, tmp_path))
        callers.wait_for_more(50)
    assert callers.refused == []
    assert callers.cut_off == 0
    assert machine.main_pid() != pid
    assert "quota_messages = 11" in machine.read(CONFIG)


def test_an_upgrade_with_new_defaults_puts_them_beside_the_edited_configuration(
    machine, package, tmp_path
):
    def change(tree):
        config = tree / CONFIG.lstrip("/")
        config.write_text(config.read_text() + "# a new default\n")

    machine.set_option("quota_messages", 12)
    install(machine, newer(package, tmp_path, change), "--force-confold")
    assert "quota_messages = 12" in machine.read(CONFIG)
    assert "# a new default" in machine.read(f"{CONFIG}.dpkg-dist")


def test_a_purge_leaves_nothing(machine):
    assert changes(machine) != machine.pristine
    machine.run("dpkg --purge echod", timeout=60)
    assert changes(machine) - machine.pristine == set()
    assert machine.run("systemctl list-units --all --no-legend 'echod*'").stdout == ""
    assert machine.run("getent passwd echod", check=False).returncode != 0
    assert "echod" not in machine.run("journalctl --list-catalog").stdout
    with pytest.raises(ConnectionRefusedError):
        machine.connect()
