# SPDX-License-Identifier: MIT
"""HAProxy and nginx on the balancer, with the files of packaging/balancers."""

from pathlib import Path

from hosts import BALANCERS, wait_until

HAPROXY_CONFIG = BALANCERS / "haproxy.cfg"
NGINX_CONFIG = "/etc/nginx/modules-enabled/60-echod.conf"


class HAProxy:
    """HAProxy on the balancer, as haproxy.service of Debian starts it."""

    def __init__(self, network, config=HAPROXY_CONFIG):
        self.host = network.balancer
        self.host.run("mkdir", "-p", "/run/haproxy")
        self.process = self.host.start("haproxy", "-W", "-db", "-f", config)
        wait_until(lambda: self.states() == {"first": "UP", "second": "UP"}, "both servers to be up")

    def ask(self, command):
        script = f"echo '{command}' | socat -t 5 - /run/haproxy/admin.sock"
        return self.host.run("sh", "-c", script, check=False)

    def states(self):
        """{server: "UP", "DOWN", "DRAIN", ...} without the progress of checks."""
        rows = [line.split(",") for line in self.ask("show stat").splitlines() if line]
        if not rows or rows[0][0] != "# pxname":
            return {}  # it starts
        named = (dict(zip(rows[0], row)) for row in rows[1:])
        return {
            row["svname"]: row["status"].split()[0]
            for row in named
            if row["svname"] in ("first", "second")
        }

    def wait_for(self, **states):
        wait_until(
            lambda: {name: self.states().get(name) for name in states} == states, f"HAProxy: {states}"
        )


def title_of(worker):
    """The command line that ps(1) shows, in which nginx writes what a worker does."""
    try:
        return Path(f"/proc/{worker}/cmdline").read_bytes()
    except OSError:
        return b"ended: shutting down"


class Nginx:
    """nginx on the balancer, with Debian's nginx.conf and the file where its comment says."""

    def __init__(self, network):
        self.network = network
        self.host = network.balancer
        self.host.run("sh", "-ec", """
            mount -t tmpfs tmpfs /var/log/nginx
            mkdir /run/modules
            cp -P /etc/nginx/modules-enabled/*-mod-stream.conf /run/modules
            mount --bind /run/modules /etc/nginx/modules-enabled
        """)  # fmt: skip
        self.host.run("cp", BALANCERS / "nginx.conf", NGINX_CONFIG)
        self.start()

    def start(self):
        self.host.run("nginx", "-t", "-q")
        self.process = self.host.start("nginx", "-g", "daemon off;")
        self.network.wait_until_served()

    def reload(self):
        """Until the new workers serve, and the old ones have closed their listening sockets."""
        before = self.workers()
        self.host.run("nginx", "-s", "reload")
        wait_until(lambda: self.workers() - before, "new workers")
        for worker in before:
            wait_until(lambda: b"shutting down" in title_of(worker), "the old workers to leave")
        self.network.wait_until_served()

    def workers(self):
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return set(children.read_text().split())

    def set_down(self, address, down):
        """Edits the line of a server, as the comment in the file says."""
        old, new = f"server {address}:8007 ", f"server {address}:8007 down "
        text = self.host.run("cat", NGINX_CONFIG)
        old, new = (old, new) if down else (new, old)
        assert text.count(old) == 1
        # The test's own process does not see the machine's file systems.
        self.host.run("sed", "-i", f"s/{old}/{new}/", NGINX_CONFIG)
