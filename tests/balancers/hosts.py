# SPDX-License-Identifier: MIT
"""Machines in namespaces (network_namespaces(7), mount_namespaces(7)) with the addresses of the files in
packaging/balancers, so that each file is used as it is.

    client 198.51.100.100 --- 198.51.100.10 balancer 192.0.2.10 --- 192.0.2.11 first
                                                                \\-- 192.0.2.12 second
"""

import json
import signal
import subprocess
import time

import echoload_support
from echod_daemon import BUILD, ECHOD, ROOT, clean_environment
from wire import TIMEOUT

BALANCERS = ROOT / "packaging/balancers"
ECHOLOAD = BUILD / "client/echoload"
FRONT = ("198.51.100.10", 8007)
SERVER = {"first": "192.0.2.11", "second": "192.0.2.12"}
CONNECTIONS = 20
# Longer than what any test does meanwhile: stop_load() ends it.
STEADY = ("--reconnect", "-c", CONNECTIONS, "-R", 500, "-d", "100s")
DELIVERED, INTERRUPTED = 0, 130


def wait_until(predicate, what, seconds=TIMEOUT):
    """For what sends no event: the state of another program."""
    deadline = time.monotonic() + seconds
    while not (found := predicate()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)
    return found


class Host:
    """A network, and a /run of its own."""

    def __init__(self, name, directory):
        self.name = name
        self.directory = directory / name
        self.directory.mkdir()
        self.programs = []
        script = "mount -t tmpfs tmpfs /run && ip link set lo up && echo && exec sleep infinity"
        self._holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-ec", script],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._holder.stdout.readline() == b"\n", f"{name}: no namespaces"
        self.pid = self._holder.pid

    def start(self, *command, **options):
        """Starts a program, whose output goes to a file; its number is that of the program."""
        inside = ["nsenter", "--target", str(self.pid), "--net", "--mount", "--", *map(str, command)]
        log = (self.directory / f"log-{len(self.programs)}").open("wb")
        options = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, **options}
        with log:
            program = subprocess.Popen(inside, env=clean_environment(), **options)
        self.programs.append(program)
        return program

    def run(self, *command, check=True):
        program = self.start(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        output, _ = program.communicate(timeout=TIMEOUT)
        assert not check or program.returncode == 0, f"{self.name}: {command}: {output}"
        return output

    def ip(self, arguments):
        self.run("ip", *arguments.split())

    def finish(self):
        for program in self.programs:
            if program.poll() is None:
                program.kill()
            program.wait(TIMEOUT)
        self._holder.kill()
        self._holder.wait(TIMEOUT)
        self._holder.stdout.close()


class Network:
    """The machines, and what runs on them."""

    def __init__(self, directory):
        self.hosts = []
        for name in ("client", "balancer", "first", "second"):
            host = Host(name, directory)
            self.hosts.append(host)
            setattr(self, name, host)
        self.servers = (self.first, self.second)
        self.daemons = {}

    def build(self):
        ip = self.balancer.ip
        ip("link add back type bridge")
        for server in self.servers:
            ip(f"link add {server.name} type veth peer name eth0 netns {server.pid}")
            ip(f"link set {server.name} master back up")
            server.ip(f"address add {SERVER[server.name]}/24 dev eth0")
        ip(f"link add front type veth peer name eth0 netns {self.client.pid}")
        self.client.ip("address add 198.51.100.100/24 dev eth0")
        for name, address in (("front", "198.51.100.10/24"), ("back", "192.0.2.10/24")):
            ip(f"address add {address} dev {name}")
            ip(f"link set {name} up")
        for host, router in ((self.client, FRONT[0]), *((s, "192.0.2.10") for s in self.servers)):
            host.ip("link set eth0 up")
            host.ip(f"route add default via {router}")
        self.balancer.run("sysctl", "-qw", "net.ipv4.ip_forward=1")

    def finish(self):
        for host in self.hosts:
            host.finish()

    # The daemons.

    def control(self, server):
        return server.directory / "control.sock"

    def start_echod(self, server, config=BALANCERS / "echod.toml"):
        daemon = server.start(ECHOD, "--config", config, "--control", self.control(server))
        self.daemons[server.name] = daemon
        wait_until(lambda: self.state(server), f"{server.name} to serve")

    def start_servers(self, config=BALANCERS / "echod.toml"):
        for server in self.servers:
            self.start_echod(server, config)

    def stop_echod(self, server, how=signal.SIGTERM):
        """Ends the daemon as `systemctl stop` does, or kills it. Returns when it has ended."""
        daemon = self.daemons[server.name]
        daemon.send_signal(how)
        daemon.wait(TIMEOUT)
        assert daemon.returncode == (0 if how == signal.SIGTERM else -how)

    def state(self, server):
        """The daemon's statistics, or None if it does not run."""
        command = [ECHOD, "--control", self.control(server), "--stats", "json"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        return json.loads(result.stdout) if result.returncode == 0 else None

    def connections(self, server):
        return self.state(server)["connections"]

    def wait_for_connections(self, number, *servers):
        """Until the servers, both if none is named, have at least that many together."""
        some = servers or self.servers
        wait_until(lambda: sum(map(self.connections, some)) >= number, f"{number} connections")

    def echoed(self):
        """The messages that the running daemons have echoed."""
        states = filter(None, map(self.state, self.servers))
        return sum(state["counters"]["messages_out"] for state in states)

    def pending(self, number):
        """True if the kernels of the servers hold bytes of at least that many connections for daemons
        that do not read them."""
        waiting = 0
        for server in self.servers:
            rows = server.run("ss", "-Htn", "state", "established", "sport = :8007").splitlines()
            waiting += sum(int(row.split()[0]) > 0 for row in rows)
        return waiting >= number

    def faults(self, server):
        """The counters of the daemon that a fault of a client would raise."""
        counters = self.state(server)["counters"]
        no_faults = ("closed_peer", "closed_unused", "closed_reset_after_echo", "closed_drained")
        names = {name for name in counters if name.startswith("closed_")} - set(no_faults)
        names |= {"protocol_errors", "rejected", "rejected_per_ip", "accept_errors"}
        return {name: counters[name] for name in names if counters[name]}

    def peers(self, server):
        return {one["peer"].rpartition(":")[0] for one in self.state(server)["oldest"]}

    # The load.

    def start_load(self, *arguments, target="198.51.100.10:8007"):
        return self.client.start(
            ECHOLOAD, target, "--format", "json", "-q", *arguments, stdout=subprocess.PIPE, text=True
        )

    def result_of(self, running):
        """(exit status, result)."""
        output, _ = running.communicate(timeout=120)
        return running.returncode, echoload_support.result_of(output)

    def stop_load(self, running):
        """The result of a STEADY load. Every connection that was interrupted was restored."""
        # Health checks alone are echoed four times a second.
        some = self.echoed() + 10 * CONNECTIONS
        assert 10 * CONNECTIONS > 4 * TIMEOUT
        wait_until(lambda: self.echoed() >= some, "echoes of the load")
        running.send_signal(signal.SIGINT)
        status, result = self.result_of(running)
        assert status == INTERRUPTED, result["verdict"]
        assert result["outage_counts"]["not_restored"] == 0
        assert result["messages"]["wrong"] == 0
        return result

    def load(self, *arguments, target="198.51.100.10:8007"):
        return self.result_of(self.start_load(*arguments, target=target))

    def is_served(self, target="198.51.100.10:8007"):
        """One message is echoed, from the client."""
        one = self.client.start(ECHOLOAD, target, "-q", "-c", 1, "-n", 1, "--timeout", "1s")
        return one.wait(TIMEOUT) == DELIVERED

    def wait_until_served(self, target="198.51.100.10:8007"):
        wait_until(lambda: self.is_served(target), f"an echo from {target}")


def check_always_answered(result):
    """Connections may have been interrupted, but others were answered all the time: one echo was due
    every 2 ms. HAProxy's checks need a second to find that a server is down."""
    longest = result["outage_counts"]["longest_s"] or 0
    assert longest < 0.4 + echoload_support.kept_waiting(result), result["outages"]
