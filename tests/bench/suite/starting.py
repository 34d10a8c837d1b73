# SPDX-License-Identifier: MIT
"""The start time: from exec to READY=1, and from connect to the first echo with a passed socket."""

import os
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from . import targets
from .servers import CLIENT_CPU, SERVER_CPU, pinned

MESSAGE = (7).to_bytes(4, "big") + (64).to_bytes(4, "big") + b"\x5a" * 64
CONFIG = '[listen]\naddresses = ["127.0.0.1"]\nport = 0\n'


def _stop(process):
    process.kill()
    process.wait()


def _echoes(connection):
    connection.sendall(MESSAGE)
    echo = b""
    while len(echo) < len(MESSAGE):
        part = connection.recv(len(MESSAGE) - len(echo))
        if not part:
            break
        echo += part
    return echo == MESSAGE


def ready_ms(build, directory):
    """The time from fork and exec to READY=1, in milliseconds."""
    config = Path(directory) / "echod.toml"
    config.write_text(CONFIG)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        path = str(Path(directory) / "notify")
        notified.bind(path)
        notified.settimeout(30)
        began = time.monotonic_ns()
        process = subprocess.Popen(
            [build.echod, "--config", str(config), "--control", path + ".control"],
            env={**os.environ, "NOTIFY_SOCKET": path}, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        try:
            while b"READY=1" not in notified.recv(65536).split(b"\n"):
                pass
            return (time.monotonic_ns() - began) / 1e6
        finally:
            _stop(process)
            os.unlink(path)


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def first_echo_ms(build, directory):
    """The time from connect(2) to the echo, if the connection starts the daemon."""
    config = Path(directory) / "echod.toml"
    config.write_text(CONFIG)
    port = _free_port()
    process = subprocess.Popen(
        [*pinned(SERVER_CPU), "systemd-socket-activate", f"--listen=127.0.0.1:{port}", build.echod,
         "--config", str(config), "--control", str(Path(directory) / "control.sock")],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )
    try:
        if "Listening" not in (line := process.stderr.readline()):
            raise SystemExit(f"systemd-socket-activate: {line}")
        began = time.monotonic_ns()
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            if not _echoes(connection):
                raise SystemExit("the first message was not echoed")
            return (time.monotonic_ns() - began) / 1e6
    finally:
        _stop(process)
        process.stderr.close()


def run(build, times):
    """Medians and ranges of `count` starts of each kind."""
    os.sched_setaffinity(0, {CLIENT_CPU % os.cpu_count(), SERVER_CPU})
    with tempfile.TemporaryDirectory(prefix="echod-bench-") as directory:
        result = {}
        for name, once in (("ready_ms", ready_ms), ("first_echo_ms", first_echo_ms)):
            taken = [once(build, directory) for _ in range(times)]
            result[name] = {"median": statistics.median(taken), "min": min(taken),
                            "max": max(taken), "times": times}
        return result


def describe(result):
    return "".join(
        f"{what:<32} median {figure['median']:6.1f} ms   "
        f"({figure['min']:.1f} to {figure['max']:.1f}, {figure['times']} starts), "
        f"target: at most {limit} ms: {'met' if figure['median'] <= limit else 'MISSED'}\n"
        for what, figure, limit in (
            ("exec to READY=1", result["ready_ms"], targets.READY_MS),
            ("socket-activated first echo", result["first_echo_ms"], targets.FIRST_ECHO_MS))
    )
