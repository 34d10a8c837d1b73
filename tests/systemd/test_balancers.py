# SPDX-License-Identifier: MIT
"""Draining behind a load balancer, with the units of all programs: `systemctl stop`, HAProxy's socket and
a reload of nginx, for a service and for instances with their sockets."""

import json
import time
from pathlib import Path

import pytest
from machine import CONFIG, MESSAGE_ID, TIMEOUT, result_of

ROOT = Path(__file__).resolve().parents[2]
BALANCERS = ROOT / "packaging/balancers"
DEFAULTS = ROOT / "config/echod.toml"
CONNECTIONS = 20
INTERRUPTED = 130
ADDRESSES = ("198.51.100.10", "192.0.2.10", "192.0.2.11", "192.0.2.12")
SERVERS = ("192.0.2.11", "192.0.2.12")


def wait_until(predicate, what):
    deadline = time.monotonic() + TIMEOUT
    while not predicate():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.05)


class Balanced:
    """A machine with the addresses of all, so that each file is used as it is."""

    def __init__(self, machine):
        self.machine = machine
        self.run = machine.run
        self.units = []
        for address in ADDRESSES:
            self.run(f"ip address add {address}/32 dev lo")
        self.run("systemctl disable --quiet --now echod.service")
        machine.write(CONFIG, (BALANCERS / "echod.toml").read_text())

    def finish(self):
        self.run(["systemctl", "stop", *self.units], check=False)
        self.run(["systemctl", "stop", "echod@*.socket", "echod@*.service"])
        self.run(["sh", "-c", "rm -rf /etc/systemd/system/echod@*.d && systemctl daemon-reload"])
        for address in ADDRESSES:
            self.run(f"ip address del {address}/32 dev lo")
        self.run("systemctl enable --quiet echod.service")
        self.machine.write(CONFIG, DEFAULTS.read_text())

    def start(self, *units):
        self.units += units
        self.run(["systemctl", "start", *units])

    def start_haproxy(self):
        self.machine.write("/etc/haproxy/haproxy.cfg", (BALANCERS / "haproxy.cfg").read_text())
        self.start("haproxy.service")
        self.wait_for(first="UP", second="UP")
        # A server counts as up before its first check, which starts the daemon of a socket unit.
        wait_until(lambda: self.column("check_status") == ["L7OK", "L7OK"], "the first checks")

    def start_nginx(self):
        text = (BALANCERS / "nginx.conf").read_text()
        self.machine.write("/etc/nginx/modules-enabled/60-echod.conf", text)
        self.start("nginx.service")

    def ask_haproxy(self, command):
        script = f"echo '{command}' | socat -t 5 - /run/haproxy/admin.sock"
        return self.run(["sh", "-c", script], check=False).stdout

    def column(self, name):
        """A column of HAProxy's statistics, of its two servers."""
        lines = self.ask_haproxy("show stat").removeprefix("# ").split("\n")
        fields = [dict(zip(lines[0].split(","), row.split(","))) for row in lines[1:] if row]
        return [row[name] for row in fields if row["svname"] in ("first", "second")]

    def wait_for(self, **states):
        def reached():
            rows = [line.split(",") for line in self.ask_haproxy("show stat").splitlines()]
            found = {row[1]: row[17].split()[0] for row in rows if len(row) > 17}
            return all(found.get(name) == state for name, state in states.items())

        wait_until(reached, f"HAProxy: {states}")

    def clients_at(self, address):
        """The clients that a server has at its address: not the health checks."""
        output = self.run(f"ss -Htn state established src {address}:8007").stdout
        return len(output.splitlines())

    def start_load(self):
        process = self.machine.start(
            f"echoload --reconnect -c {CONNECTIONS} -R 500 -d 100s -q --format json 198.51.100.10:8007"
        )
        wait_until(lambda: sum(map(self.clients_at, SERVERS)) >= CONNECTIONS, "all connections")
        return process

    def stop_load(self, process, server):
        """The result, when all connections have been at that server for a moment."""
        wait_until(lambda: self.clients_at(server) >= CONNECTIONS, f"all at {server}")
        return self.interrupt(process)

    def echoed(self):
        """The messages that the running daemons have echoed."""
        total = 0
        for unit in (self.machine.root / "run").glob("echod*"):
            control = f"/run/{unit.name}/control.sock"
            shown = self.run(["echod", "--control", control, "--stats", "json"], check=False)
            if shown.returncode == 0:
                total += json.loads(shown.stdout)["counters"]["messages_out"]
        return total

    def interrupt(self, process):
        # More than health checks make while this waits, four a second.
        some = self.echoed() + 10 * CONNECTIONS
        wait_until(lambda: self.echoed() >= some, "echoes of the load")
        self.run(["pkill", "-INT", "-x", "echoload"])
        output, errors = process.communicate(timeout=TIMEOUT)
        assert process.returncode == INTERRUPTED, errors
        result = result_of(output)
        assert result["outage_counts"]["not_restored"] == 0
        # The other connections were answered: an echo was due every 2 ms.
        loops = [loop[key] or 0 for loop in result["loops"] for key in ("longest_gap_ns", "lag_max_ns")]
        longest = result["outage_counts"]["longest_s"] or 0
        assert longest < 0.1 + max(loops) / 1e9, result["outages"]
        return result

    def totals_of(self, unit):
        """The last statistics entry of a unit."""
        entries = self.machine.entries(
            f"MESSAGE_ID={MESSAGE_ID['statistics']}", f"_SYSTEMD_UNIT={unit}",
            after=self.machine.before,
        )  # fmt: skip
        return {name: int(text) for name, text in entries[-1].items() if name.startswith("ECHOD_")}


@pytest.fixture
def balanced(machine):
    made = Balanced(machine)
    yield made
    made.finish()


