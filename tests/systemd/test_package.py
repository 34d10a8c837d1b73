# SPDX-License-Identifier: MIT
"""The Debian package through its life: built, installed, upgraded, removed, purged, and installed
again by packaging/quickstart. The tests are one story on one machine, in the order of the file."""

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from clients import Callers, echoes, message, receive
from conftest import BUILD_ENVIRONMENT, ROOT, booted, install
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
    build = ["dpkg-deb", "-Zgzip", "-z1", "--build", tree, built]
    subprocess.run(build, check=True, capture_output=True)
    return built


def test_lintian_finds_no_error(lintian):
    output, _ = lintian.communicate(timeout=120)
    assert lintian.returncode == 0, output


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


RPM_MACROS = {
    "_bindir": "bin", "_sbindir": "sbin", "_sysconfdir": "etc", "_unitdir": "lib/systemd/system",
    "_prefix": ".", "_docdir": "share/doc", "_mandir": "share/man", "_datadir": "share",
}


def test_the_spec_lists_just_the_files_that_meson_installs():
    build = Path(os.environ.get("ECHOD_BUILD_DIR", ROOT / "build"))
    introspected = subprocess.run(
        ["meson", "introspect", "--installed", build], check=True, stdout=subprocess.PIPE
    ).stdout
    prefix = re.compile("^(/usr(/local)?)?/")
    installed = {
        # Debian has a directory of its own for the completions that packages bring.
        prefix.sub("", path, count=1).replace("zsh/vendor-completions", "zsh/site-functions")
        for path in json.loads(introspected).values()
    }
    spec = (ROOT / "packaging/echod.spec").read_text()
    section = re.search(r"(?ms)^%files\n(.*?)^%changelog", spec)
    listed = set()
    for line in section[1].split("\n"):
        if found := re.fullmatch(r"(?:%config\(noreplace\) )?(%\{.*)", line):
            path = re.sub(r"%\{(\w+)\}", lambda macro: RPM_MACROS[macro[1]], found[1])
            listed.add(os.path.normpath(path) + ("/*" if path.endswith("/") else ""))
    assert len(listed) > 10
    for path in installed:
        assert any(fnmatch.fnmatch(path, pattern) for pattern in listed), f"{path} is not listed"
    for pattern in listed:
        assert fnmatch.filter(installed, pattern), f"{pattern} is not installed"


def test_the_package_has_all_that_belongs_to_both_programs(package):
    listing = subprocess.run(
        ["dpkg-deb", "--fsys-tarfile", package], check=True, stdout=subprocess.PIPE
    ).stdout
    names = subprocess.run(["tar", "-t"], input=listing, check=True, stdout=subprocess.PIPE).stdout
    packaged = {name.removeprefix(".") for name in names.decode().split("\n")}
    wanted = {f"/usr/share/man/man{page.suffix[1:]}/{page.name}.gz" for page in ROOT.glob("man/*")}
    directories = {
        "bash": "bash-completion/completions", "fish": "fish/vendor_completions.d",
        "zsh": "zsh/vendor-completions",
    }
    wanted |= {
        f"/usr/share/{directory}/{file.name}" for shell, directory in directories.items()
        for file in (ROOT / "packaging/completions" / shell).iterdir()
    }
    wanted |= {
        f"/usr/share/doc/echod/{file.relative_to(ROOT / 'systemd')}"
        for file in ROOT.glob("systemd/examples/*/*")
    }
    wanted |= {
        f"/lib/systemd/system/{unit}"
        for unit in ("echod.service", "echod.socket", "echod@.service", "echod@.socket")
    }
    wanted |= {"/usr/lib/systemd/catalog/echod.catalog", CONFIG}
    wanted |= {"/usr/sbin/echod", "/usr/bin/echoload"}
    assert len(wanted) > 20
    assert wanted - packaged == set()


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


def test_an_upgrade_goes_on_in_the_middle_of_a_message_with_every_daemon(
    machine, package, tmp_path
):
    # echod.socket has 8007, and shares it with nobody.
    machine.write(
        "/etc/systemd/system/echod@0.socket.d/port.conf",
        "[Socket]\nListenStream=\nListenStream=127.0.0.1:8107\n",
    )
    machine.run("systemctl daemon-reload")
    machine.run("systemctl enable --quiet --now echod@0.socket echod@0.service")
    sent = message(1, b"begun before the upgrade and completed after it")
    clients = [machine.connect(("127.0.0.1", port)) for port in (8007, 8107)]
    for client in clients:
        assert echoes(client)
        client.sendall(sent[:11])
    units = ("echod.service", "echod@0.service")
    before = [machine.show(unit, "MainPID") for unit in units]
    install(machine, newer(package, tmp_path))
    after = [machine.show(unit, "MainPID") for unit in units]
    assert "0" not in after
    assert not set(before) & set(after)
    for client in clients:
        with client:
            client.sendall(sent[11:])
            assert receive(client, len(sent)) == sent


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


def test_a_removal_stops_every_daemon_and_keeps_the_configuration(machine):
    machine.run("dpkg --remove echod", timeout=60)
    for port in (8007, 8107):
        with pytest.raises(ConnectionRefusedError):
            machine.connect(("127.0.0.1", port))
    running = machine.run("systemctl list-units --no-legend --state=active 'echod*'").stdout
    assert not re.search(r"\.(service|socket)", running), running
    assert "quota_messages = 12" in machine.read(CONFIG)


def test_a_purge_leaves_nothing(machine):
    machine.run("rm -r /etc/systemd/system/echod@0.socket.d")  # the administrator's own
    assert changes(machine) != machine.pristine
    machine.run("dpkg --purge echod", timeout=60)
    assert changes(machine) - machine.pristine == set()
    assert machine.run("find /var/lib/systemd /etc/systemd -name '*echod*'").stdout == ""
    assert machine.run("systemctl list-units --all --no-legend 'echod*'").stdout == ""
    assert machine.run("getent passwd echod", check=False).returncode != 0
    assert "echod" not in machine.run("journalctl --list-catalog").stdout
    with pytest.raises(ConnectionRefusedError):
        machine.connect()


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


def test_quickstart_installs_the_service_proves_it_and_leaves_it_running(machine, package):
    clone(machine.root / "srv/echod")
    settings = ["LOAD=1s", *(f"{name}={value}" for name, value in BUILD_ENVIRONMENT.items())]
    shown = machine.run(
        ["env", *settings, "/srv/echod/packaging/quickstart"], timeout=300
    ).stdout
    assert "verdict     ok: every echo was byte for byte what was sent" in shown
    assert "ready: listening on 127.0.0.1:8007" in shown, "the journal"
    assert "messages_out=" in shown, "statistics"
    assert "Active: active (running)" in shown, "systemctl status"
    assert "Done: every echo came back byte for byte." in shown
    machine.run("systemctl is-active echod.service echod.socket")
