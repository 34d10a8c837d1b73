# SPDX-License-Identifier: MIT
"""The daemon under test: started with a configuration, observed through its log and
notifications."""

import contextlib
import itertools
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from wire import TIMEOUT, Client, until

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = Path(os.environ.get("ECHOD_BUILD_DIR", ROOT / "build"))
ECHOD = BUILD / "src/echod"
VERSION = re.search(r"version: '(.*)'", (ROOT / "meson.build").read_text())[1]
PYTHON = [sys.executable, "-S", "-E"]  # faster: nothing here needs site-packages

# No periodic statistics, and a short drain for tests whose clients never react.
BASE = {
    "listen": {"addresses": ["127.0.0.1"], "port": 0},
    "timeouts": {"drain": "5s"},
    "stats": {"interval": "0s"},
}
NOT_INHERITED = ("NOTIFY_SOCKET", "JOURNAL_STREAM", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")
GAUGES = ("connections", "waiting")
_numbers = itertools.count()


def to_toml(config):
    lines = []
    for section, keys in config.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"


def merged(base, changes):
    sections = {**base, **changes}
    return {name: {**base.get(name, {}), **changes.get(name, {})} for name in sections}


def clean_environment(**more):
    inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    return {**inherited, **more}


def run_echod(*arguments, **options):
    """Runs the program to its end: --check-config and similar, or a failing start."""
    options.setdefault("env", clean_environment())
    return subprocess.run(
        [str(ECHOD), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=TIMEOUT,
        **options,
    )


def launched(*options):
    """The start of a command line that changes limits and descriptors; see launch.py."""
    return [*PYTHON, str(HERE / "launch.py"), *options, "--"]


def parse_counters(line):
    """{name: number} of a statistics or totals line."""
    return {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)(?= |$)", line)}


def parse_addresses(text):
    """The addresses in "listening on ...", as Client() takes them."""
    pattern = r"\[([^]]+)\]:(\d+)|(\d+\.\d+\.\d+\.\d+):(\d+)|unix:([^ ,]+)"
    text = re.search(r"(?<!not )listening on ([^;]*)", text)[1]  # without those that are missing
    found = []
    for v6, v6_port, v4, v4_port, path in re.findall(pattern, text):
        if path:
            found.append("\0" + path[1:] if path.startswith("@") else path)
        else:
            found.append((v6 or v4, int(v6_port or v4_port)))
    return found


class Notifications:
    """The service manager's end of sd_notify(3): stores every datagram in order."""

    def __init__(self, changed):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.name = f"@echod-test-{os.getpid()}-{next(_numbers)}"
        self._socket.bind("\0" + self.name[1:])
        self._changed = changed
        self.datagrams = []
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self):
        while datagram := self._socket.recv(1 << 16):
            with self._changed:
                self.datagrams.append(datagram.decode())
                self._changed.notify_all()

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"", "\0" + self.name[1:])
        self._thread.join()
        self._socket.close()


