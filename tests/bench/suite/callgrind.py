# SPDX-License-Identifier: MIT
"""User-space instructions per message, counted by valgrind's callgrind in the real programs.

Two runs differ only in the number of messages. Their difference, divided by the additional
messages, contains no start, stop or accept. The client works in lockstep: it sends a batch, waits
for its whole echo, and sends the next, so each batch is one read. Valgrind has neither the vDSO nor
epoll_pwait2(2); the replacements are the same in every run.
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
# Without statistics, because a line per second would be counted, too, and without polling, whose
# length depends on the clock.
CONFIG = '[listen]\naddresses = ["127.0.0.1"]\nport = 0\n[stats]\ninterval = "0"\n'
CONFIG += '[loop]\nbusy_poll = "0"\n'


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
    """Instructions of a daemon from start to exit that serves `batches`."""
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
    """`command(port, messages)`: a client that exchanges `messages` with that port and exits."""
    once, twice = (_of_a_client(build, lambda port, n=n: command(port, n))
                   for n in (messages, 2 * messages))
    return (twice - once) / messages
