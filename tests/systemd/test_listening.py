# SPDX-License-Identifier: MIT
"""Where the installed service listens: its file decides, and a reload applies it."""

import json
import re

import pytest

from clients import echoes
from conftest import ROOT, use_example
from machine import CONFIG, result_of

CAP_NET_BIND_SERVICE = 10  # capability.h


def serves(machine, port, address="127.0.0.1"):
    with machine.connect((address, port)) as client:
        return echoes(client)


def test_the_port_is_changed_ten_times_under_load_and_no_connection_is_lost(machine):
    load = machine.start(
        ["echoload", "--format", "json", "--connections", "50", "--duration", "300s",
         "127.0.0.1:8007"]
    )
    try:
        wait_for_connections(machine, 50)
        for port in range(8101, 8111):
            machine.set_option("port", port)
            machine.run("systemctl reload echod")
            assert serves(machine, port)
            assert serves(machine, port, "::1")
            with pytest.raises(ConnectionRefusedError):
                machine.connect(("127.0.0.1", port - 1 if port > 8101 else 8007))
    finally:
        machine.run(["pkill", "-INT", "-x", "echoload"])
        output, errors = load.communicate(timeout=60)
    report = result_of(output)
    assert report["connections"]["up"] == 50, errors
    assert report["connections"]["ended_early"] == 0
    assert report["messages"]["wrong"] == report["messages"]["lost"] == 0
    assert report["messages"]["verified"] > 0


def wait_for_connections(machine, count):
    """Returns when the daemon has `count` connections; each answer takes some milliseconds."""
    for _ in range(1000):
        if json.loads(machine.run("echod --stats json").stdout)["connections"] >= count:
            return
    raise AssertionError(f"{count} connections were not opened")


def test_a_port_in_use_refuses_the_reload_and_the_old_sockets_stay(machine):
    with machine.socket() as taken:
        taken.bind(("127.0.0.1", 8107))
        taken.listen()
        machine.set_option("port", 8107)
        assert machine.run("systemctl reload echod", check=False).returncode != 0
        assert serves(machine, 8007)
    assert machine.show("echod.service", "ActiveState") == "active"
    machine.run("systemctl reload echod")
    assert serves(machine, 8107)


def test_a_stop_closes_the_port(machine):
    machine.run("systemctl stop echod")
    with pytest.raises(ConnectionRefusedError):
        machine.connect()


def test_a_low_port_drop_in_lets_the_daemon_open_a_port_below_1024(machine):
    machine.set_option("port", 7)
    refused = machine.run("systemctl reload echod", check=False)
    assert refused.returncode != 0
    said = machine.run("journalctl --quiet -u echod -p err -o cat").stdout
    assert "low-port.conf" in said and "enable --now echod.socket" in said
    use_example(machine, "echod.service", "low-port.conf")
    machine.run("systemctl restart echod")
    for address in ("127.0.0.1", "::1"):
        assert serves(machine, 7, address)
    status = machine.read(f"/proc/{machine.main_pid()}/status")
    assert re.search(rf"^CapEff:\s0*{1 << CAP_NET_BIND_SERVICE:x}$", status, re.M)


@pytest.mark.parametrize("connections", [0, 1])
def test_a_refused_file_at_a_restart_is_visible_until_it_is_corrected(machine, connections):
    connected = [machine.connect() for _ in range(connections)]
    assert all(echoes(client) for client in connected)
    line = 1 + machine.read(CONFIG).splitlines().index("max_connections = 10000")
    machine.set_option("max_connections", -3)
    refused = f"{CONFIG}:{line}:19: limits.max_connections: must be"
    for _ in range(2):
        before = machine.cursor()
        machine.run("systemctl restart echod")
        errors = machine.entries("-u", "echod.service", "-p", "err", after=before)
        assert any(refused in entry["MESSAGE"] for entry in errors)
        assert refused in machine.show("echod.service", "StatusText")
        assert refused in machine.run("echod --status").stdout.splitlines()[0]
        assert serves(machine, 8007)
    machine.set_option("max_connections", 10000)
    machine.run("systemctl reload echod")
    assert refused not in machine.show("echod.service", "StatusText")
    assert refused not in machine.run("echod --status").stdout
    for client in connected:
        with client:
            assert echoes(client)


@pytest.fixture
def without_ipv6(machine):
    def disable(value):
        machine.run(["sysctl", "--quiet", "-w", f"net.ipv6.conf.all.disable_ipv6={value}"])

    disable(1)
    yield machine
    disable(0)


def test_a_machine_without_ipv6_is_served_over_ipv4_with_one_warning(without_ipv6):
    machine = without_ipv6
    machine.run("systemctl stop echod")
    before = machine.cursor()
    machine.run("systemctl start echod")
    assert serves(machine, 8007)
    warnings = machine.entries("-u", "echod.service", "-p", "warning", after=before)
    assert len(warnings) == 1, [entry["MESSAGE"] for entry in warnings]
    assert "::1" in warnings[0]["MESSAGE"]


def test_the_socket_unit_starts_on_a_machine_without_ipv6(without_ipv6):
    machine = without_ipv6
    machine.run("systemctl disable --quiet --now echod.service")
    machine.run("systemctl enable --quiet --now echod.socket")
    assert serves(machine, 8007)


# The configurations printed in EXAMPLES of echod.toml(5).
PAGE = (ROOT / "man/echod.toml.5").read_text()
SECTION = PAGE[PAGE.index(".Sh EXAMPLES"):PAGE.index(".Sh SEE ALSO")]
PRINTED = [
    text for text in re.findall(r"(?s)^\.Bd -literal.*?\n(.*?)^\.Ed$", SECTION, re.M)
    if text.startswith("[")
]


@pytest.mark.parametrize("text", PRINTED)
@pytest.mark.parametrize("command", ["reload", "restart"])
def test_each_printed_configuration_works_as_printed(machine, text, command):
    machine.write(CONFIG, text)
    with machine.connect() as client:
        assert echoes(client)
        machine.run(f"systemctl {command} echod")
        assert echoes(client)
    assert machine.run("echod --check-config").stdout == f"{CONFIG}: ok\n"
    (port,) = re.findall(r"(?m)^port = (\d+)$", text) or [8007]
    assert serves(machine, int(port))
    errors = machine.entries("-u", "echod.service", "-p", "err", after=machine.before)
    assert errors == []
