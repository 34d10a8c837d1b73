# SPDX-License-Identifier: MIT
"""A network of its own for a run, so that it meets no connections in TIME-WAIT of the one before.

The kernel keeps a closed connection for a minute and has a limit on how many; beyond it closing is
another, cheaper thing than below. In a network namespace they count from zero, and go with it.
"""

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

LIMIT = Path("/proc/sys/net/ipv4/tcp_max_tw_buckets")


def possible():
    return os.geteuid() == 0


@contextmanager
def of_its_own(wanted):
    """The words before a command that have it run there; none where it is unwanted or impossible."""
    if not wanted or not possible():
        yield []
        return
    holder = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec cat"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    try:
        if holder.stdout.readline() != "up\n":
            raise SystemExit("unshare --net, ip link set lo up: failed")
        yield ["nsenter", f"--net=/proc/{holder.pid}/ns/net"]
    finally:
        holder.communicate()


def time_wait(pid):
    """How many connections are in TIME-WAIT in the network of that process."""
    for line in Path(f"/proc/{pid}/net/sockstat").read_text().splitlines():
        words = line.split()
        if words[0] == "TCP:":
            return int(words[words.index("tw") + 1])
    return None


def time_wait_limit():
    return int(LIMIT.read_text())
