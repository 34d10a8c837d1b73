# SPDX-License-Identifier: MIT
"""The Debian package: built, installed, upgraded, removed, purged, and installed again by
packaging/quickstart. The tests use one machine, in the order of the file."""

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
from conftest import BUILD_ENVIRONMENT, ROOT, booted, install, unit_directory
from machine import CONFIG, TIMEOUT

# Directories of dpkg, systemd and the journal.
BOOKS = ("var/lib/dpkg", "var/log", "var/cache", "var/lib/systemd")


@pytest.fixture(scope="module")
def machine():
    machine = booted()
    machine.pristine = changes(machine)
    try:
        yield machine
    finally:
        machine.power_off()


def changes(machine):
    """The changes compared with a machine without the package, without those directories."""
    found = machine.run(
        "find /run/changes /run/systemd/system /run/echod -printf '%y %P\\n'", check=False
    ).stdout.splitlines()
    # The overlay copies a shared directory when something in it changes.
    alone = (line for line in found if not line.startswith("d ") or "echo" in line)
    return {line for line in alone if not line[2:].startswith(BOOKS)}


def rebuilt(package, version, directory, change=lambda tree: None):
    """The same package as another version, without compiling again."""
    tree = directory / version
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    substitute(tree / "DEBIAN/control", "^Version: .*$", f"Version: {version}")
    change(tree)
    built = directory / f"echod_{version}.deb"
    build = ["dpkg-deb", "-Zgzip", "-z1", "--build", tree, built]
    subprocess.run(build, check=True, capture_output=True)
    return built


def newer(package, directory, change=lambda tree: None):
    return rebuilt(package, "99", directory, change)


def substitute(file, pattern, replacement):
    text, count = re.subn(pattern, replacement, file.read_text(), flags=re.M)
    assert count, f"{file} has no {pattern}"
    file.write_text(text)


def first_version(package, directory):
    """The package with the units of version 0.1.0: the service had no network, and the socket unit
    was enabled. tests/release/run gives the real one, built from the last commit of that version."""
    def change(tree):
        service = tree / unit_directory()[1:] / "echod.service"
        substitute(service, "^PartOf=.*$", r"\g<0>\nWants=echod.socket")
        substitute(
            service, "^RestrictAddressFamilies=.*$",
            "RestrictAddressFamilies=AF_UNIX\nPrivateNetwork=yes\nIPAddressDeny=any",
        )
        substitute(tree / "DEBIAN/postinst", "^set -e$", ENABLE_SOCKET)

    if real := os.environ.get("ECHOD_PREVIOUS_PACKAGE"):
        return Path(real)
    return rebuilt(package, "0.1.0", directory, change)


def upgrade(machine, package):
    """Installs the package; a configuration that was edited stays as it is."""
    install(machine, package, "--force-confdef", "--force-confold")


ENABLE_SOCKET = """set -e
if [ "$1" = configure ]; then
    deb-systemd-helper enable echod.socket >/dev/null
    systemctl daemon-reload
    deb-systemd-invoke start echod.socket
fi
"""


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


RPM_MACROS = {
    "_bindir": "bin", "_sbindir": "sbin", "_sysconfdir": "etc", "_unitdir": "lib/systemd/system",
    "_prefix": ".", "_docdir": "share/doc", "_mandir": "share/man", "_datadir": "share",
}


def introspect(what, build):
    command = ["meson", "introspect", what, build]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def test_the_spec_lists_exactly_the_files_that_meson_installs():
    build = Path(os.environ.get("ECHOD_BUILD_DIR", ROOT / "build"))
    introspected = introspect("--installed", build)
    # Of Debian here, lib/MULTIARCH.
    options = {option["name"]: option["value"] for option in introspect("--buildoptions", build)}
    macros = RPM_MACROS | {"_libdir": options["libdir"]}
    prefix = re.compile("^(/usr(/local)?)?/")
    installed = {
        prefix.sub("", path, count=1) for path in introspected.values()
    }
    spec = (ROOT / "packaging/echod.spec").read_text()
    section = re.search(r"(?ms)^%files\n(.*?)^%changelog", spec)
    listed = set()
    for line in section[1].split("\n"):
        if found := re.fullmatch(r"(?:%config\(noreplace\) )?(%\{.*)", line):
            path = re.sub(r"%\{(\w+)\}", lambda macro: macros[macro[1]], found[1])
            listed.add(os.path.normpath(path) + ("/*" if path.endswith("/") else ""))
    assert len(listed) > 10
    for path in installed:
        assert any(fnmatch.fnmatch(path, pattern) for pattern in listed), f"{path} is not listed"
    for pattern in listed:
        assert fnmatch.filter(installed, pattern), f"{pattern} is not installed"


