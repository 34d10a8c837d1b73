# SPDX-License-Identifier: MIT
"""echod.socket: socket activation, an option of the administrator."""

import os
import re
import time

import pytest

from clients import Callers, echoes, message, receive
from conftest import exposure, use_example
from machine import MESSAGE_ID, TIMEOUT


def test_two_commands_switch_to_socket_activation_and_the_first_client_starts_the_daemon(activated):
    assert activated.show("echod.service", "ActiveState") == "inactive"
    assert activated.show("echod.socket", "SubState") == "listening"
    for address in ("127.0.0.1", "::1"):
        with activated.connect((address, 8007)) as client:
            assert echoes(client)
    assert activated.show("echod.service", "ActiveState") == "active"


def test_two_commands_switch_back_to_the_addresses_of_the_file(activated):
    with activated.connect() as client:
        assert echoes(client)
    activated.set_option("port", 8107)
    activated.run("systemctl disable --quiet --now echod.socket")
    activated.run("systemctl enable --quiet --now echod.service")
    with activated.connect(("127.0.0.1", 8107)) as client:
        assert echoes(client)
    with pytest.raises(ConnectionRefusedError):
        activated.connect()


def test_after_a_stop_of_the_service_the_next_client_starts_it_again(activated):
    for _ in range(2):
        with activated.connect() as client:
            assert echoes(client)
        activated.run("systemctl stop echod.service")
        assert activated.show("echod.service", "ActiveState") == "inactive"


def test_a_stop_of_the_socket_unit_closes_the_port_and_stops_the_daemon(activated):
    with activated.connect() as client:
        assert echoes(client)
    activated.run("systemctl stop echod.socket")
    assert activated.show("echod.service", "ActiveState") == "inactive"
    with pytest.raises(ConnectionRefusedError):
        activated.connect()


@pytest.mark.parametrize("unit", ["echod.service", "echod.socket"])
def test_a_restart_of_either_unit_keeps_the_connections(activated, unit):
    sent = message(1, b"begun before the restart and completed after it")
    with activated.connect() as client:
        assert echoes(client)
        client.sendall(sent[:11])
        pid = activated.main_pid()
        activated.run(f"systemctl restart {unit}")
        assert activated.main_pid() != pid
        client.sendall(sent[11:])
        assert receive(client, len(sent)) == sent
        with activated.connect() as another:
            assert echoes(another)


def test_a_restart_under_load_refuses_no_connection(activated):
    with Callers(activated) as callers:
        for _ in range(3):
            callers.wait_for_more(50)
            activated.run("systemctl restart echod")
        callers.wait_for_more(50)
    assert callers.refused == []
    assert callers.cut_off == 0


def test_the_socket_unit_cannot_be_started_while_the_daemon_has_its_own_sockets(machine):
    with machine.connect() as client:
        assert echoes(client)
        for command in ("start", "restart"):
            assert machine.run(f"systemctl {command} echod.socket", check=False).returncode != 0
            assert echoes(client)
            with machine.connect() as another:
                assert echoes(another)


def test_a_reload_warns_once_about_an_address_that_the_socket_unit_overrides(activated):
    with activated.connect() as client:
        assert echoes(client)
    activated.set_option("port", 8107)
    activated.run("systemctl reload echod")
    activated.run("journalctl --sync")
    entries = activated.entries("-u", "echod.service", after=activated.before)
    found = [entry for entry in entries if "differ from [listen]" in entry["MESSAGE"]]
    assert len(found) == 1, [entry["MESSAGE"] for entry in found]
    assert "systemctl disable --now echod.socket" in found[0]["MESSAGE"]
    assert found[0]["PRIORITY"] == "4"


def test_a_socket_unit_whose_service_cannot_start_can_be_started_again(activated):
    activated.set_option("idle", "30")
    client = activated.connect()  # keeps starting a daemon that cannot start
    activated.wait_for_entry(
        "UNIT=echod.socket", after=activated.before,
        where=lambda entry: "Failed with result" in entry["MESSAGE"],
    )
    client.close()
    assert activated.show("echod.socket", "ActiveState") == "failed"
    activated.set_option("idle", '"30s"')
    deadline = time.monotonic() + TIMEOUT
    while not is_served_by_the_socket_unit(activated):
        assert time.monotonic() < deadline


def is_served_by_the_socket_unit(machine):
    """Starts the socket unit and tries it. TriggerLimitIntervalSec= of systemd.socket(5) is 2 s, and
    until then a client makes the unit fail again. Each failure and start counts."""
    machine.run("systemctl reset-failed echod.socket echod.service")
    machine.run("systemctl start echod.socket")
    try:
        with machine.connect() as client:
            return echoes(client)
    except ConnectionError:
        return False