class Echod:
    """A running daemon. The fixture `echod` creates daemons and checks their end."""

    def __init__(self, directory, config=None, prefix=(), wait=True, stderr=None, fds=(), env=None,
                 control=None, manager=None, text=None):
        """`text`: the file, instead of `config`. `prefix`: a command line that ends by running the daemon. `wait`: for READY=1. `stderr`:
        a descriptor for the daemon instead of the pipe that is read here. `manager`: Notifications
        that outlive the daemon, with a condition `changed`."""
        number = next(_numbers)
        self.config_path = Path(directory) / f"echod-{number}.toml"
        self.control_path = control or Path(directory) / f"control-{number}"
        if text is None:
            self.write_config(config or {})
        else:
            self.write_config_text(text)
        self._changed = manager.changed if manager else threading.Condition()
        self.lines = []
        self._log_ended = stderr is not None
        self._manager = manager
        self.notifications = manager or Notifications(self._changed)
        self._datagrams_before = len(self.notifications.datagrams)
        self.clients = []
        self.expected_exit = 0
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            [*prefix, str(ECHOD), "--config", self.config_path, "--control", self.control_path],
            env=clean_environment(**{"NOTIFY_SOCKET": self.notifications.name, **(env or {})}),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE if stderr is None else stderr,
            pass_fds=fds,
        )
        self.pid = self.process.pid
        self._pidfd = os.pidfd_open(self.pid)
        self._reader = None
        if stderr is None:
            self._reader = threading.Thread(target=self._collect_log, daemon=True)
            self._reader.start()
        if wait:
            self.wait_until_ready()

    def _collect_log(self):
        for line in self.process.stderr:
            with self._changed:
                self.lines.append(line.decode(errors="backslashreplace").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._log_ended = True
            self._changed.notify_all()

    # The log.

    @property
    def log(self):
        """The log, without the middle if it is long."""
        lines = self.lines
        if len(lines) > 60:
            lines = [*lines[:20], f"... {len(lines) - 60} lines ...", *lines[-40:]]
        return "\n".join(lines)

    def wait_for(self, predicate, what, timeout=TIMEOUT):
        """The result of predicate() when it is true; called again at each log line and
        notification."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not (result := predicate()):
                left = until(deadline)
                if left == 0 or (self._log_ended and self._has_ended()):
                    ended = "; it has ended" if self._has_ended() else ""
                    raise AssertionError(f"waited for {what}{ended}; the log:\n{self.log}")
                self._changed.wait(min(left, 0.1) if self._log_ended else left)
        return result

    def _has_ended(self, timeout=0.0):
        """True if the process exits within `timeout`; it is not reaped."""
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(timeout * 1000))

    def find_line(self, pattern, after=0):
        return next((line for line in self.lines[after:] if re.search(pattern, line)), None)

    def wait_for_line(self, pattern, timeout=TIMEOUT, after=0):
        """The first line of the log after `after` lines that contains `pattern`."""
        return self.wait_for(lambda: self.find_line(pattern, after), f"/{pattern}/", timeout)

    def lines_with(self, pattern):
        return [line for line in self.lines if re.search(pattern, line)]

    def wait_for_notification(self, pattern, timeout=TIMEOUT, after=0):
        def find():
            later = self.notifications.datagrams[after:]
            return next((d for d in later if re.search(pattern, d, re.MULTILINE)), None)

        return self.wait_for(find, f"the notification /{pattern}/", timeout)

    def wait_until_ready(self):
        # Newer versions of systemd-socket-activate(1) send a READY=1 of their own before.
        ready = self.wait_for_notification(
            r"\AREADY=1$(?s:.)*listening on ", after=self._datagrams_before
        )
        self.addresses = parse_addresses(ready)
        assert self.addresses, f"no address in {ready!r}"
        self.address = self.addresses[0]

    # The counters.

    def statistics(self):
        """Requests a line with SIGUSR1: the counters since the start (the sum of all lines), and
        the current gauges."""
        lines = len(self.lines)
        self.send_signal(signal.SIGUSR1)
        self.wait_for_line("statistics of", after=lines)
        return self.counted()

    def counted(self):
        """The sums of all statistics lines so far; gauges are those of the last line."""
        sums = {}
        for line in self.lines_with("statistics of"):
            counters = parse_counters(line)
            for name, number in counters.items():
                sums[name] = number if name in GAUGES else sums.get(name, 0) + number
            for gauge in GAUGES:
                sums[gauge] = counters.get(gauge, 0)
        return sums

    def wait_for_statistics(self, predicate, what, timeout=TIMEOUT):
        """Requests statistics until predicate(counters) is true; returns those counters."""
        deadline = time.monotonic() + timeout
        pause = 0.002
        while not predicate(counters := self.statistics()):
            assert until(deadline) > 0, f"waited for {what}, is {counters}; log:\n{self.log}"
            time.sleep(pause)  # there is no event for a counter
            pause = min(2 * pause, 0.1)
        return counters

    def wait_for_counters(self, timeout=TIMEOUT, **expected):
        """Waits until every named counter has its value; a counter that was not logged is 0."""

        def reached(counters):
            return all(counters.get(name, 0) == value for name, value in expected.items())

        return self.wait_for_statistics(reached, str(expected), timeout)

    def totals(self):
        """The counters of the totals line, after the end."""
        line = self.find_line("totals of")
        assert line, f"no line of totals; the log:\n{self.log}"
        return parse_counters(line)

    # Resources.

    def _status(self, field):
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"^{field}:\s+(\d+)", text, re.MULTILINE).group(1))

    def resident_kib(self):
        return self._status("VmRSS")

    def sleeps(self):
        """How often the process has slept, and so how often it was woken."""
        return self._status("voluntary_ctxt_switches")

    def cpu_seconds(self):
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e9

    def open_descriptors(self):
        """The open descriptors. Call it after a round trip: sending a notification needs one
        more."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    # Control.

    def connect(self, address=None, **options):
        client = Client(address or self.address, **options)
        self.clients.append(client)
        return client

    def flood_until_stalled(self, client, data):
        """The client sends `data` repeatedly without reading, until all buffers are full and the
        daemon has bytes that it cannot send. Returns the number of bytes sent."""
        stalls = self.statistics().get("stalls", 0)
        sent = client.flood(data)
        while self.statistics().get("stalls", 0) == stalls:
            sent = client.flood(data, sent)
        return sent

    def ask(self, *arguments):
        """Sends a request through the control socket: --status and similar."""
        return run_echod(*arguments, "--control", self.control_path)

    def send_signal(self, number):
        self.process.send_signal(number)

    @contextlib.contextmanager
    def paused(self):
        """Stopped by SIGSTOP: all input of the block is pending when it continues."""
        self.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED)
        try:
            yield
        finally:
            self.send_signal(signal.SIGCONT)

    def write_config(self, config):
        self.write_config_text(to_toml(merged(BASE, config)))

    def write_config_text(self, text):
        self.config_path.write_text(text)

    def reload_soon(self, config):
        """Writes the configuration and requests a reload, without waiting for it."""
        self.write_config(config)
        self.send_signal(signal.SIGHUP)

    def reload(self, config):
        """Writes the configuration and waits until the reload has succeeded or failed."""
        count = len(self.notifications.datagrams)
        self.reload_soon(config)
        self.wait_for_notification("^READY=1$", after=count)

    def stop(self, number=signal.SIGTERM):
        """Stops the daemon; returns the exit status."""
        self.send_signal(number)
        return self.wait()

    def wait(self, timeout=TIMEOUT):
        """Waits for the end of the process and of its log; returns the exit status."""
        assert self._has_ended(timeout), f"still runs after {timeout} s; the log:\n{self.log}"
        status = self.process.wait()
        if self._reader:
            self._reader.join(TIMEOUT)
        return status

    @property
    def running(self):
        return self.process.returncode is None and self.process.poll() is None

    def finish(self):
        """The end of every test: the daemon must stop as requested, and its sums must be right."""
        for client in self.clients:
            client.close()
        try:
            status = self.stop() if self.running else self.wait()
            assert status == self.expected_exit, f"exit status {status}; the log:\n{self.log}"
            if self.find_line("totals of"):
                self.check_totals()
            elif self._reader and status == 0:
                assert not self.find_line("statistics of"), f"no totals; the log:\n{self.log}"
        finally:
            if self.running:
                self.process.kill()
                self.process.wait()
            if self._reader:
                self._reader.join(TIMEOUT)
                self.process.stderr.close()
            os.close(self._pidfd)
            if not self._manager:
                self.notifications.close()

    def check_totals(self):
        """The equations that always hold at the end."""
        totals = self.totals()

        def of(name):
            return totals.get(name, 0)

        reasons = [name for name in totals if name.startswith("closed_")]
        assert of("connections") == 0, totals
        assert of("accepted") + of("restored") == of("closed"), totals
        assert of("closed") == sum(totals[name] for name in reasons), totals
        for kind in ("messages", "bytes"):
            came = of(f"{kind}_in") + of(f"{kind}_restored")
            went = of(f"{kind}_out") + of(f"{kind}_dropped") + of(f"{kind}_parked")
            went += of("bytes_proxy") if kind == "bytes" else 0
            assert came == went, totals
        parts = self.counted()
        beyond = {n: v for n, v in parts.items() if n not in GAUGES and v > of(n)}
        assert not beyond, f"the lines sum up to more than the totals: {beyond}, {totals}"


def start_that_fails(echod, **options):
    """The error line of a start that exits with status 1."""
    daemon = echod(wait=False, **options)
    daemon.expected_exit = 1
    assert daemon.wait() == 1, daemon.log
    (line,) = daemon.lines_with(" error ")
    return line