def test_the_package_has_all_files_of_both_programs(package):
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
        f"{unit_directory()}/{unit}"
        for unit in ("echod-exporter.service", "echod.service", "echod.socket", "echod@.service", "echod@.socket")
    }
    wanted |= {"/usr/lib/systemd/catalog/echod.catalog", CONFIG}
    wanted |= {f"/usr/share/echod/{folder}/{file.name}"
               for folder in ("balancers", "monitoring", "scale-out")
               for file in (ROOT / "packaging" / folder).iterdir()}
    wanted |= {"/usr/sbin/echod", "/usr/sbin/echod-exporter", "/usr/bin/echoload"}
    assert len(wanted) > 20
    assert wanted - packaged == set()


def state(machine, unit):
    """(active state, enabled state) of a unit."""
    return machine.show(unit, "ActiveState"), machine.show(unit, "UnitFileState")


@pytest.fixture
def upgradable(machine, package, tmp_path):
    """The machine with version 0.1.0, purged at the end."""
    install(machine, first_version(package, tmp_path))
    keep_slow_clients(machine)
    yield machine
    machine.run("dpkg --purge echod", timeout=60)
    machine.run("rm -rf /etc/systemd/system/echod.socket /etc/systemd/system/echod.socket.d")
    machine.run("systemctl daemon-reload")


def keep_slow_clients(machine):
    """No timeout closes a connection while a slow machine upgrades."""
    for key in ("idle", "message"):
        machine.set_option(key, '"0"')
    machine.run("systemctl reload echod")


def test_an_upgrade_from_0_1_0_disables_the_socket_unit_and_refuses_and_loses_no_connection(
    upgradable, package
):
    machine = upgradable
    assert state(machine, "echod.socket") == ("active", "enabled")
    sent = message(1, b"begun before the upgrade and completed after it")
    with machine.connect() as client:
        assert echoes(client)
        client.sendall(sent[:11])
        with Callers(machine) as callers:
            callers.wait_for_more(50)
            upgrade(machine, package)
            callers.wait_for_more(50)
        client.sendall(sent[11:])
        assert receive(client, len(sent)) == sent
    assert callers.refused == []
    assert callers.cut_off == 0
    assert state(machine, "echod.socket") == ("inactive", "disabled")
    assert state(machine, "echod.service") == ("active", "enabled")


def test_after_an_upgrade_from_0_1_0_the_port_of_the_file_is_served(upgradable, package):
    machine = upgradable
    machine.set_option("port", 8107)  # had no effect before
    with machine.connect() as client:
        assert echoes(client)
        upgrade(machine, package)
        assert echoes(client)
        with machine.connect(("127.0.0.1", 8107)) as another:
            assert echoes(another)


@pytest.mark.parametrize("kind", ["a drop-in", "a full override"])
def test_an_upgrade_from_0_1_0_leaves_a_socket_unit_with_local_changes(
    upgradable, package, kind
):
    machine = upgradable
    file = "/etc/systemd/system/echod.socket"
    if kind == "a drop-in":
        machine.write(f"{file}.d/port.conf", "[Socket]\nListenStream=127.0.0.1:8107\n")
    else:
        unit = machine.read("/lib/systemd/system/echod.socket")
        machine.write(file, unit.replace("ListenStream=[::1]:8007", "ListenStream=127.0.0.1:8107"))
    machine.run("systemctl daemon-reload")
    machine.run("systemctl restart echod.socket")
    with machine.connect(("127.0.0.1", 8107)) as client:
        assert echoes(client)
        upgrade(machine, package)
        assert echoes(client)
        with machine.connect(("127.0.0.1", 8107)) as another:
            assert echoes(another)
    assert state(machine, "echod.socket") == ("active", "enabled")
    said = machine.run("journalctl --quiet -u echod -p warning -o cat").stdout
    assert "8107" in said and "differ from [listen]" in said


def test_an_upgrade_from_0_1_0_leaves_the_socket_unit_of_a_disabled_service(upgradable, package):
    machine = upgradable
    machine.run("systemctl disable echod.service")  # a client starts it
    upgrade(machine, package)
    assert state(machine, "echod.socket") == ("active", "enabled")
    assert state(machine, "echod.service")[1] == "disabled"
    with machine.connect() as client:
        assert echoes(client)


