# SPDX-License-Identifier: MIT
"""Servers that are killed and started again, HAProxy (haproxy(1)) before them, and a client beside
the load that sees the same outages."""

import contextlib
import signal
import socket
import subprocess
import threading
import time

from echod_daemon import BASE, ECHOD, clean_environment, merged, to_toml
from wire import TIMEOUT, message

HOST = "127.0.0.1"


def free_port():
    with socket.socket() as one:
        one.bind((HOST, 0))
        return one.getsockname()[1]


def wait_until_open(port):
    deadline = time.monotonic() + TIMEOUT
    while True:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection((HOST, port), TIMEOUT).close()
            return
        assert time.monotonic() < deadline, f"nothing listens on port {port}"
        time.sleep(0.005)


class Program:
    """A process that listens on `port`."""

    def __init__(self, command, port):
        self.command = command
        self.port = port
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [str(part) for part in self.command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=clean_environment(),
        )
        wait_until_open(self.port)

    def kill(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        self.process.wait(TIMEOUT)

    def finish(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(TIMEOUT)


class Server(Program):
    """An echod that may be killed."""

    def __init__(self, directory, port=None):
        port = port or free_port()
        config = directory / f"echod-{port}.toml"
        config.write_text(to_toml(merged(BASE, {"listen": {"port": port}})))
        super().__init__([ECHOD, "--config", config, "--control", directory / f"{port}.sock"], port)


class Balancer(Program):
    """HAProxy in its master-worker mode. `servers` are the lines of its backend."""

    def __init__(self, directory, servers, *more):
        port = free_port()
        config = directory / f"haproxy-{port}.cfg"
        config.write_text("\n".join([
            "global",
            "  maxconn 1000",
            "  nbthread 1",
            *(f"  {line}" for line in more),
            "defaults",
            "  mode tcp",
            "  retries 0",
            "  timeout connect 1s",
            "  timeout client 1m",
            "  timeout server 1m",
            "listen echo",
            f"  bind {HOST}:{port}",
            "  balance roundrobin",
            *(f"  server {line}" for line in servers),
            "",
        ]))  # fmt: skip
        super().__init__(["haproxy", "-W", "-db", "-f", config], port)

    def reload(self):
        self.process.send_signal(signal.SIGUSR2)


class Prober(threading.Thread):
    """A client with one message in flight, repeatedly. It opens its connection again at once."""

    PAUSE = 0.001

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port = port
        self.gaps = []  # between right echoes: begin, length, and for how long it waited itself
        self.last = None  # the last right echo
        self.tries = []  # when the attempts since then began
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.is_set():
            self._begin()
            with contextlib.suppress(OSError):
                with socket.create_connection((HOST, self.port), 1) as connection:
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    while not self.stopping.is_set() and self._echo(connection):
                        self._note_right()
                        time.sleep(self.PAUSE)
                        self._begin()
            time.sleep(self.PAUSE)

    def _begin(self):
        self.tries.append(time.monotonic())

    def _note_right(self):
        """The target may have answered others until the first attempt after the last echo, and
        again from the last attempt that failed on."""
        now = time.monotonic()
        if self.last is not None:
            waited = self.tries[0] - self.last + now - self.tries[max(0, len(self.tries) - 2)]
            self.gaps.append((self.last, now - self.last, waited))
        self.last = now
        self.tries.clear()

    @staticmethod
    def _echo(connection):
        sent = message(b"probe")
        connection.sendall(sent)
        came = b""
        while len(came) < len(sent):
            data = connection.recv(len(sent) - len(came))
            if not data:
                return False
            came += data
        return came == sent

    def longest(self):
        """The longest gap, and the part of it for which the prober itself was kept waiting."""
        _, length, waited = max(self.gaps, key=lambda gap: gap[1])
        return length, waited

    def __enter__(self):
        self.start()
        deadline = time.monotonic() + TIMEOUT
        while len(self.gaps) < 10:
            assert time.monotonic() < deadline, "the prober gets no echo"
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.join(TIMEOUT)
