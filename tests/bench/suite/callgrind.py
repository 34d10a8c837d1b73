# SPDX-License-Identifier: MIT
"""User-space instructions a message, counted by valgrind's callgrind in the real programs.

Two runs that differ in nothing but the number of messages: the difference divided by the messages
between them holds no start, no stop and no accept. One client keeps in step: it sends a batch,
waits for all of its echo, and sends the next, so each batch is one read. Valgrind has neither the
vDSO nor epoll_pwait2(2); what stands in for them is the same in every run.
"""

import re
import signal
import subprocess
import tempfile
from pathlib import Path

from . import lockstep
from .servers import Server

#: payload, messages in a batch
CASES = [(64, 1), (1016, 1), (64, 16), (1016, 16)]
# Without statistics, or a line every second would be counted in with the messages.
CONFIG = '[listen]\naddresses = ["127.0.0.1"]\nport = 0\n[stats]\ninterval = "0"\n'


def name(payload, batch):
    return f"{payload} bytes, {batch} to a read"


def _command(directory, *program):
    return ["valgrind", "--tool=callgrind", f"--callgrind-out-file={directory}/callgrind.out",
            *map(str, program)]


def _collected(status, output):
    total = re.search(r"Collected : (\d+)", output)
    if status != 0 or total is None:
        raise SystemExit(f"valgrind: exit status {status}\n{output}")
    return int(total[1])


def _of_the_daemon(echod, payload, batch, batches):
    """Of a whole life of the daemon that serves so many batches."""
    with tempfile.TemporaryDirectory(prefix="echod-bench-") as directory:
        config = Path(directory) / "echod.toml"
        config.write_text(CONFIG)
        process = subprocess.Popen(
            _command(directory, echod, "--config", config, "--control",
                     f"{directory}/control.sock"),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        output = ""
        try:
            for line in process.stderr:
                output += line
                if found := re.search(r"listening on 127\.0\.0\.1:(\d+)", line):
                    lockstep.exchange(int(found[1]), 1, payload, batch, batches)
                    process.send_signal(signal.SIGTERM)
            return _collected(process.wait(), output)
        finally:
            process.kill()
            process.wait()
            process.stderr.close()


def a_message(echod, payload, batch, batches):
    once, twice = (_of_the_daemon(echod, payload, batch, n) for n in (batches, 2 * batches))
    return (twice - once) / (batches * batch)


def _of_a_client(build, command):
    with tempfile.TemporaryDirectory(prefix="echod-bench-") as directory:
        with Server(build, "epoll", directory) as server:
            process = subprocess.run(_command(directory, *command(server.port)),
                                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                     stderr=subprocess.PIPE, text=True, timeout=300)
    return _collected(process.returncode, process.stderr)


def a_message_of_a_client(build, command, messages):
    """`command(port, messages)`: the client that exchanges so many with that port and ends."""
    once, twice = (_of_a_client(build, lambda port, n=n: command(port, n))
                   for n in (messages, 2 * messages))
    return (twice - once) / messages