def test_an_installation_starts_and_enables_the_service_alone(machine, package):
    install(machine, package)
    assert state(machine, "echod.service") == ("active", "enabled")
    assert state(machine, "echod.socket") == ("inactive", "disabled")
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


def test_an_upgrade_continues_in_the_middle_of_a_message_with_every_daemon(
    machine, package, tmp_path
):
    # echod.service uses 8007 exclusively.
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


def test_an_upgrade_that_changes_the_socket_unit_costs_no_connection(machine, package, tmp_path):
    def change(tree):
        unit = tree / unit_directory()[1:] / "echod.socket"
        substitute(unit, r"^ListenStream=127\.0\.0\.1:8007$", "ListenStream=127.0.0.1:8207")

    machine.run("systemctl disable --quiet --now echod.service")
    machine.run("systemctl enable --quiet --now echod.socket")
    with machine.connect() as client:
        assert echoes(client)
        keep_slow_clients(machine)
        install(machine, newer(package, tmp_path, change))
        assert echoes(client)
        with machine.connect() as another:
            assert echoes(another)
        machine.run("systemctl restart echod.socket")
        assert echoes(client)
        with machine.connect(("127.0.0.1", 8207)) as another:
            assert echoes(another)
    machine.run("systemctl disable --quiet --now echod.socket")
    machine.run("systemctl enable --quiet --now echod.service")


def test_an_upgrade_with_new_defaults_keeps_the_edited_configuration(
    machine, package, tmp_path
):
    def change(tree):
        config = tree / CONFIG.lstrip("/")
        config.write_text(config.read_text() + "# a new default\n")

    machine.set_option("quota_messages", 12)
    install(machine, newer(package, tmp_path, change), "--force-confold")
    assert "quota_messages = 12" in machine.read(CONFIG)
    assert "# a new default" in machine.read(f"{CONFIG}.dpkg-dist")


PROBE = "/etc/echod/probes/local.conf"


def test_a_removal_stops_every_daemon_and_keeps_the_configuration(machine):
    example = "/usr/share/doc/echod/examples/probes/local.conf"
    machine.run(["install", "-D", "-m", "0644", example, PROBE])
    machine.run("systemctl enable --quiet --now echoload-probe@local.service")
    assert (machine.root / "var/lib/private/echoload-probe/local").is_dir()
    machine.run("dpkg --remove echod", timeout=60)
    for port in (8007, 8107):
        with pytest.raises(ConnectionRefusedError):
            machine.connect(("127.0.0.1", port))
    running = machine.run("systemctl list-units --no-legend --state=active 'echo*'").stdout
    assert not re.search(r"\.(service|socket)", running), running
    assert "quota_messages = 12" in machine.read(CONFIG)
    assert "TARGETS=" in machine.read(PROBE)


def test_a_purge_leaves_nothing(machine):
    machine.run("rm -r /etc/systemd/system/echod@0.socket.d")  # created by the administrator
    assert changes(machine) != machine.pristine
    machine.run("dpkg --purge echod", timeout=60)
    assert changes(machine) - machine.pristine == set()
    assert machine.run("find /var/lib/systemd /etc/systemd -name '*echo*'").stdout == ""
    assert machine.run("find /etc /run /var/lib/private -name '*echo*'").stdout == ""
    assert machine.run("systemctl list-units --all --no-legend 'echo*'").stdout == ""
    assert machine.run("getent passwd echod", check=False).returncode != 0
    assert "echod" not in machine.run("journalctl --list-catalog").stdout
    with pytest.raises(ConnectionRefusedError):
        machine.connect()


def clone(target):
    """Copies this tree to a path that the machine can access."""
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


def test_quickstart_installs_and_tests_the_service_and_leaves_it_running(machine, package):
    clone(machine.root / "srv/echod")
    settings = ["LOAD=1s", *(f"{name}={value}" for name, value in BUILD_ENVIRONMENT.items())]
    shown = machine.run(
        ["env", *settings, "/srv/echod/packaging/quickstart"], timeout=300
    ).stdout
    assert "verdict     ok: every echo was byte for byte what was sent" in shown
    assert "ready: listening on 127.0.0.1:8007" in shown, "the journal"
    assert "messages_out=" in shown, "statistics"
    assert "Active: active (running)" in shown, "systemctl status"
    assert "Done: every echo was correct, byte for byte." in shown
    machine.run("systemctl is-active echod.service")
