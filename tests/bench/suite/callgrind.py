# SPDX-License-Identifier: MIT
"""User-space instructions a message, counted by valgrind's callgrind in the real daemon.

Two runs that differ in nothing but the number of messages: the difference divided by the messages
between them holds no start, no stop and no accept. One client keeps in step: it sends a batch,
waits for all of its echo, and sends the next, so each batch is one read. Valgrind has neither the
vDSO nor epoll_pwait2(2); what stands in for them is the same in every run.
"""

import re
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

#: payload, messages in a batch
CASES = [(64, 1), (1016, 1), (64, 16), (1016, 16)]
# Without statistics, or a line every second would be counted in with the messages.
CONFIG = '[listen]\naddresses = ["127.0.0.1"]\nport = 0\n[stats]\ninterval = "0"\n'


def name(payload, batch):
    return f"{payload} bytes, {batch} to a read"


def _exchange(port, payload, batch, batches):
    message = (7).to_bytes(4, "big") + payload.to_bytes(4, "big") + b"\x5a" * payload
    data = message * batch
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(batches):
            connection.sendall(data)
            echo = b""
            while len(echo) < len(data):
                part = connection.recv(len(data) - len(echo))
                if not part:
                    raise SystemExit("echod closed the connection")
                echo += part
            if echo != data:
                raise SystemExit("an echo was wrong")


def _instructions(echod, payload, batch, batches):
    """Of a whole life of the daemon that serves so many batches."""
    with tempfile.TemporaryDirectory(prefix="echod-bench-") as directory:
        config = Path(directory) / "echod.toml"
        config.write_text(CONFIG)
        process = subprocess.Popen(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={directory}/callgrind.out",
             echod, "--config", str(config), "--control", f"{directory}/control.sock"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        output = ""
        for line in process.stderr:
            output += line
            if found := re.search(r"listening on 127\.0\.0\.1:(\d+)", line):
                _exchange(int(found[1]), payload, batch, batches)
                process.send_signal(signal.SIGTERM)
        process.wait()
        process.stderr.close()
        total = re.search(r"Collected : (\d+)", output)
        if process.returncode != 0 or total is None:
            raise SystemExit(f"valgrind: exit status {process.returncode}\n{output}")
        return int(total[1])


def a_message(echod, payload, batch, batches):
    once = _instructions(echod, payload, batch, batches)
    twice = _instructions(echod, payload, batch, 2 * batches)
    return (twice - once) / (batches * batch)