@pytest.fixture
def instances(balanced):
    """An instance for each address of the servers, with its sockets."""
    for number, address in enumerate(SERVERS):
        balanced.machine.write(
            f"/etc/systemd/system/echod@{number}.socket.d/address.conf",
            f"[Socket]\nListenStream=\nListenStream={address}:8007\n",
        )
    balanced.run("systemctl daemon-reload")
    balanced.start("echod@0.socket", "echod@1.socket")
    return balanced


def test_a_service_drains_when_it_is_stopped(balanced):
    balanced.machine.write(
        "/etc/systemd/system/echod@1.socket.d/address.conf",
        "[Socket]\nListenStream=\nListenStream=192.0.2.12:8007\n",
    )
    balanced.machine.set_option("addresses", '["192.0.2.11"]')
    balanced.run("systemctl daemon-reload")
    balanced.start("echod@1.socket", "echod.service")
    balanced.start_haproxy()
    load = balanced.start_load()
    kept = balanced.clients_at("192.0.2.11")
    assert kept > 2
    balanced.run("systemctl stop echod.service")
    balanced.wait_for(first="DOWN")
    result = balanced.stop_load(load, "192.0.2.12")
    assert result["messages"]["lost"] <= CONNECTIONS
    totals = balanced.totals_of("echod.service")
    # A health check may have been open: it is closed by its peer.
    assert totals["ECHOD_CLOSED_DRAINED"] >= kept - 1
    assert totals["ECHOD_CLOSED_STOPPED"] == totals["ECHOD_MESSAGES_DROPPED"] == 0


def test_an_instance_with_its_socket_drains_when_both_are_stopped(instances):
    instances.start_haproxy()
    load = instances.start_load()
    instances.run("systemctl stop echod@0.socket echod@0.service")
    instances.wait_for(first="DOWN")
    wait_until(lambda: instances.clients_at("192.0.2.12") >= CONNECTIONS, "all at the other")
    assert instances.machine.show("echod@0.service", "Result") == "success"
    totals = instances.totals_of("echod@0.service")
    assert totals["ECHOD_CLOSED_STOPPED"] == totals["ECHOD_MESSAGES_DROPPED"] == 0
    # The first check that finds the socket again starts the daemon.
    instances.run("systemctl start echod@0.socket")
    instances.wait_for(first="UP")
    assert instances.machine.show("echod@0.service", "ActiveState") == "active"
    result = instances.interrupt(load)
    assert result["messages"]["lost"] <= CONNECTIONS


def test_an_instance_stopped_without_its_socket_is_started_by_the_next_check(instances):
    instances.start_haproxy()
    before = instances.machine.show("echod@0.service", "MainPID")
    instances.run("systemctl stop echod@0.service")
    wait_until(
        lambda: instances.machine.show("echod@0.service", "MainPID") not in ("0", before), "a start"
    )
    instances.wait_for(first="UP", second="UP")


def test_haproxy_drains_an_instance_before_it_is_stopped(instances):
    instances.start_haproxy()
    load = instances.start_load()
    kept = instances.clients_at("192.0.2.11")
    instances.ask_haproxy("set server echod/first state drain")
    instances.wait_for(first="DRAIN")
    instances.run("echoload -q -c 10 -n 100 198.51.100.10:8007")
    assert instances.clients_at("192.0.2.11") >= kept
    instances.run("systemctl stop echod@0.socket echod@0.service")
    wait_until(lambda: instances.clients_at("192.0.2.12") >= CONNECTIONS, "all at the other")
    instances.run("systemctl start echod@0.socket")
    instances.ask_haproxy("set server echod/first state ready")
    instances.wait_for(first="UP")
    result = instances.interrupt(load)
    assert result["interruption"]["count"] == kept


def test_nginx_drains_an_instance_with_a_reload(instances):
    instances.start("echod@0.service", "echod@1.service")
    instances.start_nginx()
    load = instances.start_load()
    kept = instances.clients_at("192.0.2.11")
    edit = "s/server 192.0.2.11:8007 /&down /"
    instances.run(["sed", "-i", edit, "/etc/nginx/modules-enabled/60-echod.conf"])
    instances.run("systemctl reload nginx.service")
    instances.run("systemctl stop echod@0.socket echod@0.service")
    result = instances.stop_load(load, "192.0.2.12")
    assert result["interruption"]["count"] == kept


def test_a_restart_of_an_instance_needs_no_drain(instances):
    instances.start_haproxy()
    load = instances.start_load()
    before = instances.machine.show("echod@0.service", "MainPID")
    instances.run("systemctl restart echod@0.service echod@1.service")
    assert instances.machine.show("echod@0.service", "MainPID") != before
    instances.wait_for(first="UP", second="UP")
    result = instances.interrupt(load)
    assert result["outages"] == []
    assert result["messages"]["lost"] == 0


def test_of_instances_that_share_an_address_one_is_stopped_and_the_balancer_sees_nothing(balanced):
    balanced.machine.drop_in(
        "echod@.socket",
        "[Socket]\nListenStream=\n" + "".join(f"ListenStream={one}:8007\n" for one in SERVERS),
    )
    balanced.start("echod@0.socket", "echod@1.socket", "echod@0.service", "echod@1.service")
    balanced.start_haproxy()
    load = balanced.start_load()
    balanced.run("systemctl stop echod@0.socket echod@0.service")
    balanced.run("echoload -q -c 50 -n 500 198.51.100.10:8007")
    balanced.wait_for(first="UP", second="UP")
    wait_until(lambda: sum(map(balanced.clients_at, SERVERS)) >= CONNECTIONS, "all connections")
    result = balanced.interrupt(load)
    assert result["messages"]["lost"] <= CONNECTIONS
