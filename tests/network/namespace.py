# SPDX-License-Identifier: MIT
"""A network namespace in which packets can be dropped (network_namespaces(7), iptables(8))."""

import contextlib
import ctypes
import os
import re
import subprocess

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _call(function, *arguments):
    if function(*arguments) != 0:
        raise OSError(ctypes.get_errno(), function.__name__)


def _iptables(*arguments):
    command = ["iptables", "--wait", *map(str, arguments)]
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return result.stdout


class Network:
    """The loopback of a new namespace that contains this thread and its children."""

    def lose(self, probability):
        """Drops each TCP packet with this probability from now on."""
        statistic = ["-m", "statistic", "--mode", "random", "--probability", probability]
        _iptables("-A", "INPUT", "-p", "tcp", *statistic, "-j", "DROP")

    def cut(self, *match):
        """Drops all TCP packets from now on, or those that match: "--sport", 80."""
        _iptables("-A", "INPUT", "-p", "tcp", *match, "-j", "DROP")

    def heal(self):
        _iptables("-F", "INPUT")

    def drop(self, port):
        """Drops all TCP packets to and from a port from now on, with nftables: nft(8)."""
        rules = "".join(f"tcp {end}port {port} drop\n" for end in "sd")
        chain = f"chain input {{\ntype filter hook input priority 0;\n{rules}}}\n"
        table = f"table inet failover {{\n{chain}}}\n"
        subprocess.run(["nft", "-f", "-"], input=table, check=True, text=True)

    def restore(self):
        subprocess.run(["nft", "delete", "table", "inet", "failover"], check=True)

    def lost(self):
        """The number of packets dropped by the current rules."""
        return sum(map(int, re.findall(r"^ *(\d+) .* DROP ", _iptables("-nvxL", "INPUT"), re.M)))


@contextlib.contextmanager
def namespace():
    """A Network until the end of the block. Needs root."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call(_libc.unshare, CLONE_NEWNET)
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield Network()
        finally:
            _call(_libc.setns, before, CLONE_NEWNET)
    finally:
        os.close(before)
