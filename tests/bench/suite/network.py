# SPDX-License-Identifier: MIT
"""A network namespace for a run, so that it has no TIME-WAIT connections of the previous run.

The kernel keeps a closed connection for a minute, up to a limit; beyond the limit closing is
cheaper. A network namespace starts without such connections and is removed with them.
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
    """The command prefix that runs a command there; empty if not requested or not possible."""
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
    """The number of TIME-WAIT connections in the network namespace of a process."""
    for line in Path(f"/proc/{pid}/net/sockstat").read_text().splitlines():
        words = line.split()
        if words[0] == "TCP:":
            return int(words[words.index("tw") + 1])
    return None


def time_wait_limit():
    return int(LIMIT.read_text())
