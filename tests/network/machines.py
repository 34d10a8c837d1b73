# SPDX-License-Identifier: MIT
"""Hosts: network namespaces with a bridge between them, and an ssh(1) that runs a command in one."""

import contextlib
import os
import subprocess

SERVER = "10.77.0.1"  # this namespace

# ssh [OPTION]... HOST COMMAND: a host named in DEAD_HOST cannot be reached.
SSH = """#!/bin/bash
while [[ $1 == -* ]]; do shift; done
host=$1
shift
[[ $1 != -- ]] || shift
[[ $host != "${DEAD_HOST:-}" ]] || { echo "ssh: connect to host $host: No route to host" >&2; exit 255; }
exec ip netns exec "$host" bash -c "$*"
"""


def ip(*arguments):
    subprocess.run(["ip", *map(str, arguments)], check=True)


class Machines:
    """`names` of hosts, each with an address of its own, and the path of an `ssh` to them."""

    def __init__(self, names, ssh):
        self.names = names
        self.ssh = ssh


@contextlib.contextmanager
def machines(directory, count):
    """Hosts that reach this namespace, which is to be one of its own, at SERVER."""
    ssh = directory / "ssh"
    ssh.write_text(SSH)
    ssh.chmod(0o755)
    names = [f"host{number}-{os.getpid()}" for number in range(1, count + 1)]
    ip("link", "add", "hosts", "type", "bridge")
    ip("address", "add", f"{SERVER}/24", "dev", "hosts")
    ip("link", "set", "hosts", "up")
    made = []
    try:
        for number, name in enumerate(names, 1):
            ip("netns", "add", name)
            made.append(name)
            ip("link", "add", f"to{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", f"to{number}", "master", "hosts", "up")
            ip("-n", name, "address", "add", f"10.77.0.{10 + number}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
        yield Machines(names, ssh)
    finally:
        for name in made:
            ip("netns", "delete", name)
