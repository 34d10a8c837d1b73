# SPDX-License-Identifier: MIT
"""echod@.service: several daemons on one port."""

import json

import pytest

from clients import echoes
from machine import MESSAGE_ID

INSTANCES = ("0", "1")


@pytest.fixture
def machine(machine):
    machine.run("systemctl disable --quiet --now echod.service")
    machine.run([
        "systemctl", "enable", "--quiet", "--now",
        *(f"echod@{name}.{kind}" for name in INSTANCES for kind in ("socket", "service")),
    ])
    yield machine
    machine.run(["systemctl", "stop", "echod@*.socket", "echod@*.service"])
    machine.run(["sh", "-c", "rm -rf /etc/systemd/system/*.wants/echod@* "
                 "/etc/systemd/system/echod@*.d && systemctl daemon-reload"])
    machine.run("systemctl enable --quiet echod.service")


def statistics(machine, name):
    """The counters of one instance, from its control socket."""
    answer = machine.run(f"echod --stats json --control /run/echod-{name}/control.sock")
    return json.loads(answer.stdout)


def test_two_instances_share_the_connections_of_one_port(machine):
    connected = [machine.connect() for _ in range(200)]
    assert all(echoes(client) for client in connected)

    counted = [statistics(machine, name) for name in INSTANCES]

    assert sum(one["connections"] for one in counted) == len(connected)
    # A hash distributes 200 connections: fewer than 20 for an instance is practically impossible.
    assert all(one["connections"] >= 20 for one in counted), counted
    assert sum(one["counters"]["messages_out"] for one in counted) == len(connected)
    for client in connected:
        client.close()


def test_each_instance_has_its_own_limits_and_journal_entries(machine):
    machine.set_option("max_connections", 1)
    machine.set_option("when_full", '"reject"')
    machine.run(["systemctl", "reload", "echod@*.service"])
    connected = [machine.connect() for _ in range(60)]
    served = sum(serves(client) for client in connected)
    assert served == len(INSTANCES)
    for name in INSTANCES:
        machine.run(["systemctl", "kill", "-s", "USR1", f"echod@{name}.service"])
        entry = machine.wait_for_entry(
            f"MESSAGE_ID={MESSAGE_ID['statistics']}", f"_SYSTEMD_UNIT=echod@{name}.service",
            after=machine.before,
        )
        assert entry["ECHOD_CONNECTIONS"] == "1"
    for client in connected:
        client.close()


def serves(client):
    try:
        return echoes(client)
    except ConnectionError:
        return False


def test_a_restart_of_one_instance_keeps_the_connections_of_both(machine):
    connected = [machine.connect() for _ in range(50)]
    assert all(echoes(client) for client in connected)
    before = [machine.show(f"echod@{name}.service", "MainPID") for name in INSTANCES]
    machine.run("systemctl restart echod@0.service")
    after = [machine.show(f"echod@{name}.service", "MainPID") for name in INSTANCES]
    assert before[0] != after[0]
    assert before[1] == after[1]
    assert all(echoes(client) for client in connected)
    for client in connected:
        client.close()


def test_an_instance_named_after_a_core_can_be_bound_to_it(machine):
    machine.drop_in("echod@.service", "[Service]\nCPUAffinity=%i\n")
    machine.run(["systemctl", "restart", "echod@*.service"])
    for name in INSTANCES:
        status = machine.read(f"/proc/{machine.show(f'echod@{name}.service', 'MainPID')}/status")
        assert f"Cpus_allowed_list:\t{name}\n" in status


INSTANCE_A_CORE = "/usr/share/doc/echod/examples/instance-a-core"


@pytest.fixture
def single(machine):
    """The machine with echod.service, and without instances."""
    machine.run(["systemctl", "disable", "--quiet", "--now",
                 *(f"echod@{name}.{kind}" for name in INSTANCES for kind in ("socket", "service"))])
    machine.run("systemctl enable --quiet --now echod.service")
    return machine


def test_an_instance_that_does_not_start_leaves_the_way_back(single):
    single.drop_in("echod@.service", "[Service]\nExecStartPre=false\n")
    ended = single.run(INSTANCE_A_CORE, check=False)
    assert ended.returncode == 1
    assert "to use echod.service again: " in ended.stderr and " --undo" in ended.stderr
    single.run([INSTANCE_A_CORE, "--undo"])
    assert single.show("echod.service", "ActiveState") == "active"
    with single.connect() as client:
        assert echoes(client)


def test_one_command_replaces_the_service_by_an_instance_a_core_and_back(single):
    machine, command = single, INSTANCE_A_CORE
    online = machine.run("lscpu --online --parse=CPU").stdout.split()
    cores = [line for line in online if line.isdigit()]
    assert cores

    machine.run(command)

    states = {unit: machine.show(unit, "ActiveState") for unit in ("echod.service", "echod.socket")}
    assert set(states.values()) == {"inactive"}, states
    connected = [machine.connect() for _ in range(20 * len(cores))]
    assert all(echoes(client) for client in connected)
    for core in cores:
        assert machine.show(f"echod@{core}.service", "UnitFileState") == "enabled"
        status = machine.read(f"/proc/{machine.show(f'echod@{core}.service', 'MainPID')}/status")
        assert f"Cpus_allowed_list:\t{core}\n" in status
    counted = [statistics(machine, core)["connections"] for core in cores]
    assert sum(counted) == len(connected) and min(counted) > 0, counted
    for client in connected:
        client.close()

    machine.run([command, "--undo"])

    assert machine.show("echod.service", "ActiveState") == "active"
    assert machine.show("echod.service", "UnitFileState") == "enabled"
    for core in cores:
        assert machine.show(f"echod@{core}.service", "ActiveState") == "inactive"
        assert machine.show(f"echod@{core}.service", "UnitFileState") == "disabled"
    with machine.connect() as client:
        assert echoes(client)


def test_instances_without_their_sockets_share_the_port_of_the_file(machine):
    machine.run(["systemctl", "disable", "--quiet", "--now",
                 *(f"echod@{name}.socket" for name in INSTANCES)])
    machine.set_option("port", 8107)
    machine.run(["systemctl", "enable", "--quiet", "--now",
                 *(f"echod@{name}.service" for name in INSTANCES)])
    connected = [machine.connect(("127.0.0.1", 8107)) for _ in range(200)]
    assert all(echoes(client) for client in connected)
    counted = [statistics(machine, name)["connections"] for name in INSTANCES]
    assert sum(counted) == len(connected)
    assert min(counted) >= 20, counted
    for client in connected:
        client.close()