def test_a_port_below_1024_needs_no_capability(activated):
    use_example(activated, "echod.socket", "port-7.conf")
    activated.run("systemctl restart echod.socket")
    for address in ("127.0.0.1", "::1"):
        with activated.connect((address, 7)) as client:
            assert echoes(client)
    status = activated.read(f"/proc/{activated.main_pid()}/status")
    for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb"):
        assert re.search(rf"^Cap{kind}:\s0+$", status, re.M)
    with pytest.raises(ConnectionRefusedError):
        activated.connect(("127.0.0.1", 8007))


def test_an_af_unix_socket_is_served_and_removed_with_the_socket_unit(activated):
    use_example(activated, "echod.socket", "unix.conf")
    activated.run("systemctl restart echod.socket")
    with activated.connect("/run/echod.sock") as local, activated.connect() as remote:
        assert echoes(local)
        assert echoes(remote)
    activated.run("systemctl restart echod.service")
    with activated.connect("/run/echod.sock") as local:
        assert echoes(local)
    activated.run("systemctl stop echod.socket")
    assert not (activated.root / "run/echod.sock").exists()


def test_an_address_filter_of_the_socket_unit_rejects_clients(activated):
    activated.drop_in("echod.socket", "[Socket]\nIPAddressAllow=127.0.0.3\nIPAddressDeny=any\n")
    activated.run("systemctl restart echod.socket")
    with activated.connect(source="127.0.0.3") as client:
        assert echoes(client)
    with pytest.raises(TimeoutError):  # its packets are dropped, as by a firewall
        activated.connect(source="127.0.0.4", timeout=0.5)


PORT_8107 = "[Socket]\nListenStream=\nListenStream=127.0.0.1:8107\n"


def messages(machine, *matches):
    """The messages of echod.service since the start of the test."""
    machine.run("journalctl --sync")
    found = machine.entries("-u", "echod.service", *matches, after=machine.before)
    return [entry["MESSAGE"] for entry in found if entry["_COMM"] == "echod"]


def test_a_changed_socket_unit_costs_no_connection_and_applies_when_it_is_restarted(activated):
    with activated.connect() as client:
        assert echoes(client)
        activated.drop_in("echod.socket", PORT_8107)
        for _ in range(2):
            activated.run("systemctl restart echod.service")
            assert echoes(client)
            with activated.connect() as another:
                assert echoes(another)
        assert any("systemctl restart echod.socket" in text for text in messages(activated))
        activated.run("systemctl restart echod.socket")
        assert echoes(client)
        with activated.connect(("127.0.0.1", 8107)) as another:
            assert echoes(another)
        with pytest.raises(ConnectionRefusedError):
            activated.connect()


NO_SOCKETS = "no sockets were passed; see systemctl status echod.socket"


@pytest.mark.parametrize("cause", ["port in use", "masked"])
def test_a_daemon_without_network_and_sockets_says_so_once(machine, cause):
    use_example(machine, "echod.service", "socket-activated.conf")
    machine.run("systemctl stop echod.service")
    with machine.socket() as taken:
        if cause == "masked":
            machine.run("systemctl mask --quiet echod.socket")
        else:
            taken.bind(("127.0.0.1", 8007))
            taken.listen()
        assert machine.run("systemctl start echod.socket", check=False).returncode != 0
        assert machine.run("systemctl start echod.service", check=False).returncode != 0
    assert machine.show("echod.service", "ActiveState") == "failed"
    assert machine.show("echod.service", "NRestarts") == "0"
    assert sum(NO_SOCKETS in text for text in messages(machine)) == 1


def test_a_masked_socket_unit_does_not_concern_a_daemon_with_its_own_sockets(machine):
    with machine.connect() as client:
        assert echoes(client)
        machine.run("systemctl mask --quiet echod.socket")
        machine.run("systemctl restart echod.service")
        assert echoes(client)
    assert messages(machine, "-p", "warning") == []


def test_a_difference_between_socket_unit_and_file_is_reported_at_start_reload_and_status(activated):
    activated.set_option("port", 8107)
    with activated.connect() as client:
        assert echoes(client)
    shown = activated.run("echod --reload").stdout, activated.run("echod --status").stdout
    for text in (*shown, "\n".join(messages(activated, "-p", "warning"))):
        assert "127.0.0.1:8007" in text and "8107" in text, text
        assert "systemctl disable --now echod.socket" in text


def test_the_socket_activated_drop_in_takes_the_network_from_the_daemon(activated):
    use_example(activated, "echod.service", "socket-activated.conf")
    assert exposure(activated, "echod.service") <= 0.4
    for address in ("127.0.0.1", "::1"):
        with activated.connect((address, 8007)) as client:
            assert echoes(client)
    namespaces = {
        os.readlink(f"/proc/{pid}/ns/net")
        for pid in (activated.init, activated.outside_pid(activated.main_pid()))
    }
    assert len(namespaces) == 2
